"""A linear model without the GIL: blocks of rows are multiplied, and their logits are used while in the caches."""

cimport cython
cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython cimport floating
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uintptr_t
from libc.string cimport memcpy, memset

from fastxent._kernels.arrays.memory cimport LINE
from fastxent._kernels.job cimport Job
from fastxent._kernels.problem cimport (
    ACTIVATION, FLOAT32, FLOAT64, GRAD, LABELS, LOG_SOFTMAX, SAMPLE_WEIGHT, SIGMOID, SOFTMAX, SOFTMAX_ITSELF, TARGET,
    UINT16, UINT32, UINT8, X, Kind, Problem, Role, Table, size_of,
)
from fastxent._kernels.ways cimport tuning

from fastxent import _isa

cnp.import_array()

cdef const Table* build = <const Table*>PyCapsule_GetPointer(_isa.kernels.table, b"fastxent table")
if build.size_of_problem != sizeof(Problem):
    raise ImportError(f"{_isa.kernels.__name__} and the linear model are of different sources: build fastxent anew")

include "products/blas.pxi"
include "products/rows.pxi"
include "products/groups.pxi"
include "products/predictions.pxi"

"""The front door: every call of every function is prepared here, and run by the build that `_isa` picked.

Python keeps the signatures, the docstrings and the explaining of errors (`_check`): what is canonical is taken as it
is, everything else is handed to the one function there that makes it canonical or raises. All that can run a caller's
code comes first; then shapes, strides and dtypes are taken from the arrays themselves, in one go, and the arrays are
held until the end. Nothing is written before everything has been checked.
"""

import math

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.long cimport PyLong_CheckExact
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.tuple cimport PyTuple_GET_ITEM
from cpython.weakref cimport PyWeakref_NewRef
from libc.float cimport DBL_MAX, DBL_MIN, FLT_MIN
from libc.math cimport INFINITY, fabs, frexp, ldexp
from libc.stdint cimport INT64_MIN, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.sums cimport total_of, two_sum
from fastxent._kernels.arrays.memory cimport LINE
from fastxent._kernels.arrays.operand cimport load, load_labels
from fastxent._kernels.arrays.staging cimport samples_of_block
from fastxent._kernels.atomic cimport exchange_pointer
from fastxent._kernels.focal.terms cimport odds_of, odds_times
from fastxent._kernels.job cimport Job
from fastxent._kernels.problem cimport (
    ACTIVATION, BFLOAT16, BOOL, CARRIED, CLAMPED, CONVERSION, COUNT_CLASSES, COUNT_ELEMENTS, COUNT_OUTSIDE,
    CROSS_ENTROPY, DIVERGENCE, ENTROPY, FLOAT16, FLOAT32, FLOAT64, GRAD, GRAD_OUTPUT, HESS, INFORMATION, INT16, INT32,
    INT64, INT8, LABELS, LOG_SOFTMAX, LOGSUMEXP, LOSSES, NO_KIND, POS_WEIGHT, ROLES, SAMPLE_WEIGHT, SIGMOID,
    SIGMOID_FOCAL, SIMPLEX, SOFTMAX, SOFTMAX_ITSELF, STATISTICS, TARGET, UINT16, UINT32, UINT64, UINT8, X, Family,
    has_classes, is_half, is_loss, Kind, Options, Problem, Role, side_by_side, size_of, Table, View, Which,
)
from fastxent._kernels.records cimport DOUBLE_RECORD, RECORD, Carried
from fastxent._kernels.softmax.terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.softmax.ways cimport FOCAL_ROWS, ROWS, way_of
from fastxent._kernels.target cimport clamped_by_rows, is_bare, is_plain
from fastxent._kernels.ways cimport LANES, WIDTH, tuning

from fastxent import _bfloat16, _check, _explain, _isa, _sums, _threads

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    int PySlice_Unpack(object slice, Py_ssize_t* start, Py_ssize_t* stop, Py_ssize_t* step) except -1

cnp.import_array()

cdef const Table* build = <const Table*>PyCapsule_GetPointer(_isa.kernels.table, b"fastxent table")
if build.size_of_problem != sizeof(Problem):
    raise ImportError(f"{_isa.kernels.__name__} and the front door are of different sources: build fastxent anew")

include "calls/arrays.pxi"
include "calls/call.pxi"
include "calls/arguments.pxi"
include "calls/outputs.pxi"
include "calls/layout.pxi"
include "calls/run.pxi"
include "calls/ranges.pxi"
include "calls/denominator.pxi"
include "calls/losses.pxi"
include "calls/class_losses.pxi"
include "calls/element_losses.pxi"
include "calls/untargeted.pxi"
include "calls/large_vocabulary.pxi"
include "calls/halves.pxi"
include "calls/metrics.pxi"
include "calls/row_ders.pxi"
include "calls/exact_sums.pxi"

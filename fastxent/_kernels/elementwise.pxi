# The scalar functions over an array: what the exactness tests walk through.

from cython cimport floating

from fastxent._kernels cimport scalar


def elementwise(str name, const floating[::1] x, floating[::1] out):
    """out = name(x), name one of exp (x <= 0), log (x >= 0), log1p (0 <= x < 2^126)."""
    cdef Py_ssize_t i
    if name == "exp":
        for i in range(x.shape[0]):
            out[i] = scalar.exp(x[i])
    elif name == "log":
        for i in range(x.shape[0]):
            out[i] = scalar.log(x[i])
    elif name == "log1p":
        for i in range(x.shape[0]):
            out[i] = scalar.log1p(x[i])
    else:
        raise ValueError(f"no elementwise function {name!r}")

# The scalar functions over an array: what the exactness tests walk through.

from cython cimport floating

from fastxent._kernels.arithmetic cimport scalar


def elementwise(str name, const floating[::1] x, floating[::1] out, double gamma=0.0):
    """out = name(x), name one of exp (x <= 0), log (x >= 0), log1p, inverse_power of `gamma` (0 <= x <= 2^126)."""
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
    elif name == "inverse_power":
        for i in range(x.shape[0]):
            out[i] = scalar.inverse_power(x[i], gamma)
    else:
        raise ValueError(f"no elementwise function {name!r}")

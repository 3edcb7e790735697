"""softmax, log_softmax and logsumexp along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastxent._kernels import door
from fastxent._types import Array


def softmax(x: ArrayLike, *, axis: int = -1, out: Array | None = None, n_threads: int | None = None) -> Array:
    r"""Softmax along one axis.

    .. math:: p_k = \frac{e^{x_k - m}}{\sum_j e^{x_j - m}}, \qquad m = \max_j x_j

    The shift by the maximum keeps the exponentials from overflowing [1]_.

    Parameters
    ----------
    x : array_like
        Of any shape with at least one axis. float32, float16 and bfloat16 are computed in float32; float64, integers
        and bool in float64.
    axis : int, default -1
        The axis along which the probabilities sum to one.
    out : ndarray, optional
        Where to write the result: a writeable array of the shape of `x`, of float16, bfloat16, float32 or float64, with
        any strides. It may be `x` itself, but must not overlap it in part. By default a new array.
    n_threads : int, optional
        The most threads to use, `get_num_threads` by default. The result is the same, to the bit, for any number.

    Returns
    -------
    ndarray, the shape of `x`
        `out` if given; else an array of the memory order of `x` and of the dtype computed in, or of that of `x` where
        it is float16 or bfloat16: rounded once. Probabilities, without a unit.

    Raises
    ------
    TypeError
        If `x` is not an array of real numbers, or is longdouble, masked, sparse or a dask collection; if `out` is no
        array of such a dtype; if `axis` or `n_threads` is no integer.
    ValueError
        If `x` is a scalar; if there is no such axis; if `out` is read-only, of another shape, or overlaps `x` in part.

    See Also
    --------
    log_softmax : Its logarithm, for probabilities that may vanish.
    softmax_cross_entropy : The loss of a softmax, without computing it first.

    Notes
    -----
    -inf has the probability 0. A row that holds +inf or NaN, or nothing but -inf, is nan.

    References
    ----------
    .. [1] P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax
       functions", IMA Journal of Numerical Analysis 41, 2021, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> np.round(fx.softmax([[1.0, 2.0, 3.0], [1000.0, 1000.0, -np.inf]]), 3)
    array([[0.09 , 0.245, 0.665],
           [0.5  , 0.5  , 0.   ]])
    """
    return door.softmax(x, axis, out, n_threads)


def log_softmax(x: ArrayLike, *, axis: int = -1, out: Array | None = None, n_threads: int | None = None) -> Array:
    r"""Logarithm of the softmax along one axis.

    .. math:: \log p_k = (x_k - m) - \log \sum_j e^{x_j - m}, \qquad m = \max_j x_j

    The maximum is left out of the sum, whose logarithm is taken by log1p [1]_.

    Parameters
    ----------
    x, axis, out, n_threads
        As `softmax` takes them.

    Returns
    -------
    ndarray, the shape of `x`
        `out` if given; else an array of the memory order of `x` and of the dtype computed in, or of that of `x` where
        it is float16 or bfloat16: rounded once. In nats, at most 0.

    Raises
    ------
    TypeError, ValueError
        As `softmax` does.

    See Also
    --------
    softmax : The probabilities themselves.
    logsumexp : What is subtracted from each element.

    Notes
    -----
    -inf stays -inf. A row that holds +inf or NaN, or nothing but -inf, is nan. A probability close to 1 has a
    logarithm far below the dtype's epsilon, not 0.

    References
    ----------
    .. [1] P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax
       functions", IMA Journal of Numerical Analysis 41, 2021, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> np.round(fx.log_softmax([[1.0, 2.0, 3.0], [5.0, 3.0, -np.inf]]), 3)
    array([[-2.408, -1.408, -0.408],
           [-0.127, -2.127,   -inf]])
    """
    return door.log_softmax(x, axis, out, n_threads)


def logsumexp(
    x: ArrayLike, *, axis: int = -1, keepdims: bool = False, n_threads: int | None = None
) -> np.floating[Any] | Array:
    r"""Logarithm of the sum of exponentials along one axis.

    .. math:: \mathrm{lse} = m + \log \sum_k e^{x_k - m}, \qquad m = \max_k x_k

    The maximum is left out of the sum, whose logarithm is taken by log1p [1]_.

    Parameters
    ----------
    x, n_threads
        As `softmax` takes them.
    axis : int, default -1
        The axis to sum along.
    keepdims : bool, default False
        Whether `axis` stays, with size 1.

    Returns
    -------
    ndarray or NumPy scalar
        The shape of `x` without `axis`, of the dtype computed in, in nats.

    Raises
    ------
    TypeError, ValueError
        As `softmax` does.

    See Also
    --------
    log_softmax : What is left of each element without it.

    Notes
    -----
    As in SciPy, a row of -inf alone gives -inf, +inf gives +inf, and NaN gives nan. An empty sum is 0, its
    logarithm -inf.

    References
    ----------
    .. [1] P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax
       functions", IMA Journal of Numerical Analysis 41, 2021, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> np.round(fx.logsumexp([[1.0, 2.0, 3.0], [1000.0, 1000.0, -np.inf]]), 3)
    array([   3.408, 1000.693])
    """
    return door.logsumexp(x, axis, n_threads, keepdims)

"""entropy, cross_entropy and kl_divergence of probabilities along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastxent._kernels import door
from fastxent._types import Array


def entropy(
    p: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> np.floating[Any] | Array:
    r"""Entropy of probabilities along one axis.

    .. math:: H(p) = -\sum_k p_k \log p_k

    Parameters
    ----------
    p : array_like, shape (..., C, ...)
        Probabilities: finite, not negative. They are used as they are, whatever they sum to. float32, float16 and
        bfloat16 are computed in float32; float64, integers and bool in float64.
    axis : int, default -1
        The axis that holds the classes.
    base : float, optional
        The base of the logarithm: positive, finite and not 1. By default e, for a result in nats; 2 gives bits.
    n_threads : int, optional
        The most threads to use, `get_num_threads` by default. The result is the same, to the bit, for any number.

    Returns
    -------
    ndarray or NumPy scalar
        The shape of `p` without `axis`, of the dtype computed in, in nats or in units of `base`.

    Raises
    ------
    TypeError
        If `p` is not an array of real numbers, or is longdouble, masked, sparse or a dask collection; if an option is
        of the wrong type.
    ValueError
        If an element of `p` is negative, infinite or NaN; if `p` is a scalar; if there is no such axis; if `base` is
        out of range.

    See Also
    --------
    cross_entropy : The same with the logarithm of other probabilities.
    kl_divergence : What a cross entropy has beyond the entropy.

    Notes
    -----
    :math:`0 \log 0 = 0`, the limit [1]_, and so is the entropy of no classes at all.

    The result is within 4 ulp of the real value where no :math:`p_k` is above 1, at any number of classes. Elsewhere
    the terms have both signs, and it is within 4 ulp of the sum of their sizes.

    References
    ----------
    .. [1] T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd ed., Wiley, 2006, section 2.1.
    .. [2] C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27, 1948, section 6.

    Examples
    --------
    A certain outcome and an even choice between two, in bits:

    >>> import numpy as np
    >>> import fastxent as fx
    >>> fx.entropy([[1.0, 0.0], [0.5, 0.5]], base=2)
    array([0., 1.])

    An outcome that is all but certain, where :math:`1 - p` would be lost in :math:`p`:

    >>> float(fx.entropy([1.0, 1e-20]))
    4.605170185988091e-19
    """
    return door.entropy(p, axis, base, n_threads)


def cross_entropy(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> np.floating[Any] | Array:
    r"""Cross entropy of two sets of probabilities along one axis.

    .. math:: H(p, q) = -\sum_k p_k \log q_k = H(p) + \mathrm{KL}(p \,\|\, q)

    Parameters
    ----------
    p : array_like, shape (..., C, ...)
        The probabilities to expect by: finite, not negative.
    q : array_like, shape (..., C, ...)
        The probabilities whose logarithm is taken: finite, not negative; of a float dtype. `p` and `q` broadcast
        against each other by NumPy's rules, without a copy of either. Both are used as they are, whatever they sum to.
        Where both are float32, float16 or bfloat16, the computation is in float32, else in float64.
    axis : int, default -1
        The axis of the broadcast shape that holds the classes.
    base, n_threads
        As `entropy` takes them.

    Returns
    -------
    ndarray or NumPy scalar
        The broadcast shape without `axis`, of the dtype computed in, in nats or in units of `base`.

    Raises
    ------
    TypeError
        As `entropy` does, for `q` as well; if `q` is an array of integers or bool: for logits and class indices there
        is `softmax_cross_entropy`.
    ValueError
        As `entropy` does, for `q` as well, even where it is multiplied by 0; if the shapes do not broadcast.

    See Also
    --------
    entropy : The cross entropy of p with itself.
    kl_divergence : What the cross entropy has beyond the entropy.
    clamped_cross_entropy : A loss: target second, q bounded from below, reduced, with a gradient.
    softmax_cross_entropy : The loss of logits.

    Notes
    -----
    A class with :math:`p_k = 0` contributes 0, whatever its :math:`q_k`. One with :math:`p_k > 0` and
    :math:`q_k = 0` makes the result infinite [1]_.

    The result is within 4 ulp of the real value where no :math:`q_k` is above 1, at any number of classes. Elsewhere
    the terms have both signs, and it is within 4 ulp of the sum of their sizes.

    References
    ----------
    .. [1] T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd ed., Wiley, 2006, sections 2.3 and 5.4.

    Examples
    --------
    Bits a letter, on average, when a code made for q is used for letters of frequency p:

    >>> import numpy as np
    >>> import fastxent as fx
    >>> p = [0.5, 0.25, 0.25]
    >>> round(float(fx.cross_entropy(p, [0.25, 0.25, 0.5], base=2)), 6)
    1.75

    One q for many p:

    >>> q = np.array([0.5, 0.5, 0.0])
    >>> np.round(fx.cross_entropy([[1.0, 0.0, 0.0], [0.2, 0.8, 0.0], p], q), 3)
    array([0.693, 0.693,   inf])
    """
    return door.cross_entropy(p, q, axis, base, n_threads)


def kl_divergence(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> np.floating[Any] | Array:
    r"""Kullback-Leibler divergence, or relative entropy, of two sets of probabilities along one axis.

    .. math:: \mathrm{KL}(p \,\|\, q) = \sum_k p_k \log \frac{p_k}{q_k}
       = \sum_k h_k \, \varphi\Big(\frac{p_k - h_k}{h_k}\Big) + \sum_k (n_k p_k \log 2 + p_k - h_k),
       \qquad h_k = 2^{n_k} q_k, \quad \varphi(r) = (1 + r) \log(1 + r) - r

    The first form is the definition [1]_. The second, which has no cancellation in its first sum and an all but exact
    second one, is computed, with integers :math:`n_k` that bring :math:`h_k` near :math:`p_k`.

    Parameters
    ----------
    p, axis
        As `cross_entropy` takes them.
    q : array_like, shape (..., C, ...)
        The probabilities to compare them with: as `cross_entropy` takes them, but of any real dtype.
    base, n_threads
        As `entropy` takes them.

    Returns
    -------
    ndarray or NumPy scalar
        The broadcast shape without `axis`, of the dtype computed in, in nats or in units of `base`.

    Raises
    ------
    TypeError, ValueError
        As `entropy` does, for `q` as well, even where the other is 0; if the shapes do not broadcast.

    See Also
    --------
    cross_entropy : The divergence plus the entropy of p.

    Notes
    -----
    A class with :math:`p_k = 0` contributes 0, whatever its :math:`q_k`. One with :math:`p_k > 0` and
    :math:`q_k = 0` makes the result infinite [2]_.

    For distributions the divergence is not negative, and 0 only between equal ones [2]_. The numbers given may sum to
    a little more or less than 1, so the result for them may well be below 0 by that much.

    Where p and q nearly agree, the terms :math:`p_k \log(p_k / q_k)` are far larger than their sum, which is of the
    size of :math:`(p - q)^2`; adding them up leaves none of its digits. Here the result is within 4 ulp of

    .. math:: \sum_k q_k \, \varphi\Big(\frac{p_k - q_k}{q_k}\Big) + \Big| \sum_k (p_k - q_k) \Big|

    over the classes with :math:`p_k > 0`: of the real value itself, if p and q have the same sum.

    References
    ----------
    .. [1] S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical Statistics 22, 1951,
       section 2.
    .. [2] T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd ed., Wiley, 2006, sections 2.3 and 2.6.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> p = np.array([0.5, 0.25, 0.25])
    >>> round(float(fx.kl_divergence(p, [0.25, 0.25, 0.5], base=2)), 6)
    0.25
    >>> float(fx.kl_divergence(p, [0.5, 0.5, 0.0]))
    inf

    All but equal, where the first form has no right digit:

    >>> q = p + np.array([2.0**-30, -(2.0**-30), 0.0])
    >>> round(float(fx.kl_divergence(p, q)) * 1e18, 6), round(float(np.sum(p * np.log(p / q))) * 1e18, 1)
    (2.602085, -2.6)
    """
    return door.kl_divergence(p, q, axis, base, n_threads)

"""Entropy, cross entropy and Kullback-Leibler divergence of densities on the real line, in nats; needs SciPy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

try:
    from scipy.integrate import IntegrationWarning
except ImportError as error:
    raise ImportError("fastxent.continuous needs SciPy: pip install fastxent[continuous]") from error

from fastxent import _bfloat16, _check
from fastxent._quadrature import DivergentError, Grid, Value, integral
from fastxent._quiet import quiet_in_place
from fastxent._types import Array

__all__ = ["cross_entropy", "entropy", "kl_divergence"]

COARSE, FINE = 32, 1024  # quantiles to cut at: enough nearly always; for peaks of small mass
ROUNDING, TOLERANCE = 1e-13, 1e-9  # errors to aim at, and to warn of
MISSED, IMPROPER = 1e-6, 1e-3  # deviations from 1 of the integral of p that call for a second look, or for an error
NEARLY_EQUAL = 1e-2  # nats


class Density(NamedTuple):
    """What the integrals need to know of a distribution."""

    logpdf: Callable[[Array], Array]
    lower: float
    upper: float
    points: Sequence[float]
    tails: tuple[Callable[[Array], Array], ...]  # inverses of the probabilities below and above a point

    def cuts(self, n: int) -> list[float]:
        """The points, and n quantiles with some far out in the tails."""
        levels = np.array([1e-12, 1e-6, 1e-3, *np.arange(1, n // 2 + 1) / n])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SciPy's, of quantiles found in part; any finite ones will do
            quantiles = [float(x) for tail in self.tails for x in tail(levels)]
        return [*self.points, *filter(math.isfinite, quantiles)]


def entropy(p: Any, *, points: Sequence[float] = ()) -> float:
    r"""Differential entropy of a density.

    .. math:: H(p) = -\int p(x) \log p(x) \, dx

    It may be negative, and it depends on the unit of x [1]_.

    Parameters
    ----------
    p : distribution, or pair of callable and (float, float)
        A continuous distribution of `scipy.stats`, frozen or of the newer kind; or its log-density, which takes and
        returns arrays, together with the ends of its support.
    points : sequence of float, optional
        Where the mass of a pair lies: a point in each of its peaks, with kinks and jumps if there are any. By default
        finite ends of the support, or 0 if it has none. For a distribution they are added to its quantiles.

    Returns
    -------
    float
        In nats; +inf if the integral diverges.

    Raises
    ------
    ImportError
        On import of the module, without SciPy.
    TypeError
        If `p` is discrete (for its probabilities there is `fastxent.entropy`), or neither a distribution of one
        variable nor a pair.
    ValueError
        If `p` does not integrate to 1, or `points` or the support are no such numbers.

    Warns
    -----
    scipy.integrate.IntegrationWarning
        If the estimated error exceeds 1e-9, or 1e-9 of the result if that is more; the warning gives the estimate.

    See Also
    --------
    cross_entropy : Against another density.

    Notes
    -----
    The support is cut at quantiles of `p` and integrated on a logarithmic scale from each of them, so that neither a
    narrow peak nor a heavy tail is missed; algebraic and logarithmic singularities at the ends of the support do no
    harm. As a check the integral of `p` itself has to be 1.

    A density is only known at floats. If its scale is not large beside their spacing where it lies, as for a normal
    distribution of mean 1 and standard deviation 1e-12, some digits cannot be had, and the warning says so.

    References
    ----------
    .. [1] T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition, Wiley, 2006, chapter 8.

    Examples
    --------
    >>> from scipy import stats
    >>> from fastxent import continuous
    >>> round(continuous.entropy(stats.norm(0, 2)), 12)  # log(2 pi e 2^2) / 2
    2.112085713765
    >>> continuous.entropy((lambda x: -x, (0, float("inf"))))  # exponential
    1.0
    """
    density = density_of(p, "p", points)
    return settled(*mean(density, density, lambda x, logp: -logp))


def cross_entropy(p: Any, q: Any, *, points: Sequence[float] = ()) -> float:
    r"""Cross entropy of two densities.

    .. math:: H(p, q) = -\int p(x) \log q(x) \, dx

    over the support of p [1]_.

    Parameters
    ----------
    p, q : distribution, or pair of callable and (float, float)
        As in `entropy`. It is `p` that weighs; `q` is used as it is, whether it integrates to 1 or not.
    points : sequence of float, optional
        Where the mass of pairs lies, with kinks and jumps of either density.

    Returns
    -------
    float
        In nats; +inf if `q` vanishes on a part of the support of `p`, or if the integral diverges.

    Raises
    ------
    ImportError
        On import of the module, without SciPy.
    TypeError
        If `p` or `q` is discrete (for their probabilities there is `fastxent.cross_entropy`), or neither a distribution
        of one variable nor a pair.
    ValueError
        If `p` does not integrate to 1, if `q` is nan or infinite where `p` has mass, or if `points` or a support are
        no such numbers.

    Warns
    -----
    scipy.integrate.IntegrationWarning
        As `entropy` does.

    See Also
    --------
    entropy : With notes on how the integral is done.
    kl_divergence : The cross entropy less the entropy of p.

    Notes
    -----
    Where `q` is 0 at single points the integral usually exists and is found. `q` vanishes where its log-density is
    -inf; a distribution that takes the logarithm of an underflown density vanishes too early.

    References
    ----------
    .. [1] T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition, Wiley, 2006, chapter 8.

    Examples
    --------
    >>> from scipy import stats
    >>> from fastxent import continuous
    >>> round(continuous.cross_entropy(stats.expon(scale=2), stats.expon()), 12)
    2.0
    >>> continuous.cross_entropy(stats.norm(), stats.uniform(-9, 18))
    inf
    """
    first, second = density_of(p, "p", points), density_of(q, "q", ())
    return settled(*mean(first, second, lambda x, logp: -second.logpdf(x)))


def kl_divergence(p: Any, q: Any, *, points: Sequence[float] = ()) -> float:
    r"""Kullback-Leibler divergence of two densities.

    .. math:: \mathrm{KL}(p \| q) = \int p(x) \log \frac{p(x)}{q(x)} \, dx = H(p, q) - H(p)

    as one integral over the support of p [1]_, not as a difference of two.

    Parameters
    ----------
    p, q : distribution, or pair of callable and (float, float)
        As in `entropy`. `q` is used as it is, whether it integrates to 1 or not.
    points : sequence of float, optional
        Where the mass of pairs lies, with kinks and jumps of either density.

    Returns
    -------
    float
        In nats, not negative for densities; +inf if `q` vanishes on a part of the support of `p`, or if the integral
        diverges.

    Raises
    ------
    ImportError, TypeError, ValueError
        As `cross_entropy` does.

    Warns
    -----
    scipy.integrate.IntegrationWarning
        As `entropy` does.

    See Also
    --------
    entropy : With notes on how the integral is done.
    cross_entropy : The same without the entropy of p.

    Notes
    -----
    Between nearly equal densities the integrand above is p times a small number of either sign, whose integral almost
    cancels. With :math:`d = \log(p / q)` it is

    .. math:: \mathrm{KL}(p \| q) = \int p \, (e^{-d} - 1 + d) \, dx

    as well, since both densities integrate to 1; here nothing is negative, and a divergence of 1e-17 keeps half of its
    digits. This form is used where the divergence is small, the support of `q` lies in that of `p`, and both forms
    agree.

    References
    ----------
    .. [1] T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition, Wiley, 2006, section 8.5.

    Examples
    --------
    >>> from scipy import stats
    >>> from fastxent import continuous
    >>> round(continuous.kl_divergence(stats.norm(), stats.norm(1, 2)), 9)  # log 2 + (1 + 1) / 8 - 1/2
    0.443147181
    >>> print(f"{continuous.kl_divergence(stats.norm(), stats.norm(1e-5)):.9g}")
    5e-11
    """
    first, second = density_of(p, "p", points), density_of(q, "q", ())
    found, error = mean(first, second, lambda x, logp: logp - second.logpdf(x))
    if found < NEARLY_EQUAL and first.lower <= second.lower and second.upper <= first.upper:
        # d is of the size of the root of the divergence, and only known to about 1e-15.
        rounding = 1e-14 * math.sqrt(max(found, 1e-30))
        other, bound = mean(first, second, lambda x, logp: excess(logp - second.logpdf(x)), rounding)
        if abs(other - found) <= error + bound + 1e-12:
            return settled(other, bound)
    return settled(found, error)


def excess(d: Array) -> Array:
    """exp(-d) - 1 + d, by its series where the terms would cancel."""
    series = np.zeros_like(d)
    for k in range(19, 1, -1):  # 1/20! is below the rounding of the sum
        series = (1.0 - d * series) / k
    return np.where(np.abs(d) < 1.0, d * d * series, np.expm1(-d) + d)


def points_of(points: Any) -> list[float]:
    try:
        given = list(points)
    except TypeError:
        raise TypeError(f"points = {points!r}, but it must be a sequence of numbers") from None
    largest = _check.LARGEST
    return [_check.number_of(point, f"points[{i}]", -largest, largest, "finite") for i, point in enumerate(given)]


def density_of(value: Any, name: str, points: Sequence[float]) -> Density:
    """A distribution or a pair, read."""
    points = points_of(points)
    if isinstance(value, tuple | list) and len(value) == 2 and callable(value[0]):
        logpdf, support = value
        if np.shape(support) != (2,):
            raise ValueError(f"the support of {name} is {support!r}, but it must be two numbers")
        tails: tuple[Callable[[Array], Array], ...] = ()
    else:
        refuse_discrete(value, name)
        if isinstance(value, type) or not all(hasattr(value, method) for method in ("logpdf", "support", "median")):
            what = f"the class {value.__name__}" if isinstance(value, type) else f"of type {type(value).__name__}"
            raise TypeError(
                f"{name} is {what}; expected a continuous distribution of scipy.stats, or (logpdf, support)"
            )
        logpdf, support = value.logpdf, value.support()
        if np.ndim(support[0]) or np.ndim(support[1]):
            raise TypeError(f"{name} is an array of distributions; expected one of them")
        tails = (value.ppf, value.isf) if hasattr(value, "ppf") else (value.icdf, value.iccdf)
    lower, upper = (_check.real_number(end, f"an end of the support of {name}") for end in support)
    if not lower < upper:
        raise ValueError(f"the support of {name} is ({lower}, {upper}), but it must be an interval")

    def inside(x: Array) -> Array:
        found = numbers_of(logpdf(x.ravel()), x.size, name)  # one axis, as gaussian_kde wants it
        return np.where((x >= lower) & (x <= upper), found.reshape(x.shape), -np.inf)

    return Density(inside, lower, upper, points, tails)


def numbers_of(logpdf: Any, n: int, name: str) -> Array:
    """The log-density at n points."""
    given = np.asarray(logpdf)
    if given.dtype.kind not in "fiubO" and not _bfloat16.is_bfloat16(given.dtype):
        raise TypeError(f"the log-density of {name} has dtype {given.dtype}; expected real numbers")
    if given.shape not in ((), (1,), (n,)):
        raise ValueError(f"the log-density of {name} has shape {given.shape} at {n} points; expected ({n},)")
    return np.broadcast_to(given.astype(np.float64), n)


@quiet_in_place
def refuse_discrete(value: Any, name: str) -> None:
    """Raise for probabilities of single points: an array, numbers, or a discrete distribution of either kind."""
    what = None
    if isinstance(value, np.ndarray) or (isinstance(value, tuple | list) and not any(map(callable, value))):
        what = "is an array of probabilities"
    elif hasattr(value, "logpmf") and not hasattr(value, "logpdf"):
        what = "is discrete"
    elif hasattr(value, "icdf") and not isinstance(value, type) and np.ndim(median := value.median()) == 0:
        # SciPy's newer distributions have all methods; where there is probability, the density of a discrete one is inf
        what = "is discrete" if np.isposinf(value.logpdf(median)) and value.pmf(median) > 0 else None
    if what:
        call = "entropy(pmf), cross_entropy(p, q) or kl_divergence(p, q)"
        raise TypeError(f"{name} {what}, but here densities are integrated; for probabilities there is fastxent.{call}")


@quiet_in_place
def mean(p: Density, q: Density, value: Value, tolerance: float = ROUNDING) -> tuple[float, float]:
    """The mean of value under p, and a bound of its error."""
    for n in (COARSE, FINE) if p.tails else (COARSE,):
        grid = Grid(p.lower, p.upper, p.cuts(n) + q.cuts(COARSE))
        mass = mass_of(p, grid)
        if abs(mass - 1.0) < MISSED:
            break
    if not abs(mass - 1.0) < IMPROPER:
        raise ValueError(
            f"p integrates to {mass:.6g}, but a density integrates to 1; "
            "if it does, give points= where its mass lies, one for each peak"
        )
    if vanishes(p, q):
        return math.inf, 0.0
    try:
        total, size, error = integral(p.logpdf, value, grid, tolerance)
    except DivergentError:
        return math.inf, 0.0
    return total, error + abs(mass - 1.0) * size


def mass_of(p: Density, grid: Grid) -> float:
    """The integral of p, which should be 1."""
    try:
        return integral(p.logpdf, lambda x, _: np.ones_like(x), grid, ROUNDING)[0]
    except DivergentError:
        return math.inf


def vanishes(p: Density, q: Density) -> bool:
    """Whether p has a density just outside the support of q; ends that differ by rounding are the same."""
    steps = 8.0 ** np.arange(1, 350)
    below = q.lower - np.spacing(abs(q.lower)) * steps if np.isfinite(q.lower) else np.empty(0)
    above = q.upper + np.spacing(abs(q.upper)) * steps if np.isfinite(q.upper) else np.empty(0)
    outside = np.concatenate([below, above])
    return bool((p.logpdf(outside[np.isfinite(outside)]) > -np.inf).any())


def settled(value: float, error: float) -> float:
    """The value, with a warning if it may be off."""
    if error > TOLERANCE * max(1.0, abs(value)):
        warnings.warn(
            f"the integral did not converge: {value} with an estimated error of {error:.1e}",
            IntegrationWarning,
            stacklevel=3,
        )
    return value

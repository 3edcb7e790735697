"""Entropy, cross entropy and divergence of densities against closed forms and mpmath."""

import contextvars
import re
from math import erf, inf, isinf, log, sqrt

import ml_dtypes
import mpmath
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import IntegrationWarning
from scipy.special import logsumexp

from fastxent import continuous
from tests.densities import CROSS_ENTROPIES
from tests.interpreter import interpreted

ACCURACY = 1e-9  # what docs/api.md promises: absolute below 1, else relative
EPS = float(np.finfo(float).eps)
# two of three are left to make test-rest
cases = pytest.mark.parametrize(
    "p, q, want",
    [
        pytest.param(*case, id=name, marks=[pytest.mark.rest] * (i % 3 > 0))
        for i, (name, *case) in enumerate(CROSS_ENTROPIES)
    ],
)
LINE = (-inf, inf)


def close(got, want):
    return got == want if isinf(want) else abs(got - want) <= ACCURACY * max(1.0, abs(want))


@cases
def test_cross_entropy_has_its_closed_form_and_is_entropy_plus_divergence(p, q, want):
    cross_entropy, divergence = continuous.cross_entropy(p, q), continuous.kl_divergence(p, q)
    assert close(cross_entropy, want)
    assert isinf(divergence) == isinf(want)
    if not isinf(want):
        assert close(cross_entropy, continuous.entropy(p) + divergence)


@pytest.mark.parametrize("p", [case[1] for case in CROSS_ENTROPIES if not isinf(case[3])][::8])
def test_the_divergence_of_a_density_from_itself_is_0(p):
    assert continuous.kl_divergence(p, p) == 0.0


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(
    "family",
    [stats.norm, stats.gumbel_l, stats.t(3).dist, stats.gamma(0.5).dist],
    ids=["normal", "gumbel", "t", "gamma"],
)
def test_entropy_grows_by_the_logarithm_of_the_scale_and_ignores_the_location(family, scale):
    shapes = (3,) if family.numargs else ()
    got = continuous.entropy(family(*shapes, loc=7 * scale, scale=scale))
    assert close(got - log(scale), continuous.entropy(family(*shapes)))


@pytest.mark.parametrize("shift", [pytest.param(10.0**-k, marks=[pytest.mark.rest] * (k % 2)) for k in range(1, 9)])
def test_the_divergence_of_nearly_equal_densities_is_not_noise(shift):
    # The two log-densities are rounded to EPS each, and d = log(p / q) is of the size of the shift.
    rtol = 2 * EPS / shift
    np.testing.assert_allclose(continuous.kl_divergence(stats.norm(), stats.norm(shift)), shift**2 / 2, rtol)
    with mpmath.workdps(40):
        want = float(mpmath.log(1 + mpmath.mpf(shift)) - mpmath.mpf(shift) / (1 + mpmath.mpf(shift)))
    np.testing.assert_allclose(continuous.kl_divergence(stats.expon(), stats.expon(scale=1 + shift)), want, rtol)


def test_the_divergence_of_a_truncated_density_is_what_it_lacks():
    got = continuous.kl_divergence(stats.truncnorm(-6, 6), stats.norm())
    assert abs(got + log(erf(6 / sqrt(2)))) <= EPS  # of log-densities, which are rounded to that


NARROW, WIDE, WEIGHTS = (30.0, 0.01), (0.0, 1.0), (0.7, 0.3)


def mixture():
    components = [stats.Normal(mu=m, sigma=s) for m, s in (NARROW, WIDE)]
    return stats.Mixture(components, weights=list(WEIGHTS))


def log_mixture(x):
    return np.logaddexp(
        *(log(w) + stats.norm.logpdf(x, m, s) for w, (m, s) in zip(WEIGHTS, (NARROW, WIDE), strict=True))
    )


def mixture_by_mpmath(value):
    """The mean of a function of x and the density under the mixture, by mpmath's quadrature."""

    def density(x):
        return sum(w * mpmath.npdf(x, m, s) for w, (m, s) in zip(WEIGHTS, (NARROW, WIDE), strict=True))

    near = [NARROW[0] + NARROW[1] * k for k in (-9, -6, -3, 0, 3, 6, 9)]
    cuts = [-40, -12, -6, -3, 0, 3, 6, 12, 25, *near, 36, 60]
    return float(mpmath.quad(lambda x: density(x) * value(x, density(x)), cuts))


@pytest.mark.parametrize("p", [mixture(), (log_mixture, LINE)], ids=["distribution", "pair"])
def test_a_mixture_agrees_with_mpmath(p):
    points = [0, 30]
    assert close(continuous.entropy(p, points=points), mixture_by_mpmath(lambda x, p: -mpmath.log(p)))
    q = stats.norm(10, 20)
    want = mixture_by_mpmath(lambda x, p: -mpmath.log(mpmath.npdf(x, 10, 20)))
    assert close(continuous.cross_entropy(p, q, points=points), want)
    want = mixture_by_mpmath(lambda x, p: mpmath.log(p / mpmath.npdf(x, 10, 20)))
    assert close(continuous.kl_divergence(p, q, points=points), want)


def test_a_narrow_peak_of_small_mass_between_two_others_is_found():
    parts = [(0.4, 0.0, 1.0), (0.001, 5e3, 1e-3), (0.599, 1e4, 1.0)]
    p = stats.Mixture([stats.Normal(mu=m, sigma=s) for _, m, s in parts], weights=[w for w, _, _ in parts])
    assert close(continuous.entropy(p), sum(w * (stats.norm(m, s).entropy() - log(w)) for w, m, s in parts))


def test_newer_distributions_are_as_good_as_frozen_ones():
    p, q = stats.Normal(mu=1.0, sigma=2.0), stats.Normal(mu=-1.0, sigma=0.5)
    assert close(continuous.cross_entropy(p, q), continuous.cross_entropy(stats.norm(1, 2), stats.norm(-1, 0.5)))
    assert close(continuous.entropy(stats.Uniform(a=2.0, b=5.0)), log(3))


def test_pairs_of_all_kinds_of_support():
    exponential, normal = (lambda x: -x, (0, inf)), (lambda x: -x * x / 2 - log(2 * np.pi) / 2, LINE)
    assert close(continuous.cross_entropy(exponential, normal), 1 + log(2 * np.pi) / 2)
    assert continuous.cross_entropy(normal, exponential) == inf
    assert close(continuous.entropy((lambda x: -log(3), [0, 3])), log(3))
    assert close(continuous.entropy((lambda x: x, (-inf, 0))), 1.0)


def test_a_kernel_density_estimate_goes_in_as_a_pair():
    estimate = stats.gaussian_kde([1.0, 2.0, 10.0])
    width = float(estimate.covariance[0, 0]) ** 0.5

    def same(x):
        return logsumexp([stats.norm.logpdf(x, m, width) for m in (1, 2, 10)], axis=0) - log(3)

    got, want = (continuous.entropy((density, LINE), points=[1, 2, 10]) for density in (estimate.logpdf, same))
    assert close(got, want)


def test_a_density_whose_formula_overflows_far_out_is_cut_off_there():
    p = stats.jf_skew_t(8, 4)
    with np.errstate(over="ignore"):
        assert p.pdf(1e200) > 1e-3
    assert close(continuous.entropy(p), p.entropy())


def test_points_add_kinks_and_jumps_to_a_distribution(rng):
    heights, edges = rng.uniform(0.1, 1, 50), np.linspace(0, 1, 51)
    masses = heights / heights.sum()
    got = continuous.entropy(stats.rv_histogram((heights, edges)), points=edges)
    assert close(got, -(masses * np.log(50 * masses)).sum())


def test_what_did_not_converge_comes_with_a_warning_that_bounds_the_error():
    with pytest.warns(IntegrationWarning, match=r"did not converge: -26\.2.* estimated error of \d\.\de-\d+") as found:
        got = continuous.entropy(stats.norm(1, 1e-12))
    bound = float(re.search(r"error of (\S+)", str(found[0].message)).group(1))
    assert abs(got - stats.norm(1, 1e-12).entropy()) <= bound < 1e-3


@pytest.mark.parametrize("p", [stats.norm([0, 1]), stats.multivariate_normal([0, 0]), stats.Normal, 3.0, {}])
def test_what_is_no_density_of_one_variable_is_a_type_error(p):
    for call in (lambda: continuous.entropy(p), lambda: continuous.cross_entropy(stats.norm(), p)):
        with pytest.raises(TypeError, match=r"^[pq] is "):
            call()


@pytest.mark.parametrize(
    "p",
    [
        stats.poisson(3),
        stats.rv_discrete(values=([0, 1], [0.5, 0.5])),
        stats.Binomial(n=3, p=0.4),
        np.ones(3) / 3,
        [0.5, 0.5],
        (0.2, 0.3, 0.5),
    ],
)
def test_discrete_distributions_are_sent_to_the_functions_of_probabilities(p):
    for call in (lambda: continuous.entropy(p), lambda: continuous.kl_divergence(stats.norm(), p)):
        with pytest.raises(TypeError, match=r"^[pq] is .*fastxent\.entropy\(pmf\), cross_entropy"):
            call()


def test_transformed_distributions():
    """SciPy's transformed distributions have methods of discrete ones that do not return."""
    normal = stats.Normal()
    assert close(continuous.entropy(abs(normal)), stats.halfnorm().entropy())
    assert close(continuous.entropy(stats.exp(normal)), stats.lognorm(1).entropy())
    assert close(continuous.entropy(stats.truncate(normal, lb=-1.0, ub=2.0)), stats.truncnorm(-1, 2).entropy())
    assert close(continuous.entropy(normal * 3 + 2), stats.norm(2, 3).entropy())
    middle = stats.order_statistic(stats.Uniform(a=0.0, b=1.0), r=2, n=5)
    assert close(continuous.cross_entropy(middle, stats.beta(2, 4)), stats.beta(2, 4).entropy())


@pytest.mark.parametrize(
    "p, mass",
    [((lambda x: 0 * x, (0, 3)), "3"), ((lambda x: -np.log(x), (1, inf)), "inf"), ((lambda x: 0 * x, LINE), "inf")],
)
def test_what_does_not_integrate_to_1_is_a_value_error(p, mass):
    with pytest.raises(ValueError, match=f"p integrates to {mass}"):
        continuous.entropy(p)


def test_a_missed_peak_is_a_value_error_that_asks_for_points():
    with pytest.raises(ValueError, match=r"p integrates to 0\.3.*points="):
        continuous.entropy((log_mixture, LINE))


def test_a_log_density_that_is_nan_is_a_value_error():
    with pytest.raises(ValueError, match="nan"):
        continuous.cross_entropy(stats.norm(), (lambda x: np.where(x > 1, np.nan, -x), LINE))


@pytest.mark.parametrize("support", [(1, 0), (0, 0), (np.nan, 1), (0, 1, 2), None, 3.0])
def test_a_support_must_be_an_interval(support):
    with pytest.raises(ValueError, match="support of p"):
        continuous.entropy((lambda x: 0 * x, support))


@pytest.mark.parametrize("support", [("a", 1), (None, 1), (0, 1j), (0, 10**400)])
def test_the_ends_of_a_support_must_be_numbers(support):
    with pytest.raises((TypeError, ValueError), match="an end of the support of p"):
        continuous.entropy((lambda x: 0 * x, support))


@pytest.mark.parametrize("made", [lambda x: "a", lambda x: 1j * x, lambda x: x[:3], lambda x: np.zeros((2, x.size))])
def test_a_log_density_must_be_a_number_for_each_point(made):
    with pytest.raises((TypeError, ValueError), match="the log-density of q has"):
        continuous.kl_divergence((lambda x: 0 * x, (0, 1)), (made, (0, 1)))


@pytest.mark.parametrize(
    "points", [[np.nan], [0.0, inf], [10**400], None, 1.5, np.array(1.5), "a", "1", ["1"], [[1]], [1j]]
)
def test_points_must_be_finite_numbers(points):
    with pytest.raises((TypeError, ValueError), match=r"^points(\[\d\])? "):
        continuous.entropy(stats.norm(), points=points)


def test_a_log_density_may_set_context_variables():
    calls = contextvars.ContextVar("calls", default=0)

    def logpdf(x):
        calls.set(calls.get() + 1)
        return np.zeros(x.shape, ml_dtypes.bfloat16)  # of any real dtype

    assert continuous.entropy((logpdf, (0, 1))) == 0.0
    assert calls.get() > 0


def test_importing_the_package_does_not_import_scipy():
    assert (
        interpreted("import sys, fastxent; assert not any(m.startswith('scipy') for m in sys.modules)").returncode == 0
    )


def test_without_scipy_the_error_names_the_extra():
    result = interpreted("import sys; sys.modules['scipy'] = None; import fastxent.continuous")
    assert "ImportError: fastxent.continuous needs SciPy: pip install fastxent[continuous]" in result.stderr

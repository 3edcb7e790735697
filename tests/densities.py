"""Pairs of densities whose cross entropy has a closed form; the formulas are integrated by hand, term by term."""

from math import exp, inf, lgamma, log, pi, sqrt

from scipy import stats
from scipy.special import betaln, digamma

GAMMA = 0.5772156649015329  # Euler's constant


def normal(m, s, n, r):
    return log(r * sqrt(2 * pi)) + (s**2 + (m - n) ** 2) / (2 * r**2)


def gamma(a, s, b, r):
    """Shapes a, b; scales s, r. E log x = digamma(a) + log s."""
    return lgamma(b) + b * log(r) - (b - 1) * (digamma(a) + log(s)) + a * s / r


def beta(a, b, c, d):
    """E log x = digamma(a) - digamma(a + b), and E log(1 - x) alike."""
    return betaln(c, d) - (c - 1) * (digamma(a) - digamma(a + b)) - (d - 1) * (digamma(b) - digamma(a + b))


def laplace(m, s, n, r):
    """E |x - n| = |m - n| + s exp(-|m - n| / s)."""
    return log(2 * r) + (abs(m - n) + s * exp(-abs(m - n) / s)) / r


def cauchy(m, s, n, r):
    return log(pi * ((s + r) ** 2 + (m - n) ** 2) / r)


def weibull(k, s, j, r):
    """E log x = log s - GAMMA / k and E x^j = s^j Gamma(1 + j / k)."""
    return -log(j) + j * log(r) - (j - 1) * (log(s) - GAMMA / k) + (s / r) ** j * exp(lgamma(1 + j / k))


def gumbel(m, s, n, r):
    return log(r) + (m + GAMMA * s - n) / r + exp((n - m) / r + lgamma(1 + s / r))


def lognormal(m, s, n, r):
    """The normal form, plus E log x for the change of variable."""
    return normal(m, s, n, r) + m


def pareto(a, b):
    """E log x = 1 / a."""
    return -log(b) + (b + 1) / a


def tabulated(family, formula, distribution, *parameters):
    return [
        (f"{family}{four}", distribution(*four[:2]), distribution(*four[2:]), formula(*four)) for four in parameters
    ]


# fmt: off
CROSS_ENTROPIES = [
    *tabulated("normal", normal, stats.norm, (0, 1, 0, 1), (0, 1, 3, 2), (0, 1e-6, 0, 1e3), (5, 1e-6, -7, 1e3),
               (0, 1e3, 0, 1e-6), (1e6, 1e-3, 1e6, 2e-3), (1e6, 1, 0, 1), (3, 1e-9, 3, 2e-9)),
    *tabulated("gamma", gamma, lambda a, s: stats.gamma(a, scale=s), (1, 1, 1, 2), (2, 3, 0.5, 1), (0.5, 1, 0.3, 2),
               (0.1, 1, 0.1, 3), (0.01, 2, 1, 1), (0.01, 1, 0.02, 1), (1e3, 1, 1e3, 1.1)),
    *tabulated("beta", beta, stats.beta, (2, 3, 4, 5), (0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 2, 2), (2, 2, 0.5, 0.5),
               (0.1, 0.3, 0.5, 3), (3, 0.2, 0.1, 0.1), (0.1, 0.1, 1, 1), (0.05, 0.05, 0.05, 0.05)),
    *tabulated("laplace", laplace, stats.laplace, (0, 1, 3, 2), (-5, 0.1, 4, 7), (1e4, 1e-2, 1e4, 0.1)),
    *tabulated("cauchy", cauchy, stats.cauchy, (0, 1, 0, 1), (0, 1, 3, 2), (-5, 0.1, 4, 7), (0, 1e-4, 0, 1e4)),
    *tabulated("weibull", weibull, lambda k, s: stats.weibull_min(k, scale=s), (1.5, 2, 3, 4), (0.3, 1, 2, 1),
               (0.1, 1, 0.1, 1)),
    *tabulated("gumbel", gumbel, stats.gumbel_r, (1, 2, 3, 4), (0, 1, 0, 1)),
    *tabulated("lognormal", lognormal, lambda m, s: stats.lognorm(s, scale=exp(m)), (1, 2, -2, 3), (0, 60, 1, 50)),
    ("exponentials", stats.expon(5, 2), stats.expon(4, 3), log(3) + 1),
    ("uniform in uniform", stats.uniform(0.2, 0.3), stats.uniform(0, 2), log(2)),
    ("pareto", stats.pareto(3), stats.pareto(1), pareto(3, 1)),
    ("pareto with a tail beyond floats", stats.pareto(0.01), stats.pareto(0.02), pareto(0.01, 0.02)),
    ("logistic", stats.logistic(), stats.logistic(), 2.0),
    ("half-normal", stats.halfnorm(scale=2), stats.halfnorm(scale=3), normal(0, 2, 0, 3) - log(2)),
    ("chi squared", stats.chi2(1), stats.chi2(5), gamma(0.5, 2, 2.5, 2)),
    ("laplace, normal", stats.laplace(1, 2), stats.norm(3, 1.5), normal(1, sqrt(8), 3, 1.5)),
    ("exponential, normal", stats.expon(), stats.norm(), normal(1, 1, 0, 1)),
    ("t with 3 degrees, normal", stats.t(3), stats.norm(), normal(0, sqrt(3), 0, 1)),
    ("t with hardly a variance, normal", stats.t(2.01), stats.norm(), normal(0, sqrt(201), 0, 1)),
    ("pareto, exponential", stats.pareto(3), stats.expon(), 1.5),
    ("far from its lower end", stats.truncnorm(-1e6, 1e6), stats.norm(), normal(0, 1, 0, 1)),
    ("singular in the middle", stats.dweibull(0.5), stats.dweibull(0.5), weibull(0.5, 1, 0.5, 1) + log(2)),
    ("q touches 0 at the ends", stats.uniform(), stats.beta(2, 2), beta(1, 1, 2, 2)),
    ("q touches 0 in the middle", stats.uniform(-1, 3), stats.dgamma(2), log(2) - (2 * log(2) - 3) / 3 + 2.5 / 3),
    ("ends that differ by rounding", stats.uniform(0.1, 0.2), stats.uniform(0, 0.3), log(0.3)),
    ("q vanishes on a part", stats.uniform(0, 2), stats.uniform(0.5, 0.3), inf),
    ("q vanishes far out", stats.norm(), stats.uniform(-40, 80), inf),
    ("q vanishes on one side", stats.norm(), stats.expon(), inf),
    ("q vanishes in a gap", stats.uniform(0, 3), stats.rv_histogram(([1, 0, 3], [0, 1, 2, 3])), inf),
    ("diverges in the tails", stats.cauchy(), stats.norm(), inf),
    ("diverges barely", stats.t(2), stats.norm(), inf),
    ("diverges at an end", stats.uniform(), stats.invgamma(1), inf),
]
# fmt: on

"""The inputs on which exactness is promised, with their real results.

Margins from 0 (equal logits) to 80 above the other classes, on offsets up to 1e6, with the target right or wrong;
random logits with all their digits; 2 to 128256 classes; every kind of target. Likewise probabilities and the sigmoid.
Pairs of distributions, from unrelated ones to those that agree in all but the last digits.
"""

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp

from tests import oracle

MARGINS = (0, 1, 5, 15, 17, 20, 40, 80)
OFFSETS = (0.0, 1e3, 1e5, 1e6)
TURNS = (-260.1, 200.3, -1530.1, 1450.3)  # on both sides of where a kernel changes what it takes exponentials of
CLASSES = (2, 10, 64, 65, 1000, 32000, 128256)
SPREADS = (1.0, 3.0, 10.0, 30.0)
GAMMAS = (0.0, 0.5, 1.0, 2.0, 3.7, 10.0)
CHANGES = (1e-1, 1e-3, 1e-5, 1e-6, 1e-7, 1e-9, 1e-12, 0.0)
RATIOS = (1.1, 1.35, 1.5, 2.5, 3.0, 5.5, 9.0, 11.5, 100.0, 1e20)


@dataclass(frozen=True)
class Case:
    """Rows of one shape; `make` draws (x, target, options) from a generator."""

    kind: str  # softmax, clamped, sigmoid or information, as in the table of functions
    name: str
    make: Callable = field(repr=False)
    options: str = ""  # which, if any
    one_product: bool = True  # each gradient entry, and not a sum of terms of both signs
    gamma: float | None = None  # of focal loss; None for the cross entropy

    def __str__(self):
        return self.name

    @functools.lru_cache(maxsize=2)  # noqa: B019 - the cases live as long as the module
    def inputs(self, dtype):
        """Logits or probabilities (R, C), for the sigmoid (R,); target; options. Real numbers in the dtype."""
        x, target, options = self.make(np.random.default_rng(zlib.crc32(self.name.encode())))
        target = np.asarray(target)
        if self.gamma is not None:
            options = options | {"gamma": self.gamma}
        return x.astype(dtype), target if target.dtype.kind == "i" else target.astype(dtype), options


@functools.lru_cache(maxsize=4)
def truth(case, dtype):
    """The real results of a case's losses: fields of oracle.Softmax, Clamped or Sigmoid, a row each."""
    x, target, options = case.inputs(dtype)
    function = getattr(oracle, f"{case.kind}_{'cross_entropy' if case.gamma is None else 'focal_loss'}")
    if case.kind == "sigmoid":
        return oracle.stack([function(a, t, **options) for a, t in zip(x, target, strict=True)])
    formula = {name: options[name] for name in ("z_loss", "eps", "gamma") if name in options}
    of_target = {name: value for name, value in options.items() if name not in formula}
    label = "y" if target.ndim < x.ndim else "distribution"
    rows = zip(x, target, strict=True)
    return oracle.stack([function(a, oracle.target_of(len(a), **{label: t}, **of_target), **formula) for a, t in rows])


@functools.lru_cache(maxsize=4)
def information(case, dtype):
    """The real entropies and divergences of a pair of distributions for each row."""
    p, q, _ = case.inputs(dtype)
    return oracle.stack([oracle.information(*row) for row in zip(p, q, strict=True)])


@functools.lru_cache(maxsize=4)
def activations(case, dtype):
    """The real softmax, log_softmax and logsumexp of a softmax case."""
    return oracle.stack([oracle.activations(row) for row in case.inputs(dtype)[0]])


def margins(rng, classes, offset=0.0):
    """One class above all others, which is the target, or not."""
    best = int(rng.integers(classes))
    rows = [(margin, best) for margin in MARGINS]
    rows += [(margin, (best + 1) % classes) for margin in (MARGINS if classes <= 1000 else (1, 20))]
    x = np.full((len(rows), classes), offset)
    x[:, best] += [margin for margin, _ in rows]
    return x, np.array([y for _, y in rows])


def random_logits(rng, classes, spread):
    """Normal logits; half the targets are the best class. Many classes share a hundred values, the best one apart."""
    if classes <= 65:
        x = rng.normal(0, spread, (16 if classes <= 10 else 6, classes))
    else:
        x = np.stack([rng.choice(rng.normal(0, spread, 100), classes) for _ in range(4)])
        x[:, rng.integers(classes)] = x.max(axis=1) + rng.uniform(0, spread)
    y = rng.integers(classes, size=len(x))
    y[::2] = x.argmax(axis=1)[::2]
    return x, y


def mixed_logits(rng, classes):
    parts = margins(rng, classes), random_logits(rng, classes, 3.0)
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def probabilities(rng, classes, low=1e-6):
    """Rows that sum to one, the target's share from almost 1 to `low`."""
    own = np.array([1 - 2.0**-20, 0.999, 0.9, 0.5, 0.25, 0.1, 1e-3, 1e-5, low])
    x = rng.dirichlet(np.ones(classes), own.size)
    y = rng.integers(classes, size=own.size)
    x *= ((1 - own) / (1 - np.take_along_axis(x, y[:, None], 1)[:, 0]))[:, None]
    np.put_along_axis(x, y[:, None], own[:, None], 1)
    return x, y


def pairs(rng, classes, change):
    """Distributions p, few of their shares alike where there are few, and q at a relative distance `change` from p.

    Up to about 1 the sums agree but for rounding; `change` above 1 is the ratio of neighbours, as of 1 / change.
    """
    rows = 6 if classes <= 1000 else 2
    values = rng.gamma(rng.choice([0.1, 1.0, 10.0], (rows, 1)), size=(rows, min(classes, 60))) + 1e-9
    p = np.take_along_axis(values, rng.integers(values.shape[1], size=(rows, classes)), 1)
    p /= p.sum(axis=1, keepdims=True)
    if change is None:
        return p, p[:, ::-1] * 0.5 + 0.5 / classes
    if change > 1:
        return p, p * np.where(p > np.median(p, axis=1, keepdims=True), change, 1 / change)
    step = np.where(p > np.median(p, axis=1, keepdims=True), 1.0, -1.0)
    return p, p * (1 + change * (step - (step * p).sum(axis=1, keepdims=True)))


def with_options(draw, name, rng, classes):
    """(x, target, options): rows from `draw` with one of OPTIONS."""
    x, y = draw(rng, classes)
    weight = rng.choice(rng.uniform(0.25, 4, 8), classes)
    shares = np.array([0, *rng.uniform(0, 1, 7)])
    match name:
        case "class_weight":
            return x, y, {"class_weight": weight}
        case "alpha":
            return x, y, {"alpha": weight}
        case "label_smoothing":
            return x, y, {"label_smoothing": 0.1}
        case "class_weight, label_smoothing":
            return x, y, {"class_weight": weight, "label_smoothing": 0.01}
        case "z_loss":
            return x, y, {"z_loss": 1e-3}
        case "z_loss, lse near 0":
            return x - logsumexp(x, axis=1, keepdims=True), y, {"z_loss": 1e6}
        case "infogain":
            return x, y, {"infogain": rng.choice(shares, (classes, classes))}
        case "distribution":
            return x, rng.choice(shares, x.shape), {}
        case "one large share":
            return x, np.where(np.arange(classes) == y[:, None], 1.0, 1e-12 * rng.choice(shares[1:], x.shape)), {}
        case "one-hot":
            return x, (np.arange(classes) == y[:, None]).astype(float), {}
    return x, y, {}


def logits_of_elements(rng):
    """Margins of both signs, and random ones with all their digits."""
    x = np.concatenate([np.array(MARGINS), -np.array(MARGINS), *(rng.normal(0, spread, 32) for spread in SPREADS)])
    return np.concatenate([x, x])


def elements(name, rng):
    """Sigmoid logits, their targets and options."""
    x = logits_of_elements(rng)
    t = np.repeat([0, 1], x.size // 2)
    match name:
        case "pos_weight":
            return x, t, {"pos_weight": 3.0}
        case "alpha":
            return x, t, {"alpha": 0.25}
        case "label_smoothing 0.1":
            return x, t, {"label_smoothing": 0.1}
        case "label_smoothing 0.001":
            return x, t, {"label_smoothing": 0.001}
        case "distribution":
            return x, rng.uniform(0, 1, x.size), {}
        case "distribution, pos_weight, label_smoothing":
            return x, rng.uniform(0, 1, x.size), {"pos_weight": 0.25, "label_smoothing": 0.05}
    return x, t, {}


Z_LOSS = ("z_loss", "z_loss, lse near 0")
TARGETS = ("distribution", "one large share", "one-hot", "infogain")
OPTIONS = ("class_weight", "label_smoothing", "class_weight, label_smoothing", *Z_LOSS, *TARGETS)
ONE_PRODUCT = ("class_weight", "one-hot")
FOCAL_OPTIONS = ("alpha", "label_smoothing", *Z_LOSS, "distribution")
SIGMOID_OPTIONS = (
    "",
    "pos_weight",
    "label_smoothing 0.1",
    "label_smoothing 0.001",
    "distribution",
    "distribution, pos_weight, label_smoothing",
)


def half(values, C):
    """Of the two largest numbers of classes each has every other value."""
    return values if C <= 1000 else values[int(max(CLASSES) == C) :: 2]


def cases():
    for C in CLASSES:
        for offset in half(OFFSETS, C):
            name = f"C = {C}, margins, offset {offset:g}"
            yield Case("softmax", name, lambda rng, C=C, offset=offset: (*margins(rng, C, offset), {}))
        if C in (10, 1000):
            for offset in TURNS:
                name = f"C = {C}, margins, offset {offset:g}"
                yield Case("softmax", name, lambda rng, C=C, offset=offset: (*margins(rng, C, offset), {}))
        for spread in half(SPREADS, C):
            name = f"C = {C}, random logits of spread {spread:g}"
            yield Case("softmax", name, lambda rng, C=C, spread=spread: (*random_logits(rng, C, spread), {}))
        if C <= 1000:
            yield Case("clamped", f"C = {C}, probabilities", lambda rng, C=C: (*probabilities(rng, C), {}))
    below = functools.partial(probabilities, low=1e-30)
    yield Case("clamped", "C = 10, below eps", lambda rng: (*below(rng, 10), {}), "below eps")
    for C in (2, 10, 65, 1000):
        for option in OPTIONS:
            for kind, draw in {"softmax": mixed_logits, "clamped": probabilities}.items():
                if not (kind == "clamped" and option in Z_LOSS) and (C, option) != (1000, "infogain"):
                    make = functools.partial(with_options, draw, option, classes=C)
                    yield Case(kind, f"C = {C}, {option}", make, option, kind == "clamped" or option in ONE_PRODUCT)
    for C in (1, *CLASSES):
        for change in half((None, *RATIOS, *CHANGES) if C <= 1000 else (None, 2.5, 1e-6), C):
            make = functools.partial(lambda rng, **which: (*pairs(rng, **which), {}), classes=C, change=change)
            yield Case("information", f"C = {C}, {'unrelated' if change is None else f'q off by {change:g}'}", make)
    for option in SIGMOID_OPTIONS:
        name = option or "targets 0 and 1"
        make = functools.partial(elements, option)
        yield Case("sigmoid", name, make, option, option in ("", "pos_weight"))


def focal_cases():
    """The same for focal loss."""
    for gamma in GAMMAS:
        for C in (2, 10, 65, 1000):
            for offset in (0.0, 1e3):
                name = f"C = {C}, margins, offset {offset:g}, gamma {gamma:g}"
                make = functools.partial(lambda rng, C, offset: (*margins(rng, C, offset), {}), C=C, offset=offset)
                yield Case("softmax", name, make, gamma=gamma)
            for spread in (3.0, 10.0):
                name = f"C = {C}, random logits of spread {spread:g}, gamma {gamma:g}"
                make = functools.partial(
                    lambda rng, C, spread: (*random_logits(rng, C, spread), {}), C=C, spread=spread
                )
                yield Case("softmax", name, make, gamma=gamma)
            for option in FOCAL_OPTIONS if C < 1000 else ():
                make = functools.partial(with_options, mixed_logits, option, classes=C)
                yield Case("softmax", f"C = {C}, {option}, gamma {gamma:g}", make, option, option == "alpha", gamma)
        for option in ("", "alpha", "distribution, pos_weight, label_smoothing"):
            name = f"{option or 'targets 0 and 1'}, gamma {gamma:g}"
            make = functools.partial(elements, option)
            yield Case("sigmoid", name, make, option, option in ("", "alpha"), gamma)


CASES = (*cases(), *focal_cases())

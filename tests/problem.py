"""One call of a function from the table: valid random arguments for it, its result and the one expected."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy.special import softmax

from tests.table import OPTION_SETS, Function
from tests.terms import lost_terms, terms
from tests.ulp import FACTOR, assert_ulp, bounds

SENTINEL = -77.0  # what outputs hold before a call that must not write to them
IGNORED = {"softmax": -100, "clamped": -100, "sigmoid": -1}


@dataclass(frozen=True)
class Problem:
    function: Function
    x: np.ndarray
    target: np.ndarray | None = None
    options: dict = field(default_factory=dict)

    @property
    def axis(self):
        """The class axis as a position from the front; -1 for the sigmoid, which has none."""
        return self.options.get("axis", -1) % np.ndim(self.x) if self.function.takes("axis") else -1

    @property
    def args(self):
        return (self.x,) if self.target is None else (self.x, self.target)

    @property
    def dtype(self):
        """The float dtype that the input is computed in."""
        dtype = np.asarray(self.x).dtype
        return {"f2": np.float32, "f4": np.float32}.get(dtype.str[1:], np.float64)

    @property
    def bounds(self):
        """The promised bounds of its results, in ulp."""
        return bounds(self.options.get("gamma", 2.0) if self.function.focal else None)

    def change(self, **arguments):
        """The same problem with another `x`, `target` or `function`, or with other options."""
        own = {name: arguments.pop(name) for name in ("function", "x", "target") if name in arguments}
        return replace(self, **own, options=self.options | arguments)

    def without(self, *options):
        return replace(self, options={name: value for name, value in self.options.items() if name not in options})

    def run(self, **more):
        """The compiled results by name: loss, grad, hess or value."""
        return named(self.function, self.function.call(*self.args, **self.options | more))

    def expected(self):
        """The same from the reference, in float64."""
        return named(self.function, self.function.reference(*self.args, **self.options))

    def assert_close(self, got, want, factor=1):
        """The results agree to `factor` times the promised bounds, measured at the size of the terms."""
        scale, lost = terms(self), lost_terms(self)
        for name in want:
            bound, what = factor * (self.bounds[name] + self.roundings(name)), f"{self} {name}"
            assert_ulp(got[name], want[name], bound, self.dtype, scale.get(name), what, lost.get(name, 0.0))

    def roundings(self, name):
        """What weights and `grad_output`, multiplied in double, add to the bound of an element's gradient."""
        factors = any(self.options.get(name) is not None for name in ("sample_weight", "grad_output"))
        return FACTOR if self.function.kind == "sigmoid" and name == "grad" and factors else 0.0

    def assert_right(self):
        """The compiled function agrees with the reference. In float64 the reference rounds as well, by as much."""
        self.assert_close(self.run(), self.expected(), 2 if self.dtype == np.float64 else 1)

    def assert_rejected(self, exception, match):
        """The call raises, and neither its outputs nor its inputs have changed by then."""
        outs = {argument: np.full(np.shape(self.x), SENTINEL) for argument in self.function.array_results}
        outs |= {name: self.options[name] for name in outs if name in self.options}
        with unmodified(self.args, self.options, outs), pytest.raises(exception, match=match):
            self.run(**outs)

    def __str__(self):
        return f"{self.function}({np.shape(self.x)}, {', '.join(self.options)})"


@contextmanager
def unmodified(*arguments):
    """Every array in these tuples and dicts is the same to the bit at the end as at the beginning."""
    values = [value for group in arguments for value in (group.values() if isinstance(group, dict) else group)]
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    before = [array.tobytes() for array in arrays]
    yield
    assert [array.tobytes() for array in arrays] == before


def named(function, result):
    return dict(zip(function.gives, result if isinstance(result, tuple) else (result,), strict=True))


def problem(function, rng, shape, axis=-1, dtype=np.float64, options="", reduction="mean", spread=3.0):
    """Random valid arguments of `shape`. `options` names one of the function's option sets; "" takes the first.

    `spread` is the standard deviation of the logits, or of those whose softmax the probabilities are.
    """
    sets = OPTION_SETS[function.kind]
    drawn = {"axis": axis, "reduction": reduction}
    if function.kind == "information":
        p, q = (softmax(rng.normal(0, spread, shape), axis) for _ in range(2))
        if options and "base" in sets[options]:
            drawn["base"] = 3.0
        return Problem(
            function, p.astype(dtype), q.astype(dtype) if function.operands == 2 else None, accepted(function, drawn)
        )
    x = rng.normal(0, spread, shape) if function.kind != "clamped" else rng.uniform(0.01, 1, shape)
    if function.kind == "activation":
        return Problem(function, x.astype(dtype), None, accepted(function, drawn))
    rows = tuple(shape) if function.kind == "sigmoid" else tuple(map(int, np.delete(shape, axis)))
    classes = 2 if function.kind == "sigmoid" else shape[axis]
    wanted = sets[options] if options else ()
    target = draw_target(rng, function.kind, wanted, shape, rows, classes, dtype)
    if "ignore_index" in wanted:
        target[rng.random(rows) < 0.2] = IGNORED[function.kind]
    for name in wanted:
        if function.takes(name) and name != "distribution":
            drawn[name] = draw_option(rng, name, function.kind, rows, classes, shape, dtype)
    return Problem(function, x.astype(dtype), target, accepted(function, drawn))


def accepted(function, options):
    return {name: value for name, value in options.items() if function.takes(name)}


def draw_target(rng, kind, wanted, shape, rows, classes, dtype):
    if "distribution" not in wanted:
        return np.array(rng.integers(0, max(classes, 1), rows))
    target = rng.uniform(0, 1, shape)
    target[rng.random(shape) < 0.2] = 0
    target[rng.random(shape) < 0.1] = 1
    return target.astype(dtype)


def draw_option(rng, name, kind, rows, classes, shape, dtype):
    """A valid value for one option, with zeros among the weights."""
    match name:
        case "class_weight":
            return rng.uniform(0.25, 2, classes).astype(dtype)
        case "sample_weight":
            return (rng.uniform(0.25, 2, rows) * (rng.random(rows) < 0.9)).astype(dtype)
        case "pos_weight":
            return rng.uniform(0.25, 3, shape[-1]).astype(dtype)
        case "infogain":
            return (rng.uniform(0, 1, (classes, classes)) + np.eye(classes)).astype(dtype)
        case "ignore_index":
            return IGNORED[kind]
        case "label_smoothing":
            return 0.125
        case "z_loss":
            return 0.03125
        case "eps":
            return 0.25
        case "gamma":
            return float(rng.choice([0.5, 1.0, 3.7]))
        case "alpha":
            return 0.25 if kind == "sigmoid" else rng.uniform(0.25, 2, classes).astype(dtype)
        case "grad_output":
            return -1.5

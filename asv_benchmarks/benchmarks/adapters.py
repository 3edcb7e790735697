"""Time and memory of the modules beside the package: densities of SciPy, and Caffe's layers."""

import importlib
from functools import partial

import numpy as np

from . import turns
from .cases import DENSITIES, DTYPES, LAYER_SHAPE, LAYERS

# what the integral over the support is of
INTEGRANDS = {
    "entropy": lambda x, p: -p.pdf(x) * p.logpdf(x),
    "cross_entropy": lambda x, p, q: -p.pdf(x) * q.logpdf(x),
    "kl_divergence": lambda x, p, q: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)),
}


class Continuous:
    """One call for a pair of normal, heavy-tailed or singular densities."""

    params = (list(DENSITIES), ["norm", "cauchy", "gamma"])
    param_names = ("function", "family")

    def setup(self, function, family):
        self.call = getattr(importlib.import_module("fastxent.continuous"), function)
        distribution = getattr(importlib.import_module("scipy.stats"), family)
        shape = (0.5,) if family == "gamma" else ()
        self.args = [distribution(*shape, scale=scale) for scale in (1.0, 3.0)][: DENSITIES[function]]

    def time_call(self, function, family):
        self.call(*self.args)

    def track_ratio(self, function, family):
        """Over SciPy's integral of the formula, which may be a wrong one where the density is singular."""
        from scipy.integrate import quad

        turns.on_one_core()
        integral = partial(quad, INTEGRANDS[function], *self.args[0].support(), args=tuple(self.args))
        return turns.ratio(partial(self.call, *self.args), integral)

    track_ratio.unit = turns.UNIT
    time_call.pretty_name = "densities: time"
    track_ratio.pretty_name = "densities: time over SciPy's quadrature"


class Caffe:
    """One layer, for 4 images of 128 x 128 pixels and 21 classes."""

    params = (list(LAYERS), DTYPES)
    param_names = ("layer", "dtype")

    def setup(self, layer, dtype):
        self.layer = getattr(importlib.import_module("fastxent.caffe"), layer)()
        self.bottoms = LAYERS[layer](np.random.default_rng(20), LAYER_SHAPE, dtype)
        self.layer.forward(*self.bottoms)

    def time_forward(self, layer, dtype):
        self.layer.forward(*self.bottoms)

    def time_backward(self, layer, dtype):
        self.layer.backward()

    def track_ratio(self, layer, dtype):
        """Both over a copy of the first bottom."""
        turns.on_one_core()
        source = self.bottoms[0]
        return turns.ratio(self.both, partial(np.copyto, np.ones_like(source), source))

    track_ratio.unit = turns.UNIT

    def both(self):
        self.layer.forward(*self.bottoms)
        self.layer.backward()

    time_forward.pretty_name = "Caffe's layers: time forward"
    time_backward.pretty_name = "Caffe's layers: time backward"
    track_ratio.pretty_name = "Caffe's layers: time over a copy's"


class CaffeMemory:
    """The difference between the two lines is what a layer takes beside its bottoms, results included."""

    params = (list(LAYERS), DTYPES)
    param_names = ("layer", "dtype")

    def setup(self, layer, dtype):
        self.layer = getattr(importlib.import_module("fastxent.caffe"), layer)()
        self.bottoms = LAYERS[layer](np.random.default_rng(20), LAYER_SHAPE, dtype)

    def peakmem_both(self, layer, dtype):
        self.layer.forward(*self.bottoms)
        self.layer.backward()

    def peakmem_reference(self, layer, dtype):
        pass

    peakmem_both.pretty_name = "Caffe's layers: peak memory"
    peakmem_reference.pretty_name = "Caffe's layers: memory before the call"

"""Focal loss beside the cross entropy, by the focusing parameter and the kind of target."""

import numpy as np

import fastxent as fx

from .cases import DTYPES, logits_and_classes

GAMMAS = [None, 2.0, 2.5]  # None: the cross entropy


class Focal:
    """Loss and gradient of a softmax of ten classes, and of as many elements of a sigmoid."""

    params = (["softmax", "sigmoid"], ["index", "distribution"], GAMMAS, DTYPES)
    param_names = ("function", "target", "gamma", "dtype")

    def setup(self, function, target, gamma, dtype):
        rng = np.random.default_rng(20)
        self.args = logits, labels = logits_and_classes(rng, (20_000, 10), dtype)
        if target == "distribution":
            self.args = logits, rng.random(logits.shape, dtype)
        elif function == "sigmoid":
            self.args = logits, np.eye(10, dtype=dtype)[labels]
        self.options = {"n_threads": 1, "out": np.ones_like(logits)}
        if gamma is not None:
            self.options["gamma"] = gamma
        self.call = getattr(fx, f"{function}_{'cross_entropy' if gamma is None else 'focal_loss'}_grad")

    def time_call(self, function, target, gamma, dtype):
        self.call(*self.args, **self.options)

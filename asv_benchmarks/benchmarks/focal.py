"""Focal loss over the cross entropy, by the focusing parameter and the kind of target."""

from functools import partial

import numpy as np

import fastxent as fx

from . import turns
from .cases import DTYPES, logits_and_classes


class Focal:
    """Loss and gradient of a softmax of ten classes, and of as many elements of a sigmoid."""

    params = (["softmax", "sigmoid"], ["index", "distribution"], [2.0, 2.5], DTYPES)
    param_names = ("function", "target", "gamma", "dtype")

    def setup(self, function, target, gamma, dtype):
        rng = np.random.default_rng(20)
        args = logits, labels = logits_and_classes(rng, (20_000, 10), dtype)
        if target == "distribution":
            args = logits, rng.random(logits.shape, dtype)
        elif function == "sigmoid":
            args = logits, np.eye(10, dtype=dtype)[labels]
        options = {"n_threads": 1, "out": np.ones_like(logits)}
        self.call = partial(getattr(fx, f"{function}_focal_loss_grad"), *args, gamma=gamma, **options)
        self.cross_entropy = partial(getattr(fx, f"{function}_cross_entropy_grad"), *args, **options)

    def time_call(self, function, target, gamma, dtype):
        self.call()

    def track_ratio(self, function, target, gamma, dtype):
        turns.on_one_core()
        return turns.ratio(self.call, self.cross_entropy)

    track_ratio.unit = turns.UNIT
    time_call.pretty_name = "focal losses: time"
    track_ratio.pretty_name = "focal losses: time over the cross entropy's"

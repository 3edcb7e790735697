"""Exactness, tracked like speed: the largest error in float32 against the reference in float64."""

import numpy as np

import fastxent as fx
from fastxent import reference

from .cases import CASES, FUNCTIONS

SHAPE = (2000, 100)


class Accuracy:
    params = FUNCTIONS
    param_names = ("function",)
    unit = "ulp"

    def track_largest_error(self, function):
        arguments, _ = CASES[function]
        args = arguments(np.random.default_rng(20), SHAPE, "float32")
        options = {}
        if "_cross_entropy" in function or "_focal_loss" in function:
            options["reduction"] = "none"
        if "sigmoid" in function:
            np.rint(args[1], out=args[1])  # between 0 and 1 the gradient is a difference, which cancels
        wide = [arg.astype("float64") if arg.dtype == "float32" else arg for arg in args]
        results = getattr(fx, function)(*args, **options)
        right = getattr(reference, function)(*wide, **options)
        if not isinstance(results, tuple):
            results, right = (results,), (right,)
        if "focal" in function:  # whose Hessian changes sign: near 0 it is not exact relative to itself
            results, right = results[:2], right[:2]
        return max(map(_ulp, results, right))


def _ulp(result, right):
    return float(np.max(np.abs(result - right) / np.spacing(np.abs(np.float32(right)))))

"""What is evaluated: the options of an evaluation, parsed once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastxent import _check

OF = ("logits", "probabilities", "multilabel_logits")


def options_of(
    n_classes: Any, of: Any, axis: Any, class_weight: Any, ignore_index: Any, label_smoothing: Any, eps: Any,
    per_class: Any, top_k: Any, calibration_bins: Any,
) -> dict[str, Any]:  # fmt: skip
    """The options by name, canonical."""
    _check.one_of(of, "of", OF)
    C = _check.whole_number(n_classes, "n_classes", 1, _check.MOST)
    multilabel = of == "multilabel_logits"
    if not isinstance(top_k, Iterable) or (isinstance(top_k, np.ndarray) and top_k.ndim == 0):
        raise TypeError(f"top_k = {top_k!r}, but it must be a sequence of integers, such as (1, 5)")
    ks = sorted({_check.whole_number(k, "top_k", 1) for k in top_k})
    if multilabel and (class_weight is not None or ks not in ([], [1])):
        name = "class_weight" if class_weight is not None else f"top_k = {tuple(ks)}"
        raise ValueError(f"{name} goes with classes that exclude each other, but the scores are multilabel_logits")
    if of == "probabilities":
        eps = _check.eps_of(1e-20 if eps is None else eps, "float64")
    elif eps is not None:
        raise ValueError(f"eps = {eps} goes with probabilities, but the scores are {of}")
    if ignore_index is not None:
        ignore_index = _check.ignored_target(ignore_index) if multilabel else _check.class_label(ignore_index)
    return {
        "n_classes": C,
        "of": of,
        "axis": _check.axis_number(axis),
        "class_weight": None if class_weight is None else np.array(_check.class_weight_of(class_weight, C)),
        "ignore_index": ignore_index,
        "label_smoothing": _check.smoothing_of(label_smoothing),
        "eps": eps,
        "per_class": bool(per_class),
        "top_k": ks,
        "calibration_bins": _check.whole_number(calibration_bins, "calibration_bins", 0, _check.MOST),
    }


def written(options: dict[str, Any]) -> dict[str, Any]:
    """The options as JSON has them, which knows no nan."""
    class_weight, ignored = options["class_weight"], options["ignore_index"]
    return options | {
        "class_weight": None if class_weight is None else class_weight.tolist(),
        "ignore_index": "nan" if ignored != ignored else ignored,
        "top_k": list(options["top_k"]),
    }


def options_in(options: dict[str, Any]) -> dict[str, Any]:
    """The way back of `written`."""
    return options | {"ignore_index": math.nan} if options["ignore_index"] == "nan" else options

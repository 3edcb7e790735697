"""Uses of the losses that type checkers accept and, on the lines that ignore them, refuse; read by test_types.py."""

from typing import Any, Literal, assert_type

import numpy as np

import fastxent as fx
from fastxent.boosting import (
    _catboost,
    _lightgbm,
    _xgboost,
    focal_metric,
    focal_objective,
    sigmoid_metric,
    sigmoid_objective,
    softmax_metric,
    softmax_objective,
    start_scores,
)  # fmt: skip

Array = np.ndarray[Any, Any]
LOGITS = np.zeros((4, 3), np.float32)
LABELS = np.zeros(4, np.int64)
PROBS = np.full((4, 3), 1 / 3)


class Data:
    """What answers as XGBoost's and LightGBM's data do."""

    def get_label(self) -> Array:
        return LABELS

    def get_weight(self) -> None: ...


DATA = Data()


def of_arrays() -> float:
    assert_type(fx.softmax([1.0, 2.0], axis=0, out=LOGITS), Array)
    assert_type(fx.log_softmax(LOGITS, n_threads=1), Array)
    assert_type(fx.get_num_threads(), int)
    return float(fx.kl_divergence(PROBS, PROBS).mean() + fx.cross_entropy(PROBS, PROBS).sum() + fx.entropy(PROBS).max())


def reduced(reduction: Literal["mean", "sum"]) -> float:
    assert_type(fx.softmax_cross_entropy([[1.0, 2.0]], [0]), float)
    assert_type(fx.softmax_focal_loss(LOGITS, LABELS, gamma=1.0, alpha=[1, 2, 3], reduction="sum"), float)
    assert_type(fx.sigmoid_cross_entropy(LOGITS, LOGITS, ignore_index=np.nan, pos_weight=2.0), float)
    assert_type(fx.sigmoid_focal_loss(LOGITS, LOGITS, alpha=0.25), float)
    assert_type(fx.clamped_cross_entropy(PROBS, LABELS, eps=0.0, class_weight={0: 1.0, 1: 2.0, 2: 1.0}), float)
    return round(fx.softmax_cross_entropy(LOGITS, LABELS, reduction=reduction), 4)


def one_of_each_row() -> Array:
    assert_type(fx.clamped_cross_entropy(PROBS, LABELS, reduction="none"), Array)
    assert_type(fx.sigmoid_cross_entropy(LOGITS, LOGITS, reduction="none"), Array)
    losses = fx.softmax_cross_entropy(LOGITS, LABELS, reduction="none", axis=-1, n_threads=1)
    wrong: Array = losses[LABELS == 0]
    return wrong


def derivatives() -> tuple[float, Array, Array]:
    loss, grad = fx.softmax_cross_entropy_grad(LOGITS, LABELS, grad_output=2.0, out=LOGITS)
    losses, _ = fx.sigmoid_focal_loss_grad(LOGITS, LOGITS, reduction="none", grad_output=np.ones((4, 3)))
    assert_type(losses, Array)
    assert_type(fx.clamped_cross_entropy_grad(PROBS, LABELS), tuple[float, Array])
    assert_type(fx.softmax_focal_loss_grad_hess(LOGITS, LABELS, hess_out=grad), tuple[float, Array, Array])
    sums = fx.sigmoid_cross_entropy_grad_hess(LOGITS, LOGITS, reduction="none")
    assert_type(sums, tuple[Array, Array, Array])
    return loss, grad, losses


def of_each_overload() -> None:
    assert_type(fx.softmax_cross_entropy(LOGITS, LABELS, reduction="sum"), float)
    assert_type(fx.softmax_cross_entropy(LOGITS, LABELS, reduction="none"), Array)
    assert_type(fx.softmax_cross_entropy_grad(LOGITS, LABELS, reduction="sum"), tuple[float, Array])
    assert_type(fx.softmax_cross_entropy_grad(LOGITS, LABELS, reduction="none"), tuple[Array, Array])
    assert_type(fx.softmax_cross_entropy_grad_hess(LOGITS, LABELS, reduction="sum"), tuple[float, Array, Array])
    assert_type(fx.softmax_cross_entropy_grad_hess(LOGITS, LABELS, reduction="none"), tuple[Array, Array, Array])
    assert_type(fx.softmax_focal_loss(LOGITS, LABELS, reduction="sum"), float)
    assert_type(fx.softmax_focal_loss(LOGITS, LABELS, reduction="none"), Array)
    assert_type(fx.softmax_focal_loss_grad(LOGITS, LABELS, reduction="sum"), tuple[float, Array])
    assert_type(fx.softmax_focal_loss_grad(LOGITS, LABELS, reduction="none"), tuple[Array, Array])
    assert_type(fx.softmax_focal_loss_grad_hess(LOGITS, LABELS, reduction="sum"), tuple[float, Array, Array])
    assert_type(fx.softmax_focal_loss_grad_hess(LOGITS, LABELS, reduction="none"), tuple[Array, Array, Array])
    assert_type(fx.sigmoid_cross_entropy(LOGITS, LOGITS, reduction="sum"), float)
    assert_type(fx.sigmoid_cross_entropy(LOGITS, LOGITS, reduction="none"), Array)
    assert_type(fx.sigmoid_cross_entropy_grad(LOGITS, LOGITS, reduction="sum"), tuple[float, Array])
    assert_type(fx.sigmoid_cross_entropy_grad(LOGITS, LOGITS, reduction="none"), tuple[Array, Array])
    assert_type(fx.sigmoid_cross_entropy_grad_hess(LOGITS, LOGITS, reduction="sum"), tuple[float, Array, Array])
    assert_type(fx.sigmoid_cross_entropy_grad_hess(LOGITS, LOGITS, reduction="none"), tuple[Array, Array, Array])
    assert_type(fx.sigmoid_focal_loss(LOGITS, LOGITS, reduction="sum"), float)
    assert_type(fx.sigmoid_focal_loss(LOGITS, LOGITS, reduction="none"), Array)
    assert_type(fx.sigmoid_focal_loss_grad(LOGITS, LOGITS, reduction="sum"), tuple[float, Array])
    assert_type(fx.sigmoid_focal_loss_grad(LOGITS, LOGITS, reduction="none"), tuple[Array, Array])
    assert_type(fx.sigmoid_focal_loss_grad_hess(LOGITS, LOGITS, reduction="sum"), tuple[float, Array, Array])
    assert_type(fx.sigmoid_focal_loss_grad_hess(LOGITS, LOGITS, reduction="none"), tuple[Array, Array, Array])
    assert_type(fx.clamped_cross_entropy(PROBS, LABELS, reduction="sum"), float)
    assert_type(fx.clamped_cross_entropy(PROBS, LABELS, reduction="none"), Array)
    assert_type(fx.clamped_cross_entropy_grad(PROBS, LABELS, reduction="sum"), tuple[float, Array])
    assert_type(fx.clamped_cross_entropy_grad(PROBS, LABELS, reduction="none"), tuple[Array, Array])
    assert_type(start_scores(LABELS, n_classes=3, library="xgboost"), Array)
    assert_type(start_scores(LABELS, None, 3), Array)
    assert_type(start_scores(LABELS), Any)
    assert_type(softmax_objective("xgboost"), _xgboost.Objective)
    assert_type(softmax_objective("lightgbm"), _lightgbm.Objective)
    assert_type(softmax_objective("catboost"), _catboost.Objective)
    assert_type(softmax_metric("xgboost"), _xgboost.Metric)
    assert_type(softmax_metric("lightgbm"), _lightgbm.Metric)
    assert_type(softmax_metric("catboost"), _catboost.Metric)
    assert_type(sigmoid_objective("xgboost"), _xgboost.Objective)
    assert_type(sigmoid_objective("lightgbm"), _lightgbm.Objective)
    assert_type(sigmoid_objective("catboost"), _catboost.Objective)
    assert_type(sigmoid_metric("xgboost"), _xgboost.Metric)
    assert_type(sigmoid_metric("lightgbm"), _lightgbm.Metric)
    assert_type(sigmoid_metric("catboost"), _catboost.Metric)
    assert_type(focal_objective("xgboost"), _xgboost.Objective)
    assert_type(focal_objective("lightgbm"), _lightgbm.Objective)
    assert_type(focal_objective("catboost"), _catboost.Objective)
    assert_type(focal_metric("xgboost"), _xgboost.Metric)
    assert_type(focal_metric("lightgbm"), _lightgbm.Metric)
    assert_type(focal_metric("catboost"), _catboost.Metric)


def either(reduction: Literal["mean", "none"]) -> float | Array:
    return fx.softmax_cross_entropy(LOGITS, LABELS, reduction=reduction)


def boosted() -> tuple[Array, Array]:
    assert_type(softmax_metric("lightgbm")(LABELS, LOGITS), tuple[str, float, bool])
    assert_type(focal_objective("catboost", gamma=1.0).calc_ders_range(LOGITS, LABELS, None), Array)
    assert_type(softmax_metric("xgboost")(LABELS, LOGITS, sample_weight=LABELS), float)
    assert_type(softmax_metric("xgboost")(LOGITS, DATA), tuple[str, float])
    round(start_scores(LABELS == 0), 4)
    start_scores(LABELS).mean()
    return softmax_objective("xgboost", hessian="xgboost", label_smoothing=0.1)(LABELS, LOGITS)


def refused(reduction: str) -> None:
    fx.softmax_cross_entropy(LOGITS, LABELS, reduction="avg")  # type: ignore
    fx.softmax_cross_entropy(LOGITS, LABELS, reduction=reduction)  # type: ignore
    fx.softmax_cross_entropy(LOGITS, LABELS, reduction=None)  # type: ignore
    fx.softmax_cross_entropy_grad(LOGITS, LABELS, reduction="batchmean")  # type: ignore
    fx.softmax_cross_entropy(LOGITS, LABELS, weight=[1, 2, 3])  # type: ignore
    fx.softmax_cross_entropy(LOGITS, LABELS, 1)  # type: ignore
    fx.softmax_cross_entropy(LOGITS, LABELS, class_weight="balanced", out=LOGITS)  # type: ignore
    fx.sigmoid_cross_entropy(LOGITS, LOGITS, axis=1)  # type: ignore
    fx.clamped_cross_entropy(PROBS, LABELS, z_loss=0.1)  # type: ignore
    fx.softmax_cross_entropy_grad(LOGITS, LABELS, out=[[0.0]])  # type: ignore
    fx.softmax_cross_entropy(LOGITS, LABELS)[0]  # type: ignore
    round(fx.softmax_cross_entropy(LOGITS, LABELS, reduction="none"), 4)  # type: ignore
    round(start_scores(LABELS, n_classes=3), 4)  # type: ignore
    start_scores(LABELS, library="sklearn")  # type: ignore
    softmax_objective("xgbost")  # type: ignore
    softmax_metric("lightgbm", api="dask")  # type: ignore
    softmax_objective("catboost", gamma=2.0)  # type: ignore
    fx.sigmoid_focal_loss(LOGITS, LOGITS, alpha=[1, 2, 3])  # type: ignore
    fx.softmax(LOGITS, out=[[0.0]])  # type: ignore
    fx.logsumexp(LOGITS, axis="last")  # type: ignore
    fx.entropy(PROBS, reduction="mean")  # type: ignore
    fx.set_num_threads("two")  # type: ignore
    fx.sotfmax()  # type: ignore
    fx.metrcs.log_loss()  # type: ignore

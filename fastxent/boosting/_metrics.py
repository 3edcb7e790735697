"""The metrics: a mean loss, in the interface that a library calls."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from numpy.typing import ArrayLike

from fastxent import _check
from fastxent._types import ClassWeight
from fastxent.boosting import _catboost, _lightgbm, _xgboost
from fastxent.boosting._caller import Api, Library
from fastxent.boosting._cross_entropy import SigmoidLoss, SoftmaxLoss
from fastxent.boosting._focal import FocalLoss
from fastxent.boosting._options import FocalMetricOptions, MetricOptions, adapted, alpha_of, checked

AnyMetric = _xgboost.Metric | _lightgbm.Metric | _catboost.Metric
METRICS: dict[str, Any] = {
    "xgboost": _xgboost.Metric,
    "lightgbm": _lightgbm.Metric,
    "catboost": _catboost.Metric,
}


@overload
def softmax_metric(
    library: Literal["xgboost"], api: Api | None = ..., **options: Unpack[MetricOptions]
) -> _xgboost.Metric: ...


@overload
def softmax_metric(
    library: Literal["lightgbm"], api: Api | None = ..., **options: Unpack[MetricOptions]
) -> _lightgbm.Metric: ...


@overload
def softmax_metric(
    library: Literal["catboost"], api: Api | None = ..., **options: Unpack[MetricOptions]
) -> _catboost.Metric: ...


def softmax_metric(
    library: Library, api: Api | None = None, *, class_weight: ClassWeight | None = None, label_smoothing: float = 0.0,
    n_threads: int | None = None,
) -> AnyMetric:  # fmt: skip
    r"""Mean softmax cross entropy of the scores, as an evaluation metric of a gradient boosting library.

    .. math:: \frac{\sum_i v_i l_i}{\sum_i v_i w_{y_i}}

    for the losses :math:`l_i` of `fastxent.softmax_cross_entropy`, the data set's weights :math:`v_i` and class weights
    :math:`w` [1]_.

    Parameters
    ----------
    library : {"xgboost", "lightgbm", "catboost"}
        Who calls the metric: ``xgboost.train(custom_metric=...)`` and ``lightgbm.train(feval=...)``, ``eval_metric`` of
        `XGBClassifier` and of `LGBMClassifier.fit`, or ``CatBoostClassifier(eval_metric=...)``.
    api : {"native", "sklearn"}, optional
        How it is called, which need not be said: both are served, and told apart by the arguments.
    class_weight : array_like, shape (K,), or dict, optional
        Finite, not negative; 1 for each class by default.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes.
    n_threads : int, optional
        The most threads to use, `fastxent.get_num_threads` by default.

    Returns
    -------
    metric
        In nats; nan if nothing has weight. "xgboost": ``metric(preds, dmatrix)`` returns (name, value), and
        ``metric(y_true, y_pred, sample_weight=None)`` the value; "lightgbm": ``metric(preds, dataset)`` and
        ``metric(y_true, y_pred, sample_weight)`` return (name, value, False), since higher is not better; "catboost":
        an object with ``evaluate``, ``get_final_error`` and ``is_max_optimal``.

    Raises
    ------
    TypeError, ValueError
        Here, if an option is of the wrong type or out of its range; in training, if a label is no class.

    See Also
    --------
    softmax_objective : The objective.

    Notes
    -----
    It takes scores. XGBoost and LightGBM pass scores if the objective is a function, such as `softmax_objective`; to
    their own objectives' metrics they pass probabilities instead. CatBoost always passes scores.

    `LGBMClassifier` also evaluates a metric of its own, which takes the scores for probabilities, and early stopping
    listens to all of them: ``LGBMClassifier(metric="None")`` leaves this one alone.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent.boosting import softmax_metric
    >>> metric = softmax_metric("lightgbm")
    >>> name, value, higher_is_better = metric(np.float32([0, 2]), np.array([[2, 0.5, -1], [0.1, 0.2, 0.3]]), None)
    >>> print(f"{name} {value:.4f}")
    softmax_cross_entropy 0.6216
    """
    return adapted(SoftmaxLoss(*checked(class_weight, label_smoothing, n_threads)), library, api, METRICS)


@overload
def sigmoid_metric(
    library: Literal["xgboost"], api: Api | None = ..., **options: Unpack[MetricOptions]
) -> _xgboost.Metric: ...


@overload
def sigmoid_metric(
    library: Literal["lightgbm"], api: Api | None = ..., **options: Unpack[MetricOptions]
) -> _lightgbm.Metric: ...


@overload
def sigmoid_metric(
    library: Literal["catboost"], api: Api | None = ..., **options: Unpack[MetricOptions]
) -> _catboost.Metric: ...


def sigmoid_metric(
    library: Library, api: Api | None = None, *, class_weight: ClassWeight | None = None, label_smoothing: float = 0.0,
    n_threads: int | None = None,
) -> AnyMetric:  # fmt: skip
    r"""Mean sigmoid cross entropy of the scores, as an evaluation metric of a gradient boosting library.

    .. math:: \frac{\sum_i v_i l_i}{\sum_i v_i w_{y_i}}

    for the losses :math:`l_i` of `sigmoid_objective`, the data set's weights :math:`v_i` and class weights :math:`w`
    [1]_.

    Parameters
    ----------
    library, api
        As `softmax_metric` takes them.
    class_weight, label_smoothing
        As `sigmoid_objective` takes them.
    n_threads
        As `softmax_metric` takes it.

    Returns
    -------
    metric
        As `softmax_metric` returns it, for scores of shape (n,).

    Raises
    ------
    TypeError, ValueError
        Here, if an option is of the wrong type or out of its range; in training, if a label is outside [0, 1].

    See Also
    --------
    sigmoid_objective : The objective.
    softmax_metric : For more than two classes, with notes on when the libraries pass scores.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent.boosting import sigmoid_metric
    >>> metric = sigmoid_metric("xgboost")
    >>> print(f"{metric(np.float32([1, 0]), np.float32([0.5, -3.0])):.4f}")
    0.2613
    """
    options = checked(class_weight, label_smoothing, n_threads, binary=True)
    return adapted(SigmoidLoss(*options), library, api, METRICS)


@overload
def focal_metric(
    library: Literal["xgboost"], api: Api | None = ..., **options: Unpack[FocalMetricOptions]
) -> _xgboost.Metric: ...


@overload
def focal_metric(
    library: Literal["lightgbm"], api: Api | None = ..., **options: Unpack[FocalMetricOptions]
) -> _lightgbm.Metric: ...


@overload
def focal_metric(
    library: Literal["catboost"], api: Api | None = ..., **options: Unpack[FocalMetricOptions]
) -> _catboost.Metric: ...


def focal_metric(
    library: Library, api: Api | None = None, *, gamma: float = 2.0, alpha: ArrayLike | None = None,
    class_weight: ClassWeight | None = None, label_smoothing: float = 0.0, n_threads: int | None = None,
) -> AnyMetric:  # fmt: skip
    r"""Mean focal loss of the scores, as an evaluation metric of a gradient boosting library.

    .. math:: \frac{\sum_i v_i l_i}{\sum_i v_i w_{y_i}}

    for the losses :math:`l_i` of `fastxent.softmax_focal_loss`, or for one score a row of `fastxent.sigmoid_focal_loss`
    [1]_, the data set's weights :math:`v_i` and class weights :math:`w`.

    Parameters
    ----------
    library, api
        As `softmax_metric` takes them.
    gamma, alpha, class_weight
        As `focal_objective` takes them.
    label_smoothing, n_threads
        As `softmax_metric` takes them.

    Returns
    -------
    metric
        As `softmax_metric` returns it.

    Raises
    ------
    TypeError, ValueError
        Here, if an option is of the wrong type or out of its range; in training, if a label is no class, or if `alpha`
        or the class weights do not fit the number of classes.

    See Also
    --------
    focal_objective : The objective.
    softmax_metric : The cross entropy, with notes on when the libraries pass scores.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal loss for dense object detection", ICCV, 2017,
       section 3.

    Examples
    --------
    As CatBoost calls it: with an array of scores for each class, here one.

    >>> import numpy as np
    >>> from fastxent.boosting import focal_metric
    >>> metric = focal_metric("catboost", gamma=2)
    >>> error, weight = metric.evaluate([np.array([0.5, -3.0])], np.float32([1, 0]), None)
    >>> print(f"{metric.get_final_error(error, weight):.4f}")
    0.0338
    """
    options = checked(class_weight, label_smoothing, n_threads)
    return adapted(FocalLoss(_check.gamma_of(gamma), alpha_of(alpha), *options), library, api, METRICS)

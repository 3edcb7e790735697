"""The objectives: a loss, in the interface that a library calls."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from numpy.typing import ArrayLike

from fastxent import _check
from fastxent._types import ClassWeight
from fastxent.boosting import _catboost, _lightgbm, _xgboost
from fastxent.boosting._caller import Api, Library
from fastxent.boosting._cross_entropy import SigmoidLoss, SoftmaxLoss
from fastxent.boosting._focal import FocalLoss
from fastxent.boosting._options import FocalObjectiveOptions, ObjectiveOptions, adapted, alpha_of, checked, hessian_of

AnyObjective = _xgboost.Objective | _lightgbm.Objective | _catboost.Objective
RULES = ("exact", "xgboost", "lightgbm")
OBJECTIVES: dict[str, Any] = {
    "xgboost": _xgboost.Objective,
    "lightgbm": _lightgbm.Objective,
    "catboost": _catboost.Objective,
}


@overload
def softmax_objective(
    library: Literal["xgboost"], api: Api | None = ..., **options: Unpack[ObjectiveOptions]
) -> _xgboost.Objective: ...


@overload
def softmax_objective(
    library: Literal["lightgbm"], api: Api | None = ..., **options: Unpack[ObjectiveOptions]
) -> _lightgbm.Objective: ...


@overload
def softmax_objective(
    library: Literal["catboost"], api: Api | None = ..., **options: Unpack[ObjectiveOptions]
) -> _catboost.Objective: ...


def softmax_objective(
    library: Library, api: Api | None = None, *, hessian: str = "exact", class_weight: ClassWeight | None = None,
    label_smoothing: float = 0.0, n_threads: int | None = None,
) -> AnyObjective:  # fmt: skip
    r"""Softmax cross entropy as the objective of a gradient boosting library: classes that exclude each other.

    Trees are fitted to the gradient of the loss of `fastxent.softmax_cross_entropy` with respect to the scores, and to
    its second derivative by one of three rules [1]_, [2]_, [3]_:

    .. math::

       g_k = T p_k - t_k, \qquad
       h_k = T p_k (1 - p_k), \quad \max(2\, T p_k (1 - p_k), 10^{-16}), \quad \frac{K}{K - 1} T p_k (1 - p_k)

    each times the row's weight, for the target :math:`t` with the sum :math:`T`, which is 1 for a class without class
    weights.

    Parameters
    ----------
    library : {"xgboost", "lightgbm", "catboost"}
        Who calls the objective: the training functions as well as the estimators.
    api : {"native", "sklearn"}, optional
        How it is called, which need not be said: both are served, and told apart by the arguments.
    hessian : {"exact", "xgboost", "lightgbm"}, default "exact"
        The rule of the second derivative: as it is, or as the library takes it. For CatBoost "exact" is the whole
        matrix :math:`T (\mathrm{diag}(p) - p p^T)`, which is its own rule; the others are diagonal.
    class_weight : array_like, shape (K,), or dict, optional
        Finite, not negative; 1 for each class by default.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes.
    n_threads : int, optional
        The most threads to use, `fastxent.get_num_threads` by default.

    Returns
    -------
    objective
        "xgboost": ``objective(preds, dtrain)`` or ``objective(y_true, y_pred, sample_weight=None)``; "lightgbm":
        ``objective(preds, dataset)`` or ``objective(y_true, y_pred, sample_weight)``; both return (gradient, second
        derivative) in float32, new arrays of the scores' shape (n, K) and memory order. "catboost": an object with
        ``calc_ders_multi(approxes, target, weight)``. It can be pickled, and one can serve several fits at once.

    Raises
    ------
    TypeError, ValueError
        Here, if an option is of the wrong type or out of its range; in training, if a label is no class, if there is no
        column of scores for each class, or if the class weights are not one for each class.

    See Also
    --------
    softmax_metric : The mean loss as an evaluation metric.
    sigmoid_objective : For two classes, with one score a row.
    start_scores : What the libraries' own objectives start from.

    Notes
    -----
    The weights of the data set are applied here, once: no library applies them to an objective that is not its own.

    The libraries have to be told the number of classes: ``num_class`` for the native interfaces of XGBoost and
    LightGBM; ``classes_count``, or ``eval_metric="MultiClass"``, for CatBoost. For the predictions to be those of the
    library's own objective, both have to start from the same scores: from 0, by ``base_score=0.5`` for XGBoost and
    ``boost_from_average=False`` for LightGBM, or from `start_scores`. XGBoost also takes the objective's name, which
    says how scores are turned into probabilities, the first one included: ``{"objective": "multi:softprob"}``. Its own
    objective rounds in float32, and these derivatives are more exact: in deep trees a split that is nearly a tie may
    then fall the other way.

    CatBoost asks for one row at a time, and a round takes about twice as long as one with its own objective.

    Labels are checked in each round, as the library hands them over. LightGBM has made 0 of a NaN by then.

    References
    ----------
    .. [1] T. Chen and C. Guestrin, "XGBoost: A scalable tree boosting system", KDD, 2016, section 2.2.
    .. [2] G. Ke et al., "LightGBM: A highly efficient gradient boosting decision tree", NeurIPS, 2017.
    .. [3] J. H. Friedman, "Greedy function approximation: A gradient boosting machine", Annals of Statistics 29, 2001,
       section 4.6.

    Examples
    --------
    The objective with three rows of scores, as `XGBClassifier(objective=...)` calls it:

    >>> import numpy as np
    >>> from fastxent.boosting import softmax_objective
    >>> objective = softmax_objective("xgboost", hessian="xgboost")
    >>> labels = np.array([0, 1, 1], dtype=np.float32)
    >>> scores = np.array([[0, 0], [0, 2], [3, 0]], dtype=np.float32)
    >>> grad, hess = objective(labels, scores, sample_weight=np.float32([1, 1, 2]))
    >>> np.round(grad, 3)
    array([[-0.5  ,  0.5  ],
           [ 0.119, -0.119],
           [ 1.905, -1.905]], dtype=float32)
    >>> np.round(hess, 3)
    array([[0.5  , 0.5  ],
           [0.21 , 0.21 ],
           [0.181, 0.181]], dtype=float32)
    """
    rule = hessian_of(hessian, RULES)
    return adapted(SoftmaxLoss(*checked(class_weight, label_smoothing, n_threads), rule), library, api, OBJECTIVES)


@overload
def sigmoid_objective(
    library: Literal["xgboost"], api: Api | None = ..., **options: Unpack[ObjectiveOptions]
) -> _xgboost.Objective: ...


@overload
def sigmoid_objective(
    library: Literal["lightgbm"], api: Api | None = ..., **options: Unpack[ObjectiveOptions]
) -> _lightgbm.Objective: ...


@overload
def sigmoid_objective(
    library: Literal["catboost"], api: Api | None = ..., **options: Unpack[ObjectiveOptions]
) -> _catboost.Objective: ...


def sigmoid_objective(
    library: Library, api: Api | None = None, *, hessian: str = "exact", class_weight: ClassWeight | None = None,
    label_smoothing: float = 0.0, n_threads: int | None = None,
) -> AnyObjective:  # fmt: skip
    r"""Sigmoid cross entropy as the objective of a gradient boosting library: two classes, and one score a row.

    Trees are fitted to the derivatives of the loss of `fastxent.sigmoid_cross_entropy` with respect to the score. With
    :math:`p = \sigma(x)` and weights :math:`w_0`, :math:`w_1` of the classes they are [1]_

    .. math::

       g = w_0 (1 - t)\, p - w_1 t\, (1 - p), \qquad h = (w_0 (1 - t) + w_1 t)\, p (1 - p)

    times the row's weight.

    Parameters
    ----------
    library, api
        As `softmax_objective` takes them.
    hessian : {"exact", "xgboost", "lightgbm"}, default "exact"
        The rule of the second derivative. For one score the libraries take it as it is, but XGBoost has a floor of
        1e-16 under it.
    class_weight : array_like, shape (2,), or dict, optional
        Of the labels 0 and 1: finite, positive; 1 by default.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is split evenly between 0 and 1.
    n_threads
        As `softmax_objective` takes it.

    Returns
    -------
    objective
        As `softmax_objective` returns it, for scores of shape (n,) and labels in [0, 1]; for XGBoost also for scores
        and labels of shape (n, K), of K labels that do not exclude each other. "catboost": an object with
        ``calc_ders_range(approxes, targets, weights)``.

    Raises
    ------
    TypeError, ValueError
        Here, if an option is of the wrong type or out of its range; in training, if a label is outside [0, 1].

    See Also
    --------
    sigmoid_metric : The mean loss as an evaluation metric.
    softmax_objective : For more than two classes, with notes on weights, base scores and predictions.

    References
    ----------
    .. [1] T. Chen and C. Guestrin, "XGBoost: A scalable tree boosting system", KDD, 2016, section 2.2.

    Examples
    --------
    As ``CatBoostClassifier(loss_function=...)`` calls it, which maximises minus the loss:

    >>> import numpy as np
    >>> from fastxent.boosting import sigmoid_objective
    >>> objective = sigmoid_objective("catboost")
    >>> np.round(objective.calc_ders_range(np.array([0.0, 2.0, -1.0]), np.float32([1, 1, 0]), None), 3)
    array([[ 0.5  , -0.25 ],
           [ 0.119, -0.105],
           [-0.269, -0.197]])
    """
    rule = hessian_of(hessian, RULES)
    options = checked(class_weight, label_smoothing, n_threads, binary=True)
    return adapted(SigmoidLoss(*options, rule), library, api, OBJECTIVES)


@overload
def focal_objective(
    library: Literal["xgboost"], api: Api | None = ..., **options: Unpack[FocalObjectiveOptions]
) -> _xgboost.Objective: ...


@overload
def focal_objective(
    library: Literal["lightgbm"], api: Api | None = ..., **options: Unpack[FocalObjectiveOptions]
) -> _lightgbm.Objective: ...


@overload
def focal_objective(
    library: Literal["catboost"], api: Api | None = ..., **options: Unpack[FocalObjectiveOptions]
) -> _catboost.Objective: ...


def focal_objective(
    library: Library, api: Api | None = None, *, gamma: float = 2.0, alpha: ArrayLike | None = None,
    hessian: str = "gauss_newton", class_weight: ClassWeight | None = None, label_smoothing: float = 0.0,
    n_threads: int | None = None,
) -> AnyObjective:  # fmt: skip
    r"""Focal loss as the objective of a gradient boosting library: less weight on rows that are right already.

    A row whose label has the probability :math:`p_y` has the loss :math:`\varphi(L)`, in which
    :math:`L = -\log p_y` is its cross entropy [1]_, and the derivatives

    .. math::

       \varphi(L) &= (1 - e^{-L})^\gamma L \\
       g_k &= \varphi'(L)\, (p_k - [k = y]) \\
       h_k &= \varphi'(L)\, p_k (1 - p_k) + \varphi''(L)\, (p_k - [k = y])^2

    times its weight, the class's weight and :math:`\alpha_y`. The second part of :math:`h_k` makes it negative for rows
    that are very wrong. The Gauss-Newton rule leaves it out [2]_: what remains is positive, and near the optimum nearly
    the same.

    Parameters
    ----------
    library, api
        As `softmax_objective` takes them.
    gamma : float, default 2.0
        The focusing parameter: finite, not negative. With 0 the loss is the cross entropy.
    alpha : array_like, shape () or (K,), optional
        A factor of each class's loss, which does not count in the mean of `focal_metric`. For one score a row a number
        in [0, 1], the factor of the label 1, where that of 0 is `1 - alpha`.
    hessian : {"gauss_newton", "exact", "xgboost", "lightgbm"}, default "gauss_newton"
        The rule of the second derivative: Gauss-Newton; the exact one, but at least 1e-16; Gauss-Newton with the
        factor and the floor that the library has in `softmax_objective`.
    class_weight : array_like, shape (K,), or dict, optional
        Finite, not negative; 1 for each class by default. For one score a row two weights, positive.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes. Only with ``hessian="exact"``, since
        the Gauss-Newton rule is for rows with one class.
    n_threads
        As `softmax_objective` takes it.

    Returns
    -------
    objective
        As `softmax_objective` returns it. Scores of shape (n, K) are those of K classes that exclude each other (the
        loss of `fastxent.softmax_focal_loss`), scores of shape (n,) those of the label 1
        (`fastxent.sigmoid_focal_loss`).

    Raises
    ------
    TypeError, ValueError
        Here, if an option is of the wrong type or out of its range; in training, if a label is no class, if `alpha` or
        the class weights do not fit the number of classes, or if CatBoost is to train several classes with
        ``hessian="exact"``.

    See Also
    --------
    focal_metric : The mean loss as an evaluation metric.
    softmax_objective : The cross entropy, with notes on weights, base scores and predictions.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal loss for dense object detection", ICCV, 2017,
       section 3.
    .. [2] N. N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent", Neural
       Computation 14, 2002, section 3.

    Examples
    --------
    As `LGBMClassifier(objective=...)` calls it. The row that is nearly right hardly counts:

    >>> import numpy as np
    >>> from fastxent.boosting import focal_objective
    >>> objective = focal_objective("lightgbm", gamma=2)
    >>> grad, hess = objective(np.float32([1, 1, 0]), np.array([0.0, 4.0, 4.0]), None)
    >>> np.round(grad, 3)
    array([-0.298, -0.   ,  1.086], dtype=float32)
    >>> np.round(hess, 3)
    array([0.149, 0.   , 0.02 ], dtype=float32)
    """
    rule = hessian_of(hessian, ("gauss_newton", *RULES))
    options = checked(class_weight, label_smoothing, n_threads)
    if label_smoothing and rule != "exact":
        raise ValueError(
            f'label_smoothing = {label_smoothing}, but hessian = "{rule}" is for rows with one class; use "exact"'
        )
    loss = FocalLoss(_check.gamma_of(gamma), alpha_of(alpha), *options, rule)
    return adapted(loss, library, api, OBJECTIVES)

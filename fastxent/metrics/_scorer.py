"""The log loss as one of scikit-learn's scorers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import make_scorer

from fastxent._types import Array
from fastxent.metrics._log_loss import log_loss


class ClassScorer(type(make_scorer(log_loss))):  # type: ignore[misc]
    """One of scikit-learn's scorers, which passes the estimator's classes on as `labels`, where `y_true` has labels."""

    def _score(self, method_caller: Callable[..., Any], estimator: Any, X: Any, y_true: Any, **kwargs: Any) -> float:
        classes = getattr(estimator, "classes_", None)
        if isinstance(classes, np.ndarray) and classes.ndim == 1 and np.ndim(y_true) == 1 and "labels" not in kwargs:
            order = classes.argsort()
            kwargs["labels"] = classes[order]
            method_caller = partial(in_order, order, method_caller)
        score: float = super()._score(method_caller, estimator, X, y_true, **kwargs)
        return score


def in_order(order: Array, method_caller: Callable[..., Any], *args: Any, **kwargs: Any) -> Array:
    """Probabilities of the sorted classes, as `log_loss` takes them; of two classes those of the last one alone."""
    probs: Array = method_caller(*args, **kwargs)
    if (order[1:] > order[:-1]).all():
        return probs
    return 1 - probs if probs.ndim == 1 else probs[:, order]


neg_log_loss_scorer = ClassScorer(log_loss, -1, {}, "predict_proba")
neg_log_loss_scorer.__doc__ = r"""Scorer of classifiers by `log_loss`, for `cross_val_score` and the like.

A drop-in for ``scoring="neg_log_loss"``: called as ``scorer(estimator, X, y_true, sample_weight=None)``, it returns
:math:`-L` of the estimator's `predict_proba`, so that more is better [1]_.

In addition it passes ``estimator.classes_`` as `labels`. A fold in which a class does not occur has its score, where
scikit-learn's gives nan; one with a class that the estimator has never seen has none, where scikit-learn's may take
the class for another one. Columns follow ``estimator.classes_``, also where these are not sorted.

Returns
-------
float
    In nats, not positive.

Raises
------
TypeError, ValueError
    As `log_loss` does, and if the estimator has no `predict_proba` (AttributeError) or knows one class only.

Notes
-----
``set_score_request`` changes the scorer that it is called on, as scikit-learn's does, of which ``get_scorer`` makes a
copy: with metadata routing, ``copy.deepcopy(neg_log_loss_scorer).set_score_request(sample_weight=True)``.

See Also
--------
log_loss : The loss, with every option.

References
----------
.. [1] scikit-learn's user guide, "Metrics and scoring: quantifying the quality of predictions", section "The scoring
   parameter".

Examples
--------
>>> from sklearn.datasets import load_iris
>>> from sklearn.dummy import DummyClassifier
>>> from sklearn.model_selection import cross_val_score
>>> from fastxent.metrics import neg_log_loss_scorer
>>> X, y = load_iris(return_X_y=True)
>>> scores = cross_val_score(DummyClassifier(), X, y, scoring=neg_log_loss_scorer)  # -log(3), for three classes
>>> round(float(scores.mean()), 4)
-1.0986
"""

"""scikit-learn's callbacks, which it has from 1.9 on: they are called after each iteration of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastxent._types import Array

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
    from sklearn.callback import with_callbacks
except ImportError:
    with_callbacks = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """An estimator without callbacks."""


FRAMES = 0 if with_callbacks is None else 1  # that `calling_back` puts between a caller and the method
Fit = TypeVar("Fit", bound=Callable[..., Any])
Attributes = Callable[[], dict[str, Any]]


def calling_back(fit: Fit) -> Fit:
    """A fit after which callbacks are torn down, whether it succeeds or not."""
    managed: Fit = fit if with_callbacks is None else with_callbacks(fit)
    return managed


class Iterations:
    """The tasks of a fit as callbacks see them: the fit itself, and each iteration of L-BFGS below it.

    As in scikit-learn's own classifier a task is begun when the one before it ends, so that a last one is empty.
    """

    def __init__(self, estimator: Any, X: Any, y: Array, sample_weight: Any, max_iter: int) -> None:
        self.estimator = estimator
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.whole = estimator._init_callback_context(max_subtasks=max_iter + 1)
        self.whole.call_on_fit_task_begin(**self.data)
        self.current: Any = None

    @classmethod
    def of(cls, estimator: Any, X: Any, y: Array, sample_weight: Any, max_iter: int) -> Iterations | None:
        """None for an estimator that has no callbacks."""
        return cls(estimator, X, y, sample_weight, max_iter) if getattr(estimator, "_skl_callbacks", None) else None

    def begin(self, attributes: Attributes) -> None:
        self.current = self.whole.subcontext(task_name="lbfgs-iter")
        self.current.call_on_fit_task_begin(**self.data, reconstruction_attributes=attributes)

    def __call__(self, attributes: Attributes) -> bool:
        """End an iteration with this model; whether a callback asks to stop."""
        stop = self.current.call_on_fit_task_end(**self.data, reconstruction_attributes=attributes)
        self.begin(attributes)
        return bool(stop)

    def end(self) -> None:
        """End the fit, whose estimator has its attributes."""
        self.current.call_on_fit_task_end(estimator=self.estimator)
        self.whole.call_on_fit_task_end(**self.data, reconstruction_attributes={})

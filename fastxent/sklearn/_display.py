"""Reliability diagrams, drawn with matplotlib in the manner of scikit-learn's displays."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from fastxent import _check
from fastxent._types import Array
from fastxent.sklearn._reliability import bins_of, check_options, prediction_of, weight_of

DIAGONAL = "Perfectly calibrated"


class ReliabilityDisplay:
    r"""Reliability diagram: how often predictions come true against how probable they were said to be.

    Samples are sorted into bins :math:`B` by their predicted probability. Each bin is drawn at the mean of these and
    at the share of the predictions that came true; on the diagonal they are calibrated. The distance from it, averaged
    over the samples, is the expected calibration error [1]_

    .. math:: \mathrm{ECE} = \sum_B \frac{|B|}{n} \, \bigl| \mathrm{true}(B) - \mathrm{predicted}(B) \bigr|.

    For two classes the prediction is the positive class, as in `sklearn.calibration.CalibrationDisplay`; for more it is
    the most probable class, whose probability is then called the confidence and whose share the accuracy. Use
    `from_estimator` or `from_predictions`; matplotlib is imported when something is drawn.

    Parameters
    ----------
    prob_true : ndarray of shape (n_filled,)
        For each bin with samples: the share of predictions that came true.
    prob_pred : ndarray of shape (n_filled,)
        The mean predicted probability.
    y_prob : ndarray of shape (n_samples,)
        The predicted probability of each sample.
    estimator_name : str, default=None
        For the legend.
    pos_label : int, float, bool or str, default=None
        The positive class, for the labels of the axes.
    bin_weight : ndarray of shape (n_filled,), default=None
        The number of samples in each of these bins, or the sum of their weights; for the error and the bars.
    bin_edges : ndarray of shape (n_filled, 2), default=None
        The lower and the upper edge of each of these bins; for the bars.
    top_label : bool, default=False
        Whether the most probable class is predicted, so that the labels of the axes say confidence and accuracy.

    Attributes
    ----------
    line_ : matplotlib Artist
        The curve.
    bars_ : matplotlib BarContainer or None
        The shares of the samples in the bins, if they are drawn.
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of that.

    See Also
    --------
    TemperatureScaling : Calibrates.
    sklearn.calibration.CalibrationDisplay : For two classes, without weights and the error; drawn with the same texts.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML, 2017,
       section 2.

    Examples
    --------
    >>> from fastxent.sklearn import ReliabilityDisplay
    >>> y_prob = [[0.9, 0.1, 0.0], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.3, 0.6, 0.1]]
    >>> display = ReliabilityDisplay.from_predictions(["cat", "dog", "eel", "dog"], y_prob, n_bins=2)
    >>> display.prob_pred, display.prob_true, display.bin_weight
    (array([0.5       , 0.76666667]), array([0., 1.]), array([1, 3]))
    >>> round(display.expected_calibration_error, 3)
    0.3
    """

    def __init__(
        self, prob_true: Array, prob_pred: Array, y_prob: Array, *, estimator_name: str | None = None,
        pos_label: Any = None, bin_weight: Array | None = None, bin_edges: Array | None = None,
        top_label: bool = False,
    ) -> None:  # fmt: skip
        self.prob_true = prob_true
        self.prob_pred = prob_pred
        self.y_prob = y_prob
        self.estimator_name = estimator_name
        self.pos_label = pos_label
        self.bin_weight = bin_weight
        self.bin_edges = bin_edges
        self.top_label = top_label

    @property
    def expected_calibration_error(self) -> float:
        """The distance from the diagonal, averaged over the samples.

        Raises
        ------
        ValueError
            Without the `bin_weight`.
        """
        if self.bin_weight is None:
            raise ValueError("the error needs bin_weight, how many samples each bin has, but there is none")
        return float(np.average(np.abs(np.subtract(self.prob_true, self.prob_pred)), weights=self.bin_weight))

    def plot(
        self, *, ax: Any = None, name: str | None = None, ref_line: bool = True, bars: bool = False,
        ece: bool | None = None, **kwargs: Any,
    ) -> Self:  # fmt: skip
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. By default a new figure is made.
        name : str, default=None
            For the legend. By default `estimator_name`.
        ref_line : bool, default=True
            Whether to draw the diagonal.
        bars : bool, default=False
            Whether to draw, as bars from the bottom, the share of the samples in each bin.
        ece : bool, default=None
            Whether the legend gives the expected calibration error behind the name; by default where the most probable
            class is predicted.
        **kwargs : dict
            Passed on to `matplotlib.pyplot.plot`.

        Returns
        -------
        ReliabilityDisplay
            This object.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If `bin_weight` or `bin_edges` are missing for what is to be drawn.
        """
        if bars:
            self._bins()  # raises without them
        error = self._error() if (self.top_label and self.bin_weight is not None if ece is None else ece) else None
        ax = new_axes() if ax is None else ax
        self.ax_, self.figure_ = ax, ax.figure
        if ref_line and DIAGONAL not in ax.get_legend_handles_labels()[1]:
            ax.plot([0, 1], [0, 1], "k:", label=DIAGONAL)
        name = self.estimator_name if name is None else name
        label = name if error is None else error if name is None else f"{name} ({error})"
        style = {"marker": "s", "linestyle": "-"} | ({} if label is None else {"label": label})
        self.line_ = ax.plot(self.prob_pred, self.prob_true, **without_aliases(style, kwargs), **kwargs)[0]
        self.bars_ = self._draw_bars() if bars else None
        positive = "" if self.pos_label is None else f"(Positive class: {self.pos_label})"  # as scikit-learn has it
        ax.set(
            xlabel="Mean confidence" if self.top_label else f"Mean predicted probability {positive}",
            ylabel="Accuracy" if self.top_label else f"Fraction of positives {positive}",
        )
        ax.legend(loc="upper left" if bars else "lower right")
        return self

    def _error(self) -> str:
        return f"ECE = {self.expected_calibration_error:.3f}"

    def _bins(self) -> tuple[Array, Array]:
        if self.bin_weight is None or self.bin_edges is None:
            raise ValueError("bars = True needs bin_weight and bin_edges, but there are none")
        return self.bin_weight, self.bin_edges

    def _draw_bars(self) -> Any:
        """The share of the samples in each bin, over its width."""
        weight, edges = self._bins()
        lower, upper = edges.T
        shares = weight / weight.sum()
        style = {"align": "edge", "color": self.line_.get_color(), "alpha": 0.2, "zorder": 0}
        return self.ax_.bar(lower, shares, upper - lower, **style)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, *, sample_weight: ArrayLike | None = None, n_bins: int = 5,
        strategy: str = "uniform", pos_label: Any = None, name: str | None = None, ax: Any = None,
        ref_line: bool = True, bars: bool = False, ece: bool | None = None, **kwargs: Any,
    ) -> Self:  # fmt: skip
        """Draw the diagram of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted, with a ``predict_proba``; or a pipeline that ends in one.
        X : array-like of shape (n_samples, n_features)
            What the estimator takes.
        y : array-like of shape (n_samples,)
            The true classes.
        sample_weight, n_bins, strategy
            As `from_predictions` takes them.
        pos_label : int, float, bool or str, default=None
            Which of two classes is the positive one; by default the second. Of more there is none.
        name : str, default=None
            For the legend; by default the name of the estimator's class.
        ax, ref_line, bars, ece, **kwargs
            As `plot` takes them.

        Returns
        -------
        ReliabilityDisplay
            What was computed and drawn.

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError, ValueError
            As `from_predictions` does.
        """
        prob, classes = estimator.predict_proba(X), estimator.classes_
        options: dict[str, Any] = {"classes": classes}
        if len(classes) == 2:
            pos_label = classes[1] if pos_label is None else pos_label
            if pos_label not in classes:
                raise ValueError(f"pos_label = {pos_label!r} is not a class of the estimator: {classes}")
            prob, options = np.asarray(prob)[:, list(classes).index(pos_label)], {}
        return cls.from_predictions(
            y, prob, sample_weight=sample_weight, n_bins=n_bins, strategy=strategy, pos_label=pos_label,
            name=type(estimator).__name__ if name is None else name, ax=ax, ref_line=ref_line, bars=bars, ece=ece,
            **options, **kwargs,
        )  # fmt: skip

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, y_prob: ArrayLike, *, sample_weight: ArrayLike | None = None, n_bins: int = 5,
        strategy: str = "uniform", pos_label: Any = None, classes: ArrayLike | None = None, name: str | None = None,
        ax: Any = None, ref_line: bool = True, bars: bool = False, ece: bool | None = None, **kwargs: Any,
    ) -> Self:  # fmt: skip
        """Draw the diagram of given predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            The true classes.
        y_prob : array-like of shape (n_samples,), (n_samples, 1) or (n_samples, n_classes)
            The predicted probabilities: of the positive class, or of all classes, of which the most probable is then
            the prediction.
        sample_weight : array-like of shape (n_samples,), default=None
            Finite, not negative; 1 by default.
        n_bins : int, default=5
            The number of bins; those without samples are left out.
        strategy : {"uniform", "quantile"}, default="uniform"
            Whether the bins have equal widths or equal numbers of samples. With weights, quantiles are samples.
        pos_label : int, float, bool or str, default=None
            The positive class; by default 1, where `y_true` holds 0 and 1 or -1 and 1.
        classes : array-like of shape (n_classes,), default=None
            The classes of the columns of `y_prob`; by default the sorted classes of `y_true`.
        name : str, default=None
            For the legend; by default "Classifier".
        ax, ref_line, bars, ece, **kwargs
            As `plot` takes them.

        Returns
        -------
        ReliabilityDisplay
            What was computed and drawn.

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError
            If `n_bins` is no integer, or an argument no array of numbers.
        ValueError
            If a probability is outside [0, 1]; if shapes, classes, weights or options do not fit.
        """
        n_bins = check_options(n_bins, strategy)
        _check.refuse_dask(y_true, "y_true")
        happened, prob, pos_label = prediction_of(y_true, y_prob, pos_label, classes)
        bins = bins_of(happened, prob, weight_of(sample_weight, len(prob)), n_bins, strategy)
        display = cls(
            bins.prob_true, bins.prob_pred, prob, estimator_name="Classifier" if name is None else name,
            pos_label=pos_label, bin_weight=bins.weight, bin_edges=bins.edges, top_label=pos_label is None,
        )  # fmt: skip
        return display.plot(ax=ax, ref_line=ref_line, bars=bars, ece=ece, **kwargs)


def new_axes() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("fastxent.sklearn.ReliabilityDisplay needs matplotlib: pip install fastxent[plot]") from error
    return plt.subplots()[1]


def without_aliases(style: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The style without what is given, under its own name or matplotlib's short one."""
    short = {"linestyle": "ls"}
    return {key: value for key, value in style.items() if key not in given and short.get(key) not in given}

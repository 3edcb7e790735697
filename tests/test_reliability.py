"""ReliabilityDisplay: beside scikit-learn's CalibrationDisplay, by hand, and as it is drawn."""

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.calibration import CalibrationDisplay
from sklearn.linear_model import LogisticRegression

from fastxent.sklearn import ReliabilityDisplay
from tests.interpreter import interpreted
from tests.samples import drawn

mpl.use("Agg")
import matplotlib.pyplot as plt  # the backend has to be chosen first

strategies = pytest.mark.parametrize("strategy", ["uniform", "quantile"])


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def binary(rng):
    """Targets and probabilities of the positive class, the ends and the edges of bins among them."""
    prob = np.concatenate([rng.random(300), [0.0, 0.2, 0.5, 1.0]])
    return (rng.random(304) < prob**1.5).astype(int), prob


@pytest.fixture
def multiclass(rng):
    prob = rng.dirichlet([0.5] * 4, size=500)
    return np.array(["a", "b", "c", "d"])[drawn(np.log(prob) / 2, rng)], prob


def assert_same_bins(ours, theirs):
    """Means of up to some 300 numbers in [0, 1], which may be added in another order."""
    np.testing.assert_allclose(ours.prob_true, theirs.prob_true, rtol=1e-14)
    np.testing.assert_allclose(ours.prob_pred, theirs.prob_pred, rtol=1e-14)


@strategies
@pytest.mark.parametrize("n_bins", [1, 5, 10, 60])
def test_two_classes_are_binned_as_by_scikit_learn(strategy, n_bins, binary):
    options = {"n_bins": n_bins, "strategy": strategy}
    ours, theirs = (d.from_predictions(*binary, **options) for d in (ReliabilityDisplay, CalibrationDisplay))
    assert_same_bins(ours, theirs)
    assert ours.bin_weight.sum() == 304
    assert ((ours.bin_edges[:, 0] <= ours.prob_pred + 1e-15) & (ours.prob_pred <= ours.bin_edges[:, 1] + 1e-15)).all()


def test_a_column_of_probabilities_is_that_of_the_positive_class(binary):
    y, prob = binary
    ours = [ReliabilityDisplay.from_predictions(y, p) for p in (prob, np.asarray(prob)[:, None])]
    np.testing.assert_array_equal(ours[1].prob_true, ours[0].prob_true)
    assert ours[1].pos_label == ours[0].pos_label == 1


@pytest.mark.parametrize("pos_label", [None, "no", "yes"])
def test_a_classifier_of_two_classes_is_shown_as_by_scikit_learn(pos_label, rng):
    X = rng.standard_normal((200, 3))
    y = np.where(X[:, 0] + rng.standard_normal(200) > 0, "yes", "no")
    classifier = LogisticRegression().fit(X, y)
    ours, theirs = (
        d.from_estimator(classifier, X, y, pos_label=pos_label) for d in (ReliabilityDisplay, CalibrationDisplay)
    )
    assert_same_bins(ours, theirs)
    assert ours.pos_label == theirs.pos_label
    assert ours.estimator_name == "LogisticRegression"
    for axis in ("get_xlabel", "get_ylabel"):
        assert getattr(ours.ax_, axis)() == getattr(theirs.ax_, axis)()


@pytest.mark.parametrize("pos_label", [None, 0, "yes"])
def test_what_is_made_by_hand_has_the_texts_of_scikit_learn(pos_label):
    ours, theirs = (
        d([0.1, 0.9], [0.2, 0.8], [0.2, 0.8], estimator_name="model", pos_label=pos_label).plot()
        for d in (ReliabilityDisplay, CalibrationDisplay)
    )
    for axis in ("get_xlabel", "get_ylabel"):
        assert getattr(ours.ax_, axis)() == getattr(theirs.ax_, axis)()
    assert ours.ax_.get_legend_handles_labels()[1] == theirs.ax_.get_legend_handles_labels()[1]
    top = ReliabilityDisplay([0.1, 0.9], [0.2, 0.8], [0.2, 0.8], bin_weight=np.array([1, 3]), top_label=True).plot()
    assert (top.ax_.get_xlabel(), top.line_.get_label()) == ("Mean confidence", "ECE = 0.100")


def test_of_many_classes_the_most_probable_is_predicted(multiclass):
    y, prob = multiclass
    top = prob.argmax(axis=1)
    want = ReliabilityDisplay.from_predictions((np.array(list("abcd"))[top] == y).astype(int), prob.max(axis=1))
    got = ReliabilityDisplay.from_predictions(y, prob)
    for name in ("prob_true", "prob_pred", "bin_weight", "bin_edges", "y_prob"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
    assert (got.ax_.get_xlabel(), got.ax_.get_ylabel()) == ("Mean confidence", "Accuracy")


def test_the_error_is_the_mean_distance_from_the_diagonal():
    display = ReliabilityDisplay.from_predictions([0, 1, 1, 1], [0.1, 0.3, 0.8, 0.6], n_bins=2)
    np.testing.assert_allclose([display.prob_true, display.prob_pred], [[0.5, 1.0], [0.2, 0.7]], rtol=1e-15)
    np.testing.assert_allclose(display.expected_calibration_error, 0.3, rtol=1e-15)
    uneven = ReliabilityDisplay.from_predictions([0, 1, 1, 1], [0.1, 0.3, 0.4, 0.6], n_bins=2)
    np.testing.assert_allclose(uneven.expected_calibration_error, (3 * (2 / 3 - 0.8 / 3) + 0.4) / 4, rtol=1e-15)


def test_of_what_is_drawn_from_the_probabilities_the_error_vanishes(rng):
    prob = rng.dirichlet([1.0] * 3, size=100_000)
    y = drawn(np.log(prob), rng)
    display = ReliabilityDisplay.from_predictions(y, prob)
    # a bin of n samples is off by sqrt(p (1 - p) / n), normally distributed; three times the mean of all bins
    deviation = np.sqrt(display.prob_pred * (1 - display.prob_pred) / display.bin_weight)
    mean = np.sqrt(2 / np.pi) * np.average(deviation, weights=display.bin_weight)
    assert display.expected_calibration_error < 3 * mean


def test_weights_are_repeated_samples(binary, rng):
    y, prob = binary
    weight = rng.integers(0, 4, len(y))
    got = ReliabilityDisplay.from_predictions(y, prob, sample_weight=weight)
    want = ReliabilityDisplay.from_predictions(np.repeat(y, weight), np.repeat(prob, weight))
    for name in ("prob_true", "prob_pred", "bin_weight", "expected_calibration_error"):
        np.testing.assert_allclose(getattr(got, name), getattr(want, name), rtol=1e-13)


def test_quantiles_of_weighted_samples_share_the_weight(binary, rng):
    y, prob = binary
    weight = rng.random(len(y))
    display = ReliabilityDisplay.from_predictions(y, prob, sample_weight=weight, strategy="quantile", n_bins=4)
    # the sample at an edge is on one side of it as a whole
    at_edges = np.array([[weight[prob == edge].sum() for edge in edges] for edges in display.bin_edges])
    assert (np.abs(display.bin_weight - weight.sum() / 4) <= at_edges.max(axis=1)).all()


def test_the_drawing_has_a_curve_a_diagonal_and_a_legend(multiclass):
    y, prob = multiclass
    display = ReliabilityDisplay.from_predictions(y, prob, name="model", color="red", ls="--", n_bins=7)
    assert display.figure_ is display.ax_.figure
    np.testing.assert_array_equal(display.line_.get_xydata(), np.column_stack([display.prob_pred, display.prob_true]))
    assert (display.line_.get_color(), display.line_.get_linestyle(), display.line_.get_marker()) == ("red", "--", "s")
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["Perfectly calibrated", f"model (ECE = {display.expected_calibration_error:.3f})"]


def test_the_legend_gives_the_error_where_it_is_asked_for(binary, multiclass):
    def label(data, **options):
        return ReliabilityDisplay.from_predictions(*data, **options).line_.get_label()

    assert label(binary) == label(multiclass, ece=False) == "Classifier"
    assert label(binary, ece=True, name="model").startswith("model (ECE = 0.")
    by_hand = ReliabilityDisplay([0.1, 0.9], [0.2, 0.8], [0.2, 0.8]).plot()
    assert by_hand.line_.get_label().startswith("_")
    plt.close("all")
    for options in ({"ece": True}, {"bars": True}):
        with pytest.raises(ValueError, match="needs bin_weight"):
            by_hand.plot(**options)
    assert not plt.get_fignums()


def test_curves_on_the_same_axes_share_the_diagonal(multiclass):
    first = ReliabilityDisplay.from_predictions(*multiclass)
    second = ReliabilityDisplay.from_predictions(*multiclass, ax=first.ax_, name="again")
    assert second.ax_ is first.ax_
    assert len(first.ax_.lines) == 3
    assert len(ReliabilityDisplay.from_predictions(*multiclass, ref_line=False).ax_.lines) == 1


@strategies
def test_bars_are_the_shares_of_the_samples(strategy, multiclass):
    display = ReliabilityDisplay.from_predictions(*multiclass, bars=True, strategy=strategy)
    np.testing.assert_array_equal([bar.get_height() for bar in display.bars_], display.bin_weight / 500)
    np.testing.assert_array_equal([bar.get_x() for bar in display.bars_], display.bin_edges[:, 0])
    assert display.plot().bars_ is None


@pytest.mark.parametrize(
    "y, prob, options, message",
    [
        ([0, 1], [0.5, 1.5], {}, r"y_prob\[1\] = 1.5"),
        ([0, 1], [np.nan, 0.5], {}, r"y_prob\[0\] = nan"),
        ([0, 1, 2], [0.5, 0.5, 0.5], {}, "3 classes"),
        (["a", "b"], [0.5, 0.5], {}, "pos_label"),
        ([0, 1], [0.5, 0.5], {"pos_label": 2}, "pos_label = 2"),
        ([0, 1], [[0.5, 0.5]] * 2, {"pos_label": 1}, "pos_label = 1"),
        ([0, 1], [0.5, 0.5], {"classes": [0, 1]}, "classes"),
        ([0, 1], [[0.5, 0.3, 0.2]] * 2, {}, "there are 2 classes, but scores of 3"),
        ([0, 1], [[[0.5]]] * 2, {}, "shape"),
        ([], [], {}, "empty"),
        ([0, 1], [0.5], {}, "inconsistent"),
        ([0, 1], [0.5, 0.5], {"n_bins": 0}, "n_bins = 0"),
        ([0, 1], [0.5, 0.5], {"n_bins": 2.5}, r"n_bins = 2\.5"),
        ([0, 1], [0.5, 0.5], {"n_bins": 2**63}, "n_bins = 9"),
        ([0, 1], [0.5, 0.5], {"strategy": np.ones(2)}, "strategy = array"),
        ([0, 1], [0.5, 0.5], {"strategy": "equal"}, "strategy = 'equal'"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [1, -1]}, r"sample_weight\[1\] = -1"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [0, 0]}, "sample_weight is zero"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [1, 1, 1]}, "sample_weight has shape"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [1]}, "sample_weight has shape"),
    ],
)
def test_wrong_input_is_named_and_nothing_drawn(y, prob, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ReliabilityDisplay.from_predictions(y, prob, **options)
    assert not plt.get_fignums()


def test_matplotlib_is_imported_to_draw_and_its_lack_is_named():
    code = """
import sys
sys.modules["matplotlib"] = None
from fastxent.sklearn import ReliabilityDisplay, TemperatureScaling
try:
    ReliabilityDisplay.from_predictions([0, 1], [0.2, 0.7])
except ImportError as error:
    print(error)
"""
    assert "pip install fastxent[plot]" in interpreted(code).stdout

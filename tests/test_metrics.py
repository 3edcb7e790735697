"""`fastxent.metrics` beside scikit-learn: the same value, warnings and errors for the same arguments.

test_metrics_options.py tests what scikit-learn does not have.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn.metrics

from fastxent.metrics import _log_loss, _predictions, d2_log_loss_score, log_loss
from tests.layouts import byte_swapped, read_only

THIRD = np.full((4, 3), 1 / 3)
P2 = np.array([[0.3, 0.7], [0.6, 0.4], [0.4, 0.6], [0.7, 0.3]])
P3 = np.array([[0.2, 0.7, 0.1], [0.6, 0.2, 0.2], [0.6, 0.1, 0.3], [0.0, 0.0, 1.0]])
Y2 = ["ham", "spam", "spam", "ham"]
Y3 = [0, 1, 2, 2]
NAN, INF = float("nan"), float("inf")


# Arguments of both, each in the form (y_true, y_proba, options).
ACCEPTED = {
    "lists": (Y2, P2.tolist(), {}),
    "booleans": ([True, False, True, False], P2, {}),
    "bool array": (np.array([True, False, True, False]), P2, {}),
    "integers": (Y3, P3, {}),
    "uint8": (np.array(Y3, np.uint8), P3, {}),
    "int8 from -128 to 127": (np.array([-128, 0, 127, 127], np.int8), P3, {}),
    "large uint64": (np.array([2**63, 2**64 - 1, 2**63 + 5, 2**63], np.uint64), P3, {}),
    "neighbouring large uint64": (np.array([2**64 - 3, 2**64 - 1, 2**64 - 2, 2**64 - 1], np.uint64), P3, {}),
    "the ends of int64": (np.array([-(2**63), 2**63 - 1, 0, 0]), P3, {}),
    "byte-swapped labels": (byte_swapped(np.array(Y3)), P3, {}),
    "strided labels": (np.repeat(Y3, 2)[::2], P3, {}),
    "backward labels": (np.array(Y3)[::-1], P3, {}),
    "read-only": (read_only(np.array(Y3)), read_only(P3), {}),
    "float labels": (np.array([0.0, 1.0, 2.0, 2.0]), P3, {}),
    "float16 labels": (np.array([0.0, 1.0, 2.0, 2.0], np.float16), P3, {}),
    "far float labels": (np.array([-1e15, 1.0, 1e15, 1.0]), P3, {}),
    "minus one and one": ([-1, 1, 1, -1], P2[:, 1], {}),
    "column of labels": (np.array([[0], [1], [2], [2]]), P3, {}),
    "strings": (np.array(["b", "a", "cc", "cc"]), P3, {}),
    "object strings": (np.array(["b", "a", "cc", "cc"], object), P3, {}),
    "numpy strings in an object array": (np.array([np.str_("b"), "a", "cc", "cc"], object), P3, {}),
    "series": (pd.Series(Y2, index=[3, 1, 0, 2]), pd.DataFrame(P2), {}),
    "categorical": (pd.Series(Y2, dtype="category"), pd.DataFrame(P2), {}),
    "nullable integers": (pd.Series(Y3, dtype="Int64"), P3, {}),
    "dates": (np.array(["2020", "2021", "2022", "2022"], "M8[Y]"), P3, {}),
    "float32": (Y3, P3.astype(np.float32), {}),
    "float16": (Y3, P3.astype(np.float16), {}),
    "longdouble": (Y3, P3.astype(np.longdouble), {}),
    "byte-swapped": (Y3, byte_swapped(P3), {}),
    "byte-swapped float32": (Y3, byte_swapped(P3.astype(np.float32)), {}),
    "Fortran order": (Y3, np.asfortranarray(P3), {}),
    "strided": (Y3, np.repeat(P3, 2, axis=1)[:, ::2], {}),
    "integers as probabilities": ([0, 1, 0], [[1, 0], [0, 1], [0, 1]], {}),
    "booleans as probabilities": ([0, 1, 0], np.array([[True, False], [False, True], [False, True]]), {}),
    "one dimension": (Y2, P2[:, 1], {}),
    "one dimension in float32": (Y2, P2[:, 1].astype(np.float32), {}),
    "one dimension in float16": (Y2, P2[:, 1].astype(np.float16), {}),
    "zeros and ones in one dimension": ([0, 1, 1, 0], [0, 1, 0, 1], {}),
    "one column": (Y2, P2[:, 1:], {}),
    "indicator": ([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]], P3, {}),
    "float indicator": ([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]], P3, {}),
    "indicator of several": ([[1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1]], P3, {}),
    "indicator of two columns for one": ([[0, 1], [1, 0], [1, 0], [0, 1]], P2[:, 1], {}),
    "all ones": (np.ones((4, 3), int), THIRD, {}),
    "labels": ([1, 2, 2, 1], P3, {"labels": [1, 2, 3]}),
    "labels of one row": ([2], P3[:1], {"labels": range(3)}),
    "labels in another order": (Y3, P3, {"labels": [2, 0, 1]}),
    "string labels in another order": (Y2, P2, {"labels": np.array(["spam", "ham"])}),
    "a series of labels": (Y2, P2, {"labels": pd.Series(["ham", "spam"])}),
    "float labels for integers": (Y3, P3, {"labels": [0.0, 1.0, 2.0]}),
    "far labels": ([10**12, 0, 0, 10**12], P3, {"labels": [0, 7, 10**12]}),
    "sum": (Y3, P3, {"normalize": False}),
    "numpy bool": (Y3, P3, {"normalize": np.True_}),
    "weights": (Y3, P3, {"sample_weight": [1.0, 0.5, 0.0, 3.0]}),
    "integer weights": (Y3, P3, {"sample_weight": [1, 2, 0, 3]}),
    "boolean weights": (Y3, P3, {"sample_weight": [True, False, True, True]}),
    "negative weights": (Y3, P3, {"sample_weight": [1.0, -0.5, 2.0, -1.0]}),
    "float32 weights": (Y3, P3, {"sample_weight": np.array([1, 2, 3, 4], np.float32)}),
    "series of weights": (Y3, P3, {"sample_weight": pd.Series([1.0, 2.0, 3.0, 4.0])}),
    "weighted sum": (Y3, P3, {"sample_weight": [1.0, -0.5, 2.0, 3.0], "normalize": False}),
    "sums off 1": (Y3, P3 * 0.9, {}),
    "sums just off 1": (Y3, P3 * (1 - 2e-8), {}),
    "sums nearly 1": (Y3, P3 * (1 - 1e-8), {}),
    "one float32 sum off 1": (Y3, (P3 * [[1], [1 - 4e-4], [1], [1]]).astype(np.float32), {}),
    "float32 sums nearly 1": (Y3, (P3 * (1 - 3e-4)).astype(np.float32), {}),
    "float16 sums off 1": (Y3, (P3 * 0.9).astype(np.float16), {}),
    "sums off 1 and labels in another order": (Y3, P3 * 0.9, {"labels": [2, 0, 1]}),
    "indicator with sums off 1": ([[1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1]], P3 * 0.9, {}),
    "the old name": (Y3, None, {"y_pred": P3}),
}
REFUSED = {
    "nothing": (Y3, None, {}),
    "no labels": (None, P3, {}),
    "a string": ("abcd", P3, {}),
    "both names": (Y3, P3, {"y_pred": P3}),
    "normalize=1": (Y3, P3, {"normalize": 1}),
    "scalar": (1, 0.5, {}),
    "scalar probabilities": ([1], np.array(0.5), {}),
    "three dimensions": (Y3, P3[None], {}),
    "empty": ([], [], {}),
    "empty rows": (np.array([], int), np.empty((0, 3)), {}),
    "no columns": (Y3, np.empty((4, 0)), {}),
    "other lengths": (Y3[:3], P3, {}),
    "nan": (Y3, np.where(P3 == 0.7, NAN, P3), {}),
    "inf": (Y3, np.where(P3 == 0.7, INF, P3), {}),
    "above 1": (Y3, np.where(P3 == 0.7, 1.5, P3), {}),
    "just above 1": (Y3, np.where(P3 == 1.0, 1 + 2e-16 + 1e-16, P3), {}),
    "below 0": (Y3, np.where(P3 == 0.7, -1e-300, P3), {}),
    "nan in one dimension": (Y2, [0.1, NAN, 0.2, 0.3], {}),
    "above 1 in one dimension": (Y2, [0.1, 1.1, 0.2, 0.3], {}),
    "below 0 in one column": (Y2, [[0.1], [-0.1], [0.2], [0.3]], {}),
    "nan and other lengths": (Y3[:3], np.where(P3 == 0.7, NAN, P3), {}),
    "complex": (Y3, P3 + 0j, {}),
    "text": (Y3, [["a", "b", "c"]] * 4, {}),
    "ragged": (Y3, [[0.5, 0.5], [1.0], [1.0], [1.0]], {}),
    "sparse probabilities": (Y3, scipy.sparse.csr_array(P3), {}),
    "matrix": (Y3, np.matrix(P3), {}),
    "one class": ([2, 2, 2, 2], P2, {}),
    "one class in one dimension": ([2, 2, 2, 2], P2[:, 0], {}),
    "one class in labels": ([2, 2, 2, 2], P2, {"labels": [2]}),
    "fewer classes": ([0, 1, 1, 0], P3, {}),
    "fewer classes and sums off 1": ([0, 1, 1, 0], P3 * 0.9, {}),
    "more classes": (Y3, P2, {}),
    "more classes than one dimension has": (Y3, P2[:, 0], {}),
    "thousands of classes": (np.arange(4000), np.full((4000, 2), 0.5), {}),
    "fewer labels": ([0, 1, 1, 0], P3, {"labels": [0, 1]}),
    "more labels": ([0, 1, 1, 0], P2, {"labels": [0, 1, 2]}),
    "a label not among labels": (Y3, P3, {"labels": [0, 1, 3]}),
    "a string not among labels": (["a", "b", "c", "a"], P3, {"labels": ["a", "c", "d"]}),
    "numbers for strings": (Y3, P3, {"labels": ["a", "c", "d"]}),
    "labels twice": (Y3, P3, {"labels": [0, 1, 2, 2]}),
    "labels as one string": (Y2, P2, {"labels": "ham"}),
    "no number of labels": (Y3, P3, {"labels": 3}),
    "fractions as labels": ([0.5, 1.0, 2.0, 2.0], P3, {}),
    "nan labels": ([NAN, 1.0, 2.0, 2.0], P3, {}),
    "infinite labels": ([INF, 1.0, 2.0, 2.0], P3, {}),
    "bytes": (np.array([b"a", b"b", b"c", b"c"]), P3, {}),
    "objects": (np.array([1, 2, 3, 3], object), P3, {}),
    "mixed objects": (np.array([1, "a", "b", "b"], object), P3, {}),
    "a number among strings": ([1, "a", "b", "b"], P3, {}),
    "nan among strings": (["a", "b", NAN, "b"], P3, {}),
    "a boolean among strings": (("a", True, "b", "b"), P3, {}),
    "a number among strings of labels": (["a", "b", "b", "b"], P3, {"labels": [1, "a", "b"]}),
    "nan among strings of labels": (["a", "b", "b", "b"], P3, {"labels": ("a", "b", NAN)}),
    "None among strings": (np.array(["c", None, "a", "b"], object), P3, {}),
    "missing strings": (pd.Series(["a", None, "b", "c"]), P3, {}),
    "sequences of labels": ([[1], [2, 0], [0], [1]], P3, {}),
    "a column of labels in lists": ([[0], [2], [0], [1]], P3, {}),
    "counts": ([[0, 2, 1]] * 4, P3, {}),
    "float counts": ([[0.0, 2.0, 1.0]] * 4, P3, {}),
    "indicator of another width": ([[0, 1], [1, 0], [1, 0], [0, 1]], P3, {}),
    "indicator with labels": ([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]], P3, {"labels": [0, 1, 2]}),
    "sparse indicator": (scipy.sparse.csr_array([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]), P3, {}),
    "labels with fractions": ([0, 1, 1, 0], P3, {"labels": [0, 0.5, 1]}),
    "scalar weight": (Y3, P3, {"sample_weight": 2.0}),
    "other number of weights": (Y3, P3, {"sample_weight": [1.0, 2.0]}),
    "column of weights": (Y3, P3, {"sample_weight": np.ones((4, 1))}),
    "nan weight": (Y3, P3, {"sample_weight": [1.0, NAN, 1.0, 1.0]}),
    "infinite weight": (Y3, P3, {"sample_weight": [1.0, INF, 1.0, 1.0]}),
    "no weight": (Y3, P3, {"sample_weight": np.zeros(4)}),
    "no weight in a sum": (Y3, P3, {"sample_weight": np.zeros(4), "normalize": False}),
    "weights that cancel": (Y3, P3, {"sample_weight": [1.0, -1.0, 1.0, -1.0]}),
}
PAIRS = {
    "log_loss": (log_loss, sklearn.metrics.log_loss),
    "d2_log_loss_score": (d2_log_loss_score, sklearn.metrics.d2_log_loss_score),
}
CASES = [(metric, case) for metric in PAIRS for case in ACCEPTED | REFUSED]
each_accepted = pytest.mark.parametrize("case", ACCEPTED)
each_case = pytest.mark.parametrize("metric, case", CASES, ids=[" ".join(case) for case in CASES])


def outcome(function, y_true, y_proba, options):
    """The value, or the error's type and words; and all warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # before 1.9 scikit-learn knows no other name than y_pred
            probs = [] if y_proba is None and "y_pred" in options else [y_proba]
            result = function(y_true, *probs, **options)
        except Exception as error:
            result = type(error), str(error)
    return result, [(w.category, str(w.message)) for w in caught]


def rtol_of(y_proba):
    """scikit-learn computes and averages in the dtype of the probabilities; beside it the double precision here."""
    dtype = getattr(y_proba, "dtype", None)
    return 4 * np.finfo(dtype if dtype in (np.float16, np.float32) else np.float64).eps


@each_case
@pytest.mark.parametrize("read", ["at once", "row by row"])
def test_values_warnings_and_errors_are_those_of_scikit_learn(metric, case, read, monkeypatch):
    if read == "row by row":
        monkeypatch.setattr(_predictions, "READ", 1)
    y_true, y_proba, options = (ACCEPTED | REFUSED)[case]
    if metric == "d2_log_loss_score":
        options = {name: value for name, value in options.items() if name != "normalize"}
    got, want = (outcome(function, y_true, y_proba, options) for function in PAIRS[metric])
    assert got[1] == want[1]
    if type(want[0]) is float:
        assert type(got[0]) is float, got
        tolerance = rtol_of(y_proba)
        np.testing.assert_allclose(got[0], want[0], rtol=tolerance, atol=tolerance)
    else:
        assert got[0] == want[0]


@each_accepted
def test_machine_epsilon_by_hand_is_the_default(case):
    y_true, y_proba, options = ACCEPTED[case]
    dtype = getattr(y_proba if y_proba is not None else options["y_pred"], "dtype", None)
    eps = float(np.finfo(dtype if dtype in (np.float16, np.float32) else np.float64).eps)
    got, want = (outcome(log_loss, y_true, y_proba, options | more) for more in ({"eps": eps}, {}))
    assert type(got[0]) is float
    assert got[1] == want[1]
    np.testing.assert_allclose(got[0], want[0], rtol=4 * eps)


PLAIN = set(ACCEPTED) - {
    "nullable integers",
    "dates",
    "indicator of two columns for one",
}  # what only scikit-learn makes sense of


@pytest.mark.parametrize("case", sorted(PLAIN))
def test_plain_arguments_never_go_to_scikit_learn(case, monkeypatch):
    def refuse(y_true, y_proba=None, *, labels=None, y_pred=None):
        """Stands for scikit-learn, which may say a word about one or two rows, but never computes."""
        assert len(y_true) <= 2

    y_true, y_proba, options = ACCEPTED[case]
    without_normalize = {name: value for name, value in options.items() if name != "normalize"}
    several = len(y_proba if y_proba is not None else Y3) > 1
    want, _ = outcome(log_loss, y_true, y_proba, options)
    score, _ = outcome(d2_log_loss_score, y_true, y_proba, without_normalize)
    monkeypatch.setattr(_log_loss, "sklearn_log_loss", refuse)
    monkeypatch.setattr(_log_loss, "sklearn_d2_log_loss_score", refuse)
    assert log_loss(y_true, y_proba, **options) == want
    if several:
        assert d2_log_loss_score(y_true, y_proba, **without_normalize) == score


def test_labels_beyond_what_a_double_holds_are_told_apart():
    y = np.array([2**63 + 5, 2**63, 0], np.uint64)
    p = np.array([[0.1, 0.2, 0.7], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    assert log_loss(y, p) == pytest.approx(sklearn.metrics.log_loss(y, p))
    assert d2_log_loss_score(y, p) == pytest.approx(sklearn.metrics.d2_log_loss_score(y, p))

"""What CatBoost asks for: derivatives of minus the loss, of blocks of rows or of one row; and its metric protocol."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastxent as fx
from fastxent import boosting
from tests.boosting import CLASSES, Data
from tests.layouts import byte_swapped, strided
from tests.ulp import BOTH, BOUND, assert_ulp, bounds

EPS = np.finfo(float).eps

SCORES = np.random.default_rng(5).normal(0, 2, (9, CLASSES))
LABELS = np.random.default_rng(6).integers(0, CLASSES, 9)
OPTIONS = {
    "plain": {},
    "class_weight": {"class_weight": [1, 2, 0, 0.5]},
    "label_smoothing": {"label_smoothing": 0.2},
    "both": {"class_weight": [1, 2, 0, 0.5], "label_smoothing": 0.2},
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def assert_rounded(got, want):
    """float32 results are these numbers, rounded once."""
    np.testing.assert_array_max_ulp(got, np.asarray(want, np.float32), 1)


def row(objective, scores, label, weight):
    ders, hess = objective.calc_ders_multi(scores, float(label), weight)
    return np.array(ders), np.array(list(hess))


@each_option
@pytest.mark.parametrize("rule", ["exact", "xgboost", "lightgbm"])
def test_one_row_is_minus_the_batch(options, rule):
    objective = boosting.softmax_objective("catboost", hessian=rule, **options)
    batch = boosting.softmax_objective("lightgbm", hessian=rule, **options)
    grad, hess = batch(LABELS.astype(np.float32), SCORES, np.full(9, 1.5))
    for i in range(9):
        ders, matrix = row(objective, SCORES[i], LABELS[i], 1.5)
        assert_rounded(-grad[i], ders)
        assert_rounded(-hess[i], np.diag(matrix))


@each_option
def test_the_hessian_is_that_of_the_gradient(options):
    objective = boosting.softmax_objective("catboost", **options)
    step = 1e-6
    for i in range(9):
        _, matrix = row(objective, SCORES[i], LABELS[i], 0.7)
        moved = [
            (row(objective, SCORES[i] + step * unit, LABELS[i], 0.7)[0]
             - row(objective, SCORES[i] - step * unit, LABELS[i], 0.7)[0]) / (2 * step)
            for unit in np.eye(CLASSES)
        ]  # fmt: skip
        # derivatives up to 1.4 are within 4 ulp, and so is each of a pair over two steps
        np.testing.assert_allclose(matrix, moved, rtol=0, atol=4 * EPS / step)
        np.testing.assert_allclose(matrix, matrix.T, rtol=2 * EPS)  # two products in another order
        assert np.linalg.eigvalsh(matrix).max() <= CLASSES * EPS  # 0, rounded in entries below 1


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_one_row_of_focal_loss(gamma):
    options = {"gamma": gamma, "alpha": [1, 0.5, 2, 3], "class_weight": [1, 2, 1, 0.5]}
    grad = fx.softmax_focal_loss_grad(SCORES, LABELS, reduction="sum", sample_weight=1.5, **options)[1]
    objective = boosting.focal_objective("catboost", **options)
    _, hess = boosting.focal_objective("lightgbm", **options)(LABELS.astype(np.float32), SCORES, np.full(9, 1.5))
    for i in range(9):
        ders, matrix = row(objective, SCORES[i], LABELS[i], 1.5)
        assert_ulp(ders, -grad[i], BOTH * bounds(gamma)["grad"], np.float64)
        assert_rounded(-hess[i], np.diag(matrix))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 50.0, 1e3, 1e38, 1e300])
@pytest.mark.parametrize("margin", [-300.0, -30.0, -1.0, 1.0, 17.0, 19.0, 30.0])
def test_one_row_of_focal_loss_however_sure(margin, gamma):
    scores = np.array([0.0, margin, -0.5, 0.25])
    _, grad = fx.softmax_focal_loss_grad(scores, 1, gamma=gamma, reduction="none")
    ders, _ = row(boosting.focal_objective("catboost", gamma=gamma), scores, 1, 1.0)
    # q^gamma has no more than -log q^gamma times the relative error of q, which is 745 where it is not 0
    assert_ulp(ders, -grad, BOTH * bounds(min(gamma, 745))["grad"], np.float64)


@each_option
def test_one_row_has_the_gradient_of_the_public_function(options):
    objective = boosting.softmax_objective("catboost", **options)
    grad = fx.softmax_cross_entropy_grad(SCORES, LABELS, reduction="sum", sample_weight=1.5, **options)[1]
    for i in range(9):
        ders, _ = row(objective, SCORES[i], LABELS[i], 1.5)
        w = np.asarray(options.get("class_weight", np.ones(CLASSES)))
        a = options.get("label_smoothing", 0.0)
        t = 1.5 * w * ((1 - a) * (np.arange(CLASSES) == LABELS[i]) + a / CLASSES)
        scale = t.sum() * fx.softmax(SCORES[i]) + t
        assert_ulp(ders, -grad[i], BOTH * BOUND["grad"], np.float64, scale if a else None)


@pytest.mark.parametrize("scores", [[5.0, 5, 1, 0], [40.0, 0, 0, 0], [-1e4, 1e4, 1e4 - 1, 0]])
def test_the_rows_of_a_hessian_are_lists_of_a_symmetric_matrix(scores):
    for rule in ("exact", "xgboost"):
        objective = boosting.softmax_objective("catboost", hessian=rule)
        _, hess = objective.calc_ders_multi(np.array(scores), 1.0, 2.0)
        rows = [list(each) for each in hess]
        np.testing.assert_array_equal(rows, np.transpose(rows))
        want = fx.softmax_cross_entropy_grad_hess(np.array(scores), 1, reduction="sum", sample_weight=2.0)[2]
        diagonal = want if rule == "exact" else np.maximum(2 * want, 1e-16)
        assert_ulp(-np.diag(rows), diagonal, BOTH * BOUND["hess"], np.float64)
        for j, each in enumerate(hess):  # once more, as CatBoost reads them
            assert each[j:] == rows[j][j:]
            assert each[1:3] == rows[j][1:3]
            assert each[-1] == rows[j][-1]
            assert len(each) == 4


def test_a_hessian_may_be_read_whenever_and_whatever_became_of_the_scores():
    objective = boosting.focal_objective("catboost")
    want = [row(objective, SCORES[i], LABELS[i], 1.5) for i in range(9)]
    scores, later = SCORES.copy(), []
    for i in range(9):
        ders, hess = objective.calc_ders_multi(scores[i], float(LABELS[i]), 1.5)
        later.append((ders, list(hess)))  # rows that keep what they need
        scores[i] = np.nan
        objective.calc_ders_multi(SCORES[i], 0.0, 1.0)  # whose Hessian nobody reads
        del hess
    for (ders, rows), (want_ders, want_matrix) in zip(later, want, strict=True):
        np.testing.assert_array_equal(ders, want_ders)
        np.testing.assert_array_equal([list(each) for each in rows], want_matrix)


def test_several_threads_may_call_an_objective():
    objective = boosting.softmax_objective("catboost", class_weight=[1, 2, 0, 0.5], label_smoothing=0.2)
    want = [row(objective, SCORES[i], LABELS[i], 1.5) for i in range(9)]
    with ThreadPoolExecutor(4) as executor:
        got = executor.map(lambda i: row(objective, SCORES[i % 9], LABELS[i % 9], 1.5), range(900))
        for i, (ders, matrix) in enumerate(got):
            np.testing.assert_array_equal(ders, want[i % 9][0])
            np.testing.assert_array_equal(matrix, want[i % 9][1])


@pytest.mark.parametrize("kind", [list, tuple, byte_swapped, strided, "f4", "f2", "i8"])
def test_one_row_of_scores_of_any_kind(kind):
    scores = np.array([1.0, -2, 3, 0])
    given = scores.astype(kind) if isinstance(kind, str) else kind(scores)
    objective = boosting.softmax_objective("catboost")
    for got, want in zip(row(objective, given, 1, 1.5), row(objective, scores, 1, 1.5), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        (np.zeros((2, 2)), ValueError, r"the scores of a row have shape \(2, 2\)"),
        (1.0, ValueError, r"the scores of a row have shape \(\)"),
        ([], ValueError, "target = 1.0"),
        (["a", "b"], ValueError, "could not convert string to float"),
        ([1, 2j], TypeError, "complex"),
        (np.array([1, 2j]), TypeError, "complex128"),
        ([1, [2, 3]], ValueError, "sequence"),
        (None, ValueError, r"shape \(\)"),
    ],
    ids=str,
)
def test_what_is_no_row_of_scores(scores, error, message):
    for objective in (boosting.softmax_objective("catboost"), boosting.focal_objective("catboost")):
        with pytest.raises(error, match=message):
            objective.calc_ders_multi(scores, 1.0, 1.0)


def test_a_row_without_weight_has_no_derivatives_whatever_it_holds():
    for factory in (boosting.softmax_objective, boosting.focal_objective):
        ders, matrix = row(factory("catboost"), [np.nan, 1, np.inf, 2], 1, 0.0)
        assert not ders.any()
        assert not matrix.any()
        assert np.isnan(row(factory("catboost"), [np.nan, 1, 0, 2], 1, 1.0)[0]).all()


@pytest.mark.parametrize("scores", [[800.0, 0, 0, 0], [0.0, 800, 0, 0], [-np.inf, 0, 0, 0], [1e308, -1e308, 0, 0]])
def test_one_extreme_row(scores):
    for objective in (boosting.softmax_objective("catboost"), boosting.focal_objective("catboost")):
        ders, matrix = row(objective, scores, 0, 1.0)
        assert np.isfinite(ders).all()
        assert np.isfinite(matrix).all()


@pytest.mark.parametrize(
    "odd", [[np.nan, 1, 2, 0], [1, np.inf, 0, 2], [-np.inf] * 4, [-np.inf, 1, 0, 2], [1, 0, -np.inf, 2]]
)
@pytest.mark.parametrize("factory", [boosting.softmax_objective, boosting.focal_objective])
def test_one_row_of_scores_that_are_not_finite_is_what_a_batch_has(factory, odd):
    ders, _ = row(factory("catboost"), odd, 1, 1.5)
    grad, _ = factory("lightgbm")(np.float32([1]), np.array([odd]), np.float32([1.5]))
    np.testing.assert_allclose(ders, -grad[0], rtol=4 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("label", [-1.0, 4.0, 0.5, np.nan, np.inf])
def test_one_row_with_a_label_that_is_no_class(label):
    for objective in (boosting.softmax_objective("catboost"), boosting.focal_objective("catboost")):
        with pytest.raises(ValueError, match=rf"target = {label}, but class labels are integers from 0 to 3"):
            objective.calc_ders_multi(SCORES[0], label, 1.0)


@pytest.mark.parametrize("copied", [lambda each: pickle.loads(pickle.dumps(each)), copy.copy, copy.deepcopy])
@pytest.mark.parametrize("rule", ["exact", "lightgbm"])
def test_a_used_objective_can_be_copied(rule, copied):
    for objective in (
        boosting.softmax_objective("catboost", hessian=rule, class_weight=[1, 2, 0, 0.5], label_smoothing=0.2),
        boosting.focal_objective("catboost", hessian=rule.replace("exact", "gauss_newton"), alpha=[1, 2, 0, 0.5]),
    ):
        before = row(objective, SCORES[0], 1, 1.5)
        other = copied(objective)
        assert other == objective
        for got, want in zip(row(other, SCORES[0], 1, 1.5), before, strict=True):
            np.testing.assert_array_equal(got, want)


def test_class_weights_for_another_number_of_classes():
    with pytest.raises(ValueError, match=r"class_weight has shape \(3,\), but there are 4 classes"):
        boosting.softmax_objective("catboost", class_weight=[1, 2, 3]).calc_ders_multi(SCORES[0], 0.0, 1.0)


def test_a_block_of_rows_with_one_score_each():
    labels = (LABELS > 1).astype(np.float32)
    weights = np.linspace(0.5, 2, 9, dtype=np.float32)
    for factory in (boosting.sigmoid_objective, boosting.focal_objective):
        ders = factory("catboost").calc_ders_range(SCORES[:, 0], labels, weights)
        grad, hess = factory("lightgbm")(SCORES[:, 0], Data(None, labels, weights))
        assert ders.shape == (9, 2)
        assert ders.dtype == np.float64
        assert_rounded(-np.stack([grad, hess], axis=1), ders)


def test_objectives_ask_for_as_many_scores_as_they_need():
    with pytest.raises(ValueError, match="classes_count"):
        boosting.softmax_objective("catboost").calc_ders_range(SCORES[:, 0], LABELS, None)
    with pytest.raises(ValueError, match="softmax_objective"):
        boosting.sigmoid_objective("catboost").calc_ders_multi(SCORES[0], 0.0, 1.0)
    with pytest.raises(ValueError, match="gauss_newton"):
        boosting.focal_objective("catboost", hessian="exact").calc_ders_multi(SCORES[0], 0.0, 1.0)


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 9, dtype=np.float32)], ids=["plain", "weighted"])
def test_a_metric_adds_up_over_parts(weights):
    metric = boosting.softmax_metric("catboost", class_weight=[1, 2, 1, 0.5])
    assert metric.is_max_optimal() is False
    whole = metric.evaluate(tuple(SCORES.T), LABELS.astype(np.float32), weights)
    parts = [
        metric.evaluate(
            tuple(SCORES[part].T), LABELS[part].astype(np.float32), None if weights is None else weights[part]
        )
        for part in (slice(0, 4), slice(4, 9))
    ]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=8 * EPS)  # nine positive terms in another order
    want = fx.softmax_cross_entropy(SCORES, LABELS, class_weight=[1, 2, 1, 0.5], sample_weight=weights)
    assert_ulp(metric.get_final_error(*whole), want, BOTH * BOUND["loss"], np.float64)

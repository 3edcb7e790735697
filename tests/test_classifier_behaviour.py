"""What SoftmaxClassifier does beside the optimum: derivatives, memory, errors, warm starts, scikit-learn's tools."""

import copy
import pickle
import sys
import types

import numpy as np
import pandas as pd
import pytest
import sklearn
from ml_dtypes import bfloat16
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastxent.sklearn import SoftmaxClassifier
from fastxent.sklearn._curvature import curvature, eigenvectors
from fastxent.sklearn._objective import Objective
from fastxent.sklearn._scaling import Scaling
from fastxent.sklearn._target import encode, target_of
from tests.peak import peak
from tests.samples import IRIS, IRIS_NAMES

X, Y = IRIS


def random_objective(rng, kind, n_classes):
    """An objective with every option, and a model."""
    features = rng.standard_normal((50, 4))
    target = rng.random((50, n_classes)) if kind == "distributions" else np.arange(50) % n_classes
    bound = target_of(*encode(target), rng.random(50), dict.fromkeys(range(n_classes), 1.5) | {0: 0.5}, 0.1, None)
    features = sparse.csr_array(features) if kind == "sparse" else features
    objective = Objective(features, bound, 0.3, 16, None)
    return objective, rng.standard_normal((objective.n_outputs, 4)), rng.standard_normal(objective.n_outputs)


@pytest.mark.parametrize("kind", ["labels", "distributions", "sparse"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_gradient_is_the_central_difference(kind, n_classes, rng):
    objective, coef, intercept = random_objective(rng, kind, n_classes)
    value, coef_grad, intercept_grad = objective(coef, intercept)
    step = 1e-6
    for grad, array in ((coef_grad, coef), (intercept_grad, intercept)):
        for i in np.ndindex(array.shape):
            middle = array[i]
            array[i] = middle + step
            above = objective(coef, intercept)[0]
            array[i] = middle - step
            below = objective(coef, intercept)[0]
            array[i] = middle
            # a value below 16 is rounded to a double's last place, 2e-15, over the step
            np.testing.assert_allclose(grad[i], (above - below) / (2 * step), rtol=0, atol=2e-9)
    assert value < 16


@pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", "no intercept"])
@pytest.mark.parametrize("kind", ["labels", "sparse"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_scaling_is_a_change_of_variables_and_its_gradient_the_chain_rule(kind, n_classes, fit_intercept, rng):
    objective, coef, intercept = random_objective(rng, kind, n_classes)
    intercept *= fit_intercept
    scaling = Scaling(curvature(objective, coef, intercept, fit_intercept), objective.l2, fit_intercept)
    scaling.stretch(3.0)
    flat = scaling.pack(coef, intercept)
    np.testing.assert_allclose(scaling.unpack(flat)[0], coef, rtol=1e-12)  # through its inverse and back
    np.testing.assert_allclose(scaling.unpack(flat)[1], intercept, rtol=1e-12)
    grad = scaling.gradient(*objective(coef, intercept)[1:])
    direction = rng.standard_normal(flat.shape) * 1e-6
    above, below = (objective(*scaling.unpack(flat + sign * direction))[0] for sign in (1, -1))
    # as above, and the change is of size 1e-6
    np.testing.assert_allclose(grad @ direction, (above - below) / 2, rtol=1e-7)


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_fit_needs_a_tenth_of_the_logits(form, rng, dtype):
    features = rng.standard_normal((30_000, 10)).astype(dtype)
    features = sparse.csr_array(features) if form == "sparse" else features
    y = rng.integers(0, 500, 30_000)
    model = SoftmaxClassifier(max_iter=2, tol=1.0)
    assert peak(lambda: model.fit(features, y)) < 30_000 * 500 * features.dtype.itemsize / 10


def test_predict_holds_some_blocks_whatever_the_number_of_samples(rng):
    model = SoftmaxClassifier(max_iter=1, tol=1.0).fit(rng.random((1600, 3), np.float32), np.arange(1600) % 800)
    features = rng.random((1_000_000, 3), np.float32)
    assert peak(lambda: model.predict(features)) < 40e6  # 1M x 800 logits are 3200e6; the classes alone 8e6 twice


def test_probabilities_are_exact_at_both_ends():
    model = SoftmaxClassifier(C=1e4, tol=1e-6, max_iter=1000).fit([[-1.0], [-0.9], [0.9], [1.0]], [0, 0, 1, 1])
    far = np.array([[-100.0], [100.0]])
    logits = model.decision_function(far)
    assert np.array_equal(logits > 0, [False, True])
    np.testing.assert_allclose(model.predict_log_proba(far)[[0, 1], [1, 0]], -np.abs(logits), rtol=1e-15)
    assert (model.predict_log_proba(far) <= 0).all()
    # exp of a logarithm that is rounded, of size up to 50
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X[:, :1])), model.predict_proba(X[:, :1]), rtol=2e-14)


def test_labels_of_any_kind_come_back():
    named = IRIS_NAMES[Y]
    model, numbered = SoftmaxClassifier().fit(X, named), SoftmaxClassifier().fit(X, Y)
    assert list(model.classes_) == list(IRIS_NAMES)
    assert model.predict(X).dtype == named.dtype
    np.testing.assert_array_equal(model.predict(X), IRIS_NAMES[numbered.predict(X)])
    assert model.score(X, named) == numbered.score(X, Y) > 0.95


def test_the_loss_curve_falls_and_has_an_entry_for_each_iteration():
    model = SoftmaxClassifier(tol=1e-6).fit(X, Y)
    assert model.loss_curve_.shape == (model.n_iter_[0],)
    assert (np.diff(model.loss_curve_) <= 0).all()


@pytest.mark.parametrize("verbose", [1, 2])
def test_verbose_prints_a_line_for_each_iteration(verbose, capsys, monkeypatch):
    if verbose == 1:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # as if it were not installed
    model = SoftmaxClassifier(verbose=verbose).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_[0]
    assert lines[0].startswith("iteration 1: objective ")


class Bar:
    """What a fit asks of tqdm's."""

    def __init__(self, *, total, **_):
        self.total, self.texts, self.n, self.closed = total, [], 0, False
        BARS.append(self)

    def set_postfix_str(self, text, refresh):
        self.texts.append(text)

    def update(self):
        self.n += 1

    def close(self):
        self.closed = True


BARS = []


@pytest.mark.parametrize("fails", [False, True])
def test_verbose_is_a_bar_of_tqdms(fails, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Bar))
    model = SoftmaxClassifier(verbose=1, max_iter=77)
    if fails:
        monkeypatch.setattr(Objective, "__call__", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model.fit(X, Y)
    else:
        assert model.fit(X, Y).n_iter_[0] == BARS[-1].n == len(BARS[-1].texts) > 0
        assert BARS[-1].texts[-1].startswith(f"objective {model.loss_curve_[-1]:.9g}")
    assert BARS[-1].total == 77
    assert BARS[-1].closed
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("weight", [None, np.float32, np.float64])
@pytest.mark.parametrize("kind", ["integers", "floats", "strings", "two classes", "distributions"])
def test_a_fit_takes_at_most_nine_bytes_a_row_beside_its_data(kind, weight, rng):
    n, names = 600_000, np.array(["cat", "dog", "eel", "fox", "gnu"])
    features, y = rng.random((n, 3), np.float32), rng.integers(0, 5, n)
    targets = {"integers": y, "floats": y * 1.0, "strings": names[y], "two classes": y > 2}
    y = targets.get(kind, np.eye(5)[y])
    weight = None if weight is None else np.ones(n, weight)
    model = SoftmaxClassifier(max_iter=2, tol=1.0, n_threads=1)

    def taken(n):
        return peak(lambda: model.fit(features[:n], y[:n], None if weight is None else weight[:n]))

    # of 400,000 rows more; the length of a block differs by some rows
    assert taken(n) - taken(n // 3) <= 9 * (n - n // 3) + 50_000


def test_labels_of_every_kind_and_size_are_encoded_as_by_unique(rng):
    kinds = [
        rng.integers(-3, 4, 200_000), rng.integers(0, 300, 200_000).astype(np.uint16), rng.integers(0, 2, 500) > 0,
        np.array([-(2**63), 2**63 - 1, 0] * 5), np.array([2**64 - 1, 2**64 - 3] * 5, np.uint64),
        np.array([-128, 127] * 5, np.int8), rng.integers(0, 70_000, 300_000) * 3, rng.integers(0, 9, 200_000) * 1.0,
        IRIS_NAMES[rng.integers(0, 3, 200_000)], IRIS_NAMES.astype(object)[rng.integers(0, 3, 1000)],
    ]  # fmt: skip
    for y in kinds:
        classes, labels = encode(y)
        want, indices = np.unique(y, return_inverse=True)
        np.testing.assert_array_equal(classes, want)
        assert classes.dtype == want.dtype
        np.testing.assert_array_equal(labels, indices)
        assert labels.dtype == np.min_scalar_type(len(want) - 1)


@pytest.mark.parametrize("place", [0, 2_999_999])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_not_finite_is_found_in_every_block(order, place):
    features = np.ones((3_000_000, 2), order=order)
    features[place, 1] = np.nan
    with pytest.raises(ValueError, match=r"Input X contains NaN.\nSoftmaxClassifier does not accept missing values"):
        SoftmaxClassifier().fit(features, np.arange(3_000_000) % 2)
    with pytest.raises(ValueError, match="Input y contains infinity"):
        SoftmaxClassifier().fit(X, np.where(np.arange(150) < 149, Y, np.inf))


@pytest.mark.parametrize("n", [1, 600])
def test_eigenvectors_and_their_errors_come_out_of_a_thread(n, rng):
    symmetric = rng.random((n, n))
    symmetric += symmetric.T
    for got, want in zip(eigenvectors(symmetric), np.linalg.eigh(symmetric), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)
    with pytest.raises(np.linalg.LinAlgError):
        eigenvectors(symmetric[:, : n - 1])


@pytest.mark.parametrize("max_iter", [0, 3])
def test_reaching_max_iter_is_a_warning_that_says_how_far_it_came(max_iter):
    with pytest.warns(ConvergenceWarning, match=f"after {max_iter} iteration.*largest entry of the gradient is"):
        model = SoftmaxClassifier(max_iter=max_iter, tol=1e-9).fit(X, Y)
    assert model.n_iter_[0] == max_iter


@pytest.mark.parametrize("labels", [Y, Y == 1], ids=["three classes", "two classes"])
def test_a_warm_start_begins_where_the_last_fit_ended(labels):
    model = SoftmaxClassifier(warm_start=True, tol=1e-7, max_iter=1000).fit(X, labels)
    coef = model.coef_.copy()
    assert model.fit(X, labels).n_iter_[0] == 0
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-13)  # into the scaled variables and back
    assert model.set_params(C=1.1).fit(X, labels).n_iter_[0] < clone(model).fit(X, labels).n_iter_[0]


def test_a_warm_start_of_another_shape_is_an_error_with_both_shapes():
    model = SoftmaxClassifier(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"\(3, 4\).*\(3, 2\)"):
        model.fit(X[:, :2], Y)


@pytest.mark.parametrize(
    "parameter, value, error",
    [
        ("C", 0.0, ValueError), ("C", -1, ValueError), ("C", np.nan, ValueError), ("C", "1", TypeError),
        ("fit_intercept", "yes", TypeError), ("warm_start", 1, TypeError), ("tol", -1e-4, ValueError),
        ("tol", None, TypeError), ("max_iter", 1.5, TypeError), ("max_iter", -1, ValueError),
        ("label_smoothing", 1.1, ValueError), ("batch_rows", 0, ValueError), ("batch_rows", 2.0, TypeError),
        ("n_threads", 0, ValueError), ("class_weight", "uniform", ValueError), ("class_weight", 3, ValueError),
        ("class_weight", {0: -1.0}, ValueError), ("class_weight", {0: np.inf}, ValueError),
        ("verbose", "loud", TypeError),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(parameter, value, error):
    model = SoftmaxClassifier(**{parameter: value})
    with pytest.raises(error, match=parameter):
        model.fit(X, Y)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize(
    "target, weight, message",
    [
        (np.zeros(150), None, "one class"), (np.full(150, 0.5) + Y, None, "continuous"),
        (-np.eye(3)[Y], None, r"y\[0, 0\] = -1"), (np.eye(3)[Y] * np.nan, None, "NaN"),
        (np.eye(3, dtype=int)[Y], None, "1d array|multilabel"), (np.eye(3, dtype=int)[Y], None, r"y.astype\(float\)"),
        (np.eye(3, dtype=bool)[Y].tolist(), None, r"dtype bool, but y should be a 1d array of labels, or floats"),
        (Y[:100], None, "inconsistent"), (None, None, "y"),
        (Y, -np.ones(150), r"sample_weight\[0\] = -1"), (Y, np.full(150, np.nan), r"sample_weight\[0\] = nan"),
        (Y, np.ones((150, 1)), "sample_weight has shape"), (Y, np.ones(1), "sample_weight has shape"),
        (Y, np.zeros(150), "zero"),
    ],
    ids=["one class", "floats", "negative", "NaN", "indicators", "one-hot integers", "one-hot booleans", "too short",
         "none", "negative weight", "NaN weight", "column of weights", "one weight", "no weight"],
)  # fmt: skip
def test_a_wrong_target_or_weight_is_named(target, weight, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxClassifier().fit(X, target, weight)


@pytest.mark.parametrize(
    "make", [lambda y: y.astype(object), lambda y: y.astype(bfloat16), lambda y: pd.DataFrame(y).astype("Int64")]
)
def test_one_hot_rows_of_objects_are_told_of_floats_and_nullable_floats_are_distributions(make):
    one_hot = np.eye(3, dtype=int)[Y]
    with pytest.raises(ValueError, match=r"or floats of shape \(n_samples, C\): .* y.astype\(float\)"):
        SoftmaxClassifier().fit(X, make(one_hot))
    with pytest.raises(ValueError, match="1d array"):
        SoftmaxClassifier().fit(X, np.array(["a", "b", "c"], object)[one_hot])
    shares = pd.DataFrame(0.9 * np.eye(3)[Y] + 0.1 / 3)
    model, plain = (SoftmaxClassifier().fit(X, y) for y in (shares.astype("Float64"), shares))
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    shares = shares.astype("Float64")
    shares.iloc[3, 1] = pd.NA
    with pytest.raises(ValueError, match=r"y\[3, 1\] is missing"):
        SoftmaxClassifier().fit(X, shares)


def test_a_class_without_weight_is_never_predicted():
    model = SoftmaxClassifier().fit(X, Y, sample_weight=(Y != 1) * 1.0)
    assert set(model.predict(X)) == {0, 2}


def test_huge_features_end_in_a_warning_and_not_in_an_exception():
    with pytest.warns(ConvergenceWarning):
        model = SoftmaxClassifier(max_iter=5).fit(X * 1e300, Y)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.intercept_).all()


def test_predicting_before_fitting_is_an_error():
    with pytest.raises(NotFittedError):
        SoftmaxClassifier().predict(X)


@pytest.mark.parametrize("labels", [Y, Y == 1], ids=["three classes", "two classes"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_sparse_coefficients_predict_the_same(labels, form):
    features = form(X * np.array([1, 0, 1, 0]))
    model = SoftmaxClassifier(warm_start=True).fit(features, labels)
    coef, want = model.coef_, model.predict_proba(features)
    assert model.sparsify().coef_.nnz == np.count_nonzero(coef) < coef.size
    np.testing.assert_allclose(model.predict_proba(features), want, rtol=1e-14)
    assert model.predict(features).dtype == labels.dtype
    np.testing.assert_array_equal(model.densify().coef_, coef)
    assert isinstance(model.sparsify().fit(features, labels).coef_, np.ndarray)
    with pytest.raises(NotFittedError):
        SoftmaxClassifier().sparsify()


@pytest.mark.parametrize("labels", [Y, Y == 1, IRIS_NAMES[Y]], ids=["three classes", "two classes", "strings"])
def test_as_logistic_regression_it_predicts_the_same(labels):
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = SoftmaxClassifier(C=0.5, label_smoothing=0.1).fit(frame, labels)
    other = model.to_logistic_regression()
    assert type(copy.deepcopy(model).sparsify().to_logistic_regression().coef_) is np.ndarray
    np.testing.assert_allclose(other.predict_proba(frame), model.predict_proba(frame), rtol=1e-13)
    np.testing.assert_array_equal(other.predict(frame), model.predict(frame))
    assert (other.C, list(other.feature_names_in_), other.n_iter_[0]) == (0.5, list("abcd"), model.n_iter_[0])
    other.coef_ += 1
    assert not np.allclose(other.coef_, model.coef_)
    with pytest.raises(NotFittedError):
        SoftmaxClassifier().to_logistic_regression()


def test_feature_names_are_kept_and_compared():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = SoftmaxClassifier().fit(frame, pd.Series(Y))
    assert list(model.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("dcba")])


def test_pickles_and_clones_predict_the_same():
    model = SoftmaxClassifier(C=0.5).fit(X, Y)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    assert np.array_equal(clone(model).fit(X, Y).coef_, model.coef_)


def test_works_in_a_pipeline_a_grid_search_and_a_calibration():
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), SoftmaxClassifier())
    search = GridSearchCV(pipeline, {"softmaxclassifier__C": [0.01, 1.0]}, scoring="neg_log_loss").fit(X, Y)
    assert search.best_params_ == {"softmaxclassifier__C": 1.0}
    calibrated = CalibratedClassifierCV(SoftmaxClassifier(), cv=3).fit(X, Y)
    assert calibrated.score(X, Y) > 0.9


def test_sample_weight_is_routed():
    weight = (Y != 1) * 1.0
    with sklearn.config_context(enable_metadata_routing=True):
        model = SoftmaxClassifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(model, X, Y, params={"sample_weight": weight}, return_estimator=True)
    assert all(set(each.predict(X)) == {0, 2} for each in found["estimator"])


@pytest.mark.parametrize("labels", [[1, "a", 2], [None, "a", "b"]])
def test_labels_that_cannot_be_sorted_are_refused_as_scikit_learn_does(labels, rng):
    X, y = rng.normal(size=(60, 2)), np.array(labels * 20, object)
    for estimator in (SoftmaxClassifier(), LogisticRegression()):
        with pytest.raises(ValueError, match="Unknown label type"):
            estimator.fit(X, y)

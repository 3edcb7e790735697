"""TemperatureScaling as an estimator of scikit-learn: its checks, inputs of all kinds, errors, pipelines, routing."""

import pickle

import ml_dtypes
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

import fastxent as fx
from fastxent.sklearn import TemperatureScaling
from tests.calibration import ERROR, bisected
from tests.layouts import LAYOUTS
from tests.samples import drawn

HALVES = (np.float16, ml_dtypes.bfloat16)

COLUMNS = "its columns of features are not as many as the classes, of which scores have one each"
NOT_SCORES = dict.fromkeys(
    [
        "check_all_zero_sample_weights_error",
        "check_array_api_input",
        "check_classifiers_classes",
        "check_classifiers_train",
        "check_dtype_object",
        "check_estimators_dtypes",
        "check_estimators_fit_returns_self",
        "check_estimators_nan_inf",
        "check_estimators_overwrite_params",
        "check_estimators_pickle",
        "check_n_features_in_after_fitting",
        "check_non_transformer_estimators_n_iter",
        "check_pipeline_consistency",
        "check_positive_only_tag_during_fit",
        "check_readonly_memmap_input",
        "check_sample_weight_equivalence_on_dense_data",
        "check_transformer_data_not_an_array",
        "check_transformer_general",
        "check_transformer_n_iter",
        "check_transformer_preserve_dtypes",
    ],
    COLUMNS,
)


IN_PLACE = dict.fromkeys(
    ["check_dont_overwrite_parameters", "check_estimators_overwrite_params"], "a pipeline fits its steps in place"
)
if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9):
    IN_PLACE["check_transformer_preserve_dtypes"] = "the decision function of LogisticRegression is float64 in 1.8"


class Decision(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The decision function of a logistic regression, as a step of a pipeline."""

    def fit(self, X, y):
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        self.classifier_ = LogisticRegression().fit(X, y)
        self._n_features_out = len(self.classifier_.coef_)
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return self.classifier_.decision_function(X).reshape(len(X), -1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator, to_fail",
    [(TemperatureScaling(), NOT_SCORES), (make_pipeline(Decision(), TemperatureScaling()), IN_PLACE)],
    ids=["alone", "pipeline"],
)
def test_the_checks_of_scikit_learn_pass_but_for_those_that_cannot(estimator, to_fail):
    """All in one test: pytest takes half a second for the traceback of each that is to fail."""
    results = check_estimator(estimator, expected_failed_checks=to_fail, on_skip=None, on_fail=None)
    assert len(results) > 50
    for result in results:
        if result["status"] == "failed":
            raise result["exception"]
    assert [r["check_name"] for r in results if r["expected_to_fail"] and r["status"] == "passed"] == []


@pytest.fixture
def digits(rng):
    """Scores (n, 3) in float64, and names of classes drawn from what they say at the temperature 2."""
    logits = 2 * rng.standard_normal((400, 3))
    names = np.array(["cat", "dog", "eel"])[drawn(logits, rng)]
    return 2 * logits, names


def frame(x):
    return pd.DataFrame(x, columns=["cat", "dog", "eel"])


@pytest.mark.parametrize("form", [*LAYOUTS.values(), np.ndarray.tolist, frame])
@pytest.mark.parametrize("bias", [False, True], ids=["temperature", "bias"])
def test_scores_may_lie_in_memory_in_any_way(form, bias, digits):
    scores, y = digits
    before = scores.copy()
    want = TemperatureScaling(bias=bias).fit(scores, y)
    got = TemperatureScaling(bias=bias).fit(form(scores), y)
    assert got.temperature_ == want.temperature_
    np.testing.assert_array_equal(got.predict_proba(form(scores)), want.predict_proba(scores))
    np.testing.assert_array_equal(scores, before)


@pytest.mark.filterwarnings("ignore:X looks like probabilities")  # one score of booleans
@pytest.mark.parametrize("given", [*HALVES, np.float32, np.float64, np.int8, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("one", [False, True], ids=["all classes", "one score"])
def test_results_have_the_dtype_of_the_losses(given, one, digits):
    scores, y = digits
    y = y == "cat"
    scores = (4 * (scores[:, 0] - scores[:, 1]) if one else 4 * scores[:, :2][:, ::-1]).clip(0, 100).astype(given)
    want = np.float32 if given in (*HALVES, np.float32) else np.float64
    model = TemperatureScaling().fit(scores, y)
    wide = TemperatureScaling().fit(scores.astype(np.float64), y)
    np.testing.assert_allclose(model.temperature_, wide.temperature_, rtol=ERROR[np.dtype(want)])
    for method in (model.transform, model.predict_proba, model.predict_log_proba):
        assert method(scores).dtype == want


@pytest.mark.parametrize("bias", [False, True], ids=["temperature", "bias"])
def test_results_follow_from_temperature_and_bias(bias, digits):
    scores, y = digits
    model = TemperatureScaling(bias=bias).fit(scores, y)
    logits = scores / model.temperature_ + model.bias_
    np.testing.assert_array_equal(model.transform(scores), logits)
    np.testing.assert_array_equal(model.predict_proba(scores), fx.softmax(logits))
    np.testing.assert_array_equal(model.predict_log_proba(scores), fx.log_softmax(logits))
    np.testing.assert_array_equal(model.predict(scores), model.classes_[logits.argmax(axis=1)])
    assert model.score(scores, y) == np.mean(model.predict(scores) == y)


def test_one_score_may_be_a_column(digits):
    scores, y = digits
    flat, column = scores[:, 0], scores[:, :1]
    one, other = (TemperatureScaling().fit(X, y == "cat") for X in (flat, column))
    assert one.temperature_ == other.temperature_
    assert not hasattr(one, "n_features_in_")
    assert other.n_features_in_ == 1
    assert one.transform(flat).shape == (400,)
    assert other.transform(column).shape == (400, 1)
    np.testing.assert_array_equal(one.predict_proba(flat), other.predict_proba(column))
    assert not hasattr(other.fit(flat, y == "cat"), "n_features_in_")


@pytest.mark.parametrize("bias", [False, True], ids=["temperature", "bias"])
@pytest.mark.parametrize("probabilities", [False, True], ids=["logits", "probabilities"])
@pytest.mark.parametrize("shape", ["(n, C)", "(n, 1)", "(n,)"])
def test_the_most_probable_class_is_predicted(shape, probabilities, bias, digits):
    scores, y = digits
    X = fx.softmax(scores) if probabilities else scores
    if shape != "(n, C)":
        X, y = X[:, 0] if shape == "(n,)" else X[:, :1], y == "cat"
    model = TemperatureScaling(probabilities=probabilities, bias=bias).fit(X, y)
    predicted = model.predict(X)
    np.testing.assert_array_equal(predicted, model.classes_[model.predict_proba(X).argmax(axis=1)])
    assert set(predicted) == set(y)


def test_the_most_probable_class_of_a_classifier_with_one_column_is_predicted(digits):
    X, y = digits

    class OneColumn(LogisticRegression):
        def predict_proba(self, X):
            return super().predict_proba(X)[:, 1:]

    classifier = OneColumn().fit(X, y == "cat")
    model = TemperatureScaling(FrozenEstimator(classifier), probabilities=True).fit(X, y == "cat")
    np.testing.assert_array_equal(model.predict(X), classifier.predict(X))


def test_classes_may_be_given_in_any_order(digits):
    scores, y = digits
    want = TemperatureScaling().fit(scores, y)
    order = [2, 0, 1]
    model = TemperatureScaling(classes=want.classes_[order]).fit(scores[:, order], y)
    np.testing.assert_allclose(model.temperature_, want.temperature_, rtol=ERROR[scores.dtype])
    np.testing.assert_array_equal(model.predict(scores[:, order]), want.predict(scores))


def test_a_class_without_samples_has_a_column(digits):
    scores, y = digits
    few = y != "dog"
    model = TemperatureScaling(classes=["cat", "dog", "eel"]).fit(scores[few], y[few])
    want = bisected(scores[few], 2 * (y[few] == "eel"))
    np.testing.assert_allclose(model.temperature_, want, rtol=ERROR[scores.dtype])
    assert model.predict_proba(scores).shape == (400, 3)


@pytest.mark.parametrize("classifier", [LogisticRegression(), SVC(), LinearSVC()], ids=str)
def test_a_frozen_classifier_is_calibrated_by_its_scores(classifier, digits):
    X, y = digits
    classifier.fit(X[:100], y[:100])
    model = TemperatureScaling(FrozenEstimator(classifier)).fit(X[100:], y[100:])
    scores = classifier.decision_function(X[100:])
    assert model.temperature_ == TemperatureScaling().fit(scores, y[100:]).temperature_
    np.testing.assert_array_equal(clone(model).fit(X[100:], y[100:]).predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X[100:]), classifier.predict(X[100:]))


def test_a_calibration_knows_what_its_classifier_knows_of_features(digits):
    X, y = digits
    classifier = LogisticRegression().fit(frame(X), y)
    model = TemperatureScaling(FrozenEstimator(classifier)).fit(frame(X), y)
    assert model.n_features_in_ == 3
    assert list(model.feature_names_in_) == ["cat", "dog", "eel"]
    sparse = scipy.sparse.csr_array(X)
    classifier.fit(sparse, y)
    sparsely = TemperatureScaling(FrozenEstimator(classifier)).fit(sparse, y)
    # as many iterations of the classifier, on products that may be rounded otherwise
    np.testing.assert_allclose(sparsely.temperature_, model.temperature_, rtol=1e-9)
    assert get_tags(sparsely).input_tags.sparse


def test_probabilities_of_a_classifier_may_be_asked_for(digits):
    X, y = digits
    classifier = FrozenEstimator(LogisticRegression().fit(X, y))
    scores, probs = (TemperatureScaling(classifier, probabilities=p).fit(X, y) for p in (False, True))
    # the logarithms of probabilities are the scores without a constant, rounded
    np.testing.assert_allclose(probs.temperature_, scores.temperature_, rtol=1e-13)
    np.testing.assert_allclose(probs.predict_proba(X), scores.predict_proba(X), rtol=1e-13)


def test_it_works_in_pipelines_searches_and_cross_validation(digits):
    X, y = digits
    scores = cross_val_predict(LogisticRegression(), X, y, method="decision_function")
    decision = LogisticRegression().fit(X, y).decision_function
    pipeline = make_pipeline(FunctionTransformer(decision), TemperatureScaling()).fit(X, y)
    want = TemperatureScaling().fit(decision(X), y).predict_proba(decision(X))
    np.testing.assert_array_equal(pipeline.predict_proba(X), want)
    search = GridSearchCV(TemperatureScaling(), {"bias": [False, True]}, scoring="neg_log_loss").fit(scores, y)
    best = TemperatureScaling(**search.best_params_).fit(scores, y)
    assert search.best_estimator_.temperature_ == best.temperature_


def test_a_pickle_gives_the_same(digits):
    scores, y = digits
    model = TemperatureScaling(bias=True).fit(scores, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(scores), model.predict_proba(scores))


def test_set_output_gives_frames_with_names(digits):
    scores, y = digits
    model = TemperatureScaling().fit(scores, y)
    arrays = model.transform(scores)
    frame = model.set_output(transform="pandas").transform(scores)
    assert list(frame.columns) == [f"temperaturescaling{k}" for k in range(3)]
    np.testing.assert_array_equal(frame, arrays)


def test_sample_weight_can_be_routed(digits):
    scores, y = digits
    weight = np.linspace(0, 1, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = TemperatureScaling().set_fit_request(sample_weight=True)
        pipeline = make_pipeline(FunctionTransformer(), model).fit(scores, y, sample_weight=weight)
    want = TemperatureScaling().fit(scores, y, sample_weight=weight)
    assert pipeline[-1].temperature_ == want.temperature_ != TemperatureScaling().fit(scores, y).temperature_


# Errors name what is wrong, and where


X3 = np.array([[1.0, 0.0, 0.5], [0.0, 2.0, 1.0], [0.0, 1.0, 3.0], [2.0, 1.0, 0.0]])
Y3 = np.array([0, 1, 2, 0])


def changed(place, value):
    x = X3.copy()
    x[place] = value
    return x


@pytest.mark.parametrize(
    "options, X, y, weight, error, message",
    [
        ({}, changed((1, 2), np.nan), Y3, None, ValueError, r"X\[1, 2\] = nan"),
        ({}, changed((1, 2), np.inf), Y3, None, ValueError, r"X\[1, 2\] = inf"),
        ({}, changed((2, 2), -np.inf), Y3, None, ValueError, r"X\[2, 2\] = -inf, the score of the sample's own class"),
        ({}, X3[:, 0] * [1, 1, 1, -np.inf], Y3 > 0, None, ValueError, r"X\[3\] = -inf"),
        ({}, X3[:, :2], Y3, None, ValueError, "there are 3 classes, but scores of 2"),
        ({}, X3[:, 0], Y3, None, ValueError, "there are 3 classes, but scores of 2"),
        ({}, X3, Y3 > 0, None, ValueError, "there are 2 classes, but scores of 3"),
        ({}, X3[None], Y3, None, ValueError, "dim 3"),
        ({}, X3[:0], Y3[:0], None, ValueError, "0 sample"),
        ({}, X3[:, :0], Y3, None, ValueError, "0 feature"),
        ({}, 1.0, Y3, None, ValueError, "Expected 2D array"),
        ({}, X3, Y3[:2], None, ValueError, "inconsistent numbers of samples"),
        ({}, X3, Y3 + 0.5, None, ValueError, "Unknown label type"),
        ({}, X3, None, None, ValueError, "requires y"),
        ({}, X3, Y3, [1, 1, 1], ValueError, "sample_weight has shape"),
        ({}, X3, Y3, [1], ValueError, "sample_weight has shape"),
        ({}, X3, Y3, [1, 1, -1, 1], ValueError, r"sample_weight\[2\] = -1"),
        ({}, X3, Y3, [0, 0, 0, 0], ValueError, "sample_weight is zero"),
        ({}, X3 + 0j, Y3, None, ValueError, "Complex"),
        ({}, X3.astype(np.longdouble), Y3, None, TypeError, "longdouble|float128|float96"),
        ({}, scipy.sparse.csr_array(X3), Y3, None, TypeError, "[Ss]parse"),
        ({}, np.ma.masked_array(X3, X3 > 2), Y3, None, TypeError, "masked"),
        ({}, [["a", "b", "c"]] * 4, Y3, None, ValueError, "onvert|could not"),
        ({"classes": [0, 1, 3]}, X3, Y3, None, ValueError, r"y\[2\] = .*2.*not among the classes"),
        ({"classes": [0, 1, 1]}, X3, Y3, None, ValueError, "more than once"),
        ({"classes": [[0], [1, 2]]}, X3, Y3, None, ValueError, "classes is no array"),
        ({"classes": [[0, 1, 2]]}, X3, Y3, None, ValueError, "there are 3 classes of shape"),
        ({"tol": -1.0}, X3, Y3, None, ValueError, "tol = -1.0"),
        ({"tol": "small"}, X3, Y3, None, TypeError, "tol = 'small'"),
        ({"max_iter": 0}, X3, Y3, None, ValueError, "max_iter = 0"),
        ({"max_iter": 1.5}, X3, Y3, None, TypeError, "max_iter = 1.5"),
        ({"bias": "no"}, X3, Y3, None, TypeError, "bias = 'no'"),
        ({"probabilities": "no"}, X3, Y3, None, TypeError, "probabilities = 'no'"),
        ({"n_threads": 0}, X3, Y3, None, ValueError, "n_threads = 0"),
        ({"probabilities": True}, X3, Y3, None, ValueError, r"X\[1, 1\] = 2.0, but probabilities"),
        ({"bias": True, "classes": [0, 1, 2]}, X3[:2], Y3[:2], None, ValueError, "class .*2.* has no samples"),
        ({"bias": True}, X3, Y3, [1, 0, 1, 1], ValueError, "class .*1.* has no samples"),
        ({"estimator": LogisticRegression()}, X3, Y3, None, NotFittedError, "FrozenEstimator"),
        ({"estimator": FunctionTransformer()}, X3, Y3, None, TypeError, "neither decision_function nor predict_proba"),
    ],
)
def test_wrong_input_is_named(options, X, y, weight, error, message):
    with pytest.raises(error, match=message):
        TemperatureScaling(**options).fit(X, y, sample_weight=weight)


def test_results_want_the_columns_of_the_fit(digits):
    scores, y = digits
    model = TemperatureScaling().fit(scores, y)
    for method in (model.transform, model.predict, model.predict_proba, model.predict_log_proba):
        with pytest.raises(ValueError, match="2 features"):
            method(scores[:, :2])
        with pytest.raises(ValueError, match="Reshape your data"):
            method(scores[0])
        with pytest.raises(ValueError, match=r"X\[0, 1\] = nan"):
            method([[0.0, np.nan, 1.0]])
        with pytest.raises(NotFittedError):
            getattr(TemperatureScaling(), method.__name__)(scores)
    with pytest.raises(ValueError, match=r"X\[1\] is -inf for all classes"):
        model.predict_proba([[0.0, 1.0, 2.0], [-np.inf] * 3])


def test_probabilities_in_the_place_of_scores_are_noticed(digits):
    scores, y = digits
    probs = fx.softmax(scores)
    for X, happened in ((probs, y), (probs[:, 0], y == "cat"), (probs[:, :1], y == "cat")):
        with pytest.warns(UserWarning, match="probabilities=True"):
            TemperatureScaling().fit(X, happened)

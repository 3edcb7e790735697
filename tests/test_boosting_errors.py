"""Wrong options are named where they are given, wrong labels and weights with their place."""

import numpy as np
import pytest

from fastxent import boosting
from tests.boosting import FACTORIES, METRICS, OBJECTIVES

each_factory = pytest.mark.parametrize("factory", FACTORIES)
SCORES = np.zeros((3, 4), np.float32)


@each_factory
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_weight": [1, -2]}, r"class_weight\[1\] = -2"),
        ({"class_weight": [1, np.nan]}, r"class_weight\[1\] = nan"),
        ({"class_weight": [[1, 2]]}, r"class_weight has shape \(1, 2\)"),
        ({"class_weight": 2.0}, r"class_weight has shape \(\)"),
        ({"label_smoothing": 1.5}, r"label_smoothing = 1.5"),
        ({"n_threads": 0}, r"n_threads = 0"),
    ],
    ids=str,
)
def test_an_option_out_of_its_range(factory, options, message):
    with pytest.raises(ValueError, match=message):
        factory("xgboost", **options)


@each_factory
@pytest.mark.parametrize(
    ("class_weight", "keys"), [({"a": 1.0, "b": 2.0}, r"\['a', 'b'\]"), ({1: 5.0}, r"\[1\]")], ids=str
)
def test_a_dict_of_class_weights_that_lacks_a_class(factory, class_weight, keys):
    is_binary = factory in (boosting.sigmoid_objective, boosting.sigmoid_metric)
    classes = "each class from 0 to 1;" if is_binary else "each class, from 0 to the last one;"
    with pytest.raises(ValueError, match=f"keys {keys}, but it must name {classes}"):
        factory("xgboost", class_weight=class_weight)


@each_factory
def test_a_library_or_interface_that_does_not_exist(factory):
    with pytest.raises(
        ValueError, match="library = 'sklearn', but it must be one of 'xgboost', 'lightgbm', 'catboost'"
    ):
        factory("sklearn")
    with pytest.raises(ValueError, match=r"library = \['xgboost'\]"):
        factory(["xgboost"])
    with pytest.raises(ValueError, match=r"api = array\(\[1., 1.\]\), but"):
        factory("xgboost", np.ones(2))
    with pytest.raises(ValueError, match="api = 'dask', but it must be one of 'native', 'sklearn'"):
        factory("xgboost", "dask")
    with pytest.raises(ValueError, match="library = None"):
        factory(None)


@pytest.mark.parametrize("factory", OBJECTIVES.values())
@pytest.mark.parametrize("hessian", ["Exact", None, 1, ["exact"]], ids=str)
def test_a_rule_that_does_not_exist(factory, hessian):
    with pytest.raises(ValueError, match=r"hessian = .*, but it must be one of .*'exact', 'xgboost', 'lightgbm'"):
        factory("xgboost", hessian=hessian)


@pytest.mark.parametrize("factory", [boosting.sigmoid_objective, boosting.sigmoid_metric])
def test_a_binary_loss_has_two_positive_class_weights(factory):
    with pytest.raises(ValueError, match=r"class_weight\[0\] = 0"):
        factory("xgboost", class_weight=[0, 1])
    with pytest.raises(ValueError, match=r"class_weight has shape \(3,\); expected \(2,\)"):
        factory("xgboost", class_weight=[1, 1, 1])


@pytest.mark.parametrize("factory", [boosting.focal_objective, boosting.focal_metric])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": -1}, "gamma = -1"),
        ({"gamma": np.nan}, "gamma = nan"),
        ({"alpha": -0.5}, "alpha = -0.5"),
        ({"alpha": [1, -2]}, r"alpha\[1\] = -2"),
        ({"alpha": [[1, 2]]}, r"alpha has shape \(1, 2\)"),
    ],
    ids=str,
)
def test_a_focal_option_out_of_its_range(factory, options, message):
    with pytest.raises(ValueError, match=message):
        factory("xgboost", **options)


def test_the_gauss_newton_rule_is_for_rows_with_one_class():
    with pytest.raises(ValueError, match=r'label_smoothing = 0.1, but hessian = "gauss_newton"'):
        boosting.focal_objective("xgboost", label_smoothing=0.1)
    objective = boosting.focal_objective("xgboost")
    with pytest.raises(ValueError, match=r"the labels have shape \(3, 4\), as distributions or several labels a row"):
        objective(np.full((3, 4), 0.25, np.float32), SCORES)
    with pytest.raises(ValueError, match=r"target\[1\] = 0.5, but with one score a row labels are 0 or 1"):
        objective(np.float32([0, 0.5, 1]), SCORES[:, 0])
    with pytest.raises(ValueError, match=r"target\[2\] = 2.0, .*more classes: set num_class"):
        objective(np.float32([0, 1, 2]), SCORES[:, 0])


@pytest.mark.parametrize("factory", [boosting.softmax_objective, boosting.focal_objective])
@pytest.mark.parametrize(
    ("label", "message"),
    [
        (0.5, r"target\[1\] = 0.5, but class labels are integers from 0 to 3"),
        (np.nan, r"target\[1\] = nan, but class labels"),
        (2.0**40, r"target\[1\] = 1099511627776.0, but class labels"),
        (4, r"target\[1\] = 4, but logits have 4 classes"),
        (-1, r"target\[1\] = -1, but logits have 4 classes"),
    ],
    ids=str,
)
def test_a_label_that_is_no_class(factory, label, message):
    for objective in (factory("xgboost"), factory("xgboost", hessian="exact")):
        with pytest.raises(ValueError, match=message):
            objective(np.float32([0, label, 1]), SCORES)


@pytest.mark.parametrize("factory", OBJECTIVES.values())
def test_wrong_weights_and_shapes(factory):
    objective = factory("lightgbm")
    scores = SCORES if factory is not boosting.sigmoid_objective else SCORES[:, 0]
    labels = np.float32([0, 1, 1])
    with pytest.raises(ValueError, match=r"sample_weight\[2\] = -1.0"):
        objective(labels, scores, np.float32([1, 1, -1]))
    with pytest.raises(ValueError, match=r"sample_weight has shape \(2,\)"):
        objective(labels, scores, np.float32([1, 1]))
    with pytest.raises(ValueError, match=r"target has shape \(2,\)"):
        objective(labels[:2], scores, None)


def test_class_weights_and_alphas_for_another_number_of_classes():
    labels = np.float32([0, 1, 1])
    for hessian in ("exact", "gauss_newton"):
        for options, name in (({"class_weight": [1, 2]}, "class_weight"), ({"alpha": [1, 2]}, "alpha")):
            objective = boosting.focal_objective("xgboost", hessian=hessian, **options)
            with pytest.raises(ValueError, match=rf"{name} has shape \(2,\), but there are 4 classes"):
                objective(labels, SCORES)
        for options, message in (
            ({"class_weight": [1, 2, 3]}, r"class_weight = \(1\.0, 2\.0, 3\.0\), .*two positive numbers"),
            ({"alpha": 2.0}, r"alpha = 2\.0, but it must be in \[0, 1\]"),
            ({"alpha": [0.1, 0.2]}, r"alpha has shape \(2,\), .*a number in \[0, 1\]"),
        ):
            objective = boosting.focal_objective("xgboost", hessian=hessian, **options)
            with pytest.raises(ValueError, match=message):
                objective(labels, SCORES[:, 0])


def test_several_scores_of_one_label():
    for call in (boosting.sigmoid_objective("xgboost"), boosting.sigmoid_metric("xgboost")):
        with pytest.raises(ValueError, match=r"the scores have shape \(3, 4\), .* leave num_class out"):
            call(np.float32([0, 1, 1]), SCORES)


def test_class_weights_may_be_a_dict():
    for factory in FACTORIES:
        assert factory("xgboost", class_weight={1: 3.0, 0: 1}) == factory("xgboost", class_weight=[1, 3])


def test_classes_with_one_score_a_row():
    labels, scores = np.float32([0, 2, 1]), SCORES[:, 0]
    for kind, name in (("sigmoid", "softmax_"), ("focal", "set num_class")):
        calls = [METRICS[kind]("lightgbm"), OBJECTIVES[kind]("lightgbm", hessian="exact")]
        for call, role in zip(calls, ("metric", "objective"), strict=True):
            said = rf"target\[1\] = 2.0, .*; for more than two classes .*{name}{role if kind == 'sigmoid' else ''}"
            with pytest.raises(ValueError, match=said):
                call(labels, scores)
            with pytest.raises(ValueError, match=r"target\[1\] = 1.5, but a target is in \[0, 1\]$"):
                call(np.float32([0, 1.5, 1]), scores)


def test_a_factory_in_place_of_what_it_returns():
    with pytest.raises(ValueError, match=r"library is an array, .*; give a library what this function returns"):
        boosting.sigmoid_objective(SCORES, object())

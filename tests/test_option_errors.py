"""Options out of range and arguments of the wrong shape raise, name what was wrong, and write nothing."""

import re

import numpy as np
import pytest

from tests.layouts import read_only
from tests.problem import problem
from tests.table import (
    CLASS_LOSSES,
    FOCAL_LOSSES,
    FUNCTIONS,
    LOSSES,
    SIGMOID_LOSSES,
    SOFTMAX_LOSSES,
    WITH_GRAD_OUTPUT,
    WITH_OUT,
    each_dtype,
    each_of,
)
from tests.turns import in_turn

SOFTMAX_FOCAL = [f for f in SOFTMAX_LOSSES if f.focal]
SIGMOID_FOCAL = [f for f in SIGMOID_LOSSES if f.focal]
WITH_AXIS = [f for f in FUNCTIONS if f.takes("axis")]


# (what, functions, options to change, exception, pattern); on a problem of shape (6, 5) with class indices
# fmt: off
OPTIONS = [
    ("label_smoothing above 1", LOSSES, {"label_smoothing": 1.5}, ValueError, r"label_smoothing.*1\.5"),
    ("label_smoothing below 0", LOSSES, {"label_smoothing": -0.25}, ValueError, r"label_smoothing.*-0\.25"),
    ("label_smoothing complex", LOSSES, {"label_smoothing": np.array(0.5 + 0j)}, TypeError, "label_smoothing"),
    ("label_smoothing a string in an array", LOSSES, {"label_smoothing": np.array(".5")}, TypeError, "label_smoothing"),
    ("label_smoothing an array", LOSSES, {"label_smoothing": np.array([0.5])}, TypeError, "label_smoothing"),
    ("label_smoothing nan", LOSSES, {"label_smoothing": np.nan}, ValueError, "label_smoothing.*nan"),
    ("gamma below 0", FOCAL_LOSSES, {"gamma": -0.5}, ValueError, r"gamma.*-0\.5"),
    ("gamma nan", FOCAL_LOSSES, {"gamma": np.nan}, ValueError, "gamma.*nan"),
    ("gamma inf", FOCAL_LOSSES, {"gamma": np.inf}, ValueError, "gamma.*inf"),
    ("gamma a string", FOCAL_LOSSES, {"gamma": "2"}, TypeError, "gamma.*'2'"),
    ("gamma complex", FOCAL_LOSSES, {"gamma": np.complex128(1 + 1j)}, TypeError, "gamma"),
    ("gamma an array", FOCAL_LOSSES, {"gamma": np.ones(2)}, TypeError, "gamma"),
    ("gamma an array of one number", FOCAL_LOSSES, {"gamma": np.ones(1)}, TypeError, "gamma"),
    ("alpha for 4 classes", SOFTMAX_FOCAL, {"alpha": np.ones(4)}, ValueError, r"alpha.*\(4,\).*5"),
    ("alpha a matrix", SOFTMAX_FOCAL, {"alpha": np.ones((1, 5))}, ValueError, r"alpha.*\(1, 5\)"),
    ("alpha below 0", SOFTMAX_FOCAL, {"alpha": -0.25}, ValueError, r"alpha.*-0\.25"),
    ("alpha with nan", SOFTMAX_FOCAL, {"alpha": [1, 1, 1, np.nan, 1]}, ValueError, r"alpha\[3\].*nan"),
    ("alpha a string", SOFTMAX_FOCAL, {"alpha": "half"}, TypeError, "alpha"),
    ("alpha above 1", SIGMOID_FOCAL, {"alpha": 1.5}, ValueError, r"alpha.*1\.5"),
    ("alpha below 0", SIGMOID_FOCAL, {"alpha": -0.25}, ValueError, r"alpha.*-0\.25"),
    ("alpha nan", SIGMOID_FOCAL, {"alpha": np.nan}, ValueError, "alpha.*nan"),
    ("alpha an array", SIGMOID_FOCAL, {"alpha": np.ones(5)}, TypeError, "alpha"),
    ("z_loss below 0", SOFTMAX_LOSSES, {"z_loss": -0.5}, ValueError, r"z_loss.*-0\.5"),
    ("z_loss nan", SOFTMAX_LOSSES, {"z_loss": np.nan}, ValueError, "z_loss.*nan"),
    ("z_loss inf", SOFTMAX_LOSSES, {"z_loss": np.inf}, ValueError, "z_loss.*inf"),
    ("unknown reduction", LOSSES, {"reduction": "average"}, ValueError, "reduction.*average"),
    ("n_threads 0", FUNCTIONS, {"n_threads": 0}, ValueError, "n_threads.*0"),
    ("n_threads negative", FUNCTIONS, {"n_threads": -2}, ValueError, "n_threads.*-2"),
    ("class_weight for 4 classes", CLASS_LOSSES, {"class_weight": np.ones(4)}, ValueError, r"class_weight.*\(4,\).*5"),
    ("class_weight a matrix", CLASS_LOSSES, {"class_weight": np.ones((1, 5))}, ValueError, r"class_weight.*\(1, 5\)"),
    ("class_weight by dict without a class", CLASS_LOSSES, {"class_weight": dict.fromkeys(range(4), 1.0)}, ValueError,
     r"class_weight.*\[0, 1, 2, 3\].*from 0 to 4.*\(5,\)"),
    ("class_weight by dict with a class more", CLASS_LOSSES, {"class_weight": dict.fromkeys(range(6), 1.0)}, ValueError,
     "class_weight.*from 0 to 4"),
    ("class_weight by names", CLASS_LOSSES, {"class_weight": {"cat": 1.0, "dog": 2.0}}, ValueError,
     "class_weight.*cat.*from 0 to 4"),
    ("class_weight by dict below 0", CLASS_LOSSES, {"class_weight": {0: 1, 1: 1, 2: -0.5, 3: 1, 4: 1}}, ValueError,
     r"class_weight\[2\].*-0\.5"),
    ("ignore_index nan of labels", CLASS_LOSSES, {"ignore_index": np.nan}, TypeError, "ignore_index.*nan"),
    ("ignore_index a bool", CLASS_LOSSES, {"ignore_index": True}, TypeError, "ignore_index = True"),
    ("infogain not square", CLASS_LOSSES, {"infogain": np.ones((5, 4))}, ValueError, r"infogain.*\(5, 4\)"),
    ("infogain and class_weight", CLASS_LOSSES, {"infogain": np.eye(5), "class_weight": np.ones(5)}, ValueError,
     "infogain goes neither with class_weight"),
    ("infogain and label_smoothing", CLASS_LOSSES, {"infogain": np.eye(5), "label_smoothing": 0.1}, ValueError,
     "infogain goes neither .* nor with label_smoothing"),
    ("infogain and distribution", CLASS_LOSSES, {"infogain": np.eye(5), "target": np.ones((6, 5))}, ValueError,
     "infogain goes with class indices, but the target is a distribution"),
    ("ignore_index and distribution", CLASS_LOSSES, {"ignore_index": 1, "target": np.ones((6, 5))}, ValueError,
     "ignore_index = 1, but the target is a distribution"),
    ("sample_weight too long", LOSSES, {"sample_weight": np.ones(7)}, ValueError, r"sample_weight.*\(7,\)"),
    ("pos_weight of another length", SIGMOID_LOSSES, {"pos_weight": np.ones(6)}, ValueError, r"pos_weight.*\(6,\)"),
    ("axis too large", WITH_AXIS, {"axis": 2}, ValueError, "axis.*2"),
    ("axis too small", WITH_AXIS, {"axis": -3}, ValueError, "axis.*-3"),
    ("axis a bool", WITH_AXIS, {"axis": True}, TypeError, "axis = True"),
    ("axis a tuple", WITH_AXIS, {"axis": (0, 1)}, TypeError, r"axis = \(0, 1\), .*a single integer"),
    ("grad_output per row of a mean", WITH_GRAD_OUTPUT, {"grad_output": np.ones(6)},
     ValueError, r"grad_output has shape \(6,\), but .*the loss is one number"),
]
# fmt: on
OPTIONS = [(f, *row) for row in OPTIONS for f in row[1]]


@pytest.mark.parametrize("f, what, _, changes, exception, pattern", OPTIONS, ids=[f"{o[1]}-{o[0]}" for o in OPTIONS])
def test_option_out_of_range(f, what, _, changes, exception, pattern, rng):
    problem(f, rng, (6, 5)).change(**changes).assert_rejected(exception, pattern)


@each_of(LOSSES)
@in_turn("sizes", [(7,), (6, 1), (5, 6), (6, 5, 1), ()])
def test_target_of_another_shape_is_named_with_both_shapes(f, sizes, rng):
    if f.kind == "sigmoid" and sizes == ():
        sizes = (6,)
    p = problem(f, rng, (6, 5)).change(target=np.zeros(sizes, int))
    p.assert_rejected(ValueError, rf"{re.escape(str(sizes))}.*\(6, 5\)|\(6, 5\).*{re.escape(str(sizes))}")


@each_of(CLASS_LOSSES)
def test_float_class_labels_are_a_type_error_that_names_the_cast(f, rng):
    p = problem(f, rng, (6, 5))
    p.change(target=p.target.astype(float)).assert_rejected(TypeError, r"dtype float64.*: target\.astype\(np\.int64\)")


@each_of(FUNCTIONS)
def test_logits_without_dimension(f):
    args = (np.float64(1.0), 0)[: f.operands]
    with pytest.raises(ValueError, match=r"is a scalar \(1\.0\); expected at least one axis"):
        f.call(*args)


@each_of(LOSSES)
@in_turn("sizes", [(2,), (5,), (2, 5), (1, 2, 4, 5)])
def test_sample_weight_is_not_padded_to_the_rank_of_the_rows(f, sizes, rng):
    if f.kind == "sigmoid" and len(sizes) == 4:
        sizes = (1, 2, 3, 4, 5)
    p = problem(f, rng, (2, 3, 4, 5), 1).change(sample_weight=np.ones(sizes))
    p.assert_rejected(ValueError, rf"sample_weight.*{re.escape(str(sizes))}")


@each_of(WITH_GRAD_OUTPUT)
def test_grad_output_of_another_shape(f, rng):
    p = problem(f, rng, (6, 5), reduction="none")
    p.change(grad_output=np.ones((6, 5, 1))).assert_rejected(ValueError, r"grad_output.*\(6, 5, 1\)")


@each_of(CLASS_LOSSES)
def test_no_classes_but_rows(f, dtype):
    with pytest.raises(ValueError, match=r"have shape \(3, 0\): 0 classes"):
        f.call(np.empty((3, 0), dtype), np.zeros(3, int))


UNFIT = {
    "too short": (np.full((5, 5), -7.0), ValueError, r"has shape \(5, 5\), but its input has shape \(6, 5\)"),
    "other rank": (np.full((6, 5, 1), -7.0), ValueError, r"has shape \(6, 5, 1\), but its input has shape \(6, 5\)"),
    "integers": (np.full((6, 5), -7), TypeError, "has dtype int64"),
    "complex": (np.full((6, 5), -7, "c8"), TypeError, "has dtype complex64"),
    "byte-swapped": (np.full((6, 5), -7.0, np.dtype(float).newbyteorder()), TypeError, "has dtype [<>]f8"),
    "a list": ([[-7.0] * 5] * 6, TypeError, "is a list"),
    "read-only": (read_only(np.full((6, 5), -7.0)), ValueError, "is read-only"),
}


@each_of(WITH_OUT)
@in_turn("what", UNFIT)
@each_dtype
def test_out_that_cannot_hold_the_result(f, what, dtype, rng):
    p = problem(f, rng, (6, 5), -1, dtype)
    out, exception, pattern = UNFIT[what]
    for argument in f.array_results:
        p.change(**{argument: out}).assert_rejected(exception, rf"^{argument} {pattern}")

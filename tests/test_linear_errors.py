"""Arguments of a linear layer's losses that are refused, before anything is written."""

import numpy as np
import pytest

import fastxent as fx
from tests.turns import in_turn

HIDDEN, WEIGHT, LABELS = np.ones((2, 4)), np.ones((3, 4)), np.array([0, 2])
BAD = {
    "transposed weight": ((HIDDEN, WEIGHT.T, LABELS), {}, ValueError, "did you mean weight.T"),
    "features": ((HIDDEN, np.ones((3, 5)), LABELS), {}, ValueError, r"hidden has shape \(2, 4\) and weight \(3, 5\)"),
    "bias": ((HIDDEN, WEIGHT, LABELS, np.ones(4)), {}, ValueError, r"bias has shape \(4,\), but weight has 3 rows"),
    "label": ((HIDDEN, WEIGHT, [0, 3]), {}, ValueError, r"target\[1\] = 3"),
    "target": ((HIDDEN, WEIGHT, [0]), {}, ValueError, r"hidden @ weight.T have shape \(2, 3\): expected \(2,\)"),
    "softcap": ((HIDDEN, WEIGHT, LABELS), {"softcap": 0.0}, ValueError, "softcap = 0.0"),
    "chunk": ((HIDDEN, WEIGHT, LABELS), {"chunk_rows": 0}, ValueError, "chunk_rows = 0"),
    "half a chunk": ((HIDDEN, WEIGHT, LABELS), {"chunk_rows": 1.5}, TypeError, "chunk_rows = 1.5"),
    "any chunk": ((HIDDEN, WEIGHT, LABELS), {"chunk_rows": True}, TypeError, "chunk_rows = True"),
    "strings": ((HIDDEN, WEIGHT.astype(str), LABELS), {}, TypeError, "weight has dtype"),
    "weights": ((HIDDEN, WEIGHT, LABELS), {"class_weight": [1, 2]}, ValueError, "class_weight has shape"),
    "negative": ((HIDDEN, WEIGHT, LABELS), {"sample_weight": [1, -1]}, ValueError, r"sample_weight\[1\]"),
    "threads": ((HIDDEN, WEIGHT, LABELS), {"n_threads": 0}, ValueError, "n_threads = 0"),
    "out shape": ((HIDDEN, WEIGHT, LABELS), {"out_weight": np.empty((4, 3))}, ValueError, "out_weight has shape"),
    "out dtype": ((HIDDEN, WEIGHT, LABELS), {"out_hidden": np.empty((2, 4), int)}, TypeError, "out_hidden has dtype"),
    "out of no bias": ((HIDDEN, WEIGHT, LABELS), {"out_bias": np.empty(3)}, ValueError, "there is no bias"),
    "out is an input": ((HIDDEN, WEIGHT, LABELS), {"out_weight": WEIGHT}, ValueError, "out_weight overlaps weight"),
    "grad_output": ((HIDDEN, WEIGHT, LABELS), {"grad_output": [1.0, 2.0]}, ValueError, "grad_output"),
}


@in_turn("what", BAD)
def test_bad_input_is_named_and_nothing_is_written(what):
    args, options, error, text = BAD[what]
    outs = {name: np.full(shape, 7.0) for name, shape in (("out_hidden", (2, 4)), ("out_weight", (3, 4)))}
    with pytest.raises(error, match=text):
        fx.linear_cross_entropy_grad(*args, **outs | options)
    assert all((outs[name] == 7.0).all() for name in outs)
    assert (HIDDEN == 1).all()
    assert (WEIGHT == 1).all()
    if not any(name.startswith(("out", "grad")) for name in options):
        with pytest.raises(error, match=text):
            fx.linear_cross_entropy(*args, **options)


@in_turn("softcap", [1e39, 1e-46])
def test_a_cap_beyond_the_dtype_is_refused(softcap):
    with pytest.raises(ValueError, match=r"softcap = .* normal number of float32"):
        fx.linear_cross_entropy(HIDDEN.astype(np.float32), WEIGHT.astype(np.float32), LABELS, softcap=softcap)


def test_outputs_in_the_place_of_any_input_are_refused(rng):
    weights = np.ones(3)
    with pytest.raises(ValueError, match="out_bias overlaps class_weight"):
        fx.linear_cross_entropy_grad(HIDDEN, WEIGHT, LABELS, np.zeros(3), class_weight=weights, out_bias=weights)
    turned = np.moveaxis(rng.normal(size=(2, 4, 3)), 1, -1)  # whose rows are copied
    with pytest.raises(ValueError, match="out_hidden overlaps hidden"):
        fx.linear_cross_entropy_grad(turned, WEIGHT, np.zeros((2, 3), int), out_hidden=turned)


@pytest.mark.parametrize("name", ["target", "sample_weight", "grad_output"])
def test_outputs_in_the_memory_of_what_is_no_array_are_refused(name):
    memory = np.ones(3, np.int64 if name == "target" else np.float64)
    options = {"target": [0, 1, 1], name: memoryview(memory), "reduction": "none"}
    out = memory.view(np.float64).reshape(3, 1)
    with pytest.raises(ValueError, match=f"out_hidden overlaps {name}"):
        fx.linear_cross_entropy_grad(np.ones((3, 1)), np.ones((2, 1)), **options, out_hidden=out)
    assert (memory == 1).all()


def test_outputs_that_share_memory_are_refused():
    room = np.empty((3, 4))
    with pytest.raises(ValueError, match="out_weight overlaps out_hidden"):
        fx.linear_cross_entropy_grad(HIDDEN, WEIGHT, LABELS, out_hidden=room[:2], out_weight=room)


def test_statistics_are_those_of_class_indices():
    with pytest.raises(ValueError, match="statistics are those of class indices"):
        fx.linear_target_statistics(HIDDEN, WEIGHT, np.eye(3)[:2])

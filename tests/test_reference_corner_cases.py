"""The corner cases of docs/design.md in fastxent.reference, under NumPy's strictest error state, and its arguments."""

import numpy as np
import pytest

from fastxent import reference
from tests.problem import named
from tests.table import LOSSES, NAMED, WITH_OUT, each_of, each_reduction

INF, NAN = np.inf, np.nan
NONE = {"reduction": "none"}
NO_TARGET = "target is neither a distribution nor class indices"

# (why, function, arguments, options, results)
CORNER_CASES = [
    ("-inf without target: 0", "softmax_cross_entropy_grad_hess", ([-INF, 0], 1), NONE, (0, [0, 0], [0, 0])),
    ("-inf at the target", "softmax_cross_entropy_grad_hess", ([-INF, 0], 0), NONE, (INF, [-1, 1], [0, 0])),
    ("-inf under a distribution", "softmax_cross_entropy_grad", ([-INF, 0], [3.0, 1.0]), NONE, (INF, [-3, 3])),
    ("the difference overflows", "softmax_cross_entropy_grad", ([1e308, -1e308], 1), NONE, (INF, [1, -1])),
    ("+inf", "softmax_cross_entropy_grad_hess", ([INF, 0], 0), NONE, (NAN, [NAN, NAN], [NAN, NAN])),
    ("nan", "softmax_cross_entropy_grad", ([NAN, 0], 1), NONE, (NAN, [NAN, NAN])),
    ("all -inf", "softmax_cross_entropy_grad", ([-INF, -INF], 1), NONE, (NAN, [NAN, NAN])),
    ("nan in its row only", "softmax_cross_entropy_grad", ([[NAN, 0], [5, 5]], [0, 1]), NONE,
     ([NAN, np.log(2)], [[NAN, NAN], [0.5, -0.5]])),
    ("nan in the mean", "softmax_cross_entropy_grad", ([[NAN, 0], [5, 5]], [0, 1]), {},
     (NAN, [[NAN, NAN], [0.25, -0.25]])),
    ("ignored", "softmax_cross_entropy_grad_hess", ([[NAN, INF], [5, 5]], [-1, 1]), {"ignore_index": -1, "z_loss": 0.0},
     (np.log(2), [[0, 0], [0.5, -0.5]], [[0, 0], [0.25, 0.25]])),
    ("a class is ignored", "softmax_cross_entropy_grad", ([[NAN, INF], [5, 5]], [0, 1]), {"ignore_index": 0},
     (np.log(2), [[0, 0], [0.5, -0.5]])),
    ("weight 0", "softmax_cross_entropy_grad", ([[NAN, INF], [5, 5]], [0, 1]), {"sample_weight": [0, 2]},
     (np.log(2), [[0, 0], [0.5, -0.5]])),
    ("D = 0, ignored", "softmax_cross_entropy_grad", ([[NAN, 1]], [7]), {"ignore_index": 7}, (NAN, [[0, 0]])),
    ("D = 0, class weight", "softmax_cross_entropy_grad", ([[0, 1]], [0]), {"class_weight": [0, 1], "z_loss": 1},
     (NAN, [[0, 0]])),
    ("D = 0, no rows", "softmax_cross_entropy_grad", (np.empty((0, 2)), np.empty(0, int)), {},
     (NAN, np.empty((0, 2)))),
    ("no rows", "softmax_cross_entropy_grad", (np.empty((0, 0)), np.empty(0, int)), {"reduction": "sum"},
     (0, np.empty((0, 0)))),
    ("one class", "softmax_cross_entropy_grad_hess", ([[3.0]], [0]), {"label_smoothing": 0.5}, (0, [[0]], [[0]])),
    ("nan without class weight", "softmax_focal_loss_grad", ([NAN, 0], 0), {"class_weight": [0, 1], **NONE},
     (NAN, [NAN, NAN])),
    ("+inf without alpha", "softmax_focal_loss_grad", ([INF, 0], 0), {"alpha": [0, 1], **NONE}, (NAN, [NAN, NAN])),
    ("all -inf without target", "softmax_focal_loss", ([-INF, -INF], [0, 0]), NONE, NAN),
    ("nan without class weight", "softmax_cross_entropy_grad", ([NAN, 0], 0), {"class_weight": [0, 1], **NONE},
     (NAN, [NAN, NAN])),
    ("class weights by dict", "softmax_cross_entropy", ([0, 0], 1), {"class_weight": {1: 2, 0: 0}, **NONE},
     2 * np.log(2)),
    ("a target of zeros and ones", "softmax_cross_entropy", ([0, 0], [1, 1]), NONE, 2 * np.log(2)),
    ("bool labels", "softmax_cross_entropy", ([[0, 0], [0, 0]], [True, False]), {}, np.log(2)),
    ("eps = 0", "clamped_cross_entropy_grad", ([0, 1], 0), {"eps": 0, **NONE}, (INF, [-INF, 0])),
    ("the others' q", "clamped_cross_entropy_grad", ([NAN, 0.5], 1), NONE, (np.log(2), [0, -2])),
    ("q > 1", "clamped_cross_entropy_grad", ([4, 0], 0), NONE, (-np.log(4), [-0.25, 0])),
    ("t_k = 0 at q = 0", "clamped_cross_entropy_grad", ([0, 1], [0.0, 2.0]), {"eps": 0, **NONE}, (0, [0, -2])),
    ("x = inf", "sigmoid_cross_entropy_grad_hess", ([INF, INF, INF], [1, 0, 0.5]), NONE,
     ([0, INF, INF], [0, 1, 0.5], [0, 0, 0])),
    ("x = -inf", "sigmoid_cross_entropy_grad_hess", ([-INF, -INF], [0, 1]), {"pos_weight": 2, **NONE},
     ([0, INF], [0, -2], [0, 0])),
    ("pos_weight 0", "sigmoid_cross_entropy_grad_hess", ([-INF, 0], [1, 1]), {"pos_weight": [0, 1], **NONE},
     ([0, np.log(2)], [0, -0.5], [0, 0.25])),
    ("x = nan", "sigmoid_cross_entropy_grad", ([NAN, 0], [1, 1]), {"pos_weight": 0, **NONE}, ([NAN, 0], [NAN, 0])),
    ("an ignored element", "sigmoid_cross_entropy_grad", ([NAN, 0], [-1, 1]), {"ignore_index": -1},
     (np.log(2), [0, -0.5])),
    ("missing targets are ignored", "sigmoid_cross_entropy_grad", ([3, 0], [NAN, 1]), {"ignore_index": NAN},
     (np.log(2), [0, -0.5])),
    ("any target of weight 0", "sigmoid_cross_entropy_grad", ([3, 2, 0], [NAN, 7, 1]), {"sample_weight": [0, 0, 1]},
     (np.log(2), [0, 0, -0.5])),
    ("-inf, +inf and nan", "softmax", ([[-INF, 0], [INF, 0], [NAN, 0]],), {}, [[0, 1], [NAN, NAN], [NAN, NAN]]),
    ("-inf, +inf and nan", "log_softmax", ([[-INF, 0], [INF, 0], [NAN, 0]],), {}, [[-INF, 0], [NAN, NAN], [NAN, NAN]]),
    ("infinities", "logsumexp", ([[-INF, -INF], [INF, -INF], [NAN, INF], [-INF, 3]],), {}, [-INF, INF, NAN, 3]),
    ("no classes", "logsumexp", (np.empty((2, 0)),), {}, [-INF, -INF]),
    ("keepdims", "logsumexp", (np.zeros((2, 3)),), {"keepdims": True, "axis": 0}, np.full((1, 3), np.log(2))),
    ("0 log 0 = 0", "entropy", ([[0, 1], [0.5, 0.5]],), {}, [0, np.log(2)]),
    ("no classes", "entropy", (np.empty((2, 0)),), {}, [0, 0]),
    ("p = 0 against 0, p > 0 against 0", "cross_entropy", ([[0, 1], [1, 0]], [0, 0.5]), {}, [np.log(2), INF]),
    ("p = 0 against 0, p > 0 against 0", "kl_divergence", ([[0, 1], [1, 0]], [0, 0.5]), {}, [np.log(2), INF]),
    ("no classes", "kl_divergence", (np.empty((2, 0)), np.empty((2, 0))), {}, [0, 0]),
    ("in a base below 1", "kl_divergence", ([1.0], [0.5]), {"base": 0.5}, -1),
    ("the axis goes", "logsumexp", (np.zeros((2, 3)),), {"axis": 0}, np.full(3, np.log(2))),
]  # fmt: skip


@pytest.mark.parametrize("why, name, args, options, results", CORNER_CASES, ids=str)
def test_corner_case(why, name, args, options, results):
    with np.errstate(all="raise"):
        found = getattr(reference, name)(*args, **options)
    for got, want in zip(*((found, results) if isinstance(found, tuple) else ([found], [results])), strict=True):
        np.testing.assert_allclose(got, want, rtol=4 * np.finfo(float).eps, atol=0)


@each_of(WITH_OUT)
def test_out_is_filled_and_returned(f, dtype, rng):
    x = rng.uniform(0.1, 1, (4, 3))
    args = (x,) if f.kind == "activation" else (x, rng.integers(0, 2, (4, 3) if f.kind == "sigmoid" else 4))
    outs = {argument: np.full((3, 4), np.nan, dtype).T for argument in f.array_results}
    without, found = named(f, f.reference(*args)), named(f, f.reference(*args, **outs))
    for argument, result in f.array_results.items():
        assert found[result] is outs[argument]
        np.testing.assert_array_equal(found[result], without[result].astype(dtype))


@each_of(LOSSES)
@each_reduction
def test_results_are_float64_and_reduced_losses_python_floats(f, reduction):
    target = np.ones((2, 3) if f.kind == "sigmoid" else 2, np.uint8)
    found = named(f, f.reference(np.full((2, 3), 0.5, np.float32), target, reduction=reduction))
    loss = found.pop("loss")
    assert loss.dtype == np.float64 if reduction == "none" else type(loss) is float
    assert all(value.dtype == np.float64 for value in found.values())


def test_one_unbatched_row_has_a_scalar_loss():
    assert isinstance(reference.softmax_cross_entropy([0, 0], 1, **NONE), np.float64)


@pytest.mark.parametrize(
    "name, args, options, message",
    [
        ("softmax_cross_entropy", ([[0, 0]], [2]), {}, NO_TARGET),
        ("softmax_cross_entropy", ([[0, 0]], [-1]), {}, NO_TARGET),
        ("softmax_cross_entropy", ([[0, 0]], [0.0]), {}, NO_TARGET),
        ("softmax_cross_entropy", ([[0, 0]], [[0]]), {}, NO_TARGET),
        ("softmax_cross_entropy", ([[[0, 0]] * 2] * 2, [[0, 0]] * 2), {"sample_weight": [1, 1]},
         r"sample_weight has shape \(2,\), but there are \(2, 2\) samples"),
        ("softmax_cross_entropy", ([[0, 0]], [[0, 2]]), {}, "target"),
        ("clamped_cross_entropy", ([[1, 1]], [[-1, 1]]), {}, "target"),
        ("softmax_cross_entropy", ([[0, 0]], [1]), {"class_weight": {1: 1.0}}, "class_weight"),
        ("sigmoid_cross_entropy", ([[0, 0]], [0, 0]), {}, r"target has shape \(2,\), but logits have shape \(1, 2\)"),
        ("sigmoid_cross_entropy", ([0.0], [0]), {"reduction": "average"}, "reduction = 'average'"),
    ],
)  # fmt: skip
def test_what_would_silently_mean_something_else_is_refused(name, args, options, message):
    with pytest.raises(ValueError, match=message):
        NAMED[name].reference(*args, **options)

"""Values that anybody can check: closed forms derived by hand, and numbers printed in other projects' documentation."""

from math import exp, log, log1p

import numpy as np
import pytest
import scipy.special

import fastxent as fx
from tests.table import NAMED
from tests.turns import in_turn
from tests.ulp import BOUND, assert_ulp

LN2, LN3, LN4 = log(2), log(3), log(4)


def call(name, args, options):
    return NAMED[name], NAMED[name].call(*args, **options)


# (why, function, x, target, options, results); x is cast to each dtype, results are exact to the promised ulp.
# fmt: off
CLOSED_FORMS = [
    ("equal logits: log C, 1/C - [k = y], (1/C)(1 - 1/C)", "softmax_cross_entropy_grad_hess",
     [[7.0] * 8], [3], {}, (log(8), [[0.125] * 3 + [-0.875] + [0.125] * 4], [[7 / 64] * 8])),
    ("p = (1/4, 3/4), target the likely class", "softmax_cross_entropy_grad_hess",
     [[0, LN3]], [1], {}, (log(4 / 3), [[0.25, -0.25]], [[3 / 16, 3 / 16]])),
    ("p = (1/4, 3/4), target the unlikely class", "softmax_cross_entropy_grad_hess",
     [[0, LN3]], [0], {}, (LN4, [[-0.75, 0.75]], [[3 / 16, 3 / 16]])),
    ("a margin of 15: log1p(exp(-15)), no rounding to 0", "softmax_cross_entropy_grad",
     [[15.0, 0.0]], [0], {}, (log1p(exp(-15)), [[-1 / (1 + exp(15)), 1 / (1 + exp(15))]])),
    ("smoothing by 1/2 turns class 0 of 2 into (3/4, 1/4) = p: the entropy, gradient 0", "softmax_cross_entropy",
     [[LN3, 0.0]], [0], {"label_smoothing": 0.5}, LN4 - 0.75 * LN3),
    ("z-loss c = 1 on four zeros, lse = log 4: (1 + 2 log 4)/4 - [k = y]", "softmax_cross_entropy_grad_hess",
     [[0.0] * 4], [2], {"z_loss": 1.0},
     (LN4 + LN4**2, [[(1 + 2 * LN4) / 4 - (k == 2) for k in range(4)]], [[(1 + 2 * LN4) * 3 / 16 + 1 / 8] * 4])),
    ("class weights (2, 1): weighted mean (2 log 2 + log 4) / 3", "softmax_cross_entropy",
     [[0.0, 0.0], [LN3, 0.0]], [0, 1], {"class_weight": [2, 1]}, (2 * LN2 + LN4) / 3),
    ("sample weights (1, 3): (log 4 + 3 log(4/3)) / 4", "softmax_cross_entropy",
     [[LN3, 0.0], [LN3, 0.0]], [1, 0], {"sample_weight": [1, 3]}, (LN4 + 3 * log(4 / 3)) / 4),
    ("a distribution that sums to 2 is used as it is: T p_k - t_k = 2/2 - t_k", "softmax_cross_entropy_grad",
     [[0.0, 0.0]], [[1.5, 0.5]], {}, (2 * LN2, [[-0.5, 0.5]])),
    ("infogain row (1, 1/2) of equal logits: 1.5 log 2, 1.5/2 - H", "softmax_cross_entropy_grad",
     [[0.0, 0.0]], [0], {"infogain": [[1, 0.5], [0, 2]]}, (1.5 * LN2, [[-0.25, 0.25]])),
    ("the gradient's chain: grad_output times it", "softmax_cross_entropy_grad",
     [[0.0, 0.0]], [0], {"grad_output": -4.0}, (LN2, [[2.0, -2.0]])),
    ("one ignored row of two", "softmax_cross_entropy_grad",
     [[0.0, 0.0], [9.0, 1.0]], [1, -100], {"ignore_index": -100}, (LN2, [[0.5, -0.5], [0.0, 0.0]])),
    ("-log q and -1/q", "clamped_cross_entropy_grad",
     [[0.5, 0.25, 0.25]], [1], {}, (LN4, [[0.0, -4.0, 0.0]])),
    ("Caffe's kLOG_THRESHOLD: -log 1e-20, and the gradient keeps 1 / 1e-20", "clamped_cross_entropy_grad",
     [[1.0, 0.0]], [1], {}, (20 * log(10), [[0.0, -1e20]])),
    ("cross entropy of (1/2, 1/4, 1/4) with itself: 1.5 log 2", "clamped_cross_entropy_grad",
     [[0.5, 0.25, 0.25]], [[0.5, 0.25, 0.25]], {}, (1.5 * LN2, [[-1.0, -1.0, -1.0]])),
    ("infogain against probabilities: 2 log 4 + log 2", "clamped_cross_entropy",
     [[0.5, 0.25, 0.25]], [1], {"infogain": [[0, 0, 1], [1, 2, 0], [1, 0, 0]]}, LN2 + 2 * LN4),
    ("sigmoid at 0: log 2, 1/2 - t, 1/4", "sigmoid_cross_entropy_grad_hess",
     [0.0], [0.25], {}, (LN2, [0.25], [0.25])),
    ("sigmoid(log 3) = 3/4 against 1: log(4/3), -1/4, 3/16", "sigmoid_cross_entropy_grad_hess",
     [LN3], [1], {}, (log(4 / 3), [-0.25], [3 / 16])),
    ("a positive weight of 3 on that", "sigmoid_cross_entropy_grad_hess",
     [LN3], [1], {"pos_weight": 3.0}, (3 * log(4 / 3), [-0.75], [9 / 16])),
    ("smoothing 1/2 takes target 1 to 3/4 = sigmoid(log 3): the entropy", "sigmoid_cross_entropy",
     [LN3], [1], {"label_smoothing": 0.5}, LN4 - 0.75 * LN3),
    ("softmax of (0, log 3)", "softmax", [[0, LN3]], None, {}, [[0.25, 0.75]]),
    ("log_softmax of (0, log 3)", "log_softmax", [[0, LN3]], None, {}, [[-LN4, -log(4 / 3)]]),
    ("n equal numbers: a + log n", "logsumexp", [[5.0] * 32], None, {}, [5 + log(32)]),
    ("n equal shares, certainty, and shares that sum to 2", "entropy",
     [[0.125] * 8, [1.0] + [0.0] * 7, [1.0, 1.0] + [0.0] * 6], None, {}, [log(8), 0.0, 0.0]),
    ("in bits: (1/2, 1/4, 1/8, 1/8)", "entropy", [[0.5, 0.25, 0.125, 0.125]], None, {"base": 2}, [1.75]),
    ("a share above 1: -4 log 4", "entropy", [[4.0]], None, {}, [-4 * LN4]),
    ("the code for one source used for another: 1.5 + KL = 1.75 bits", "cross_entropy",
     [[0.5, 0.25, 0.25]], [[0.25, 0.25, 0.5]], {"base": 2}, [1.75]),
    ("one-hot: -log q", "cross_entropy", [[0.0, 1.0, 0.0]], [[0.0, 0.25, 0.75]], {}, [LN4]),
    ("(1/2, 1/2) from (1/4, 3/4): log(2) - log(3)/2", "kl_divergence",
     [[0.5, 0.5]], [[0.25, 0.75]], {}, [0.5 * log(4 / 3)]),
    ("(1/4, 3/4) from (1/2, 1/2): the other way round, 3/4 log 3 - log 2", "kl_divergence",
     [[0.25, 0.75]], [[0.5, 0.5]], {}, [0.75 * LN3 - LN2]),
    ("2 from 1: 2 log 2, and 1 from 2: -log 2, where the sums differ", "kl_divergence",
     [[2.0], [1.0]], [[1.0], [2.0]], {}, [2 * LN2, -LN2]),
    ("a millionth apart: 2^-41 (1 + 2^-40 / 6 + ...)", "kl_divergence",
     [[0.5, 0.5]], [[0.5 + 2.0**-21, 0.5 - 2.0**-21]], {}, [-0.5 * log1p(-(2.0**-40))]),
]
# fmt: on


@pytest.mark.parametrize("why, name, x, target, options, results", CLOSED_FORMS, ids=[row[0] for row in CLOSED_FORMS])
def test_closed_form(why, name, x, target, options, results, dtype):
    x = np.array(x, dtype)
    f, got = call(name, (x,) if target is None else (x, target), options)
    if len(f.gives) == 1:
        got, results = (got,), (results,)
    for what, value, want in zip(f.gives, got, results, strict=True):
        assert_ulp(value, want, BOUND["loss"], dtype, what=what)


# (source, function, x, target, options, printed values of the last result, unit of the last printed digit)
# TensorFlow prints 4.5776367e-05 for the third weighted logit, through float32's 1 + exp(-10); here is log1p(exp(-10)).
# fmt: off
PUBLISHED = [
    ("tf.nn.softmax_cross_entropy_with_logits", "softmax_cross_entropy", [[4.0, 2.0, 1.0], [0.0, 5.0, 1.0]],
     [[1.0, 0.0, 0.0], [0.0, 0.8, 0.2]], {"reduction": "none"}, [0.16984604, 0.82474494], 6e-8),
    ("mindspore.ops.SoftmaxCrossEntropyWithLogits, loss", "softmax_cross_entropy",
     [[2, 4, 1, 4, 5], [2, 1, 2, 4, 3]], [4, 3], {"reduction": "none"}, [0.5899297, 0.52374405], 1e-7),
    ("mindspore.ops.SoftmaxCrossEntropyWithLogits, dlogits", "softmax_cross_entropy_grad",
     [[2, 4, 1, 4, 5], [2, 1, 2, 4, 3]], [[0, 0, 0, 0, 1], [0, 0, 0, 1, 0]], {"reduction": "none"},
     [[0.02760027, 0.20393994, 0.01015357, 0.20393994, -0.44563377],
      [0.08015892, 0.02948882, 0.08015892, -0.4077012, 0.21789455]], 6e-8),
    ("tf.nn.sigmoid_cross_entropy_with_logits", "sigmoid_cross_entropy", [1.0, -1.0, 0.0, 1.0, -1.0, 0.0, 0.0],
     [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.5], {"reduction": "none"},
     [1.3132617, 0.3132617, 0.6931472, 0.3132617, 1.3132617, 0.6931472, 0.6931472], 1e-7),
    ("tf.nn.weighted_cross_entropy_with_logits, pos_weight 1.5", "sigmoid_cross_entropy", [1.5, -0.1, -10.0],
     [1.0, 0.5, 0.0], {"reduction": "none", "pos_weight": 1.5}, [0.30211994, 0.88049585, 4.5398899e-05], 1e-7),
    ("tf.nn.weighted_cross_entropy_with_logits, pos_weight 0.5", "sigmoid_cross_entropy", [1.5, -0.1, -10.0],
     [1.0, 0.5, 0.0], {"reduction": "none", "pos_weight": 0.5}, [0.100706644, 0.508297503, 4.5398899e-05], 1e-7),
    ("keras.losses.BinaryCrossentropy, sum over batch size", "sigmoid_cross_entropy", [-18.6, 0.51, 2.94, -12.8],
     [0, 1, 0, 0], {}, 0.8654, 1e-4),
    ("keras.losses.BinaryCrossentropy, sample_weight (of two rows, so 0.4 and 0.1 an element)",
     "sigmoid_cross_entropy", [[-18.6, 0.51], [2.94, -12.8]], [[0, 1], [0, 0]],
     {"sample_weight": [[0.4], [0.1]], "reduction": "sum"}, 2 * 0.243, 2e-3),
    ("keras.losses.SparseCategoricalCrossentropy, none", "clamped_cross_entropy",
     [[0.05, 0.95, 0], [0.1, 0.8, 0.1]], [1, 2], {"reduction": "none"}, [0.0513, 2.303], 5e-4),
    ("keras.losses.SparseCategoricalCrossentropy, sum over batch size", "clamped_cross_entropy",
     [[0.05, 0.95, 0], [0.1, 0.8, 0.1]], [1, 2], {}, 1.177, 1e-3),
    ("keras.losses.CategoricalCrossentropy, sample_weight (divided by the batch size, not the weights)",
     "clamped_cross_entropy", [[0.05, 0.95, 0], [0.1, 0.8, 0.1]], [[0, 1, 0], [0, 0, 1]],
     {"sample_weight": [0.3, 0.7], "reduction": "sum"}, 2 * 0.814, 2e-3),
    ("sklearn.metrics.log_loss; ham, spam = 0, 1", "clamped_cross_entropy",
     [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]], [1, 0, 0, 1], {}, 0.21616, 1e-5),
    ("Wikipedia, Softmax function, Example", "softmax", [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0], None, {},
     [0.02364054, 0.06426166, 0.1746813, 0.474833, 0.02364054, 0.06426166, 0.1746813], 1e-7),
    ("scipy.special.softmax, along the columns", "softmax", [[1, 0.5, 0.2, 3], [1, -1, 7, 3], [2, 12, 13, 3]], None,
     {"axis": 0}, [[2.11942e-01, 1.01300e-05, 2.75394e-06, 3.33333e-01],
                   [2.11942e-01, 2.26030e-06, 2.47262e-03, 3.33333e-01],
                   [5.76117e-01, 9.99988e-01, 9.97525e-01, 3.33333e-01]], 1e-6),
    ("scipy.special.log_softmax", "log_softmax", [1000.0, 1.0], None, {}, [0.0, -999.0], 1e-5),
    ("scipy.stats.entropy, a fair coin in bits", "entropy", [1 / 2, 1 / 2], None, {"base": 2}, 1.0, 1e-6),
    ("scipy.stats.entropy, a biased coin in bits", "entropy", [9 / 10, 1 / 10], None, {"base": 2}, 0.46899559, 1e-6),
    ("scipy.stats.entropy, relative", "kl_divergence", [1 / 2, 1 / 2], [9 / 10, 1 / 10], {}, 0.51082562, 1e-6),
    ("scipy.stats.entropy, entropy plus relative entropy in bits", "cross_entropy", [1 / 2, 1 / 2], [9 / 10, 1 / 10],
     {"base": 2}, 1.73696559, 1e-6),
    ("scipy.stats.entropy's test, along the columns", "kl_divergence", [[0.1, 0.2], [0.6, 0.3], [0.3, 0.5]],
     [[0.2, 0.1], [0.3, 0.6], [0.5, 0.3]], {"axis": 0}, [0.1933259, 0.18609809], 1e-6),
    ("scipy.stats.entropy's test, 16 equal shares", "entropy", [1 / 16] * 16, None, {"base": 2}, 4.0, 1e-6),
    ("scipy.special.logsumexp of arange(10)", "logsumexp", np.arange(10.0), None, {}, 9.4586297444267107, 1e-6),
]
# fmt: on


SIZES = [0.0, 5e-324, 1e-310, 1e-100, 0.1, 0.5, 1.0, 1.5, 1e100, 1e300]


@in_turn("y", SIZES)
@in_turn("x", SIZES)
def test_one_class_is_scipys_elementwise_function(x, y):
    tiny = 4 * np.finfo(float).smallest_subnormal
    for got, want in (
        (fx.entropy([x]), scipy.special.entr(x)),
        (fx.kl_divergence([x], [y]), scipy.special.rel_entr(x, y)),
        (fx.cross_entropy([x], [y]), -scipy.special.xlogy(x, y)),
    ):
        np.testing.assert_allclose(got, want, rtol=1e-15, atol=tiny)
    if 0 in (x, y) or 1e-300 < x / y < 1e300:  # elsewhere kl_div overflows within
        rounding = 4 * np.spacing(max(x, y))
        np.testing.assert_allclose(fx.kl_divergence([x], [y]) - x + y, scipy.special.kl_div(x, y), 1e-15, rounding)


@pytest.mark.parametrize("source, name, x, target, options, printed, unit", PUBLISHED, ids=[r[0] for r in PUBLISHED])
def test_published_value(source, name, x, target, options, printed, unit, dtype):
    x = np.array(x, dtype)
    target = np.array(target, dtype) if name in ("cross_entropy", "kl_divergence") else target
    f, got = call(name, (x,) if target is None else (x, target), options)
    np.testing.assert_array_less(np.abs((got if len(f.gives) == 1 else got[-1]) - np.array(printed)), unit)

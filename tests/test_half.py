"""float16 and bfloat16: widened without loss, computed as float32 is, and rounded once on the way out."""

import ml_dtypes
import numpy as np
import pytest

import fastxent as fx
from fastxent import caffe
from fastxent.sklearn import BinomialLoss, MultinomialLoss, ReliabilityDisplay
from tests.problem import problem
from tests.rows import KERNELS
from tests.table import FUNCTIONS, WITH_OUT, each_dtype, each_of
from tests.turns import in_turn

HALVES = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
FLOATS = HALVES | {"float32": np.dtype(np.float32), "float64": np.dtype(np.float64)}
half = in_turn("half", HALVES.values())


def widened(values, dtype=np.float32):
    """NumPy warns of signalling NaN."""
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(dtype)


def rounded(values, dtype):
    """The nearest numbers of a half dtype, ties to even, by comparing neighbours; `values` are finite float64."""
    if dtype.itemsize > 2:
        return widened(widened(values, dtype), np.float64)
    size = np.abs(values)
    every = widened(np.arange(2**15, dtype=np.uint16).view(dtype), np.float64)  # 0, the positive numbers, inf
    top = np.flatnonzero(np.isinf(every))[0]
    grid = every[: top + 1].copy()
    grid[top] = 2 * grid[top - 1] - grid[top - 2]  # where the next number would be
    above = np.minimum(np.searchsorted(grid, size), top)
    below = np.maximum(above - 1, 0)
    nearer = size - grid[below] < grid[above] - size
    tie = size - grid[below] == grid[above] - size
    index = np.where(nearer | (tie & (below % 2 == 0)), below, above)
    return np.copysign(every[index], values)


def same(got, want):
    np.testing.assert_array_equal(widened(got, np.float64), widened(want, np.float64))


@half
@in_turn("step", [1, 3, -1])
def test_all_values_are_widened_exactly(half, step):
    """logsumexp of one class is that class."""
    every = np.arange(2**16, dtype=np.uint16).view(half)
    spread = np.zeros(abs(step) * len(every), half)
    spread[::step] = every
    got = fx.logsumexp(spread[::step, None])
    assert got.dtype == np.float32
    same(got, widened(every))
    same(fx.logsumexp(widened(every, half.newbyteorder())[:, None]), widened(every))


@half
@in_turn("computed", [np.float32, np.float64])
def test_results_are_rounded_once(half, computed, rng):
    """Over all sizes, from below the smallest subnormal number to beyond the largest, and at ties."""
    every = widened(np.arange(2**15, dtype=np.uint16).view(half), computed)
    every = every[np.isfinite(every) & (every > 0)]
    ties = every[:-1] / 2 + every[1:] / 2
    near = [np.nextafter(ties, 0), ties, np.nextafter(ties, np.inf)]
    sizes = 2.0 ** rng.uniform(-150 if computed == np.float64 else -120, 127, 20_000)
    wanted = np.concatenate([*near, sizes.astype(computed), every])
    wanted = wanted[np.isfinite(wanted) & (wanted >= np.finfo(computed).tiny)]
    # the gradient of sigmoid cross entropy at -inf with target 1 is -grad_output
    x, ones = np.full(len(wanted), -np.inf, computed), np.ones(len(wanted), computed)
    options = {"reduction": "none", "grad_output": wanted}
    exact = fx.sigmoid_cross_entropy_grad(x, ones, **options)[1]
    same(exact, -wanted)
    out = np.empty(len(wanted), half)
    assert fx.sigmoid_cross_entropy_grad(x, ones, **options, out=out)[1] is out
    same(out, rounded(exact.astype(np.float64), half))


@half
@in_turn("geometry", KERNELS)
@each_of(FUNCTIONS)
def test_every_function_computes_as_in_float32(f, geometry, half, rng):
    for option_set in (f.option_sets[0], f.option_sets[-1]):
        p = problem(f, rng, *KERNELS[geometry], np.float32, option_set, reduction="none")
        x = p.x.astype(half)
        if f.kind == "information" and f.operands == 2:
            p = p.change(target=p.target.astype(half).astype(np.float32))
        wide = p.change(x=x.astype(np.float32)).run()
        narrow = p.change(x=x)
        if f.kind == "information" and f.operands == 2:
            narrow = narrow.change(target=p.target.astype(half))
        got = narrow.run()
        for name, value in got.items():
            if f.gives_one_per_row(name):
                assert np.asarray(value).dtype == np.float32
                same(value, wide[name])
            else:
                assert value.dtype == half
                same(value, wide[name].astype(half))


@half
@in_turn("out", FLOATS.values())
@each_of(WITH_OUT)
@each_dtype
def test_out_has_any_float_dtype(f, out, half, dtype, rng):
    p = problem(f, rng, (40, 12), -1, dtype, f.option_sets[-1])
    for x in (p.x, p.x.astype(half)):
        p = p.change(x=x)
        wide = p.change(x=x.astype(np.float32) if x.dtype == half else x).run()
        outs = {argument: np.full(x.shape, -7, out) for argument in f.array_results}
        got = p.run(**outs)
        for argument, result in f.array_results.items():
            assert got[result] is outs[argument]
            same(got[result], rounded(wide[result].astype(np.float64), out))


@half
@in_turn("given", ["target", "sample_weight", "class_weight"])
def test_weights_and_distributions(given, half, rng):
    values = {"target": (30, 9), "sample_weight": 30, "class_weight": 9}
    options = {name: rng.random(shape) for name, shape in values.items()}
    narrow, wide = options.copy(), options.copy()
    narrow[given] = options[given].astype(half)
    wide[given] = narrow[given].astype(np.float64)
    x = rng.standard_normal((30, 9), np.float32)
    for got, want in zip(
        fx.softmax_cross_entropy_grad(x, **narrow), fx.softmax_cross_entropy_grad(x, **wide), strict=True
    ):
        same(got, want)


@half
def test_the_gradient_goes_into_the_logits(half, rng):
    x = rng.standard_normal((50, 300)).astype(half)
    y = rng.integers(0, 300, 50)
    loss, grad = fx.softmax_cross_entropy_grad(x, y)
    again, same_memory = fx.softmax_cross_entropy_grad(x, y, out=x)
    assert same_memory is x
    assert again == loss
    same(x, grad)


def test_no_weight_at_all_gives_a_gradient_of_zeros():
    for half in HALVES.values():
        loss, grad = fx.softmax_cross_entropy_grad(np.ones((2, 3), half), [0, 1], sample_weight=np.zeros(2))
        assert np.isnan(loss)
        assert grad.dtype == half
        same(grad, np.zeros((2, 3)))


@half
def test_errors_name_the_number(half):
    x = np.ones((2, 3), half)
    with pytest.raises(ValueError, match=r"probs\[1, 0\] = -1, but|probs\[1, 0\] = -1\.0, but"):
        fx.clamped_cross_entropy(np.array([[1, 1], [-1, 1]], half), [0, 0])
    with pytest.raises(ValueError, match=r"target\[0, 1\] = -2\.0, but"):
        fx.softmax_cross_entropy(x, np.array([[0, -2, 0], [1, 0, 0]], half))
    with pytest.raises(TypeError, match=f"class labels of dtype {half.name}"):
        fx.softmax_cross_entropy(x, np.ones(2, half))
    with pytest.raises(TypeError, match="out has dtype int16"):
        fx.softmax_cross_entropy_grad(x, [0, 1], out=np.zeros((2, 3), np.int16))
    out = np.zeros((2, 3), half.newbyteorder())
    with pytest.raises(TypeError, match="but it must be native"):
        fx.softmax_cross_entropy_grad(x, [0, 1], out=out)
    same(out, np.zeros((2, 3)))


@half
def test_lists_of_numbers(half):
    """What comes back has the dtype of the numbers in the list."""
    rows, labels = np.array([[1, 2, 4], [3, 1, 0]], half), [0, 2]
    got, want = (fx.softmax_cross_entropy_grad(x, labels) for x in ([list(row) for row in rows], rows))
    assert got[0] == want[0]
    assert got[1].dtype == half
    same(got[1], want[1])


@half
def test_a_factor_of_all_derivatives(half, rng):
    x, y = rng.standard_normal((4, 3)), [0, 1, 2, 0]
    want = fx.softmax_cross_entropy_grad(x, y, grad_output=2.0)[1]
    for factor in np.array(2, half), np.array(2, half)[()]:
        same(fx.softmax_cross_entropy_grad(x, y, grad_output=factor)[1], want)
    with pytest.raises(ValueError, match=r"x is a scalar \(2(\.0)?\)"):
        fx.softmax(np.array(2, half))


def adapters(x, p, y):
    """What adapters compute from logits x, probabilities p and labels y of five classes."""
    losses = MultinomialLoss(n_classes=5), BinomialLoss()
    targets = y.astype(np.float64), (y > 2).astype(np.float64)
    raws = x, x[:, 0]
    for loss, target, raw in zip(losses, targets, raws, strict=True):
        yield loss.loss(target, raw)
        yield loss.gradient(target, raw)
        yield from loss.gradient_hessian(target, raw)
        yield loss.predict_proba(raw)
        assert loss.in_y_true_range(target.astype(x.dtype))
        assert not loss.in_y_true_range(target.astype(x.dtype) + 0.5)
    yield from losses[0].gradient_proba(targets[0], x)
    yield ReliabilityDisplay.from_predictions(y > 2, p[:, 0]).prob_pred
    yield caffe.MultinomialLogisticLoss().forward(p, y)
    layer = caffe.SoftmaxWithLoss()
    yield from layer.forward(x, y)
    yield layer.backward()


@half
def test_adapters_compute_as_in_float32(half, rng):
    x, y = rng.standard_normal((40, 5)).astype(half), rng.integers(0, 5, 40)
    p = fx.softmax(x)
    for got, want in zip(adapters(x, p, y), adapters(widened(x), widened(p), y), strict=True):
        dtype = getattr(got, "dtype", np.dtype(np.float64))
        same(got, widened(want, half) if dtype == half else want)


@half
def test_an_output_that_is_given_gives_the_other_its_dtype(half, rng):
    x, y = rng.standard_normal((6, 5)), rng.integers(0, 5, 6)
    loss = MultinomialLoss(n_classes=5)
    want = loss.gradient_hessian(y, x)
    for logits in x, x.tolist():
        for i, name in enumerate(["gradient_out", "hessian_out"]):
            out = np.empty(x.shape, half)
            got = loss.gradient_hessian(y, logits, **{name: out})
            assert got[i] is out
            for result, exact in zip(got, want, strict=True):
                assert result.dtype == half
                same(result, rounded(exact, half))


@half
def test_one_column_is_as_one_score(half):
    raw = np.array([0.5, -3.0], half)
    got, want = (BinomialLoss().gradient([1.0, 0.0], x) for x in (raw[:, None], raw))
    assert got.dtype == half
    same(got.ravel(), want)


@half
@in_turn("n", [129, 2448, 40_000])
def test_sums_have_the_bits_of_float32(half, n, rng):
    """Tiles end where strips end, so that all is added in one order."""
    for _ in range(40):
        x, t, weight = (8 * rng.standard_normal(n)).astype(half), rng.random(n, np.float32), rng.random(n)
        for f in fx.sigmoid_cross_entropy, fx.sigmoid_focal_loss:
            assert f(x, t, sample_weight=weight, reduction="sum") == f(
                widened(x), t, sample_weight=weight, reduction="sum"
            )


@half
@in_turn("C", [2, 3, 7, 8, 9, 19, 100, 300])
def test_images_have_the_bits_of_their_pixels(half, C, rng):
    """More pixels than a tile has, in Fortran order too, with and without gradients, weights and ignored pixels."""
    pixels = (2, 3, 60_000 // C + 5)
    rows = (4 * rng.standard_normal((*pixels, C))).astype(half)
    labels = rng.integers(-1, C, pixels)
    options = {"ignore_index": -1, "reduction": "none", "sample_weight": rng.random(pixels)}
    wanted = [*fx.softmax_cross_entropy_grad(widened(rows), labels, **options)]
    wanted += [fx.softmax(widened(rows)), *fx.target_statistics(widened(rows), labels, ignore_index=-1)]
    wanted += [fx.softmax_focal_loss(widened(rows), labels, **options)]
    images = np.ascontiguousarray(np.moveaxis(rows, -1, 1))
    for x in (images, images.copy(order="F")):
        loss, grad = fx.softmax_cross_entropy_grad(x, labels, axis=1, out=np.empty_like(x), **options)
        got = [loss, np.moveaxis(grad, 1, -1), np.moveaxis(fx.softmax(x, axis=1), 1, -1)]
        got += [*fx.target_statistics(x, labels, axis=1, ignore_index=-1)]
        got += [fx.softmax_focal_loss(x, labels, axis=1, **options)]
        for one, other in zip(got, wanted, strict=True):
            same(one, other.astype(half) if one.dtype == half else other)


def test_an_output_that_lies_about_its_dtype():
    class Liar(np.ndarray):
        dtype = property(lambda self: HALVES["bfloat16"])

    memory = np.zeros((2, 3), np.int16)
    with pytest.raises(TypeError, match="out has dtype int16"):
        fx.softmax(np.ones((2, 3), np.float32), out=memory.view(Liar))
    assert not memory.any()


def test_other_short_floats_are_refused():
    with pytest.raises(TypeError, match="x has dtype float8_e5m2"):
        fx.softmax(np.zeros((2, 3), ml_dtypes.float8_e5m2))


@in_turn("missing", [ml_dtypes.bfloat16("nan"), np.float16("nan"), np.array(np.nan), float("nan")])
def test_a_missing_target_is_nan_of_any_type(missing):
    got = fx.sigmoid_cross_entropy([1.0, 2.0], [1.0, np.nan], ignore_index=missing)
    assert got == fx.sigmoid_cross_entropy([1.0], [1.0])

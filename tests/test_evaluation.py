"""Evaluations are the same for every order and every cut of the samples, and right."""

import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastxent as fx
from fastxent._blocks import cuts
from fastxent.evaluation import Evaluation
from fastxent.evaluation._reading import Block, losses_of
from tests.evaluations import OF, data, each_dtype, each_of, of_loss, options, state_of
from tests.peak import peak
from tests.turns import in_turn

MEBIBYTE = 2**20


@given(st.lists(st.integers(0, 9), max_size=4).map(tuple), st.integers(1, 50))
def test_blocks_part_all_samples_in_their_order(shape, most):
    numbers = np.arange(math.prod(shape)).reshape(shape)
    parts = [numbers[cut].reshape(-1) for cut in cuts(shape, most)]
    assert all(len(part) <= most for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), numbers.reshape(-1))


@each_of
@each_dtype
def test_the_state_is_the_same_for_every_order_cut_merge_and_number_of_threads(of, dtype, rng):
    scores, target, weight = data(rng, of, dtype=dtype)
    given = options(of, rng)
    want = state_of(Evaluation(7, **given).update(scores, target, sample_weight=weight))
    for n_cuts in (1, 5, 299):
        parts = []
        for rows in np.split(rng.permutation(300), np.sort(rng.choice(np.arange(1, 300), n_cuts, replace=False))):
            n_threads = int(rng.integers(1, 4))
            part = Evaluation(7, **given)
            parts.append(part.update(scores[rows], target[rows], sample_weight=weight[rows], n_threads=n_threads))
        assert state_of(Evaluation(7, **given).merge(*parts)) == want
        while len(parts) > 1:  # as a tree
            parts = [parts[i].merge(*parts[i + 1 : i + 2]) for i in range(0, len(parts), 2)]
        assert state_of(parts[0]) == want


@each_of
def test_the_state_of_a_large_update_is_the_same_for_any_number_of_threads(of, rng):
    scores, target, weight = data(rng, of, (40_000, 20))
    given = options(of, rng, 20)
    one, *others = (
        state_of(Evaluation(20, **given).update(scores, target, sample_weight=weight, n_threads=n)) for n in (1, 2, 5)
    )
    assert others == [one, one]


@each_of
@each_dtype
@pytest.mark.parametrize("soft", [False, True])
def test_the_losses_that_are_added_are_those_of_the_function_before_they_are_rounded(of, dtype, soft, rng):
    scores, target, weight = data(rng, of, dtype=dtype, soft=soft)
    given = options(of, rng)
    if soft:
        given.pop("ignore_index")
    got = losses_of(Evaluation(7, **given).options, Block(scores, target, weight, 1, 1))
    want = OF[of](scores, target, sample_weight=weight, reduction="none", **of_loss(of, given)).reshape(-1)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got.astype(want.dtype), want)
    if dtype != "float64" and of != "multilabel_logits":
        assert (got != want).any()


@each_of
@in_turn("n_classes", [1, 2, 3, 31, 32, 100, 225, 300])
@in_turn("order", ["C", "F"])
@in_turn("soft", [False, True])
def test_one_sample_at_a_time_gives_the_state_of_all(of, n_classes, order, soft, rng):
    scores, target, _ = data(rng, of, (70, n_classes), soft=soft)
    scores = np.asarray(scores, order=order)
    given = {"of": of, "top_k": ()}
    want = state_of(Evaluation(n_classes, **given).update(scores, target))
    one_by_one = Evaluation(n_classes, **given)
    for i in range(70):
        one_by_one.update(scores[i : i + 1], target[i : i + 1])
    assert state_of(one_by_one) == want
    if of != "multilabel_logits" and not soft:
        one_by_one = Evaluation(n_classes, **given)
        for i in range(70):
            one_by_one.update(scores[i], target[i])
        assert state_of(one_by_one) == want


@each_of
@pytest.mark.parametrize(("shape", "axis"), [((9, 7, 5), 1), ((7, 40), 0), ((7, 6, 2, 3), -4), ((2, 3, 50, 7), -1)])
@pytest.mark.parametrize("soft", [False, True])
def test_blocks_leave_no_trace(of, shape, axis, soft, rng, monkeypatch):
    scores, target, weight = data(rng, of, shape, axis=axis, soft=soft)
    given = options(of, rng) | {"axis": axis}
    if soft:
        given.pop("ignore_index")
    whole = Evaluation(7, **given).update(scores, target, sample_weight=weight)
    for name, number in (("SAMPLES", 3), ("ELEMENTS", 50)):
        monkeypatch.setattr(f"fastxent.evaluation._reading.{name}", number)
        assert state_of(Evaluation(7, **given).update(scores, target, sample_weight=weight)) == state_of(whole)


@each_of
@each_dtype
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("plain", [False, True])
def test_the_loss_is_that_of_the_function_within_the_rounding_of_its_sum_and_its_quotient(of, dtype, soft, plain, rng):
    scores, target, weight = data(rng, of, (2000, 7), dtype, soft=soft)
    given = {"of": of} if plain else options(of, rng)
    if soft:
        given.pop("ignore_index", None)
    weight = None if plain else weight
    want = OF[of](scores, target, sample_weight=weight, **of_loss(of, given))
    got = Evaluation(7, **given).update(scores, target, sample_weight=weight).compute()
    assert got.loss == pytest.approx(want, rel=2 * np.finfo(float).eps, abs=0)
    assert got.perplexity == pytest.approx(math.exp(want))
    assert got.bits == pytest.approx(want / math.log(2))


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_weights_whose_products_leave_the_range_of_doubles_are_those_of_the_function(size, rng):
    scores, target, _ = data(rng, "logits")
    given = {"class_weight": [size] * 7, "per_class": True, "calibration_bins": 3}
    with np.errstate(all="raise"):
        got = Evaluation(7, **given).update(scores, target, sample_weight=size).compute()
    np.testing.assert_equal(
        got.loss, fx.softmax_cross_entropy(scores, target, class_weight=[size] * 7, sample_weight=size)
    )
    assert 0 <= got.calibration.error <= 1


def test_the_mean_of_doubles_is_rounded_once(rng):
    scores, target, weight = rng.normal(size=(300, 7)), rng.integers(0, 7, 300), rng.random(300)
    losses = fx.softmax_cross_entropy(scores, target, sample_weight=weight, reduction="none")
    got = Evaluation(7).update(scores, target, sample_weight=weight).compute()
    assert got.loss == float(sum(map(Fraction, losses.tolist())) / sum(map(Fraction, weight.tolist())))
    assert got.weight == math.fsum(weight)
    assert got.n == 300


@each_of
def test_nothing_is_nan(of):
    empty = Evaluation(4, of=of, per_class=True, calibration_bins=3)
    target = np.ones((2, 4) if of == "multilabel_logits" else 2, int)
    ignored = Evaluation(4, of=of, ignore_index=1).update(np.full((2, 4), np.nan), target)
    for evaluation in (empty, ignored):
        got = evaluation.compute()
        assert math.isnan(got.loss)
        assert math.isnan(got.accuracy)
        assert (got.n, got.weight) == (0, 0.0)
    assert math.isnan(empty.compute().calibration.error)
    assert np.isnan(empty.compute().per_class.loss).all()


@each_of
def test_a_state_comes_back_from_json_and_pickle_with_what_is_not_finite(of, rng):
    scores, target, weight = data(rng, of)
    scores[0], scores[1, :3] = (1 if of == "probabilities" else np.nan), 0
    given = options(of, rng)
    if of == "multilabel_logits":
        given["ignore_index"], target = math.nan, target.astype(float)
        target[7] = math.nan
    evaluation = Evaluation(7, **given).update(scores, target, sample_weight=weight)
    text = json.dumps(evaluation.state(), allow_nan=False)
    for other in (Evaluation.from_state(json.loads(text)), pickle.loads(pickle.dumps(evaluation))):
        assert state_of(other) == text
        np.testing.assert_equal(other.compute(), evaluation.compute())
        other.update(scores, target).merge(evaluation)
        assert state_of(other) != text
    assert state_of(evaluation) == text


def test_a_state_is_short(rng):
    evaluation = Evaluation(10, top_k=()).update(rng.normal(size=(1000, 10)), np.arange(1000) % 10)
    assert len(json.dumps(evaluation.state()["sums"]["loss"])) < 150


@pytest.mark.parametrize("given", [{"top_k": ()}, {"per_class": True, "calibration_bins": 10, "top_k": (1, 5)}])
@pytest.mark.parametrize("of", ["logits", "probabilities"])
def test_a_file_larger_than_the_memory_that_is_used(given, of, tmp_path, rng):
    n = 400_000
    scores = np.memmap(tmp_path / "scores", np.float32, "w+", shape=(n, 20))  # 32 MB
    scores[:] = rng.random((n, 20), np.float32)
    target = np.memmap(tmp_path / "target", np.uint8, "w+", shape=n)
    target[:] = rng.integers(0, 20, n)
    evaluation = Evaluation(20, of=of, **given)
    assert peak(lambda: evaluation.update(scores, target, n_threads=1)) < 3 * MEBIBYTE
    assert evaluation.compute().n == 2 * n


@pytest.mark.parametrize("function", [fx.softmax_cross_entropy, fx.clamped_cross_entropy, fx.entropy])
def test_the_loss_of_a_file_takes_no_memory(function, tmp_path, rng):
    scores = np.memmap(tmp_path / "scores", np.float32, "w+", shape=(400_000, 20))
    scores[:] = rng.random((400_000, 20), np.float32)
    target = np.memmap(tmp_path / "target", np.uint8, "w+", shape=400_000)
    args = (scores, target) if function is not fx.entropy else (scores,)
    results = 0 if function is not fx.entropy else 4 * len(scores)
    assert peak(lambda: function(*args, n_threads=2)) < MEBIBYTE + results


def test_class_weights_beside_distributions_are_those_of_the_loss(rng):
    x, target, weight = rng.normal(size=(4, 3)), np.full((4, 3), 1 / 3), [1.0, 2.0, 3.0]
    got = Evaluation(3, class_weight=weight).update(x, target).compute()
    assert got.loss == pytest.approx(fx.softmax_cross_entropy(x, target, class_weight=weight), rel=1e-14)


def test_an_ignored_target_is_compared_in_double():
    target = np.array([[0.1], [1]], np.float32)  # not quite 0.1
    got = Evaluation(1, of="multilabel_logits", ignore_index=0.1).update(np.zeros((2, 1), np.float32), target).compute()
    assert (got.n, got.loss) == (2, pytest.approx(np.log(2)))


def test_what_it_was_given_and_gave_is_its_own():
    weight = np.ones(3)
    evaluation = Evaluation(3, class_weight=weight, top_k=(1,))
    weight[:] = 7
    evaluation.state()["options"]["top_k"].append(2)
    got = evaluation.update(np.zeros((5, 3)), [0, 1, 2, 0, 1]).compute()
    assert got.weight == 5
    assert list(got.top_k) == [1]


def test_it_may_be_merged_with_itself():
    evaluation = Evaluation(3).update(np.zeros((5, 3)), [0] * 5)
    assert evaluation.merge(evaluation, evaluation).compute().n == 15

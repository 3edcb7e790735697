"""The ratios of the benchmarks point one way: what is slower in fastxent makes them larger. The clock counts calls."""

import inspect
import os
import pkgutil
import re
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import fastxent
from asv_benchmarks import benchmarks
from asv_benchmarks.benchmarks import cases, classifier, forms, package, turns
from asv_benchmarks.verdict import RATIOS, slower

PACKAGE = Path(fastxent.__file__).parent
SLOWER = 1000  # ticks of a call in what is slower; every call in Python takes one
MEASURED = {
    f"{module.name}.{title}.{name}": (cls, name)
    for module in pkgutil.iter_modules(benchmarks.__path__)
    for title, cls in vars(import_module(f"{benchmarks.__name__}.{module.name}")).items()
    if inspect.isclass(cls) and cls.__module__.endswith(f".{module.name}")
    for name in dir(cls)
    if name.startswith(("peakmem_", "time_", "timeraw_", "track_"))
}
TRACKED = {name: one for name, one in MEASURED.items() if one[1].startswith("track_")}
NAMES = [name for name in TRACKED if re.search(RATIOS, name)]
# two calls of fastxent: the file of the slower one, and the parameters that are not the first
BETWEEN_OURS = {
    "evaluation.Evaluations.track_ratio": ("evaluation", None),
    "focal.Focal.track_ratio": ("_softmax_focal.py", None),
    "forms.FormsOfCall.track_ratio": ("_softmax_focal.py", ("softmax_focal_loss_grad",)),
}


class Ticks:
    """A clock that counts calls, those of a slower file or package as many."""

    def __init__(self):
        self.now, self.slower = 0, None

    def __call__(self, frame, event, _):
        if event in ("call", "c_call"):
            slow = event == "call" and self.slower and frame.f_code.co_filename.startswith(str(self.slower))
            self.now += SLOWER if slow else 1

    def of(self, call, repeats, _clock):
        """In place of the timer's seconds: the ticks of a call."""
        before = self.now
        sys.setprofile(self)
        try:
            call()
        finally:
            sys.setprofile(None)
        return self.now - before

    def interpreter(self, command, check):
        """In place of a new process, in which no call can be counted."""
        self.now += SLOWER if self.slower and "fastxent" in command[-1] else 1


@pytest.fixture
def ticks(monkeypatch):
    """The clock of everything that `turns.ratio` measures."""
    clock = Ticks()
    monkeypatch.setattr("side_by_side.rounds._time", clock.of)
    monkeypatch.setattr(turns, "SECONDS", 0)
    monkeypatch.setattr(turns, "on_one_core", lambda: None)  # the other tests of this process would be there, too
    monkeypatch.setattr(subprocess, "run", clock.interpreter)
    monkeypatch.setattr(package, "cpu_seconds_of_children", lambda: 0.0)  # Windows has no such clock
    before = dict(os.environ)
    yield clock
    os.environ.clear()
    os.environ.update(before)


def small(parameter):
    """Of a shape, one with as many axes."""
    return (60, 5, 3)[: len(parameter)] if isinstance(parameter, tuple) else parameter


def parameters(cls):
    """One of each, the first."""
    params = getattr(cls, "params", ())
    if params and not isinstance(params[0], list | tuple):
        params = (params,)
    return [small(values[0]) for values in params]


def measured(name, given=None):
    cls, method = TRACKED[name]
    given = parameters(cls) if given is None else given
    benchmark = cls()
    if hasattr(benchmark, "setup"):
        benchmark.setup(*given)
    return getattr(benchmark, method)(*given)


@pytest.mark.parametrize("name", NAMES)
def test_a_slower_fastxent_has_a_larger_ratio(name, ticks):
    file, given = BETWEEN_OURS.get(name, ("", None))
    before = measured(name, given)
    ticks.slower = PACKAGE / file
    assert measured(name, given) > 2 * before


def test_a_slower_log_loss_fails_the_comparison_of_two_commits_and_a_faster_one_passes(ticks):
    name = "metrics.Metrics.track_ratio"
    base = {f"{name}('log_loss')": measured(name)}
    ticks.slower = PACKAGE
    head = {f"{name}('log_loss')": measured(name)}
    assert list(slower(base, head, 1.2)) == list(base)
    assert slower(head, base, 1.2) == {}


def test_a_slower_fit_takes_more_of_the_peers_time(ticks, monkeypatch):
    peers = import_module("estimators_peers")
    X, y = classifier.problem((60, 5, 3), "float64")
    monkeypatch.setattr(peers, "SPIN", 0.0)
    *_, before = peers.compare(X, y, 1e-3, 30, rounds=1)
    ticks.slower = PACKAGE
    *_, after = peers.compare(X, y, 1e-3, 30, rounds=1)
    assert all(slow > 2 * quick for slow, quick in zip(after, before, strict=True))


def test_both_fits_stop_at_the_same_objective():
    peers = import_module("estimators_peers")
    X, y = classifier.problem((60, 5, 3), "float64")
    fits = [partial(fit, X, y, 1e-3, 30) for fit in (peers.our_fit, peers.their_fit)]
    curves = [fit() for fit in fits]
    goal = max(curve[-1] for curve in curves)
    for fit, curve in zip(fits, curves, strict=True):
        assert fit(goal) == curve[: 1 + [value <= goal for value in curve].index(True)]


def test_a_ratio_is_ours_over_the_fastest_of_theirs(monkeypatch):
    monkeypatch.setattr("side_by_side.rounds._time", lambda call, repeats, clock: call())
    assert turns.ratio(lambda: 2.0, lambda: 10.0, lambda: 8.0) == 0.25


def test_what_has_the_unit_of_a_ratio_is_called_one_and_compared():
    units = {
        name: getattr(getattr(cls, method), "unit", getattr(cls, "unit", "")) for name, (cls, method) in TRACKED.items()
    }
    assert [name for name, unit in units.items() if unit == turns.UNIT] == NAMES
    assert len({name.partition(".")[0] for name in NAMES}) > 9


def test_every_benchmark_has_a_name_for_readers_and_no_two_the_same():
    titles = {name: getattr(getattr(cls, method), "pretty_name", None) for name, (cls, method) in MEASURED.items()}
    assert [name for name, title in titles.items() if not title or "(" in title] == []  # asv reads parameters there
    assert max(map(len, titles.values())) <= 45  # what is above a tile
    assert len(set(titles.values())) == len(titles)


@pytest.mark.parametrize("name", forms.NAMES)
def test_a_formula_computes_what_its_form_does(name):
    results = []
    for call in forms.calls_of(name):
        result = call()
        results.append([np.copy(one) for one in (result if isinstance(result, tuple) else (result,))])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)  # textbook formulas in float32


@pytest.mark.parametrize("function", cases.FUNCTIONS)
def test_a_case_has_the_memory_layout_that_it_is_named_after(function):
    apart, fortran = (cases.prepared(function, name, "float32") for name in cases.LAYOUTS)
    assert apart.args[0].shape == (16, 5000, 20)
    assert apart.args[0].flags.c_contiguous
    assert fortran.args[0].flags.f_contiguous

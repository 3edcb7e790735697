"""Nothing can be forgotten: package, reference, test table, benchmarks, documentation and docstrings agree."""

import doctest
import importlib.util
import inspect
import re

import numpy as np
import pytest

import fastxent
import fastxent.reference
from asv_benchmarks.benchmarks import accuracy, vocabularies
from fastxent import caffe, continuous, metrics
from tests.docstrings import (
    assert_every_parameter_is_described,
    assert_starts_with_one_sentence,
    docstring,
    entries,
    run_examples,
    section,
)
from tests.pages import API, ROOT, lists
from tests.table import FUNCTIONS, LARGE_VOCABULARY, OPTION_SETS, each_of

NOT_NUMERIC = {"__version__", "set_num_threads", "get_num_threads", "show_config", "TargetStatistics"}
EVERY = (*FUNCTIONS, *LARGE_VOCABULARY)
LEFT_TO = re.compile(r"As `(\w+)` takes (?:it|them)\.")  # the whole text of an entry
NAMES = sorted(f.name for f in EVERY)
each_function = each_of(EVERY)
each_public_function = pytest.mark.parametrize("name", sorted(set(fastxent.__all__) - {"__version__"}))


def test_the_table_has_every_numeric_public_function():
    assert sorted(set(fastxent.__all__) - NOT_NUMERIC) == NAMES


def test_the_package_has_every_name_it_lists_and_lists_each_once():
    assert sorted(fastxent.__all__) == sorted(set(fastxent.__all__))
    assert set(fastxent.__all__) >= NOT_NUMERIC
    assert all(hasattr(fastxent, name) for name in fastxent.__all__)


def test_the_reference_has_every_numeric_public_function():
    functions = [name for name, value in vars(fastxent.reference).items() if inspect.isfunction(value)]
    assert sorted(functions) == NAMES


def benchmark_cases():
    return benchmark_module("cases")


def benchmark_module(name):
    path = ROOT / "asv_benchmarks" / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmarks.{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_benchmarks_have_every_numeric_public_function():
    assert sorted([*benchmark_cases().FUNCTIONS, *vocabularies.FUNCTIONS]) == NAMES


def test_the_accuracy_of_every_numeric_public_function_is_tracked():
    assert sorted(accuracy.KINDS) == NAMES


def test_the_benchmarks_have_every_function_of_densities_every_layer_and_every_metric():
    cases = benchmark_cases()
    assert sorted(cases.DENSITIES) == sorted(continuous.__all__)
    assert sorted(cases.LAYERS) == sorted(caffe.__all__)
    assert sorted(cases.METRICS) == sorted(metrics.__all__)


@pytest.mark.parametrize("name", caffe.__all__)
def test_the_benchmark_of_a_layer_runs(name, rng):
    layer = getattr(caffe, name)()
    bottoms = benchmark_cases().LAYERS[name](rng, (2, 5, 3, 4), "float32")
    layer.forward(*bottoms)
    assert layer.backward().shape == bottoms[0].shape


@each_public_function
def test_the_documentation_has_every_public_function(name):
    assert lists(API, name)


@each_function
def test_signatures_are_those_of_the_reference_and_of_the_table(f):
    public, reference = inspect.signature(f.call), inspect.signature(f.reference)
    for one, other in zip(public.parameters.values(), reference.parameters.values(), strict=True):
        assert (one.name, one.kind, one.default) == (other.name, other.kind, other.default)
    positional = f.operands
    kinds = [parameter.kind for parameter in public.parameters.values()]
    assert kinds == [inspect.Parameter.POSITIONAL_OR_KEYWORD] * positional + [inspect.Parameter.KEYWORD_ONLY] * (
        len(kinds) - positional
    )
    assert list(public.parameters)[positional:] == list(f.options)


@each_of(FUNCTIONS)
def test_every_option_has_a_random_value_in_the_tests(f):
    drawn = {option for options in OPTION_SETS[f.kind].values() for option in options}
    assert set(f.options) - drawn <= {"axis", "reduction", "n_threads", "out", "hess_out", "keepdims"}


@each_public_function
def test_a_docstring_starts_with_one_sentence(name):
    assert_starts_with_one_sentence(getattr(fastxent, name))


@each_function
@pytest.mark.parametrize("title", ["Parameters", "Returns", "Raises", "Examples", "References"])
def test_a_docstring_has_every_section(f, title):
    assert section(f.call, title), f"{f.name} has no section {title}"


@each_function
def test_a_docstring_has_the_formula(f):
    assert ".. math::" in docstring(f.call)


@each_public_function
def test_a_docstring_describes_every_parameter(name):
    assert_every_parameter_is_described(getattr(fastxent, name))


def described_by(value):
    """The names of the parameters that a docstring describes in its own words."""
    return {name for names, _, text in entries(value) if not LEFT_TO.fullmatch(text) for name in names}


@each_function
def test_what_a_docstring_leaves_to_another_is_the_same_parameter_and_described_there(f):
    for names, kind, text in entries(f.call):
        elsewhere = LEFT_TO.fullmatch(text)
        assert kind or elsewhere, f"{', '.join(names)}: {text}"
        if elsewhere:
            other = getattr(fastxent, elsewhere[1])
            assert set(names) <= described_by(other)
            for name in names:
                assert inspect.signature(f.call).parameters[name] == inspect.signature(other).parameters[name]


@each_public_function
def test_the_examples_of_a_docstring_run(name):
    text = docstring(getattr(fastxent, name))
    examples = doctest.DocTestParser().get_doctest(text, {"fx": fastxent, "np": np}, name, None, 0)
    assert run_examples([examples]) or name in NOT_NUMERIC

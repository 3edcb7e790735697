"""The same of the modules beside the package: benchmarks, documentation, docstrings and whether their examples run."""

import doctest
import inspect
import re

import numpy as np
import pytest

import fastxent
import fastxent.dask
import fastxent.sklearn
from fastxent import boosting, caffe, continuous, evaluation, metrics
from tests.docstrings import (
    assert_every_parameter_is_described,
    assert_starts_with_one_sentence,
    run_examples,
    section,
)
from tests.pages import API, ROOT, lists

MODULES = (boosting, caffe, continuous, fastxent.dask, evaluation, metrics, fastxent.sklearn)
NAMES = [(module, name) for module in MODULES for name in module.__all__]
each_name = pytest.mark.parametrize(
    ("module", "name"), NAMES, ids=[f"{module.__name__[len('fastxent.') :]}-{name}" for module, name in NAMES]
)
CALLABLES = [(module, name) for module, name in NAMES if name != "neg_log_loss_scorer"]  # an object, as make_scorer's
each_callable = pytest.mark.parametrize(
    ("module", "name"), CALLABLES, ids=[f"{module.__name__[len('fastxent.') :]}-{name}" for module, name in CALLABLES]
)
CLASSES = [(module, name) for module, name in CALLABLES if inspect.isclass(getattr(module, name))]


def section_of_the_reference(module):
    """What docs/api.md says of a module: from its directive to the next heading."""
    return re.search(rf"\.\. module:: {module.__name__}\n(.*?)(\n## |\Z)", API, re.DOTALL)[1]


@each_name
def test_the_documentation_has_every_public_name_of_a_module(module, name):
    assert lists(section_of_the_reference(module), name)


@each_name
def test_the_benchmarks_have_every_public_name_of_a_module(module, name):
    short = module.__name__.rpartition(".")[2]
    files = [path.read_text() for path in (ROOT / "asv_benchmarks" / "benchmarks").glob("*.py")]
    assert any(re.search(rf"\b{name}\b", text) and re.search(rf"\b{short}\b", text) for text in files)


@each_callable
def test_a_docstring_of_a_module_has_a_summary_examples_and_references(module, name):
    value = getattr(module, name)
    assert_starts_with_one_sentence(value)
    for title in ("Examples", "References"):
        assert section(value, title)


@each_callable
def test_a_docstring_of_a_module_describes_every_parameter(module, name):
    assert_every_parameter_is_described(getattr(module, name))


@pytest.mark.parametrize(("module", "name"), CLASSES, ids=[name for _, name in CLASSES])
def test_a_method_that_describes_parameters_describes_all_of_them(module, name):
    value = getattr(module, name)
    for _, method in inspect.getmembers(value, lambda one: inspect.isfunction(one) or inspect.ismethod(one)):
        if method.__module__.startswith("fastxent.") and section(method, "Parameters"):
            assert_every_parameter_is_described(method)


@each_callable
def test_the_examples_of_a_module_run(module, name):
    known = {"np": np, "fx": fastxent}
    value = getattr(module, name)
    tests = doctest.DocTestFinder().find(value, name, extraglobs=known)
    if inspect.isclass(value):  # what the protocol's base class describes is part of it
        tests += [
            test
            for base in value.__mro__[1:]
            if base.__module__.startswith("fastxent.")
            for test in doctest.DocTestFinder().find(base, name, extraglobs=known)
        ]
    assert run_examples(tests) >= 2

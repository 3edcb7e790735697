"""The tables of docs/migration: each pair of calls agrees, and each difference is one.

Everywhere our calls are compared with what the other library was found to return, and with the library itself where it
is installed: `make migration` runs this file in an environment that has them all.
"""

import functools

import numpy as np
import pytest

import fastxent as fx
from tests.migration.libraries import LIBRARIES, installed, kept
from tests.migration.rows import SETUP, attempt, close, namespace, run

INSTALLED = [library for library in LIBRARIES if installed(library)]
CLEARLY = 1e-3  # relative; results of calls that differ do so by more


def rows(libraries, chosen=lambda row: True):
    """Parameters: a library and a row, named by the place of the row in the page."""
    return pytest.mark.parametrize(
        "library, row",
        [
            pytest.param(library, row, id=f"{library.name}, {title} {number}")
            for library in libraries
            for title, table in library.tables.items()
            for number, row in enumerate(table, 1)
            if chosen(row)
        ],
    )


@functools.cache
def names_by(name):
    """The names that the rows of a library use; those that need the library only where it is installed."""
    library = next(library for library in LIBRARIES if library.name == name)
    return namespace(SETUP, library.setup, library.imports if library in INSTALLED else "")


def theirs(library, row):
    """What they return, as it was kept, or as the library's files define it."""
    return run(row.definition, names_by(library.name)) if row.definition else kept(library)[row.theirs]


def tolerance(library):
    return 8 * np.finfo(library.dtype).eps


@rows(LIBRARIES)
def test_our_call_gives_what_theirs_gave_unless_the_table_says_otherwise(library, row):
    found = attempt(row.ours, names_by(library.name))
    if row.agrees:
        assert close(found, theirs(library, row), tolerance(library))
    else:
        assert not close(found, theirs(library, row), CLEARLY, at_scale=False)


@rows(LIBRARIES, lambda row: row.trap)
def test_our_call_without_the_difference_fails_or_gives_something_else(library, row):
    assert not close(attempt(row.trap, names_by(library.name)), theirs(library, row), CLEARLY, at_scale=False)


@rows(INSTALLED)
def test_the_library_still_returns_what_was_kept(library, row):
    assert close(run(row.theirs, names_by(library.name)), theirs(library, row), tolerance(library))


@rows(LIBRARIES, lambda row: row.by_torch)
def test_torch_returns_what_the_definition_of_another_library_says(library, row):
    pytest.importorskip("torch")
    found = run(row.by_torch, namespace(SETUP, library.setup, library.imports))
    assert close(found, theirs(library, row), tolerance(library))


@pytest.mark.parametrize("library", INSTALLED, ids=lambda one: one.name)
def test_the_rows_of_a_page_can_be_pasted_one_after_the_other(library):
    names = dict(names_by(library.name))
    for row in library.rows:
        assert close(run(row.theirs, names, keep=True), theirs(library, row), tolerance(library))
        if row.agrees:
            assert close(run(row.ours, names, keep=True), theirs(library, row), tolerance(library))


@pytest.mark.parametrize("library", [library for library in LIBRARIES if library.packages], ids=lambda one: one.name)
def test_values_are_kept_of_the_rows_that_there_are(library):
    assert set(kept(library)) == {row.theirs for row in library.rows}


@pytest.mark.parametrize("library", [library for library in INSTALLED if library.name == "torch"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_tensors_are_read_and_written_where_they_lie(library, dtype):
    import torch

    wide = torch.linspace(-4, 4, 60).reshape(12, 5).to(getattr(torch, dtype))
    x, y = wide.clone().requires_grad_(), torch.arange(12) % 5
    computed = wide.double() if dtype == "float64" else wide.float()
    loss, grad = fx.softmax_cross_entropy_grad(computed.numpy(), y.numpy())
    rounded = torch.from_numpy(grad).to(wide.dtype)
    ours, result = fx.softmax_cross_entropy_grad(x, y)
    assert ours == loss
    assert isinstance(result, torch.Tensor if dtype == "bfloat16" else np.ndarray)
    assert torch.equal(torch.as_tensor(result), rounded)
    for out in torch.empty_like(wide), wide:
        assert fx.softmax_cross_entropy_grad(wide, y, out=out)[1] is out
        assert torch.equal(out, rounded)
    with pytest.raises(TypeError, match="out is a tensor that requires grad"):
        fx.softmax_cross_entropy_grad(computed.numpy(), y, out=x)


@rows(LIBRARIES)
def test_a_difference_is_one_sentence_or_two(library, row):
    assert row.difference.endswith(".")
    assert len(row.difference) < 160

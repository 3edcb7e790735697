"""Cases that one test takes in turn: a test of pytest's own costs more than most of the calls in it."""

import functools
import inspect
from itertools import repeat

import pytest

FAILED = (Exception, pytest.fail.Exception)


def in_turn(names, cases):
    """As `pytest.mark.parametrize`, but within one test: each case with a random generator of its own.

    The case that failed is in the notes below the error. A case cannot skip, which would leave out those behind it, and
    not use `monkeypatch`, which would not be undone between two of them.
    """
    arguments = [name.strip() for name in names.split(",")]
    cases = list(cases)

    def through(test):
        signature = inspect.signature(test)
        assert "monkeypatch" not in signature.parameters, f"{test.__name__} takes its cases in turn"
        parameters = [one for name, one in signature.parameters.items() if name not in arguments]
        assert len(parameters) + len(arguments) == len(signature.parameters), f"{test.__name__} does not take {names}"

        @functools.wraps(test)
        def each(**given):
            generators = given["rng"].spawn(len(cases)) if "rng" in given else repeat(None)
            for case, generator in zip(cases, generators, strict=False):
                own = dict(zip(arguments, case if len(arguments) > 1 else (case,), strict=True))
                if generator is not None:
                    own["rng"] = generator
                try:
                    test(**given | own)
                except FAILED as error:
                    error.add_note(f"{names} = {getattr(case, '__name__', case)}")
                    raise
                except pytest.skip.Exception as skipped:
                    raise AssertionError(f"{names} = {case} would leave out the cases behind it: {skipped}") from None

        each.__signature__ = signature.replace(parameters=parameters)
        return each

    return through

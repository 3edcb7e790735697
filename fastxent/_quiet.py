"""`np.errstate(all="ignore")` that no interrupt leaves behind.

NumPy keeps what it says in a context variable, and Ctrl-C may come between setting it and knowing how to set it back. A
copy of the context is left whatever happens, in compiled code; the two take half a microsecond.
"""

import functools
from collections.abc import Callable
from contextvars import copy_context
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


@np.errstate(all="ignore")
def ignoring(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    return function(*args, **kwargs)


def quietly(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """What the function returns; NumPy says nothing meanwhile."""
    return copy_context().run(ignoring, function, *args, **kwargs)


def quiet(function: Callable[P, R]) -> Callable[P, R]:
    """The function, called quietly."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        return quietly(function, *args, **kwargs)

    return called


def quiet_in_place(function: Callable[P, R]) -> Callable[P, R]:
    """The same in the caller's context, in which a user's functions may set variables."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        before = np.geterr()
        try:
            with np.errstate(all="ignore"):
                return function(*args, **kwargs)
        finally:
            np.seterr(**before)  # an interrupt may have come within errstate

    return called

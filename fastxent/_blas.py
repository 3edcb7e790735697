"""One BLAS thread while products of blocks are computed in threads of our own.

A BLAS with threads of its own has them wait for one another after every product: of small blocks they wait most of the
time, and of blocks that several threads multiply at once each would use all processors. How many threads it uses is a
number of the whole process in OpenBLAS, so it is set by whoever comes first and set back by whoever leaves last, in
whichever thread. In MKL, and in an OpenBLAS upon OpenMP, each thread has a number of its own.

threadpoolctl, which comes with scikit-learn, knows every BLAS; without it NumPy's own OpenBLAS is found, that of its
wheels.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastxent._kernels.job import Undisturbed


class Limit(Undisturbed):  # type: ignore[misc]  # which is compiled
    """A context that may be entered by any thread, any number of times, and left in any order."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a signal handler may come here while its thread does
        self.inside: dict[object, None] = {}  # a token for each time that a thread is in
        self.before: list[tuple[Any, int]] = []  # each library and its number of threads, while somebody is in
        self.own = threading.local()  # the tokens of this thread

    @property
    def tokens(self) -> list[object]:
        if not hasattr(self.own, "tokens"):
            self.own.tokens = []
        tokens: list[object] = self.own.tokens
        return tokens

    @property
    def is_known(self) -> bool:
        """Whether there is a BLAS that this one limits, while somebody is in."""
        return bool(self.before)

    def begin(self, token: object) -> None:
        with self.lock:
            if not self.before:
                self.before = [(library, library.get_num_threads()) for library in libraries(loaded())]
            if self.tokens in ([], [token]):  # also where others are in: somebody else may have set it meanwhile
                for library, _ in self.before:
                    set_num_threads(library, 1)
            self.inside[token] = None
            if token not in self.tokens:
                self.tokens.append(token)

    def help(self) -> None:
        """In a thread of the pool that works for one that is in: limit what that one's limit does not reach.

        It is not set back, since such a thread does nothing else. One that comes late, when nobody is in any more, must
        not enter: what it would set back may be another number by then.
        """
        if not self.tokens:
            with self.lock:
                for library, _ in self.before:
                    if of_thread(library):
                        set_num_threads(library, 1)

    def end(self, token: object) -> None:
        """Set back what is this thread's to set back, unless somebody else has set it meanwhile."""
        with self.lock:
            self.inside.pop(token, None)
            if token in self.tokens:
                self.tokens.remove(token)
            for library, before in self.before:
                last = not self.inside or (not self.tokens and of_thread(library))
                if last and library.get_num_threads() == 1:
                    set_num_threads(library, before)
            if not self.inside:
                self.before = []

    def before_fork(self) -> None:
        """No other thread is to be within threadpoolctl, whose lock the child would find locked."""
        self.lock.acquire()

    def after_fork(self) -> None:
        self.lock.release()

    def start_anew(self) -> None:
        """After a fork: of the threads that are in, the child has at most the one that forked."""
        self.lock = threading.RLock()
        inside, self.inside = bool(self.inside), dict.fromkeys(self.tokens)
        if inside and not self.inside:
            self.end(None)


one_thread = Limit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=one_thread.before_fork,
        after_in_parent=one_thread.after_fork,
        after_in_child=one_thread.start_anew,
    )


def loaded() -> int:
    """What tells whether a library may have been loaded since: NumPy has one, and SciPy may bring its own."""
    return sum(name in sys.modules for name in ("scipy.linalg.cython_blas", "scipy.linalg._fblas"))


@functools.cache
def libraries(_: int) -> Sequence[Any]:
    """Every BLAS of this process; finding them takes some milliseconds."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return numpys()
    found: Sequence[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library for library in found if library.get_num_threads() is not None]


def of_thread(library: Any) -> bool:
    """Whether each thread has a number of its own."""
    return library.internal_api == "mkl" or getattr(library, "threading_layer", None) == "openmp"


def set_num_threads(library: Any, n: int) -> None:
    """Set it whichever thread set it before: threadpoolctl would listen to that one alone, as long as it lives."""
    clear = getattr(library, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)
    library.set_num_threads(n)
    if clear is not None:
        clear(force=True)


# what wheels put before and behind the names of OpenBLAS, the latter where lengths are int64
AFFIXES = [("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")]


class OpenBLAS:
    """What is used of a library of threadpoolctl's."""

    internal_api = "openblas"

    def __init__(self, get: Any, change: Any) -> None:
        self.get_num_threads, self.set_num_threads = get, change


def numpys() -> list[OpenBLAS]:
    """NumPy's own, if it is an OpenBLAS of its wheels."""
    found = []
    for library, (prefix, suffix) in itertools.product(bundled(), AFFIXES):
        name = f"{prefix}openblas_%s_num_threads{suffix}"
        get, change = (getattr(library, name % what, None) for what in ("get", "set"))
        if get and change:
            found.append(OpenBLAS(get, change))
    return found


@functools.cache
def bundled() -> Sequence[ctypes.CDLL]:
    """What lies beside NumPy, where its wheels have it."""
    folder, found = Path(np.__file__).parent, []
    for path in sorted([*folder.with_name("numpy.libs").glob("*openblas*"), *(folder / ".dylibs").glob("*openblas*")]):
        with contextlib.suppress(OSError):
            found.append(ctypes.CDLL(str(path)))
    return found


@functools.cache
def products(letter: str) -> tuple[int, int, bool] | None:
    """Where gemm and gemv of a dtype ("s" or "d") are, and whether lengths are int64 there; None if not to be found.

    They are those of NumPy's wheels, or else what SciPy offers to compiled modules.
    """
    for library, (prefix, suffix) in itertools.product(bundled(), AFFIXES):
        functions = [getattr(library, f"{prefix}{letter}{name}_{suffix}", None) for name in ("gemm", "gemv")]
        if all(functions):
            gemm, gemv = (ctypes.cast(function, ctypes.c_void_p).value for function in functions if function)
            return gemm or 0, gemv or 0, bool(suffix)
    try:
        from scipy.linalg import cython_blas
    except ImportError:
        return None
    capsules = [cython_blas.__pyx_capi__[letter + name] for name in ("gemm", "gemv")]
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.argtypes, name_of.restype = [ctypes.py_object], ctypes.c_char_p
    pointer_of.argtypes, pointer_of.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    signatures = [name_of(capsule) for capsule in capsules]
    if not all(signature.startswith(b"void (char *, ") and b"int *" in signature for signature in signatures):
        return None
    gemm, gemv = (pointer_of(capsule, name_of(capsule)) for capsule in capsules)
    return gemm, gemv, b"int64" in signatures[0]

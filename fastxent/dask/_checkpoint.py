"""Where a fit has come to, in a file: written beside it and renamed, so that it is whole at any time."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from scipy import sparse

from fastxent._types import Array

EVERY = 5  # iterations
# what a file that is none, or is damaged, raises: RuntimeError if it seems encrypted, or packed in another way
UNREADABLE = (OSError, RuntimeError, TypeError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class Checkpoint:
    """The coefficients, the intercepts and the objective after each iteration, of one problem."""

    def __init__(self, path: str | os.PathLike[str], problem: dict[str, str]) -> None:
        self.path = Path(path)
        self.problem = problem

    @staticmethod
    def check_place(path: str | os.PathLike[str], may_be_there: bool) -> None:
        """Raise before a fit, and not after its first iterations, if nothing may or can be written there."""
        path = Path(path)
        if path.exists() and not may_be_there:
            raise FileExistsError(
                f"checkpoint {path} exists: warm_start=True goes on from there; delete it to begin anew"
            )
        try:
            beside = name_beside(path)
            beside.touch(exist_ok=False)
            beside.unlink()
        except OSError as error:
            raise OSError(error.errno, f"checkpoint {path} cannot be written: {error.strerror}") from error

    def load(self) -> tuple[Array, Array, list[float]] | None:
        """What was saved, None if nothing was; an error if it is of another problem."""
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                there = {name: str(saved[name]) for name in self.problem}
                coef, intercept, curve = saved["coef"], saved["intercept"], saved["curve"].tolist()
        except FileNotFoundError:
            return None
        except UNREADABLE as error:
            raise ValueError(f"checkpoint {self.path} is no checkpoint of a fit: {error}") from error
        for name, value in self.problem.items():
            if there[name] != value:
                raise ValueError(
                    f"checkpoint {self.path} is of another problem: {name} is {there[name]} there, but {value} here"
                )
        return coef, intercept, curve

    def save(self, coef: Array, intercept: Array, curve: Sequence[float]) -> None:
        """Replace what is there."""
        beside = name_beside(self.path)
        try:
            with beside.open("wb") as file:
                arrays = {"coef": coef, "intercept": intercept, "curve": np.array(curve)}
                arrays |= {name: np.array(value) for name, value in self.problem.items()}
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)
        finally:
            beside.unlink(missing_ok=True)

    def save_now_and_then(self, coef: Array, intercept: Array, curve: Sequence[float]) -> None:
        """After an iteration."""
        if len(curve) % EVERY == 0:
            self.save(coef, intercept, curve)


def name_beside(path: Path) -> Path:
    """Of a file of its own, since other fits may write the same checkpoint."""
    return path.with_name(f".{path.name}.{uuid4().hex}")


def digest(*values: Any) -> str:
    """A short name of arrays and of what has a repr."""
    found = hashlib.sha256()
    for value in values:
        if sparse.issparse(value):
            found.update(digest(value.data, value.indices, value.indptr).encode())
        elif isinstance(value, np.ndarray) and value.dtype.kind != "O":
            found.update(np.ascontiguousarray(value).tobytes())
        else:
            found.update(repr(value.tolist() if isinstance(value, np.ndarray) else value).encode())
    return found.hexdigest()[:16]

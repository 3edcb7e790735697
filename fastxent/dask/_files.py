"""Arrays in files of NumPy's, which are opened where they are read."""

from __future__ import annotations

import glob
import math
import os
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.layers import ArrayValuesDep
from dask.utils import natural_sort_key

from fastxent import _check
from fastxent._types import Array

MOST_ROWS = 250_000  # of a partition, unless the caller says
MOST_BYTES = 2**27


class Rows(NamedTuple):
    """Some of the rows of an array in a file."""

    path: str
    shape: tuple[int, ...]  # of the whole array
    dtype: np.dtype[Any]
    rows: slice


def from_npy(path: str | os.PathLike[str], *, chunk_rows: int | None = None) -> Any:
    """A dask array of what is in .npy files, which are mapped into memory by the tasks that read them.

    The graph has the names of the files and no bytes of them: the client reads their headers alone.

    Parameters
    ----------
    path : str or path-like
        A file; a pattern such as ``"logits/part-*.npy"``; or a directory, of which all .npy files are meant. Several
        are concatenated along the first axis, in natural order: 2 before 10. Workers must find them under the same
        path, and as they are now for as long as the array is used.
    chunk_rows : int, optional
        The rows of a partition; by default at most 250,000, and at most 128 MiB. Files are not joined in one partition.

    Returns
    -------
    dask array
        Whose blocks are read-only arrays in the files.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or none that fits the pattern.
    ValueError
        If a file is none of NumPy's, or has objects, several arrays or a scalar; if the files differ in their dtypes or
        in the sizes of the axes after the first; when it is computed, if a file has another array by then.
    TypeError, ValueError
        If `chunk_rows` is no integer from 1 on.

    See Also
    --------
    dask.array.from_npy_stack : Files that `dask.array.to_npy_stack` wrote: their directory will do here as well.

    References
    ----------
    .. [1] NumPy's reference, "numpy.lib.format": the format of .npy files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import fastxent.dask
    >>> folder = Path(tempfile.mkdtemp())
    >>> for i in range(2):
    ...     np.save(folder / f"part-{i}.npy", np.zeros((1000, 10), np.float32))
    >>> fastxent.dask.from_npy(folder, chunk_rows=400).chunks
    ((400, 400, 200, 400, 400, 200), (10,))
    """
    files = [(name, opened(name)) for name in names_of(path)]
    (_, first), *_ = files
    for name, array in files:
        if array.ndim == 0:
            raise ValueError(f"{name} has a scalar; expected at least one axis")
        if (array.dtype, array.shape[1:]) != (first.dtype, first.shape[1:]):
            raise ValueError(
                f"{name} has an array of shape {array.shape} and dtype {array.dtype}, but {files[0][0]} one of shape "
                f"{first.shape} and dtype {first.dtype}: expected the same dtype, and the same sizes after the first"
            )
    if chunk_rows is None:
        row = first.dtype.itemsize * math.prod(first.shape[1:])
        chunk_rows = max(1, min(MOST_ROWS, MOST_BYTES // max(1, row)))
    step = _check.whole_number(chunk_rows, "chunk_rows", 1)
    parts = [
        Rows(name, array.shape, array.dtype, slice(start, min(start + step, len(array))))
        for name, array in files
        for start in range(0, max(1, len(array)), step)
    ]
    chunks = (tuple(part.rows.stop - part.rows.start for part in parts), *((n,) for n in first.shape[1:]))
    axes, others = tuple(range(first.ndim)), (0,) * (first.ndim - 1)
    values = ArrayValuesDep(chunks, {(i, *others): part for i, part in enumerate(parts)})
    written = [(status.st_mtime_ns, status.st_size) for status in (os.stat(name) for name, _ in files)]
    return da.blockwise(
        read, axes, values, axes, name=f"npy-{tokenize(parts, written)}", concatenate=True, align_arrays=False,
        dtype=first.dtype, meta=np.empty((0,) * first.ndim, first.dtype),
    )  # fmt: skip


def opened(name: str) -> Array:
    """The array in a file, of which nothing is read yet but what it is."""
    try:
        array: Array = np.load(name, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{name} is no .npy file that can be mapped: {error}") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} is an archive of arrays; expected .npy files, of one array each")
    return array


def read(part: Rows) -> Array:
    """In a task."""
    file = file_at(part.path)
    array = opened(part.path)
    if array.shape != part.shape or array.dtype != part.dtype:
        raise ValueError(
            f"{part.path} has an array of shape {array.shape} and dtype {array.dtype}, but had one of shape "
            f"{part.shape} and dtype {part.dtype} when from_npy looked"
        )
    array.__dict__.update(part=part, file=file)  # of the map, which is this task's own
    return np.asarray(array)[part.rows]


def part_of(array: Array) -> Rows | None:
    """What `read` was given, if this is what it returned and would return again."""
    mapped: Any = array
    while isinstance(mapped, np.ndarray) and not isinstance(mapped, np.memmap):
        mapped = mapped.base
    part: Rows | None = getattr(mapped, "part", None)
    if part is None or np.asarray(mapped)[part.rows].__array_interface__ != array.__array_interface__:
        return None
    return part if mapped.file == file_at(part.path) else None


def file_at(path: str) -> tuple[int, int] | None:
    """Which file has this name now; a map stays that of the file that had it."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def names_of(path: str | os.PathLike[str]) -> list[str]:
    """Absolute, since workers have directories of their own."""
    name = os.path.abspath(os.fspath(path))
    if os.path.isdir(name):
        names = [str(one) for one in Path(name).glob("*.npy")]
        what = f"no .npy file in {name}"
    else:
        names = [name] if os.path.exists(name) else glob.glob(name)
        what = f"no file {name}"
    if not names:
        raise FileNotFoundError(what)
    return sorted(names, key=natural_sort_key)

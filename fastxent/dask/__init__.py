"""Losses and scores of dask collections, block by block where these are: needs dask.

Nothing but sums goes through the client. All sums are exact, so that results have the same bits for every partitioning,
every number of workers, and after one was lost.
"""

try:
    import dask.array  # noqa: F401 - here, so that what is missing is said once and by name
except ImportError as error:
    raise ImportError("fastxent.dask needs dask: pip install fastxent[dask]") from error

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastxent.dask._classifier import SoftmaxClassifier

__all__ = ["SoftmaxClassifier"]


def __getattr__(name: str) -> Any:
    """What needs scikit-learn as well is imported when it is asked for."""
    if name == "SoftmaxClassifier":
        from fastxent.dask._classifier import SoftmaxClassifier

        return SoftmaxClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

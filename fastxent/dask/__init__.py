"""Losses and scores of dask collections, block by block where these are: needs dask.

Nothing but sums goes through the client. All sums are exact, so that results have the same bits for every partitioning,
every number of workers, and after one was lost.
"""

try:
    import dask.array  # noqa: F401 - here, so that what is missing is said once and by name
except ImportError as error:
    raise ImportError("fastxent.dask needs dask: pip install fastxent[dask]") from error

from typing import TYPE_CHECKING, Any

from fastxent.dask._evaluate import evaluate
from fastxent.dask._files import from_npy
from fastxent.dask._log_loss import log_loss
from fastxent.dask._losses import sigmoid_cross_entropy, softmax_cross_entropy

if TYPE_CHECKING:
    from fastxent.dask._classifier import SoftmaxClassifier

__all__ = ["SoftmaxClassifier", "evaluate", "from_npy", "log_loss", "sigmoid_cross_entropy", "softmax_cross_entropy"]


def __getattr__(name: str) -> Any:
    """What needs scikit-learn as well is imported when it is asked for."""
    if name == "SoftmaxClassifier":
        from fastxent.dask._classifier import SoftmaxClassifier

        return SoftmaxClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

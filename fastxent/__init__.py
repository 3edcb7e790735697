"""Cross entropy for NumPy on the CPU: losses, gradients and Hessian diagonals in one pass."""

import importlib as _importlib
from importlib.util import find_spec as _find_spec
from typing import TYPE_CHECKING as _TYPE_CHECKING

from fastxent._activations import log_softmax, logsumexp, softmax
from fastxent._clamped import clamped_cross_entropy, clamped_cross_entropy_grad
from fastxent._config import show_config
from fastxent._information import cross_entropy, entropy, kl_divergence
from fastxent._linear.functions import linear_cross_entropy, linear_cross_entropy_grad, linear_target_statistics
from fastxent._sigmoid import sigmoid_cross_entropy, sigmoid_cross_entropy_grad, sigmoid_cross_entropy_grad_hess
from fastxent._sigmoid_focal import sigmoid_focal_loss, sigmoid_focal_loss_grad, sigmoid_focal_loss_grad_hess
from fastxent._softmax import softmax_cross_entropy, softmax_cross_entropy_grad, softmax_cross_entropy_grad_hess
from fastxent._softmax_focal import softmax_focal_loss, softmax_focal_loss_grad, softmax_focal_loss_grad_hess
from fastxent._statistics import TargetStatistics, target_statistics
from fastxent._threads import get_num_threads, set_num_threads

__version__ = "0.1.0"

__all__ = [
    "TargetStatistics",
    "__version__",
    "clamped_cross_entropy",
    "clamped_cross_entropy_grad",
    "cross_entropy",
    "entropy",
    "get_num_threads",
    "kl_divergence",
    "linear_cross_entropy",
    "linear_cross_entropy_grad",
    "linear_target_statistics",
    "log_softmax",
    "logsumexp",
    "set_num_threads",
    "show_config",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_grad",
    "sigmoid_cross_entropy_grad_hess",
    "sigmoid_focal_loss",
    "sigmoid_focal_loss_grad",
    "sigmoid_focal_loss_grad_hess",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_grad",
    "softmax_cross_entropy_grad_hess",
    "softmax_focal_loss",
    "softmax_focal_loss_grad",
    "softmax_focal_loss_grad_hess",
    "target_statistics",
]

# Imported when they are first asked for: what they stand on is large, or an extra; `dir` lists what is installed.
_STANDS_ON = {
    "boosting": "numpy", "caffe": "numpy", "continuous": "scipy", "dask": "dask", "evaluation": "numpy",
    "metrics": "sklearn", "reference": "numpy", "sklearn": "sklearn", "torch": "torch",
}  # fmt: skip

if _TYPE_CHECKING:  # so that a name that is none is a type error
    from fastxent import boosting as boosting
    from fastxent import caffe as caffe
    from fastxent import continuous as continuous
    from fastxent import dask as dask
    from fastxent import evaluation as evaluation
    from fastxent import metrics as metrics
    from fastxent import reference as reference
    from fastxent import sklearn as sklearn
    from fastxent import torch as torch


def _module(name: str) -> object:
    if name in _STANDS_ON:
        return _importlib.import_module(f"fastxent.{name}")
    raise AttributeError(f"module 'fastxent' has no attribute {name!r}")


globals()["__getattr__"] = _module  # unseen by what checks types, to which any name would be one


def __dir__() -> list[str]:
    there = (name for name, needed in _STANDS_ON.items() if _find_spec(needed) is not None)
    return sorted({*globals(), *there})

"""Cross entropy for NumPy on the CPU: losses, gradients and Hessian diagonals in one pass."""

import importlib as _importlib
from types import ModuleType as _ModuleType

from fastxent._activations import log_softmax, logsumexp, softmax
from fastxent._clamped import clamped_cross_entropy, clamped_cross_entropy_grad
from fastxent._config import show_config
from fastxent._information import cross_entropy, entropy, kl_divergence
from fastxent._sigmoid import sigmoid_cross_entropy, sigmoid_cross_entropy_grad, sigmoid_cross_entropy_grad_hess
from fastxent._sigmoid_focal import sigmoid_focal_loss, sigmoid_focal_loss_grad, sigmoid_focal_loss_grad_hess
from fastxent._softmax import softmax_cross_entropy, softmax_cross_entropy_grad, softmax_cross_entropy_grad_hess
from fastxent._softmax_focal import softmax_focal_loss, softmax_focal_loss_grad, softmax_focal_loss_grad_hess
from fastxent._threads import get_num_threads, set_num_threads

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "clamped_cross_entropy",
    "clamped_cross_entropy_grad",
    "cross_entropy",
    "entropy",
    "get_num_threads",
    "kl_divergence",
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
]

# imported when they are first asked for: what they stand on is large, or an extra
_MODULES = ("boosting", "caffe", "continuous", "metrics", "reference", "sklearn", "torch")


def __getattr__(name: str) -> _ModuleType:
    if name in _MODULES:
        return _importlib.import_module(f"fastxent.{name}")
    raise AttributeError(f"module 'fastxent' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})

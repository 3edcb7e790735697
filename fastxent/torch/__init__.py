"""torch's cross entropies, drop-in, on the CPU: the same signatures, results and gradients; needs torch.

Replacing the import is all: ``from fastxent.torch import cross_entropy``, or ``CrossEntropyLoss`` for the module. Calls
that fastxent's kernels have no part in are torch's own: arguments that torch refuses, so that the error is torch's,
transforms of `torch.func`, forward-mode and second derivatives, derivatives of the target.
"""

try:
    import torch  # here, so that what is missing is said once and by name
except ImportError as error:
    raise ImportError("fastxent.torch needs torch: pip install fastxent[torch]") from error
if not hasattr(torch.nn, "LinearCrossEntropyLoss"):  # which is no older
    raise ImportError(
        f"fastxent.torch needs torch 2.13 or newer, but {torch.__version__} is installed: "
        "pip install --upgrade fastxent[torch]"
    )

from fastxent.torch._binary_cross_entropy import binary_cross_entropy_with_logits
from fastxent.torch._cross_entropy import cross_entropy
from fastxent.torch._linear_cross_entropy import linear_cross_entropy
from fastxent.torch._modules import BCEWithLogitsLoss, CrossEntropyLoss, LinearCrossEntropyLoss

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "LinearCrossEntropyLoss",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "linear_cross_entropy",
]

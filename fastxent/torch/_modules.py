"""The same losses as modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fastxent.torch._binary_cross_entropy import binary_cross_entropy_with_logits
from fastxent.torch._cross_entropy import cross_entropy


class CrossEntropyLoss(torch.nn.CrossEntropyLoss):  # type: ignore[misc]
    """`torch.nn.CrossEntropyLoss` [1]_, computed by `cross_entropy`: the same parameters, buffers and results.

    Parameters
    ----------
    *args, **options
        Those of `torch.nn.CrossEntropyLoss`.
    inplace_backward : bool, default False
        As in `cross_entropy`.

    References
    ----------
    .. [1] https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html

    Examples
    --------
    >>> import torch
    >>> from fastxent.torch import CrossEntropyLoss
    >>> criterion = CrossEntropyLoss(label_smoothing=0.1)
    >>> round(criterion(torch.tensor([[2.0, 0.5, -1.0]]), torch.tensor([0])).item(), 4)
    0.3913
    """

    def __init__(self, *args: Any, inplace_backward: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.inplace_backward = inplace_backward

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return cross_entropy(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
            label_smoothing=self.label_smoothing, inplace_backward=self.inplace_backward,
        )  # fmt: skip


class BCEWithLogitsLoss(torch.nn.BCEWithLogitsLoss):  # type: ignore[misc]
    """`torch.nn.BCEWithLogitsLoss` [1]_, computed by `binary_cross_entropy_with_logits`: the same in all else.

    Parameters
    ----------
    *args, **options
        Those of `torch.nn.BCEWithLogitsLoss`.
    inplace_backward : bool, default False
        As in `cross_entropy`.

    References
    ----------
    .. [1] https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html

    Examples
    --------
    >>> import torch
    >>> from fastxent.torch import BCEWithLogitsLoss
    >>> round(BCEWithLogitsLoss()(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0])).item(), 4)
    0.2201
    """

    def __init__(self, *args: Any, inplace_backward: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.inplace_backward = inplace_backward

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight,
            inplace_backward=self.inplace_backward,
        )  # fmt: skip

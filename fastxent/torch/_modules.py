"""The same losses as modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fastxent.torch._binary_cross_entropy import binary_cross_entropy_with_logits
from fastxent.torch._cross_entropy import cross_entropy


class CrossEntropyLoss(torch.nn.CrossEntropyLoss):
    """TODO."""

    def __init__(self, *args: Any, inplace_backward: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.inplace_backward = inplace_backward

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return cross_entropy(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
            label_smoothing=self.label_smoothing, inplace_backward=self.inplace_backward,
        )  # fmt: skip


class BCEWithLogitsLoss(torch.nn.BCEWithLogitsLoss):
    """TODO."""

    def __init__(self, *args: Any, inplace_backward: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.inplace_backward = inplace_backward

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight,
            inplace_backward=self.inplace_backward,
        )  # fmt: skip

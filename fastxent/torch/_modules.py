"""The same losses as modules."""

from __future__ import annotations

import torch
from torch import Tensor

from fastxent.torch._binary_cross_entropy import binary_cross_entropy_with_logits
from fastxent.torch._cross_entropy import cross_entropy
from fastxent.torch._linear_cross_entropy import linear_cross_entropy


class CrossEntropyLoss(torch.nn.CrossEntropyLoss):  # type: ignore[misc]
    """`torch.nn.CrossEntropyLoss` [1]_, computed by `cross_entropy`: the same parameters, buffers and results.

    Parameters
    ----------
    weight, size_average, ignore_index, reduce, reduction, label_smoothing
        As `torch.nn.CrossEntropyLoss` takes them.
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

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None, ignore_index: int = -100,
        reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0, *,
        inplace_backward: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(weight, size_average, ignore_index, reduce, reduction, label_smoothing)
        self.inplace_backward = inplace_backward

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return cross_entropy(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
            label_smoothing=self.label_smoothing, inplace_backward=self.inplace_backward,
        )  # fmt: skip


class LinearCrossEntropyLoss(torch.nn.LinearCrossEntropyLoss):  # type: ignore[misc]
    """`torch.nn.LinearCrossEntropyLoss` [1]_, computed by `linear_cross_entropy`: the same parameters and results.

    Parameters
    ----------
    in_features, num_classes : int
        The shape of the layer: H and C.
    out_features : tuple of int, default ()
        More dimensions of the weight, which are torch's matter.
    bias : bool, default False
        Whether the layer has one.
    device : torch.device, optional
        Of the parameters.
    dtype : torch.dtype, optional
        Of the parameters.
    reduction, weight, ignore_index, label_smoothing, options
        As `linear_cross_entropy` takes them.

    References
    ----------
    .. [1] https://docs.pytorch.org/docs/main/generated/torch.nn.LinearCrossEntropyLoss.html

    Examples
    --------
    >>> import torch
    >>> from fastxent.torch import LinearCrossEntropyLoss
    >>> head = LinearCrossEntropyLoss(in_features=8, num_classes=1000)
    >>> round(head(torch.zeros(3, 8), torch.tensor([1, 2, 3])).item(), 4)
    6.9078
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        layer, shape = self.linear, (self.num_classes, *self.out_features)
        return linear_cross_entropy(
            input, layer.weight.reshape(*shape, -1), target,
            linear_bias=None if layer.bias is None else layer.bias.reshape(shape), weight=self.weight,
            reduction=self.reduction, ignore_index=self.ignore_index, label_smoothing=self.label_smoothing,
            options=self.options,
        )  # fmt: skip


class BCEWithLogitsLoss(torch.nn.BCEWithLogitsLoss):  # type: ignore[misc]
    """`torch.nn.BCEWithLogitsLoss` [1]_, computed by `binary_cross_entropy_with_logits`: the same in all else.

    Parameters
    ----------
    weight, size_average, reduce, reduction, pos_weight
        As `torch.nn.BCEWithLogitsLoss` takes them.
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

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean", pos_weight: Tensor | None = None, *, inplace_backward: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction, pos_weight)
        self.inplace_backward = inplace_backward

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight,
            inplace_backward=self.inplace_backward,
        )  # fmt: skip

"""torch's own functions, which calls are handed over to, also where fastxent's have been put in their place."""

from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, linear_cross_entropy

__all__ = ["binary_cross_entropy_with_logits", "cross_entropy", "linear_cross_entropy"]

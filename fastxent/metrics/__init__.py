"""scikit-learn's log loss without one-hot targets: `log_loss`, `d2_log_loss_score` and a scorer; needs scikit-learn."""

from fastxent._scikit_learn import lacking

if lack := lacking():
    raise ImportError(f"{__name__} needs {lack}")

from fastxent.metrics._log_loss import d2_log_loss_score, log_loss
from fastxent.metrics._scorer import neg_log_loss_scorer

__all__ = ["d2_log_loss_score", "log_loss", "neg_log_loss_scorer"]

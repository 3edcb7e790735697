"""scikit-learn's log loss without one-hot targets: `log_loss`, `d2_log_loss_score` and a scorer; needs scikit-learn."""

try:
    import sklearn  # noqa: F401 - here, so that what is missing is said once and by name
except ImportError as error:
    raise ImportError("fastxent.metrics needs scikit-learn: pip install fastxent[sklearn]") from error

from fastxent.metrics._log_loss import d2_log_loss_score, log_loss
from fastxent.metrics._scorer import neg_log_loss_scorer

__all__ = ["d2_log_loss_score", "log_loss", "neg_log_loss_scorer"]

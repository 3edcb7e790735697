"""scikit-learn."""

import numpy as np

from tests.migration.rows import Library, Row

SETUP = """\
eps = np.finfo(probs.dtype).eps
names = np.array(["dog", "ant", "cat", "dog"])
classes = np.unique(names)  # ant, cat, dog: the order of the columns
"""
IMPORTS = """\
from fastxent import metrics
from fastxent.sklearn import MultinomialLoss, SoftmaxClassifier
from fastxent.sklearn import ReliabilityDisplay, TemperatureScaling
from sklearn._loss import HalfMultinomialLoss
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import d2_log_loss_score, log_loss, mutual_info_score
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.extmath import softmax

clf = FrozenEstimator(LogisticRegression().fit(logits, labels))
X, y = np.repeat(logits, 5, axis=0), np.repeat(labels, 5)
"""

LOG_LOSS = (
    Row(
        "log_loss(names, probs, sample_weight=sample_weight)",
        "metrics.log_loss(names, probs, sample_weight=sample_weight)",
        "The same arguments, errors, warnings and value, without a one-hot array; this module needs scikit-learn.",
    ),
    Row(
        "log_loss(labels, probs, labels=[0, 1, 2])",
        "fx.clamped_cross_entropy(probs, labels, eps=eps)",
        "Probabilities first, labels second; log_loss clips at the dtype's epsilon, 2.2e-16 here, fastxent at 1e-20.",
        trap="fx.clamped_cross_entropy(probs, labels)",
    ),
    Row(
        "log_loss(labels, softmax(logits), labels=[0, 1, 2])",
        "fx.softmax_cross_entropy(logits, labels)",
        "Where there are logits (`decision_function`), take them: rounded probabilities have lost digits of the loss.",
    ),
    Row(
        "log_loss(labels, probs, labels=[0, 1, 2], normalize=False)",
        'fx.clamped_cross_entropy(probs, labels, eps=eps, reduction="sum")',
        '`normalize=False` is `reduction="sum"`.',
    ),
    Row(
        "log_loss(labels, probs, labels=[0, 1, 2], sample_weight=sample_weight)",
        "fx.clamped_cross_entropy(probs, labels, eps=eps, sample_weight=sample_weight)",
        "The same: both divide by the sum of the weights.",
    ),
    Row(
        "log_loss(names, probs)",
        "fx.clamped_cross_entropy(probs, np.searchsorted(classes, names), eps=eps)",
        "Class indices, not names; `np.searchsorted` finds them in the sorted classes.",
        trap="fx.clamped_cross_entropy(probs, names, eps=eps)",
    ),
    Row(
        "log_loss(answers[:, 0], probs[:, 1])",
        "p = np.stack([1 - probs[:, 1], probs[:, 1]], axis=1)\n"
        "fx.clamped_cross_entropy(p, answers[:, 0].astype(int), eps=eps)",
        "Two classes are two columns; labels are integers or bool.",
        trap="fx.clamped_cross_entropy(probs[:, 1], answers[:, 0].astype(int), eps=eps)",
    ),
    Row(
        "d2_log_loss_score(names, probs)",
        "metrics.d2_log_loss_score(names, probs)",
        "The same arguments, errors, warnings and value.",
    ),
    Row(
        "log_loss([0, 1], [[1.0, 0.0], [0.0, 1.0]])",
        "fx.clamped_cross_entropy([[1.0, 0.0], [0.0, 1.0]], [0, 1], eps=eps)",
        "log_loss clips above as well: its loss of a probability of 1 is 2.2e-16. fastxent's is 0.",
        agrees=False,
    ),
)

WEIGHTS = (
    Row(
        "compute_sample_weight('balanced', names)",
        "compute_class_weight('balanced', classes=classes, y=names)[np.searchsorted(classes, names)]",
        "Weights of classes: give them as `class_weight`, and the mean divides by the sum over the labels.",
    ),
    Row(
        "log_loss(names, softmax(logits), sample_weight=compute_sample_weight('balanced', names))",
        "fx.softmax_cross_entropy(\n"
        "    logits, np.searchsorted(classes, names),\n"
        "    class_weight=compute_class_weight('balanced', classes=classes, y=names),\n"
        ")",
        "No array of one weight per row is made.",
    ),
)

ESTIMATORS = (
    Row(
        "LogisticRegression(C=10).fit(X, y).predict(logits)",
        "SoftmaxClassifier(C=10).fit(X, y).predict(logits)",
        "The same objective, L2 only; coefficients agree to `tol`. It takes label smoothing and distributions as well.",
    ),
    Row(
        "CalibratedClassifierCV(clf, method='temperature').fit(X, y).predict(probs)",
        "TemperatureScaling(clf).fit(X, y).predict(probs)",
        "No folds: it never fits the classifier. For one score per row scikit-learn's temperature is twice ours.",
    ),
    Row(
        "calibration_curve(answers[:, 1], probs[:, 1])",
        "shown = ReliabilityDisplay.from_predictions(answers[:, 1], probs[:, 1])\nshown.prob_true, shown.prob_pred",
        "The display keeps the curve, takes weights and more than two classes, and has the calibration error.",
    ),
    Row(
        "HalfMultinomialLoss(n_classes=3).loss(y_true=labels.astype(float), raw_prediction=logits)",
        "MultinomialLoss(n_classes=3).loss(y_true=labels.astype(float), raw_prediction=logits)",
        "The same protocol, with options bound; scikit-learn's own losses are private.",
    ),
)

FUNCTIONS = (
    Row("softmax(logits)", "fx.softmax(logits)", "The same; `out=logits` in place of `copy=False`."),
    Row(
        "mutual_info_score(labels, [0, 0, 1, 1])",
        "joint = np.histogram2d(labels, [0, 0, 1, 1], bins=(3, 2))[0] / 4\n"
        "independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)\n"
        "fx.kl_divergence(joint.ravel(), independent.ravel())",
        "The divergence of the joint distribution from independence.",
    ),
)

SKLEARN = Library(
    "sklearn", "scikit-learn", ("sklearn",), SETUP, IMPORTS, np.float64,
    {"Log loss": LOG_LOSS, "Balanced classes": WEIGHTS, "Estimators": ESTIMATORS, "Functions": FUNCTIONS},
)  # fmt: skip

"""
A classifier beside LogisticRegression
======================================

SoftmaxClassifier and scikit-learn's classifier, on handwritten digits and on sparse counts of words.

What is printed is what was measured on this machine, in this run. Run it where fastxent[sklearn] is installed:
``python examples/classifier.py``.
"""

# %%
import time
import warnings

import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from fastxent.sklearn import SoftmaxClassifier

warnings.simplefilter("ignore", ConvergenceWarning)  # how far both came is printed below


def objective(model, X, y):
    """What both minimise: the mean loss, and the penalty in proportion."""
    penalty = 0.5 / model.C * np.sum(np.square(model.coef_, dtype=np.float64)) / len(y)
    return log_loss(y, model.predict_proba(X), labels=model.classes_) + penalty


def compare(X, y, **options):
    """Fit both to the same three quarters, and print what came of it."""
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    for kind in (SoftmaxClassifier, LogisticRegression):
        model = kind(**options)
        start = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - start
        print(
            f"{kind.__name__:18} {seconds:7.3f} s, {model.n_iter_[0]:4} iterations, objective "
            f"{objective(model, X, y):.6f}, test accuracy {model.score(X_test, y_test):.3f}"
        )


# %%
# Handwritten digits: 1797 pictures of 8 x 8 pixels. Both have the same options, and stop by the same rule: no entry of
# the gradient exceeds tol.
print("Digits, ten classes")
digits, labels = load_digits(return_X_y=True)
compare(digits, labels, max_iter=1000)

# %%
# A made-up library: 50 subjects, each with its own favourites among 5000 words, whose frequencies fall as in a natural
# language. A document has 40 words; what is seen is the logarithm of how often it has each, in a sparse array.
SUBJECTS, WORDS, DOCUMENTS, LENGTH = 50, 5000, 8000, 40
rng = np.random.default_rng(0)
popularity = 1.0 / np.arange(1, WORDS + 1)
taste = popularity * np.exp(rng.standard_normal((SUBJECTS, WORDS)))
taste /= taste.sum(axis=1, keepdims=True)
subjects = rng.integers(0, SUBJECTS, DOCUMENTS)
counts = sparse.vstack([sparse.csr_array(rng.multinomial(LENGTH, taste[subject])) for subject in subjects], "csr")
documents = counts.astype(np.float32).log1p()
print(f"Documents, {SUBJECTS} classes, {LENGTH} words each")
compare(documents, subjects, max_iter=300)

# %%
# A target may be a distribution: here the labels, and a tenth of doubt spread over all digits, which is what
# label_smoothing does as well.
smooth = 0.9 * np.eye(10)[labels] + 0.01
by_hand = SoftmaxClassifier(tol=1e-6, max_iter=1000).fit(digits, smooth)
built_in = SoftmaxClassifier(tol=1e-6, max_iter=1000, label_smoothing=0.1).fit(digits, labels)
difference = np.abs(by_hand.predict_proba(digits) - built_in.predict_proba(digits)).max()
print(f"Doubt by hand and by label_smoothing: probabilities differ by at most {difference:.1e}")

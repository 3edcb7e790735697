"""Data that classifiers are fitted to: scikit-learn's tables, and labels drawn from logits."""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

TABLES = {"two classes": load_breast_cancer, "three classes": load_iris, "ten classes": load_digits}
BUNDLED = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer, "digits": load_digits}
IRIS = load_iris(return_X_y=True)
IRIS_NAMES = np.array(["setosa", "versicolor", "virginica"])


def drawn(logits, rng):
    """A class for each row, drawn from the softmax of its logits: the largest of them with Gumbel noise."""
    return (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def standardized(X):
    """Features of mean 0 and variance 1; constant ones stay so."""
    return (X - X.mean(axis=0)) / (X.std(axis=0) + (X.std(axis=0) == 0))

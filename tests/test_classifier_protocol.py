"""SoftmaxClassifier is a scikit-learn estimator: every check of scikit-learn's own suite, none expected to fail."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastxent.sklearn import SoftmaxClassifier


@pytest.mark.filterwarnings("default")  # the checks fit hopeless data, and expect the warnings
@parametrize_with_checks([SoftmaxClassifier()])
def test_estimator_check(estimator, check):
    check(estimator)

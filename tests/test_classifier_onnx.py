"""The guide's way to ONNX: skl2onnx converts `to_logistic_regression()`, with the same probabilities and labels."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastxent.sklearn import SoftmaxClassifier
from tests.samples import IRIS

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx, which is in the dependency group test, is not installed")
X, Y = IRIS
X = X.astype(np.float32)
NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.mark.parametrize("labels", [Y, Y == 1, NAMES[Y]], ids=["numbers", "two", "strings"])
def test_the_converted_model_predicts_the_same(labels):
    reference = pytest.importorskip("onnx.reference")
    scaler = StandardScaler().fit(X)
    model = SoftmaxClassifier(max_iter=1000).fit(scaler.transform(X), labels)
    twin = make_pipeline(scaler, model.to_logistic_regression())
    converted = skl2onnx.to_onnx(twin, X[:1], options={LogisticRegression: {"zipmap": False}})
    predicted, probs = reference.ReferenceEvaluator(converted).run(None, {"X": X})
    np.testing.assert_array_equal(predicted, model.predict(scaler.transform(X)))
    # float32 scores of magnitude 10, rounded in another order
    np.testing.assert_allclose(probs, model.predict_proba(scaler.transform(X)), rtol=0, atol=1e-5)

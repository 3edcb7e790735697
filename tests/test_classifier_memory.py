"""SoftmaxClassifier holds blocks, and little beside its data."""

import numpy as np
import pytest
from scipy import sparse

from fastxent.sklearn import SoftmaxClassifier
from tests.peak import peak


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_fit_needs_a_tenth_of_the_logits(form, rng, dtype):
    features = rng.standard_normal((30_000, 10)).astype(dtype)
    features = sparse.csr_array(features) if form == "sparse" else features
    y = rng.integers(0, 500, 30_000)
    model = SoftmaxClassifier(max_iter=2, tol=1.0)
    assert peak(lambda: model.fit(features, y)) < 30_000 * 500 * features.dtype.itemsize / 10


def test_predict_holds_some_blocks_whatever_the_number_of_samples(rng):
    model = SoftmaxClassifier(max_iter=1, tol=1.0).fit(rng.random((1600, 3), np.float32), np.arange(1600) % 800)
    features = rng.random((1_000_000, 3), np.float32)
    assert peak(lambda: model.predict(features)) < 40e6  # 1M x 800 logits are 3200e6; the classes alone 8e6 twice


@pytest.mark.parametrize("weight", [None, np.float32, np.float64])
@pytest.mark.parametrize("kind", ["integers", "floats", "strings", "two classes", "distributions"])
def test_a_fit_takes_at_most_nine_bytes_a_row_beside_its_data(kind, weight, rng):
    n, names = 600_000, np.array(["cat", "dog", "eel", "fox", "gnu"])
    features, y = rng.random((n, 3), np.float32), rng.integers(0, 5, n)
    targets = {"integers": y, "floats": y * 1.0, "strings": names[y], "two classes": y > 2}
    y = targets.get(kind, np.eye(5)[y])
    weight = None if weight is None else np.ones(n, weight)
    model = SoftmaxClassifier(max_iter=2, tol=1.0, n_threads=1)

    def taken(n):
        return peak(lambda: model.fit(features[:n], y[:n], None if weight is None else weight[:n]))

    # of 400,000 rows more; the length of a block differs by some rows
    assert taken(n) - taken(n // 3) <= 9 * (n - n // 3) + 50_000

"""What SoftmaxClassifier hands to L-BFGS: gradients, and variables in which the curvature is even."""

import numpy as np
import pytest
from scipy import sparse

from fastxent.sklearn._curvature import curvature, eigenvectors
from fastxent.sklearn._objective import Objective
from fastxent.sklearn._scaling import Scaling
from fastxent.sklearn._target import encode, target_of


def random_objective(rng, kind, n_classes):
    """An objective with every option, and a model."""
    features = rng.standard_normal((50, 4))
    target = rng.random((50, n_classes)) if kind == "distributions" else np.arange(50) % n_classes
    bound = target_of(*encode(target), rng.random(50), dict.fromkeys(range(n_classes), 1.5) | {0: 0.5}, 0.1, None)
    features = sparse.csr_array(features) if kind == "sparse" else features
    objective = Objective(features, bound, 0.3, 16, None)
    return objective, rng.standard_normal((objective.n_outputs, 4)), rng.standard_normal(objective.n_outputs)


@pytest.mark.parametrize("kind", ["labels", "distributions", "sparse"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_gradient_is_the_central_difference(kind, n_classes, rng):
    objective, coef, intercept = random_objective(rng, kind, n_classes)
    value, coef_grad, intercept_grad = objective(coef, intercept)
    step = 1e-6
    for grad, array in ((coef_grad, coef), (intercept_grad, intercept)):
        for i in np.ndindex(array.shape):
            middle = array[i]
            array[i] = middle + step
            above = objective(coef, intercept)[0]
            array[i] = middle - step
            below = objective(coef, intercept)[0]
            array[i] = middle
            # a value below 16 is rounded to a double's last place, 2e-15, over the step
            np.testing.assert_allclose(grad[i], (above - below) / (2 * step), rtol=0, atol=2e-9)
    assert value < 16


@pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", "no intercept"])
@pytest.mark.parametrize("kind", ["labels", "sparse"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_scaling_is_a_change_of_variables_and_its_gradient_the_chain_rule(kind, n_classes, fit_intercept, rng):
    objective, coef, intercept = random_objective(rng, kind, n_classes)
    intercept *= fit_intercept
    scaling = Scaling(curvature(objective, coef, intercept, fit_intercept), objective.l2, fit_intercept)
    scaling.stretch(3.0)
    flat = scaling.pack(coef, intercept)
    np.testing.assert_allclose(scaling.unpack(flat)[0], coef, rtol=1e-12)  # through its inverse and back
    np.testing.assert_allclose(scaling.unpack(flat)[1], intercept, rtol=1e-12)
    grad = scaling.gradient(*objective(coef, intercept)[1:])
    direction = rng.standard_normal(flat.shape) * 1e-6
    above, below = (objective(*scaling.unpack(flat + sign * direction))[0] for sign in (1, -1))
    # as above, and the change is of size 1e-6
    np.testing.assert_allclose(grad @ direction, (above - below) / 2, rtol=1e-7)


@pytest.mark.parametrize("n", [1, 600])
def test_eigenvectors_and_their_errors_come_out_of_a_thread(n, rng):
    symmetric = rng.random((n, n))
    symmetric += symmetric.T
    for got, want in zip(eigenvectors(symmetric), np.linalg.eigh(symmetric), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)
    with pytest.raises(np.linalg.LinAlgError):
        eigenvectors(symmetric[:, : n - 1])

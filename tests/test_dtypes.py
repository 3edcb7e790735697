"""Input that is not computed with: longdouble, complex, object, datetime, text, masked, sparse and dask arrays."""

import dask.array as da
import numpy as np
import pytest
import scipy.sparse

from tests.problem import problem
from tests.table import FUNCTIONS, LOSSES

REFUSED = {
    "longdouble": lambda a: a.astype(np.longdouble),
    "complex64": lambda a: a.astype(np.complex64),
    "complex128": lambda a: a.astype(complex),
    "object": lambda a: a.astype(object),
    "datetime64": lambda a: a.astype("datetime64[s]"),
    "timedelta64": lambda a: a.astype("timedelta64[s]"),
    "text": lambda a: a.astype(str),
    "bytes": lambda a: a.astype(str).astype("S"),
    "records": lambda a: a.astype([("value", float)]),
    "masked": lambda a: np.ma.array(a, mask=a == a.flat[0]),
    "masked, nothing hidden": lambda a: np.ma.array(a),
    "dask": da.from_array,
    "sparse matrix": lambda a: scipy.sparse.csr_matrix(np.atleast_2d(a)),
    "sparse array": lambda a: scipy.sparse.csr_array(np.atleast_2d(a)),
}
# Distributions and weights may be of any real dtype that NumPy computes in.
REFUSED_TARGETS = [what for what in REFUSED if what != "longdouble"]


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
def test_logits_of_a_refused_dtype(f, what, rng):
    p = problem(f, rng, (6, 5))
    p.change(x=REFUSED[what](p.x)).assert_rejected(TypeError, None)


@pytest.mark.parametrize("what", REFUSED_TARGETS)
@pytest.mark.parametrize("f", LOSSES, ids=str)
def test_targets_and_weights_of_a_refused_dtype(f, what, rng):
    for options in f.option_sets:
        p = problem(f, rng, (6, 5), options=options)
        arguments = {name: value for name, value in p.options.items() if isinstance(value, np.ndarray)}
        for name, value in (arguments | {"target": p.target}).items():
            p.change(**{name: REFUSED[what](value)}).assert_rejected(TypeError, None)


@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
def test_the_advice_for_a_masked_array_holds_for_every_function(f, rng):
    p = problem(f, rng, (6, 5))
    p.change(x=np.ma.array(p.x)).assert_rejected(TypeError, r"is a masked array.*fill it first: \w+\.filled")


@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
def test_a_dask_array_is_not_loaded_as_a_whole(f, rng):
    p = problem(f, rng, (6, 5))

    def loaded(block):
        raise AssertionError

    lazy = da.map_blocks(loaded, da.from_array(p.x), dtype=p.x.dtype, meta=np.empty((0, 0)))
    p.change(x=lazy).assert_rejected(TypeError, r"is a dask Array.*call \w+\.compute\(\) first, .*map_blocks")

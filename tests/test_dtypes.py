"""Input that is not computed with: longdouble, complex, object, datetime, text, masked, sparse and dask arrays."""

import inspect

import dask.array as da
import numpy as np
import pytest
import scipy.sparse

from tests.problem import problem
from tests.table import FUNCTIONS, LOSSES, each_of
from tests.turns import in_turn

# what: (a refused array made of a plain one, what the message says of it)
REFUSED = {
    "longdouble": (lambda a: a.astype(np.longdouble), f"has dtype {np.dtype(np.longdouble)}"),
    "complex64": (lambda a: a.astype(np.complex64), "has dtype complex64"),
    "complex128": (lambda a: a.astype(complex), "has dtype complex128"),
    "object": (lambda a: a.astype(object), "has dtype object"),
    "datetime64": (lambda a: a.astype("datetime64[s]"), r"has dtype datetime64\[s\]"),
    "timedelta64": (lambda a: a.astype("timedelta64[s]"), r"has dtype timedelta64\[s\]"),
    "text": (lambda a: a.astype(str), "has dtype <U"),
    "bytes": (lambda a: a.astype(str).astype("S"), r"has dtype \|S"),
    "records": (lambda a: a.astype([("value", float)]), r"has dtype \[\('value'"),
    "masked": (lambda a: np.ma.array(a, mask=a == a.flat[0]), "is a masked array"),
    "masked, nothing hidden": (lambda a: np.ma.array(a), "is a masked array"),
    "dask": (da.from_array, "is a dask Array"),
    "sparse matrix": (lambda a: scipy.sparse.csr_matrix(np.atleast_2d(a)), "is a sparse csr_matrix"),
    "sparse array": (lambda a: scipy.sparse.csr_array(np.atleast_2d(a)), "is a sparse csr_array"),
}
# Distributions and weights may be of any real dtype that NumPy computes in.
REFUSED_TARGETS = [what for what in REFUSED if what != "longdouble"]


@in_turn("what", REFUSED)
@each_of(FUNCTIONS)
def test_logits_of_a_refused_dtype(f, what, rng):
    p = problem(f, rng, (6, 5))
    refused, pattern = REFUSED[what]
    first = next(iter(inspect.signature(f.call).parameters))
    p.change(x=refused(p.x)).assert_rejected(TypeError, f"^{first} {pattern}")


@in_turn("what", REFUSED_TARGETS)
@each_of(LOSSES)
def test_targets_and_weights_of_a_refused_dtype(f, what, rng):
    refused, pattern = REFUSED[what]
    for options in f.option_sets:
        p = problem(f, rng, (6, 5), options=options)
        arguments = {name: value for name, value in p.options.items() if isinstance(value, np.ndarray)}
        for name, value in (arguments | {"target": p.target}).items():
            p.change(**{name: refused(value)}).assert_rejected(TypeError, f"^{name} {pattern}")


@each_of(FUNCTIONS)
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

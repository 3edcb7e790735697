"""Hypothesis strategies for the laws: random problems over functions, options, shapes, axes and dtypes."""

import hypothesis.strategies as st
import numpy as np

from tests import table
from tests.problem import problem

# Small enough for many examples, large enough for both kernels; no rows and a single class included.
SHAPES = st.one_of(
    st.tuples(st.integers(0, 70), st.integers(1, 70)),
    st.tuples(st.integers(1, 5), st.integers(65, 300)),
    st.lists(st.integers(1, 5), min_size=1, max_size=5).map(tuple),
    st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 40)),
)
REDUCTIONS = st.sampled_from(table.REDUCTIONS)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def problems(draw, functions, without=(), reductions=REDUCTIONS, shapes=SHAPES):
    """A random problem for one of the functions, from an option set that has none of the options in `without`."""
    f = draw(st.sampled_from(functions))
    options = draw(st.sampled_from([o for o in f.option_sets if not set(without) & set(table.OPTION_SETS[f.kind][o])]))
    shape = draw(shapes)
    axis = draw(st.sampled_from([axis for axis in range(-len(shape), len(shape)) if shape[axis]]))
    dtype = draw(st.sampled_from(table.DTYPES))
    spread = draw(st.sampled_from([0.1, 1.0, 10.0]))
    return problem(f, np.random.default_rng(draw(SEEDS)), shape, axis, dtype, options, draw(reductions), spread)

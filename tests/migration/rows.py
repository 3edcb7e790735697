"""What a row of a migration table is, the arrays that all rows use, and how the code in a row is run."""

import ast
import warnings
from dataclasses import dataclass, field

import numpy as np

SETUP = """\
import numpy as np
import fastxent as fx

# four rows of three classes: logits, probabilities, targets that are distributions
logits = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3], [-1.0, 3.0, 0.0], [0.5, -0.5, 4.0]])
probs = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.25, 0.25, 0.5], [0.0, 0.9, 0.1]])
soft = np.array([[0.8, 0.1, 0.1], [0.2, 0.3, 0.5], [0.1, 0.9, 0.0], [0.4, 0.3, 0.3]])

# the class of each row, and a yes or no for each logit
labels = np.array([0, 2, 1, 0])
answers = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])

class_weight = np.array([1.0, 2.0, 0.5])
sample_weight = np.array([1.0, 2.0, 0.0, 3.0])

# two images of 2 x 4 pixels, the classes on axis 1
images = np.linspace(-2, 2, 48).reshape(2, 3, 2, 4) ** 3
pixels = np.arange(16).reshape(2, 2, 4) % 3
"""


@dataclass(frozen=True)
class Row:
    """One call. Code is a few lines, of which the last is the expression that counts."""

    theirs: str
    ours: str
    difference: str  # in Markdown: what a call does differently, or that nothing is different
    trap: str = ""  # ours as it would be without the difference: another result, or an error
    agrees: bool = True  # False where the difference is the result itself
    definition: str = ""  # for a library that does not install: its result as an expression of NumPy
    by_torch: str = ""  # the same in torch, which the definition is checked with


@dataclass(frozen=True)
class Library:
    """The rows of one page, by the heading they stand under."""

    name: str
    title: str
    packages: tuple[str, ...]  # what it is imported as; none if it does not install
    setup: str = field(repr=False)  # after SETUP: arrays that only its rows use
    imports: str = field(repr=False)  # after them: what needs the library itself
    dtype: type  # in which it computes
    tables: dict[str, tuple[Row, ...]] = field(repr=False)
    language: str = "python"  # of `theirs`

    @property
    def rows(self):
        return [row for table in self.tables.values() for row in table]


def namespace(*setups):
    """The names that the lines of some setups define; what libraries warn of while they are imported is theirs."""
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for setup in setups:
            exec(setup, names)
    return names


def run(code, names, keep=False):
    """The value of the last line, as a list of arrays: one, or those of a tuple. `keep` leaves new names in `names`."""
    body = ast.parse(code).body
    last = ast.Expression(body.pop().value)
    names = names if keep else dict(names)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")
        exec(compile(ast.Module(body, []), code, "exec"), names)
        value = eval(compile(last, code, "eval"), names)
    return [as_array(part) for part in (value if isinstance(value, tuple) else (value,))]


def as_array(value):
    """float64, whatever the library's own arrays are; a tensor may carry its graph."""
    detach = getattr(value, "detach", None)
    return np.asarray(detach() if detach else value).astype(np.float64)


def attempt(code, names):
    """As run does; None if fastxent refuses the call."""
    try:
        return run(code, names)
    except (TypeError, ValueError):
        return None


def close(found, wanted, tolerance, at_scale=True):
    """Whether all results agree to `tolerance`, relative to the entry or, `at_scale`, to the largest of its array."""
    if found is None or [part.shape for part in found] != [part.shape for part in wanted]:
        return False
    return all(
        np.allclose(a, b, rtol=tolerance, atol=tolerance * scale(b) if at_scale else 0, equal_nan=True)
        for a, b in zip(found, wanted, strict=True)
    )


def scale(array):
    return np.abs(array[np.isfinite(array)]).max(initial=0)

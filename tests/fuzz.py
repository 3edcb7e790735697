"""Random calls with hostile arrays: ``python -m tests.fuzz --minutes 2``, which logs the seed of what it does.

Each call is drawn as a snippet of code and then run: one of the table's functions or an adapter's, with random options,
shapes and layouts, its arrays between closed pages, from tests/hostile.py what converts, lies, overlaps and changes.
Such a call has the result of the reference or raises one of Python's usual errors, and writes to its outputs alone.
Where it does not, or the process dies, the snippet becomes a test, ``tests/test_found_SEED.py``, which fails until that
is mended; ``--seed SEED --calls 1`` makes the call again, too.
"""

import argparse
import faulthandler
import mmap
import os
import sys
import time
import traceback
import warnings
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import ml_dtypes
import numpy as np

from tests import hostile
from tests.adapters import ADAPTERS, VOCABULARY
from tests.problem import Problem, problem, unmodified
from tests.snippet import Snippet, run
from tests.table import FUNCTIONS
from tests.ulp import BOTH, assert_ulp

ANY_NUMBER = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, 1e40, np.inf, -np.inf, np.nan)
ANY_LABEL = (0, 1, -1, -100, 2**31, -(2**63), 2**63 - 1)
ANY_DTYPE = ("i1", "u8", "f2", "f4", "g", ">f8", "?", "O", "c16", "M8[s]", "S3")
# fmt: off
ANY_OPTION = (
    "object()", "None", "True", "-1", "0", "1", "2", "3", "-(2**63)", "2**63", "2**64", "-(10**400)", "0.5", "-0.0",
    "1e-320", "1e300", "float('nan')", "float('inf')", "'mean'", "'none'", "b'sum'", "()", "[[]]", "{}", "{0: 1.0}",
    "1j", "Fraction(1, 2)", "Decimal('0.5')", "np.float32(0.5)", "np.int8(-1)", "np.array(0.5)", "np.array([])",
)
# fmt: on
TESTS = Path(__file__).parent
WRITEABLE = ("asarray", "asfortranarray", "strided", "column_slice", "negative_rows", "negative_classes")
PATIENCE = 1800  # seconds until a call counts as one that hangs: the process may be stopped meanwhile
CTYPES = "bBhHiIlLqQfd?"  # the dtypes that ctypes has, too
ROWS = {f.name: f for f in (*FUNCTIONS, *VOCABULARY, *ADAPTERS)}


def draw_shape(rng):
    kind = rng.integers(8)
    if kind == 0:
        return tuple(map(int, rng.integers(1, 5, rng.integers(1, 7))))
    if kind == 1:
        return int(rng.integers(1, 4)), int(rng.integers(200, 3000))
    if kind == 2:
        return int(rng.integers(0, 3000)), int(rng.integers(1, 24))
    if kind == 3:  # none of something
        return tuple(map(int, rng.integers(0, 4, rng.integers(1, 5))))
    if kind == 4:  # as many axes as NumPy has, and as it had
        shape = [1] * int(rng.choice([31, 32, 33, 64]))
        shape[rng.integers(len(shape))] = int(rng.integers(1, 40))
        shape[rng.integers(len(shape))] = int(rng.integers(1, 40))
        return tuple(shape)
    return int(rng.integers(0, 200)), int(rng.integers(1, 300))


def draw(rng, dtypes):
    """A valid problem in a random place, unless there are no classes."""
    f = list(ROWS.values())[rng.integers(len(ROWS))]
    shape, dtype = draw_shape(rng), np.dtype(dtypes[rng.integers(len(dtypes))])
    reduction = ("none", "sum", "mean")[rng.integers(3)]
    if f.kind in ("linear", "statistics"):
        return draw_vocabulary(rng, f, dtype, reduction)
    options = f.option_sets[rng.integers(len(f.option_sets))]
    if f in ADAPTERS:
        flat = f.name in ("BinomialLoss", "sigmoid_objective", "focal_objective")
        shape = (int(rng.integers(2, 3000)),) if flat else (int(rng.integers(2, 300)), int(rng.integers(3, 40)))
        options = "sample_weight" if f.takes("sample_weight") else ""
    elif f.kind == "information" and 0 in shape:  # probabilities of no class do not add up to 1
        shape = (0, 3)
    any_axis = rng.random() < 0.3 and f not in ADAPTERS and (f.kind != "information" or 0 not in shape)
    axis = int(rng.integers(-len(shape), len(shape))) if any_axis else -1
    p = problem(f, rng, shape, axis, dtype, options, reduction, rng.choice([0.1, 1, 5]))
    if f in ADAPTERS and "sample_weight" in p.options:
        p.options["sample_weight"][0] = 1  # without any weight scikit-learn raises
    if f.takes("n_threads"):
        p = p.change(n_threads=(1, 2, 3, None)[rng.integers(4)])
    if f.takes("keepdims"):
        p = p.change(keepdims=bool(rng.integers(2)))
    if f.name in ("log_loss", "d2_log_loss_score", "MultinomialLogisticLoss"):
        return p.change(x=p.x / p.x.sum(-1, keepdims=True))
    return repetitive(rng, p) if f.kind != "information" and f not in ADAPTERS and p.x.size else p


def repetitive(rng, p):
    """Now and then the same numbers again along an axis, or those of the row before."""
    x, kind = p.x, rng.integers(8)
    if kind == 0:
        x = np.repeat(x.take([0], axis := int(rng.integers(x.ndim))), x.shape[axis], axis)
    elif kind == 1 and x.ndim == 2:
        flat = np.concatenate([x[0], x[1:, -1]])
        x = flat[np.add.outer(*map(np.arange, x.shape))]
    return p.change(x=x)


def draw_vocabulary(rng, f, dtype, reduction):
    """Small whole numbers, whose products are exact, so that ranks are."""
    n, classes, features = (int(rng.integers(1, most)) for most in (60, 400, 6))
    hidden, weight = (rng.integers(-3, 4, (rows, features)).astype(dtype) for rows in (n, classes))
    target, options = rng.integers(0, classes, n), {"n_threads": int(rng.integers(1, 4))}
    if f.kind == "statistics":
        return Problem(f, rng.normal(0, 2, (n, classes)).astype(dtype), target, options)
    options |= {"weight": weight, "bias": rng.integers(-3, 4, classes).astype(dtype)}
    drawn = {
        "class_weight": rng.uniform(0.25, 2, classes).astype(dtype),
        "sample_weight": rng.uniform(0.25, 2, n).astype(dtype),
        "label_smoothing": 0.125,
        "z_loss": 0.03125,
        "softcap": 30.0,
        "chunk_rows": int(rng.integers(1, 70)),
        "grad_output": 1.5,
    }
    options |= {name: value for name, value in drawn.items() if f.takes(name) and rng.random() < 0.3}
    if f.takes("reduction"):
        options["reduction"] = "sum" if reduction == "none" else reduction
    return Problem(f, hidden, target, options)


def arrays_of(p):
    options = {name: value for name, value in p.options.items() if isinstance(value, np.ndarray)}
    return options | {"x": p.x} | ({} if p.target is None else {"target": p.target})


def spoiled(rng, p):
    """The problem with any numbers in some places, or other dtypes."""
    for name, array in arrays_of(p).items():
        if rng.random() < 0.5:
            continue
        values = ANY_LABEL if array.dtype.kind in "iu" else ANY_NUMBER
        dtype = array.dtype if rng.random() < 0.6 else ANY_DTYPE[rng.integers(len(ANY_DTYPE))]
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            array = np.where(rng.random(array.shape) < 0.1, rng.choice(values, array.shape), array)
            p = p.change(**{name: array.astype(dtype)})
    return p


def a_place(rng, array, names=tuple(hostile.PLACES)):
    """The name of a layout that this array can have: twice as long in 32 axes there is not memory for."""
    place = names[rng.integers(len(names))]
    impossible = (array.ndim > 12 and "strided" in place) or (place == "of_ctypes" and array.dtype.char not in CTYPES)
    impossible = impossible or not array.ndim
    return "asarray" if impossible else place


def placed(rng, name, array, most):
    """Code for the same numbers in another layout, between closed pages, or in a subclass that lies."""
    place = a_place(rng, array) if rng.random() < 0.7 else "asarray"
    code = f"fenced(PLACES[{place!r}]({name}), first={bool(rng.integers(2))})"
    kind = rng.integers(8)
    return f"{code}.view({('Own', 'Liar')[kind]})" if kind < most else code


def action(rng, arrays):
    """Code for what happens to one of them."""
    name = list(arrays)[rng.integers(len(arrays))]
    array, kind = arrays[name], rng.integers(6)
    shapes = [(1,), (2, 3), array.shape[::-1], (array.size + 7,), (0,)]
    if kind == 3:
        return f"overwritten({name}, {ANY_LABEL[rng.integers(len(ANY_LABEL))]})"
    if kind == 4:
        other = f"of_dtype({name}, {f'V{array.itemsize}'!r}, {array.dtype.str!r})"
        return other if rng.random() < 0.5 else f"again({name})"
    return "raising" if kind == 5 else f"resized({name}, {shapes[rng.integers(len(shapes))]})"


def drawn(seed):
    """The snippet of a seed."""
    rng = np.random.default_rng(seed)
    kinds = ("right", "overlapping", "numbers", "options", "converted", "threads")
    kind = kinds[rng.integers(len(kinds))]
    floats = (np.float32, np.float64)
    p = draw(rng, floats if kind in ("right", "overlapping") else (*floats, np.float16, ml_dtypes.bfloat16))
    if kind == "numbers":
        p = spoiled(rng, p)
    snippet = Snippet()
    arrays = {name: np.array(array, order="C") for name, array in arrays_of(p).items()}
    for name, array in arrays.items():
        snippet.array(name, array)
    scalars = {name: value for name, value in p.options.items() if name not in arrays}
    options = [f"{name!r}: {name if name in arrays else repr(value)}" for name, value in p.options.items()]
    target = "target" if p.target is not None else None
    snippet.line(f"p = Problem(ROWS[{p.function.name!r}], x, {target}, {{{', '.join(options)}}})")
    if kind == "overlapping":
        snippet.line(f"overlapping(p, {rng.integers(0, 2 * max(p.x.shape[-1], 1) + 1)})")
        return snippet
    changes, before = {}, ""
    if kind in ("right", "numbers", "options"):
        changes = {name: placed(rng, name, arrays[name], 1 if kind == "right" else 2) for name in arrays}
    if kind == "options":
        names = [name for name in p.function.options if name not in ("out", "hess_out")] or [*arrays]
        for name in rng.choice(names, rng.integers(1, 3)):
            changes[str(name)] = ANY_OPTION[rng.integers(len(ANY_OPTION))]
    elif kind == "converted":
        name = [*arrays, *scalars][rng.integers(len(arrays) + len(scalars))]
        value = name if name in arrays else repr(scalars[name])
        changes = {name: f"Converted({value}, {action(rng, arrays)})"}
    elif kind == "threads":
        acts = (action(rng, arrays) for _ in range(3))
        before = f"with disturbed({', '.join(act for act in acts if act != 'raising')}): "
    snippet.line(f"q = p.change({', '.join(f'{name}={code}' for name, code in changes.items())})")
    outs = outputs(rng, p, kind == "right") if rng.random() < 0.5 else {}
    snippet.line(f"outs = {{{', '.join(f'{name!r}: {code}' for name, code in outs.items())}}}")
    snippet.line(f"{before}{'right' if kind == 'right' else 'usual'}(p, q, outs)")
    return snippet


def outputs(rng, p, usual):
    """Code for outputs that are written beside nowhere, of those layouts or dtypes that have to do if `usual`."""
    dtypes = (p.x.dtype.str if p.x.dtype.kind == "f" else "f4",) if usual else ("f2", "f4", "f8", ">f4", "i4")
    codes = {}
    for name in p.function.array_results:
        dtype, shape = dtypes[rng.integers(len(dtypes))], p.x.shape if usual or rng.random() < 0.9 else p.x.shape[::-1]
        place = a_place(rng, np.empty(shape, dtype), WRITEABLE if usual else tuple(hostile.PLACES))
        codes[name] = f"between_pages(PLACES[{place!r}](np.zeros({shape}, {dtype!r})), {bool(rng.integers(2))})"
    return codes


def right(p, q, outs):
    """The result of the reference, and nothing is written but outputs."""
    given = {name: out.array for name, out in outs.items()}
    with unmodified(q.args, q.options):
        if p.x.ndim and 0 in p.x.shape:
            usual(p, q, outs)
            return
        with warnings.catch_warnings():  # scikit-learn takes float32 of swapped bytes for float64
            warnings.filterwarnings("ignore", "The y_prob values do not sum to one")
            got = q.run(**given)
    assert all(out.intact for out in outs.values()), "written beside an output"
    compare(p, got)


def compare(p, got):
    if p.function.kind in ("linear", "statistics") or p.function in ADAPTERS:
        for name, want in p.expected().items():
            parts = zip(*((v if isinstance(v, tuple) else (v,)) for v in (got[name], want)), strict=True)
            for one, other in parts:
                size = np.maximum(np.abs(other), np.abs(other).max(initial=1.0))
                assert_ulp(one, other, 100, np.float32 if p.x.dtype == np.float32 else np.float64, size, name)
    elif p.x.size <= 20_000 and p.x.shape[p.axis] > 1:  # of one class the reference's roundings are all there is
        p.assert_close(got, p.expected(), BOTH)


def overlapping(p, shift):
    """An output over the logits, moved by some entries: the same result, or an error before anything is written."""
    if not p.function.takes("out"):
        return
    whole = np.concatenate([np.ravel(p.x), np.zeros(shift, p.x.dtype)])
    x, out = (whole[start:][: p.x.size].reshape(p.x.shape) for start in (0, shift))
    before = whole.tobytes()
    try:
        got = p.change(x=x).run(out=out)
    except ValueError:
        assert whole.tobytes() == before, "an error after something was written"
    else:
        compare(p, got)


def usual(_, q, outs):
    hostile.usual(q.run, *outs.values(), **{name: out.array for name, out in outs.items()})


NAMES = vars(hostile) | {
    "np": np,
    "Problem": Problem,
    "Fraction": Fraction,
    "Decimal": Decimal,
    "ROWS": ROWS,
    "right": right,
    "overlapping": overlapping,
    "usual": usual,
}


def calls(first, most, end, current):
    """Make them; `current` has the seed of each in turn."""
    seed = first
    while seed - first < most and time.monotonic() < end:
        current[0] = seed
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        snippet = drawn(seed)
        run(snippet.code, snippet.arrays, NAMES)
        seed += 1
    faulthandler.cancel_dump_traceback_later()
    print(f"{seed - first} calls", flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--calls", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--into", type=Path, default=TESTS, help="the folder for what is found")
    arguments = parser.parse_args(arguments)
    first = time.time_ns() % 2**40 if arguments.seed is None else arguments.seed
    print(f"seeds from {first} on", flush=True)
    current = np.frombuffer(mmap.mmap(-1, mmap.PAGESIZE), np.int64)  # shared with the child
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            calls(first, arguments.calls, time.monotonic() + 60 * arguments.minutes, current)
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        seed = int(current[0])
        how = f"ended by signal {-code}" if code < 0 else "an error, or a call without end"
        path = arguments.into / f"test_found_{seed}.py"
        path.write_text(drawn(seed).test(f"seed_{seed}", f"Found by make fuzz: {how}."))
        sys.exit(f"seed {seed}: {how}; {path} makes the call")


if __name__ == "__main__":
    main()

"""`python -m tests.accuracy`: the largest error of every function, beside other libraries' on the same inputs.

exact_cases.py has the inputs, test_exactness.py asserts the bounds with the measuring functions of this file.
"""

import sys
import time
from importlib.metadata import version

import numpy as np

import fastxent
from fastxent import _isa
from tests import elementwise, oracle, peers
from tests.exact_cases import CASES, activations, information, truth
from tests.table import DTYPES, FUNCTIONS

LAYOUTS = ("classes last", "classes first")
HEADER = """\
fastxent {fastxent}, build {build}; Python {python}, {packages}
Largest error in ulp of the dtype, at the real value, or at the size of the terms where it is a sum of both signs
("options": weights, label smoothing, z-loss, distributions, infogain). An error of 1e+07 or 8e+15 is a result without
one right digit, such as 0 for 2e-9.
"""


def measure(f, call, case, dtype, layout=LAYOUTS[0]):
    """The largest error in ulp of each result of `call`, which is the function `f` or a stand-in for it."""
    x, target, options = case.inputs(dtype)
    if f.kind == "activation":
        (found,) = run(call, x, None, {}, layout)
        return {f.name: largest_error(f.name, found, activations(case, dtype), case, dtype)}
    if f.kind == "information":
        (found,) = run(call, x, target if f.operands == 2 else None, {}, layout)
        return {f.name: largest_error(f.name, found, information(case, dtype), case, dtype)}
    real = truth(case, dtype)
    found = run(call, x, target, options | {"reduction": "none"}, layout)
    errors = {name: largest_error(name, got, real, case, dtype) for name, got in zip(f.gives, found, strict=True)}
    if f.gives == ("loss",):
        (total,) = run(call, x, target, options | {"reduction": "sum"}, layout)
        size = oracle.total(loss_terms(real)).high
        errors["sum"] = float(oracle.ulps_off(total, oracle.total(real.loss), dtype, size))
    return errors


def run(call, x, target, options, layout):
    """The results as a tuple, rows first. Classes first: in at least 16 rows, which lie side by side in memory."""
    rows = len(x)
    if layout == "classes first":
        repeats = -(-16 // rows)
        x = np.ascontiguousarray(np.tile(x.T, repeats))
        target = None if target is None else np.tile(target.T, repeats)
        options = options | {"axis": 0}
        if options.get("reduction") == "sum":
            options["sample_weight"] = (np.arange(rows * repeats) < rows).astype(float)
    found = call(x, **options) if target is None else call(x, target, **options)
    found = found if isinstance(found, tuple) else (found,)
    return found if layout == "classes last" else tuple(rows_first(value, rows) for value in found)


def rows_first(value, rows):
    return np.transpose(value)[:rows] if np.ndim(value) else value


def largest_error(name, got, real, case, dtype):
    """The largest error of one result; the size of its terms counts where it is a sum of terms of both signs."""
    scale = None
    if name == "logsumexp":
        scale = real.lse_terms.high
    elif case.kind == "information":
        scale = getattr(real, f"{name}_terms").high
    elif name == "loss":
        scale = loss_terms(real).high
    elif name == "grad" and not case.one_product:
        scale = real.grad_terms.high
    elif name == "hess":
        scale = real.hess_terms.high
    return float(oracle.ulps_off(got, getattr(real, name), dtype, scale).max())


def loss_terms(real):
    """The size of the terms of the losses, which is their own but for the z-loss."""
    return getattr(real, "loss_terms", real.loss)


def functions(case):
    plain_softmax = case.kind == "softmax" and not case.options and case.gamma is None
    kinds = {case.kind, "activation"} if plain_softmax else {case.kind}
    return [f for f in FUNCTIONS if f.kind in kinds and f.focal == (case.gamma is not None)]


def layouts(case):
    """A sigmoid has no classes."""
    return LAYOUTS[:1] if case.kind == "sigmoid" else LAYOUTS


def calls(f, case):
    """(library, its version of `f`, layout) for this case."""
    yield from (("fastxent", f.call, layout) for layout in layouts(case))
    if not case.options:
        yield from ((library, calls[f.name], LAYOUTS[0]) for library, calls in peers.PEERS.items() if f.name in calls)


def largest_errors():
    """{row of the table: {(dtype, library): error}}."""
    errors = {}
    for dtype in DTYPES:
        for case in CASES:
            for f in functions(case):
                for library, call, layout in calls(f, case):
                    for name, error in measure(f, call, case, dtype, layout).items():
                        result = name if name == f.name else f"{f.loss_only}: {name}"
                        result += "" if case.gamma is None else f", gamma {case.gamma:g}"
                        row = errors.setdefault(result + (" with options" if case.options else ""), {})
                        row[dtype, library] = max(error, row.get((dtype, library), 0.0))
    for name in elementwise.NAMES:
        errors[f"kernels: {name}"] = elementwise_errors(name)
    return errors


def elementwise_errors(name):
    """{(dtype, library): error} of exp, log or log1p; long double must be wider than float64 to tell."""
    row = {}
    for dtype in DTYPES if np.finfo(np.longdouble).nmant >= 63 else DTYPES[:1]:
        x = elementwise.arguments(name, dtype, 400_000)
        want = elementwise.real(name, x)
        for library, got in {"fastxent": elementwise.compiled(name, x), "NumPy": getattr(np, name)(x)}.items():
            row[dtype, library] = float(oracle.ulps_off(got, want, dtype).max())
    return row


def text(error):
    return "" if error is None else f"{error:.2f}" if error < 1000 else f"{error:.0e}"


def main():
    start = time.perf_counter()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", *peers.PACKAGES))
    python = sys.version.split()[0]
    print(HEADER.format(fastxent=fastxent.__version__, build=_isa.build, python=python, packages=packages))
    columns = [(dtype, library) for dtype in DTYPES for library in ("fastxent", *peers.PEERS)]
    print(f"{'':42}" + "".join(f"{dtype.__name__:14}" for dtype, _ in columns))
    print(f"{'':42}" + "".join(f"{library:14}" for _, library in columns))
    for result, row in sorted(largest_errors().items()):
        print(f"{result:42}" + "".join(f"{text(row.get(column)):14}" for column in columns))
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()

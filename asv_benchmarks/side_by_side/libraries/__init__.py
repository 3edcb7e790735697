"""One small file per library: how its fastest public calls solve a problem.

Each file has a function per operation it knows (softmax, sigmoid, clamped, log_softmax, information). It takes a
problem and the number of threads, prepares the inputs in the library's own types, and returns calls without arguments
by kind of work: "loss" returns (loss, None), "loss + gradient" returns (loss, gradient), and "log_softmax", "entropy",
"cross entropy" and "divergence" return (None, values).
Half precision is for those that say KNOWS_HALF.
Text after a comma names a variant of the same work, such as "loss + gradient, in place". Losses are means, with their
gradients; a library that returns one loss per row, with the gradient of the sum, is taken as it is.
"""

import importlib
from importlib.util import find_spec
from types import ModuleType

# shown name: (file here, what must be installed)
LIBRARIES = {
    "fastxent": ("fastxent_calls", ["fastxent"]),
    "numpy": ("numpy_formula", ["numpy"]),
    "scipy": ("scipy_special", ["scipy"]),
    "sklearn": ("scikit_learn", ["sklearn"]),
    "torch": ("pytorch", ["torch"]),
    "jax": ("jax_jit", ["jax"]),
    "optax": ("optax_losses", ["jax", "optax"]),
    "tensorflow": ("tensorflow_op", ["tensorflow"]),
    "limits": ("limits", ["numpy"]),
}


def installed(name: str) -> bool:
    """Whether everything that this library's file imports is there."""
    return all(find_spec(module) is not None for module in LIBRARIES[name][1])


def load(name: str) -> ModuleType:
    """The file of calls for a library; imports the library itself."""
    return importlib.import_module(f"{__name__}.{LIBRARIES[name][0]}")

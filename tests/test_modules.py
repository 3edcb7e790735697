"""The package's modules are attributes of it, and imported when they are asked for."""

import pkgutil
from importlib.util import find_spec

import pytest

import fastxent
from tests.interpreter import interpreted

MODULES = sorted(module.name for module in pkgutil.iter_modules(fastxent.__path__) if not module.name.startswith("_"))
MISSING = [] if find_spec("torch") else ["torch"]  # which make test does not install


def test_a_module_is_there_without_an_import_of_its_own():
    program = "\n".join(
        [
            "import inspect, sys, fastxent as fx",
            f"modules = {MODULES!r}",
            "before = [name for name in modules if 'fastxent.' + name in sys.modules]",
            "assert not before, before",
            f"there = [name for name in modules if name not in {MISSING!r}]",
            "assert set(there) <= set(dir(fx)) and not set(modules) - set(there) & set(dir(fx))",
            "assert inspect.getmembers(fx)",
            "assert all(getattr(fx, name).__name__ == 'fastxent.' + name for name in there)",
        ]
    )
    done = interpreted(program)
    assert done.returncode == 0, done.stderr


def test_nothing_large_is_imported_with_the_package():
    large = {"dask", "pandas", "scipy", "sklearn"}
    program = f"import sys, fastxent; print({{name.partition('.')[0] for name in sys.modules}} & {large})"
    assert interpreted(program).stdout == "set()\n"


@pytest.mark.parametrize(
    ("module", "library", "named"), [("sklearn", "sklearn", "scikit-learn"), ("dask", "dask.array", "dask")]
)
def test_a_module_whose_library_is_missing_names_the_extra(module, library, named):
    done = interpreted(f"import sys; sys.modules[{library!r}] = None\nimport fastxent as fx; fx.{module}")
    assert done.stderr.endswith(f"ImportError: fastxent.{module} needs {named}: pip install fastxent[{module}]\n")


def test_a_torch_that_is_too_old_is_named():
    program = "import sys, types; sys.modules['torch'] = types.SimpleNamespace(nn=None, __version__='2.8.0')"
    done = interpreted(f"{program}\nimport fastxent.torch")
    assert "ImportError: fastxent.torch needs torch 2.13 or newer, but 2.8.0 is installed: pip" in done.stderr


def test_other_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'fastxent' has no attribute 'focal'"):
        fastxent.focal  # noqa: B018

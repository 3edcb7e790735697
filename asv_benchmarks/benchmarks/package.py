"""What fastxent costs before anything is computed: the time to import it, and its size."""

import importlib
import io
import pkgutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import fastxent

from . import turns

ROOT = Path(fastxent.__file__).parent
PUBLIC = [f"fastxent.{module.name}" for module in pkgutil.iter_modules([ROOT]) if not module.name.startswith("_")]
MODULES = ["numpy", "fastxent", *PUBLIC]
# not what a compiler or an editor may have left beside them
INSTALLED = {".py", ".pyi", ".typed", ".so", ".pyd"}


def cpu_seconds_of_children():
    import resource  # which Windows does not have

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Import:
    """In a fresh interpreter, to which numpy shows how much of it is NumPy's."""

    params = MODULES
    param_names = ("module",)

    def setup(self, module):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise NotImplementedError(f"{module} needs more than is installed") from error

    def timeraw_import(self, module):
        return f"import {module}"

    timeraw_import.pretty_name = "import: time"


class ImportOverNumPy:
    """The start of an interpreter that imports fastxent over that of one that imports NumPy."""

    unit = turns.UNIT

    def track_ratio(self):
        turns.on_one_core()
        own, numpy = (
            partial(subprocess.run, [sys.executable, "-c", f"import {module}"], check=True)
            for module in ("fastxent", "numpy")
        )
        return turns.ratio(own, numpy, clock=cpu_seconds_of_children)

    track_ratio.pretty_name = "import: time over that of NumPy"


class Size:
    """The package's files, as they are installed and as they are packed into a wheel."""

    params = ("installed", "wheel")
    param_names = ("form",)
    unit = "bytes"

    def track_size(self, form):
        files = sorted(path for path in ROOT.rglob("*") if path.suffix in INSTALLED)
        if form == "installed":
            return sum(path.stat().st_size for path in files)
        wheel = io.BytesIO()
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(ROOT.parent))
        return wheel.getbuffer().nbytes

    track_size.pretty_name = "size of the package"

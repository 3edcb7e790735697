"""What is installed, and what of it runs here."""

from __future__ import annotations

import platform

import numpy as np

from fastxent import _isa, _threads


def show_config() -> None:
    """Print which build of the kernels runs and why, and how many threads large calls use.

    On x86-64 the kernels are compiled for the levels x86-64-v2 (``base``), x86-64-v3 (``v3``, with AVX2) and x86-64-v4
    (``v4``, with AVX-512). The best that the processor and its operating system can run is chosen when fastxent is
    imported. The environment variable ``FASTXENT_ISA``, set to one of the three names, overrides that; the import fails
    if that build cannot run.

    See Also
    --------
    get_num_threads : The number of threads, and where it comes from.

    Examples
    --------
    >>> fx.show_config()  # doctest: +SKIP
    fastxent 0.1.0, NumPy 2.4.6, Python 3.11.7
    build    v4 of base, v3, v4 (the best that can run here)
    threads  2
    """
    import fastxent  # not at the top: it imports this module

    print(f"fastxent {fastxent.__version__}, NumPy {np.__version__}, Python {platform.python_version()}")
    print(f"build    {_isa.build} of {', '.join(_isa.available)} ({_isa.reason})")
    print(f"threads  {_threads.get_num_threads()}")

"""The table of extension modules: one kernel source, built once per x86-64 level. The rest is in pyproject.toml."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from time import monotonic

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# What is compiled for, which need not be what compiles; "universal2" on macOS is two processors at once.
PLATFORM = sysconfig.get_platform()
X86_64 = PLATFORM.endswith(("-x86_64", "-amd64"))

# What of these a compiler does not know is left out: GCC, clang and Apple's clang each know a few of their own.
# Never -ffast-math or -fassociative-math: they rewrite (x - n*hi) - n*lo and ruin the range reduction of exp.
COMMON = [
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    # GCC makes a function of its own for constant arguments, as in arrays/transpose.pxd, until the module has grown by
    # 10 %: without them transposed panels took 1.3 to 1.4 times as long
    "--param=ipa-cp-unit-growth=60",
    "--param=max-completely-peeled-insns=400",  # the loops over classes in softmax/few.pxd, or it has no vectors
    "-fno-tree-loop-distribute-patterns",  # a loop that copies a block is not to become a call or a slow "rep movs"
    "-fwrapv",
    "-falign-loops=32",  # gradients of rows took 1.04 of the time where a short one lay across two lines of code
    "-g0",
    "-Wno-maybe-uninitialized",
    "-Wno-sign-compare",  # of an int and an enum, in C that Cython wrote
]
# Threads may have a stack of 64 KiB, of which the largest frame takes half: see frames.pxd. Where one is larger, builds
# say so, and in CI those of the working tree fail.
FRAME = "frame-larger-than=32768"
# What a build has in place of COMMON for tools/sanitize, beside the sanitizers that FASTXENT_SANITIZE names.
SANITIZE = os.environ.get("FASTXENT_SANITIZE", "")
SANITIZED = [
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-ffp-contract=fast",
    "-fno-wrapv",
    f"-fsanitize={SANITIZE}",
    "-fno-sanitize-recover=undefined",  # which would go on otherwise
    "-Wno-maybe-uninitialized",
    "-Wno-sign-compare",
]
BUILDS = {
    "base": ["-march=x86-64-v2"] if X86_64 else [],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
TRANSLATING = Lock()  # Cython is not made for threads; it would not gain by them either
LAST_OF_C = b"#endif /* Py_PYTHON_H */"  # what Cython writes last: a file without it was broken off
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": False,
    "freethreading_compatible": True,  # the import leaves the GIL off, where there is a choice
}


class BuildKernels(build_ext):
    """Gives each module the flags of its build in the compiler's own dialect, and builds them side by side."""

    def finalize_options(self) -> None:
        """Compile on all processors, unless told how many."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        """As setuptools does it, which says no more that a build is in place once it has begun."""
        self.of_tree = bool(self.inplace or self.editable_mode)
        super().run()

    def build_extensions(self) -> None:
        """Compile what this compiler can: a flag that it does not know is left out, and so is a level's whole build."""
        if self.compiler.compiler_type == "msvc":
            common, builds = ["/O2", "/fp:precise"], {"base": []}
        else:
            if missing := self.missing():
                what, packages = missing
                sys.exit(f"fastxent is compiled with {what}; on Debian or Ubuntu, run: sudo apt-get install {packages}")
            frame = "-Werror=" if self.of_tree and "CI" in os.environ else "-W"
            wanted = SANITIZED if SANITIZE else [*COMMON, frame + FRAME]
            common = [flag for flag in wanted if self.knows(flag)] + os.environ.get("FASTXENT_CFLAGS", "").split()
            for ext in self.extensions if SANITIZE else []:
                ext.extra_link_args = [f"-fsanitize={SANITIZE}"]
            builds = {name: flags for name, flags in BUILDS.items() if all(map(self.knows, flags))}
            builds.setdefault("base", [])
        for ext in list(self.extensions):
            name = ext.name.rpartition(".")[2]
            ext.extra_compile_args = common + builds.get(name, [])
            if name in BUILDS and name not in builds:
                self.warn(f"the compiler does not know {' '.join(BUILDS[name])}: fastxent has no build {name} here")
                self.extensions.remove(ext)
        if self.compiler.compiler_type != "msvc":
            self.compiler.link_shared_object = partial(link_whole, self.compiler.link_shared_object)
        super().build_extensions()

    def translate(self, ext: Extension) -> None:
        """Cython's part of the work, of what has changed, while others are compiled: its source is C from here on."""
        translated = Path(ext.sources[0]).with_suffix(".c")
        if translated.exists() and not translated.read_bytes().rstrip().endswith(LAST_OF_C):
            translated.unlink()
        before, start = modified(translated), monotonic()
        annotate = "FASTXENT_ANNOTATE" in os.environ
        (made,) = cythonize(ext, compiler_directives=DIRECTIVES, annotate=annotate, quiet=True)
        ext.sources = made.sources
        if modified(Path(ext.sources[0])) != before:
            print(f"{ext.name} is C after {monotonic() - start:.0f} s", flush=True)

    def build_extension(self, ext: Extension) -> None:
        """Translate and compile, and say so; an editable installation takes what the tree has, if it is up to date."""
        built = Path(self.get_ext_fullpath(ext.name))
        in_tree = Path(*ext.name.split(".")).with_name(built.name)
        if self.editable_mode and in_tree.exists() and not built.exists():
            built.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(in_tree, built)
        with TRANSLATING:
            self.translate(ext)
        before, start = modified(built), monotonic()
        super().build_extension(ext)
        if modified(built) != before:
            print(f"{ext.name} is compiled after {monotonic() - start:.0f} s", flush=True)

    def copy_extensions_to_source(self) -> None:
        """Copy whatever is there already: a copy that was broken off is newer than what it is of."""
        self.force = True
        super().copy_extensions_to_source()

    def missing(self) -> tuple[str, str] | None:
        """What is not here of the compiler and its headers, and what Debian calls it."""
        if not shutil.which(compiler := self.compiler.compiler_so[0]):
            return f"a C compiler, and {compiler} is not here", "gcc libc6-dev python3-dev"
        folders = [f"-I{folder}" for folder in self.include_dirs]
        for header, package in {"stdlib.h": "libc6-dev", "Python.h": "python3-dev"}.items():
            if self.answer(*folders, source=f"#include <{header}>\n")[0]:
                return f"{header}, which {compiler} does not find", package
        return None

    def knows(self, flag: str) -> bool:
        """Whether the compiler takes this flag without a word more than it says anyway."""
        return self.answer(flag) == self.answer()

    def answer(self, *flags: str, source: str = "") -> tuple[int, bytes]:
        """What the compiler makes of a file, an empty one by default: whether it fails, and its messages."""
        command = [*self.compiler.compiler_so, *flags, "-fsyntax-only", "-x", "c", "-"]
        done = subprocess.run(command, input=source.encode(), capture_output=True)
        return done.returncode, done.stderr


def link_whole(link: Callable[..., None], objects: list[str], output: str, *args: object, **options: object) -> None:
    """Link a module elsewhere first: where it belongs there is a whole one or none, even if this is broken off."""
    link(objects, f"{output}.part", *args, **options)
    os.replace(f"{output}.part", output)


def modified(path: Path) -> int | None:
    """When a file was last written, None if it is not there."""
    return path.stat().st_mtime_ns if path.exists() else None


def extensions() -> list[Extension]:
    """The helpers at the compiler's baseline; the kernels once, and on x86-64 once more for each further level.

    FASTXENT_BUILDS names those of them that are wanted, where not all are.
    """
    builds = list(BUILDS) if X86_64 and not PLATFORM.startswith("win") else ["base"]
    chosen = os.environ.get("FASTXENT_BUILDS", " ".join(builds)).split()
    if not chosen or set(chosen) - set(builds):
        sys.exit(f"FASTXENT_BUILDS = {' '.join(chosen)!r}, but the builds that can be made here are {' '.join(builds)}")
    names = [*reversed(chosen), "door", "linear", "job", "cpu", "ways"]  # begun in this order: the slowest first
    return [
        Extension(
            f"fastxent._kernels.{name}",
            [f"fastxent/_kernels/{name}.pyx"],
            include_dirs=[numpy.get_include()] if name in ("door", "linear") else [],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
            depends=["setup.py"],  # which has the flags
        )
        for name in names
    ]


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildKernels})

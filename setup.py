"""The table of extension modules: one kernel source, built once per x86-64 level. The rest is in pyproject.toml."""

import os
import platform
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

X86_64 = platform.machine().lower() in {"x86_64", "amd64"} and "ARCHFLAGS" not in os.environ

# Never -ffast-math or -fassociative-math: they rewrite (x - n*hi) - n*lo and ruin the range reduction of exp.
COMMON = [
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fno-tree-loop-distribute-patterns",  # a loop that copies a block is not to become a call or a slow "rep movs"
    "-fwrapv",
    "-g0",
    "-Wno-maybe-uninitialized",
]
BUILDS = {
    "base": ["-march=x86-64-v2"] if X86_64 else [],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": False,
}


class BuildKernels(build_ext):
    """Gives each module the flags of its build in the compiler's own dialect, and builds them side by side."""

    def finalize_options(self) -> None:
        """Compile on all processors, unless told how many."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extension(self, ext: Extension) -> None:
        """Compile one module with its flags."""
        if self.compiler.compiler_type == "msvc":
            ext.extra_compile_args = ["/O2", "/fp:precise"]
        else:
            ext.extra_compile_args = COMMON + BUILDS.get(ext.name.rpartition(".")[2], [])
        super().build_extension(ext)


def extensions() -> list[Extension]:
    """The helpers at the compiler's baseline; the kernels once per level where the compiler knows GCC's flags."""
    names = ["cpu", "job", "operand", "target", "base"]
    if X86_64 and sys.platform != "win32":
        names += ["v3", "v4"]
    return [Extension(f"fastxent._kernels.{name}", [f"fastxent/_kernels/{name}.pyx"]) for name in names]


setup(
    ext_modules=cythonize(extensions(), compiler_directives=DIRECTIVES, annotate="FASTXENT_ANNOTATE" in os.environ),
    cmdclass={"build_ext": BuildKernels},
)

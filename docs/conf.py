"""How Sphinx builds the documentation: MyST pages, and the API reference from the numpydoc docstrings."""

import importlib
import inspect
import os
import pkgutil
import sys
from pathlib import Path

from sphinx.ext.autodoc.mock import mock

import fastxent

# the directives and the figures; the tables and the peers that the tests have
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

project = "fastxent"
author = "fastxent developers"
project_copyright = "2026, fastxent developers"
release = version = fastxent.__version__

extensions = [
    "counted",
    "dashboard",
    "directives",
    "line_breaks",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",  # links to the source
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",  # the pages carry MathJax with them and are readable without a network
]
exclude_patterns = ["_build", "benchmarks/*.md"]  # the tables are part of the page benchmarks
templates_path = ["_templates"]
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

os.environ["TQDM_DISABLE"] = "1"  # no progress in what examples print
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "generated/examples",
    "filename_pattern": r"^(?!.*/language_model\.py$)",  # all of them run, but what needs torch
    "abort_on_example_error": True,
    "default_thumb_file": str(Path(__file__).with_name("_static") / "mark.svg"),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}
suppress_warnings = ["sphinx_gallery.space_in_filename"]  # of directories above the pages, which are in no link
copybutton_prompt_text = r">>> |\.\.\. "  # which a copy leaves out, and what is printed with it
copybutton_prompt_is_regexp = True

autosummary_generate = True
highlight_language = "none"  # of blocks that name no language: commands, trees
default_role = "py:obj"  # `name` in a docstring is a link where there is such a name
autodoc_mock_imports = ["torch"]  # which is large, and of which the pages need no more than signatures
autodoc_typehints = "none"  # the docstrings say more than the annotations do
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"fastxent {release}"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_favicon = html_logo = "_static/mark.svg"
html_theme_options = {"top_of_page_buttons": []}


def described_names():
    """Parameters of the public functions and methods, and the members of the public classes."""
    names = [module.name for module in pkgutil.iter_modules(fastxent.__path__) if not module.name.startswith("_")]
    with mock(autodoc_mock_imports):
        modules = [importlib.import_module(f"fastxent.{name}") for name in names]
    for module in (fastxent, *modules):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            members = inspect.getmembers(value) if inspect.isclass(value) else []
            members = {key: one for key, one in members if not key.startswith("_")}
            yield from members
            for function in filter(callable, (value, *members.values())):
                yield from inspect.signature(function).parameters


# A `name` has to be one that these pages describe, but for parameters, results, fitted attributes and other libraries.
nitpicky = True
nitpick_ignore = {("py:obj", name) for name in {*described_names(), "grad", "hess", "inf"}}
nitpick_ignore_regex = [
    ("py:obj", r"[a-z]\w*_"),
    ("py:obj", r".*[^\w.].*"),  # an expression, not a name
    ("py:obj", r"(cross_val_score|Half\w+|LGBMClassifier|XGBClassifier)(\.\w+)?"),
    ("py:.*", r"(catboost|dask|distributed|lightgbm|matplotlib|numpy|pandas|scipy|sklearn|torch|xgboost)\b.*"),
]


def module_of(_app, module, name):
    """Where a class is, for what it inherits as well: its page is not that of the other class's source."""
    return getattr(getattr(sys.modules[module], name.partition(".")[0], None), "__module__", None)


def setup(app):
    app.connect("viewcode-follow-imported", module_of)

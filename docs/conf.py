"""How Sphinx builds the documentation: MyST pages, and the API reference from the numpydoc docstrings."""

import fastxent

project = "fastxent"
author = "fastxent developers"
project_copyright = "2026, fastxent developers"
release = version = fastxent.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more than the annotations do
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"fastxent {release}"

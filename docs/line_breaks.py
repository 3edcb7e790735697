"""Long names break where their parts meet, in titles, text, contents and sidebar, and not within a word."""

import re

LONG = re.compile(r"(?<=>)[A-Za-z_][\w.]{15,}(?=(?:\(\))?<)")  # all that an element says
PARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[_.])(?=\w)")


def allow(html):
    """The HTML with a place for a line break between the parts of each long name: softmax_ cross_ entropy_ grad."""
    return LONG.sub(lambda name: PARTS.sub("<wbr>", name[0]), html)


def in_page(app, page, template, context, doctree):
    """Of a page, what may be shown in a narrow column."""
    for part in {"body", "toc", "furo_navigation_tree"} & context.keys():
        context[part] = allow(context[part])


def setup(app):
    app.connect("html-page-context", in_page, priority=900)  # after the theme has made its navigation
    return {"parallel_read_safe": True}

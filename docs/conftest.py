"""Which pages are left out as doctests: those about what is not installed."""

import importlib.util

EXTRAS = {
    "guides/boosting.md": ("catboost", "lightgbm", "sklearn", "xgboost", "fastxent.boosting"),
    "guides/sklearn.md": (
        "matplotlib", "scipy", "sklearn", "fastxent.metrics", "fastxent.sklearn._classifier", "fastxent.sklearn._loss",
        "fastxent.sklearn._temperature",
    ),
    "maths.md": ("scipy",),
}  # fmt: skip
collect_ignore = [
    page for page, modules in EXTRAS.items() if not all(importlib.util.find_spec(module) for module in modules)
]

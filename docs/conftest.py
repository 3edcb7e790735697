"""Which pages are left out as doctests: those about what is not installed."""

import importlib.util

EXTRAS = {
    "guides/boosting.md": ("catboost", "lightgbm", "sklearn", "xgboost"),
    "guides/language_models.md": ("ml_dtypes",),
    "guides/larger_than_memory.md": ("dask", "distributed", "pyarrow"),
    "guides/sklearn.md": ("matplotlib", "scipy", "sklearn"),
    "guides/torch.md": ("torch",),
    "maths.md": ("scipy",),
}  # fmt: skip
collect_ignore = [
    page for page, modules in EXTRAS.items() if not all(importlib.util.find_spec(module) for module in modules)
]

"""scikit-learn, in a version that what stands on it can rely on."""

from __future__ import annotations

import re

OLDEST = (1, 8)  # as in pyproject.toml: those before let probabilities above 1 and labels of no class pass


def lacking() -> str | None:
    """What to install; None if scikit-learn is there and new enough."""
    try:
        import sklearn
    except ImportError:
        return "scikit-learn: pip install fastxent[sklearn]"
    if tuple(map(int, re.findall(r"\d+", sklearn.__version__)[:2])) >= OLDEST:
        return None
    return (
        f"scikit-learn {'.'.join(map(str, OLDEST))} or newer, but {sklearn.__version__} is installed: "
        "pip install --upgrade fastxent[sklearn]"
    )

from fastxent._kernels.base import *  # noqa: F403

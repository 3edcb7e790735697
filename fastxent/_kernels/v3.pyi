from fastxent._kernels.base import *

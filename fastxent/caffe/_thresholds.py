"""Where Caffe's forward passes clamp probabilities."""

import numpy as np

LOG_THRESHOLD = 1e-20  # kLOG_THRESHOLD in include/caffe/layers/loss_layer.hpp
FLT_MIN = float(np.finfo(np.float32).tiny)

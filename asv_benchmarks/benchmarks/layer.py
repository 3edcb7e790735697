"""The thin Python layer: calls so small that nearly all of their time is spent before the kernel starts."""

import time

from .cases import FUNCTIONS, prepared


class Layer:
    params = FUNCTIONS
    param_names = ("function",)
    timer = time.process_time

    def setup(self, function):
        self.call = prepared(function, (8, 16), "float32")

    def time_call(self, function):
        self.call()

    time_call.pretty_name = "every function at 8 x 16: time"

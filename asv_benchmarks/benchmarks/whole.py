"""Time and peak memory of whole calls: two classes, a thousand, a large vocabulary, classes apart in memory."""

import time

from .cases import DTYPES, FUNCTIONS, LAYOUTS, SHAPES, prepared


class Calls:
    params = (FUNCTIONS, SHAPES, DTYPES)
    param_names = ("function", "shape", "dtype")

    def setup(self, function, shape, dtype):
        self.call = prepared(function, shape, dtype)


class Time(Calls):
    timer = time.process_time  # one thread: what the machine does beside it does not count
    rounds, repeat, warmup_time = 2, (3, 10, 0.5), 0.05

    def time_call(self, function, shape, dtype):
        self.call()

    time_call.pretty_name = "every function: time"


class Memory(Calls):
    """The difference between the two lines is what a call takes beside its arguments and outputs."""

    params = (FUNCTIONS, [shape for shape in SHAPES if shape not in LAYOUTS], DTYPES)  # to lay them out takes more

    def peakmem_call(self, function, shape, dtype):
        self.call()

    def peakmem_reference(self, function, shape, dtype):
        pass

    peakmem_call.pretty_name = "every function: peak memory"
    peakmem_reference.pretty_name = "every function: memory before the call"

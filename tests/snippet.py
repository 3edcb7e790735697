"""Python code that makes one call: what is drawn is what is run, and what is kept of it where it fails."""

import base64
import textwrap
import zlib

import ml_dtypes
import numpy as np

TEST = '''\
"""{what}"""

import numpy as np

from tests.fuzz import NAMES
from tests.snippet import run, unpacked

ARRAYS = {{
{arrays}}}
CODE = """
{code}
"""


def test_{name}():
    run(CODE, ARRAYS, NAMES)
'''


class Snippet:
    """Lines of code, and the arrays that they name."""

    def __init__(self):
        self.lines, self.arrays = [], {}

    def line(self, text):
        self.lines.append(text)

    def array(self, name, value):
        """The name, once the snippet has the array."""
        self.arrays[name] = value
        return name

    @property
    def code(self):
        return "\n".join(self.lines)

    def test(self, name, what):
        """A file with a test, which is to fail until what was found is mended."""
        arrays = "".join(f"    {key!r}: {packed(value)},\n" for key, value in self.arrays.items())
        return TEST.format(what=what, arrays=arrays, code=self.code, name=name)


def run(code, arrays, names):
    """The arrays, which another thread may have changed by then, are the caller's."""
    exec(compile(code, "<snippet>", "exec"), names | arrays)


def packed(array):
    """An expression for an array: its numbers, as far as they are few."""
    dtype = "bfloat16" if array.dtype == ml_dtypes.bfloat16 else array.dtype.str
    if array.dtype.kind in "fiu" and array.size <= 24:
        with np.printoptions(threshold=100, floatmode="unique"):
            numbers = np.array2string(array, separator=", ", max_line_width=10**6).replace("\n", "")
        if "nan" not in numbers and "inf" not in numbers and array.size:
            return f"np.array({numbers}, {dtype!r})"
    if array.dtype.hasobject:
        whole = all(isinstance(value, int) for value in array.ravel())
        return f"{packed(array.astype(np.int64 if whole else np.float64))}.astype(object)"
    text = base64.b85encode(zlib.compress(array.tobytes(), 9)).decode()
    lines = "".join(f'\n        "{line}"' for line in textwrap.wrap(text, 100)) or '""'
    return f"unpacked({lines},\n        {dtype!r}, {array.shape})"


def unpacked(text, dtype, shape):
    array = np.empty(shape, dtype)
    array.reshape(-1).view(np.uint8)[:] = np.frombuffer(zlib.decompress(base64.b85decode(text)), np.uint8)
    return array

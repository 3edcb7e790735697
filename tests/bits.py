"""Equality to the bit: of zeros the sign counts too, of nan only where it stands."""

import numpy as np


def assert_same_bits(got, want, what="result"):
    got, want = np.asarray(got), np.asarray(want)
    assert (got.dtype, got.shape) == (want.dtype, want.shape), what
    same = (got == want) & (np.signbit(got) == np.signbit(want)) | (np.isnan(got) & np.isnan(want))
    if not same.all():
        at = tuple(int(i) for i in np.argwhere(~same)[0])
        differ = f"{np.count_nonzero(~same)} of {same.size} differ"
        raise AssertionError(f"{what}{list(at)} = {got[at]!r}, expected {want[at]!r}; {differ}")

"""The array zoo: the same numbers laid out in memory in every way that NumPy allows."""

import tempfile

import numpy as np


def strided(array):
    """Every second entry along every axis of a larger array."""
    return embedded(array, [slice(None, None, 2)] * array.ndim, [2 * n for n in array.shape])


def column_slice(array):
    """Columns cut out of a wider table: rows stay contiguous, but not next to each other."""
    return embedded(array, [slice(None)] * (array.ndim - 1) + [slice(3, -2)], [*array.shape[:-1], array.shape[-1] + 5])


def embedded(array, where, sizes):
    whole = np.zeros(sizes, array.dtype)
    whole[tuple(where)] = array
    return whole[tuple(where)]


def negative_rows(array):
    return np.ascontiguousarray(array[::-1])[::-1]


def negative_classes(array):
    return np.ascontiguousarray(array[..., ::-1])[..., ::-1]


def last_axis_first(array):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, -1, 0)), 0, -1)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def read_only_memmap(array):
    with tempfile.TemporaryFile() as file:
        file.write(array.tobytes())
        file.flush()
        return np.memmap(file, array.dtype, "r", shape=array.shape) if array.size else read_only(array)


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder())


def byte_swapped_strided(array):
    return strided(byte_swapped(array))


def packed_field(array):
    """A field of a packed record array, at odd addresses."""
    records = np.zeros(array.shape, np.dtype([("tag", "u1"), ("value", array.dtype)]))
    records["value"] = array
    return records["value"]


def of_ctypes(array):
    """Memory of ctypes: the dtype says "<", and not "=", on a machine where they are the same."""
    return np.ctypeslib.as_array(np.ctypeslib.as_ctypes(np.array(array, order="C")))


LAYOUTS = {
    function.__name__: function
    for function in (
        np.asfortranarray,
        strided,
        column_slice,
        negative_rows,
        negative_classes,
        last_axis_first,
        read_only,
        read_only_memmap,
        byte_swapped,
        byte_swapped_strided,
        packed_field,
        of_ctypes,
    )
}
# In these the classes lie next to each other as in the plain array, so that the same kernel reads them the same way.
SAME_KERNEL = ("column_slice", "negative_rows", "read_only", "read_only_memmap", "of_ctypes")

# What a caller's values are: canonical ones are taken here, all others by the function of _check.py that knows them.

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewLikeArray(cnp.ndarray prototype, cnp.NPY_ORDER order, void* descr, int subok)
    void* new_descr "PyArray_DescrFromType"(int number)
    int NPY_HALF
    void* descr_of "PyArray_DESCR"(cnp.ndarray array)
    object PyArray_View(cnp.ndarray array, void* descr, PyObject* type)
    void* native_of "PyArray_DescrNewByteorder"(const void* descr, char order)

cdef Kind kinds[256]             # by NumPy's numbers of types
cdef int number
for number in range(256):
    kinds[number] = NO_KIND
kinds[<int>cnp.NPY_BOOL] = BOOL
kinds[<int>cnp.NPY_BYTE] = INT8
kinds[<int>cnp.NPY_UBYTE] = UINT8
kinds[<int>cnp.NPY_SHORT] = INT16
kinds[<int>cnp.NPY_USHORT] = UINT16
kinds[<int>cnp.NPY_INT] = INT32
kinds[<int>cnp.NPY_UINT] = UINT32
kinds[<int>cnp.NPY_LONG] = INT64 if sizeof(long) == 8 else INT32
kinds[<int>cnp.NPY_ULONG] = UINT64 if sizeof(long) == 8 else UINT32
kinds[<int>cnp.NPY_LONGLONG] = INT64
kinds[<int>cnp.NPY_ULONGLONG] = UINT64
kinds[NPY_HALF] = FLOAT16
kinds[<int>cnp.NPY_FLOAT] = FLOAT32
kinds[<int>cnp.NPY_DOUBLE] = FLOAT64


# NumPy has no bfloat16: other libraries' dtypes have numbers from 256 on, and the memory of tensors has a dtype of ours
cdef enum:
    MOST_FOREIGN = 8
cdef int foreign[MOST_FOREIGN]
cdef int n_foreign = 0
cdef object of_tensors = _bfloat16.OF_TENSORS


cdef inline Kind kind_of(cnp.ndarray array) noexcept:
    cdef int number = cnp.PyArray_TYPE(array), i
    if 0 <= number < 256:
        return BFLOAT16 if descr_of(array) == <void*>of_tensors else kinds[number]
    for i in range(n_foreign):
        if number == foreign[i]:
            return BFLOAT16
    return NO_KIND


cdef int learn(cnp.ndarray array) except -1:
    """Remember the number of another library's bfloat16."""
    global n_foreign
    if kind_of(array) != NO_KIND or cnp.PyArray_TYPE(array) < 256:
        return 0
    if _bfloat16.is_bfloat16(<object>descr_of(array)):
        with cython.critical_section(of_tensors):    # no other thread learns meanwhile
            if kind_of(array) == NO_KIND and n_foreign < MOST_FOREIGN:
                foreign[n_foreign] = cnp.PyArray_TYPE(array)
                n_foreign += 1
    return 0


cdef inline bint is_float(Kind kind) noexcept:
    return kind == FLOAT32 or kind == FLOAT64 or is_half(kind)


cdef inline cnp.ndarray numbers_of_value(object value, object name):
    """An array of real numbers that the kernels can at least be made to read; `value` itself if it is one."""
    cdef cnp.ndarray array
    if cnp.PyArray_CheckExact(value) and kind_of(<cnp.ndarray>value) != NO_KIND:
        return <cnp.ndarray>value
    array = _check.array_of(value, name)
    learn(array)
    return array if kind_of(array) != NO_KIND else array.astype("f8")


# the parsers that are named in calls which seldom need them
cdef object smoothing_of = _check.smoothing_of
cdef object z_loss_of = _check.z_loss_of
cdef object gamma_of = _check.gamma_of
cdef object balance_of = _check.balance_of
cdef object ignored_target_of = _check.ignored_target
cdef object weight_rule = _check.WEIGHT_RULE
cdef object target_rule = _check.TARGET_RULE


cdef inline double number_of_value(object value, double low, double high, object parse) except? -1.0:
    """A float in [low, high]; `parse` takes all other values."""
    cdef double number
    if PyFloat_CheckExact(value):
        number = PyFloat_AS_DOUBLE(value)
        if low <= number <= high:
            return number
    return parse(value)


cdef inline cnp.ndarray new_like(cnp.ndarray array, Kind kind, cnp.ndarray given):
    """An uninitialised array of the same shape and memory order, of a kind; its bfloat16 is that of `given`."""
    cdef void* descr
    if kind == BFLOAT16 and descr_of(given) == <void*>of_tensors:
        Py_INCREF(of_tensors)
        descr = <void*>of_tensors
    elif kind == BFLOAT16:
        descr = native_of(descr_of(given), c"=")
        if descr == NULL:
            raise MemoryError
    elif kind == FLOAT16:
        descr = new_descr(NPY_HALF)
    else:
        descr = new_descr(cnp.NPY_FLOAT if kind == FLOAT32 else cnp.NPY_DOUBLE)
    return PyArray_NewLikeArray(array, cnp.NPY_KEEPORDER, descr, 0)


cdef inline bint same_shape(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef int axis
    if cnp.PyArray_NDIM(a) != cnp.PyArray_NDIM(b):
        return False
    for axis in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, axis) != cnp.PyArray_DIM(b, axis):
            return False
    return True


cdef tuple shape_of(cnp.ndarray array):
    cdef int axis
    return tuple([cnp.PyArray_DIM(array, axis) for axis in range(cnp.PyArray_NDIM(array))])


cdef inline void set_view(cnp.ndarray array, View* view) noexcept:
    """Everything but the steps."""
    view.data = cnp.PyArray_BYTES(array)
    view.kind = kind_of(array)
    view.swapped = not cnp.PyArray_ISNOTSWAPPED(array)
    view.unaligned = not cnp.PyArray_ISALIGNED(array)


cdef inline void extent(cnp.ndarray array, char** first, char** end) noexcept:
    """The bytes that an array reaches over."""
    cdef int axis
    cdef Py_ssize_t reach
    first[0] = cnp.PyArray_BYTES(array)
    end[0] = first[0] + cnp.PyArray_ITEMSIZE(array)
    for axis in range(cnp.PyArray_NDIM(array)):
        if cnp.PyArray_DIM(array, axis) == 0:
            end[0] = first[0]
            return
        reach = (cnp.PyArray_DIM(array, axis) - 1) * cnp.PyArray_STRIDE(array, axis)
        if reach < 0:
            first[0] += reach
        else:
            end[0] += reach


cdef inline bint apart_from(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether two arrays share no byte, as far as their extents tell."""
    cdef char* a_first
    cdef char* a_end
    cdef char* b_first
    cdef char* b_end
    extent(a, &a_first, &a_end)
    extent(b, &b_first, &b_end)
    return a_end <= b_first or b_end <= a_first


cdef inline bint same_memory(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether two arrays of one shape are the same elements."""
    cdef int axis
    if cnp.PyArray_BYTES(a) != cnp.PyArray_BYTES(b) or cnp.PyArray_ITEMSIZE(a) != cnp.PyArray_ITEMSIZE(b):
        return False
    for axis in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, axis) > 1 and cnp.PyArray_STRIDE(a, axis) != cnp.PyArray_STRIDE(b, axis):
            return False
    return True

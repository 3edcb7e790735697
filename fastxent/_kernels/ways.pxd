"""How calls are cut up: the limits and tuning numbers that decide it, once, for the kernels, the door and Python.

A limit is what memory is laid out by, at compile time. A tuning number may be changed at any time (`tune`), costs
nothing but time, and is copied into each call: what the kernels need of scratch is computed from that copy.
"""

cdef enum:
    LANES = 32              # numbers side by side: one for each sample of a panel, or for each class of a block
    GROUP = 8               # blocks that are added up as a tree, which is written out for it in arithmetic/panel.pxd
    BATCH = 256             # GROUP * LANES, the classes of a row that are added up at once
    PANELS = 4              # the most panels of a strip
    WIDTH = 128             # PANELS * LANES, the most samples of a strip
    FEW = 9                 # classes, each of them in a register (arithmetic/few.pxd); all but one are a tree of GROUP
    FEWER = 6               # up to so many softmax gains by that: of 9 it took 1.05 to 1.15 of the time of panel_exp's
    SHORT = 16384           # bytes of a row that the level-1 cache holds beside its gradient
    LARGEST_PANEL = 16777216   # 2^24 classes; a panel's lanes compare them as float32


cdef struct Tuning:
    Py_ssize_t panel_bytes      # samples of up to so many bytes go side by side in panels: float32
    Py_ssize_t double_panel_bytes   # float64
    Py_ssize_t hess_panel_bytes     # with a Hessian, which counts as well
    Py_ssize_t panel_elements   # so many classes in all panels of a strip keep them in the level-1 cache
    Py_ssize_t solo_elements    # what a row that is computed alone costs beside its classes
    Py_ssize_t row_classes      # from so many classes on, entropy and its like take one sample at a time
    Py_ssize_t block_elements   # of a block: drawing it costs nothing, it fits into the level-2 cache, shares are even
    Py_ssize_t gather_blocks    # so many are one where only the label's class of a sample is read
    Py_ssize_t stream_bytes     # outputs of so many bytes would not stay in the caches
    Py_ssize_t thread_blocks    # fewer blocks than this are not worth waking a thread
    Py_ssize_t stage_bytes      # of samples that are gathered before they are computed
    Py_ssize_t close_bytes      # a float32 row's arrays of so many stay in the level-1 cache beside those of the next
    Py_ssize_t grad_by_row      # 1: rows with a gradient are moved one by one, as those without one are
    Py_ssize_t held_elements    # calls of up to so many keep the GIL, which takes longer to give back and get


cdef Tuning tuning


cdef inline bint in_panels(Py_ssize_t panel_bytes, Py_ssize_t C, Py_ssize_t bytes) noexcept nogil:
    """Whether samples go side by side: by classes and dtype alone, so that a row's bits do not depend on other rows."""
    return C < LANES or (C * bytes <= panel_bytes and C <= LARGEST_PANEL)


cdef inline Py_ssize_t panels_of(const Tuning* tuning, Py_ssize_t C) noexcept nogil:
    """How many panels a strip has: a processor would otherwise wait for one result after the other."""
    cdef Py_ssize_t n = PANELS
    while n > 1 and n * C > tuning.panel_elements:       # no division: it is asked for with every panel
        n -= 1
    return n


cdef inline Py_ssize_t whole_groups(Py_ssize_t C) noexcept nogil:
    """The classes of a panel of targets, which goes on in zeros."""
    return (C + GROUP - 1) // GROUP * GROUP


cdef inline bint is_solo(const Tuning* tuning, Py_ssize_t C, Py_ssize_t n) noexcept nogil:
    """Whether n samples of few classes are faster one after the other; the bits are the same."""
    return n * (C + tuning.solo_elements) < LANES * C


cdef inline Py_ssize_t rows_of_block(const Tuning* tuning, Py_ssize_t C) noexcept nogil:
    """The samples of a block."""
    return whole_strips(max(<Py_ssize_t>1, tuning.block_elements // max(<Py_ssize_t>1, C)))


cdef inline Py_ssize_t whole_strips(Py_ssize_t rows) noexcept nogil:
    """So many samples that their sums are added in the same order wherever a block or a tile ends; few as they are."""
    return rows // WIDTH * WIDTH if rows >= WIDTH else rows

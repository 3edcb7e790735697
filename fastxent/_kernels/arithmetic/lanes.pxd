"""What is known of each sample of a strip, in double."""

from libc.stdint cimport int64_t

from fastxent._kernels.ways cimport WIDTH


cdef struct Lanes:
    int64_t y[WIDTH]             # the class; 0 where there is none
    double weight[WIDTH]         # v_i; 0 where ignored, and from the last sample on
    double scale[WIDTH]          # of the derivatives: v_i grad_output / D
    double own[WIDTH]            # t_y of a class index
    double others[WIDTH]         # T - t_y
    double total[WIDTH]          # T

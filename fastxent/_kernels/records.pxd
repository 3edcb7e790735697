"""What is known of a row, as the door lays it out in NumPy's arrays and the kernels read and write it."""

cdef struct Carried:             # a row whose classes come in parts, as loops/carried.pxi has it
    double m                     # -inf in the beginning
    double ties
    double rest
    double own_x                 # the logit of its label, once that has come
    double gaps
    double weight


cdef enum:                       # a sample's statistics, in numbers as they are computed
    PREDICTED = 4                # float32: log_prob, lse, entropy, one that is not used, predicted and rank, two each
    RANK = 6
    RECORD = 8
    DOUBLE_PREDICTED = 3         # float64: log_prob, lse, entropy, predicted, rank
    DOUBLE_RANK = 4
    DOUBLE_RECORD = 5

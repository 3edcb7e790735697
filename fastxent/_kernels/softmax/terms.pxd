"""What the gradient of softmax cross entropy is made of, whether by rows or by panels.

    e_k = exp(x_k - m) times a number that is the same for the whole row; top = e of the maximum m
    rest = sum of e_k over e_k != top    ties = number of e_k = top    s = ties top + rest    spread = s - top
    loss = sum_k t_k (m - x_k) + T log1p(spread / top) + c lse^2       lse = m + log1p(spread / top)
    grad = ((T - t_k + 2 c lse) e_k - t_k o_k) / s                     o_k = spread where e_k = top, else s - e_k
    hess = (T + 2 c lse) e_k o_k / s^2 + 2 c e_k^2 / s^2
"""

from cython cimport floating
from libc.math cimport fma

from fastxent._kernels.arithmetic.scalar cimport rest_of_difference, rounded


cdef struct Row:                 # what is known of a row
    double dot                   # sum_k t_k (m - x_k)
    double total                 # T
    Py_ssize_t own               # the class whose entry is made with care: the label's, or the largest t_k's; or -1
    double own_x                 # x_y of a class index
    double own_t                 # t_k of that class, and T - t_k
    double others
    double scale                 # of the derivatives
    double z_slope               # 2 c lse
    double s
    double spread
    double factor                # of the gradient but for that class's entry, by which it is multiplied at last
    double own_grad              # that entry


cdef inline double quotient_rest(double quotient, double scale, double s, double s_low) noexcept nogil:
    """What quotient = scale / s is short of scale / (s + s_low)."""
    return (fma(-quotient, s, scale) - quotient * s_low) / s


cdef inline double sum_rest(double s, double top, double ties, double rest) noexcept nogil:
    """What s is short of ties top + rest."""
    cdef double product = ties * top
    return rest_of_difference(product, -rest, s) + fma(ties, top, -product)


cdef inline double cut_off(double a, double b, double total) noexcept nogil:
    """What the rounding of a + b to `total` cuts off; nothing where that is infinite."""
    cdef double rest = rest_of_difference(a, -b, total)
    return rest if rest - rest == 0 else 0.0


cdef inline floating slope_of(
    double own, double others, double z_slope, double quotient, double quotient_low, floating _
) noexcept nogil:
    """(T + 2 c lse) scale / s with T = own + others, rounded once: in double of sums and quotient in two parts."""
    cdef double T = own + others
    cdef double whole = T + z_slope
    cdef double low
    if floating is float:
        return <floating>(whole * quotient)
    else:
        low = cut_off(own, others, T) + cut_off(T, z_slope, whole)
        return whole * quotient + (rounded(whole * quotient_low) + low * quotient)


cdef inline double entry(
    double e, double top, double t, double others, double z_slope, double spread, double s, double scale, double factor,
    double factor_low
) noexcept nogil:
    """An entry of the gradient with care, as t_k may be most of T: others = T - t_k, factor + factor_low = scale / s.

    In double whatever the dtype, and with the quotient in two parts where that is the dtype, since it is a difference.
    """
    cdef double value = (others + z_slope) * e - t * (spread if e == top else s - e)
    return -t * scale + (s - s) if e == 0.0 else value * factor + value * factor_low  # s - s: nan in a row that is nan

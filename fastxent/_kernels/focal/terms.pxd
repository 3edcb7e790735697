"""What focal loss is made of, whether by rows, panels or elements.

    p = the share of the class, q = 1 - p, L = -log p, odds = p / q

    factor = q^gamma = (1 + odds)^-gamma     the modulating factor
    loss   = factor L
    slope  = dloss / dL = factor (1 + gamma odds L)
    bend   = q d2loss / dL2 = factor gamma p (2 - L + (gamma - 1) odds L)

The Gauss-Newton rule is the Hessian without the part with the bend, for targets with one entry.

As p tends to 1, so does odds L, though odds may overflow and L vanish; where p = 0 it is 0, though L is infinite.
"""

from cython cimport floating


cdef inline floating most_odds(floating like) noexcept nogil:
    """The most that inverse_power takes; beyond it q is below the smallest normal number."""
    if floating is float:
        return <float>8.507059173023462e+37  # 2^126
    else:
        return 4.49423283715579e+307  # 2^1022


cdef inline floating odds_of(floating p, floating q) noexcept nogil:
    """p / q, where both may be times the same number."""
    cdef floating odds = p / q
    return most_odds(odds) if odds > most_odds(odds) else odds


cdef inline floating odds_times(floating odds, floating loss) noexcept nogil:
    """odds L, which is never above 1."""
    cdef floating product = odds * loss
    product = <floating>1.0 if product > 1 else product
    product = <floating>1.0 if odds == most_odds(odds) else product
    return <floating>0.0 if odds == 0 else product


cdef inline floating focal_bend(
    floating factor, floating p, floating gamma, floating loss, floating odds_loss
) noexcept nogil:
    """bend; where the factor is 0, another may be infinite."""
    cdef floating bend = factor * (gamma * p) * (<floating>2.0 - loss + (gamma - <floating>1.0) * odds_loss)
    return <floating>0.0 if (factor == 0) | (p == 0) else bend

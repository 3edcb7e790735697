"""How much memory a call holds."""

import tracemalloc


def peak(call):
    """The most bytes that a call held at once beside what was there before, and beside caches and the pool."""
    call()  # makes them
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

"""What ``python -m fastxent`` measures, with nothing but NumPy and the standard library."""

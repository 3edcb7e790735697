"""The parts of peers.py: the problems, the libraries that solve them, the timing and the report."""

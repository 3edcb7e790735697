"""The benchmarks that asv runs on each commit: cases.py says what is called, the other files what is measured."""

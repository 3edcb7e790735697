"""The test suite. `tests.table` is the place to start reading."""

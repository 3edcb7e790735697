"""Calls of other libraries beside fastxent's: the tables of the documentation, which are run as tests.

A file per library holds its rows, rows.py says what a row is, values.json keeps what the other libraries returned, so
that the rows can be tested where a library is not installed. `make migration` runs the rows against the libraries.
"""

"""The public names of the libraries that gossamer succeeds: change one line of imports, keep the program.

Each module stands over the public API alone.  What cannot be offered honestly raises an error that says why,
and docs/reference/compat.md has the list.
"""

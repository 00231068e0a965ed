"""The tests; a package, so that ``python -m tests.stress`` finds its parts."""

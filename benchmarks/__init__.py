"""Measure this library beside its peers, all in one run: ``python -m benchmarks --help``."""

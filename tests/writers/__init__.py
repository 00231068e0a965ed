"""What real programs do when they write files, and when each file is told as finished.

``python -m tests.writers [NAME...]`` runs the programs, says what is wrong, and with ``--page docs/writers.md`` writes
the table. Packages of Python come from the package index, pinned, into an environment of its own; what is missing else is
skipped and counted.
"""

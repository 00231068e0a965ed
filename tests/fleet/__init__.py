"""What many hosts send to one stream; ``python -m tests.fleet`` runs rounds of what goes wrong."""

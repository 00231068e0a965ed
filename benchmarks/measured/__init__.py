"""What runs in the process that is measured; it imports nothing of the runner."""

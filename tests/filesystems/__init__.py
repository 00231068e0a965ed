"""What inotify sees on real file systems, and what the watcher makes of it: ``python -m tests.filesystems``."""

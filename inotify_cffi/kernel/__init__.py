"""One inotify instance in the kernel's own terms, and the one place that blocks.

What is here: the door to the system calls (``syscalls``) with the memory that their answers are put into
(``buffers``; of listings and crawls: ``listings``), decoding of what a read returned (``decode``), an instance
with its watches (``instance``), waiting (``poller``, ``interrupts``), the news that something was mounted
(``mountinfo``), what is mounted where (``mounts``), what inotify sees on a type of file system (``filesystems``),
and what a forked child gives up (``forks``).

It relies on the compiled module, on ``base`` and on the package's errors. It knows watch descriptors, masks
and bytes; it does not know trees, paths of entries, or what a consumer was told.
"""

"""Programs that reload themselves, each run as its users do, with a watcher of ours behind the peer that it calls.

``python -m tests.compat.programs`` makes an environment with the packages of ``programs.py`` and with this checkout, and
runs each program twice: by ``python -m inotify_cffi.compat...``, and without. Both times it waits until the program
watches, changes a file and waits for what the program makes of it. ``probe`` is read by every Python that the program
starts and notes who has begun to watch; ``running.py`` looks into /proc for the instances that are there. With ours it must
have been a watcher of ours only, and that must have told the change; without, the same check must say that it was not.
"""

"""Who does one step after the other lets those in who wait: ``StepLock.run_in_turn``."""

from __future__ import annotations

import threading

from conftest import PATIENCE_S

from inotify_cffi.base.locks import StepLock


def test_who_waits_comes_before_the_next_of_many_steps():
    """Else the thread that had the lock most often has it again before the one that waits has woken."""
    for _ in range(100):
        lock, order = StepLock(), []
        other = threading.Thread(target=lock.run, args=(order.append, "other"))

        def first(lock=lock, order=order, other=other):
            other.start()
            # Until it is behind the door.
            while lock._door.run_if_free(lambda: None):
                pass
            order.append("first")

        lock.run_in_turn(first)
        lock.run_in_turn(order.append, "next")
        other.join(PATIENCE_S)
        assert order == ["first", "other", "next"]

"""The parts of a tree, put together; and what a step is, which makes good what an interrupted one left."""

from __future__ import annotations

from inotify_cffi.tree.admission import Admission
from inotify_cffi.tree.anchors import Anchors
from inotify_cffi.tree.apply import Applier
from inotify_cffi.tree.crawl import Crawler
from inotify_cffi.tree.crawls import Crawls
from inotify_cffi.tree.entries import Entries
from inotify_cffi.tree.files import Files
from inotify_cffi.tree.ground import Ground
from inotify_cffi.tree.listing import Lister
from inotify_cffi.tree.losses import Losses
from inotify_cffi.tree.moments import Moments
from inotify_cffi.tree.mounts import Mounts
from inotify_cffi.tree.places import Places
from inotify_cffi.tree.plain import Plain
from inotify_cffi.tree.reconcile import Reconciler
from inotify_cffi.tree.shifts import Shifts
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Callable, Dict, TypeVar

    from typing_extensions import Concatenate, ParamSpec

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.ledger.nodes import Root
    from inotify_cffi.tree.crawl import Crawl
    from inotify_cffi.tree.disk import Disk

    P = ParamSpec("P")
    Result = TypeVar("Result")
    AnyAssembly = TypeVar("AnyAssembly", bound="Assembly")

__all__ = ["STEPS_BEFORE_SETTLING", "Assembly", "Begun", "a_step"]

# While writers never let the queue run empty, doubts are settled every so many steps all the same.
STEPS_BEFORE_SETTLING = 64


class Begun(NamedTuple):
    """A root that is being added in several steps, and what was told of it; *tell* says whether something is."""

    crawl: Crawl
    held: list[AnyEvent]
    tell: bool


def a_step(verb: Callable[Concatenate[AnyAssembly, P], Result]) -> Callable[Concatenate[AnyAssembly, P], Result]:
    """Let a verb of the tree be a step: if an exception ends it, the next one makes good what is half-done."""

    def step(tree: AnyAssembly, /, *arguments: P.args, **options: P.kwargs) -> Result:
        if not tree.is_whole:
            tree.make_good()
        tree.is_whole = False
        result = verb(tree, *arguments, **options)
        tree.is_whole = True
        return result

    step.__doc__ = verb.__doc__
    return step


class Assembly:
    """A tree that does nothing yet.

    Args:
        disk: the way to the kernel.

    """

    def __init__(self, disk: Disk) -> None:
        self._ground = ground = Ground(disk)
        self._disk, self.ledger, self._turn = disk, ground.ledger, ground.turn
        self._teller, self._doubts = ground.teller, ground.doubts
        self._fences, self._intake = ground.fences, ground.intake
        self._admission = admission = Admission(ground)
        self._anchors = anchors = Anchors(ground)
        self._places = places = Places(ground, anchors)
        self._files = files = Files(ground, anchors, places)
        self._moments = moments = Moments(ground, places)
        self._mounts = Mounts(ground)
        lister = Lister(ground, places, admission, files, moments)
        self.crawler = crawler = Crawler(ground, places, lister, moments)
        self._crawls = crawls = Crawls(ground, places, crawler, moments, files)
        self._reconciler = reconciler = Reconciler(
            ground, places, crawler, crawls, lister, files, admission, moments
        )
        self._entries = entries = Entries(ground, places, crawls, lister, reconciler, admission, files, moments)
        self._plain = plain = Plain(ground, anchors)
        self._losses = losses = Losses(ground, anchors, files, crawls, moments)
        shifts = Shifts(ground, anchors, places, entries, files, moments, crawls)
        self._applier = Applier(ground, anchors, places, admission, entries, files, plain, shifts, losses)
        # False within a step, and when an exception has ended one.
        self.is_whole = True
        # Roots that are not whole before the step is over, and how many events were told before it.
        self._unfinished: Dict[Root, int] = {}
        # Roots that are being added in several steps.
        self._begun: Dict[Root, Begun] = {}
        self._steps_in_doubt = 0
        self._patience = STEPS_BEFORE_SETTLING
        # How often all that was in doubt was looked at.
        self.rounds = 0
        # True from when somebody asks for all to be compared until that is begun.
        self._is_resync_due = False
        # The roots that were not to be opened then.
        self._silent: Dict[str, str] | None = None

    def make_good(self) -> None:
        """Make good what is half-done, where an exception ended a step."""
        raise NotImplementedError

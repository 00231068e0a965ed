"""Put methods of ours in the place of a peer's, in its own classes, and take them back.

So who has imported a class before, and who has derived one from it, has the new methods, too. An object that was
made before goes on with the methods that it was made with, and so does one that was made with ours when these are
taken back.
"""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Tuple
from weakref import WeakSet

if TYPE_CHECKING:
    Method = Callable[..., Any]

__all__ = ["Exchange"]

NOTHING = object()


class Exchange:
    """Some exchanges, all of which are made or none."""

    def __init__(self) -> None:
        self._undo: List[Tuple[object, str, object]] = []
        self._methods: Dict[type, Dict[str, Method]] = {}
        # Those that were made with our methods.
        self._made: WeakSet[Any] = WeakSet()

    @property
    def is_made(self) -> bool:
        """True between :meth:`methods` and :meth:`take_back`."""
        return bool(self._undo)

    def put(self, owner: object, name: str, value: object) -> None:
        """Set an attribute of a module or a class."""
        self._undo.append((owner, name, vars(owner).get(name, NOTHING)))
        setattr(owner, name, value)

    def methods(self, owner: type, make: Method, methods: Dict[str, Method]) -> None:
        """Let *make* be the ``__init__`` of a class; what it makes has *methods* in place of its own."""
        self._methods[owner] = methods
        for name, method in methods.items():
            self.put(owner, name, self._either(method, getattr(owner, name)))

        def __init__(made: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807
            self._made.add(made)
            make(made, *arguments, **options)

        self.put(owner, "__init__", __init__)

    def _either(self, ours: Method, theirs: Method) -> Method:
        def method(self_: Any, *arguments: Any, **options: Any) -> Any:
            return (ours if self_ in self._made else theirs)(self_, *arguments, **options)

        method.__name__ = getattr(theirs, "__name__", "method")
        method.__doc__ = theirs.__doc__
        return method

    def take_back(self) -> None:
        """Undo all, but for what was made meanwhile."""
        for made in list(self._made):
            for owner, methods in self._methods.items():
                if isinstance(made, owner):
                    for name, ours in methods.items():
                        self._keep(made, owner, name, ours)
        while self._undo:
            owner_, name, value = self._undo.pop()
            if value is NOTHING:
                delattr(owner_, name)
            else:
                setattr(owner_, name, value)
        self._methods.clear()

    def _keep(self, made: Any, owner: type, name: str, ours: Method) -> None:
        """Leave an object its method, unless a class derived from the owner has one of its own."""
        if getattr(type(made), name) is vars(owner)[name]:
            setattr(made, name, MethodType(ours, made))

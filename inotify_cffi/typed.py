"""What classes need of :mod:`typing` while the program runs, without what it costs to import that.

For a type checker each name is that of ``typing``. The modules that a watcher needs at once take them from here;
what only annotations name, they import from ``typing`` under ``TYPE_CHECKING``.
"""

from __future__ import annotations

__all__ = ["TYPE_CHECKING", "AnyStr", "Generic", "NamedTuple", "cast", "overload"]

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import AnyStr, Generic, NamedTuple, cast, overload
else:
    from collections import namedtuple

    AnyStr = "AnyStr"

    class Generic:
        """What takes a type in brackets, and is the same with it: ``Watcher[str]``."""

        __slots__ = ()
        __class_getitem__ = classmethod(type(list[int]))

    class _Fields(type):
        """Make a named tuple of the annotations of a class, with all else that is in it."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = body["__annotations__"]
            defaults = [body[field] for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])  # noqa: PYI024
            for key in body.keys() - fields.keys():
                setattr(made, key, body[key])
            return made

    class NamedTuple(metaclass=_Fields):
        """A class of named fields, some with defaults."""

    def cast(_kind: object, value: object) -> object:
        """Return the value; the kind is for the type checker."""
        return value

    def overload(function: object) -> object:
        """Return the function, which the last one of its name will replace."""
        return function

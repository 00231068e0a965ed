"""What classes need of :mod:`typing` while the program runs, without what it costs to import that.

For a type checker each name is that of ``typing``. The modules that a watcher needs at once take them from here;
what only annotations name, they import from ``typing`` under ``TYPE_CHECKING``. The same goes for the few names of
``collections``, ``operator``, ``weakref`` and ``math`` that a watcher needs: to import these four takes a third
of what importing all of the watcher takes, and each name is that of a module in C.
"""

from __future__ import annotations

__all__ = [
    "FOREVER",
    "TYPE_CHECKING",
    "AnyStr",
    "Generic",
    "NamedTuple",
    "cast",
    "deque",
    "field",
    "index",
    "itemgetter",
    "methodcaller",
    "overload",
    "ref",
]

TYPE_CHECKING = False

# More seconds than there will be.
FOREVER = float("inf")

if TYPE_CHECKING:
    from collections import deque
    from operator import index, itemgetter, methodcaller
    from typing import AnyStr, Generic, NamedTuple, cast, overload
    from weakref import ref

    def field(place: int, text: str) -> property:
        """Return what gets a field of a tuple by its place, with *text* as its documentation."""

else:
    from _collections import deque
    from _operator import index, itemgetter, methodcaller
    from _weakref import ref

    try:
        # As namedtuple has it: C takes the field out of the tuple, and no call of Python is made.
        from _collections import _tuplegetter as field
    except ImportError:

        def field(place: int, text: str) -> property:
            """Return what gets a field of a tuple by its place, with *text* as its documentation."""
            return property(itemgetter(place), doc=text)

    AnyStr = "AnyStr"

    class Generic:
        """What takes a type in brackets, and is the same with it: ``Watcher[str]``."""

        __slots__ = ()
        __class_getitem__ = classmethod(type(list[int]))

    new = tuple.__new__
    # Constructors of named tuples, by the number of their fields, before these have their names.
    _CONSTRUCTORS = (
        lambda cls: new(cls, ()),
        lambda cls, a: new(cls, (a,)),
        lambda cls, a, b: new(cls, (a, b)),
        lambda cls, a, b, c: new(cls, (a, b, c)),
        lambda cls, a, b, c, d: new(cls, (a, b, c, d)),
        lambda cls, a, b, c, d, e: new(cls, (a, b, c, d, e)),
        lambda cls, a, b, c, d, e, f: new(cls, (a, b, c, d, e, f)),
        lambda cls, a, b, c, d, e, f, g: new(cls, (a, b, c, d, e, f, g)),
    )
    _FUNCTION = type(_CONSTRUCTORS[0])

    class _Named(tuple):
        """What named tuples have in common; as ``collections.namedtuple`` makes them."""

        __slots__ = ()

        def __new__(cls, *values: object, **named: object) -> _Named:
            """Make the constructor when the first one is made: most classes are not needed in most programs."""
            made = next(each for each in cls.__mro__ if "_fields" in vars(each))
            if len(made._fields) < len(_CONSTRUCTORS):
                # To compile it takes as long as to apply a rename.
                code = _CONSTRUCTORS[len(made._fields)].__code__.replace(co_varnames=("cls", *made._fields))
                constructor = _FUNCTION(code, globals())
            else:
                fields = ", ".join(made._fields)
                constructor = eval(f"lambda cls, {fields}: new(cls, ({fields},))", globals())  # noqa: S307
            constructor.__name__, constructor.__qualname__ = "__new__", f"{made.__qualname__}.__new__"
            constructor.__defaults__ = tuple(made._field_defaults.values())
            made.__new__ = constructor
            return constructor(cls, *values, **named)

        @classmethod
        def _make(cls, values: object) -> _Named:
            """Make one of what gives its fields in their order."""
            return cls(*values)

        def _replace(self, **changed: object) -> _Named:
            """Return the same with other values of some fields."""
            return type(self)(**{**self._asdict(), **changed})

        def _asdict(self) -> dict[str, object]:
            """Return the fields by their names."""
            return dict(zip(self._fields, self))

        def __repr__(self) -> str:
            """Name the class and each field."""
            fields = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({fields})"

        def __getnewargs__(self) -> tuple[object, ...]:
            """Let a copy and a pickle be made by the constructor."""
            return tuple(self)

    class _Fields(type):
        """Make a named tuple of the annotations of a class, with all else that is in it."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body["__annotations__"])
            body["_field_defaults"] = {name: body[name] for name in fields if name in body}
            for place, each in enumerate(fields):
                body[each] = field(place, f"Alias for field number {place}")
            body["_fields"] = body["__match_args__"] = fields
            body["__slots__"] = ()
            return type(name, (_Named,), body)

    class NamedTuple(metaclass=_Fields):
        """A class of named fields, some with defaults."""

    def cast(_kind: object, value: object) -> object:
        """Return the value; the kind is for the type checker."""
        return value

    def overload(function: object) -> object:
        """Return the function, which the last one of its name will replace."""
        return function

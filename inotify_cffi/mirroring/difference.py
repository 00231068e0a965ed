"""What differs between a mirror and something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, AnyStr, Dict, Generic

if TYPE_CHECKING:
    from typing import Mapping

__all__ = ["Difference"]

# So many paths are shown of each side.
FEW = 3


class Difference(Generic[AnyStr]):
    """What differs; false if nothing does.

    Args:
        extra: what only the mirror has, path to True for a directory.
        missing: what only the other has; None where it did not say of which kind. An entry of another kind is in
            both.

    """

    def __init__(self, extra: Dict[AnyStr, bool], missing: Dict[AnyStr, bool | None]) -> None:
        self.extra: Dict[AnyStr, bool] = extra
        self.missing: Dict[AnyStr, bool | None] = missing

    def __bool__(self) -> bool:
        return bool(self.extra or self.missing)

    def __repr__(self) -> str:
        return f"<Difference extra={_some(self.extra)} missing={_some(self.missing)}>"


def _some(entries: Mapping[AnyStr, bool | None]) -> str:
    few = sorted(entries)[:FEW]
    return f"{few} and {len(entries) - FEW} more" if len(entries) > FEW else str(few)

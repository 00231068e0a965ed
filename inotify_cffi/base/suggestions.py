"""What somebody may have meant, who wrote a word that there is not. Pure."""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterable

__all__ = ["did_you_mean"]

# So near a word has to be; a short one may be less so, with two letters that have changed places.
NEAR = 0.75
NEAR_IF_SHORT = 0.65
SHORT = 4


def did_you_mean(word: str, known: Iterable[str], before: str = "") -> str:
    """Return what to add to the message: ``"; did you mean create?"``, or nothing where no word is near.

    *before* is written in front of the word that was found.
    """
    # Imported here: most who write something write it right.
    from difflib import get_close_matches

    cutoff = NEAR_IF_SHORT if len(word) <= SHORT else NEAR
    found = get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {before}{found[0]}?" if found else ""

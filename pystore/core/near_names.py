"""Near names: the names that are most like one that was mistyped."""

from collections.abc import Iterable


def near_names(name: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """The known names that are most like this one, the nearest first; `cutoff` is from 0 to 1."""
    from difflib import get_close_matches  # late for weight: only on the way to an error

    return get_close_matches(name, list(known), most, cutoff)

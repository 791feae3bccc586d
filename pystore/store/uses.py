"""Uses: the matchers that have chosen among the realizations of a derivation.

`attempts/<digest>.matcher` holds one matcher. `match_latest` is not written: gc always keeps the
latest.
"""

import errno
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.digest import short
from ..core.later import later
from ..core.matchers import Matcher, match_latest
from . import attempts, disk
from .layout import MATCHER

if TYPE_CHECKING:
    from ..core import rules
else:
    later(globals(), "..core.rules")

USUAL = match_latest()
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@lru_cache(256)
def _name(matcher: Matcher) -> str:
    return short("pystore matcher 1", rules.rule_text(matcher).encode()) + MATCHER


def note(folder: str, matcher: Matcher, tmp: Path) -> None:
    """Makes sure that a matcher is known to choose here. A store that is only read stays so."""
    if matcher == USUAL or os.path.exists(path := f"{folder}/{_name(matcher)}"):
        return
    try:
        disk.write_once(path, rules.rule_text(matcher).encode() + b"\n", tmp=tmp)
    except (FileExistsError, FileNotFoundError):
        return  # another process was quicker; or nothing of it lies here, as of a store below
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise


def known(folder: str) -> Iterator[Matcher | None]:
    """The matchers that have chosen here; None for each that only its user knows."""
    for name in sorted(attempts.names(folder)):
        if name.endswith(MATCHER):
            yield rules.parse_rule(disk.read(f"{folder}/{name}").decode("utf-8", "replace"))

"""The largest size of an object at a remote, by its name."""

from ...core.config import MAX_BYTES
from . import bill_of_parts, names, parts, record

MARK = 10_000  # [bytes]
CONFIG = 4 * MAX_BYTES  # [bytes], of which a character takes up to four
SIGNATURE = 1000  # [bytes]
BESIDE = names.LARGEST

_BY_SUFFIX = {"sig": SIGNATURE, "trace": BESIDE, "log": BESIDE, "diff": BESIDE}


def most(name: str) -> int:
    """The largest size of an object of this name [bytes]."""
    last = name.rpartition("/")[2]
    if name.startswith("parts/"):
        return parts.SIZE
    if name.startswith("resolved/"):
        return 0
    if last == names.MARK:
        return MARK
    if last == "config.json":
        return CONFIG
    if last.endswith(".json"):
        return record.LARGEST if last.count(".") == 2 else bill_of_parts.LARGEST
    return _BY_SUFFIX[last.rpartition(".")[2]]

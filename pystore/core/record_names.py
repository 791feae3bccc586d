"""The names in the record of an attempt, read without all the rest of the record.

RN1  They are those that `parse_attempt` gives, and a text is refused where `parse_attempt` refuses
     it.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple

from .attempt import checksum_is_right, parse_attempt
from .errors import BadRef
from .refs import DRef, RRef

# Valid JSON, and not all of it: without escapes, and with few levels. None of it can be read in two
# ways, so that nothing is tried twice.
_PLAIN = r'[^"\\\x00-\x1f\x7f-\xff]*+'
_STRING = f'"{_PLAIN}"'
_WHOLE = r"(?:0|[1-9][0-9]{0,30})"
_NUMBER = rf"-?{_WHOLE}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{{1,3}})?"
_VALUE = f"(?:{_STRING}|{_NUMBER}|null|true|false)"


class RecordNames(NamedTuple):
    """The names of an attempt and of its realization."""

    context: str  # 32 hex
    number: int
    dref: DRef
    rref: RRef | None  # when it succeeded


def record_names(text: bytes) -> RecordNames:
    """The names in a record. Raises Corrupted (RN1)."""
    if (found := _record().fullmatch(text)) and checksum_is_right(text):
        context, dref, number, rref = found.groups()
        try:
            made = RRef(rref.decode()) if rref else None
            return RecordNames(context.decode(), int(number), _dref(dref), made)
        except BadRef:
            pass  # the error comes from where all errors of records come from
    attempt = parse_attempt(text)
    return RecordNames(attempt.context, attempt.number, attempt.dref, attempt.rref)


_dref = lru_cache(64)(lambda text: DRef(text.decode()))  # the attempts of one derivation share it


def _object(value: str) -> str:
    pair = f"{_STRING}:{value}"
    return rf"\{{(?:{pair}(?:,{pair})*+)?\}}"


@cache  # for its weight: it is compiled where the first record is read
def _record() -> re.Pattern[bytes]:
    """The text of nearly all records."""
    texts, values = _object(_STRING), _object(_VALUE)
    keys = [
        rf'\{{"checksum":{_STRING},"context":"({_PLAIN})","dref":"({_PLAIN})","error":{_VALUE},',
        f'"host":{_STRING},"id":{_STRING},"metrics":{_object(_NUMBER)},"notes":{values},',
        f'"number":({_WHOLE}),"outcome":"(?:succeeded|failed)","pid":{_WHOLE},',
        f'(?:"reads":{texts},)?"realizer":{_STRING},"rref":(?:"({_PLAIN})"|null),',
        f'"seed":{_WHOLE},"source":{_STRING},"start":{_WHOLE},"stop":{_WHOLE},',
        rf'"tree":(?:{_STRING}|null),"versions":{texts}\}}\n',
    ]
    return re.compile("".join(keys).encode())

"""Record: the text of an attempt at a remote, which a reader can check.

RR1  The text carries its checksum, so that a changed byte is noticed.
RR2  The digest of `inputs` is the context; with `tree` they give the reference of the realization.
    So no record can lend its metrics to a realization of another context.
RR3  A record does not depend on the store that it comes from: no local number, nothing about
    which bytes are still there. So it can be signed, and copies are equal.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ...core.attempt import Attempt, told_of
from ...core.context import Context, provenance_text, rref_of
from ...core.dataclasses import dataclass, field, replace
from ...core.digest import short
from ...core.errors import BadRef, Corrupted
from ...core.extremes import are_extremes
from ...core.plain import MAX_DEPTH
from ...core.refs import DRef, RRef
from .bill_of_parts import check_context
from .names import BESIDE, LARGEST_RECORD

_HEAD = '{"checksum":"'
_BODY = len(_HEAD) + 32 + 2
_H32, _H64 = re.compile(r"[0-9a-f]{32}\Z"), re.compile(r"[0-9a-f]{64}\Z")
_UNREADABLE = (
    ValueError, KeyError, TypeError, AttributeError, BadRef, RecursionError, OverflowError,
)  # fmt: skip
_TEXTS = ("host", "realizer", "source")


@dataclass(frozen=True)
class Record:
    """One attempt, its context, and the digests of the files beside it."""

    attempt: Attempt  # with a number that means nothing
    context: Context
    beside: Mapping[str, str] = field(default_factory=dict)  # "trace", "log" → plain BLAKE3

    @property
    def text(self) -> bytes:
        """The text of the object."""
        value = told_of(self.attempt)
        del value["number"]
        value |= {"inputs": dict(self.context), "beside": dict(self.beside)}
        body = json.dumps(value, sort_keys=True, separators=(",", ":"))[1:] + "\n"
        return f'{_HEAD}{short("pystore record 1", body.encode())}",{body}'.encode()

    def under(self, dref: DRef, context: Context) -> RRef | None:
        """The reference of the same tree as a realization of a derivation in a context."""
        tree = self.attempt.tree
        return rref_of(dref, provenance_text(dref, context, tree)) if tree else None


def fitting(record: Record) -> Record:
    """The record, without most of its notes if it would be longer than a reader takes."""
    if len(record.text) < LARGEST_RECORD:
        return record
    attempt = record.attempt
    notes = {key: said for key, said in attempt.notes.items() if key == "adopted"}
    return replace(record, attempt=attempt._replace(notes=notes))


def parse_record(dref: DRef, context: str, identity: str, text: bytes) -> Record:
    """The record of an attempt, checked against its name. Raises Corrupted."""
    stated = text[len(_HEAD) : _BODY - 2].decode("latin-1")
    if stated != short("pystore record 1", text[_BODY:]):
        raise Corrupted("a record does not match its checksum")
    try:
        record = _read(json.loads(text))
        fine = _is_fine(record)
    except _UNREADABLE as error:
        raise Corrupted("not the record of an attempt", because=repr(error)[:200]) from None
    attempt = record.attempt
    if (attempt.dref, attempt.context, attempt.id) != (dref, context, identity):
        raise Corrupted("the record of another attempt")
    if not fine:
        raise Corrupted("a record that contradicts itself")
    check_context(dref, record.context)
    return record


def _read(value: dict[str, Any]) -> Record:
    del value["checksum"]
    inputs = {DRef(d): [RRef(r) for r in rrefs] for d, rrefs in value.pop("inputs").items()}
    beside = dict(value.pop("beside"))
    value["dref"] = DRef(value["dref"])
    value["rref"] = None if value["rref"] is None else RRef(value["rref"])
    known = {key: told for key, told in value.items() if key in Attempt._fields}
    return Record(Attempt(number=0, **known), Context(inputs), beside)


def _is_fine(record: Record) -> bool:
    attempt, made = record.attempt, record.attempt.rref
    checks = (
        _H32.match(attempt.id),
        record.context.digest == attempt.context,
        attempt.outcome in (("succeeded",) if made else ("failed", "stopped")),
        made is None or made.dref == attempt.dref,
        attempt.tree is None or (made and record.under(attempt.dref, record.context) == made),
        attempt.tree is None or _H64.match(attempt.tree),
        all(type(getattr(attempt, name)) is str for name in _TEXTS),
        attempt.error is None or type(attempt.error) is str,
        all(type(n) is int for n in (attempt.seed, attempt.start, attempt.stop, attempt.pid)),
        abs(attempt.pid) < 2**63,
        0 <= attempt.seed < 2**32 and 0 <= attempt.start <= attempt.stop < 2**63,
        attempt.reads is None or _are_texts(attempt.reads),
        attempt.extremes is None or are_extremes(attempt.extremes),
        _are_texts(attempt.versions) and _H32.match(attempt.versions.get("git diff", "0" * 32)),
        isinstance(attempt.notes, dict) and _is_plain(attempt.notes, MAX_DEPTH),
        isinstance(attempt.metrics, dict) and all(map(_is_number, attempt.metrics.values())),
        all(k in BESIDE and _H64.match(d) for k, d in record.beside.items()),
    )
    return all(checks)


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(type(text) is str for text in value.values())


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]  # just checked


def _is_plain(value: object, depth: int) -> bool:
    """Whether `build_note` would take it: it is no deeper, and its numbers are finite."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(_is_plain(part, depth - 1) for part in parts)
    return type(value) is not float or math.isfinite(value)

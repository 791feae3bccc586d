"""Shorthand: references as people type them.

A text means, in this order: a reference written in full, or the name of its directory; a path in
the store; a pin; the one derivation of this name; the first digits of a hash, 4 or more (after
`dref:` or `rref:` any number). `X@latest` and `X@best:FILE` (`X@best:FILE:min`) are realizations of
X, a name, whatever the parameters, or one derivation. `name@1f0c2a` is a derivation, as tables show
it. A name means the code that ran last: with `code="any"`, all that has the name.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ...core.attempt import Attempt
from ...core.errors import BadRef, NotInStore
from ...core.options import Mode, Scope, checked_scope
from ...core.printable import counted, listed, printable, when
from ...core.refs import DRef, RRef, is_full, may_begin, parse_ref
from ...declare.recorder import store_was_read
from ...store.current import current_store
from ...store.pins import pins
from ...store.store import Store
from ..experiments.differing import differing
from ..experiments.family import named, tell
from ..experiments.results import best
from ..experiments.table import written
from .attempts import newest_first

_SHOWN = 10  # candidates in an error


def find_ref(text: str, *, code: Scope = "now", store: Store | None = None) -> DRef | RRef:
    """The reference that a short text means: the first digits, a name, `name@latest`, a pin.

    Also `name@best:accuracy.txt`, `name@best:loss.txt:min`, and the same of a derivation. A name
    means the code that ran last, and a warning tells of what else has it, unless `code="any"`
    takes that in. Raises
    BadRef with the candidates when there are several, NotInStore with similar names when there
    are none. What is written in full is not looked up.
    """
    store = store or current_store()
    if not isinstance(text, str) or isinstance(text, (DRef, RRef)):
        return parse_ref(text)
    store_was_read()
    base, at, which = text.partition("@")
    if not at:
        return _one(text, _meant(text, store, checked_scope(code)), store)
    if re.fullmatch("[0-9a-f]+", which):
        return _one(text, [d for d in _family(base, store) if d.digest.startswith(which)], store)
    # What was made last is that of the code that ran last.
    code = "any" if which == "latest" else checked_scope(code)
    return _chosen(text, _derivations(base, store, code), which, store, code)


def find_rref(text: str, *, code: Scope = "now", store: Store | None = None) -> RRef:
    """The realization that a short text means: of a derivation or a name, the latest.

    Raises as `find_ref` does; a name of several derivations is not ambiguous here.
    """
    store = store or current_store()
    store_was_read()
    drefs = _named(text, store)
    if not drefs:
        ref = find_ref(text, code=code, store=store)
        if isinstance(ref, RRef):
            return ref
        drefs = [ref]
    return _latest(text, drefs, store)


def find_refs(
    text: str, *, code: Scope = "now", tried: bool = False, store: Store | None = None
) -> Sequence[DRef | RRef]:
    """All derivations of a name, or of names that match a pattern; else the one reference meant.

    A name means the code that ran last, or with `tried` the one that was tried last, and a
    warning tells of what else has it; a pattern means any code.
    Raises as `find_ref` does; a name of several derivations is not ambiguous here.
    """
    store = store or current_store()
    store_was_read()
    if set(text) & set("*?["):
        found = [dref for dref in store.drefs() if fnmatchcase(dref.name, text)]
        if not found:
            raise _nothing(text, store)
        return found
    if _named(text, store):
        return _by_code(text, store, checked_scope(code), tried=tried)
    return [find_ref(text, code=code, store=store)]


def latest(drefs: Iterable[DRef], *, store: Store | None = None) -> Attempt | None:
    """The last attempt that made a realization which can be used; None when there is none."""
    return (store or current_store()).latest(drefs)


def _meant(text: str, store: Store, code: Scope) -> Sequence[DRef | RRef]:
    if is_full(text):
        return [_in_full(text)]
    if os.sep in text or text in (".", ".."):
        return _at(text, store)
    if pinned := pins(store).get(text):
        return [pinned]
    if _family(text, store):
        return _by_code(text, store, code)
    return list(_starting(text, store))


def _in_full(text: str) -> DRef | RRef:
    digits = text.removeprefix("dref:").removeprefix("rref:")
    if text.startswith(("dref:", "rref:")):
        return parse_ref(text)
    return parse_ref(f"rref:{digits}" if RRef.form.match(f"rref:{digits}") else f"dref:{digits}")


def _at(path: str, store: Store) -> list[DRef | RRef]:
    """The realization, or else the derivation, in whose directory a path lies."""
    found = Path(os.path.realpath(os.path.expanduser(path)))
    ref = store.at(found)
    return [] if ref is None else [ref]


def _derivations(text: str, store: Store, code: Scope) -> list[DRef]:
    if _named(text, store):
        return _by_code(text, store, code)
    ref = find_ref(text, code=code, store=store)
    return [ref.dref]


def _by_code(name: str, store: Store, code: Scope, *, tried: bool = False) -> list[DRef]:
    """The derivations of a name that are meant; what is left out is told."""
    found = _family(name, store)
    if len(found) == 1:
        return found  # whatever made it, so that no record need be read
    meant = named(name, store, code, tried=tried)
    tell(meant.left_out, name)
    return list(meant.drefs)


def _named(text: str, store: Store) -> list[DRef]:
    """The family of this name, unless it is a pin's: a pin hides it."""
    return [] if text in pins(store) else _family(text, store)


def _family(name: str, store: Store) -> list[DRef]:
    return [dref for dref in store.drefs() if dref.name == name]


def _starting(text: str, store: Store) -> Iterator[DRef | RRef]:
    """What has these first digits: from listings of directories, and for what is gone, records."""
    if not may_begin(text):
        return
    kind, _, digits = text.rpartition(":")
    drefs = store.drefs()
    if kind != "rref":
        yield from (dref for dref in drefs if dref[5:].startswith(digits))
    if kind != "dref":
        here = [rref for dref in drefs for rref in store.realizations(dref, digits)]
        yield from here or _gone(store, drefs, digits)


def _gone(store: Store, drefs: Iterable[DRef], digits: str) -> list[RRef]:
    made = {a.rref for dref in drefs for a in store.attempts(dref) if a.rref}
    return sorted(rref for rref in made if rref[5:].startswith(digits))


# --- choosing --------------------------------------------------------------------------


def _chosen(text: str, drefs: Sequence[DRef], which: str, store: Store, code: Scope) -> RRef:
    if which == "latest":
        return _latest(text, drefs, store)
    rule, _, file = which.partition(":")
    if rule == "best" and file:
        return best(drefs, *metric_and_mode(file), code=code, store=store)
    raise BadRef(
        "not a way to choose a realization",
        given=ascii(text)[:200],
        expected="@latest, @best:FILE or @best:FILE:min",
        remedy=f"{drefs[0].name}@latest",
    )


def metric_and_mode(text: str) -> tuple[str, Mode]:
    """The metric that a text names, and whether the lowest is the best: `loss.txt:min`."""
    modes: dict[str, Mode] = {":min": "min", ":max": "max"}
    mode = modes.get(text[-4:])
    return (text[:-4], mode) if mode else (text, "max")


def _latest(text: str, drefs: Sequence[DRef], store: Store) -> RRef:
    attempt = latest(drefs, store=store)
    if attempt is None or attempt.rref is None:
        raise NotInStore(
            "no realization of this is here",
            given=ascii(text)[:200],
            store=store.root,
            remedy="build it; `pystore log` shows what was tried",
        )
    return attempt.rref


# --- errors ----------------------------------------------------------------------------


def _one(text: str, found: Sequence[DRef | RRef], store: Store) -> DRef | RRef:
    if len(found) == 1:
        return found[0]
    if not found:
        raise _nothing(text, store)
    name = found[0].name if all(ref.name == text for ref in found) else None
    raise BadRef(
        f"{len(found):,} things are meant by this",
        given=ascii(text)[:200],
        candidates=_table(found, store),
        remedy=f"their first digits, or {name}@latest" if name else "type more digits",
    )


def _nothing(text: str, store: Store) -> NotInStore:
    from difflib import get_close_matches  # only on the way to an error

    names = {*pins(store), *(dref.name for dref in store.drefs())}
    close = get_close_matches(text.partition("@")[0], sorted(names), 5, 0.5)
    remedy = "`pystore ls` lists what there is"
    if re.fullmatch("[0-9a-f]{1,3}", text):
        remedy += "; first digits of a hash are 4 or more"
    elif text.partition(":")[0].endswith(".py"):
        remedy += "; the stages of a file are for `pystore run` and `pystore explain`"
    return NotInStore(
        "nothing here is called so",
        given=ascii(text)[:200],
        similar=", ".join(close) or None,
        there_are=None if close else listed(sorted(names)) or "no derivations at all",
        store=store.root,
        remedy=remedy,
    )


def _table(refs: Sequence[DRef | RRef], store: Store) -> str:
    shown = refs[:_SHOWN]
    homes = {ref: ref.dref for ref in shown}
    told = differing({dref: store.config(dref) for dref in homes.values()}, store.config)
    digits = max(_digits(ref, refs) for ref in shown)
    rows = [
        (ref[: 5 + digits], ref.name, *_age(ref, store), _pairs(told[home], _reached(ref, store)))
        for ref, home in homes.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, *([f"… {len(refs) - _SHOWN:,} more"] if refs[_SHOWN:] else [])])


def _digits(ref: str, refs: Iterable[str]) -> int:
    """How many digits tell it from the others; at least the 8 that tables show."""
    others = [other for other in refs if other != ref]
    enough = (n for n in range(8, 32) if not any(o.startswith(ref[: 5 + n]) for o in others))
    return next(enough, 32)


def _age(ref: DRef | RRef, store: Store) -> tuple[str, str]:
    if isinstance(ref, RRef):
        made = newest_first([ref], store)
        return "a realization", f"built {when(made[0].stop)}" if made else "of no attempt"
    count, last = len(store.realizations(ref)), latest([ref], store=store)
    return counted(count, "realization"), f"built {when(last.stop)}" if last else "not built"


def _reached(ref: DRef | RRef, store: Store) -> Mapping[str, float]:
    made = newest_first([ref], store) if isinstance(ref, RRef) else []
    return made[0].metrics if made else {}


def _pairs(*told: Mapping[str, object]) -> str:
    pairs = (pair for one in told for pair in one.items())
    return " ".join(f"{printable(name)}={printable(written(value))}" for name, value in pairs)

"""Short references: references as people type them.

A text is tried in this order: a reference in full, or the name of its directory; a path in the
store; a pin; the name of one derivation; the first digits of a hash, 4 or more (any number after
`dref:` or `rref:`). `X@latest` and `X@best:FILE` (`X@best:FILE:min`) are realizations of X, which
is one derivation, or a name with whatever parameters. `name@1f0c2a` is a derivation, as tables show
it. A name stands for the derivations of the code that ran last; with `code="any"`, for all.
"""

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ...core.errors import BadRef, NotInStore, PystoreWarning
from ...core.near_names import near_names
from ...core.options import Mode, Scope, checked_scope
from ...core.printable import counted, listed, printable, when
from ...core.refs import DRef, RRef, is_full, may_begin, parse_ref
from ...declare.recorder import store_was_read
from ...store.current import current_store
from ...store.pins import pins
from ...store.store import Store
from ..experiments.differing import differing
from ..experiments.family import by_code_of, tell
from ..experiments.table import written
from .attempts import newest_first

_MOST = 10  # candidates in an error


def find_ref(text: str, *, code: Scope = "now", store: Store | None = None) -> DRef | RRef:
    """The reference that a short text means: the first digits, a name, `name@latest`, a pin.

    Also `name@best:accuracy.txt`, `name@best:loss.txt:min`, and the same of a derivation. A name
    means the code that ran last, and a warning counts the others; with `code="any"` they are meant
    too. Raises BadRef with the candidates when there are several, NotInStore with similar names
    when there are none. A reference in full is not looked up.
    """
    store = current_store(store)
    if not isinstance(text, str) or isinstance(text, (DRef, RRef)):
        return parse_ref(text)
    store_was_read()
    base, at, which = text.partition("@")
    if not at:
        return _one(text, _meant(text, store, checked_scope(code)), store)
    if re.fullmatch("[0-9a-f]+", which):
        return _one(text, [d for d in _family(base, store) if d.digest.startswith(which)], store)
    # The latest attempt is always by the code that ran last.
    code = "any" if which == "latest" else checked_scope(code)
    return _chosen(text, _derivations(base, store, code), which, store, code)


def find_rref(text: str, *, code: Scope = "now", store: Store | None = None) -> RRef:
    """The realization that a short text means: of a derivation or a name, the latest.

    Raises as `find_ref` does; a name of several derivations is not ambiguous here.
    """
    store = current_store(store)
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

    A name means the code that ran last, or with `tried` the code that was tried last, and a warning
    counts the others. A pattern means any code. Raises as `find_ref` does; a name of several
    derivations is not ambiguous here.
    """
    store = current_store(store)
    store_was_read()
    if is_pattern(text):
        found = [dref for dref in store.drefs() if fnmatchcase(dref.name, text)]
        if not found:
            raise _nothing(text, store)
        return found
    if family := _named(text, store):
        return _by_code(family, store, checked_scope(code), tried=tried)
    return [find_ref(text, code=code, store=store)]


def is_pattern(text: str) -> bool:
    """Whether a text is a pattern of names."""
    return not {*text}.isdisjoint("*?[")


def find_sendable(
    text: str, *, code: Scope = "now", rejections: bool = False, store: Store | None = None
) -> Sequence[DRef | RRef]:
    """What `find_refs` finds; of several derivations, those that have a realization for others.

    With `rejections`, also those of which all was rejected. A warning counts the others. Where
    nothing is left, all are returned.
    """
    store = current_store(store)
    found = find_refs(text, code=code, store=store)
    made = [
        ref
        for ref in found
        if any(not one.gone for one in store.all_candidates(ref.dref))
        or (rejections and store.rejected(ref.dref))
    ]
    if len(made) == len(found) or not made:
        return found
    left = len(found) - len(made)
    warnings.warn(
        f"{printable(text)}: of {len(found):,} derivations, {left:,} "
        f"{'has' if left == 1 else 'have'} no realization to send: none succeeded, or it was "
        "rejected or removed",
        PystoreWarning,
        stacklevel=2,
    )
    return made


def _meant(text: str, store: Store, code: Scope) -> Sequence[DRef | RRef]:
    if is_full(text):
        return [_in_full(text)]
    if os.sep in text or text in (".", ".."):
        ref = store.at(Path(os.path.realpath(os.path.expanduser(text))))
        return [] if ref is None else [ref]
    if pinned := pins(store).get(text):
        return [pinned]
    if family := _family(text, store):
        return _by_code(family, store, code)
    return list(_starting(text, store))


def _in_full(text: str) -> DRef | RRef:
    digits = text.removeprefix("dref:").removeprefix("rref:")
    if text.startswith(("dref:", "rref:")):
        return parse_ref(text)
    return parse_ref(f"rref:{digits}" if RRef.form.match(f"rref:{digits}") else f"dref:{digits}")


def _derivations(text: str, store: Store, code: Scope) -> list[DRef]:
    if family := _named(text, store):
        return _by_code(family, store, code)
    return [find_ref(text, code=code, store=store).dref]


def _by_code(found: list[DRef], store: Store, code: Scope, *, tried: bool = False) -> list[DRef]:
    """Those of the derivations of one name that are meant; a warning counts the others."""
    if len(found) == 1 or code == "any":
        return found  # whatever code made it: so no record need be read
    meant = by_code_of(found, store, tried=tried)
    tell(meant.left_out, found[0].name)
    return list(meant.drefs)


def _named(text: str, store: Store) -> list[DRef]:
    """The derivations of this name; none if it is the name of a pin."""
    return [] if text in pins(store) else _family(text, store)


def _family(name: str, store: Store) -> list[DRef]:
    return [dref for dref in store.drefs() if dref.name == name]


def _starting(text: str, store: Store) -> Iterator[DRef | RRef]:
    """The references with these first digits. Records are read only if none is here any more."""
    if not may_begin(text):
        return
    kind, _, digits = text.rpartition(":")
    drefs = store.drefs()
    if kind != "rref":
        yield from (dref for dref in drefs if dref[5:].startswith(digits))
    if kind != "dref":
        here = [rref for dref in drefs for rref in store.realizations(dref, digits)]
        made = (a.rref for dref in drefs if not here for a in store.attempts(dref) if a.rref)
        yield from here or sorted({rref for rref in made if rref[5:].startswith(digits)})


# --- choosing --------------------------------------------------------------------------


def _chosen(text: str, drefs: Sequence[DRef], which: str, store: Store, code: Scope) -> RRef:
    if which == "latest":
        return _latest(text, drefs, store)
    rule, _, file = which.partition(":")
    if rule == "best" and file:
        from ..experiments.results import best  # for weight: few references ask for the best

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
    attempt = store.latest(drefs)
    if attempt is None or attempt.rref is None:
        refused = sum(
            bool(store.rejection(made)) for dref in drefs for made in store.realizations(dref)
        )
        raise NotInStore(
            "no realization of this is here that can be used"
            if refused
            else "no realization of this is here",
            given=ascii(text)[:200],
            rejected=refused or None,
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

    names = {*pins(store), *(dref.name for dref in store.drefs())}
    close = near_names(text.partition("@")[0], sorted(names), 5, 0.5)
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
    first = refs[:_MOST]
    told = differing({ref.dref: store.config(ref.dref) for ref in first}, store.config)
    digits = max(_digits(ref, refs) for ref in first)
    rows = [(ref[: 5 + digits], ref.name, *_facts(ref, told[ref.dref], store)) for ref in first]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, *([f"… {len(refs) - _MOST:,} more"] if refs[_MOST:] else [])])


def _digits(ref: str, refs: Iterable[str]) -> int:
    """How many digits tell a reference from the others; at least the 8 that tables show."""
    others = [other for other in refs if other != ref]
    enough = (n for n in range(8, 32) if not any(o.startswith(ref[: 5 + n]) for o in others))
    return next(enough, 32)


def _facts(
    ref: DRef | RRef, parameters: Mapping[str, object], store: Store
) -> tuple[str, str, str]:
    """Its kind, when it was built, and what tells it apart."""
    if isinstance(ref, DRef):
        kind, last = counted(len(store.realizations(ref)), "realization"), store.latest([ref])
        built = f"built {when(last.stop)}" if last else "not built"
        return kind, built, _pairs(parameters)
    made = newest_first([ref], store)[:1]
    built = "".join(f"built {when(last.stop)}" for last in made) or "of no attempt"
    return "a realization", built, _pairs(parameters, *(last.metrics for last in made))


def _pairs(*told: Mapping[str, object]) -> str:
    pairs = (pair for one in told for pair in one.items())
    return " ".join(f"{printable(name)}={printable(written(value))}" for name, value in pairs)

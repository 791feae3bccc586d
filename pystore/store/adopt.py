"""Adoption: results of other derivations from the same bytes count here too (early cutoff).

The *resolved* config of a derivation in a context is its config with the digests of the chosen
trees in place of the references. Two derivations with equal resolved configs run the same code on
the same bytes. So the realization of one is linked in under the other, with its attempts.

AO1  The bytes are hashed again when they are adopted: damage is never adopted.
AO2  `resolved/<digest>/` names the (derivation, context) pairs; it is an index, and may be lost.
AO3  A run is adopted once, however many derivations have it.
AO4  A run is adopted only if all that it has read of its inputs beyond their bytes is known, and
    would be the same here. (`adoption.py` checks this for the callers of `adoptable`.)
AO5  A rejection counts for each copy that adoption has made of a run, and no further one is made.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path

from ..core.attempt import Attempt
from ..core.candidate import Candidate
from ..core.config import Config
from ..core.context import CONTEXT, Context, parse_provenance, rref_of
from ..core.dataclasses import replace
from ..core.digest import short
from ..core.errors import BadRef, Corrupted, NotInStore
from ..core.refs import DRef, RRef
from ..core.same_run import Run, run_of
from . import attempts, below, disk, records, rights
from .beginning import begin, claim
from .candidates import gather
from .commit import Sealed, publish, seal_tree
from .descriptors import Opened
from .layout import Layout
from .parts import Parts
from .staging import Staging
from .walk import walk

Equal = tuple[DRef, str]  # a derivation with an equal resolved config, the digest of a context


def resolved_digest(layout: Layout, config: Config, context: Context) -> str:
    """The short digest of the resolved config. Raises FileNotFoundError when an input is gone."""
    return resolved_with(config, context, lambda rref: tree_of(layout, rref))


def resolved_with(config: Config, context: Context, tree: Callable[[RRef], str]) -> str:
    """The same, with the digest of the tree of each input from `tree`.

    Inputs with equal trees get different numbers: an input that is used twice has one number.
    """
    text, alike = config.text, Counter[str]()
    for dref in sorted(context, key=lambda dref: config.text.find(f'"{dref}"')):
        trees = ",".join(sorted(tree(rref) for rref in context[dref]))
        # No other string of a config starts so (CF4): no parameter can be taken for it.
        text = text.replace(f'"{dref}"', f'"rref:{trees}.{alike[trees]}"')
        alike[trees] += 1
    return short("pystore resolved 2", text.encode())


def note(layout: Layout, config: Config, context: Context) -> str:
    """Adds a (derivation, context) with a success to the index, if it has inputs.

    Returns the digest under which it stands there; "" where it stands under none.
    """
    if not context:
        return ""  # no other derivation can have the same resolved config
    try:
        digest = resolved_digest(layout, config, context)
        folder = f"{layout.resolved}/{digest}"
        rights.ensure_folder(folder)
        path = f"{folder}/{context.digest}-{config.dref[5:]}"
        Opened(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, mode=0o444).close()
    except (OSError, Corrupted):
        return ""  # AO2: the commit stands without the index; an input may have been removed
    return digest


def adoptable(layout: Layout, config: Config, context: Context) -> Iterator[Candidate]:
    """The realizations with the same resolved config whose bytes are there, oldest first (AO3).

    Raises NotInStore when an input was removed meanwhile.
    """
    if not context:
        return
    digest = resolved_with(config, context, lambda rref: _tree_there(layout, rref))
    equals = {one: _equals(one, digest) for one in layout.readable}
    own = config.dref, context.digest
    there = chain.from_iterable(
        gather(one, *equal, ()) for one, several in equals.items() for equal in several - {own}
    )
    found = [candidate for candidate in there if not candidate.gone]
    bad = _rejected(layout, frozenset().union(*equals.values())) if found else frozenset()
    good = [one for one in found if bad.isdisjoint(map(run_of, one.attempts))]
    ordered = sorted(good, key=lambda candidate: candidate.attempts[0].order)
    yield from _news(layout, config.dref, context, ordered)


def digests_of(layout: Layout, rref: RRef, made: Iterable[Attempt]) -> set[str]:
    """The digests of the resolved configs under which the index has these attempts of it."""
    own = {f"{attempt.context}-{rref.dref[5:]}" for attempt in made}
    return {digest for one in layout.readable for digest in _digests(one, own)}


def copies(
    layout: Layout, rref: RRef, made: Iterable[Attempt], digests: Iterable[str]
) -> set[RRef]:
    """The other realizations that hold a run of this one, by adoption (AO5).

    `made` are the attempts that made it, `digests` those of its resolved configs. Its bytes may be
    gone.
    """
    runs = _adoptable_runs(made)
    found: set[RRef] = set()
    for digest in digests:
        for one in layout.readable:
            for dref, inputs in _equals(one, digest):
                tries = _made(one, dref, inputs)
                found |= {r for r in tries if not runs.isdisjoint(_adoptable_runs(tries[r]))}
    return found - {rref}


def _digests(layout: Layout, entries: Iterable[str]) -> Iterator[str]:
    """The digests of the resolved configs that have one of these entries in the index."""
    for digest in attempts.names(str(layout.resolved)):
        if any(os.path.lexists(f"{layout.resolved}/{digest}/{entry}") for entry in entries):
            yield digest


def _made(layout: Layout, dref: DRef, inputs: str) -> records.Made:
    return records.look(layout.attempts(dref), inputs)[1].get(inputs, {})


def _rejected(layout: Layout, equals: Iterable[Equal]) -> frozenset[Run]:
    """The runs that made realizations of these that are rejected."""
    found: set[Run] = set()
    for dref, inputs in equals:
        bad = below.marked(layout, dref, "rejected")
        for one in layout.readable if bad else ():
            made = _made(one, dref, inputs)
            found |= _adoptable_runs(a for rref in made.keys() & bad for a in made[rref])
    return frozenset(found)


def _adoptable_runs(made: Iterable[Attempt]) -> set[Run]:
    """The runs among attempts; what a user has accepted says nothing of the run elsewhere."""
    return {run_of(attempt) for attempt in made if isinstance(attempt.reads, dict)}


def _news(
    layout: Layout, dref: DRef, context: Context, found: Sequence[Candidate]
) -> Iterator[Candidate]:
    """The candidates whose runs the derivation lacks, or whose bytes it has lost."""
    if not found:
        return
    folders = [one.attempts(dref) for one in layout.readable]
    known = {run_of(a) for folder in folders for a in attempts.ended(folder, context.digest)}
    own = below.candidates(layout, dref, context.digest, ())
    here = known - {run_of(a) for candidate in own if candidate.gone for a in candidate.attempts}
    for candidate in found:
        new = [attempt for attempt in candidate.attempts if run_of(attempt) not in known]
        lost = [attempt for attempt in candidate.attempts if run_of(attempt) not in here][:1]
        if taken := new or lost:
            yield replace(candidate, attempts=tuple(taken))
        known.update(run_of(attempt) for attempt in candidate.attempts)
        here.update(run_of(attempt) for attempt in candidate.attempts)


def _equals(layout: Layout, digest: str) -> frozenset[Equal]:
    """The derivations with this resolved config, each with the digest of a context (AO2)."""
    found: set[Equal] = set()
    for name in attempts.names(f"{layout.resolved}/{digest}"):
        inputs, _, home = name.partition("-")
        with suppress(BadRef):
            found.add((DRef(f"dref:{home}"), inputs))
    return frozenset(found)


def fill(layout: Layout, rref: RRef, out: Path) -> int:
    """Links the tree of a realization into an output directory; copies files without links.

    Returns the number of files.
    """
    holder = layout.holder(rref)
    source = Path(holder.out(rref))
    # A link to a file of the store below would change that file's inode.
    bring, count = _link if holder is layout else _copy, 0
    for step in walk(source):
        name = os.fsdecode(step.path)
        if step.leaving:
            continue
        if step.is_directory:
            os.mkdir(out / name, 0o755)
        elif stat.S_ISLNK(step.status.st_mode):
            os.symlink(os.readlink(source / name), out / name)
        else:
            bring(source / name, out / name)
            count += 1
    return count


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # too many links, or a file system without them
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    import shutil  # late for weight: it loads all compressors, and copies are rare

    shutil.copy2(source, target)


def adopt(
    parts: Parts,
    config: Config,
    context: Context,
    found: Iterable[Candidate],
    notes: dict[str, str],
) -> list[tuple[RRef, int]]:
    """Takes over realizations with their attempts; returns the number of attempts of each.

    `notes` go into the records. Damaged realizations are left out (AO1).
    """
    taken = ((_adopt(parts, config, context, c, notes), len(c.attempts)) for c in found)
    return [(rref, count) for rref, count in taken if rref is not None]


def _adopt(
    parts: Parts, config: Config, context: Context, candidate: Candidate, notes: dict[str, str]
) -> RRef | None:
    if not parts.hold((candidate.rref,)):
        return None  # gc was quicker
    layout, after = parts.layout, max(tried.start for tried in candidate.attempts)
    staged = begin(parts, config, context, candidate.attempts[0].seed, after=after)
    try:
        try:
            wanted = tree_of(layout, candidate.rref)
            count = fill(layout, candidate.rref, staged.out)
        except FileNotFoundError:
            if layout.has(candidate.rref):
                raise
            _forget(parts, staged)  # somebody has removed the realization by force
            return None
        sealed = seal_tree(parts, staged, count)
        if parse_provenance(sealed.provenance)[2] != wanted:
            _forget(parts, staged)
            return None
        records = _records(parts, staged, candidate, {**notes, "adopted": candidate.rref})
        return _publish(parts, staged, sealed, records)
    except BaseException:
        _forget(parts, staged)
        raise


def _forget(parts: Parts, staged: Staging) -> None:
    # Nothing ran under this number: it is free again, unless it has a record.
    attempts.unclaim(parts.layout.attempts(staged.dref), staged.context.digest, staged.claim.number)
    staged.discard()


def _records(
    parts: Parts, staged: Staging, candidate: Candidate, notes: dict[str, str]
) -> list[Attempt]:
    dref, context = staged.dref, staged.context
    after, tries = staged.claim.start, candidate.attempts[1:]
    with parts.session.open_gate():
        others = [
            claim(parts, dref, context, attempts.COPY, seed=tried.seed, after=after)
            for tried in tries
        ]
    numbers = [staged.claim.number, *(claimed.number for claimed in others)]
    return [
        tried._replace(
            id=disk.fresh_name(), dref=dref, context=context.digest, number=number,
            notes={**tried.notes, **notes},
        )
        for number, tried in zip(numbers, candidate.attempts, strict=True)
    ]  # fmt: skip


def _publish(parts: Parts, staged: Staging, sealed: Sealed, records: list[Attempt]) -> RRef:
    layout, folder = parts.layout, parts.layout.attempts(staged.dref)
    first, *others = [record._replace(rref=sealed.rref) for record in records]
    with parts.session.open_gate():
        parts.session.note([sealed.rref])
        for record in others:
            attempts.record(folder, record, tmp=parts.tmp, durable=parts.durable)
        rref = publish(parts, staged, sealed, first).rref
        note(layout, staged.config, staged.context)
    return rref


def _tree_there(layout: Layout, rref: RRef) -> str:
    try:
        return tree_of(layout, rref)
    except FileNotFoundError:
        raise NotInStore(
            "an input was removed after it had been chosen",
            ref=rref,
            store=layout.root,
            remedy="realize again: it is built anew",
        ) from None


def tree_of(layout: Layout, rref: RRef) -> str:
    """The whole digest of a realization's manifest. Raises FileNotFoundError, Corrupted."""
    return _stated_tree(f"{layout.holder(rref).realization(rref)}/{CONTEXT}", rref)


@lru_cache(4096)  # cached for good: a reference is the digest of this file
def _stated_tree(path: str, rref: RRef) -> str:
    text = disk.read(path)
    if rref_of(rref.dref, text) != rref:
        raise Corrupted("it is not the context of this realization", ref=rref, path=path)
    return parse_provenance(text)[2]

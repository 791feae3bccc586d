"""pystore diff: the differences between two results."""

import json
from collections.abc import Iterator, Sequence

import click

from ...ask.inspection.difference import (
    Changed,
    ChangedArtifact,
    ChangedCode,
    Difference,
    difference,
)
from ...ask.inspection.short_refs import find_ref, find_refs
from ...core.manifest import Entry
from ...core.options import Scope
from ...core.printable import printable
from ...core.refs import DRef, RRef
from ...store.store import Store
from ..quantities import number, size
from .columns import cut, facts, in_terminal, ref
from .command_context import CommandContext, as_json, report, with_command
from .ref import RefType

_MOST = 40  # lines of one artifact's difference, in a terminal


def _find(text: str, *, code: Scope, store: Store) -> DRef | RRef:
    """The latest realization that is meant, or a derivation of which nothing was built."""
    refs = find_refs(text, code="any", store=store)
    if len(refs) > 1 or isinstance(refs[0], DRef):
        attempt = store.latest([ref for ref in refs if isinstance(ref, DRef)])
        if attempt is not None and attempt.rref is not None:
            return attempt.rref
        return find_ref(text, code=code, store=store)
    return refs[0]


SIDE = RefType(_find)


@click.command()
@click.argument("a", type=SIDE)
@click.argument("b", type=SIDE)
@as_json
@with_command
def diff(command: CommandContext, a: DRef | RRef, b: DRef | RRef, as_json: bool) -> None:
    """Show in what B differs from A, from config to metrics.

    Compared are config, code, inputs, artifacts and metrics. Of a derivation or a name, the latest
    realization; where nothing was built of one of them yet, derivations are compared.

    --json: an object with `a`, `b` and lists `config`, `code`, `inputs`, `artifacts` and
    `metrics` of objects with `key` (of artifacts `path`), `a` and `b`; null where there is none.
    Those of `code` and `artifacts` have `lines` of a unified diff.
    """
    if type(a) is not type(b):
        a, b = a.dref, b.dref
    found = difference(a, b, command.store)
    report([found], lambda: _text(found), as_json)


def _text(found: Difference) -> str:
    parts = [
        ("config", facts((printable(one.key), _values(one)) for one in found.config)),
        ("code", "\n".join(_code(found.code))),
        ("inputs", facts((printable(c.key), f"{_refs(c.a)} → {_refs(c.b)}") for c in found.inputs)),
        ("artifacts", "\n".join(_artifacts(found.artifacts))),
        ("metrics", _metrics(found.metrics)),
    ]
    told = [f"{click.style(title, bold=True)}\n{body}" for title, body in parts if body]
    head = f"{click.style(f'- {found.a}', fg='red')}\n{click.style(f'+ {found.b}', fg='green')}"
    return "\n".join([head, *(told or ["nothing differs"])])


def _values(changed: Changed) -> str:
    """The value of both sides; a parameter that is null is told from one that is not there."""
    told = zip((changed.a, changed.b), changed.lacking, strict=True)
    written = ("(none)" if lacks else json.dumps(one, ensure_ascii=False) for one, lacks in told)
    return printable(" → ".join(written))


def _refs(refs: Sequence[str] | None) -> str:
    return ", ".join(map(ref, refs)) if refs else "(none)"


def _code(changed: Sequence[ChangedCode]) -> Iterator[str]:
    for one in changed:
        became = "is new" if one.a is None else "is gone" if one.b is None else "changed"
        yield facts([(printable(one.key), became)])
        yield from _shown(one.lines)


def _metrics(changed: Sequence[Changed]) -> str:
    return facts((printable(c.key), _apart(c.a, c.b)) for c in changed)


def _apart(a: float | None, b: float | None) -> str:
    if a is None or b is None:
        return " → ".join("(none)" if x is None else number(x) for x in (a, b))
    relative = f", {(b - a) / abs(a):+.2%}" if a else ""
    return f"{number(a)} → {number(b)}  ({b - a:+.6g}{relative})"


def _artifacts(changed: Sequence[ChangedArtifact]) -> Iterator[str]:
    for one in changed:
        sign = "+" if one.a is None else "-" if one.b is None else "~"
        name = f"{sign} {printable(one.path)}"
        yield cut(f"  {name}  {_kind(one.a)}{' → ' if one.a and one.b else ''}{_kind(one.b)}")
        yield from _shown(one.lines)


def _shown(lines: Sequence[str]) -> Iterator[str]:
    """The lines of a unified diff, without the names of the two sides."""
    lines = lines[2:]
    most = _MOST if in_terminal() else len(lines)
    yield from map(changed_line, lines[:most])
    if lines[most:]:
        yield f"      … {len(lines) - most:,} lines more"


def _kind(entry: Entry | None) -> str:
    if entry is None:
        return ""
    if entry.kind == "file":
        return size(entry.size) + (" executable" if entry.executable else "")
    return f"link to {printable(entry.target)}" if entry.kind == "link" else entry.kind


def changed_line(line: str) -> str:
    """A line of a unified diff, in its colour."""
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    text = cut(f"      {printable(line.expandtabs())}")
    return click.style(text, fg=colour) if colour else text

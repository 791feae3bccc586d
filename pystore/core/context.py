"""Context: for each direct input of a derivation, the realizations chosen for it.

CX1  An RRef digests its own context, so direct inputs pin the whole history.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from .digest import short
from .errors import BadRef, Corrupted
from .refs import DRef, RRef

CONTEXT = "context.json"  # the name of its file in a realization

_TEXT = r'\{"dref":"([^"\\]+)","inputs":(\{.*\}),"manifest":"([0-9a-f]{64})"\}\n'


class Context(Mapping[DRef, tuple[RRef, ...]]):
    """The realizations chosen for each direct input, sorted; immutable."""

    __slots__ = ("_chosen", "digest", "text")

    text: str  # canonical
    digest: str  # 32 hex, as file names have it

    def __init__(self, chosen: Mapping[DRef, Iterable[RRef]] | None = None) -> None:
        self._chosen = {d: tuple(sorted(set(r))) for d, r in sorted((chosen or {}).items())}
        self.text = f"{{{','.join(map(_entry, self._chosen.items()))}}}"
        self.digest = short("pystore context 1", self.text.encode())

    def __getitem__(self, dref: DRef) -> tuple[RRef, ...]:
        return self._chosen[dref]

    def __iter__(self) -> Iterator[DRef]:
        return iter(self._chosen)

    def __len__(self) -> int:
        return len(self._chosen)

    def __repr__(self) -> str:
        return f"Context({self.text})"

    def __reduce__(self) -> tuple[object, ...]:
        return Context, (self._chosen,)


def _entry(chosen: tuple[DRef, tuple[RRef, ...]]) -> str:
    """As json.dumps would write it, in less time: references need no escapes."""
    dref, rrefs = chosen
    quoted = '","'.join(rrefs)
    return f'"{dref}":["{quoted}"]' if rrefs else f'"{dref}":[]'


def provenance_text(dref: DRef, context: Context, manifest: str) -> bytes:
    """The text of a realization's `context.json`, which its RRef digests.

    `manifest` is the full digest of its tree.
    """
    value = {"dref": dref, "inputs": dict(context), "manifest": manifest}
    return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()


def provenance_end(manifest: str) -> bytes:
    """The end of a `context.json` that names this tree. What is before it does not depend on it."""
    return f'"{manifest}"}}\n'.encode()


def rref_of(dref: DRef, provenance: bytes) -> RRef:
    """The reference of the realization with this `context.json`."""
    return RRef.of(provenance_digest(provenance), dref)


def provenance_digest(provenance: bytes) -> str:
    """The 32 hex digits of the realization with this `context.json`."""
    return short("pystore realization 1", provenance)


def parse_provenance(text: bytes) -> tuple[DRef, Context, str]:
    """The derivation, the context and the tree's digest in a `context.json`. Raises Corrupted."""
    try:
        if found := re.fullmatch(_TEXT, text.decode(), re.ASCII):
            # Realizations of one derivation mostly have one context, and stand side by side.
            return DRef(found[1]), _context_of(found[2]), found[3]
        value: dict[str, Any] = json.loads(text)
        dref, manifest = DRef(value["dref"]), str(value["manifest"])
        context = _context(value["inputs"])
        canonical = provenance_text(dref, context, manifest) == text
    except (ValueError, KeyError, TypeError, AttributeError, BadRef, RecursionError) as error:
        raise Corrupted("not the text of a context", because=repr(error)[:200]) from None
    if not canonical:
        raise _not_canonical()
    return dref, context, manifest


@lru_cache(8)
def _context_of(text: str) -> Context:
    """The context of which this is the canonical text."""
    context = _context(json.loads(text))
    if context.text != text:
        raise _not_canonical()
    return context


def _context(inputs: dict[str, list[str]]) -> Context:
    return Context({DRef(dref): [RRef(r) for r in rrefs] for dref, rrefs in inputs.items()})


def _not_canonical() -> Corrupted:
    return Corrupted("not the canonical text of a context")

"""Ran code: the text of what an attempt ran, part by part, and how two of them differ."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...core.errors import Corrupted, NotInStore
from ...core.kept_code import CodeText
from ...core.ports import StoreReader
from ...core.refs import DRef, RRef
from ...declare.identity.places import ungrouped
from ...store.store import Store
from .attempts import as_run, newest_first


@dataclass(frozen=True)
class CodePart:
    """A function, a class, a module or a constant that an attempt ran."""

    name: str
    kind: str  # "function", "class", "module" or "constant"
    file: str  # the name of its file; "" if there is none
    digest: str
    text: CodeText | None  # None: it was not kept

    def to_dict(self) -> dict[str, Any]:
        """The part for programs: `name`, `kind`, `file`, `digest`, `source`, and `text`.

        `source` is how it stood in the file, `text` what was hashed; null where nothing was kept.
        """
        facts = {key: getattr(self, key) for key in ("name", "kind", "file", "digest")}
        text, source = (self.text.text, self.text.source) if self.text else (None, None)
        return {**facts, "text": text, "source": source}


@dataclass(frozen=True)
class AttemptCode:
    """The code that an attempt ran, and how its project differed from its revision."""

    attempt: Attempt
    parts: tuple[CodePart, ...]
    patch: bytes  # of the project; empty if it did not differ, or the patch was too long

    def to_dict(self) -> dict[str, Any]:
        """The code as `pystore show --code --json` prints it."""
        facts = {key: getattr(self.attempt, key) for key in ("dref", "context", "number", "rref")}
        patch = self.patch.decode("utf-8", "replace")
        return {**facts, "parts": [part.to_dict() for part in self.parts], "patch": patch}


def code_of(ref: DRef | RRef, store: Store) -> AttemptCode:
    """The code of the latest attempt that ran. Raises NotInStore where nothing has run."""
    found = newest_first([ref], store)
    if not found:
        raise NotInStore("no attempt of this is known", ref=ref, remedy="pystore log")
    return code_of_attempt(found[0], store)


def code_of_attempt(attempt: Attempt, store: Store) -> AttemptCode:
    """The code of an attempt; of an adopted result, of the attempt that ran."""
    ran = as_run(attempt, store)
    kinds = ungrouped(ran.notes.get("places"))
    parts = []
    for name, digest in digests_of(ran).items():
        kind, file = kinds.get(name, ("function", ""))
        parts.append(CodePart(name, kind, file, digest, kept(store, digest)))
    return AttemptCode(ran, tuple(parts), store.diff(ran))


def digests_of(attempt: Attempt) -> dict[str, str]:
    """The digests of the parts of the code that an attempt ran, by their names."""
    return noted_parts(attempt) or ({attempt.realizer: attempt.source} if attempt.source else {})


def noted_parts(attempt: Attempt) -> dict[str, str]:
    """The same of the code of a @stage; none of a hand-written realizer."""
    noted = attempt.notes.get("code")
    parts = noted if isinstance(noted, Mapping) else {}
    return {str(name): str(digest) for name, digest in parts.items()}


def kept(store: StoreReader, digest: str) -> CodeText | None:
    """The text behind a digest; None where it was not kept, or is damaged."""
    try:
        return store.code(digest)
    except Corrupted:
        return None


def changed_lines(name: str, old: CodeText | None, new: CodeText | None) -> tuple[str, ...]:
    """A unified diff of two texts of a part of this name; empty where one is not known.

    Where the lines are the same, such as those of a function whose default is another, what was
    hashed is compared.
    """
    if old is None or new is None:
        return ()
    sides = (old.lines, new.lines)
    if sides[0] == sides[1]:
        sides = (old.text.splitlines(), new.text.splitlines())
    return tuple(difflib.unified_diff(*sides, name, name, lineterm=""))

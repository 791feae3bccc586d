"""Mentions: references to inputs in the bytes of an output, such as a path written as text.

They are found by their digests, as Nix finds runtime dependencies: Dolstra, The Purely Functional
Software Deployment Model, 2006, section 2.1. In compressed files they are not found.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from ..core.errors import Corrupted, NotInStore
from ..core.manifest import Manifest
from ..core.reads import Reads, Surroundings, digest_of, key_of
from . import disk

LARGEST = 1 << 20  # [bytes]: larger artifacts are not searched


def complete(
    around: Surroundings, reads: Reads | None, notes: object, out: Path, manifest: Manifest
) -> Reads | None:
    """The reads of an attempt, completed by the references that its notes and its output mention.

    Also by which of its inputs are the same tree. None where the reads are not known, or an input
    was removed meanwhile.
    """
    if reads is None or not around.inputs:
        return reads
    known: dict[str, list[tuple[str, str]]] = {}
    try:
        for key, seen, digits in around.mentionable(reads):
            known.setdefault(digits, []).append((key, seen))
        one = around.same(reads)
    except (NotInStore, Corrupted):
        return None
    found = dict(reads)
    # For its direct inputs, the resolved config says which are the same.
    if any(key.startswith("tree ") for key in reads):
        found[key_of("same", "")] = digest_of("same", one)
    texts = chain([json.dumps(notes).encode()], _texts(out, manifest))
    for digits in _mentioned(texts, known):
        for key, seen in known[digits]:
            found.setdefault(key, digest_of(key.partition(" ")[0], seen))
    return found


def _mentioned(texts: Iterable[bytes], known: Iterable[str]) -> set[str]:
    needles = [(digits.encode(), digits) for digits in known]
    found: set[str] = set()
    for text in texts:
        plain = text.translate(None, b"\0")  # NumPy keeps texts in UTF-32
        found.update(digits for needle, digits in needles if needle in plain)
    return found


def _texts(out: Path, manifest: Manifest) -> Iterator[bytes]:
    yield manifest.text  # names of files and targets of links
    root = str(out).encode(errors="surrogateescape") + b"/"
    for entry in manifest.entries:
        if entry.kind == "file" and 32 <= entry.size <= LARGEST:
            yield disk.read(root + entry.path)

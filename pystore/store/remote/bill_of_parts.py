"""BillOfParts: the object of a remote that lists the content of one realization.

Its text is one line with the `context.json` of the realization, one line with the digests of its
parts, and its `manifest.json`. A reader can check all of it: the reference is the digest of the
first line, the first line holds the digest of the manifest, the manifest that of every file.
"""

import json
import re
from itertools import islice

from ...core.context import Context, parse_provenance, rref_of
from ...core.dataclasses import dataclass
from ...core.digest import digest
from ...core.errors import Corrupted
from ...core.manifest import Entry, Manifest
from ...core.refs import DRef, RRef
from .object_parts import Part, parts_of

LONGEST = 3000  # [bytes] of a path; below the path of a store, an operating system still takes it
_EACH = 67  # [bytes] of one digest in the list of parts, with quotes and comma
_HASH = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class BillOfParts:
    """The context, the manifest and the parts of a realization."""

    rref: RRef
    provenance: bytes  # the text of its context.json
    manifest: Manifest
    digests: tuple[str, ...]  # of its parts

    @property
    def context(self) -> Context:
        """The realizations that the realization was built from."""
        return parse_provenance(self.provenance)[1]

    @property
    def parts(self) -> list[tuple[str, Part]]:
        """The parts, each with its digest."""
        return list(zip(self.digests, parts_of(self.manifest), strict=True))

    @property
    def text(self) -> bytes:
        """The text of the object."""
        line = json.dumps(self.digests, separators=(",", ":")).encode() + b"\n"
        return self.provenance + line + self.manifest.text


def parse_bill(rref: RRef, text: bytes) -> BillOfParts:
    """The bill of a realization, checked against the reference. Raises Corrupted."""
    try:
        return _parse(rref, text)
    except (ValueError, AttributeError, RecursionError) as error:
        raise Corrupted("not what a realization consists of", because=repr(error)[:200]) from None


def _parse(rref: RRef, text: bytes) -> BillOfParts:
    head, _, rest = text.partition(b"\n")
    line, _, tree = rest.partition(b"\n")
    dref, context, stated = parse_provenance(head + b"\n")
    if dref != rref.dref or rref_of(dref, head + b"\n") != rref:
        raise Corrupted("the context is another realization's", rref=rref)
    check_context(dref, context)
    # Checked before parsing: the JSON of so many bytes could fill the memory.
    if digest("pystore tree 1", tree) != stated:
        raise Corrupted("the manifest is another tree's", rref=rref)
    manifest = Manifest.parse(tree)
    check_entries(manifest)
    return BillOfParts(rref, head + b"\n", manifest, _digests(line, manifest))


def _digests(line: bytes, manifest: Manifest) -> tuple[str, ...]:
    # Counted only as far as the line is long: a manifest may claim files of any size.
    count = sum(1 for _ in islice(parts_of(manifest), len(line) // _EACH + 1))
    if len(line) != max(2, count * _EACH + 1):
        raise Corrupted("the parts are not those of the manifest")
    found = json.loads(line)
    if not isinstance(found, list) or not all(isinstance(d, str) and _HASH.match(d) for d in found):
        raise Corrupted("not a list of parts")
    if len(found) != count:
        raise Corrupted("the parts are not those of the manifest")
    return tuple(found)


def check_context(dref: DRef, context: Context) -> None:
    """Raises Corrupted when the context gives an input a realization of another derivation."""
    for needed, chosen in context.items():
        if not chosen or any(rref.dref != needed for rref in chosen):
            raise Corrupted("a context gives an input another's realizations", dref=dref)


def check_entries(manifest: Manifest) -> None:
    """Raises Corrupted when the entries cannot be a tree, or leave it."""
    paths: set[bytes] = set()
    last = b""
    for entry in manifest.entries:
        if not _is_fine(entry) or entry.path <= last:
            raise Corrupted("an entry that no tree can have", path=ascii(entry.path)[:200])
        steps = entry.path.split(b"/")
        above = {b"/".join(steps[:n]) for n in range(1, len(steps))}
        if above & paths:
            raise Corrupted("a file or link that has entries below it", path=entry.path)
        paths.add(entry.path)
        last = entry.path


def _is_fine(entry: Entry) -> bool:
    steps = entry.path.split(b"/")
    inside = len(entry.path) <= LONGEST and all(
        s not in (b"", b".", b"..") and b"\0" not in s and len(s) < 256 for s in steps
    )
    typed = type(entry.executable) is bool and type(entry.size) is int and entry.size >= 0
    if not inside or not typed:
        return False
    if entry.kind == "file":
        return _HASH.match(entry.digest) is not None
    if entry.kind == "link":
        return 0 < len(entry.target) < 4096 and b"\0" not in entry.target
    return entry.kind == "directory"

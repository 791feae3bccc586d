"""Realizations that are written file by file, as `realize` leaves them: no locks, no syncs."""

from collections.abc import Mapping
from pathlib import Path

from pystore import Context, RRef
from pystore.core.config import Config
from pystore.core.context import provenance_text, rref_of
from pystore.core.manifest import Entry, Manifest
from pystore.store.layout import Layout
from pystore.store.tree import hash_file


def realization(
    layout: Layout, config: Config, context: Context, texts: Mapping[str, bytes]
) -> tuple[RRef, str]:
    """A realization with these files, and the digest of its tree."""
    home = Path(layout.derivation(config.dref))
    staged = home / "staged"
    (staged / "out").mkdir(parents=True)
    entries = []
    for name, text in texts.items():
        path = staged / "out" / name
        path.write_bytes(text)
        with path.open("rb") as file:
            size, digest = hash_file(file.fileno())
        entries.append(Entry(name.encode(), "file", size=size, digest=digest))
        path.chmod(0o444)
    manifest = Manifest.of(entries)
    (staged / "manifest.json").write_bytes(manifest.text)
    provenance = provenance_text(config.dref, context, manifest.digest)
    (staged / "context.json").write_bytes(provenance)
    rref = rref_of(config.dref, provenance)
    staged.rename(home / rref.digest)
    return rref, manifest.digest

"""Looking into a store: files, configs, contexts and attempts of a reference."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from ...core.config import Config
from ...core.context import CONTEXT, Context
from ...core.errors import BadRef, Corrupted, NotInStore, PystoreError
from ...core.manifest import MANIFEST, Manifest
from ...core.ports import StoreReader
from ...core.printable import listed, printable
from ...core.refs import DRef, RRef, check_part, parse_ref
from ...declare.recorder import derivation_was_read, store_was_read
from ...store import disk
from ...store.current import current_store

_OWN = (CONTEXT, MANIFEST)


def rref2dref(rref: str) -> DRef:
    """The derivation that a realization belongs to. Raises BadRef."""
    return RRef(rref).dref


def rref2path(rref: str, *, store: StoreReader | None = None) -> Path:
    """The directory of a realization's artifacts, read-only; gc keeps it while this process lives.

    Raises NotInStore, or Corrupted when verify found it damaged.
    """
    store = current_store(store)
    store.hold((RRef(rref),))
    return store.path(RRef(rref))


def dref2path(dref: str, *, store: StoreReader | None = None) -> Path:
    """The store's directory for a derivation. Raises NotInStore."""
    store = current_store(store)
    store.config(DRef(dref))
    derivation_was_read(DRef(dref))
    return store.home(DRef(dref))


def config_of(ref: str, *, store: StoreReader | None = None) -> Config:
    """The config of a derivation, or of the one that a realization belongs to.

    Raises NotInStore.
    """
    parsed = parse_ref(ref)
    derivation_was_read(parsed.dref)
    return current_store(store).config(parsed.dref)


def context_of(rref: str, *, store: StoreReader | None = None) -> Context:
    """For each direct input of a realization, the realizations that it was built from.

    Raises NotInStore.
    """
    return current_store(store).context(RRef(rref))


def deps_of(ref: str, *, store: StoreReader | None = None) -> list[DRef] | list[RRef]:
    """The direct inputs: DRefs of a derivation, RRefs of a realization; sorted.

    Raises NotInStore.
    """
    parsed = parse_ref(ref)
    if isinstance(parsed, DRef):
        return list(config_of(parsed, store=store).inputs)
    return sorted({r for rrefs in context_of(parsed, store=store).values() for r in rrefs})


def lsref(ref: str, *, store: StoreReader | None = None) -> list[Any]:
    """Of a realization: its artifacts and the store's own files about it, sorted.

    Of a derivation: its realizations, sorted. Raises NotInStore.
    """
    store = current_store(store)
    parsed = parse_ref(ref)
    if isinstance(parsed, DRef):
        store_was_read()
        return store.realizations(parsed)
    return sorted({*os.listdir(store.path(parsed)), *_OWN})


def catref(
    rref: str, path: Sequence[str] | str | PurePath, *, store: StoreReader | None = None
) -> list[str]:
    """The lines of an artifact that is UTF-8 text: `catref(rref, ["accuracy.txt"])`.

    The path is a name, a list of names, or a path of pathlib, in the folder of the artifacts.

    Raises NotInStore when there is no such file, BadRef when it is no text file, Corrupted when it
    is lost.
    """
    steps = path.parts if isinstance(path, PurePath) else [path] if isinstance(path, str) else path
    parts = [check_part(part) for part in steps]
    file = file_of(rref, parts, current_store(store))
    try:
        return disk.read(file).decode().splitlines()
    except (Corrupted, UnicodeDecodeError) as error:
        raise BadRef(
            "not a text file",
            rref=rref,
            path="/".join(parts) or "(the realization itself)",
            because=str(error)[:200],
            remedy="open rref2path(rref) / 'file' yourself",
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise
        manifest = current_store(store).manifest(RRef(rref))
        lists = "lsref(rref) lists what there is"
        raise lacking(rref, "/".join(parts), manifest, remedy=lists) from None


def lacking(rref: str, path: str, manifest: Manifest, *, remedy: str) -> PystoreError:
    """The error about a file that is not on the disk: Corrupted if the manifest lists it."""
    sought, entries = os.fsencode(path), manifest.entries
    if any(entry.path == sought or entry.path.startswith(sought + b"/") for entry in entries):
        return Corrupted(
            "an artifact is missing on the disk",
            rref=rref,
            path=printable(path),
            remedy="pystore verify; what is damaged is built again",
        )
    return NotInStore(
        "no such artifact",
        rref=rref,
        path=printable(path)[:200],
        artifacts=listed(printable(entry.path) for entry in entries) or "none",
        remedy=remedy,
    )


def file_of(rref: str, parts: list[str], store: StoreReader) -> Path:
    """The path of an artifact, there or not, or of one of the store's own two files about it."""
    out = rref2path(rref, store=store)
    file = out.joinpath(*parts)
    own = len(parts) == 1 and parts[0] in _OWN and not os.path.lexists(file)
    return out.parent / parts[0] if own else file

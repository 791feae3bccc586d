"""Address: a small value from which another process opens a store."""

from functools import lru_cache
from pathlib import Path

from ..core.dataclasses import dataclass
from ..core.errors import BadStage, NotAStore
from ..core.ports import StoreReader
from .layout import read_mark
from .store import Store


@dataclass(frozen=True)
class Address:
    """The facts that another process needs to open a store."""

    root: str
    id: str
    durable: bool
    custom_tmp: str | None
    below: str | None

    @classmethod
    def of(cls, store: StoreReader) -> "Address":
        """The address of a store. Raises BadStage for one that no other process can open."""
        if not isinstance(store, Store):
            raise BadStage(
                "this store lives in one process only",
                store=repr(store)[:200],
                remedy="use Store(path), or realize without workers",
            )
        parts, layout = store.parts, store.parts.layout
        custom_tmp = None if parts.staging_area == parts.tmp else str(parts.staging_area.parent)
        below = str(layout.below.root) if layout.below else None
        return cls(str(store.root), store.id, parts.durable, custom_tmp, below)

    def open(self) -> Store:
        """The store at this address. A process opens it once.

        Raises NotAStore when this machine does not see the store, or sees another one.
        """
        return _open(self)


@lru_cache(16)
def _open(address: Address) -> Store:
    try:
        identity = read_mark(Path(address.root)).id
    except FileNotFoundError:
        raise NotAStore(
            "this machine does not see the store",
            path=address.root,
            remedy="put the store on a file system that every worker mounts at the same path",
        ) from None
    if identity != address.id:
        raise NotAStore(
            "this machine sees another store at this path",
            path=address.root,
            expected=address.id,
            found=identity,
            remedy="mount the same file system at the same path on every machine",
        )
    return Store(
        address.root, durable=address.durable, custom_tmp=address.custom_tmp, below=address.below
    )

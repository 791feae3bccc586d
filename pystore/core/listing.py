"""Listing: the paths and sizes in the realizations of one derivation, as far as searches need them.

Realizations of one derivation mostly have the same paths: each list of paths is kept once.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

from .dataclasses import dataclass
from .manifest import Manifest, decode_name, encode_name

Paths = tuple[tuple[str, str], ...]  # the kind of each artifact, and its path as manifests write it


@dataclass(frozen=True)
class Listing:
    """The artifacts of realizations of one derivation."""

    digests: Sequence[str]  # of the realizations
    shapes: Sequence[Paths]
    shape: Sequence[int]  # which of `shapes` each realization has
    sizes: Sequence[int]  # the bytes of all files of each realization

    @classmethod
    def of(cls, manifests: Mapping[str, Manifest]) -> "Listing":
        """The listing of realizations by their digests."""
        shapes: dict[Paths, int] = {}
        found = [shapes.setdefault(_paths(one), len(shapes)) for one in manifests.values()]
        sizes = [one.size for one in manifests.values()]
        return cls(list(manifests), list(shapes), found, sizes)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each realization, by its digest."""
        return {digest: place for place, digest in enumerate(self.digests)}

    def kept(self, digests: frozenset[str], more: "Listing") -> "Listing":
        """The listing of those of its realizations that are among these, and of others."""
        shapes = {paths: place for place, paths in enumerate(self.shapes)}
        again = [shapes.setdefault(paths, len(shapes)) for paths in more.shapes]
        kept = [place for place, digest in enumerate(self.digests) if digest in digests]
        return Listing(
            [*(self.digests[place] for place in kept), *more.digests],
            list(shapes),
            [*(self.shape[place] for place in kept), *(again[shape] for shape in more.shape)],
            [*(self.sizes[place] for place in kept), *more.sizes],
        )


def _paths(manifest: Manifest) -> Paths:
    return tuple((entry.kind, encode_name(entry.path)) for entry in manifest.entries)


def files_of(shape: Paths) -> list[bytes]:
    """The paths of the files."""
    return [decode_name(path) for kind, path in shape if kind == "file"]

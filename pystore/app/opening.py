"""Opening: reads a realization of a model into memory, and moves one as a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..core.errors import BadStage
from ..core.refs import RRef
from ..declare.view import View
from ..store.remote.exchange import export_archive, import_archive
from .loaded import Loaded


class Opens(Protocol):
    """What reads its own realizations."""

    name: str

    def read(self, view: View, given: Mapping[str, Any]) -> Loaded:
        """The realization with this view; `given` is its config."""


def opened(model: Opens, rref: RRef) -> Loaded:
    """A realization in memory."""
    view = View(rref)
    try:
        if rref.dref.name != model.name:
            raise BadStage(
                f"this is no realization of {model.name}",
                rref=rref,
                remedy=f"name a realization of {model.name}: pystore ls {model.name}",
            )
        return model.read(view, view._store.config(rref.dref).value)
    except BaseException:
        view.close()
        raise


def opened_file(model: Opens, file: Path) -> Loaded:
    """The realization in a file that `saved` has written; it is added to the store, checked."""
    moved = import_archive(file, progress=False)
    own = [rref for rref in moved.rrefs if rref.dref.name == model.name]
    if len(own) != 1:
        raise BadStage(
            f"this file holds no realization of {model.name}",
            file=file,
            holds=", ".join(moved.rrefs) or "nothing",
            remedy="load a file that model.save(file) has written",
        )
    return opened(model, own[0])


def saved(rref: RRef, file: Path) -> Path:
    """Writes a realization, and all that it was built from, to one file."""
    export_archive([rref], file)
    return file

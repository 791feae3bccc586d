"""Opening: reads a realization of a Model into memory, and moves one as a file.

OP1  A file names no type that it may load: these come from a list here and from the user's script,
    and the list counts only for what was built here or is signed by a trusted key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.errors import BadStage
from ..core.refs import RRef
from ..declare.view import View
from ..store.current import current_store
from ..store.remote.exchange import export_archive, import_archive
from .loaded import Loaded
from .recipe import CONTEXT, Recipe
from .savers import load


def opened(model: Recipe, rref: RRef) -> Loaded:
    """A realization in memory."""
    view = View(rref)
    try:
        if rref.dref.name != model.name:
            raise BadStage(
                f"this is no realization of {model.name}",
                rref=rref,
                remedy=f"name a realization of {model.name}: pystore ls {model.name}",
            )
        config = view._store.config(rref.dref).value
        given = {key: value for key, value in config.items() if key not in CONTEXT}
        hyperparameters, _ = model.parted(given)
        return _loaded(model, view, hyperparameters)
    except BaseException:
        view.close()
        raise


def _loaded(model: Recipe, view: View, hyperparameters: Mapping[str, Any]) -> Loaded:
    folder = view.path / "estimator"
    loader = model.roles.get("loader")
    loads: set[str] = set()
    if loader is not None:
        estimator = loader(folder / "model")
        loads.add("loader")
    elif (folder / "model").exists():
        raise BadStage(
            f"{model.name} was saved by a saver of yours, and has no loader",
            remedy="write @model.loader, a function of the file that the saver wrote",
        )
    else:
        training = model.training()

        def fresh() -> Any:
            loads.add("init")
            return training.fresh(hyperparameters)

        estimator = load(
            folder,
            fresh=fresh,
            trusted=model.trusted,
            ours=current_store().is_trusted(view.rref),
        )
    return Loaded(
        view,
        estimator,
        load(view.path / "example"),
        model.answering(),
        hyperparameters=hyperparameters,
        tolerance=model.tolerance,
        loads=loads,
    )


def opened_file(model: Recipe, file: Path) -> Loaded:
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

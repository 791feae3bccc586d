"""Beside rows: what a collection has from this room: snapshots, listeners, lineage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import BadStage
from ..core.matchers import Matcher
from ..core.resources import checked_seconds
from ..db.declared import Declared
from ..db.errors import NoListener
from .answers import predictor_of
from .forgetting import forget, forgotten_in
from .lineage import lineage_of
from .listening import RUNNING, Listener
from .snapshots import snapshot

__all__ = ["forget", "forgotten_in", "lineage_of", "listener", "snapshot", "wait"]


def listener(
    collection: Declared,
    predictor: Any,
    matcher: Matcher | None = None,
    *,
    on: str | Sequence[str],
    pin: str | None = None,
    target: Any = None,
    **how: Any,
) -> Listener:
    """A listener that is declared, not started.

    `predictor` is a TorchModel, a Model, a training of one, or a function with @predictor; `on` is
    the field that is listened to, or several. What is followed is the choice of the matcher among
    all that is comparable, or what a pin names.
    """
    if matcher is not None and not isinstance(matcher, Matcher):
        raise BadStage(
            "this is no matcher",
            given=repr(matcher)[:200],
            remedy="listen(net, match_best('valid/acc'), on='img'), or pin='serving'",
        )
    if collection.condition is not None:
        raise BadStage(
            "a listener listens to each row of a table",
            remedy="listen to the collection; `where` is for snapshots and `find`",
        )
    fields = (on,) if isinstance(on, str) else tuple(on)
    return Listener(collection, predictor_of(predictor, target), (matcher, pin), fields, **how)


def wait(collection: Declared, timeout: float | None = None) -> None:
    """Waits until nothing is due for the listeners of a collection in this process."""
    checked_seconds("timeout", timeout)
    where = (collection.database.place, collection.name)
    mine = [one for one in RUNNING if (one.database.place, one.collection.name) == where]
    if not mine:
        raise NoListener(
            f"nothing listens to {collection.name} in this process",
            remedy="collection.listen(model, match_best('valid/acc'), on='img')",
        )
    for one in mine:
        one.wait(timeout)

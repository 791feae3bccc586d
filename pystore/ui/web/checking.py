"""Checking: a service that looks once and answers its own example, and that nobody else can ask.

CK1  What is checked is what a service does: it is loaded within the same time, by the same steps,
     and an example goes the way of a question.
"""

import json
from typing import Any

from ...app.errors import Refused
from ...core.dataclasses import dataclass
from ...core.errors import NotInStore, PystoreError
from ...core.refs import RRef
from .following import TRIES, Following
from .inputs import Body
from .live import Live
from .problems import Problem
from .service import Service


@dataclass(frozen=True)
class Checked:
    """The realization that a service would answer with."""

    rref: RRef
    versions_differ: tuple[str, ...]  # packages that are others here
    why_not_fetched: str | None  # why nothing came from the remote


async def check(service: Service) -> Checked:
    """What a service would answer with; it ends then.

    Raises NotInStore when there is nothing, Refused when it would refuse its choice, or when its
    choice cannot answer an example of its own.
    """
    try:
        if service.fetching is not None:
            await service.following.aside(service.fetching.look)
        live = await _looked(service, service.following)
        await _ask(service, live)
        if service.shadow is not None:
            await _looked(service, service.shadow.following)
        fetched = service.fetching.because if service.fetching else None
        return Checked(live.rref, tuple(live.loaded.versions_differ), fetched)
    finally:
        await service.close()


async def _looked(service: Service, following: Following) -> Live:
    """What answers after a look, or after several where what hinders it may pass."""
    for _ in range(TRIES):
        await following.look()
        if following.live is not None:
            return following.live
        if following.refused:
            raise _refusal(following)
    raise NotInStore(
        f"there is nothing to serve or to ask: no realization of {service.model.name}",
        because=following.because,
        remedy="train the model first; `pystore log` shows what was tried",
    )


async def _ask(service: Service, live: Live) -> None:
    """Asks about an example, as a client would. Raises Refused when there is no answer."""
    if live.example is None:
        return
    body = json.dumps({"features": [live.example]}).encode()
    try:
        await service.answer(Body(body, "application/json"))
    except Problem as problem:
        error: Any = problem.error
        raise Refused(
            "it cannot answer its own example",
            rref=live.rref,
            because=f"{type(error).__name__}: {error}"[:300] if error else problem.facts["title"],
            strange=problem.facts.get("strange"),
            remedy="train it again, or correct the predictor",
        ) from error


def _refusal(following: Following) -> PystoreError:
    rref, why = [*following.refused.items()][-1]
    error = following.error
    if isinstance(error, Refused):
        return error
    return Refused(
        "it cannot be loaded",
        rref=rref,
        because=f"{type(error).__name__}: {error}"[:300] if error else why,
        remedy="train it again, or `pystore verify` if it is damaged",
    )

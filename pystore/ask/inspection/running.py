"""Running: attempts without a record, on any host of the store: they run, or they have died.

UF1  What is shown of them is what they told, and nothing is made up for what they did not tell.
"""

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...core.errors import NotInStore
from ...core.refs import DRef
from ...core.resources import checked_seconds
from ...declare.parameters import flatten
from ...store import rights
from ...store.current import current_store
from ...store.stopping import ask_to_stop, withdraw
from ...store.store import Store
from .attempts import as_it_is
from .short_refs import find_refs

_EVERY = 0.1  # [s] between two looks at what was asked to stop


@dataclass(frozen=True)
class Unfinished:
    """An attempt that runs, or has died, and what it has told so far.

    `outcome` is "running" or "died". `last` is the metric that it told last, with its step or None;
    `progress` is how much it has done, of how much or None, and the unit.
    """

    attempt: Attempt
    parameters: Mapping[str, Any]
    progress: tuple[float, float | None, str] | None = None
    last: tuple[str, float, int | None] | None = None
    heard: int | None = None  # when it told something last [ns since the epoch, UTC]

    @property
    def outcome(self) -> Literal["running", "died"]:
        """Whether it runs."""
        return "running" if self.attempt.outcome == "running" else "died"

    def to_dict(self) -> dict[str, Any]:
        """The attempt as `pystore ps --json` prints it.

        `dref`, `name`, `context`, `number`, `outcome`, `parameters`, `host`, `pid`, `start`,
        `heard` or null, `metrics`, `progress` (`done`, `total` or null, `unit`) or null, and `last`
        (`name`, `value`, `step` or null) or null. Times are nanoseconds since 1970.
        """
        one = self.attempt
        facts = {key: getattr(one, key) for key in ("context", "number", "host", "pid", "start")}
        return {
            "dref": one.dref,
            "name": one.dref.name,
            **facts,
            "outcome": self.outcome,
            "parameters": dict(self.parameters),
            "heard": self.heard,
            "metrics": dict(one.metrics),
            "progress": _named(("done", "total", "unit"), self.progress),
            "last": _named(("name", "value", "step"), self.last),
        }


def _named(keys: tuple[str, ...], values: tuple[Any, ...] | None) -> dict[str, Any] | None:
    return None if values is None else dict(zip(keys, values, strict=True))


def running(store: Store | None = None, *, died: bool = False) -> list[Unfinished]:
    """The attempts that run now on any host of the store, the oldest first.

    With `died`, also those whose process has ended without a record, if they were not tried again.
    """
    store = current_store(store)
    found = (unfinished(attempt, store) for attempt in store.unfinished())
    return [one for one in found if died or one.outcome == "running"]


def unfinished(attempt: Attempt, store: Store) -> Unfinished:
    """An attempt without a record, with what it has told so far."""
    told = store.told(attempt)
    try:
        parameters = flatten(store.config(attempt.dref).value)
    except NotInStore:
        parameters = {}  # somebody has just removed it
    return Unfinished(attempt, parameters, told.progress, told.last, told.at or None)


def stop(
    ref: str, *, attempt: int | None = None, timeout: float = 60.0, store: Store | None = None
) -> list[Attempt]:
    """Stops the running attempts of a reference, or the one of this number, on whatever host.

    Each is stopped as by Ctrl-C there: it is recorded as stopped, its scratch stays, and the call
    that made it ends. Returns the attempts as they are when all have ended, or after `timeout` [s].
    A reference is anything that `pystore stop` takes. Raises NotInStore when nothing of it runs.
    """
    checked_seconds("timeout", timeout)
    store = current_store(store)
    drefs = dict.fromkeys(one.dref for one in find_refs(ref, code="any", store=store))
    return stop_all(drefs, attempt, timeout, store)


def stop_all(
    drefs: Iterable[DRef], number: int | None, timeout: float, store: Store
) -> list[Attempt]:
    """Stops the running attempts of these derivations. Raises NotInStore when there are none."""
    drefs = list(drefs)
    asked = running_now(drefs, number, store)
    if not asked:
        raise NotInStore(
            "no such attempt runs",
            ref=drefs[0] if len(drefs) == 1 else drefs[0].name,
            attempt=number,
            remedy="pystore ps shows what runs",
        )
    by = f"{rights.user(os.geteuid())} on {os.uname().nodename}"
    for one in asked:
        ask_to_stop(store, one, by)
    return _ended(asked, time.monotonic() + timeout, store)


def _ended(asked: list[Attempt], until: float, store: Store) -> list[Attempt]:
    while True:
        now = [as_it_is(one, store) or one._replace(outcome="died") for one in asked]
        for one in now:
            if one.outcome != "running":
                withdraw(store, one)  # it may have ended before it saw the request
        if time.monotonic() >= until or all(one.outcome != "running" for one in now):
            return now
        time.sleep(_EVERY)


def running_now(drefs: Iterable[DRef], number: int | None, store: Store) -> list[Attempt]:
    """The attempts of these derivations that run, or those with this number, the oldest first."""
    found = store.unfinished(drefs)
    return [one for one in found if one.outcome == "running" and number in (None, one.number)]

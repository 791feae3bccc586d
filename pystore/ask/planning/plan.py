"""Planning: what `realize` would do with a target, before it does it."""

import os

from ...core.options import checked_count
from ...core.outlook import Outlook
from ...declare.early_checks import check_early
from ...declare.instantiate import Target, declare
from ...declare.nesting import refuse_nested
from ...declare.registry import Registry
from ...run.options import Forced
from ...run.remembered import remembered
from ...run.verbs import forced_drefs
from ...store.current import current_store
from ...store.remote.address import shown_address
from ...store.remote.settings import Remotes, places
from ...store.staging import Builder
from .steps import outlook_of


def plan(
    target: Target,
    *,
    force_rebuild: Forced = (),
    attempts: int = 1,
    substitute: Remotes | None = None,
    store: Builder | None = None,
) -> Outlook:
    """What `realize` would do with each derivation of the closure, and why.

    Takes target, `force_rebuild`, `attempts` and `substitute` as `realize` does. Writes nothing, so
    a read-only store is enough. Asks no remote: the builds that a remote may replace are marked as
    not sure. Raises BadStage and BadMetric as `realize` does.
    """
    refuse_nested("plan")
    store = current_store(store)
    closure = declare(target, Registry(), store)
    forced, attempts = forced_drefs(force_rebuild, closure), checked_count("attempts", attempts)
    earlier = None if forced else remembered(closure, attempts, store)
    outlook = outlook_of(closure, forced, attempts, store, earlier)
    building = {step.dref for step in outlook if step.action == "build"}
    check_early([one for dref, one in closure.items() if dref in building], store)
    return outlook.unless([shown_address(os.fspath(url)) for url in places(substitute)])

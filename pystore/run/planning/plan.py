"""Planning: what `realize` would do with a target, before it does it."""

from ...model.options import checked_count
from ...model.outlook import Outlook
from ...store.current import current_store
from ...store.protocol import StoreProtocol
from ..declare import Registry
from ..nesting import refuse_nested
from ..verbs import Forced, Target, declare, forced_drefs


def plan(
    target: Target,
    *,
    force_rebuild: Forced = (),
    attempts: int = 1,
    store: StoreProtocol | None = None,
) -> Outlook:
    """What `realize` would do with each derivation of the closure, and why.

    Takes its target, `force_rebuild` and `attempts` as `realize` does. Writes nothing, so that a
    read-only store will do. Raises BadStage as `realize` does.
    """
    refuse_nested("plan")
    from .planner import look_ahead  # a script that does not ask need not wait for it

    store = store or current_store()
    closure = declare(target, Registry(), store)
    forced = forced_drefs(force_rebuild, closure)
    return look_ahead(closure, forced, checked_count("attempts", attempts), store)

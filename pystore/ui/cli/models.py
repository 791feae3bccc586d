"""Models: the model that a user names on the command line, and the way to choose a realization."""

from typing import TYPE_CHECKING, Any

from ...app.errors import Refused
from ...core.errors import NotInStore, PystoreError
from ...core.matchers import Matcher
from ...core.refs import RRef
from .command_context import CommandContext
from .named_objects import named_object
from .ways import Way

if TYPE_CHECKING:
    from ...app.loaded import Loaded
    from ...app.model import Model


def matcher_of(text: str) -> Matcher:
    """The matcher that chooses as a text says: `latest`, `best:METRIC`, `best:METRIC:min`."""
    return Way().convert(text, None, None)


def model_of(command: CommandContext, text: str) -> "Model":
    """The model that FILE.py[:MODEL] names; without a name, the only one. Raises BadStage."""
    remedy = "write model = Model(name, init, dataset=dataset) at its top"
    found: Model = named_object(command, text, "model", _is_model, remedy)
    return found


def _is_model(value: Any) -> bool:
    """Whether it can be asked. The class is not looked at: to import it takes long."""
    if isinstance(value, type) or not isinstance(getattr(value, "name", None), str):
        return False
    return all(callable(getattr(value, verb, None)) for verb in ("follow", "load"))


def loaded_of(model: "Model", matcher: Matcher | None, pin: str | None) -> "Loaded":
    """The realization that is chosen, in memory, once it has predicted its examples again.

    Raises NotInStore when there is none, Refused when it cannot be loaded or predicts otherwise.
    """
    follower = model.follow(matcher=matcher, pin=pin)
    try:
        rref = follower.look()
        if rref is None:
            raise NotInStore(
                f"there is nothing to serve or to ask: no realization of {model.name}",
                because=follower.why_not or None,
                remedy="train the model first; `pystore log` shows what was tried",
            )
        try:
            loaded = model.load(rref)  # which holds it, when the follower lets go
            loaded.check()
        except Exception as error:
            raise _refusal(error, rref) from error
        return loaded
    finally:
        follower.close()


def _refusal(error: Exception, rref: RRef) -> PystoreError:
    if isinstance(error, Refused):
        return error
    return Refused(
        "it cannot be loaded",
        rref=rref,
        because=f"{type(error).__name__}: {error}"[:300],
        remedy="train it again, or `pystore verify` if it is damaged",
    )

"""Models: the model that a user names on the command line, and the way to choose a realization."""

from difflib import get_close_matches
from typing import TYPE_CHECKING

from ...core.errors import BadStage, NotInStore
from ...core.matchers import Matcher
from ...core.printable import listed
from .command_context import CommandContext
from .loading_only import load_only
from .program import parse_target
from .ways import Way

if TYPE_CHECKING:
    from ...app.loaded import Loaded
    from ...app.model import Model


def matcher_of(text: str) -> Matcher:
    """The matcher that chooses as a text says: `latest`, `best:METRIC`, `best:METRIC:min`."""
    return Way().convert(text, None, None)


def model_of(command: CommandContext, text: str) -> "Model":
    """The model that FILE.py[:MODEL] names; without a name, the only one. Raises BadStage."""
    from ...app.model import Model  # for weight: the help of all commands needs none of it

    file, name = parse_target(text)
    command.near(file)
    program = load_only(file)
    models = {key: one for key, one in vars(program.module).items() if isinstance(one, Model)}
    if name is not None and name in models:
        return models[name]
    if name is not None:
        raise BadStage(
            f"no model of this name in {file}",
            given=name,
            closest=", ".join(get_close_matches(name, models)) or None,
            models=listed(models) or "none",
            remedy="name one of them",
        )
    if len({id(model) for model in models.values()}) == 1:
        return next(iter(models.values()))
    if not models:
        remedy = "write model = Model(name, init, dataset=dataset) at its top"
        raise BadStage(f"no model in {file}", remedy=remedy)
    raise BadStage(
        f"{file} has several models",
        models=listed(models),
        remedy=f"name one of them: {file}:{next(iter(models))}",
    )


def loaded_of(model: "Model", matcher: Matcher | None, pin: str | None) -> "Loaded":
    """The realization that is chosen, in memory, once it has predicted its examples again.

    Raises NotInStore when there is none, Refused when it predicts otherwise.
    """
    with model.follow(matcher=matcher, pin=pin) as follower:
        rref = follower.look()
        if rref is None:
            raise NotInStore(
                f"there is no realization of {model.name} to use",
                because=follower.why_not or None,
                remedy="train the model first; `pystore log` shows what was tried",
            )
        loaded = model.load(rref)  # which holds it, when the follower lets go
    loaded.check()
    return loaded

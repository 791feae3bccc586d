"""Later: modules that are imported when a program first reads one of their names.

LR1  A module that is named here is not imported before one of its names is read.
LR2  From then on, its name stands for the module itself.
LR3  While an attempt runs, nothing of pystore is left to be imported for its end: pystore may be
     upgraded meanwhile.

Python 3.15 has a statement for this (PEP 810). Until then, a module says it twice, so that type
checkers and the tests of the rooms see what it imports:

    if TYPE_CHECKING:
        import inspect
        from . import adopt
    else:
        later(globals(), "inspect", ".adopt")
"""

from importlib import import_module
from typing import Any


class _Later:
    """Stands for a module until one of its names is read."""

    __slots__ = ("_module", "_name", "_space")

    def __init__(self, space: dict[str, Any], name: str, module: str) -> None:
        self._space, self._name, self._module = space, name, module

    def __getattr__(self, attribute: str) -> Any:
        module = import_module(self._module, self._space["__package__"])
        self._space[self._name] = module
        return getattr(module, attribute)


def later(space: dict[str, Any], *modules: str) -> None:
    """Binds the names of these modules in the globals of the module that calls.

    A name starts with a dot for each package that it goes up, as in an import.
    """
    for module in modules:
        name = module.rpartition(".")[2]
        space[name] = _Later(space, name, module)


def import_now(*modules: Any) -> None:
    """Imports these modules, if it was not done before.

    What ends long work must be of the version that began it, though files are replaced meanwhile.
    """
    for module in modules:
        module.__name__  # noqa: B018  # reading it imports the module

"""Notes: the results of one survey so far, and the queue of things that it has to look at."""

from collections import deque
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from .functions import MISSING, attributes_of
from .origin import Origin
from .places import place_of
from .project import Project
from .scope import Read
from .statements import Statement, definition_around
from .survey import Place, Survey


class Met(NamedTuple):
    """A function, class or module that was met, and whose text is still to be written."""

    thing: Any
    name: str  # of its text


class Constant(NamedTuple):
    """A value that was met, and whose text is still to be written under the name `label`."""

    label: str
    value: Any
    name: str
    origin: Origin
    place: Place


class Notes:
    """The notes of one survey, which goes out from `function`.

    `follow` says whether it looks at more than the function, `read` what the code may read.
    """

    def __init__(self, function: FunctionType, follow: bool, read: Read) -> None:
        self.function = function
        self.follow = follow
        self.read = read
        self.reads = Read()  # the things that the code so far does read
        self.project = Project(function)
        self.survey = Survey()
        self.known: dict[object, str] = {}  # the names of texts, by id
        self.origins: dict[int, Origin] = {}  # of functions, classes and modules, by id
        self.alive: list[Any] = []  # objects that are known by their ids
        self.queue: deque[Met | Constant] = deque()
        self._names: set[str] = set()

    def name(self, key: Any, wanted: str, *more: object) -> str:
        """A new name for a text: RATE, or RATE (2) when another module has a RATE, too."""
        self.alive.append(key)
        wanted = wanted.rpartition("<locals>.")[2]
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted} ({count})"
        self._names.add(name)
        self.survey.places[name] = place_of(key)
        self.known[(id(key), *more)] = name
        return name

    def meet(self, thing: Any, wanted: str, origin: Origin) -> str:
        """The name of the text of a function, class or module, which is written later."""
        if (id(thing),) not in self.known:
            name = self.name(thing, wanted)
            self.origins[id(thing)] = origin
            self.queue.append(Met(thing, name))
        return self.known[(id(thing),)]

    def meet_constant(
        self, label: str, value: Any, name: str, origin: Origin, owner: Any
    ) -> str:  # fmt: skip
        """The name of the text of a value, which is written later; `owner` has it as `name`."""
        place = (id(owner), name)
        if place not in self.known:
            self.alive.append(owner)
            self.queue.append(Constant(self.name(owner, label, name), value, name, origin, place))
        return self.known[place]

    def global_(self, names: Any, name: str) -> Any:
        """The value of a global name now; the survey stands while the name has this value."""
        value = names.get(name, MISSING)
        self.survey.globals_[id(names), name] = names, name, value
        self.alive.append(names)
        return value

    def watch(self, function: FunctionType) -> None:
        """The survey stands while the function has its code, defaults and attributes."""
        bound = function.__code__, function.__defaults__, function.__kwdefaults__
        self.survey.functions.append((function, *bound, dict(attributes_of(function))))

    def inside(self, function: FunctionType, made: Callable[[], list[Statement]] = list) -> Origin:
        """The origin of what a function holds: its definition, and how it was reached."""
        code = function.__code__
        names, top = function.__globals__, code.co_qualname.partition(".")[0]
        reached = self.origins.get(id(function))
        same = reached is not None and (reached.names, reached.name) == (names, top)

        def own() -> tuple[Statement, ...]:
            around = definition_around(names, code.co_qualname, code.co_filename)
            return (*made(), around) if around is not None else tuple(made())

        return Origin(names, "" if same else top, own, reached)

    def is_ours(self, thing: Any) -> bool:
        """Whether a function, class or module is of the project."""
        if isinstance(thing, FunctionType):
            return self.project.code(thing.__code__, thing.__globals__)
        if isinstance(thing, ModuleType):
            return self.project.module(thing)
        return isinstance(thing, type) and self.project.kind(thing)

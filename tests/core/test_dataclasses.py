"""Dataclasses that are compiled late act as those of the standard library."""

import dataclasses as standard
import functools
import inspect
import pickle
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.core import dataclasses as ours

FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "default": st.integers(0, 2),
        "default_factory": st.just(list),
        "init": st.booleans(),
        "repr": st.booleans(),
        "compare": st.booleans(),
    },
).filter(lambda options: not {"default", "default_factory"} <= options.keys())
BODIES = st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(0, 2) | FIELDS)
OPTIONS = st.fixed_dictionaries(
    {}, optional={name: st.booleans() for name in ("eq", "repr", "kw_only")}
)
VALUES = st.integers(0, 2)


def defined(module: Any, bodies: list[dict[str, Any]], options: list[dict[str, bool]]) -> Any:
    """Classes that inherit from each other, decorated by the functions of a module."""
    kind: type = object
    for body, option in zip(bodies, options, strict=False):
        space: dict[str, Any] = {"__annotations__": dict.fromkeys(body, int)}
        for name, one in body.items():
            if one is not None:
                space[name] = module.field(**one) if isinstance(one, dict) else one
        kind = module.dataclass(**option)(type("Point", (kind,), space))
    return kind


def outcome(work: Callable[[], Any]) -> Any:
    """What a call gives, or the kind of its error."""
    try:
        return work()
    except Exception as error:
        return type(error)


def observed(module: Any, kind: Any, calls: list[tuple[list[int], dict[str, int]]]) -> list[Any]:
    """All that can be seen of a class and of instances of it."""
    seen: list[Any] = [kind.__match_args__]
    made = [outcome(lambda c=call: kind(*c[0], **c[1])) for call in calls]
    for one in made:
        if isinstance(one, type):
            seen.append(one)
            continue
        seen.append(vars(one))
        others = [*(other for other in made if not isinstance(other, type)), 1]
        seen.append([outcome(lambda o=one, p=other: o == p) for other in others])
        hashed = outcome(lambda one=one: hash(one))
        seen.append("by identity" if hashed == object.__hash__(one) else hashed)
        shown = outcome(lambda one=one: repr(one))
        seen.append(" at 0x" if " at 0x" in str(shown) else shown)
        seen.append(outcome(lambda one=one: setattr(one, "a", 1)))
        changed = outcome(lambda one=one: vars(module.replace(one, a=2)))
        seen.append("refused" if isinstance(changed, type) else changed)
        seen.append(outcome(lambda one=one: standard.asdict(one)))
        seen.append(outcome(lambda one=one: delattr(one, "b")))
    described = [(f.name, f.default, f.init, f.repr, f.compare) for f in standard.fields(kind)]
    seen.append(str(inspect.signature(kind)))
    return [*seen, described, standard.is_dataclass(kind)]


@given(
    st.lists(BODIES, min_size=1, max_size=3),
    st.lists(OPTIONS, min_size=3, max_size=3),
    st.booleans(),
    st.lists(
        st.tuples(st.lists(VALUES, max_size=4), st.dictionaries(st.sampled_from("abcd"), VALUES)),
        max_size=3,
    ),
)
def test_DS1_a_class_acts_as_one_of_the_standard_library(
    bodies: list[dict[str, Any]],
    options: list[dict[str, bool]],
    frozen: bool,
    calls: list[tuple[list[int], dict[str, int]]],
) -> None:
    options = [{**option, "frozen": frozen} for option in options]
    try:
        theirs = defined(standard, bodies, options)
    except (TypeError, ValueError):
        return  # no class at all, such as one with a default before a field without one
    mine = defined(ours, bodies, options)
    assert observed(ours, mine, calls) == observed(standard, theirs, calls)


@ours.dataclass(frozen=True)
class Shape:
    """A class of a module, with all that a class may define."""

    kind: ClassVar[str] = "shape"
    sides: int
    names: list[str] = ours.field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        if self.sides < 0:
            raise ValueError("a shape has no negative sides")


@ours.dataclass(frozen=True)
class Named(Shape):
    """A class with a method of its own in place of one that would be made."""

    title: str = ""

    def __repr__(self) -> str:
        return f"<{self.title}>"


class Plain(Named):
    """A class that is not decorated."""


def test_DS1_instances_are_pickled_and_compared_before_a_method_was_called() -> None:
    named = Named(3, ["a"], "x")
    assert pickle.loads(pickle.dumps(named)) == named
    assert hash(named) == hash(Named(3, ["b"], "x"))
    assert repr(named) == "<x>"
    assert named != Shape(3)
    assert Plain(1, title="y").title == "y"
    assert Shape.kind == "shape"
    with pytest.raises(ValueError, match="negative"):
        Named(-1)


def test_DS1_the_standard_library_may_inherit_and_match() -> None:
    @standard.dataclass(frozen=True)
    class Coloured(Shape):
        colour: str = "red"

    assert [one.name for one in standard.fields(Coloured)] == ["sides", "names", "colour"]
    match Coloured(4):
        case Shape(sides):
            assert sides == 4
    assert standard.replace(Shape(4), sides=5) == Shape(5)


@pytest.mark.parametrize("module", [ours, standard], ids=["ours", "standard"])
@pytest.mark.parametrize("keep_name", [False, True])
def test_DS1_a_method_that_is_wrapped_before_its_first_call_stays_wrapped(
    module: Any, keep_name: bool
) -> None:
    kind = defined(module, [{"a": None}], [{"frozen": True}])
    original, heard = kind.__init__, []

    def wrapper(self: Any, *args: Any) -> None:
        heard.append(args)
        original(self, *args)

    kind.__init__ = functools.wraps(original)(wrapper) if keep_name else wrapper
    assert [kind(1).a, kind(2).a] == [1, 2]
    assert heard == [(1,), (2,)]


@pytest.mark.parametrize("module", [ours, standard], ids=["ours", "standard"])
def test_DS1_fields_may_have_any_name(module: Any) -> None:
    made = module.field(default_factory=list)
    bodies: list[dict[str, Any]] = [{"put": None, "absent": 3, "default_b": 4, "b": 5, "a": 6}]
    kind = defined(module, bodies, [{"frozen": True}])
    kind = module.dataclass(frozen=True)(
        type("Made", (kind,), {"__annotations__": {"make_made": int, "made": list},
                               "make_made": 7, "made": made})
    )  # fmt: skip
    names = {"put": 1, "absent": 3, "default_b": 4, "b": 5, "a": 6, "make_made": 7, "made": []}
    assert vars(kind(1)) == names


@pytest.mark.parametrize("module", [ours, standard], ids=["ours", "standard"])
def test_DS1_an_instance_that_holds_itself_can_be_shown(module: Any) -> None:
    one = defined(module, [{"a": None}], [{}])(1)
    one.a = [one]
    assert repr(one) == "Point(a=[...])"


def test_DS2_a_definition_compiles_nothing() -> None:
    heard: list[str] = []
    listening = True

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event in ("compile", "exec"):
            heard.append(event)

    sys.addaudithook(hear)
    kind = defined(ours, [{"a": None}, {"b": 1}], [{"frozen": True}, {"frozen": True}])
    assert heard == []
    kind(1)
    assert heard
    listening = False

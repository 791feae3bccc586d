"""What an annotation says: a hint, by which what is plainly wrong is told before a training."""

import typing
from dataclasses import dataclass
from inspect import Parameter
from typing import Annotated, Any, Literal, Optional, Union

import numpy as np
import pytest

from pystore import output, realize, stage, sweep
from pystore.declare.parameter_types import type_of
from pystore.errors import BadStage


@dataclass
class Options:
    rate: float


def allowed(annotation, default=Parameter.empty):
    parameter = Parameter("x", Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
    return type_of(parameter, globals())


def excludes(annotation, value) -> bool:
    found = allowed(annotation)
    return found is not None and found.excludes(value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "many"),
        ("int", "many"),
        (float, "fast"),
        (bool, "yes"),
        (list, "a,b"),
        (dict, "a=b"),
        (list, {"a": 1}),
        (dict, [1]),
        (dict, 1),
        (int, [1]),
        (str, 3),
        ("int | None", "many"),
        (int | None, "many"),
        (Optional[int], "many"),  # noqa: UP045  # as people write it
        ("Optional[int]", "many"),
        ("typing.Optional[int]", "many"),
        ("Union[int, float]", "many"),
        (Optional["int"], "many"),
        ("list[int]", "many"),
        (dict[str, float], "many"),
        (tuple[int, ...], "many"),
        ("Annotated[int, 'epochs']", "many"),
        (Annotated[int, "epochs"], "many"),
        (Literal["adam", "sgd"], "adem"),
        ("Literal['adam', 'sgd'] | None", "adem"),
        (Literal[1, 2], True),
    ],
)
def test_PT1_what_is_plainly_something_else_is_refused(annotation, value):
    assert excludes(annotation, value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (float, 1),
        (int, 1.0),
        (int, 0.5),
        (int, True),
        (bool, 1),
        (int, None),
        (int, np.int64(3)),
        (int | str, "many"),
        ("int | str", "many"),
        (Union[int, list], [1]),  # noqa: UP007  # as people write it
        (Literal["adam"] | int, 3),
        (Literal["adam", None], None),
        (Any, "many"),
        ("Any", "many"),
        (object, "many"),
        (Options, "many"),
        ("Options | int", "many"),
        ("np.ndarray", "many"),
        ("unknown.Name", "many"),
        ("Unknown", "many"),
        ("not an annotation", "many"),
        ("__import__('os').system('true')", "many"),
        (Parameter.empty, "many"),
        (typing.Sequence[int], "many"),
        (typing.Callable[[int], int], "many"),
        (tuple, [1]),
        (None, "many"),
    ],
)
def test_PT1_an_annotation_is_a_hint_and_what_may_fit_is_taken(annotation, value):
    assert not excludes(annotation, value)


def test_PT2_a_text_is_looked_up_where_the_function_is_and_never_run():
    assert not excludes("int.from_bytes('', print('never'))", "many")
    assert type_of(Parameter("x", Parameter.KEYWORD_ONLY, annotation="int"), {"int": str}) == (
        allowed(str)
    )


@stage
def split(seed: int = 0, part=output("part.txt")):
    part.write_text(str(seed))


@stage
def train(
    data: str = split(), epochs: int = 3, sizes: "list[int] | None" = None, out: str = output("o")
):
    raise AssertionError("nothing is trained")


def test_a_parameter_of_the_wrong_kind_is_told_when_the_stage_is_called():
    with pytest.raises(BadStage, match="epochs of train is a whole number") as refused:
        train(epochs="many")  # type: ignore[call-overload]  # the mistake
    assert refused.value.given == "'many'"
    assert "epochs=3" in refused.value.remedy
    with pytest.raises(BadStage, match="sizes of train is a list or none"):
        sweep(train, sizes=[[1], "many"])


def test_inputs_files_and_outputs_are_no_slip_whatever_is_annotated():
    assert train(data=[split(1), split(2)]).config.inputs  # type: ignore[call-overload]  # stands for it
    assert train(data=[split(1), "part.txt"], out=output("other")).config.promises  # type: ignore[call-overload]  # stands for it


def test_a_word_that_is_misspelt_gets_the_closest(store):
    @stage
    def fit(method: Literal["adam", "sgd"] = "adam", out=output("o")):
        out.write_text(method)

    with pytest.raises(BadStage) as refused:
        fit(method="adem")  # type: ignore[call-overload]  # the mistake
    assert refused.value.closest == "adam"
    assert realize(fit(method="sgd"))

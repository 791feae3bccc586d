"""What `-p` may give: a slip is told before a training is spent on it."""

import inspect
from typing import Literal

import pytest

from pystore.errors import BadStage
from pystore.ui.cli.typed_parameters import as_type


def annotated(
    rate: float = 0.1,
    share=0.5,
    whole: float = 1,
    epochs: int = 3,
    deep: bool = False,
    tag: str = "a",
    seed: "int" = 0,
    limit: int = None,  # noqa: RUF013  # as people write it
    wide: int | None = 3,
    plain=4,
    anything=None,
    free=(),
    method: Literal["adam", "sgd"] = "adam",
    sizes: list[int] = (),
    wider: "float | None" = None,
):
    pass


def check(key, value):
    return as_type("train", inspect.signature(annotated).parameters[key], value, annotated)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate", 1),
        ("rate", 1e-3),
        ("epochs", 5),
        ("deep", True),
        ("tag", "12"),
        ("seed", 1),
        ("limit", None),
        ("wide", None),
        ("plain", 0.5),
        ("plain", None),
        ("anything", "text"),
        ("free", [1, 2]),
        ("free", ".1"),
        ("anything", "none"),
        ("tag", "1_000"),
        ("method", "sgd"),
        ("sizes", [1]),
    ],
)
def test_what_fits_or_may_fit_is_taken(key, value):
    assert check(key, value) == value


@pytest.mark.parametrize(
    ("key", "value", "taken"),
    [
        ("rate", 1, 1.0),
        ("rate", -3, -3.0),
        ("share", 1, 1.0),
        ("whole", 2, 2.0),
        ("whole", 1, 1),
        ("whole", 1.0, 1),
        ("rate", 10**400, 10**400),
        ("epochs", 1, 1),
        ("plain", 5, 5),
        ("rate", ".1", 0.1),
        ("rate", "1.", 1.0),
        ("rate", "1_000", 1000.0),
        ("rate", "+1_0.5e-1", 1.05),
        ("share", ".5", 0.5),
        ("epochs", "1_000", 1000),
        ("epochs", "+3", 3),
        ("plain", "1_000", 1000),
        ("wide", "1_000", 1000),
        ("wide", "none", None),
        ("wide", "null", None),
        ("limit", "None", None),
        ("wider", ".5", 0.5),
        ("wider", "none", None),
    ],
)
def test_where_a_float_is_due_a_whole_number_is_one_training_with_it(key, value, taken):
    found = check(key, value)
    assert (found, type(found)) == (taken, type(taken))


@pytest.mark.parametrize(
    ("key", "value", "kind", "instead"),
    [
        ("rate", "fast", "a number", "rate=0.5"),
        ("rate", True, "a number", "rate=0.5"),
        ("epochs", 1.5, "a whole number", "epochs=3"),
        ("epochs", None, "a whole number", "epochs=3"),
        ("deep", 1, "true or false", "deep=true"),
        ("tag", 12, "a text", """tag='"12"'"""),
        ("tag", True, "a text", """tag='"true"'"""),
        ("tag", None, "a text", """tag='"null"'"""),
        ("seed", "many", "a whole number", "seed=3"),
        ("plain", "many", "a whole number", "plain=3"),
        ("rate", ".", "a number", "rate=0.5"),
        ("rate", "1e999", "a number", "rate=0.5"),
        ("rate", "nan", "a number", "rate=0.5"),
        ("epochs", "1_", "a whole number", "epochs=3"),
        ("epochs", "0x10", "a whole number", "epochs=3"),
        ("wide", "many", "a whole number or none", "wide=3"),
        ("epochs", "none", "a whole number", "epochs=3"),
        ("sizes", 3, "a list", "sizes='[1, 2]'"),
        ("method", "adem", "one of 'adam', 'sgd'", "method=adam"),
    ],
)
def test_what_is_plainly_another_kind_is_refused_with_an_example(key, value, kind, instead):
    with pytest.raises(BadStage) as refused:
        check(key, value)
    assert refused.value.what == f"{key} of train is {kind}"
    assert refused.value.remedy == instead


@pytest.mark.parametrize("value", ["0.1,0.2", [0.1, 0.2]])
def test_several_values_are_pointed_to_sweep(value):
    with pytest.raises(BadStage, match="for a sweep, several: -p rate=… -p rate=…"):
        check("rate", value)

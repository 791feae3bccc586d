"""Config: one meaning, one text."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import Config, Derivation, DRef, RRef, match_latest, mkconfig, selfref
from pystore.errors import BadConfig, BadName

DREF = DRef("dref:" + "1" * 32 + "-data")
RREF = RRef("rref:" + "2" * 32 + "-" + "1" * 32 + "-data")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(
    lambda text: not text.startswith(("dref:", "rref:"))
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
configs = st.dictionaries(texts.filter(lambda key: key != "name"), values, max_size=6)


def shuffled(value):
    """The same value with the keys of every dict in the opposite order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    return value


@given(configs)
def test_CF1_the_order_of_keys_makes_no_difference(value):
    assert Config(value) == Config(shuffled(value))
    assert Config(value).dref == Config(shuffled(value)).dref


@given(configs, configs)
def test_CF1_different_values_have_different_references(first, second):
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (Config(first).dref == Config(second).dref) == same


def test_CF2_numbers_of_different_types_are_different_values():
    drefs = {Config({"x": x}).dref for x in (1, 1.0, True, "1", 0, 0.0, -0.0, False, None)}
    assert len(drefs) == 9


@given(configs)
def test_CF3_parse_is_the_inverse_of_text(value):
    config = Config(value)
    assert Config.parse(config.text) == config
    assert Config.parse(config.text.encode()).dref == config.dref


@given(configs)
def test_CF3_the_value_of_a_config_is_a_fresh_copy(value):
    config = Config(value)
    config.value["intruder"] = 1
    assert "intruder" not in config
    assert config.value == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":1e999}',
        '{"a":1,"a":2}',
        '{"a": 1}',
        '{"b":1,"a":2}',
        '{"a":"\\ud800"}',
        '{"a":"\\u0041"}',
        '{"name":"in~er"}',
        '{"a":' + "1" * 5000 + "}",
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
        "[1]",
        "",
        "{",
        b"\xff",
    ],
)
def test_CF3_parse_refuses_what_is_not_canonical(text):
    with pytest.raises(BadConfig):
        Config.parse(text)


@pytest.mark.parametrize(
    ("value", "place", "advice"),
    [
        ({"layers": [0, 1, {"size": 3j}]}, "config.layers[2].size", "[x.real, x.imag]"),
        ({"x": np.complex64(1)}, "config.x: numpy.complex64", "[x.real, x.imag]"),
        ({"x": np.float64("nan")}, "config.x: nan", "finite"),
        ({"x": np.datetime64("2020-01-01")}, "config.x: numpy.datetime64", "x.item()"),
        ({"x": np.zeros(3)}, "config.x: numpy.ndarray", "write x.tolist()"),
        ({"x": (1, 2)}, "config.x: tuple", "write a list"),
        ({"x": {1, 2}}, "config.x: set", "write a list"),
        ({"x": b"abc"}, "config.x: bytes", "write a str"),
        ({"x": math.nan}, "config.x: nan", "finite"),
        ({"x": math.inf}, "config.x: inf", "finite"),
        ({"x": 2**64}, "config.x: an integer beyond 64 bits", "string"),
        ({"x": "\ud800"}, "config.x: a lone surrogate", ""),
        ({"x": {1: 2}}, "config.x: the key 1 is int", "string"),
        ({"x": {"\ud800": 2}}, "config.x, a key: a lone surrogate", ""),
        ({"x": object()}, "config.x: object", "None, bool, int"),
        ({"x": RREF}, "config.x: a realization cannot be part of a config", "match_exact"),
        ({"x": str(RREF)}, "config.x: a realization cannot be part of a config", "match_exact"),
        ({"x": "dref:42-mnist"}, "config.x: not a derivation reference", "mkdrv"),
        ({"x": selfref}, "config.x: selfref alone", "[selfref, 'file']"),
        ({"x": [selfref]}, "config.x: promises no file", "[selfref, 'file']"),
        ({"x": [selfref, ".."]}, "config.x: not a part of a path", "one name a step"),
        ({"x": [selfref, 1]}, "config.x: not a part of a path", ""),
        ({"x": [DREF, "a/b"]}, "config.x: not a part of a path", "one name a step"),
        ({"x": [DREF, "/etc"]}, "config.x: not a part of a path", ""),
        ({"x": {str(DREF): 1}}, "config.x: a reference cannot be a key", "make it a value"),
        ([1], "a config is a dict, not list", "mkconfig"),
    ],
)
def test_a_bad_value_is_refused_with_its_place_and_what_to_write(value, place, advice):
    with pytest.raises(BadConfig) as caught:
        Config(value)
    assert place in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("scalar", "plain"),
    [
        (np.int64(3), 3),
        (np.uint8(255), 255),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
    ],
)
def test_CF2_a_scalar_of_numpy_is_the_plain_value(scalar, plain):
    config = Config({"x": [{"y": scalar}]})
    assert config == Config({"x": [{"y": plain}]})
    assert type(config["x"][0]["y"]) is type(plain)


def test_a_value_that_contains_itself_is_refused():
    loop: list = []
    loop.append({"again": loop})
    with pytest.raises(BadConfig, match="contains itself"):
        Config({"loop": loop})


def test_a_value_nested_too_deep_is_refused():
    deep: list = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(BadConfig, match="nested deeper than 100"):
        Config({"deep": deep})


def test_a_value_that_occurs_twice_is_no_cycle():
    shared = [1, 2]
    assert Config({"a": shared, "b": shared}).value == {"a": [1, 2], "b": [1, 2]}


def test_the_name_is_the_readable_part_of_the_reference():
    assert Config({"name": "mnist"}).dref.endswith("-mnist")
    assert Config({}).dref.endswith("-unnamed")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "a\n", "é", "x" * 129, 3, None, "a\0"])
def test_a_bad_name_is_refused(name):
    with pytest.raises(BadName):
        Config({"name": name})


def test_references_are_collected_wherever_they_stand():
    other = DRef("dref:" + "3" * 32 + "-other")
    config = Config({"a": [DREF, "file"], "b": {"c": [other, DREF]}, "w": [DREF, 0.5]})
    assert config.inputs == (DREF, other)


@given(st.text(max_size=60), st.sampled_from(["dref:", "rref:"]))
def test_CF4_text_that_starts_as_a_reference_is_one(text, prefix):
    if prefix + text == DREF:
        return
    for value in (prefix + text, [prefix + text, "file"], {"deep": [prefix + text]}):
        with pytest.raises(BadConfig):
            Config({"x": value})


def test_CF4_a_reference_to_a_derivation_is_an_input_and_one_to_a_realization_is_refused():
    assert Config({"x": str(DREF)}).inputs == (DREF,)
    with pytest.raises(BadConfig, match="a realization cannot be part of a config"):
        Config({"x": str(RREF)})


def test_promises_are_collected():
    config = Config({"a": [selfref, "x", "y.txt"], "b": [[selfref, "z"]]})
    assert config.promises == (("x", "y.txt"), ("z",))


def test_a_derivation_as_a_value_stands_for_its_reference_and_is_held():
    data = Derivation({"name": "data"}, match_latest(), lambda b: None)
    config = Config({"data": [data, "file.txt"], "more": data})
    assert config == Config({"data": [data.dref, "file.txt"], "more": data.dref})
    assert config.holds[0] is data


def test_mkconfig_of_locals_drops_registry_and_modules():
    from pystore import Registry

    def stage(m):
        import json  # noqa: F401  # a name among the locals

        epochs = 3
        return mkconfig(locals())

    assert stage(Registry()) == Config({"epochs": 3})


def test_golden_references():
    """These never change: they name what is in people's stores."""
    value = {"name": "mnist", "lr": 1e-3, "n": 1, "f": 1.0, "b": True, "s": "é", "z": None}
    text = '{"b":true,"f":1.0,"lr":0.001,"n":1,"name":"mnist","s":"é","z":null}'
    assert Config(value).text == text
    assert Config(value).dref == "dref:6a0fe9d7175d755c1d3f8b1ce273788f-mnist"
    assert Config({}).dref == "dref:c83f233ab58ee2c0b1b514edac5204f9-unnamed"

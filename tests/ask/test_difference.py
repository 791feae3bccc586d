"""Difference: what differs between two results, part by part."""

import json

import pytest

from pystore import (
    Derivation,
    Store,
    build_cattrs,
    build_note,
    build_outpath,
    match_latest,
    realize,
)
from pystore.ask.inspection.difference import difference


def write(b):
    c, out = build_cattrs(b), build_outpath(b)
    for name, content in c.files.items():
        (out / name).write_bytes(content.encode("latin-1"))
    if hasattr(c, "parts"):
        build_note(b, "code", c.parts)


def made(files, name="made", **more):
    return realize(Derivation({"name": name, "files": files, **more}, match_latest(), write))


def artifacts(a, b, store):
    return {one.path.decode(): one for one in difference(a, b, store).artifacts}


def test_a_thing_does_not_differ_from_itself(store: Store):
    rref = made({"a": "1"})
    found = difference(rref, rref, store)
    assert not any((found.config, found.code, found.inputs, found.artifacts, found.metrics))


def test_a_parameter_that_is_none_is_told_from_one_that_is_absent(store: Store):
    found = difference(made({}, x=None), made({}), store).config
    assert [(one.key, one.a, one.b, one.lacking) for one in found] == [
        ("x", None, None, (False, True))
    ]


def test_artifacts_are_added_removed_and_changed(store: Store):
    one, other = (
        made({"same": "1", "old": "2", "new": "3\n"}),
        made({"same": "1", "new": "4\n", "x": ""}),
    )
    found = artifacts(one, other, store)
    assert list(found) == ["new", "old", "x"]
    assert found["new"].lines[-2:] == ("-3", "+4")
    assert found["old"].b is None and found["x"].a is None
    assert not found["old"].lines


@pytest.mark.parametrize("content", ["\0binary", "\xff\xfe", "x" * 70_000])
def test_lines_are_compared_in_small_texts_only(content, store: Store):
    found = artifacts(made({"a": "text"}), made({"a": content}), store)
    assert found["a"].lines == ()


@pytest.mark.parametrize(("a", "b"), [(1, 1.0), (1, True), (0.0, -0.0), (None, 0)])
def test_values_that_python_takes_for_equal_differ_as_configs_do(a, b, store: Store):
    found = difference(made({}, value=a), made({}, value=b), store)
    (changed,) = found.config
    assert changed.key == "value" and repr((changed.a, changed.b)) == repr((a, b))


def test_code_is_compared_part_by_part_where_parts_are_known(store: Store):
    one = made({}, parts={"f": "1", "g": "1", "h": "1"}, code="1")
    other = made({}, parts={"f": "1", "g": "2", "i": "1"}, code="2")
    assert [one.key for one in difference(one, other, store).code] == ["g", "h", "i"]
    plain = made({}, code="3")
    assert [one.key for one in difference(one, plain, store).code] == ["(all of it)"]


def test_inputs_differ_when_other_realizations_were_used(store: Store):
    def taking(data):
        return Derivation({"name": "top", "files": {}, "data": data}, match_latest(), write)

    first = Derivation({"name": "data", "files": {"a": "1"}}, match_latest(), write)
    second = Derivation({"name": "data", "files": {"a": "2"}}, match_latest(), write)
    found = difference(realize(taking(first)), realize(taking(second)), store)
    (changed,) = found.inputs
    assert changed.key == "data" and changed.a != changed.b
    of_derivations = difference(taking(first).dref, taking(second).dref, store)
    assert of_derivations.inputs[0].a == [first.dref]


def test_metrics_are_those_of_the_attempts(store: Store):
    found = difference(made({"score.txt": "1"}), made({"score.txt": "3", "loss.txt": "2"}), store)
    assert {one.key: (one.a, one.b) for one in found.metrics} == {
        "score.txt": (1.0, 3.0),
        "loss.txt": (None, 2.0),
    }


def test_as_json_each_part_is_a_list_of_what_differs(store: Store):
    a, b = made({"x.txt": "1\n"}, rate=1), made({"x.txt": "2\n"}, rate=2)
    found = json.loads(json.dumps(difference(a, b, store).to_dict()))
    assert set(found) == {"a", "b", "config", "code", "inputs", "artifacts", "metrics"}
    assert {"key": "rate", "a": 1, "b": 2} in found["config"]
    (one,) = found["artifacts"]
    assert (one["path"], one["a"]["size"], one["lines"][-2:]) == ("x.txt", 2, ["-1", "+2"])
    assert found["metrics"] == [{"key": "x.txt", "a": 1.0, "b": 2.0}]


@pytest.mark.parametrize("texts", [("[1]", [1]), ("{}", {}), ('["a"]', ["a"]), ("1", 1)])
def test_a_text_that_reads_like_another_value_differs_from_it(store: Store, texts):
    a, b = (made({"x.txt": "1"}, rate=rate) for rate in texts)
    (changed,) = difference(a, b, store).config
    assert changed.key == "rate" and changed.a != changed.b

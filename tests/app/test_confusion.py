"""Confusion: which classes a classifier has taken for which."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.app.confusion import confusion_of, evidence_in
from pystore.app.evidence import FILE, Evidence

LABELS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60)


def evidence(truth: list[object], predictions: list[object]) -> Evidence:
    return Evidence(tuple(truth), tuple(predictions), "rows")


@given(LABELS)
def test_CU1_each_row_counts_once(pairs):
    truth, predictions = map(list, zip(*pairs, strict=True))
    found = confusion_of(evidence(truth, predictions))
    if found is None:
        assert len({*truth, *predictions}) == 1
        return
    assert sum(found.count(t, p) for t in found.classes for p in found.classes) == len(pairs)
    for name in found.classes:
        right = sum(t == p == int(name) for t, p in pairs)
        recall = found.recall(name)
        total = truth.count(int(name))
        assert recall is None if not total else recall[0] == right / total


def test_CU1_a_class_has_one_name_however_it_is_written():
    found = confusion_of(evidence([[1], 2, 1.0, 2], [1.0, {"1": 0.4, "2": 0.6}, "1", [2]]))
    assert found is not None
    assert found.classes == ("1", "2")
    assert found.to_dict()["matrix"] == [[2, 0], [0, 2]]


@pytest.mark.parametrize(
    ("truth", "told", "classes"),
    [
        ([0.0, 1.0], [{"0.0": 0.9, "1.0": 0.1}, {"0.0": 0.2, "1.0": 0.8}], ("0", "1")),
        ([0, 1], [False, True], ("0", "1")),
        (["0", "1"], [0.0, 1.0], ("0", "1")),
        ([False, True], ["False", "True"], ("False", "True")),
    ],
)
def test_CU1_a_class_is_named_as_the_truth_names_it(truth, told, classes):
    found = confusion_of(evidence(truth, told))
    assert found is not None
    assert found.classes == classes
    assert found.to_dict()["matrix"] == [[1, 0], [0, 1]]


def test_classes_are_in_the_order_of_numbers():
    found = confusion_of(evidence([10, 9, "a"], [9, 10, "a"]))
    assert found is not None
    assert found.classes == ("9", "10", "a")


@pytest.mark.parametrize("values", [[0.5, 1.5], [None, 1], [[1, 2], 3], [*range(60)], [1, 1], []])
def test_what_are_no_classes_has_no_confusion(values: list[object]):
    assert confusion_of(evidence(values, values)) is None


@pytest.mark.parametrize(
    "text",
    ["", "{}", "null", "[" * 100_000, '{"truth": [1], "predictions": [], "rows": ""}', "\udcff",
     '{"truth": [1], "predictions": [{"a": "b"}], "rows": ""}'],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
def test_a_file_that_is_no_evidence_is_none(tmp_path: Path, text: str):
    assert evidence_in(tmp_path) is None
    (tmp_path / FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert evidence_in(tmp_path) is None


def test_evidence_is_read_as_it_was_written(tmp_path: Path):
    kept = evidence([1, 2], [1, {"1": 0.2, "2": 0.8}])
    kept.write(tmp_path)
    assert evidence_in(tmp_path) == kept
    with (tmp_path / FILE).open("ab") as file:
        file.truncate(1 << 30)
    assert evidence_in(tmp_path) is None


def test_a_pipe_and_a_link_are_no_evidence(tmp_path: Path):
    for name in ("pipe", "link", "other"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / FILE)
    evidence([1, 2], [1, 2]).write(tmp_path / "other")
    (tmp_path / "link" / FILE).symlink_to(tmp_path / "other" / FILE)
    found = [evidence_in(tmp_path / name) for name in ("pipe", "link", "other")]
    assert [one is None for one in found] == [True, True, False]

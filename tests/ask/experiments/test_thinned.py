"""Traces that are thinned for a drawing."""

import math

import pytest

from pystore import Build, Derivation, Store, build_metric, build_outpath, match_latest, realize
from pystore.ask.experiments.thinned import lines_of


def traced(values: list[float]) -> Derivation:
    def tell(b: Build) -> None:
        for step, value in enumerate(values):
            build_metric(b, "loss", value, step=step)
        (build_outpath(b) / "out.txt").write_text("")

    return Derivation({"name": "traced", "n": len(values)}, match_latest(), tell)


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 2500])
def test_TL1_a_line_has_its_first_point_and_at_most_a_thousand(store: Store, count: int):
    values = [float(i) for i in range(count)]
    made = realize(traced(values))
    (line,) = lines_of(store.attempts(made.dref), "loss", store)
    assert line.steps[0] == 0
    assert len(line.steps) == len(line.values) <= 1000
    assert all(values[step] == value for step, value in zip(line.steps, line.values, strict=True))
    assert len({b - a for a, b in zip(line.steps, line.steps[1:], strict=False)}) <= 1


def test_TL1_what_is_no_number_is_left_out(store: Store):
    made = realize(traced([1.0, math.nan, math.inf, 2.0]))
    (line,) = lines_of(store.attempts(made.dref), "loss", store)
    assert line.steps == (0, 3)
    assert line.to_dict()["values"] == [1.0, 2.0]


def test_of_many_attempts_some_are_drawn(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pystore.ask.experiments.thinned._LINES", 2)
    for _ in range(3):
        made = realize(traced([1.0]), force_rebuild=True)
    assert len(lines_of(store.attempts(made.dref), "loss", store)) == 2
    assert lines_of(store.attempts(made.dref), "accuracy", store) == []

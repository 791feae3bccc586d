"""Usage of the machine among what an attempt told: it is no metric, and a mean goes by time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.core.machine_usage import summary, with_usage, without_usage

USAGE = [(10, "system/cpu", 90.0), (10, "system/memory", 5.0), (10, "system/gpu0", 7.0)]
TOLD = [(0, "loss", 0.5), (1, "system/disk", 3.0)]


def test_UG1_usage_is_told_apart_from_what_the_realizer_told():
    whole = with_usage(TOLD, USAGE, {})
    assert whole == [*TOLD, *USAGE]
    assert without_usage(whole, {}) == TOLD


def test_UG2_a_metric_of_that_name_counts_and_usage_is_left_out():
    told = [(0, "system/memory", 1.0)]
    assert with_usage(told, USAGE, {}) == [*told, USAGE[0], USAGE[2]]
    assert with_usage([], USAGE, {"system/cpu": 3.0}) == USAGE[1:]
    assert without_usage(told, {"system/memory": 1.0}) == told
    assert summary(told, {"system/memory": 1.0}) == {}


def test_UG3_a_mean_goes_by_time_and_of_memory_the_peak_counts():
    trace = [
        (10, "system/cpu", 100.0), (10, "system/memory", 5.0),
        (20, "system/cpu", 100.0), (20, "system/memory", 9.0),
        (100, "system/cpu", 0.0), (100, "system/memory", 2.0), (100, "loss", 1.0),
    ]  # fmt: skip
    assert summary(trace, {"loss": 1.0}) == {"system/cpu": 20.0, "system/memory": 9.0}


@given(st.lists(st.integers(1, 1000), min_size=1, unique=True).map(sorted))
def test_UG3_the_mean_of_what_is_constant_is_that(steps):
    found = summary([(step, "system/gpu1", 40.0) for step in steps], {})
    assert found["system/gpu1"] == pytest.approx(40.0)

"""The cells of a CSV file become values of the trained types, or are told."""

import pandas as pd
import pytest

from pystore.app.csv_cells import as_trained

DAYS = pd.to_datetime(pd.Series(["2026-01-02", "2026-01-03"]))
KINDS = {
    "numbers": pd.Series([0.5]),
    "whole numbers": pd.Series([1]),
    "truth": pd.Series([True]),
    "days": DAYS,
    "categories": pd.Series(["x", "y"], dtype="category"),
    "categories of numbers": pd.Series([1, 2], dtype="category"),
    "texts": pd.Series(["x"]),
}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("numbers", "1e3", 1000.0),
        ("whole numbers", "7", 7),
        ("truth", "False", False),
        ("days", "2026-01-03", DAYS[1]),
        ("categories", "y", "y"),
        ("categories of numbers", "2", 2),
        ("texts", "NA", "NA"),
    ],
)
def test_a_text_becomes_the_value_that_the_training_had(kind, text, value):
    values, lost = as_trained(pd.Series([text]), KINDS[kind])
    assert values[0] == value and not lost[0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_text_is_a_missing_value(kind):
    values, lost = as_trained(pd.Series(["", "2"]), KINDS[kind])
    assert values.isna()[0] and not lost[0]


@pytest.mark.parametrize("gap", ["NA", "nan", "null"])
def test_in_numbers_the_usual_words_are_missing_values(gap):
    values, lost = as_trained(pd.Series([gap]), KINDS["numbers"])
    assert values.isna()[0] and not lost[0]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("numbers", "1,5"),
        ("numbers", "x"),
        ("truth", "2"),
        ("days", "03/01/2026"),
        ("categories", "z"),
        ("categories", "NA"),
    ],
)
def test_CE1_a_text_that_is_no_value_is_told(kind, text):
    good = {"numbers": "1", "truth": "1", "days": "2026-01-03", "categories": "x"}[kind]
    _, lost = as_trained(pd.Series([good, text, ""]), KINDS[kind])
    assert lost.tolist() == [False, True, False]


@pytest.mark.parametrize("kind", ["numbers", "whole numbers"])
def test_CE1_a_truth_value_is_no_number(kind):
    _, lost = as_trained(pd.Series(["true", "True", "1"]), KINDS[kind])
    assert lost.tolist() == [True, True, False]


@pytest.mark.parametrize("text", ["now", "today", "2026", "2026-01", "20260103", "2026-02-30"])
def test_CE1_no_time_is_guessed(text):
    _, lost = as_trained(pd.Series(["2026-01-03", text]), DAYS)
    assert lost.tolist() == [False, True]


def test_CE1_offsets_are_those_of_the_training():
    zoned = DAYS.dt.tz_localize("Europe/Berlin")
    texts = pd.Series(["2026-01-02T00:00:00Z", "2026-06-02T00:00:00+02:00", "2026-01-02", ""])
    values, lost = as_trained(texts, zoned)
    assert lost.tolist() == [False, False, True, False]
    assert values[1] == pd.Timestamp("2026-06-02", tz="Europe/Berlin")
    assert as_trained(texts, DAYS)[1].tolist() == [True, True, False, False]


def test_CE1_a_missing_number_rounds_no_other():
    values, _ = as_trained(pd.Series([str(2**53 + 1), "", "1.5"]), KINDS["whole numbers"])
    assert values[0] == 2**53 + 1 and values.isna()[1] and values[2] == 1.5


def test_CE2_a_text_of_two_categories_is_none_of_them():
    kind = pd.Series([1, "1", "x"], dtype="category")
    _, lost = as_trained(pd.Series(["1", "x"]), kind)
    assert lost.tolist() == [True, False]

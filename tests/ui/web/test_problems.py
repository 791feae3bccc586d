"""Problems: their size, and what they say."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pystore.app.errors import BadFeatures, PredictorFailed
from pystore.core.refs import RRef
from pystore.ui.web.problems import MOST, Problem, bad_features, failed

RREF = RRef(f"rref:{'0' * 32}-{'1' * 32}-weights")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=800),
    lambda inner: (
        st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=9), inner, max_size=7)
    ),
    max_leaves=6,
)
NAMES = st.text("abcdefgh_", min_size=1).filter(lambda name: name not in ("closing", "status"))


@settings(deadline=None)
@given(st.text(max_size=2000), st.dictionaries(NAMES, VALUES, max_size=8), st.text(max_size=900))
def test_PJ1_a_problem_is_json_of_at_most_1_kb(title: str, facts: dict[str, Any], remedy: str):
    facts.pop("title", None)
    body = Problem(422, title, **facts, remedy=remedy).body()
    assert len(body) <= MOST
    assert json.loads(body)["status"] == 422


@settings(deadline=None)
@given(st.text(max_size=5000), st.text(max_size=3000))
def test_PJ1_whatever_an_error_says_its_problem_has_at_most_1_kb(what: str, because: str):
    for error in (
        BadFeatures(what, because=because, title=what, status=because, remedy=what),
        ValueError(what),
        PredictorFailed(what, remedy=because),
    ):
        assert len(bad_features(error, {"shape": [784]}).body()) <= MOST
        assert len(failed(error, RREF).body()) <= MOST


def test_PJ2_bad_features_are_told_with_the_expected_ones_and_a_remedy():
    error = BadFeatures("columns are missing", missing="a, b, c", remedy="send rows")
    told = json.loads(bad_features(error, {"columns": list("abcdefg")}).body())
    assert told["expected"]["columns"] == ["a", "b", "c", "d", "e", "…"]
    assert (told["missing"], told["remedy"]) == ("a, b, c", "send rows")
    other = json.loads(bad_features(KeyError("x"), {"shape": [3]}).body())
    assert (other["because"], other["expected"]) == ("KeyError: 'x'", {"shape": [3]})


def test_PJ2_the_remedy_stays_where_other_facts_do_not_fit():
    facts: dict[str, Any] = {f"fact{i}": "x" * 250 for i in range(9)}
    told = json.loads(Problem(422, "too much", **facts, remedy="send less").body())
    assert (told["title"], told["remedy"]) == ("too much", "send less")


def test_a_failed_predictor_is_told_by_its_class_alone():
    problem = failed(ValueError("a path of the server"), RREF)
    told = json.loads(problem.body())
    assert (told["status"], told["because"], told["rref"]) == (500, "ValueError", RREF)
    assert b"path" not in problem.body()
    assert isinstance(problem.error, ValueError)

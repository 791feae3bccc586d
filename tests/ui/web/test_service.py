"""Service: what answers, what is remembered, logged and counted."""

import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from small_model import SmallModel, train
from starlette.testclient import TestClient

from pystore import RRef, Store, match_best, match_latest, pin, reject, unpin
from pystore.core.errors import BadStage, PystoreWarning
from pystore.store.tree import remove
from pystore.ui.web.serve import asgi

ROW = {"features": [[1.0, 0.0, 0.0]]}


@contextmanager
def client(store: Store, model: SmallModel | None = None, **options: Any) -> Iterator[TestClient]:
    """A client of a service, which tells its lines to nobody unless it is asked to."""
    if "pin" not in options:
        options = {"matcher": match_best("test"), **options}
    options = {"every": 0.01, "tell": lambda _: None, **options}
    application = asgi(model or SmallModel(store=store), **options)
    with TestClient(application, raise_server_exceptions=True) as client:
        yield client


def wait(client: TestClient, rref: RRef | None, status: int = 200) -> dict[str, Any]:
    """What /ready says when this one answers, or none does."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        reply = client.get("/ready")
        found: dict[str, Any] = reply.json()
        if reply.status_code == status and found["rref"] == rref:
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def test_SQ1_each_answer_names_the_realization_that_gave_it(store: Store):
    first = train(scale=1.0, score=0.5)
    with client(store) as c:
        wait(c, first)
        assert c.post("/predict", json=ROW).json() == {"predictions": [1.0], "rref": first}
        second = train(scale=2.0, score=0.7)
        wait(c, second)
        assert c.post("/predict", json=ROW).json() == {"predictions": [2.0], "rref": second}


def test_SQ1_several_rows_have_a_prediction_each(store: Store):
    first = train()
    with client(store) as c:
        wait(c, first)
        rows = {"features": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
        assert c.post("/predict", json=rows).json()["predictions"] == [1.0, 10.0, 100.0]
        assert c.post("/predict", json={"features": "blank"}).json()["predictions"] == [None]


def test_SQ2_before_anything_is_trained_503_says_what_to_do(store: Store):
    with client(store) as c:
        found = wait(c, None, 503)
        reply = c.post("/predict", json=ROW)
        assert (reply.status_code, found["ready"]) == (503, False)
        assert reply.json()["remedy"]
        assert c.get("/health").json() == {"alive": True}
        assert c.get("/model").status_code == 503
        first = train()
        wait(c, first)
        assert c.post("/predict", json=ROW).status_code == 200


def test_SQ2_a_refused_one_is_named_with_the_reason(store: Store):
    bad = train(fault="other")
    with client(store) as c:
        limit = time.monotonic() + 60
        while not (found := c.get("/ready").json())["refused"] and time.monotonic() < limit:
            time.sleep(0.01)
        assert "predicts otherwise" in found["refused"][bad]
        reply = c.post("/predict", json=ROW)
        assert (reply.status_code, list(reply.json()["refused"])) == (503, [bad])


def test_SQ2_after_a_rejection_the_next_best_answers_and_then_none(store: Store):
    first, second = train(score=0.5), train(scale=2.0, score=0.7)
    with client(store) as c:
        wait(c, second)
        reject(second, "label leak")
        wait(c, first)
        reject(first, "label leak")
        wait(c, None, 503)
        assert c.post("/predict", json=ROW).status_code == 503


def test_SQ2_a_pin_is_followed(store: Store):
    first, second = train(scale=1.0), train(scale=2.0)
    pin(first, "serving")
    with client(store, pin="serving") as c:
        wait(c, first)
        pin(second, "serving")
        wait(c, second)
        unpin("serving")
        for _ in range(5):
            assert c.post("/predict", json=ROW).json()["rref"] == second


def test_SQ2_a_store_that_goes_is_no_error_of_the_service(store: Store):
    first = train()
    with client(store) as c:
        wait(c, first)
        remove(store.root)
        for _ in range(30):
            assert c.post("/predict", json=ROW).status_code in (200, 503)
            time.sleep(0.01)
        assert c.get("/ready").status_code in (200, 503)


def test_SQ3_an_answer_that_is_remembered_is_of_what_answers_now(store: Store):
    model = SmallModel(store=store)
    first = train(scale=1.0, score=0.5)
    with client(store, model, cache=2) as c:
        wait(c, first)
        for _ in range(3):
            assert c.post("/predict", json=ROW).json()["predictions"] == [1.0]
        assert "pystore_cached 2.0" in c.get("/metrics").text
        second = train(scale=2.0, score=0.7)
        wait(c, second)
        assert c.post("/predict", json=ROW).json() == {"predictions": [2.0], "rref": second}
        for i in range(5):
            other = {"features": [[float(i), 0, 0]]}
            assert c.post("/predict", json=other).json()["predictions"] == [2.0 * i]


def test_problems_are_not_remembered(store: Store):
    first = train()
    with client(store, cache=10) as c:
        wait(c, first)
        for _ in range(2):
            assert c.post("/predict", json={"features": [[1]]}).status_code == 422
            assert c.post("/predict", json={"features": [[666, 0, 0]]}).status_code == 500


def test_answers_are_logged(store: Store, tmp_path: Path):
    first = train()
    with client(store, log=tmp_path / "log", log_inputs=True, cache=10) as c:
        wait(c, first)
        for _ in range(2):
            c.post("/predict", json=ROW)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["reply"] for line in lines] == [[1.0], [1.0]]
    assert lines[0]["input"] == ROW["features"]
    assert lines[0]["key"] == lines[1]["key"]


def test_a_shadow_answers_the_same_questions(store: Store):
    best, latest = train(scale=1.0, score=0.9), train(scale=2.0, score=0.1)
    with client(store, shadow=match_latest()) as c:
        wait(c, best)
        for _ in range(500):
            assert c.post("/predict", json=ROW).json()["rref"] == best
            told = c.get("/model").json()["shadow"]
            if told["compared"] >= 3:
                break
        assert (told["rref"], told["agreed"]) == (latest, 0)
        assert "pystore_shadow_compared" in c.get("/metrics").text


def test_the_versions_that_differ_are_told_once_and_stay_to_be_seen(store: Store):
    first = train()
    lines: list[str] = []
    with client(store, tell=lines.append) as c:
        found = wait(c, first)
    assert found["warnings"] == ["trained with scikit-learn 1.5.1, here 1.6.0"]
    assert len([line for line in lines if "scikit-learn" in line]) == 1


def test_where_nobody_takes_lines_a_warning_is_a_warning(store: Store):
    first = train()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with client(store, tell=None) as c:
            wait(c, first)
    told = [str(one.message) for one in caught if one.category is PystoreWarning]
    assert len(told) == 1
    assert "scikit-learn 1.5.1" in told[0]


def test_what_the_predictor_raises_is_told_to_whoever_runs_the_service(store: Store):
    first = train()
    lines: list[str] = []
    with client(store, tell=lines.append) as c:
        wait(c, first)
        for _ in range(3):
            c.post("/predict", json={"features": [[666, 0, 0]]})
    told = [line for line in lines if "ArithmeticError: the beast" in line]
    assert len(told) == 1
    assert "small_model.py:" in told[0]


def test_a_matcher_and_a_pin_are_not_followed_both(store: Store):
    with pytest.raises(BadStage):
        asgi(SmallModel(store=store), match_best("test"), pin="serving")

"""Application: whatever is sent, the reply says why; the pages; the token."""

import io
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from small_model import SmallModel, train
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from test_service import ROW, client, wait

from pystore import Store, match_best
from pystore.core.refs import RRef
from pystore.ui.web.serve import asgi

PAGES = ["/", "/pad.js", "/form.js", "/ask.js", "/pad.css"]


@pytest.fixture
def ready(store: Store) -> Iterator[TestClient]:
    """A client of a service that answers."""
    first = train()
    with client(store, max_body=1 << 16) as c:
        wait(c, first)
        yield c


def drawn(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


# --- whatever is sent ------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
ROWS = st.lists(st.lists(st.floats() | st.integers() | st.text(), max_size=4), max_size=4)
BODIES = (
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | (JSON | ROWS).map(lambda value: json.dumps({"features": value}).encode())
)
TYPES = st.sampled_from(["application/json", "image/png", "image/jpeg", "text/plain", "", "x"])
PATHS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"))
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
SLOW = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SLOW
@given(body=BODIES, kind=TYPES)
def test_AP1_whatever_is_posted_the_reply_is_an_answer_or_says_why(
    ready: TestClient, body: bytes, kind: str
):
    reply = ready.post("/predict", content=body, headers={"Content-Type": kind})
    told = reply.json()
    if reply.status_code == 200:
        assert {*told} == {"predictions", "rref"}
    else:
        assert 400 <= reply.status_code < 500
        assert reply.headers["content-type"] == "application/problem+json"
        assert len(reply.content) <= 1024
        assert told["title"]


@SLOW
@given(path=PATHS, method=METHODS)
def test_AP1_whatever_is_asked_for_is_there_or_is_a_problem(
    ready: TestClient, path: str, method: str
):
    reply = ready.request(method, "http://testserver/" + path.lstrip("/"))
    assert reply.status_code < 500
    if reply.status_code >= 400 and method != "HEAD":
        assert reply.json()["status"] == reply.status_code


BAD = {
    "not JSON": (b"features", 400),
    "empty": (b"", 400),
    "nested": (b"[" * 60_000, 400),
    "no features": (b'{"feature": []}', 422),
    "a short row": (b'{"features": [[1, 2]]}', 422),
    "NaN": (b'{"features": [[NaN, 1, 2]]}', 422),
    "1e999": (b'{"features": [[1e999, 1, 2]]}', 422),
    "text": (b'{"features": [["a", 1, 2]]}', 422),
    "too large": (b"x" * (1 << 17), 413),
}


@pytest.mark.parametrize("name", BAD)
def test_AP1_bad_input_has_its_status(ready: TestClient, name: str):
    body, status = BAD[name]
    reply = ready.post("/predict", content=body)
    assert (reply.status_code, len(reply.content) <= 1024) == (status, True)
    if status == 422:
        assert reply.json()["expected"]["shape"] == [3]


def test_AP1_a_predictor_that_raises_is_named_by_class_and_realization(ready: TestClient):
    reply = ready.post("/predict", json={"features": [[666, 0, 0]]})
    assert reply.status_code == 500
    assert reply.json()["because"] == "ArithmeticError"
    assert RRef(reply.json()["rref"])
    count = ready.post("/predict", json={"features": [[13, 0, 0]]})
    assert (count.status_code, count.json()["because"]) == (500, "PredictorFailed")


def test_AP1_an_error_of_our_own_is_a_problem_too(
    ready: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("pystore.ui.web.application.description", lambda *_: 1 / 0)
    reply = ready.get("/openapi.json")
    assert (reply.status_code, reply.json()["title"]) == (500, "the service failed")
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_picture_is_asked_for_and_a_blank_one_is_answered_with_null(ready: TestClient):
    page = np.full((28, 28), 255, np.uint8)
    headers = {"Content-Type": "image/png"}
    blank = ready.post("/predict", content=drawn(page), headers=headers)
    assert blank.json()["predictions"] == [None]
    page[5:20, 14] = 0
    inked = ready.post("/predict", content=drawn(page), headers=headers)
    assert inked.json()["predictions"][0] > 0


# --- the pages -------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_AP3_a_page_loads_nothing_from_elsewhere(ready: TestClient, path: str):
    reply = ready.get(path)
    assert reply.status_code == 200
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+|@import|url\(", reply.text) == []
    assert re.findall(r"\b(?:eval|Function|innerHTML|document\.write)\b", reply.text) == []


@pytest.mark.parametrize("path", [*PAGES, "/ready", "/model", "/openapi.json", "/metrics"])
def test_AP3_a_page_may_run_its_own_script_alone(ready: TestClient, path: str):
    headers = ready.get(path).headers
    policy = dict(
        one.strip().partition(" ")[::2] for one in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("takes_pictures", [True, False])
def test_AP3_a_page_has_no_script_or_style_in_it(store: Store, takes_pictures: bool):
    with client(store, SmallModel(takes_pictures, store)) as c:
        page = c.get("/").text
    assert ("<canvas" in page) is takes_pictures
    assert re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page) == []
    assert '<link rel="icon" href="data:,">' in page
    assert "width=device-width" in page
    for asset in re.findall(r'(?:src|href)="([^":]+)"', page):
        assert f"/{asset}" in PAGES


def test_the_scripts_find_what_they_look_for():
    """A name that only one of script and page has is a mistake."""
    from importlib.resources import files

    pad = files("pystore.ui.web") / "pad"
    for page, script in (("pad.html", "pad.js"), ("form.html", "form.js")):
        there = set(re.findall(r' id="([\w-]+)"', (pad / page).read_text()))
        code = (pad / script).read_text() + (pad / "ask.js").read_text()
        assert set(re.findall(r'getElementById\("([\w-]+)"\)', code)) == there


# --- the token -------------------------------------------------------------------------


def test_AP2_without_the_token_one_sees_the_empty_pages_and_health_alone(store: Store):
    train()
    with client(store, token="secret") as c:
        for path in (*PAGES, "/health"):
            assert c.get(path).status_code == 200
        for path in ("/ready", "/model", "/metrics", "/openapi.json", "/nowhere"):
            assert c.get(path).status_code == 401
        for shown in ("", "Bearer", "Bearer other", "Basic secret", "secret", "Bearer secret2"):
            reply = c.post("/predict", json=ROW, headers={"Authorization": shown})
            assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
            assert "rref" not in reply.text


def test_AP2_with_the_token_one_is_answered(store: Store):
    first = train()
    with client(store, token="secret") as c:
        c.headers["Authorization"] = "bearer secret"
        wait(c, first)
        assert c.post("/predict", json=ROW).json()["rref"] == first


def test_AP2_the_token_is_asked_for_below_a_mount_too(store: Store):
    first = train()
    inner = asgi(SmallModel(store=store), match_best("test"), every=0.01, token="secret",
                 tell=lambda _: None)  # fmt: skip
    outer = Starlette(routes=[Mount("/models/small", inner)])
    with TestClient(outer) as c:
        assert c.get("/models/small/model").status_code == 401
        c.headers["Authorization"] = "Bearer secret"
        limit = time.monotonic() + 60
        while (reply := c.post("/models/small/predict", json=ROW)).status_code != 200:
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert reply.json()["rref"] == first
        assert c.get("/models/small/").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/predict", "POST"), ("PUT", "/predict", "POST"), ("POST", "/ready", "GET, HEAD")],
)
def test_AP1_another_method_is_told_which_there_are(
    ready: TestClient, method: str, path: str, allowed: str
):
    reply = ready.request(method, path)
    assert (reply.status_code, reply.headers["allow"]) == (405, allowed)

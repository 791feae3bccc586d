"""The views that compare, follow and sum up: of two results, a sweep, what runs, the room, rows."""

import html
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hostile_store import IMAGE, SCRIPT, STEERING, SVG
from PIL import Image
from small_page import Page

from pystore import (
    Build,
    Derivation,
    Store,
    build_cattrs,
    build_metric,
    build_progress,
    compare,
    gc,
    match_latest,
    pin,
    realize,
    results,
    stage,
)
from pystore.app import predictor
from pystore.db import connect, image
from pystore.errors import BuildError
from pystore.ui.page.asked import Asked
from pystore.ui.page.views import collections


def _train(b: Build) -> None:
    c = build_cattrs(b)
    build_metric(b, "score", c.rate + c.seed / 100)
    (b.outpath / "report.txt").write_text(f"rate {c.rate}\n")


def train(rate: float, seed: int = 0, **more: Any) -> Derivation:
    config = {"name": "train", "rate": rate, "seed": seed, **more}
    return Derivation(config, match_latest(), _train)


# --- compare


def test_a_side_that_is_missing_gives_a_form(page: Page):
    assert "Name two results" in page.text("/compare")
    assert "The other side is missing" in page.text("/compare?a=train")


@pytest.mark.parametrize("text", ["zork", "..%2F..%2Fetc", "%3Cscript%3E", "%00", "rref:1"])
def test_a_side_that_names_nothing_is_told(page: Page, text: str):
    answer = page.get(f"/compare?a=train&b={text}")
    assert answer.status_code in (400, 404)
    assert "<h1>" in answer.text
    assert "<script>" not in answer.text


def test_two_derivations_have_the_test_of_the_command_line(own_page: Page):
    a = [realize(train(0.1, seed)).dref for seed in range(5)]
    b = [realize(train(0.2, seed)).dref for seed in range(5)]
    realize([train(0.1), train(0.2)], attempts=3)
    told = own_page.json(f"/compare?a={a[0]}&b={b[0]}")
    expected = compare(a[0], b[0], "score").difference
    assert (told["tests"][0]["metric"], told["tests"][0]["value"]) == ("score", expected.value)
    assert [one["key"] for one in told["difference"]["config"]] == ["rate"]
    text = own_page.text(f"/compare?a={a[0]}&b={b[0]}")
    assert f"pystore compare {a[0]} {b[0]}<" in text
    assert "<del>-rate 0.1</del>" in text
    assert "<ins>+rate 0.2</ins>" in text


def test_a_family_is_compared_by_all_of_its_attempts_and_in_pairs(own_page: Page):
    def other(b: Build) -> None:
        build_metric(b, "score", 0.3 + b.config["seed"] / 90)

    for seed in range(4):
        realize(train(0.1, seed))
        realize(Derivation({"name": "other", "seed": seed}, match_latest(), other))
    [test] = own_page.json("/compare?a=train&b=other&paired=seed")["tests"]
    expected = compare("train", "other", "score", paired="seed").difference
    assert (test["paired"], test["p"]) == ("seed", expected.p)
    [test] = own_page.json("/compare?a=train&b=other&where=seed%3C2")["tests"]
    assert (len(test["a"]), len(test["b"])) == (2, 2)
    told = own_page.text("/compare?a=train&b=other&paired=seed&where=seed%3C2")
    command = "pystore diff train other; pystore compare train other --paired seed --where"
    assert f"{command} &#39;seed&lt;2&#39;" in told
    told = own_page.json("/compare?a=train&b=other&paired=zork")
    assert told["tests"] == []
    assert "no parameter" in told["why_no_test"]


def test_two_attempts_of_one_derivation_differ_by_luck(own_page: Page):
    dref = realize(train(0.1)).dref
    text = own_page.text(f"/compare?a={dref}&b={dref}")
    assert "by luck alone" in text
    assert f"pystore diff {dref} {dref}<" in text
    assert "pystore compare" not in text
    realize(train(0.2))
    told = own_page.json(f"/compare?a=train&b={dref}")
    assert (told["tests"], "attempts in common" in told["why_no_test"]) == ([], True)


def _evidence(predictions: list[Any], rows: str = "r") -> Any:
    import json

    def write(b: Build) -> None:
        told = {"truth": [0, 1] * 10, "predictions": predictions, "rows": rows}
        (b.outpath / "evidence.json").write_text(json.dumps(told))
        signature = {"columns": None, "dtypes": [], "shape": [], "missing": [],
                     "codes": {"predictor": "p"}, "predictions": None}  # fmt: skip
        (b.outpath / "signature.json").write_text(json.dumps(signature))

    return write


def test_two_classifiers_have_the_test_of_mcnemar(own_page: Page):
    right, wrong = [0, 1] * 10, [0, 1] * 5 + [1, 0] * 5
    good = realize(Derivation({"name": "good"}, match_latest(), _evidence(right)))
    bad = realize(Derivation({"name": "bad"}, match_latest(), _evidence(wrong)))
    apart = realize(Derivation({"name": "apart"}, match_latest(), _evidence(wrong, "other")))
    told = own_page.json(f"/compare?a={good}&b={bad}")["mcnemar"]
    assert told == {"only_a": 10, "only_b": 0, "rows": 20, "p": pytest.approx(2 / 2**10)}
    assert "were tested on other rows" in own_page.text(f"/compare?a={good}&b={apart}")


def test_a_stage_that_has_only_failed_has_an_axis_without_ends(own_page: Page):
    def fail(b: Build) -> None:
        build_metric(b, "score", 1.0)
        raise ArithmeticError

    with pytest.raises(BuildError):
        realize(Derivation({"name": "bad"}, match_latest(), fail))
    assert "nan" not in own_page.text("/stage/bad").partition("<main")[2]


# --- sweep


def sweep_of(rates: list[Any]) -> None:
    for rate in rates:
        for kind in ("a", "b"):
            for seed in (1, 2):
                realize(train(rate, seed, kind=kind))


def test_a_sweep_has_the_means_of_its_attempts(own_page: Page):
    sweep_of([0.001, 0.01, 1.0])
    told = own_page.json("/sweep/train")
    assert (told["x"], told["by"], told["over"]) == ("rate", "kind", ["seed"])
    cells = {(one["x"], one["by"]): one for one in told["cells"]}
    assert cells[0.01, "a"]["n"] == 2
    assert cells[0.01, "a"]["mean"] == pytest.approx(0.01 + 0.015)
    assert told["best"]["parameters"]["rate"] == 1.0
    shares = {one["parameter"]: one["share"] for one in told["importance"]}
    assert shares["rate"] > 0.99
    assert shares["kind"] < 0.01
    text = own_page.text("/sweep/train")
    assert text.count('<svg class="chart"') == 2
    assert "rate (logarithmic)" in text
    least = own_page.json("/sweep/train?best=min&x=kind&by=(none)")
    assert (least["best"]["parameters"]["rate"], len(least["cells"])) == (0.001, 2)


def test_whatever_a_form_offers_is_answered(own_page: Page):
    sweep_of([1, 2])
    asked = 0
    for address in ("/sweep/train", "/sweep/train?x=kind&by=(none)", "/stage/train", "/compare"):
        for name, options in re.findall(
            r'<select name="(\w+)">(.*?)</select>', own_page.text(address)
        ):
            for value in re.findall(r'<option value="([^"]*)"', options):
                together = "&" if "?" in address else "?"
                own_page.text(f"{address}{together}{name}={quote(html.unescape(value))}")
                asked += 1
    assert asked > 10


def test_a_sweep_without_colours_says_nothing_of_them(own_page: Page):
    sweep_of([1, 2])
    text = own_page.text("/sweep/train?x=rate&by=(none)")
    assert '<option value="(none)" selected>(none)</option>' in text
    assert "this (none)" not in text
    assert ">(none)</th>" not in text
    assert "with this value, whatever the other parameters" in text
    assert '<ul class="legend"' not in text


def test_series_have_shapes_beside_colours(own_page: Page):
    sweep_of([1, 2])
    text = own_page.text("/sweep/train?by=kind")
    marks = set(re.findall(r'class="mark-of" d="([^"]+)"', text))
    assert len(marks) == 2


@pytest.mark.parametrize(
    "rates", [[1, 2.5, SCRIPT], [True, None, 1], [[1, 2], {"a": 1}], [2**62, 1], [1, 1.0]],
    ids=["text", "nothing", "nested", "huge", "alike"],
)  # fmt: skip
def test_any_values_can_be_swept_over(own_page: Page, rates: list[Any]):
    def write(b: Build) -> None:
        build_metric(b, "score", 1.0)

    for rate in rates:
        realize(Derivation({"name": "odd", "rate": rate, "x": 1}, match_latest(), write))
    text = own_page.text("/sweep/odd")
    assert "<script>" not in text.partition("<main")[2]


@pytest.mark.parametrize("scores", [[1e308, -1e308], [5e-324, 0], [1e300, 1]])
def test_any_numbers_can_be_drawn(own_page: Page, scores: list[float]):
    def write(b: Build) -> None:
        build_metric(b, "score", b.config["score"] * (1 + b.config["y"]) / 2)

    for score in scores:
        for y in (0, 1):
            config = {"name": "odd", "score": score, "y": y}
            realize(Derivation(config, match_latest(), write))
    for address in ("/sweep/odd", "/sweep/odd?x=y", "/stage/odd", "/compare?a=odd&b=odd"):
        assert "<svg" in own_page.text(address) or "luck" in own_page.text(address)


def test_a_sweep_of_nothing_says_so(own_page: Page):
    realize(train(1))
    assert "nothing to compare" in own_page.text("/sweep/train")
    realize(Derivation({"name": "mute"}, match_latest(), lambda b: b.outpath.mkdir(exist_ok=True)))
    assert "There is no metric yet" in own_page.text("/sweep/mute")
    assert own_page.get("/sweep/zork").status_code == 404
    assert own_page.get("/sweep/train?metric=zork").status_code == 400
    assert "No attempt fits" in own_page.text("/sweep/train?where=rate%3D7")
    assert own_page.get("/sweep/train?where=zork%3D1").status_code == 400


# --- running


@contextmanager
def running(store: Store) -> Iterator[None]:
    """An attempt that has told something, printed something, and goes on."""
    told, end = threading.Event(), threading.Event()

    def slow(b: Build) -> None:
        os.write(1, f"first\n{SCRIPT}{STEERING}\n".encode())
        build_progress(b, 1, 4, SCRIPT)
        build_metric(b, IMAGE, 0.5, step=3)
        told.set()
        assert end.wait(60)

    def run() -> None:
        with store.use():
            realize(Derivation({"name": "slow", SCRIPT: IMAGE}, match_latest(), slow), capture=True)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert told.wait(60)
        yield
    finally:
        end.set()
        thread.join(60)


def test_what_runs_is_shown_with_the_last_line_of_its_log(own_page: Page):
    assert "Nothing runs" in own_page.text("/running")
    with running(own_page.stores["store0"]):
        [row] = own_page.json("/running")
        text = own_page.text("/running")
    assert (row["name"], row["pid"], row["last"]["value"]) == ("slow", os.getpid(), 0.5)
    assert row["line"].startswith(SCRIPT)
    main = text.partition("<main")[2]
    assert "&lt;script&gt;" in main
    assert "<script>" not in main
    assert "\x1b" not in main
    assert "1 of 4" in main


# --- room


def test_the_room_says_what_gc_would_remove_and_why_the_rest_stays(own_page: Page):
    first = realize(train(0.1))
    realize(train(0.2))
    pin(first, "kept")
    told = own_page.json("/room")
    [row] = told["stages"]
    assert (row["name"], row["realizations"]) == ("train", 2)
    assert row["kept"] == {"pinned": 1, "chosen": 1}
    assert told["gc"]["removed"] is False
    text = own_page.text("/room")
    assert "pystore gc" in text
    assert "<button" not in text.partition("<main")[2]
    assert gc(()).kept == {first: "pinned"}
    assert len(results("train")) == 2


def test_an_empty_store_takes_no_room(own_page: Page):
    assert "nothing takes room" in own_page.text("/room")


# --- collections


@stage
def letters(build):
    (build.outpath / "done.txt").write_text("done")


@predictor(of=letters)
def length(view, names):
    return [len(name) for name in names]


@pytest.fixture
def rows(own_page: Page, tmp_path: Path) -> Iterator[Page]:
    """A page with a database of hostile rows, to which a model listens."""
    url = f"sqlite:///{tmp_path}/rows.db"
    realize(letters())
    people = connect(url).collection("people", name=str, face=image(), raw=bytes)
    face = Image.new("L", (4, 4))
    people.insert([{"name": SCRIPT, "face": face, "raw": SVG}, {"name": "Ada"}])
    with people.listen(length, match_latest(), on="name"):
        people.wait(100)
        yield Page(own_page.stores["store0"], database=url)


def test_listeners_and_the_latest_rows_are_shown(rows: Page):
    told = rows.json("/collections")
    [listener], [found] = told["listeners"], told["rows"]
    assert (listener["name"], listener["pending"], listener["failed"]) == ("length", 0, 0)
    assert [(row["key"], row["length"]) for row in found["rows"]] == [("2", "3"), ("1", "39")]
    main = rows.text("/collections?collection=people").partition("<main")[2]
    assert "<script>" not in main
    assert "&lt;script&gt;" in main


def test_YC2_pictures_of_rows_are_sandboxed_and_nothing_else_is_a_picture(rows: Page):
    shown = rows.get("/picture/people?field=face&key=1")
    assert shown.headers["content-type"] == "image/png"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert shown.headers["x-content-type-options"] == "nosniff"
    for query in ("field=raw&key=1", "field=name&key=1", "field=face&key=2", "field=face&key=9",
                  "field=zork&key=1", "key=1", "field=face", "field=face&key=%5B1%5D",
                  "field=face&key=%22x%22", "field=face&key=1e999"):  # fmt: skip
        assert rows.get(f"/picture/people?{query}").status_code == 404, query
    assert rows.get("/picture/zork?field=face&key=1").status_code == 404


def test_YC3_the_version_changes_with_what_is_shown(rows: Page, tmp_path: Path):
    people = connect(f"sqlite:///{tmp_path}/rows.db")["people"]
    first = rows.get("/collections")
    assert 'data-changed="/collections/changed?seen=' in first.text
    known = {"if_none_match": first.headers["etag"]}
    assert rows.get("/collections", **known).status_code == 304
    assert rows.get("/collections?format=json", **known).status_code == 200
    people.update({"name": "Ada Lovelace"}, name="Ada")
    people.wait(100)
    again = rows.get("/collections", **known)
    assert (again.status_code, again.headers["etag"] == first.headers["etag"]) == (200, False)
    assert "Ada Lovelace" in again.text


def test_YC3_a_stream_tells_of_changes_of_the_rows(rows: Page, tmp_path: Path):
    people = connect(f"sqlite:///{tmp_path}/rows.db")["people"]
    url = f"sqlite:///{tmp_path}/rows.db"
    asked = Asked(rows.stores["store0"], query={"collection": "people"}, database=url)
    seen = collections.version(asked)
    assert collections.version(asked) == seen
    people.insert([{"name": "Grace"}])
    people.wait(100)
    assert collections.version(asked) != seen
    assert rows.client.head("/collections/changed?collection=people").status_code == 200
    assert rows.get("/collections/changed?collection=nobody").status_code == 400


def test_a_table_that_is_gone_hides_no_other(rows: Page, tmp_path: Path):
    connect(f"sqlite:///{tmp_path}/rows.db").collection("lost", name=str).insert([{"name": "x"}])
    with closing(sqlite3.connect(tmp_path / "rows.db")) as connection:
        connection.execute("DROP TABLE lost")
    text = rows.text("/collections")
    assert "Ada" in text
    assert "lost" in text


def test_without_a_database_the_page_says_how_to_name_one(page: Page):
    assert "--database" in page.text("/collections")
    assert page.get("/picture/people?field=face&key=1").status_code == 400


@pytest.mark.parametrize("kind", ["sqlite", "sqlite+pysqlite"])
def test_YC1_a_database_that_is_not_there_is_not_made(own_page: Page, tmp_path: Path, kind: str):
    page = Page(own_page.stores["store0"], database=f"{kind}:///{tmp_path}/none.db")
    assert page.get("/collections").status_code == 400
    assert not (tmp_path / "none.db").exists()


def test_YC1_no_password_is_shown(own_page: Page):
    url = "postgresql://me:hunter2@127.0.0.1:1/rows"
    answer = Page(own_page.stores["store0"], database=url).get("/collections")
    assert answer.status_code == 400
    assert "hunter2" not in answer.text

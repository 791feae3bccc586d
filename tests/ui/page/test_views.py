"""The views of stages, families, derivations and realizations."""

import html
import json
import re
from urllib.parse import quote

import pytest
from small_page import Page

from pystore import (
    Build,
    Derivation,
    RRef,
    Store,
    build_cattrs,
    build_metric,
    build_outpath,
    build_path,
    build_seed,
    match_best,
    match_latest,
    note,
    realize,
    reject,
    rmref,
    tag,
)
from pystore.errors import BuildError
from pystore.ui.cli import main

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e'


def _score(b: Build) -> None:
    c, out = build_cattrs(b), build_outpath(b)
    print(EVIL)
    for step in range(5):
        build_metric(b, "loss<b>", 1.0 / (step + 1), step=step)
    (out / "score.txt").write_text(f"{c.rate + build_seed(b) % 100 / 1000}\n")
    (out / EVIL.replace("/", "")).write_text(EVIL)


def score(rate: float, **more: object) -> Derivation:
    config = {"name": "score", "rate": rate, "note": EVIL, **more}
    return Derivation(config, match_best("score.txt"), _score)


def _use(b: Build) -> None:
    (build_outpath(b) / "sum.txt").write_text(build_path(b, build_cattrs(b).scored).read_text())


def use(rate: float) -> Derivation:
    config = {"name": "use", "scored": [score(rate), "score.txt"]}
    return Derivation(config, match_latest(), _use)


def plain(text: str) -> str:
    """The text of a page without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


# --- stages ----------------------------------------------------------------------------


def test_an_empty_store_says_how_to_begin(own_page: Page):
    assert "pystore run" in own_page.text("/")
    assert own_page.json("/")["stages"] == []


def test_stages_count_what_there_is(page: Page):
    rows = {row["name"]: row for row in page.json("/")["stages"]}
    train = rows["train"]
    facts = ("derivations", "realizations", "attempts", "running", "failed", "pins")
    assert [train[name] for name in facts] == [3, 3, 5, 0, 2, ["baseline"]]
    assert next(iter(rows)) == "train"  # it is pinned
    assert rows["digits"]["size"] == 240


def test_conditions_on_stages_are_those_of_the_command_line(page: Page):
    rows = page.json("/?where=rate=0.5")["stages"]
    assert [(row["name"], row["derivations"], row["attempts"]) for row in rows] == [("train", 1, 2)]
    text = page.text("/?where=rate=0.5")
    assert "pystore log --where rate=0.5" in text
    assert "/stage/train?where=rate%3D0.5" in text
    assert "No attempt fits" in page.text("/?where=rate=7")


# --- families --------------------------------------------------------------------------


def test_a_family_has_the_numbers_of_the_command_line(page: Page, small: Store):
    from pystore import results

    told = page.json("/stage/train")
    summary = results("train", store=small).summary("accuracy.txt")
    assert told["groups"] == json.loads(json.dumps([g.to_dict() for g in summary]))
    text = page.text("/stage/train")
    assert text.count('class="strip"') == len(summary)
    assert "pystore metrics train -m accuracy.txt" in text


def test_the_metric_and_the_best_are_chosen_in_the_address(own_page: Page):
    for _ in range(3):
        realize(score(0.5), force_rebuild=True)
    highest, lowest = (
        own_page.json(f"/stage/score?metric=score.txt&best={best}")["groups"][0]["best"]
        for best in ("max", "min")
    )
    assert highest != lowest
    assert "loss&lt;b&gt;" in own_page.text("/stage/score")
    assert own_page.json("/stage/score?metric=loss<b>")["metric"] == "loss<b>"


def test_two_configs_are_compared_by_a_plain_form(page: Page, small: Store):
    text = page.text("/stage/train")
    drefs = re.findall(r'<input type="radio" name="a" value="([^"]+)"', text)
    assert {*drefs} <= {*small.drefs()}
    assert len(drefs) == 3
    assert 'action="/compare"' in text


def test_older_code_is_folded_away(own_page: Page):
    realize(score(0.1, code="1" * 32))
    realize(score(0.2, code="2" * 32))
    told = own_page.json("/stage/score?metric=score.txt")
    assert [len(told["groups"]), len(told["older"])] == [1, 1]
    text = own_page.text("/stage/score?metric=score.txt")
    assert "<details>" in text
    assert text.count('class="strip"') == 1


def test_a_family_of_which_nothing_was_built_says_so(own_page: Page):
    own_page.stores["store0"].record([score(0.1).config])
    assert "Nothing has been built" in own_page.text("/stage/score")
    assert own_page.json("/stage/score")["groups"] == []


def test_conditions_that_nothing_fits_say_so(page: Page):
    assert "No attempt fits" in page.text("/stage/train?where=rate=7")


def test_of_many_configs_the_best_are_shown_first(own_page: Page, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pystore.ui.page.views.family._MOST", 2)
    for rate in (0.1, 0.3, 0.2):
        realize(score(rate))
    found = [re.findall(r"<td>(0\.[123])</td>", own_page.text(f"/stage/score?metric=score.txt{f}"))
             for f in ("", "&from=2")]  # fmt: skip
    assert found == [["0.3", "0.2"], ["0.1"]]


# --- derivations -----------------------------------------------------------------------


def test_a_derivation_says_why_it_is_new_and_what_is_chosen(own_page: Page):
    realize(score(0.1))
    best = realize(score(0.2))
    told = own_page.json(f"/drv/{score(0.2).dref}")
    assert "`rate` 0.1 → 0.2" in told["explanation"]["reasons"][0]
    chosen = {one["matcher"]: one["rref"] for one in told["choices"]}
    assert chosen == {"match_best('score.txt')": best, "match_latest()": best}
    assert told["config"]["rate"] == 0.2
    assert told["traced"] == ["loss<b>"]


def test_the_attempts_of_a_derivation_fit_the_conditions(page: Page, small: Store):
    dref = next(d for d in small.drefs() if d.name == "train" and len(small.attempts(d)) == 2)
    assert page.json(f"/drv/{dref}")["total"] == 2
    assert page.json(f"/drv/{dref}?where=attempt=0")["total"] == 1
    assert "No attempt fits" in page.text(f"/drv/{dref}?where=attempt=9")


def test_a_derivation_that_failed_tells_its_error(page: Page, small: Store):
    dref = next(d for d in small.drefs() if small.attempts(d)[-1].outcome == "failed")
    assert "the loss is not a number" in page.text(f"/drv/{dref}")


def test_traces_are_lines_for_a_drawing(own_page: Page):
    for _ in range(2):
        realize(score(0.1), force_rebuild=True)
    told = own_page.json(f"/drv/{score(0.1).dref}/traces?metric=loss<b>")
    assert [line["attempt"] for line in told["lines"]] == [1, 0]
    assert told["lines"][0]["steps"] == [0, 1, 2, 3, 4]
    assert told["lines"][0]["values"] == [1, 0.5, 1 / 3, 0.25, 0.2]
    assert own_page.json(f"/drv/{score(0.1).dref}/traces?metric=other")["lines"] == []


# --- realizations ----------------------------------------------------------------------


def test_a_realization_says_what_it_is_made_of_and_who_uses_it(own_page: Page):
    user = realize(use(0.1))
    store = own_page.stores["store0"]
    made = next(rref for rrefs in store.context(user).values() for rref in rrefs)
    assert own_page.json(f"/rlz/{made}")["used_by"] == [user]
    assert own_page.json(f"/rlz/{user}")["inputs"] == {score(0.1).dref: [made]}
    assert f"/rlz/{made}" in own_page.text(f"/rlz/{user}")
    assert f"/rlz/{user}" in own_page.text(f"/rlz/{made}")


def test_notes_tags_and_verdicts_are_shown(own_page: Page):
    made = realize(score(0.1))
    note(made, "look <b>here</b>")
    tag(made, "good")
    text = own_page.text(f"/rlz/{made}")
    assert "look &lt;b&gt;here&lt;/b&gt;" in text
    assert '<span class="tag">good</span>' in text
    assert own_page.json("/")["stages"][0]["tags"] == ["good"]


def test_a_realization_that_is_gone_has_its_history(own_page: Page):
    made = realize(score(0.1))
    rmref(made)
    text = plain(own_page.text(f"/rlz/{made}"))
    assert "Its bytes are gone" in text
    assert "score.txt" in text


def test_a_text_is_shown_when_it_is_asked_for(own_page: Page):
    made = realize(score(0.1))
    store = own_page.stores["store0"]
    place = [e.path for e in store.manifest(made).entries].index(b"score.txt")
    assert '<pre tabindex="0">0.' in own_page.text(f"/rlz/{made}?show={place}")
    assert own_page.get(f"/rlz/{made}?show=99").status_code == 404


def _classify(b: Build) -> None:
    told = {"truth": [0, 0, 1, 1, 1], "predictions": [0, 1, 1, 1, 0], "rows": "x"}
    (build_outpath(b) / "evidence.json").write_text(json.dumps(told))


def test_of_a_classifier_the_confusion_and_the_wrong_rows_are_shown(own_page: Page):
    made = realize(Derivation({"name": "classes"}, match_latest(), _classify))
    told = own_page.json(f"/rlz/{made}")
    assert told["confusion"]["matrix"] == [[1, 1], [1, 2]]
    assert [one["row"] for one in told["errors"]] == [1, 4]
    text = plain(own_page.text(f"/rlz/{made}"))
    assert "2 of 5 rows were predicted wrong" in text
    assert "0.667" in text  # the recall of class 1


@pytest.mark.parametrize(
    "text",
    ["", "[" * 100_000, "{}", "[]", '{"truth": 1, "predictions": 2, "rows": 3}', "null",
     '{"truth": [1], "predictions": [], "rows": ""}', '{"truth": [{}], "predictions": [[]], '
     '"rows": ""}', '{"truth": [1, 2], "predictions": [{"a": "b"}, {"a": null}], "rows": ""}',
     '{"truth": [NaN], "predictions": [1e999], "rows": ""}'],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_a_file_that_is_no_evidence_does_no_harm(own_page: Page, text: str):
    def write(b: Build) -> None:
        (build_outpath(b) / "evidence.json").write_text(text)

    made = realize(Derivation({"name": "classes", "n": hash(text)}, match_latest(), write))
    assert own_page.get(f"/rlz/{made}").status_code == 200


def test_hostile_text_is_only_text(own_page: Page):
    made: RRef = realize(score(0.1))
    note(made, EVIL.replace("\x1b", ""))
    for address in ("/", "/stage/score", f"/drv/{made.dref}", f"/rlz/{made}", f"/rlz/{made}?show=0",
                    f"/?where={quote(EVIL)}", f"/stage/{quote(EVIL)}",
                    f"/rlz/{quote(EVIL)}"):  # fmt: skip
        text = own_page.get(address).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "onerror=alert(2)>" not in text
        assert not set(text) & set("\x1b\u202e")


# --- the numbers of the command line ---------------------------------------------------


def learn(rate: float, code: str = "new", *, fails: bool = False) -> Derivation:
    """A training by some code, whose score is its rate."""

    def write(b: Build) -> None:
        build_metric(b, "score", rate)
        if fails:
            raise ArithmeticError("it does not converge")
        build_metric(b, "time", -rate)

    return Derivation({"name": "learn", "rate": rate, "code": code}, match_latest(), write)


def test_conditions_and_rejections_give_the_numbers_of_the_command_line(
    own_page: Page, capsys: pytest.CaptureFixture[str]
):
    for rate in (1.0, 2.0, 3.0):
        realize(learn(rate), attempts=3)
    with pytest.raises(BuildError):
        realize(learn(4.0, fails=True))
    reject(realize(learn(2.0)), "leak")
    root = own_page.stores["store0"].root
    for where in ("", "rate=1..2", "score>1.5", "outcome=failed"):
        for metric in ("score", "time"):
            capsys.readouterr()
            words = ["metrics", "learn", "-m", metric, "--json", "--store", str(root)]
            assert main.run([*words, *(["--where", where] if where else [])]) == 0
            told = json.loads(capsys.readouterr().out)
            page = own_page.json(f"/stage/learn?metric={metric}&where={quote(where)}")
            assert (page["groups"], where, metric) == (told, where, metric)
    failed = own_page.json("/stage/learn?where=outcome%3Dfailed")["groups"][0]["drefs"][0]
    assert "ArithmeticError: it does not converge" in plain(own_page.text(f"/drv/{failed}"))
    told = plain(own_page.text("/stage/learn"))
    assert "3 attempts do not count: the result was rejected." in told


def test_a_family_of_rejected_results_says_so(own_page: Page):
    reject(realize(learn(1.0)), "leak")
    told = plain(own_page.text("/stage/learn"))
    assert "Each result was rejected. 1 attempt does not count: the result was rejected." in told
    assert "nothing has been built" not in told.lower()


def test_attempts_without_the_metric_are_counted(own_page: Page):
    realize(learn(1.0))
    assert "missing" not in own_page.text("/stage/learn?metric=time")

    def write(b: Build) -> None:
        build_metric(b, "score", 5.0)

    realize(Derivation({"name": "learn", "rate": 5.0, "code": "new"}, match_latest(), write))
    assert "n failed missing mean" in plain(own_page.text("/stage/learn?metric=time"))
    assert "missing" not in own_page.text("/stage/learn?metric=score")


def test_conditions_hold_for_older_code_and_go_to_the_comparison(own_page: Page):
    for code in ("old", "new"):
        for rate in (1.0, 2.0):
            realize(learn(rate, code))
    told = own_page.json("/stage/learn?where=rate%3D2&best=min")
    assert [len(told[name]) for name in ("groups", "older")] == [1, 1]
    assert told["older"][0]["mean"] == 2.0
    field = '<input type="hidden" name="where" value="score&gt;0">'
    assert field in own_page.text("/stage/learn?where=score>0")

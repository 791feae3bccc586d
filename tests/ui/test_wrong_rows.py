"""pystore errors: the wrong rows of a test part, as a table and as JSON."""

import json

from pystore import find_ref, view


def wrong(trained):
    kept = json.loads(
        (view(find_ref("classifier@best:test", store=trained.store), store=trained.store).path
         / "evidence.json").read_text()
    )  # fmt: skip
    pairs = list(enumerate(zip(kept["truth"], kept["predictions"], strict=True)))
    return len(pairs), [(row, a, b) for row, (a, b) in pairs if a != b]


def test_the_wrong_rows_are_a_table(trained):
    tested, rows = wrong(trained)
    code, out, err = trained("errors", "classifier@best:test")
    assert (code, err) == (0, "")
    header, *lines, last = out.splitlines()
    assert header.split() == ["row", "truth", "prediction"]
    assert [tuple(map(int, line.split())) for line in lines] == rows != []
    assert last == f"{len(rows)} of {tested} test rows were predicted wrong"


def test_n_shows_the_first_of_them(trained):
    _, rows = wrong(trained)
    code, out, _ = trained("errors", "classifier@best:test", "-n", "2")
    assert code == 0 and len(out.splitlines()) == 4
    assert f"{len(rows)} of" in out


def test_json_has_an_object_a_row(trained):
    _, rows = wrong(trained)
    code, out, _ = trained("errors", "classifier@best:test", "--json")
    assert code == 0
    assert json.loads(out) == [
        dict(zip(("row", "truth", "prediction"), r, strict=True)) for r in rows
    ]
    assert len(json.loads(trained("errors", "classifier@best:test", "--json", "-n", "1")[1])) == 1


def test_the_farthest_come_first(trained):
    program = trained.path / "app.py"
    program.write_text(
        program.read_text().replace(
            "[int(one) for one in estimator.predict(features)]",
            "[{0: 1 - p, 1: p} for p in estimator.predict_proba(features)[:, 1].tolist()]",
        ).replace('"classifier"', '"sure"')
    )  # fmt: skip
    assert trained("run", "app.py:model", "-p", "C=1.0")[0] == 0
    told = json.loads(trained("errors", "sure", "--json")[1])
    surest = [max(one["prediction"].values()) for one in told]
    assert surest == sorted(surest, reverse=True) and len(surest) > 1


def test_what_keeps_no_predictions_is_told(trained):
    code, out, err = trained("errors", "flowers")
    assert (code, out) == (2, "") and "keeps no predictions" in err

"""pystore predict: files of rows, standard input and output, and what is refused."""

import subprocess

import click
import pandas as pd
import pytest
from command import PROGRAM as COMMAND
from command import environment

from pystore import find_ref, pin
from pystore.ui.cli.models import matcher_of

ROWS = "id,b,a\n007,3,3\n008,-3,-3\n"


@pytest.fixture
def rows(trained):
    (trained.path / "rows.csv").write_text(ROWS)
    return trained


def test_a_file_gets_predictions_by_the_model_that_is_followed(rows):
    best = find_ref("classifier@best:test", store=rows.store)
    code, out, err = rows("predict", "app.py", "rows.csv", "-o", "out.csv", "--follow", "best:test")
    assert (code, out, err) == (0, "", f"predicted 2 rows by {best}\n")
    text = (rows.path / "out.csv").read_text()
    assert text == f"id,b,a,prediction,rref\n007,3,3,1,{best}\n008,-3,-3,0,{best}\n"


def test_by_itself_the_matcher_of_the_model_chooses(rows):
    latest = find_ref("classifier@latest", store=rows.store)
    assert rows("predict", "app.py:model", "rows.csv", "-o", "out.parquet")[0] == 0
    assert {*pd.read_parquet(rows.path / "out.parquet")["rref"]} == {latest}


def test_a_pin_chooses(rows):
    latest, best = (find_ref(f"classifier@{w}", store=rows.store) for w in ("latest", "best:test"))
    assert latest != best
    pin(best, "serving", store=rows.store)
    assert rows("predict", "app.py", "rows.csv", "-o", "out.csv", "--pin", "serving")[0] == 0
    assert {*pd.read_csv(rows.path / "out.csv")["rref"]} == {best}


def test_a_bad_row_is_the_fault_of_the_user(rows):
    (rows.path / "rows.csv").write_text(ROWS + "009,x,3\n")
    code, out, err = rows("predict", "app.py", "rows.csv", "-o", "out.csv")
    assert (code, out) == (2, "")
    assert err == (
        "pystore: line 4 cannot be predicted\n"
        "  because:  b is 'x', and was float64 at the training\n"
        "  try: correct the row; with --skip-bad it has no prediction\n"
    )
    assert not (rows.path / "out.csv").exists()
    code, _, err = rows("predict", "app.py", "rows.csv", "-o", "out.csv", "--skip-bad")
    assert code == 0 and err.endswith("\n1 row without a prediction: line 4\n")
    assert pd.read_csv(rows.path / "out.csv")["prediction"].isna().tolist() == [False, False, True]


def test_standard_input_goes_to_standard_output(rows):
    done = subprocess.run(
        [*COMMAND, "predict", "app.py", "-", "-o", "-"],
        cwd=rows.path,
        env=environment() | {"PYSTORE_ROOT": str(rows.path / "store")},
        input=ROWS.encode(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    header, *lines = done.stdout.decode().splitlines()
    assert header == "id,b,a,prediction,rref"
    assert [line.split(",")[0] for line in lines] == ["007", "008"]
    assert done.stderr.startswith(b"predicted 2 rows by rref:")


def test_what_cannot_be_asked_is_told(rows):
    for arguments, match in [
        (["app.py:dataset", "rows.csv", "-o", "out.csv"], "no model of this name"),
        (["app.py", "rows.csv"], "missing option"),
        (["app.py", "rows.txt", "-o", "out.csv"], "names no table"),
        (["app.py", "rows.csv", "-o", "out.csv", "--follow", "best"], "none of latest"),
        (["app.py", "rows.csv", "-o", "out.csv", "--pin", "none"], "there is no pin none"),
        (
            ["app.py", "rows.csv", "-o", "out.csv", "--pin", "x", "--follow", "latest"],
            "choose the model once",
        ),
    ]:
        code, out, err = rows("predict", *arguments)
        assert (code, out) == (2, "") and match in err
    (rows.path / "app.py").write_text("model = None\n")
    assert "no model in app.py" in rows("predict", "app.py", "rows.csv", "-o", "out.csv")[2]


def test_several_models_are_named(rows):
    program = rows.path / "app.py"
    more = program.read_text().replace("@dataset.reader", "same = model\n@dataset.reader")
    program.write_text(more)
    assert rows("predict", "app.py", "rows.csv", "-o", "out.csv")[0] == 0
    program.write_text(more.replace("same = model", "other = Model('other', dataset=dataset)"))
    code, _, err = rows("predict", "app.py", "rows.csv", "-o", "out.csv")
    assert code == 2 and "several models" in err and "app.py:model" in err


def test_where_nothing_is_trained_no_store_is_made(folder):
    (folder.path / "rows.csv").write_text(ROWS)
    code, _, err = folder("predict", "app.py", "rows.csv", "-o", "out.csv")
    assert code == 2 and "no realization of classifier" in err
    assert not (folder.path / "store").exists()


@pytest.mark.parametrize("text", ["best", "best:", "worst:test", "", "latest:test"])
def test_other_texts_choose_nothing(text):
    with pytest.raises(click.BadParameter, match="none of latest"):
        matcher_of(text)


def test_texts_choose_as_references_do():
    assert str(matcher_of("latest")) == "match_latest(n=1)"
    assert "min" in str(matcher_of("best:loss:min"))
    assert matcher_of("best:test/recall").reads == ("test/recall",)

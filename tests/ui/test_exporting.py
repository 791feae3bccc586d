"""pystore export csv, mlflow, tensorboard, and pystore show --requirements."""

import csv
import io
import json

import pytest

from pystore import Store, output, realize_many, stage, sweep
from pystore.store.current import ProcessWide
from pystore.ui.cli import main


@stage
def train(rate: float = 0.1, score=output("score.txt")):
    score.write_text(f"{rate}\n")


@pytest.fixture
def pystore(capfd, tmp_path, monkeypatch):
    """Runs a command in this process: its code, output and errors; HERE is the folder."""
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "store"))
    store = Store(tmp_path / "store", durable=False)
    realize_many(sweep(train, rate=[0.25, 0.5]), store=store)

    def run(*arguments):
        code = main.run([text.replace("HERE", str(tmp_path)) for text in arguments])
        return (code, *capfd.readouterr())

    yield run
    store.destroy()


def test_a_table_in_a_file_and_on_the_output(pystore, tmp_path):
    assert pystore("export", "csv", "train", "HERE/t.csv") == (0, "2 attempts added\n", "")
    again = pystore("export", "csv", "tr*", "HERE/t.csv")
    assert again == (0, "0 attempts added, 2 there before\n", "")
    code, out, _ = pystore("export", "csv", "train", "-")
    assert (code, out) == (0, (tmp_path / "t.csv").read_text())
    assert [row["rate"] for row in csv.DictReader(io.StringIO(out))] == ["0.25", "0.5"]


def test_only_attempts_that_fit_are_exported(pystore):
    code, out, _ = pystore("export", "csv", "train", "-", "--where", "rate=0.5")
    assert [row["rate"] for row in csv.DictReader(io.StringIO(out))] == ["0.5"]
    code, _, err = pystore("export", "csv", "train", "-", "--where", "rte=0.5")
    assert (code, "rate" in err) == (2, True)


def test_an_export_is_told_as_json(pystore, tmp_path):
    code, out, _ = pystore("export", "csv", "train", "HERE/t.csv", "--json")
    (told,) = json.loads(out)
    assert (code, told["place"], told["added"]) == (0, str(tmp_path / "t.csv"), 2)
    code, _, err = pystore("export", "csv", "train", "-", "--json")
    assert (code, "--json tells" in err) == (2, True)


def test_logs_of_tensorboard(pystore, tmp_path):
    pytest.importorskip("tensorboard", reason="event files need the package tensorboard")
    assert pystore("export", "tensorboard", "train", "HERE/tb") == (0, "2 attempts added\n", "")
    names = {path.name.rpartition(" ")[0] for path in (tmp_path / "tb/train").iterdir()}
    assert names == {"rate=0.25", "rate=0.5"}


def test_runs_of_mlflow(pystore, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    pytest.importorskip("mlflow", reason="runs of MLflow need the package mlflow-skinny")
    code, out, _ = pystore("export", "mlflow", "train", "file://HERE/runs")
    assert (code, out) == (0, "2 attempts added\n")
    code, _, err = pystore("export", "mlflow", "train", "http://127.0.0.1:9")
    assert (code, "no MLflow server answers" in err) == (2, True)


def test_requirements_of_the_newest_attempt(pystore):
    code, out, _ = pystore("show", "--requirements", "train@latest")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("# attempt 0 of rref:")
    assert any(line.startswith("# python: 3.") for line in lines)
    assert any("blake3==" in line for line in lines)


@pytest.mark.parametrize(
    "more", [["train@latest"], ["--json"], ["--code"]], ids=["two", "json", "code"]
)
def test_requirements_are_those_of_one(pystore, more):
    code, _, err = pystore("show", "--requirements", "train@latest", *more)
    assert (code, "--requirements" in err) == (2, True)

"""Exports: attempts as a table, as runs of MLflow, as logs of TensorBoard."""

import csv
import json
import math
import os
import sys
from pathlib import Path

import pytest

import pystore as ps
from pystore import (
    Derivation,
    Store,
    build_metric,
    match_latest,
    output,
    realize,
    stage,
    sweep,
)
from pystore.ask.export import event_files, mlflow_runs
from pystore.ask.export.mlflow_runs import export_mlflow
from pystore.ask.export.whole_parameters import whole_parameters
from pystore.errors import BadPlace, BadStage, BuildError, PystoreWarning


@stage
def data(rows: int = 3, x=output("x.txt")):
    x.write_text("1" * rows)


@stage
def train(build, given=data(), rate: float = 0.1, kind: str = '=HYPERLINK("x")', y=output("y.txt")):
    for step in range(3):
        build_metric(build, "loss", rate / (step + 1), step=step)
    y.write_text(f"{rate * 2}\n")
    if rate == 7:
        raise ArithmeticError("too fast")


@pytest.fixture
def trained(store: Store) -> Store:
    """A store with two trainings, and a third that has failed."""
    realize(sweep(train, rate=[0.25, 0.5]))
    with pytest.raises(BuildError):
        realize(train(rate=7))
    return store


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


# --- the parameters ----------------------------------------------------------------------


def test_EW1_parameters_follow_from_the_derivation_alone(trained: Store):
    config = trained.config(train(rate=0.25).dref)
    told = whole_parameters(config, trained.config)
    assert told["given.rows"] == 3
    realize(train(given=data(rows=5), rate=0.25))
    assert whole_parameters(config, trained.config) == told


def test_an_input_that_two_inputs_share_is_told_once(store: Store):
    @stage
    def join(left=train(), right=train(rate=0.5), z=output("z.txt")):
        z.write_text("1")

    drv = join()
    realize(drv)
    told = whole_parameters(store.config(drv.dref), store.config)
    assert (told["left.rate"], told["right.rate"], told["left.given.rows"]) == (0.1, 0.5, 3)
    assert "right.given.rows" not in told


# --- CSV ---------------------------------------------------------------------------------


def test_a_table_has_a_row_an_attempt(trained: Store, tmp_path: Path):
    ps.tag(ps.best("train", "y.txt"), "good")
    exported = ps.export_csv("train", tmp_path / "t.csv")
    assert (exported.added, exported.known) == (3, 0)
    rows = rows_of(tmp_path / "t.csv")
    assert [row["outcome"] for row in rows] == ["succeeded", "succeeded", "failed"]
    assert [row["rate"] for row in rows] == ["0.25", "0.5", "7"]
    assert [row["y.txt"] for row in rows] == ["0.5", "1.0", ""]
    assert [row["tags"] for row in rows] == ["", "good", ""]
    assert {row["given.rows"] for row in rows} == {"3"}
    assert rows[1]["rref"] == ps.best("train", "y.txt")
    assert "too fast" in rows[2]["error"]


def test_only_attempts_that_fit_are_exported(trained: Store, tmp_path: Path):
    assert ps.export_csv("train", tmp_path / "some.csv", where="rate<0.3").added == 1
    assert [row["rate"] for row in rows_of(tmp_path / "some.csv")] == ["0.25"]
    assert ps.export_tensorboard("train", tmp_path / "logs", where={"rate": 0.5}).added == 1
    with pytest.raises(BadStage, match="rte"):
        ps.export_csv("train", tmp_path / "none.csv", where="rte=3")
    assert not (tmp_path / "none.csv").exists()


def test_EC1_the_same_attempts_give_the_same_file(trained: Store, tmp_path: Path):
    file = tmp_path / "t.csv"
    ps.export_csv("train", file)
    before = file.read_bytes()
    again = ps.export_csv([train(rate=r) for r in (7, 0.5, 0.25)], file)
    assert (file.read_bytes(), again.added, again.known) == (before, 0, 3)
    realize(train(rate=0.125))
    assert str(ps.export_csv("train", file)) == "1 attempt added, 3 there before"
    assert len(rows_of(file)) == 4


def test_EC2_no_text_is_a_formula(trained: Store, tmp_path: Path):
    ps.note(ps.best("train", "y.txt"), "@SUM(1+1)")
    ps.export_csv("train", tmp_path / "t.csv")
    rows = rows_of(tmp_path / "t.csv")
    assert {row["kind"] for row in rows} == {'\'=HYPERLINK("x")'}
    assert rows[1]["notes"] == "'@SUM(1+1)"


def test_a_negative_number_stays_a_number(store: Store, tmp_path: Path):
    realize(train(rate=-0.5))
    ps.export_csv("train", tmp_path / "t.csv")
    assert rows_of(tmp_path / "t.csv")[0]["rate"] == "-0.5"


@pytest.mark.parametrize("text", ["my,own\n1,2\n", "\n", "no table"], ids=["table", "line", "text"])
def test_EC3_another_file_is_left_as_it_is(trained: Store, tmp_path: Path, text: str):
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(BadPlace, match="is no earlier export"):
        ps.export_csv("train", file)
    assert (file.read_text(), sorted(os.listdir(tmp_path))) == (text, ["store", "t.csv"])


def test_a_folder_that_is_not_there_is_told(trained: Store, tmp_path: Path):
    with pytest.raises(BadPlace, match="cannot be written"):
        ps.export_csv("train", tmp_path / "absent" / "t.csv")


def test_what_was_never_tried_is_told_before_a_file_is_made(store: Store, tmp_path: Path):
    with pytest.raises(BadStage):
        ps.export_csv("train", tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()


def test_rejected_results_are_left_out(trained: Store, tmp_path: Path):
    ps.reject(ps.best("train", "y.txt"), "a leak")
    assert ps.export_csv("train", tmp_path / "t.csv").added == 2


# --- TensorBoard -------------------------------------------------------------------------


@pytest.fixture
def needs_tensorboard() -> None:
    pytest.importorskip("tensorboard", reason="event files need the package tensorboard")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    (file,) = folder.iterdir()
    found: dict[str, list[tuple[int, float]]] = {}
    for event in EventFileLoader(str(file)).Load():
        for value in event.summary.value:
            number = value.tensor.float_val[0]  # the loader turns simple values into tensors
            found.setdefault(value.tag, []).append((event.step, number))
    return found


@pytest.mark.usefixtures("needs_tensorboard")
def test_event_files_have_the_steps_in_folders_with_names(trained: Store, tmp_path: Path):
    exported = ps.export_tensorboard("train", tmp_path / "tb")
    assert exported.added == 3
    folders = {path.name.rpartition(" ")[0]: path for path in (tmp_path / "tb/train").iterdir()}
    assert sorted(folders) == ["rate=0.25", "rate=0.5", "rate=7"]
    assert scalars(folders["rate=0.25"]) == {
        "loss": [(0, 0.25), (1, 0.125), (2, pytest.approx(0.25 / 3))],
        "y.txt": [(0, 0.5)],
    }


@pytest.mark.usefixtures("needs_tensorboard")
def test_EF1_an_attempt_is_added_once_wherever_its_folder_is(trained: Store, tmp_path: Path):
    target = tmp_path / "tb"
    ps.export_tensorboard("train", target)
    (target / "train").rename(target / "older")
    assert ps.export_tensorboard("train", target).added == 0
    realize(train(rate=0.125))
    again = ps.export_tensorboard("train", target)
    assert (again.added, again.known) == (1, 3)


@pytest.mark.usefixtures("needs_tensorboard")
def test_EF2_the_folder_of_what_was_rejected_since_says_so(trained: Store, tmp_path: Path):
    target = tmp_path / "tb"
    ps.export_tensorboard("train", target)
    ps.reject(ps.best("train", "y.txt"), "a leak")
    for _ in range(2):
        again = ps.export_tensorboard("train", target)
        assert (again.added, again.known, again.rejected) == (0, 2, 1)
        names = sorted(path.name.rpartition(" ")[0] for path in (target / "train").iterdir())
        assert names == ["rate=0.25", "rate=7", "rejected rate=0.5"]
    assert "1 there marked as rejected" in str(again)


@pytest.mark.usefixtures("needs_tensorboard")
def test_EF1_an_export_that_was_killed_leaves_no_part_of_a_file(
    trained: Store, tmp_path: Path, monkeypatch
):
    whole = event_files._records

    def killed(one):
        yield next(whole(one))
        raise KeyboardInterrupt

    monkeypatch.setattr(event_files, "_records", killed)
    with pytest.raises(KeyboardInterrupt):
        ps.export_tensorboard("train", tmp_path / "tb")
    assert [path for path in (tmp_path / "tb").rglob("*") if path.is_file()] == []
    monkeypatch.undo()
    assert ps.export_tensorboard("train", tmp_path / "tb").added == 3


@pytest.mark.usefixtures("needs_tensorboard")
def test_a_damaged_trace_is_told_and_the_last_values_go(trained: Store, tmp_path: Path):
    attempt = trained.attempts(train(rate=0.5).dref)[0]
    trace = trained.beside(attempt, "log").with_suffix(".trace")
    trace.chmod(0o644)
    trace.write_bytes(trace.read_bytes().replace(b"0.5", b"0.6"))
    with pytest.warns(PystoreWarning, match="is damaged"):
        ps.export_tensorboard(train(rate=0.5), tmp_path / "tb")
    (folder,) = (tmp_path / "tb/train").iterdir()
    assert scalars(folder) == {"loss": [(0, pytest.approx(0.5 / 3))], "y.txt": [(0, 1.0)]}


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_package_that_is_missing_is_named_before_work_starts(
    trained: Store, tmp_path: Path, monkeypatch, name: str
):
    for module in [one for one in sys.modules if one.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BadPlace, match=rf"pip install 'pystore-stages\[{name}\]'"):
        getattr(ps, f"export_{name}")("train", str(tmp_path / "there"))
    assert not (tmp_path / "there").exists()


# --- MLflow ------------------------------------------------------------------------------


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch):
    """A client of MLflow's own, and the URI of a fresh tracking store in a folder."""
    # Before the import, which looks at them. A database works too, and takes seconds to make.
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    pytest.importorskip("mlflow", reason="runs of MLflow need the package mlflow-skinny")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"file://{tmp_path}/runs"), f"file://{tmp_path}/runs"


def runs(client, name="train"):
    return client.search_runs([client.get_experiment_by_name(name).experiment_id])


def test_a_run_has_parameters_metrics_over_steps_tags_and_times(trained: Store, mlflow):
    client, uri = mlflow
    rref = ps.best("train", "y.txt")
    (attempt,) = trained.attempts(rref.dref)
    ps.note(rref, "the one of the paper")
    assert export_mlflow("train", uri).added == 3
    (run,) = (r for r in runs(client) if r.data.tags["pystore.reference"] == rref)
    assert run.data.params["rate"] == "0.5"
    assert run.data.params["given.rows"] == "3"
    assert run.data.metrics == {"loss": 0.5 / 3, "y.txt": 1.0}
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(0, 0.5), (1, 0.25), (2, 0.5 / 3)]
    assert run.info.status == "FINISHED"
    assert run.info.start_time == attempt.start // 10**6
    assert run.info.end_time == attempt.stop // 10**6
    assert run.data.tags["pystore.host"] == attempt.host
    assert run.data.tags["pystore.seed"] == str(attempt.seed)
    assert run.data.tags["mlflow.note.content"] == "the one of the paper"
    (failed,) = (r for r in runs(client) if r.info.status == "FAILED")
    assert "too fast" in failed.data.tags["pystore.error"]


def test_EM1_a_second_export_adds_nothing_twice(trained: Store, mlflow):
    client, uri = mlflow
    export_mlflow("train", uri)
    ps.tag(ps.best("train", "y.txt"), "good")
    realize(train(rate=0.125))
    again = export_mlflow("train", uri)
    assert (again.added, again.known) == (1, 3)
    found = runs(client)
    assert len({run.data.tags["pystore.attempt"] for run in found}) == len(found) == 4
    assert [r.data.params["rate"] for r in found if "pystore.tags" in r.data.tags] == ["0.5"]


def test_EM1_a_tag_that_was_taken_away_goes(trained: Store, mlflow):
    client, uri = mlflow
    rref = ps.best("train", "y.txt")
    ps.tag(rref, "good")
    export_mlflow("train", uri)
    ps.untag(rref, "good")
    export_mlflow("train", uri)
    assert [run.data.tags.get("pystore.tags") or None for run in runs(client)] == [None] * 3


def test_EM1_a_run_of_what_was_rejected_since_says_so(trained: Store, mlflow):
    client, uri = mlflow
    export_mlflow("train", uri)
    rref = ps.best("train", "y.txt")
    ps.reject(rref, "a leak")
    for _ in range(2):
        again = export_mlflow("train", uri)
        assert (again.added, again.known, again.rejected) == (0, 2, 1)
    tags = [run.data.tags for run in runs(client)]
    told = {one["pystore.reference"]: one.get("pystore.rejected") for one in tags}
    assert told.pop(rref) == "a leak"
    assert set(told.values()) == {None}


def test_EM2_a_run_that_was_not_ended_is_replaced(trained: Store, mlflow, monkeypatch):
    from mlflow import MlflowClient

    client, uri = mlflow
    whole = MlflowClient.set_terminated
    ended: list[str] = []

    def killed(self, run_id, *rest, **more):
        if ended:
            raise KeyboardInterrupt
        ended.append(run_id)
        whole(self, run_id, *rest, **more)

    monkeypatch.setattr(MlflowClient, "set_terminated", killed)
    with pytest.raises(KeyboardInterrupt):
        export_mlflow("train", uri)
    assert [run.info.status for run in runs(client)].count("RUNNING") == 1
    monkeypatch.setattr(MlflowClient, "set_terminated", whole)
    again = export_mlflow("train", uri)
    assert (again.added, again.known) == (2, 1)
    assert sorted(run.info.status for run in runs(client)) == ["FAILED", "FINISHED", "FINISHED"]


def test_EM3_a_server_that_is_not_there_is_told(trained: Store, mlflow):
    with pytest.raises(BadPlace, match="no MLflow server answers"):
        export_mlflow("train", "http://127.0.0.1:9")


def test_EM3_a_deleted_experiment_is_told_before_a_run_is_made(trained: Store, mlflow):
    client, uri = mlflow
    experiment = client.create_experiment("train")
    client.delete_experiment(experiment)
    with pytest.raises(BadPlace, match="was deleted in MLflow"):
        export_mlflow(["data", "train"], uri)
    assert client.get_experiment_by_name("data") is None


def test_what_mlflow_refuses_is_told_in_its_words(trained: Store, mlflow):
    with pytest.raises(BadPlace, match=r"(?s)MLflow refuses.*because") as raised:
        export_mlflow("train", "gopher://nowhere")
    assert raised.value.url == "gopher://nowhere"


def test_names_that_mlflow_refuses_are_spelled_otherwise(store: Store, mlflow):
    @stage
    def odd(build, given: dict = {"a%b": 1, "a_b": 2, "ä": "x" * 9000}, y=output("y.txt")):  # noqa: B006
        build_metric(build, "../loss", 1.0)
        build_metric(build, "loss%", math.pi, step=3)
        y.write_text("1")

    client, uri = mlflow
    realize(odd())
    export_mlflow("odd", uri)
    (run,) = runs(client, "odd")
    assert {v[:3] for v in run.data.params.values()} == {"1", "2", "xxx"}
    assert sorted(run.data.metrics.values()) == [1.0, 1.0, math.pi]


@pytest.mark.parametrize(
    "names",
    [["a/b", "/a", "a//b", "./a", "..", ".", ""], ["a%", "a_", "other.a_"], ["x" * 400, "y"]],
    ids=["paths", "alike", "long"],
)
def test_spelled_names_are_unique_and_fit(names: list[str]):
    spelled = mlflow_runs._named(names)
    assert list(spelled) == sorted(names)
    assert len(set(spelled.values())) == len(names)
    for name in spelled.values():
        assert 0 < len(name) <= 250
        assert os.path.normpath(name) == name and not name.startswith(("/", ".."))


def test_an_export_is_told_as_json(trained: Store, tmp_path: Path):
    told = ps.export_csv("train", tmp_path / "t.csv").to_dict()
    place = str(tmp_path / "t.csv")
    known = {"place": place, "added": 3, "known": 0, "unfinished": 0}
    known |= {"rejected": 0, "left_out": None}
    assert json.loads(json.dumps(told)) == known


def test_an_attempt_that_runs_is_left_for_a_later_export(trained: Store, tmp_path: Path):
    exports: list[ps.Exported] = []

    def look(build):
        exports.append(ps.export_csv("train", tmp_path / "t.csv", code="any"))

    realize(Derivation({"name": "train", "looks": True}, match_latest(), look))
    assert (exports[0].added, exports[0].unfinished) == (3, 1)
    assert ps.export_csv("train", tmp_path / "t.csv", code="any").added == 1

"""pystore ps and stop: what runs, and how it is stopped."""

import json

import pytest
from training import training

from pystore import Derivation, Store, attempts, build_logdir, match_latest, realize
from pystore.ui.cli.main import run


@pytest.fixture
def call(store: Store, capfd, monkeypatch):
    monkeypatch.setenv("PYSTORE_ROOT", str(store.root))

    def called(*arguments):
        code = run([*map(str, arguments)])
        return code, *capfd.readouterr()

    return called


def test_what_runs_is_a_row_with_its_last_metric(store, call):
    assert call("ps") == (0, "nothing runs\n", "")
    with training(store) as (one, _):
        code, out, err = call("ps")
        header, row = out.splitlines()
        (attempt,) = attempts(one.derivation.dref)
        assert (code, err) == (0, "")
        assert header.split()[:4] == ["stage", "attempt", "outcome", "for"]
        assert row.split()[:4] == ["train", one.derivation.dref, "0", "running"]
        assert str(attempt.pid) in row
        assert "accuracy=0.75" in row
        assert "width=32" in row
        (told,) = json.loads(call("ps", "--json")[1])
        assert told["last"] == {"name": "accuracy", "value": 0.75, "step": None}
        assert told["metrics"] == {"loss": 0.25, "accuracy": 0.75}
    assert call("ps", "--json")[1] == "[]\n"


def test_what_runs_is_stopped(store, call):
    with training(store) as (one, made):
        code, out, _ = call("stop", "train")
        assert isinstance(made.exception(), KeyboardInterrupt)
    assert (code, "stopped" in out) == (0, True)
    (attempt,) = attempts(one.derivation.dref)
    assert (attempt.outcome, attempt.metrics["loss"]) == ("stopped", 0.25)
    code, _, err = call("stop", "train")
    assert (code, "no such attempt runs" in err) == (2, True)


def test_stop_says_as_json_how_it_ended(store, call):
    with training(store) as (_, made):
        assert call("stop", "train", "--attempt", "7")[0] == 2
        (told,) = json.loads(call("stop", "train", "--attempt", "0", "--json")[1])
        assert isinstance(made.exception(), KeyboardInterrupt)
    assert (told["outcome"], told["number"]) == ("stopped", 0)


def test_show_prints_the_command_that_shows_logs_by_readable_names(store, call):
    def logs(b):
        (build_logdir(b) / "events").write_text("x")

    dref = realize(Derivation({"name": "train"}, match_latest(), logs), store=store).dref
    (place,) = store.root.glob("drv/*/attempts/*.logs")
    assert f"tensorboard --logdir_spec train-0:{place}\n" in call("show", dref)[1]

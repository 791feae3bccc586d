"""What an attempt keeps between its tries, and what it tells: scratch, logs, metrics."""

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, PystoreWarning, match_best, match_latest
from pystore.errors import BadConfig, BuildError
from pystore.events import AttemptFailed
from pystore.store import disk
from pystore.store.current import ProcessWide
from pystore.ui.cli import main


def counting(stop):
    """A realizer that counts to five in its scratch, and fails at `stop`."""

    def count(b):
        file = ps.build_scratch(b) / "done.txt"
        done = int(file.read_text()) if file.exists() else 0
        for step in range(done, 5):
            if step == stop:
                raise RuntimeError("no power")
            file.write_text(str(step + 1))
        (b.outpath / "log.txt").write_text(f"from {done}, seed {b.seed}")

    return Derivation({"name": "count"}, match_latest(), count)


def test_S6_a_scratch_survives_failure_and_goes_with_success(store):
    with pytest.raises(BuildError):
        ps.realize(counting(stop=3))
    rref = ps.realize(counting(stop=None))
    failed, succeeded = ps.attempts(rref.dref)
    assert ps.catref(rref, "log.txt") == [f"from 3, seed {failed.seed}"]
    assert (succeeded.seed, succeeded.notes) == (failed.seed, {"resumed": 0})
    assert [n for n in os.listdir(store.parts.layout.attempts(rref.dref)) if "scratch" in n] == []
    other = ps.realize(counting(stop=None), force_rebuild=True)
    assert ps.catref(other, "log.txt")[0].startswith("from 0")


KILLED = """
    import os, sys, pystore as ps
    from pystore import Derivation, match_latest

    def count(b):
        (ps.build_scratch(b) / "done.txt").write_text("4")
        (b.outpath / "half.bin").write_text("x")
        os.kill(os.getpid(), 9)

    with ps.Store(sys.argv[1]).use():
        ps.realize(Derivation({"name": "count"}, match_latest(), count))
"""


def test_S6_after_kill_9_the_same_attempt_goes_on(store):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(store.root)]
    assert subprocess.run(command).returncode == -9
    dref = counting(None).dref
    (died,) = ps.attempts(dref)
    assert died.outcome == "died"
    ps.gc((), dry_run=False)
    rref = ps.realize(counting(stop=None))
    (attempt,) = ps.attempts(dref)
    assert (attempt.number, attempt.seed, attempt.start) == (died.number, died.seed, died.start)
    assert attempt.notes["resumed"] == 0
    assert attempt.dead == attempt.notes["dead"] / 1e9 > 0
    assert attempt.duration + attempt.dead == pytest.approx((attempt.stop - attempt.start) / 1e9)
    assert ps.catref(rref, "log.txt") == [f"from 4, seed {died.seed}"]


def test_the_time_in_which_an_attempt_was_dead_is_told_apart(store, capsys, monkeypatch):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(store.root)]
    assert subprocess.run(command).returncode == -9
    (died,) = ps.attempts(counting(None).dref)
    folder, hour = store.parts.layout.attempts(died.dref), 3600
    begin = f"{folder}/{died.context}.0.begin"
    now = store.parts.clock() // 10**9
    facts = json.loads(disk.read(begin)) | {"start": (now - 2 * hour) * 10**9}
    disk.publish(begin, json.dumps(facts).encode(), tmp=store.parts.tmp, durable=False)
    for path in sorted(Path(folder).rglob("*"), reverse=True):
        os.utime(path, (now - hour, now - hour))
    rref = ps.realize(counting(stop=None))
    (attempt,) = ps.attempts(rref.dref)
    assert attempt.dead == pytest.approx(hour, abs=120)
    assert attempt.duration == pytest.approx(hour, abs=120)
    assert ps.attempts(rref.dref, where="seconds<5400") == [attempt]
    monkeypatch.setattr(ProcessWide, "store", None)
    assert main.run(["log", "--store", str(store.root)]) == 0
    assert re.search(r"1 h 0\d min, resumed after (1 h 0\d|59) min", capsys.readouterr().out)
    assert main.run(["show", rref, "--store", str(store.root)]) == 0
    assert "it died, and went on" in capsys.readouterr().out


@pytest.mark.parametrize("dead", [-1, 10**30, "1", None, True, 1.5])
def test_a_time_that_no_attempt_can_have_been_dead_does_not_count(store, dead):
    rref = ps.realize(counting(stop=None))
    attempt = ps.attempts(rref)[0]._replace(notes={"dead": dead})
    assert attempt.dead == 0
    assert attempt.duration == (attempt.stop - attempt.start) / 1e9


def test_the_seed_of_a_lost_result_goes_on_with_its_scratch(store):
    rref = ps.realize(counting(stop=None))
    (lost,) = ps.attempts(rref)
    store.remove(rref)
    with pytest.raises(BuildError):
        ps.realize(counting(stop=3))
    again = ps.realize(counting(stop=None))
    assert ps.catref(again, "log.txt") == [f"from 3, seed {lost.seed}"]


def test_a_try_that_fails_is_no_attempt_of_its_own_where_its_scratch_goes_on(store):
    stops = iter([2, 4, None])

    def count(b):
        counting(next(stops)).realizer(b)

    rref = ps.realize(Derivation({"name": "count"}, match_latest(), count), retries=2)
    (attempt,) = ps.attempts(rref)
    assert ps.catref(rref, "log.txt") == [f"from 4, seed {attempt.seed}"]
    assert attempt.notes["tries"] == ["RuntimeError: no power"] * 2
    assert not [path for path in store.parts.tmp.iterdir() if path.is_dir()]


def test_S6_what_fails_beside_a_failure_has_its_tries_and_is_recorded(store):
    """A sibling that runs when another fails may finish: its tries belong to it."""
    failed, heard = threading.Event(), []

    def fails(b):
        failed.set()
        raise RuntimeError("no")

    def flaky(b):
        (ps.build_scratch(b) / "mark").write_text("x")
        failed.wait(60)
        (b.outpath / "half").write_text("hours of work")
        raise RuntimeError("again")

    first = Derivation({"name": "fails"}, match_latest(), fails)
    second = Derivation({"name": "flaky"}, match_latest(), flaky)
    with ThreadPoolExecutor(2) as pool, pytest.raises(BuildError):
        ps.realize([second, first], executor=pool, retries=2, listener=heard.append)
    (attempt,) = ps.attempts(second.dref)
    assert (attempt.outcome, len(attempt.notes["tries"])) == ("failed", 2)
    assert "again" in attempt.notes["traceback"]
    assert (Path(attempt.notes["staging"]) / "out" / "half").exists()
    told = [e.again for e in heard if isinstance(e, AttemptFailed) and e.dref == second.dref]
    assert told == [True, True, False]


def test_what_was_measured_before_a_try_failed_belongs_to_the_attempt(store):
    def train(b):
        mark = ps.build_scratch(b) / "epoch"
        first = int(mark.read_text()) if mark.exists() else 0
        for epoch in range(first, 4):
            ps.build_metric(b, "loss", 1 / (epoch + 1), step=epoch)
            mark.write_text(str(epoch))
            if epoch == 2 and not first:
                raise RuntimeError("no power")

    rref = ps.realize(Derivation({}, match_latest(), train), retries=1)
    (attempt,) = ps.attempts(rref)
    assert attempt.metrics == {"loss": 0.25}
    assert store.trace(attempt) == [(e, "loss", 1 / (e + 1)) for e in range(4)]


def test_the_last_try_is_recorded_as_failed(store):
    with pytest.raises(BuildError):
        ps.realize(counting(stop=3), retries=2)
    (attempt,) = ps.attempts(counting(None).dref)
    assert (attempt.outcome, len(attempt.notes["tries"])) == ("failed", 2)


def test_a_logdir_stays_beside_the_attempt(store):
    def logs(b):
        (ps.build_logdir(b) / "events").write_text("x")

    rref = ps.realize(Derivation({}, match_latest(), logs))
    (folder,) = [
        n for n in os.listdir(store.parts.layout.attempts(rref.dref)) if n.endswith(".logs")
    ]
    assert folder.startswith(ps.attempts(rref)[0].context)
    assert ps.verify().sound


def test_metrics_are_told_or_written_and_have_one_name_everywhere(store):
    def train(b):
        for step, loss in enumerate([0.5, 0.25]):
            ps.build_metric(b, "loss", loss, step=step)
        ps.build_metric(b, "seconds", 3)
        ps.build_metric(b, "diverged", 1.0)
        ps.build_metric(b, "diverged", float("nan"))
        (b.outpath / "metrics.json").write_text('{"f1": 0.75}')
        (b.outpath / "metrics.jsonl").write_text('{"step": 1, "name": "lr", "value": 0.1}\n')
        (b.outpath / "accuracy.txt").write_text("0.9\n")

    rref = ps.realize(Derivation({}, match_best("f1"), train))
    (attempt,) = ps.attempts(rref)
    assert attempt.metrics == {
        "accuracy.txt": 0.9, "f1": 0.75, "loss": 0.25, "lr": 0.1, "seconds": 3.0
    }  # fmt: skip
    assert store.trace(attempt) == [(1, "lr", 0.1), (0, "loss", 0.5), (1, "loss", 0.25)]


def test_a_failed_attempt_keeps_what_it_told(store):
    def train(b):
        ps.build_metric(b, "loss", 0.5, step=0)
        raise RuntimeError

    derivation = Derivation({}, match_latest(), train)
    with pytest.raises(BuildError):
        ps.realize(derivation)
    (attempt,) = ps.attempts(derivation.dref)
    assert attempt.metrics == {"loss": 0.5}
    assert store.trace(attempt) == [(0, "loss", 0.5)]


@pytest.mark.parametrize("text", ["[1]", "{"])
def test_a_metrics_file_that_states_no_metrics_is_a_warning(store, text):
    def train(b):
        (b.outpath / "metrics.json").write_text(text)

    with pytest.warns(PystoreWarning, match=r"metrics\.json states no metrics"):
        rref = ps.realize(Derivation({}, match_latest(), train))
    assert ps.attempts(rref)[0].metrics == {}


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ('"n/a"', r'odd \("n/a"\)'),
        ("null", r"odd \(null\)"),
        ("true", r"odd \(true\)"),
        ("[1, 2]", r"odd \(\[1, 2\]\)"),
        ("1" + "0" * 400, r"odd \(1000"),
        ('{"class": "cat"}', r'odd\.class \("cat"\)'),
    ],
)
def test_an_odd_value_in_a_metrics_file_keeps_no_number_from_counting(store, odd, named):
    def train(b):
        text = f'{{"first": 1, "odd": {odd}, "test": {{"f1": 0.5, "by": {{"cat": 0.25}}}}}}'
        (b.outpath / "metrics.json").write_text(text)

    with pytest.warns(PystoreWarning, match=named):
        rref = ps.realize(Derivation({}, match_best("test.f1"), train))
    assert ps.attempts(rref)[0].metrics == {"first": 1.0, "test.f1": 0.5, "test.by.cat": 0.25}


def test_two_metrics_of_one_dotted_name_are_told_and_the_first_counts(store):
    def train(b):
        (b.outpath / "metrics.json").write_text('{"a.b": 1, "a": {"b": 2}}')

    with pytest.warns(PystoreWarning, match=r"a\.b \(2\)"):
        rref = ps.realize(Derivation({}, match_latest(), train))
    assert ps.attempts(rref)[0].metrics == {"a.b": 1.0}


def test_an_odd_line_of_a_trace_is_told_and_the_others_count(store):
    lines = [
        '{"step": 0, "name": "loss", "value": 2}',
        '{"step": 1, "name": "loss", "value": null}',
        '{"step": 2, "name": "loss"',
        "",
        '{"step": 3, "name": "loss", "value": 0.5}',
    ]

    def train(b):
        (b.outpath / "metrics.jsonl").write_text("\n".join(lines))

    with pytest.warns(PystoreWarning, match=r"line 2 \(.*null.*line 3"):
        rref = ps.realize(Derivation({}, match_latest(), train))
    (attempt,) = ps.attempts(rref)
    assert store.trace(attempt) == [(0, "loss", 2.0), (3, "loss", 0.5)]
    assert attempt.metrics == {"loss": 0.5}


def test_a_metric_that_is_no_number_is_an_error(store):
    with pytest.raises(BadConfig, match="the metric 'loss' is no number"):
        ps.realize(Derivation({}, match_latest(), lambda b: ps.build_metric(b, "loss", "low")))  # type: ignore[arg-type]  # the mistake


# --- how much is built -----------------------------------------------------------------


def seeded(b):
    (b.outpath / "x.txt").write_text(str(b.seed))


def test_attempts_make_sure_that_so_many_succeeded(store):
    derivation = Derivation({}, match_latest(), seeded)
    ps.realize(derivation, attempts=3)
    assert len(ps.attempts(derivation.dref)) == 3
    ps.realize(derivation, attempts=3)
    assert len(ps.attempts(derivation.dref)) == 3
    ps.realize(derivation, attempts=5)
    assert len(ps.attempts(derivation.dref)) == 5


def test_attempts_of_a_deterministic_stage_count_too(store):
    derivation = Derivation({}, match_latest(), lambda b: (b.outpath / "x").write_text("1"))
    ps.realize(derivation, attempts=4)
    assert len(ps.attempts(derivation.dref)) == 4
    assert len(ps.lsref(derivation.dref)) == 1


def test_build_false_names_what_is_missing_and_builds_nothing(store):
    a = Derivation({"name": "a"}, match_latest(), seeded)
    b = Derivation({"name": "b"}, match_latest(), seeded)
    c = Derivation({"name": "c", "a": a, "b": b}, match_latest(), seeded)
    with pytest.raises(ps.errors.MatcherUnsatisfied) as caught:
        ps.realize(c, build=False)
    for dref in (a.dref, b.dref, c.dref):
        assert dref in str(caught.value)
    assert ps.gc(()).realizations == {}
    rref = ps.realize(c)
    assert ps.realize(c, build=False) == rref


def test_keep_going_builds_what_does_not_depend_on_a_failure(store):
    def fails(b):
        raise ValueError(b.config.name)

    bad = [Derivation({"name": name}, match_latest(), fails) for name in ("bad", "worse")]
    good = Derivation({"name": "good"}, match_latest(), seeded)
    after = Derivation({"name": "after", "bad": bad[0]}, match_latest(), seeded)
    with pytest.raises(ps.errors.BuildsFailed) as caught:
        ps.realize([bad[0], after, bad[1], good], keep_going=True)
    assert set(caught.value.errors) == {bad[0].dref, bad[1].dref}
    assert caught.value.skipped == after.dref
    assert ps.realize(good, build=False)


@pytest.mark.parametrize("option", ["attempts", "max_attempts"])
@pytest.mark.parametrize("number", [0, -1, 1.5, True, "3"])
def test_impossible_counts_are_refused(store, option, number):
    with pytest.raises(ps.errors.BadStage, match=option):
        ps.realize(Derivation({}, match_latest(), seeded), **{option: number})


# --- views -----------------------------------------------------------------------------


def test_a_view_shows_parameters_files_and_inputs(store):
    data = Derivation(
        {"name": "data", "n": 3, "file": [ps.selfref, "x.txt"]}, match_latest(), seeded
    )
    config = {"name": "model", "data": data, "raw": [data, "x.txt"], "path": "p", "list": [data]}
    v = ps.view(ps.realize(Derivation(config, match_latest(), seeded)))
    assert v.data.n == 3
    assert v.data.file.read_text() == v.raw.read_text() == v.list[0].file.read_text()
    assert v.path.is_dir()
    assert v.config.path == "p"
    assert (v.rref.dref, v.attempts[0].rref) == (v.dref, v.rref)
    assert v == ps.view(str(v.rref))
    assert "data" in dir(v)
    assert "raw=" in repr(v)
    assert "<table>" in v._repr_html_()
    with pytest.raises(AttributeError, match=r"there is: .*data.*rref"):
        _ = v.absent


def test_a_view_lists_several_realizations_of_an_input(store):
    data = Derivation({"name": "data"}, ps.match_some(2), seeded)
    config = {"data": data, "files": [data, "x.txt"]}
    v = ps.view(ps.realize(Derivation(config, match_latest(), seeded)))
    assert len(v.data) == len(v.files) == 2

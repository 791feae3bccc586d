"""What a running attempt tells: it survives kill -9, costs little, and stops no attempt."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import importing

import pystore as ps
from pystore import Derivation, match_latest
from pystore.store.told import Telling, lines_since, read, read_last

SCRIPT = """
    import sys, pystore as ps
    from pystore import Derivation, match_latest

    def train(b):
        {scratch}
        for step in range(3):
            ps.build_metric(b, "loss", 1 / (step + 1), step=step)
        ps.build_metric(b, "accuracy", 0.5)
        print("told", flush=True)
        sys.stdin.read()

    with ps.Store(sys.argv[1], durable=False).use():
        ps.realize(Derivation({{"name": "train"}}, match_latest(), train))
"""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def killed(store, scratch: str = "") -> Derivation:
    """An attempt that told three steps and a metric, and was killed."""
    script = textwrap.dedent(SCRIPT).format(scratch=scratch or "pass")
    program = subprocess.Popen(
        [sys.executable, "-c", script, str(store.root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=importing(),
    )  # fmt: skip
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"told\n"
        program.send_signal(signal.SIGKILL)
    return Derivation({"name": "train"}, match_latest(), lambda b: None)


def live_files(store, derivation) -> list[str]:
    return [n for n in os.listdir(store.parts.layout.attempts(derivation.dref)) if ".live" in n]


def test_TD1_what_a_killed_attempt_told_is_shown(store):
    derivation = killed(store)
    (died,) = ps.attempts(derivation.dref)
    assert (died.outcome, died.metrics) == ("died", {"loss": 1 / 3, "accuracy": 0.5})
    assert store.trace(died) == [(s, "loss", 1 / (s + 1)) for s in range(3)]
    ps.realize(derivation)
    ps.gc((), dry_run=False)
    died, _ = ps.attempts(derivation.dref)
    assert died.metrics == {"loss": 1 / 3, "accuracy": 0.5}
    assert ps.verify().sound


def test_TD1_what_it_told_is_in_its_record_when_it_goes_on(store):
    derivation = killed(store, "ps.build_scratch(b)")

    def goes_on(b):
        ps.build_metric(b, "loss", 0.25, step=3)

    ps.realize(Derivation({"name": "train"}, match_latest(), goes_on))
    (attempt,) = ps.attempts(derivation.dref)
    assert (attempt.outcome, attempt.metrics) == ("succeeded", {"loss": 0.25, "accuracy": 0.5})
    assert store.trace(attempt) == [(s, "loss", 1 / (s + 1)) for s in range(4)]
    assert live_files(store, derivation) == []


def test_TD2_an_attempt_that_tells_nothing_has_no_file(store):
    names: list[str] = []

    def train(b):
        ps.build_note(b, "x", 1)
        ps.build_progress(b, 1, 2)
        names.extend(os.listdir(store.parts.layout.attempts(b.config.dref)))

    ps.realize(Derivation({}, match_latest(), train))
    assert [name for name in names if name.endswith(".live")] == []


def test_TD2_one_that_tells_much_writes_a_few_times_a_second(tmp_path):
    clock = Clock()
    telling = Telling(str(tmp_path / "x.live"), clock=clock)
    sizes = []
    for step in range(2000):
        clock.now += 0.001
        telling.metric("loss", 0.5, step)
        sizes.append(os.stat(telling.path).st_size)
    assert len(set(sizes)) <= 16 + 2 * 4
    telling.flush()
    assert len(read(telling.path).trace) == 2000


def test_TD2_the_file_goes_when_there_is_a_record(store):
    def fails(b):
        ps.build_metric(b, "loss", 0.5)
        raise RuntimeError

    derivation = Derivation({}, match_latest(), fails)
    with pytest.raises(ps.errors.BuildError):
        ps.realize(derivation)
    ps.realize(Derivation({}, match_latest(), lambda b: ps.build_metric(b, "loss", 0.25)))
    assert live_files(store, derivation) == []


def test_a_file_beside_a_record_means_nothing_and_goes_with_the_next_attempt(store):
    derivation = Derivation({}, match_latest(), lambda b: ps.build_metric(b, "loss", 0.25))
    (made,) = ps.attempts(ps.realize(derivation))
    folder = Path(store.parts.layout.attempts(derivation.dref))
    for kind in ("live", "stop"):
        (folder / f"{made.context}.{made.number}.{kind}").write_text('{"name": "x", "value": 1}')
    assert ps.attempts(derivation.dref) == [made]
    assert ps.verify().sound
    ps.realize(derivation, force_rebuild=True)
    assert live_files(store, derivation) == []
    assert list(folder.glob("*.stop")) == []


def test_TD3_an_error_of_the_system_stops_nothing_and_loses_nothing(tmp_path):
    place = tmp_path / "x.live"
    place.mkdir()
    telling = Telling(str(place))
    telling.metric("loss", 0.5, 1)
    assert read(telling.path).metrics == {}
    place.rmdir()
    telling.metric("loss", 0.25, 2)
    assert read(telling.path).trace == [(1, "loss", 0.5), (2, "loss", 0.25)]


def test_TD3_an_attempt_whose_file_cannot_be_written_succeeds(store):
    def train(b):
        (claim,) = Path(store.parts.layout.attempts(b.config.dref)).glob("*.begin")
        os.mkfifo(claim.with_suffix(".live"))
        ps.build_metric(b, "loss", 0.5, step=1)

    (attempt,) = ps.attempts(ps.realize(Derivation({}, match_latest(), train)))
    assert attempt.metrics == {"loss": 0.5}
    assert store.trace(attempt) == [(1, "loss", 0.5)]


@given(st.integers(0, 200))
def test_TD4_a_line_that_was_cut_short_is_passed_over(tmp_path_factory, cut):
    file = tmp_path_factory.mktemp("told") / "x.live"
    lines = [json.dumps({"name": "loss", "value": n, "step": n}) + "\n" for n in range(4)]
    text = "".join(lines)
    file.write_text(text[:cut])
    whole = text[:cut].count("\n") + text[:cut].endswith("}")
    assert read(str(file)).trace == [(n, "loss", float(n)) for n in range(whole)]
    telling = Telling(str(file), {"loss": 0.0})
    telling.metric("loss", 9.0, 9)
    assert read(str(file)).trace[whole:] == [(9, "loss", 9.0)]


@pytest.mark.parametrize(
    "line",
    ["[]", "3", '{"name": "x"}', '{"name": "x", "value": "y"}', '{"metrics": 3}', '{"done": 1}',
     '{"done": "x", "total": 1, "unit": ""}', '{"name": "x", "value": 1, "step": 1e999}', "{"],
)  # fmt: skip
def test_TD4_a_strange_line_is_passed_over(tmp_path, line):
    file = tmp_path / "x.live"
    file.write_text(f'{line}\n{{"name": "loss", "value": 0.5}}\n')
    told = read(str(file))
    assert (told.metrics["loss"], told.progress) == (0.5, None)


@pytest.mark.parametrize("count", [10, 20_000])
def test_TD5_the_end_of_a_file_has_all_metrics(tmp_path, count):
    telling = Telling(str(tmp_path / "x.live"))
    telling.metric("first", 1.0, None)
    telling.metric("diverged", 1.0, 0)
    telling.metric("diverged", float("nan"), 1)
    for step in range(count):
        telling.metric("loss", float(step), step)
        if step % 10 == 0:
            telling.flush()
    telling.flush()
    told, end = read(telling.path), read_last(telling.path)
    assert end.metrics == told.metrics == {"first": 1.0, "loss": count - 1.0}
    assert end.last == told.last == ("loss", count - 1.0, count - 1)
    assert len(end.trace) < 10_000 < len(told.trace) or count == 10


def test_TD5_a_file_without_such_lines_is_read_whole(tmp_path):
    file = tmp_path / "x.live"
    row = json.dumps({"name": "loss", "value": 2.0}) + "\n"
    file.write_text('{"name": "first", "value": 1.0}\n' + row * 20_000)
    assert read_last(str(file)).metrics == {"first": 1.0, "loss": 2.0}


def test_lines_are_read_as_they_come(tmp_path):
    file = tmp_path / "x.live"
    assert lines_since(str(file), 0) == ([], 0)
    file.write_text('{"name": "loss", "value": 1}\n{"name"')
    lines, place = lines_since(str(file), 0)
    assert lines == [{"name": "loss", "value": 1}]
    with file.open("a") as more:
        more.write(': "loss", "value": 2}\n')
    assert lines_since(str(file), place)[0] == [{"name": "loss", "value": 2}]


def test_a_forked_child_writes_nothing(tmp_path):
    telling = Telling(str(tmp_path / "x.live"))
    if (pid := os.fork()) == 0:
        telling.metric("loss", 0.5, None)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not os.path.exists(telling.path)


def test_TD3_an_attempt_whose_file_cannot_be_removed_succeeds(store):
    def train(b):
        ps.build_metric(b, "loss", 0.5)
        (file,) = Path(store.parts.layout.attempts(b.config.dref)).glob("*.live")
        file.unlink()
        (file / "within").mkdir(parents=True)

    derivation = Derivation({}, match_latest(), train)
    (attempt,) = ps.attempts(ps.realize(derivation))
    assert attempt.metrics == {"loss": 0.5}
    ps.realize(Derivation({}, match_latest(), lambda b: None), force_rebuild=True)
    assert [a.outcome for a in ps.attempts(derivation.dref)] == ["succeeded"] * 2

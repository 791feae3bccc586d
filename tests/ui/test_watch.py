"""What a call of realize shows: golden pictures, lines and records, and a real terminal."""

import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
import types

import pytest
from memory_store import MemoryStore
from rich.console import Console

from pystore import (
    Closure,
    Derivation,
    DRef,
    PystoreError,
    RRef,
    build_outpath,
    build_progress,
    build_wrapper,
    instantiate,
    match_latest,
    match_some,
    realize,
    realize_many,
    verify,
    watching,
)
from pystore.core.progress import Tally, after
from pystore.events import (
    Adopted,
    AttemptFailed,
    Event,
    Fetched,
    NotChosen,
    OtherInputs,
    Progress,
    Reused,
    SourceFailed,
    Started,
    Succeeded,
    Waiting,
)
from pystore.ui.watch.bars import Bars
from pystore.ui.watch.frame import frame
from pystore.ui.watch.lines import Lines
from pystore.ui.watch.terminal import in_notebook
from pystore.ui.watch.usual import Usual
from pystore.ui.watch.watcher import Watcher
from pystore.ui.watch.words import Labels, amount, ending, first_line


def build(name: str = "train", function=lambda b: None, **config) -> Derivation:
    return Derivation({"name": name, **config}, match_latest(), build_wrapper(function))


STAGES = [build("dataset"), build("train", epochs=1), build("train", epochs=3)]
DATA, TRAIN, OTHER = (derivation.dref for derivation in STAGES)
CLOSURE = Closure(OTHER, {one.dref: one for one in STAGES})
LABELS = Labels(CLOSURE)


def rref(dref: DRef) -> RRef:
    return RRef(f"rref:{'f' * 32}-{dref[5:]}")


def started(dref: DRef, number: int = 0) -> Started:
    return Started(dref, number, 7, "/tmp/out", pid=42)


RECORDING: list[tuple[float, Event]] = [
    (0.0, Reused(DATA, (rref(DATA),))),
    (1.0, started(TRAIN, 2)),
    (1.0, OtherInputs(OTHER, 4)),
    (1.5, started(OTHER)),
    (2.0, Progress(TRAIN, 0, 10, "epochs", 2)),
    (5.0, Progress(TRAIN, 3, 10, "epochs", 2)),
    (8.0, Progress(TRAIN, 6, 10, "epochs", 2)),
    (9.0, AttemptFailed(OTHER, 0, "ValueError: no good\nand more")),
    (12.0, Succeeded(TRAIN, 2, rref(TRAIN), True, 11.0)),
    (13.0, Waiting(OTHER, "process 4242 on host, since 2026-01-01 12:00:00Z")),
]


def played(until: float, usual: float | None = None) -> Tally:
    """The tally of the recording at a time."""
    tally = Tally(7)
    for now, event in RECORDING:
        if now <= until:
            tally = after(tally, event, now, usual)
    return tally


def picture(tally: Tally, now: float, rows: int = 20) -> str:
    """A picture as text, 100 columns wide."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, record=True, highlight=False)
    console.print(frame(tally, now, now, LABELS, rows))
    return "\n".join(row.rstrip() for row in console.export_text().splitlines())


# --- pictures --------------------------------------------------------------------------


RUNNING = """\
 building train be14e0 #2 ━━━━━━━━━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━  6/10 epochs  7.0 s ~4.0 s left
 building train ca770f    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━               6.5 s
          1 of 7 done · 1 reused · 8.0 s"""

GUESSED = """\
 building train be14e0 #2 ━━━━━━━━━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━  6/10 epochs  7.0 s ~4.0 s left
 building train ca770f    ━━━━━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━━               6.5 s ~6.5 s left
          1 of 7 done · 1 reused · 8.0 s"""

WAITING = """\
  waiting for train ca770f: process 4242 on host, since 2026-01-01 12:00:00Z
          2 of 7 done · 1 reused · 1 failed · 1 waiting · 13 s"""


def test_each_running_attempt_has_a_bar_with_its_own_progress():
    assert picture(played(8.0), 8.0) == RUNNING


def test_earlier_attempts_stand_in_for_progress_that_nobody_tells():
    assert picture(played(8.0, usual=13.0), 8.0) == GUESSED


def test_waiting_says_for_which_process():
    assert picture(played(13.0), 13.0) == WAITING


def test_of_a_sweep_a_bar_says_which_one_it_is():
    labels = Labels(Closure({"epochs=1": TRAIN, "epochs=3": OTHER}, CLOSURE.by_dref))
    assert [labels(DATA), labels(TRAIN), labels(OTHER, 2)] == [
        "dataset",
        "train epochs=1",
        "train epochs=3 #2",
    ]


def test_what_comes_from_a_remote_has_a_bar_too():
    tally = after(Tally(7), Progress(DATA, 12_000_000, 80_000_000, "bytes"), 1.0)
    (bar, _) = picture(tally, 2.0).splitlines()
    assert bar.startswith(" fetching dataset ━━━━")
    assert bar.split("━")[-1].split() == ["12", "MB/80", "MB", "1.0", "s"]


def test_what_does_not_fit_is_counted():
    tally = Tally(99)
    for number in range(40):
        tally = after(tally, started(TRAIN, number))
    shown = picture(tally, 1.0, rows=10).splitlines()
    assert len(shown) == 10
    assert shown[-2:] == ["          … and 32 more", "          0 of 99 done · 1.0 s"]


@pytest.mark.parametrize("width", [1, 10, 30, 300])
def test_a_picture_fits_into_any_width(width):
    file = io.StringIO()
    console = Console(file=file, width=width, record=True)
    console.print(frame(played(8.0), 8.0, 8.0, LABELS, 5), width=width)
    assert max(map(len, file.getvalue().splitlines())) <= width


NARROW = {
    63: " building train be14e0 #2       6/10 epochs  7.0 s ~4.0 s left",
    51: " building train be14e0 #2  6/10 epochs ~4.0 s left",
    45: " building train be14e0 #2        6/10 epochs",
    40: " building train be14e0 #2   6/10 epochs",
}


@pytest.mark.parametrize("columns", NARROW)
def test_in_few_columns_what_tells_the_least_is_left_out(columns):
    file = io.StringIO()
    console = Console(file=file, width=columns - 1, highlight=False)
    console.print(frame(played(8.0), 8.0, 8.0, LABELS, 20, columns))
    assert file.getvalue().splitlines()[0] == NARROW[columns]


# --- words -----------------------------------------------------------------------------


def test_what_ended_is_told_in_a_line():
    events = [
        Succeeded(DATA, 0, rref(DATA), True, 0.25),
        Succeeded(TRAIN, 3, rref(TRAIN), False, 3723.0),
        AttemptFailed(TRAIN, 1, "ValueError: no\x1b[2J good\nand more"),
        Adopted(DATA, (rref(DATA),), 5),
        Fetched(DATA, (rref(DATA),), "s3://ours", 11_490_434),
        SourceFailed(DATA, "s3://ours", "no route to host"),
        NotChosen(DATA, rref(DATA), ()),
        Reused(DATA, ()),
        Progress(DATA, 1, 2, ""),
    ]
    told = [words for event in events if (words := ending(event, LABELS))]
    assert [f"{verb} {rest}" for verb, rest in told] == [
        "built dataset in 0.2 s",
        "built train be14e0 #3 in 1 h 02 min, to the same bytes as before",
        "failed train be14e0 #1: ValueError: no [2J good",
        "adopted dataset: 1 made elsewhere from the same bytes",
        "fetched dataset from s3://ours, 11.5 MB",
        "without s3://ours for dataset: no route to host",
        "kept dataset: its matcher prefers another to the one just built",
    ]


@pytest.mark.parametrize(
    "number, unit, text",
    [
        (3, "epochs", "3 epochs"),
        (0.25, "", "0.25"),
        (999, "bytes", "999 B"),
        (170_498_071, "bytes", "170 MB"),
    ],
)
def test_an_amount_is_short(number, unit, text):
    assert amount(number, unit) == text


def test_a_long_error_is_cut():
    assert len(first_line("x" * 1000)) == 200
    assert first_line("") == ""


# --- lines -----------------------------------------------------------------------------


class Hands:
    """A clock [s] whose hands a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def one_call(*derivations: Derivation):
    """A closure of these, for a watcher."""
    return instantiate(lambda m: list(derivations), store=MemoryStore())


def test_lines_tell_what_begins_and_ends_and_now_and_then_how_far_it_is():
    written, hands = io.StringIO(), Hands()
    target = build("train")
    watcher = Watcher(
        one_call(target, build("test")),
        lambda labels, since: Lines(lambda: written, labels, since),
        clock=hands,
    )
    with watcher as hear:
        hear(started(target.dref))
        for step in range(101):
            hands.now = step / 4
            hear(Progress(target.dref, step, 100, "steps"))
        hear(Succeeded(target.dref, 0, rref(target.dref), True, 25.0))
        hear(Waiting(build("test").dref, "process 17 on host"))
    assert (
        written.getvalue()
        == """\
pystore: building train, seed 7
pystore: building train: 20/100 steps, ~20 s left
pystore: building train: 40/100 steps, ~15 s left
pystore: building train: 60/100 steps, ~10 s left
pystore: building train: 80/100 steps, ~5.0 s left
pystore: built train in 25 s
pystore: waiting for test: process 17 on host
pystore: 1 of 2 done · 1 waiting · 25 s
"""
    )


def test_of_thousands_of_events_of_progress_a_few_are_looked_at():
    heard: list[Event] = []
    hands, target = Hands(), build()

    class Count:
        def hear(self, event, tally, now):
            heard.append(event)

        def close(self):
            """Nothing to do."""

    with Watcher(one_call(target), lambda *_: Count(), clock=hands) as hear:
        hear(started(target.dref))
        for step in range(10_001):
            hands.now = step / 10_000
            hear(Progress(target.dref, step, 10_000, "steps"))
    steps = [event.done for event in heard if isinstance(event, Progress)]
    assert len(steps) == pytest.approx(20, abs=2)
    assert steps[-1] == 10_000  # the last one always


def test_an_error_is_not_hidden_by_a_display_that_cannot_be_closed():
    class Broken:
        def hear(self, event, tally, now):
            """Nothing to do."""

        def close(self):
            raise OSError("no terminal")

    target = build()
    with (
        pytest.raises(ValueError, match="the cause") as caught,
        Watcher(one_call(target), lambda *_: Broken()) as hear,
    ):
        hear(started(target.dref, 0))
        raise ValueError("the cause")
    assert "no terminal" in caught.value.__notes__[0]
    with (
        pytest.raises(OSError, match="no terminal"),
        Watcher(one_call(target), lambda *_: Broken()) as hear,
    ):
        hear(started(target.dref, 0))


def test_WT2_events_may_come_from_many_threads_at_once():
    tallies: list[Tally] = []

    class Last:
        def hear(self, event, tally, now):
            tallies.append(tally)

        def close(self):
            """Nothing to do."""

    target = build()
    with Watcher(one_call(target), lambda *_: Last()) as hear:

        def live(number: int) -> None:
            hear(started(target.dref, number))
            hear(Succeeded(target.dref, number, rref(target.dref), True, 1.0))

        threads = [threading.Thread(target=live, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(tallies) == 100
    assert not tallies[-1].running
    assert len(tallies[-1].succeeded) == 50


def test_what_was_heard_before_there_was_something_to_show_is_told_first():
    written, first, second = io.StringIO(), build("first"), build("second")
    watcher = Watcher(one_call(first, second), lambda *a: Lines(lambda: written, *a), clock=Hands())
    with watcher as hear:
        hear(Adopted(first.dref, (rref(first.dref),), 1))
        hear(Reused(first.dref, (rref(first.dref),)))
        hear(OtherInputs(second.dref, 4))
        assert not written.getvalue()
        hear(started(second.dref))
    assert (
        written.getvalue()
        == """\
pystore: adopted first: 1 made elsewhere from the same bytes
pystore: new second: 4 made from other inputs do not count
pystore: building second, seed 7
pystore: 1 of 2 done · 1 adopted · 0.0 s
"""
    )


def test_what_a_pool_tells_after_the_call_is_not_shown():
    written, target = io.StringIO(), build()
    watcher = Watcher(one_call(target), lambda *a: Lines(lambda: written, *a))
    with watcher as hear:
        hear(started(target.dref))
    before = written.getvalue()
    hear(Succeeded(target.dref, 0, rref(target.dref), True, 1.0))
    hear(started(target.dref, 1))
    assert written.getvalue() == before


def test_a_reader_that_has_gone_stops_no_build(store):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with watching("lines", Gone()):
        assert realize(build(), store=store)


# --- where it shows --------------------------------------------------------------------


def test_by_default_nothing_is_shown_outside_of_a_terminal(store, capsys):
    realize(build())
    assert capsys.readouterr() == ("", "")


def test_progress_true_writes_lines_to_standard_error(store, capsys):
    realize(build(), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    building, built, came_to = err.splitlines()
    assert building.startswith("pystore: building train, seed ")
    assert built.startswith("pystore: built train in ")
    assert came_to.startswith("pystore: 1 of 1 done · ")


def test_WT1_what_is_there_already_is_silent(store, capsys):
    realize(build())
    realize(build(), progress=True)
    assert capsys.readouterr() == ("", "")


def test_a_failure_is_told_and_raised(store, capsys):
    def fail(b):
        raise ValueError("no good")

    with pytest.raises(PystoreError):
        realize(build("bad", fail), progress=True)
    err = capsys.readouterr().err
    assert "pystore: failed bad: ValueError: no good\n" in err
    assert "pystore: 0 of 1 done · 1 failed" in err


def test_json_is_one_event_a_line(store, capsys):
    def work(b):
        build_progress(b, 1, 2, "steps")
        build_progress(b, 2, 2, "steps")

    with watching("json"):
        rref = realize(build("train", work))
        realize(build("train", work))
    records = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    kinds = [record["event"] for record in records]
    assert kinds == ["Started", "Progress", "Progress", "Succeeded", "Reused"]
    assert records[1] | {"done": 1, "total": 2, "unit": "steps", "number": 0} == records[1]
    assert records[3]["rref"] == rref
    assert records[4]["rrefs"] == [rref]


def test_watching_none_shows_nothing_whatever_a_call_asks_for(store, capsys):
    with watching("none"):
        realize(build(), progress=True)
    assert capsys.readouterr() == ("", "")
    with watching(None):
        realize_many(build().replace(matcher=match_some(2)), progress=True)
    assert "built train #1" in capsys.readouterr().err


def test_WT1_a_warm_call_imports_nothing_heavy(tmp_path):
    script = f"""
import sys
from pystore import *
target = Derivation({{"name": "train"}}, match_latest(), build_wrapper(lambda b: None))
with Store({str(tmp_path / "store")!r}, durable=False).use():
    realize(target)
    with watching("bars"):
        realize(target)
    print(sorted({{"rich", "click"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# --- how long it may take --------------------------------------------------------------


def test_an_attempt_may_take_what_its_own_took_else_what_its_namesakes_took(any_store):
    def took(config, seconds):
        target = Derivation(config, match_latest(), build_wrapper(lambda b: None))
        realize(target, store=any_store)
        return target.dref

    usual = Usual(any_store)
    new = Derivation({"name": "train", "lr": 3}, match_latest(), build_wrapper(lambda b: None))
    assert usual(new.dref) is None
    own = took({"name": "train", "lr": 1}, 1)
    (attempt,) = any_store.attempts(own)
    again = Usual(any_store)
    assert again(own) == attempt.duration
    assert again(new.dref) == attempt.duration


# --- progress that realizers tell ------------------------------------------------------


def told(store, *calls) -> list[Progress]:
    """What listeners hear of these calls of build_progress."""
    heard: list[Event] = []

    def work(b):
        for call in calls:
            build_progress(b, *call)

    realize(build("train", work), store=store, listener=heard.append)
    return [event for event in heard if isinstance(event, Progress)]


def test_progress_is_told_in_numbers_that_json_takes(any_store):
    import numpy as np

    (event,) = told(any_store, (np.float32(0.5), np.int64(2), "epochs"))
    assert json.dumps([event.done, event.total]) == "[0.5, 2.0]"


def test_what_cannot_be_shown_is_passed_over(any_store):
    nan, inf = float("nan"), float("inf")
    events = told(any_store, (nan,), (inf, 3), (-1, 3), (5, 3), (1, 0), (1, nan), (1, None))
    assert [(e.done, e.total) for e in events] == [(0, 3), (5, 3), (1, None), (1, None), (1, None)]


@pytest.mark.parametrize("call", [("half",), (None,), (1, "many"), (10**400,)])
def test_progress_that_is_no_number_is_a_mistake(store, call):
    with pytest.raises(PystoreError, match="is no number") as caught:
        told(store, call)
    assert "build_progress(b, done, total, 'epochs')" in str(caught.value)


def test_the_progress_of_verify_starts_no_bar(store):
    realize(build())
    with Watcher(one_call(build()), lambda *_: pytest.fail("shown")) as hear:
        assert verify(listener=hear).sound


# --- Jupyter ---------------------------------------------------------------------------


class Kernel(types.ModuleType):
    """IPython, as it is within a kernel of Jupyter: it keeps what is displayed."""

    def __init__(self, kernel: object) -> None:
        super().__init__("IPython")
        self.get_ipython = lambda: types.SimpleNamespace(kernel=kernel)
        self.shown: list[str] = []

    def HTML(self, text: str) -> str:
        return text

    def display(self, html: str, display_id: bool) -> "Kernel":
        assert display_id
        self.shown.append(html)
        return self

    def update(self, html: str) -> None:
        self.shown[-1] = html


@pytest.fixture
def jupyter(monkeypatch) -> Kernel:
    kernel = Kernel(object())
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", kernel)
    return kernel


def test_a_kernel_of_jupyter_is_known_by_its_shell(monkeypatch, jupyter):
    assert in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", Kernel(None))  # IPython in a terminal
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_in_jupyter_one_picture_is_replaced_and_stays(store, jupyter, capsys):
    def work(b):
        (build_outpath(b) / "file").write_text("x")
        print("the realizer prints")

    realize(build("train", work))
    (html,) = jupyter.shown
    assert "built" in html
    assert re.search(r"train in \d", html)
    assert "1 of 1 done" in html
    assert capsys.readouterr() == ("the realizer prints\n", "")
    realize(build("train", work))
    assert len(jupyter.shown) == 1
    realize(build("other", work), progress=False)
    assert len(jupyter.shown) == 1


class Sheet:
    """A surface that counts how often it was closed."""

    closed = 0

    def paint(self, *_):
        assert not self.closed

    def close(self, *_):
        self.closed += 1


def test_ctrl_c_while_bars_begin_ends_their_thread(monkeypatch):
    sheet, start, bars = Sheet(), threading.Thread.start, []

    def pressed(thread):
        start(thread)
        if thread.name == "pystore bars":  # other threads may start some of their own
            bars.append(thread)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(threading.Thread, "start", pressed)
    with pytest.raises(KeyboardInterrupt):
        Bars(lambda _: sheet, Labels(CLOSURE), time.monotonic, 0.0)
    assert sheet.closed == 1
    assert [thread.is_alive() for thread in bars] == [False]


def test_ctrl_c_while_bars_end_removes_them():
    sheet = Sheet()
    bars = Bars(lambda _: sheet, Labels(CLOSURE), time.monotonic, 0.0)
    is_set = bars._over.set

    def pressed():
        is_set()
        signal.raise_signal(signal.SIGINT)

    bars._over.set = pressed
    with pytest.raises(KeyboardInterrupt):
        bars.close()
    assert sheet.closed == 1
    bars._thread.join(60)
    assert not bars._thread.is_alive()

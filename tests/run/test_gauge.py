"""What an attempt takes of the machine: long ones have it in their traces, and nowhere else."""

import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

import pystore as ps
from pystore import Derivation, attempts, match_best, match_latest, results
from pystore.core.errors import BadSettings, PystoreWarning
from pystore.run import attendant
from pystore.run import gauge as gauging
from pystore.run.gauge import EVERY, Gauge, Reading, read_usage
from pystore.store.defaults import InForce, change_defaults, defaults
from pystore.store.told import Telling

POINT = 10, {"system/cpu": 90.0, "system/memory": 250.0}


class Machine:
    """A clock, and what is read at its times."""

    def __init__(self) -> None:
        self.now, self.reads = 100.0, 0
        self.cpu, self.levels = 0.0, {"system/memory": 100.0}

    def clock(self) -> float:
        return self.now

    def read(self) -> Reading:
        self.reads += 1
        return Reading(self.cpu, dict(self.levels))

    def gauge(self, before: int = 0) -> Gauge:
        return Gauge(before, read=self.read, clock=self.clock)


def test_GA1_an_attempt_that_is_short_is_not_measured():
    machine = Machine()
    gauge = machine.gauge()
    machine.now += EVERY - 0.1
    assert gauge.look() is None
    assert machine.reads == 0


def test_a_point_has_the_mean_of_cpu_and_the_time_in_all_processes():
    machine = Machine()
    gauge = machine.gauge(before=40)
    machine.now += EVERY
    assert gauge.look() is None  # a rate needs two readings
    machine.now, machine.cpu = machine.now + EVERY, 10.0
    assert gauge.look() == (50, {"system/cpu": 200.0, "system/memory": 100.0})


def test_the_cpu_time_of_a_process_that_nobody_waited_for_takes_nothing_away():
    machine = Machine()
    machine.cpu = 50.0
    gauge = machine.gauge()
    machine.now += EVERY
    gauge.look()
    machine.now, machine.cpu = machine.now + EVERY, 1.0
    assert gauge.look() == (10, {"system/cpu": 0.0, "system/memory": 100.0})


def test_GA2_a_day_has_few_points():
    machine = Machine()
    gauge, points = machine.gauge(), 0
    for _ in range(int(86400 / EVERY)):
        machine.now += EVERY
        points += gauge.look() is not None
    assert 100 < points < 1000


def test_GA3_no_memory_between_two_points_is_lost():
    machine = Machine()
    gauge, told = machine.gauge(), []
    for turn in range(5000):
        machine.now += EVERY
        machine.levels = {"system/memory": 105.0 if turn == 4000 else 100.0, "system/gpu0": 30.0}
        told.append(gauge.look())
    found = [point[1] for point in told if point]
    assert max(point["system/memory"] for point in found) == 105.0
    assert {point["system/gpu0"] for point in found} == {30.0}
    assert told[-1] is None or told[-2] is None  # they lie far apart now
    machine.now, machine.levels = machine.now + EVERY, {"system/memory": 500.0}
    point = gauge.look()
    assert point
    assert point[1]["system/memory"] == 500.0


LOAD = "x = bytearray(200_000_000); print('there', flush=True); input()"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory of others")
def test_the_memory_of_a_process_that_it_has_started_counts():
    before = read_usage().levels["system/memory"]
    command = [sys.executable, "-c", LOAD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        assert read_usage().levels["system/memory"] > before + 150
        child.communicate(b"\n")


def test_GA5_a_process_that_has_ended_counts():
    before = read_usage().cpu
    work = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    assert read_usage().cpu >= before + 0.25


def test_GA4_without_proc_and_gpus_the_cpu_of_the_process_is_left(monkeypatch):
    def missing(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(gauging, "_text", missing)
    monkeypatch.setattr(gauging, "_devices", lambda pid: (None, []))
    cpu, levels = read_usage()
    assert cpu > 0
    assert levels == {}


def test_GA4_gpus_are_read_and_one_that_fails_is_left_out(monkeypatch):
    def busy(handle):
        if handle == "broken":
            raise RuntimeError("it fell off its bus")
        return SimpleNamespace(gpu=70)

    library = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=["broken", "sound"].__getitem__,
        nvmlDeviceGetUtilizationRates=busy,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=3_000_000),
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    gauging._devices.cache_clear()
    levels = read_usage().levels
    gauging._devices.cache_clear()
    found = {name: level for name, level in levels.items() if "gpu" in name}
    assert found == {"system/gpu1": 70, "system/gpu1_memory": 3.0}


@pytest.fixture
def looked(monkeypatch):
    """Set when the attendant has a point, which it has at its first look."""
    looked = threading.Event()

    class Ready(Gauge):
        done = False

        def look(self):
            if self.done:
                looked.set()  # the point before is in the file
                return None
            self.done = True
            return POINT

    monkeypatch.setattr(attendant, "Gauge", Ready)
    return looked


@pytest.fixture
def settings():
    """Settings of the test, which end with it."""
    before = defaults()
    yield lambda wanted: change_defaults(measures_usage=wanted)
    InForce.defaults = before


def trained(looked, *, fails: bool = False) -> Derivation:
    def train(b):
        ps.build_metric(b, "loss", 0.5, step=0)
        assert looked.wait(60)
        assert not fails

    return Derivation({"name": "train"}, match_latest(), train)


def test_AW5_UG1_a_long_attempt_has_its_usage_in_its_trace_alone(store, looked):
    rref = ps.realize(trained(looked))
    (attempt,) = attempts(rref.dref)
    assert store.trace(attempt) == [
        (0, "loss", 0.5), (10, "system/cpu", 90.0), (10, "system/memory", 250.0),
    ]  # fmt: skip
    assert (attempt.metrics, [*attempt.extremes]) == ({"loss": 0.5}, ["loss"])
    assert "system" not in str(results(rref.dref, over="max"))
    (point,) = results(rref.dref).traces("system/memory")
    assert (point.step, point.value) == (10, 250.0)


def test_AW5_of_an_attempt_that_failed_it_is_there_too(store, looked):
    derivation = trained(looked, fails=True)
    with pytest.raises(ps.errors.BuildError):
        ps.realize(derivation)
    (attempt,) = attempts(derivation.dref)
    assert (10, "system/memory", 250.0) in store.trace(attempt)
    assert [*attempt.extremes] == ["loss"]


def test_UG1_usage_that_is_asked_for_by_name_counts(store, looked):
    rref = ps.realize(trained(looked))
    (row,) = results(rref.dref, metrics=["system/memory"], over="max")
    assert row.metrics == {"system/memory": 250.0}


def test_UG1_no_matcher_sees_it(store, looked):
    def train(b):
        assert looked.wait(60)

    derivation = Derivation({"name": "train"}, match_best("system/memory", over="max"), train)
    with pytest.warns(PystoreWarning, match="none of 1 realization of .* has that number"):
        ps.realize(derivation)


def test_AW5_the_settings_may_say_no(store, monkeypatch, settings):
    settings(lambda: False)
    made = []
    monkeypatch.setattr(attendant, "Gauge", made.append)
    asked = threading.Event()
    flush = Telling.flush
    looks = []

    def flushed(telling):
        flush(telling)
        looks.append(threading.current_thread().name)
        if looks.count("pystore-attendant") > 2:
            asked.set()

    monkeypatch.setattr(Telling, "flush", flushed)
    rref = ps.realize(trained(asked))
    (attempt,) = attempts(rref.dref)
    assert (made, store.trace(attempt)) == ([], [(0, "loss", 0.5)])


def test_a_setting_that_is_wrong_is_named_in_a_warning(settings):
    def wrong() -> bool:
        raise BadSettings("PYSTORE_USAGE says neither yes nor no")

    settings(wrong)
    with pytest.warns(PystoreWarning, match="PYSTORE_USAGE says neither"):
        assert not gauging.is_measured()

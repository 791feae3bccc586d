"""Objects of a remote that a hostile person wrote."""

import json
import os
import re
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

import pystore as ps
from pystore import Derivation, Store, match_latest
from pystore.core.digest import short
from pystore.errors import ChecksumMismatch, NotInStore, PystoreWarning
from pystore.store.remote import arrival as arrivals
from pystore.store.remote.arrival import Arrival
from pystore.store.remote.shipment import Shipment

DEEP = json.loads("[" * 200 + "]" * 200)


def train(b):
    (b.outpath / "accuracy.txt").write_text("0.5\n")


STAGE = Derivation({"name": "train"}, match_latest(), train)


def replace(file, content):
    """Puts other bytes in the place of an object, which nobody may write to."""
    file.unlink()
    file.write_bytes(content)


def forge(remote, **fields):
    """Changes what the one record at a remote says; its checksum is right."""
    (file,) = (f for f in remote.rglob("*.*.json") if f.name.count(".") == 2)
    value = json.loads(file.read_text()) | fields
    del value["checksum"]
    body = json.dumps(value, sort_keys=True, separators=(",", ":"))[1:] + "\n"
    head = f'{{"checksum":"{short("pystore record 1", body.encode())}",'
    replace(file, (head + body).encode())


@pytest.fixture
def remote(store, tmp_path):
    ps.push(ps.realize(STAGE), tmp_path / "remote")
    return tmp_path / "remote"


@pytest.mark.parametrize(
    "fields",
    [
        {"versions": {"git diff": "a\0b"}},
        {"versions": {"git diff": "../../../../etc/something"}},
        {"notes": {"deep": DEEP}},
        {"notes": {"number": float("nan")}},
        {"metrics": {"accuracy.txt": 10**400}},
        {"metrics": {"accuracy.txt": float("inf")}},
        {"metrics": {"accuracy.txt": True}},
        {"seed": -1},
        {"seed": 2**32},
        {"pid": 10**4000},
        {"stop": 0},
        {"start": "yesterday"},
        {"host": None},
        {"beside": {"../log": "0" * 64}},
        {"inputs": {"dref:" + "0" * 32 + "-x": []}},
    ],
    ids=lambda fields: re.sub(r"\W+", " ", str(fields))[:40],
)
def test_RM1_a_record_that_no_attempt_can_have_is_refused(remote, tmp_path, fields):
    forge(remote, **fields)
    other = Store(tmp_path / "other", durable=False)
    with pytest.raises(ChecksumMismatch, match="not what its name says"):
        ps.pull(STAGE.dref, remote, store=other)
    assert other.drefs() == []
    with pytest.warns(PystoreWarning, match="left out"):
        assert ps.realize(STAGE, substitute=remote, store=other)
    assert ps.results(STAGE, store=other).summary()


def test_a_record_from_the_future_does_not_stay_the_latest(remote, tmp_path):
    soon = time.time_ns() + 20 * 3600 * 10**9
    forge(remote, start=soon, stop=soon)
    other = Store(tmp_path / "other", durable=False)
    ps.pull(STAGE.dref, remote, store=other)
    ps.realize(STAGE, store=other, force_rebuild=True)
    *_, last = other.attempts(STAGE.dref)
    assert last.number == 1
    assert last.start > soon


@pytest.fixture
def realization(remote):
    """The object that says what the one realization consists of."""
    (found,) = remote.glob("drv/*/" + "[0-9a-f]" * 32 + ".json")
    return found


@pytest.mark.parametrize("line", [1, 2])
def test_RM1_bytes_that_are_not_those_asked_for_fill_no_memory(remote, realization, tmp_path, line):
    lines = realization.read_bytes().split(b"\n", 2)
    lines[line] = b"[" + b"[]," * 1_000_000 + b"[]]"
    replace(realization, b"\n".join(lines))
    tracemalloc.start()
    with pytest.raises(ChecksumMismatch):
        ps.pull(STAGE.dref, remote, store=Store(tmp_path / "other", durable=False))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6  # [bytes]; parsed, they take 80 million


def test_RM3_a_fifo_at_a_remote_keeps_nobody_waiting(remote, realization, tmp_path):
    realization.unlink()
    os.mkfifo(realization)
    with pytest.raises(NotInStore):
        ps.pull(STAGE.dref, remote, store=Store(tmp_path / "other", durable=False))


def test_what_a_store_takes_can_be_shared_however_large_it_is(store, tmp_path):
    def talk(b):
        for part in range(2):
            ps.build_note(b, str(part), "x" * (9 << 20))
        (b.outpath / "file").write_text("1")

    stage = Derivation({"name": "talk", "text": "é" * (9 << 20)}, match_latest(), talk)
    rref = ps.realize(stage)
    ps.push(rref, tmp_path / "remote")
    ps.export_archive(rref, tmp_path / "x.tar.zst")
    for number, come in enumerate((ps.pull, ps.import_archive)):
        other = Store(tmp_path / f"other{number}", durable=False)
        given = (rref, tmp_path / "remote") if come is ps.pull else (tmp_path / "x.tar.zst",)
        assert come(*given, store=other).rrefs == (rref,)  # type: ignore[operator]  # one of two
        assert other.attempts(rref.dref)[0].notes == {}


def test_what_is_thrown_away_does_not_grow_meanwhile(store, tmp_path, monkeypatch):
    other, rref = Store(tmp_path / "other", durable=False), ps.realize(STAGE)
    shipment, began, go_on = Shipment(store, rref), threading.Event(), threading.Event()
    ((_, part, _),) = shipment.parts()
    content, real = shipment.read(part), arrivals._write

    def slow(*args):
        began.set()
        go_on.wait(60)
        real(*args)

    monkeypatch.setattr(arrivals, "_write", slow)
    arrival = Arrival(other, STAGE.config, ps.Context(), shipment.manifest)
    with ThreadPoolExecutor() as threads:
        written = threads.submit(arrival.write, part, content)
        assert began.wait(60)
        ended = threads.submit(arrival.discard)
        go_on.set()
        assert (written.result(), ended.result()) == (None, None)
    arrival.write(part, content)
    assert os.listdir(other.parts.tmp) == []

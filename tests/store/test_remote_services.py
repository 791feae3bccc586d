"""Remotes behind services, on loopback: S3, HTTP and SFTP."""

import http.server
import re
import subprocess
import sys
import threading
from functools import partial

import fsspec
import pytest
from misbehaving import unused_port
from sftp import serving_sftp

import pystore as ps
from pystore import Derivation, Store, match_latest
from pystore.errors import BadPlace, FetchError, NotInStore


def stage():
    def prepare(b):
        (b.outpath / "data.bin").write_bytes(bytes(range(256)) * 30_000)  # more than one part
        (b.outpath / "run").write_text("#!/bin/sh\n")

    def train(b):
        (b.outpath / "accuracy.txt").write_text(f"{b.seed / 2**32}\n")

    prepared = Derivation({"name": "prepare"}, match_latest(), prepare)
    return Derivation({"name": "train", "data": prepared}, match_latest(), train)


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "other", durable=False)


# --- S3 --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3():
    """The options of a fresh S3 service with a bucket `lab`."""
    pytest.importorskip("moto.server")
    command = [sys.executable, "-m", "moto.server", "-p", "0"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    while "Running on" not in (line := server.stderr.readline()):
        assert server.poll() is None
    threading.Thread(target=server.stderr.read, daemon=True).start()
    (url,) = re.findall(r"http://127\.0\.0\.1:\d+", line)
    options = {"endpoint_url": url, "key": "x", "secret": "x"}
    fsspec.filesystem("s3", **options).mkdir("lab")
    yield options
    server.kill()
    server.wait()


def test_s3(store, other, s3):
    rref = ps.realize(stage())
    sent = ps.push(rref, "s3://lab/results", options=s3)
    assert ps.pull(rref, "s3://lab/results", options=s3, store=other) == sent
    assert ps.verify(other).sound
    assert ps.push(rref, "s3://lab/results", options=s3).fresh == ()
    assert ps.pull(rref, "s3://lab/results", options=s3, store=other).fresh == ()


def test_pins_at_s3(store, other, s3):
    first, second = ps.realize(stage()), ps.realize(stage(), force_rebuild=True)
    for rref in (first, second):
        ps.pin(rref, "serving")
        assert ps.push("s3://lab/pins", pins="serving", options=s3).pins == ("serving",)
    assert ps.pull("s3://lab/pins", pins="serving", options=s3, store=other).pins == ("serving",)
    assert ps.pins(store=other) == {"serving": second}
    moves = ps.pins_at("s3://lab/pins", options=s3)["serving"]
    assert [move.rref for move in moves] == [first, second]
    assert ps.push("s3://lab/pins", pins="serving", options=s3).pins == ()


def test_s3_at_the_root_of_a_bucket(store, other, s3):
    fsspec.filesystem("s3", **s3).mkdir("whole")
    rref = ps.realize(stage())
    ps.push(rref, "s3://whole", options=s3)
    assert ps.pull(rref, "s3://whole/", options=s3, store=other).fresh


def test_a_bucket_that_is_not_there_is_said_before_any_work(store, s3):
    rref = ps.realize(stage())
    with pytest.raises(BadPlace, match="the bucket or folder is not there"):
        ps.push(rref, "s3://nobodys/results", options=s3)
    with pytest.raises(NotInStore, match="no remote is here") as told:
        ps.pull(rref, "s3://nobodys/results", options=s3)
    assert "bucket does not exist" in told.value.because


def test_options_that_nobody_knows_are_a_mistake(store, s3):
    rref = ps.realize(stage())
    with pytest.raises(BadPlace, match="nonsense"):
        ps.push(rref, "s3://lab/results", options={**s3, "nonsense": 1})
    with pytest.raises(BadPlace, match="Invalid bucket name"):
        ps.push(rref, "s3://l a b/results", options=s3)


def test_no_permission_is_said_before_any_work(store, s3, monkeypatch):
    from s3fs import S3FileSystem

    async def refuse(*args, **kwargs):
        raise PermissionError("Access Denied")

    rref = ps.realize(stage())
    monkeypatch.setattr(S3FileSystem, "_pipe_file", refuse)
    with pytest.raises(BadPlace, match="no permission"):
        ps.push(rref, "s3://lab/closed", options=s3)
    assert fsspec.filesystem("s3", **s3, use_listings_cache=False).find("lab/closed") == []


def test_settings_of_fsspec_serve_where_no_options_are_given(store, other, s3, monkeypatch):
    monkeypatch.setitem(fsspec.config.conf, "s3", s3)
    rref = ps.realize(stage())
    ps.push(rref, "s3://lab/settings")
    assert ps.realize(stage(), store=other, substitute="s3://lab/settings", build=False) == rref


# --- HTTP ------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture
def served(tmp_path):
    """A folder and the URL at which a web server shows it."""
    (tmp_path / "www").mkdir()
    handler = partial(Quiet, directory=str(tmp_path / "www"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield tmp_path / "www", f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_http_is_read_only(store, other, served):
    folder, url = served
    rref = ps.realize(stage())
    ps.push(rref, folder / "lab")
    assert ps.pull(rref, f"{url}/lab", store=other).fresh
    assert ps.verify(other).sound
    assert ps.pull(rref.dref, f"{url}/lab", store=other).fresh == ()
    with pytest.raises(NotInStore, match="no remote is here"):
        ps.pull(rref, f"{url}/nothing", store=other)
    with pytest.raises(BadPlace, match="nothing can be pushed over HTTP"):
        ps.push(rref, f"{url}/lab")


def test_pins_over_http_are_read(store, other, served):
    folder, url = served
    rref = ps.realize(stage())
    ps.pin(rref, "serving")
    ps.push(folder / "lab", pins="serving")
    assert ps.pull(f"{url}/lab", pins="serving", store=other).pins == ("serving",)
    assert ps.pins(store=other) == {"serving": rref}
    assert [*ps.pins_at(f"{url}/lab")] == ["serving"]
    with pytest.raises(NotInStore, match="no such pin"):
        ps.pull(f"{url}/lab", pins="shadow", store=other)
    with pytest.raises(BadPlace, match="nothing can be pushed over HTTP"):
        ps.push(f"{url}/lab", pins="serving")


def test_a_server_that_is_not_there_is_said(store, other):
    rref = "rref:" + "0" * 32 + "-" + "0" * 32 + "-x"
    with unused_port() as port, pytest.raises(FetchError, match="cannot be used"):
        ps.pull(rref, f"http://127.0.0.1:{port}/lab")


# --- SFTP ------------------------------------------------------------------------------


def test_sftp(store, other, tmp_path):
    rref = ps.realize(stage())
    (tmp_path / "home").mkdir()
    with serving_sftp(tmp_path / "home") as port:
        url = f"sftp://me:secret@127.0.0.1:{port}/lab/results"
        sent = ps.push(rref, url)
        assert ps.pull(rref, url, store=other) == sent
        assert ps.push(rref, url).fresh == ()
        ps.pin(rref, "serving")
        assert ps.push(url, pins="serving").pins == ("serving",)
        assert ps.pull(url, pins="serving", store=other).pins == ("serving",)
        told = []
        assert ps.realize(stage(), substitute=url, store=Store(tmp_path / "third")) == rref
        wrong = url.replace("secret", "wrong")
        with pytest.raises(ps.PystoreError) as error:
            ps.pull(rref, wrong, listener=told.append)
        assert "wrong" not in str(error.value)
    assert ps.verify(other).sound
    names = [path.name for path in (tmp_path / "home").rglob("*")]
    assert [n for n in names if re.search(r"\.[0-9a-f]{32}$", n)] == []  # all were renamed

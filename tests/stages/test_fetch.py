"""fetchurl and fetchlocal: what they promise when nobody misbehaves."""

import gzip
import io
import os
import tarfile
import time
from hashlib import sha1, sha256

import pytest
from misbehaving import FILE, Request, Server

from pystore import (
    Registry,
    attempts,
    catref,
    config_of,
    instantiate,
    instantiate_inplace,
    lsref,
    realize,
    realize_inplace,
    rref2path,
)
from pystore.errors import BadName, BadStage, ChecksumMismatch, FetchError
from pystore.events import Progress
from pystore.stages import fetchlocal, fetchurl

SHA = sha256(FILE).hexdigest()
OWN = ["context.json", "manifest.json"]


@pytest.fixture
def server():
    with Server(Request.whole) as server:
        yield server


def tar(**files: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return target.getvalue()


def test_a_file_is_downloaded_once(store, server):
    stage = fetchurl(server.url, sha256=SHA, mode="as-is")
    first = realize(stage)
    assert realize(stage) == first
    assert len(server.requests) == 1
    assert lsref(first) == sorted([*OWN, "data.bin"])
    assert (rref2path(first) / "data.bin").read_bytes() == FILE


def test_declaring_touches_nothing(store, server):
    fetchurl(server.url, sha256=SHA, mode="as-is")
    assert server.requests == []


def test_it_serves_in_place_and_in_a_registry(store, server):
    dref = instantiate_inplace(
        fetchurl, name="mnist", mode="as-is", url=server.url, sha256=SHA.upper()
    )
    assert dref.name == "mnist"
    assert lsref(realize_inplace(dref)) == sorted([*OWN, "data.bin"])
    m = Registry()
    assert fetchurl(m, server.url, sha256=SHA, mode="as-is", name="mnist") == dref
    assert instantiate(fetchurl, url=server.url, sha256=SHA, mode="as-is", name="mnist").drefs == (
        dref,
    )


def test_FE1_the_url_is_no_identity_and_is_noted(store, server):
    one = fetchurl(server.url + "?key=secret", sha256=SHA, mode="as-is", filename="f")
    other = fetchurl("https://b.org/x", sha1=None, sha256=SHA, mode="as-is", name="f", filename="f")
    assert one == other
    rref = realize(one)
    assert realize(other) == rref
    assert attempts(rref)[0].notes["url"] == server.url + "?…"
    assert "http" not in config_of(rref).text


def test_FE1_hash_mode_name_and_filename_are_identity():
    def dref(**changes):
        return fetchurl(**{"url": "http://a/b.zip", "sha256": SHA, **changes}).dref

    others = [
        {"sha1": "0" * 40}, {"sha256": "0" * 64}, {"mode": "as-is"}, {"mode": "unpack"},
        {"name": "n"}, {"filename": "c.zip"},
    ]  # fmt: skip
    assert len({dref(), *(dref(**change) for change in others)}) == 7


def test_FE1_a_local_copy_is_the_same_stage(store, server, tmp_path):
    file = tmp_path / "data.bin"
    file.write_bytes(FILE)
    local = fetchlocal(file, sha256=SHA)
    assert local == fetchurl(server.url, sha256=SHA, mode="as-is")
    rref = realize(local)
    file.unlink()
    assert realize([local, fetchurl(server.url, sha256=SHA, mode="as-is")]) == [rref, rref]
    assert server.requests == []


def test_sha1_serves_where_there_is_no_better(store, server):
    right = fetchurl(server.url, sha1=sha1(FILE).hexdigest(), mode="as-is")
    assert lsref(realize(right)) == sorted([*OWN, "data.bin"])
    both = fetchurl(server.url, sha1="0" * 40, sha256=SHA, mode="as-is")
    with pytest.raises(ChecksumMismatch) as caught:
        realize(both)
    assert caught.value.expected == "0" * 40


@pytest.mark.parametrize(
    ("mode", "files"), [("unpack,remove", ["a", "b"]), ("unpack", ["a", "b", "data.tar.gz"])]
)
def test_an_archive_is_unpacked(mode, files, store):
    content = tar(a="1", b="2")
    with Server(lambda r: r.whole(content)) as server:
        url = f"{server.base}/data.tar.gz"
        rref = realize(fetchurl(url, sha256=sha256(content).hexdigest(), mode=mode))
        assert lsref(rref) == sorted([*files, *OWN])
        assert catref(rref, "b") == ["2"]


def test_a_single_file_is_unpacked_under_its_own_name(store):
    content = gzip.compress(b"1,2\n")
    with Server(lambda r: r.whole(content)) as server:
        rref = realize(fetchurl(f"{server.base}/t.csv.gz", sha256=sha256(content).hexdigest()))
        assert catref(rref, "t.csv") == ["1,2"]


def test_unpacking_what_is_no_archive_is_refused_when_declared():
    with pytest.raises(BadStage, match='mode="as-is"'):
        fetchurl("http://a/mnist.npz", sha256=SHA)


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": "file:///etc/passwd"},
        {"url": "ftp://a/b"},
        {"url": "a.bin"},
        {"url": "http:///b"},
        {"url": "http://a/b\n"},
        {"url": "http://[::1/b"},
        {"url": None},
        {"url": "http://a/"},
        {"url": "http://a/x/.."},
        {"url": "http://a/..%2Fevil"},
        {"url": "http://a/%2e%2e"},
        {"url": "http://a/%00"},
        {"mirrors": ["file:///b"]},
        {"mode": "remove"},
        {"sha256": "123"},
        {"sha256": SHA + "\n0"},
        {"sha256": 5},
        {"sha1": SHA},
        {"deadline": 0},
        {"deadline": float("nan")},
        {"max_bytes": -1},
    ],
    ids=str,
)
def test_a_bad_argument_is_refused_when_declared(arguments):
    with pytest.raises(BadStage):
        fetchurl(**{"url": "http://a/b", "sha256": SHA, "mode": "as-is", **arguments})


@pytest.mark.parametrize("filename", ["", ".", "..", "a/b", "/a", "a\0", "a\nb", "a" * 256, 5])
def test_a_bad_filename_is_refused_when_declared(filename):
    with pytest.raises(BadName):
        fetchurl("http://a/b", sha256=SHA, mode="as-is", filename=filename)


def test_FE3_without_a_hash_it_says_which_one_to_write(store, server):
    with pytest.raises(BadStage) as caught:
        fetchurl(server.url, mode="as-is")
    assert caught.value.sha256 == SHA
    assert f"sha256='{SHA}'" in caught.value.remedy


def test_without_a_hash_and_a_server_it_says_so(store):
    with Server(lambda r: r.head("404 Not Found")) as server, pytest.raises(BadStage) as caught:
        fetchurl(server.url, mode="as-is")
    assert "404" in caught.value.tried


def test_looking_for_the_hash_keeps_deadline_and_cap(store):
    def endless(r: Request):
        r.head("200 OK")
        r.drip(pause=0.01)

    start = time.monotonic()
    with Server(endless) as server:
        with pytest.raises(BadStage, match="deadline"):
            fetchurl(server.url, mode="as-is", deadline=0.3)
        with pytest.raises(BadStage, match="max_bytes"):
            fetchurl(server.url, mode="as-is", max_bytes=10, deadline=1000)
    assert time.monotonic() - start < 30


def test_DL3_the_cap_holds_for_a_realization(store, server):
    with pytest.raises(FetchError, match="max_bytes"):
        realize(fetchurl(server.url, sha256=SHA, mode="as-is", max_bytes=len(FILE) - 1))
    assert lsref(realize(fetchurl(server.url, sha256=SHA, mode="as-is", max_bytes=len(FILE))))


def test_progress_is_told_in_bytes(store, server):
    heard = []
    realize(fetchurl(server.url, sha256=SHA, mode="as-is"), listener=heard.append)
    told = [event for event in heard if isinstance(event, Progress)]
    assert (told[-1].done, told[-1].total, told[-1].unit) == (len(FILE), len(FILE), "bytes")


def test_mirrors_are_asked_first_by_hash(store, server, monkeypatch):
    with Server(lambda r: r.head("404 Not Found")) as empty:
        monkeypatch.setenv("PYSTORE_MIRRORS", f"{empty.base} {server.base}/files/")
        rref = realize(fetchurl("http://no.invalid/x.bin", sha256=SHA, mode="as-is"))
    assert empty.requests[0].path == f"/{SHA}"
    assert server.requests[0].path == f"/files/{SHA}"
    assert lsref(rref) == sorted([*OWN, "x.bin"])


def test_other_urls_are_asked_when_the_first_fails(store, server):
    with Server(lambda r: r.head("404 Not Found")) as empty:
        stage = fetchurl(empty.url, sha256=SHA, mode="as-is", mirrors=[server.url])
        assert attempts(realize(stage))[0].notes["url"] == server.url


# --- fetchlocal ------------------------------------------------------------------------


def test_FE3_a_local_file_without_a_hash_says_which_one_to_write(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(FILE)
    with pytest.raises(BadStage) as caught:
        fetchlocal(file)
    assert caught.value.sha256 == SHA
    with pytest.raises(BadStage, match="no such file"):
        fetchlocal(tmp_path / "b.bin")


def test_a_local_file_that_is_missing_is_an_error_when_realized(store, tmp_path):
    with pytest.raises(FetchError, match="no such file"):
        realize(fetchlocal(tmp_path / "b.bin", sha256=SHA))


def test_FE2_a_local_file_that_changed_is_a_mismatch(store, tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(FILE[:-1])
    stage = fetchlocal(file, sha256=SHA)
    with pytest.raises(ChecksumMismatch) as caught:
        realize(stage)
    assert caught.value.got == sha256(FILE[:-1]).hexdigest()
    assert lsref(stage.dref) == []


def test_a_local_fifo_or_directory_is_refused_without_waiting(store, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path):
        with pytest.raises(FetchError, match="not a plain file"):
            realize(fetchlocal(path, sha256=SHA, filename="x"))


def test_a_local_archive_is_unpacked_when_asked(store, tmp_path):
    file = tmp_path / "a.tar.gz"
    file.write_bytes(tar(x="1"))
    digits = sha256(file.read_bytes()).hexdigest()
    assert lsref(realize(fetchlocal(file, sha256=digits, mode="unpack,remove"))) == sorted(
        [*OWN, "x"]
    )
    assert lsref(realize(fetchlocal(file, sha256=digits))) == ["a.tar.gz", *OWN]

"""Archives: a closure in one file, the same bytes wherever it is packed, and nothing believed."""

import io
import os
import tarfile

import pytest
import zstandard

import pystore as ps
from pystore import Derivation, Store, match_latest, match_some
from pystore.errors import (
    BadPlace,
    ChecksumMismatch,
    FetchError,
    NotInStore,
    PystoreError,
    UnsafeArchive,
    Untrusted,
)
from pystore.store import disk


def project(attempts=1):
    def prepare(b):
        (b.outpath / "d").mkdir()
        (b.outpath / "d" / "data.bin").write_bytes(bytes(range(256)) * 40)
        (b.outpath / "link").symlink_to("d")

    def train(b):
        (b.outpath / "accuracy.txt").write_text(f"{b.seed / 2**32}\n")
        b.metric("loss", 0.5, 1)

    long_name = "train-" + "x" * 100
    prepared = Derivation({"name": "prepare"}, match_latest(), prepare)
    return Derivation({"name": long_name, "data": prepared}, match_some(attempts), train)


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "other", durable=False)


@pytest.fixture
def packed(store, tmp_path):
    """An archive, and what is in it."""
    rref = ps.realize(project())
    ps.export_archive(rref, tmp_path / "x.tar.zst")
    return tmp_path / "x.tar.zst", rref


def test_what_was_packed_is_there_after_unpacking(packed, store, other):
    file, rref = packed
    moved = ps.import_archive(file, store=other)
    assert (moved.rrefs, len(moved.fresh), moved.attempts) == ((rref,), 2, 2)
    assert ps.verify(other).sound
    assert ps.realize(project(), store=other, build=False) == rref
    assert other.trace(other.attempts(rref.dref)[0]) == [(1, "loss", 0.5)]
    assert ps.import_archive(file, store=other).fresh == ()
    assert os.listdir(other.parts.tmp) == [other.parts.session.name]


def test_AC1_the_same_realizations_and_attempts_give_the_same_bytes(store, other, tmp_path):
    refs = ps.realize_many(project(3))
    ps.export_archive(refs, tmp_path / "one.tar.zst")
    ps.import_archive(tmp_path / "one.tar.zst", store=other)
    ps.export_archive(list(reversed(refs)), tmp_path / "two.tar.zst", store=other)
    assert (tmp_path / "one.tar.zst").read_bytes() == (tmp_path / "two.tar.zst").read_bytes()


def test_what_is_packed_is_the_same_where_only_the_chosen_one_came(store, other, tmp_path):
    best, *_ = ps.realize_many(project(3))
    ps.push(best, tmp_path / "remote")
    ps.pull(best, tmp_path / "remote", store=other)
    ps.export_archive(best, tmp_path / "one.tar.zst")
    ps.export_archive(best, tmp_path / "two.tar.zst", store=other)
    assert (tmp_path / "one.tar.zst").read_bytes() == (tmp_path / "two.tar.zst").read_bytes()


@pytest.mark.parametrize("size", range(0, tarfile.RECORDSIZE + 1, tarfile.BLOCKSIZE))
def test_whatever_the_padding_is_an_archive_can_be_unpacked(store, other, tmp_path, size):
    text = Derivation({"name": "text", "text": "x" * size}, match_latest(), lambda b: None)
    rref = ps.realize(text)
    ps.export_archive(rref, tmp_path / "x.tar.zst")
    assert ps.import_archive(tmp_path / "x.tar.zst", store=other).rrefs == (rref,)


def test_large_files_and_many_small_ones_are_packed_in_parts(store, other, tmp_path, in_parts):
    rref = ps.realize(in_parts)
    assert ps.export_archive(rref, tmp_path / "x.tar.zst").size == 6500
    assert ps.import_archive(tmp_path / "x.tar.zst", store=other).size == 6500
    assert ps.verify(other).sound


def test_an_archive_can_be_signed(store, other, tmp_path):
    rref = ps.realize(project())
    public = ps.make_key(tmp_path / "key")
    ps.export_archive(rref, tmp_path / "plain.tar.zst")
    ps.export_archive(rref, tmp_path / "signed.tar.zst", key=tmp_path / "key")
    with pytest.raises(Untrusted):
        ps.import_archive(tmp_path / "plain.tar.zst", trusted_keys=[public], store=other)
    assert ps.import_archive(tmp_path / "signed.tar.zst", trusted_keys=[public], store=other).fresh


def test_a_pack_that_fails_leaves_no_file(store, tmp_path):
    rref = ps.realize(project())
    file = ps.rref2path(rref) / "accuracy.txt"
    file.chmod(0o644)
    file.write_text("1.0\n")
    with pytest.raises(ps.errors.Corrupted):
        ps.export_archive(rref, tmp_path / "x.tar.zst")
    for wrong in ("x.zip", "nowhere/x.tar.zst"):
        with pytest.raises(BadPlace):
            ps.export_archive(ps.deps_of(rref), tmp_path / wrong)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == []


# --- hostile archives --------------------------------------------------------------------


def members(file):
    """The objects of an archive, by name."""
    with tarfile.open(fileobj=io.BytesIO(unzipped(file))) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive.getmembers()}


def unzipped(file):
    return zstandard.ZstdDecompressor().decompressobj().decompress(file.read_bytes())


def write(file, objects, *more):
    """An archive of these objects and these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in objects.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member, content in more:
            archive.addfile(member, io.BytesIO(content))
    file.write_bytes(zstandard.compress(stream.getvalue()))


def member(name, kind=tarfile.REGTYPE, size=0, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made, bytes(size)


HOME = f"drv/{'0' * 32}-x"
HOSTILE = {
    "outside": member("../../evil"),
    "absolute": member("/tmp/evil"),
    "a name of its own": member("drv/readme.txt"),
    "a link": member("parts/ab/" + "ab" * 32, tarfile.SYMTYPE, link="/etc/passwd"),
    "a hard link": member("parts/ab/" + "ab" * 32, tarfile.LNKTYPE, link="pystore-remote.json"),
    "a directory": member("drv", tarfile.DIRTYPE),
    "a device": member("parts/ab/" + "ab" * 32, tarfile.CHRTYPE),
    "a fifo": member("parts/ab/" + "ab" * 32, tarfile.FIFOTYPE),
    "twice": member("pystore-remote.json"),
    "a part with other bytes": member("parts/ab/" + "ab" * 32, size=10),
    "a part in the wrong folder": member("parts/cd/" + "ab" * 32, size=10),
    "a part that is too large": member("parts/ab/" + "ab" * 32, size=(16 << 20) + 1),
    "a global header": member("x", tarfile.XGLTYPE, size=20),
    "a long name": member("drv/" + "x" * 2000),
    "a log that is too large": member(f"{HOME}/{'0' * 32}.{'0' * 32}.log", size=(1 << 20) + 1),
    "a record that is too large": member(f"{HOME}/{'0' * 32}.{'0' * 32}.json", size=(1 << 24) + 1),
    "a signature that is too large": member(
        f"{HOME}/{'0' * 32}.{'0' * 32}.{'0' * 64}.sig", size=1001
    ),
    "an index that says something": member(f"resolved/{'0' * 32}/{'0' * 32}-{HOME[4:]}", size=1),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_AC2_a_hostile_member_is_refused_and_nothing_is_left(packed, other, tmp_path, kind):
    file, _ = packed
    before = sorted(os.listdir(tmp_path))
    write(file, members(file), HOSTILE[kind])
    with pytest.raises(UnsafeArchive):
        ps.import_archive(file, store=other)
    assert other.drefs() == []
    assert os.listdir(other.parts.tmp) == []
    assert sorted(os.listdir(tmp_path)) == before


def test_AC2_any_number_of_long_names_is_refused(packed, other):
    file, _ = packed
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 10
    names = (name.tobuf(tarfile.GNU_FORMAT) + b"abcdefghi".ljust(512, b"\0")) * 5000
    file.write_bytes(zstandard.compress(names + unzipped(file)))
    with pytest.raises(UnsafeArchive):
        ps.import_archive(file, store=other)
    assert os.listdir(other.parts.tmp) == []


@pytest.mark.parametrize("rest", [2 * tarfile.RECORDSIZE, 1 << 20, 1 << 28])
def test_AC3_what_follows_the_last_object_is_refused(packed, other, rest):
    file, _ = packed
    file.write_bytes(zstandard.compress(unzipped(file) + bytes(rest)))
    with pytest.raises(UnsafeArchive, match="too much follows"):
        ps.import_archive(file, store=other)
    assert os.listdir(other.parts.tmp) == []


def test_AC3_what_there_is_no_room_for_is_not_unpacked(packed, other, monkeypatch):
    monkeypatch.setattr(disk, "free", lambda path: 1000)
    with pytest.raises(FetchError, match="cannot be unpacked here"):
        ps.import_archive(packed[0], store=other)
    assert os.listdir(other.parts.tmp) == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_keeps_nobody_waiting(other, tmp_path, make):
    make(tmp_path / "x.tar.zst")
    with pytest.raises(BadPlace, match="cannot be read"):
        ps.import_archive(tmp_path / "x.tar.zst", store=other)


def says(file, content: bytes) -> bool:
    """Whether a compressed file still holds this."""
    try:
        return unzipped(file) == content
    except zstandard.ZstdError:
        return False


def test_AC2_a_damaged_archive_is_refused(packed, other):
    file, rref = packed
    whole, content = file.read_bytes(), unzipped(file)
    for count in (0, 3, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:count])
        with pytest.raises(PystoreError):
            ps.import_archive(file, store=other)
    for place in range(0, len(whole), 97):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        if says(file, content):
            continue  # a bit without a meaning
        with pytest.raises(PystoreError):
            ps.import_archive(file, store=other)
    assert other.drefs() == []
    file.write_bytes(whole)
    assert ps.import_archive(file, store=other).rrefs == (rref,)


def test_what_an_archive_lacks_is_said(packed, other):
    file, _ = packed
    objects = members(file)
    for prefix in ("parts/", "drv/", "pystore-remote.json"):
        write(file, {n: c for n, c in objects.items() if not n.startswith(prefix)})
        if prefix == "drv/":
            assert ps.import_archive(file, store=other).rrefs == ()
            continue
        with pytest.raises((NotInStore, UnsafeArchive)):
            ps.import_archive(file, store=other)
    assert other.drefs() == []


def test_RR1_a_changed_record_is_refused(packed, other):
    file, _ = packed
    objects = members(file)
    (name,) = (n for n in objects if "-train-" in n and n.count(".") == 2 and n[-5:] == ".json")
    objects[name] = objects[name].replace(b'"loss":0.5', b'"loss":0.1')
    write(file, objects)
    with pytest.raises(ChecksumMismatch):
        ps.import_archive(file, store=other)


def test_a_file_that_is_not_there_is_said(store, tmp_path):
    with pytest.raises(BadPlace, match="no such archive"):
        ps.import_archive(tmp_path / "absent.tar.zst")

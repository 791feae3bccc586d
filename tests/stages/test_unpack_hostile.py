"""Hostile archives: each an UnsafeArchive, nothing escapes, nothing is committed."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pystore import lsref, realize, rref2path
from pystore.errors import UnsafeArchive
from pystore.stages import mkfile, mknode, unpack
from pystore.stages.archive import unpack_archive
from pystore.stages.limits import Limits

KB, MB = 2**10, 2**20


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below `root`: modes and contents."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path.relative_to(root))] = (status.st_mode, content)
    return found


@pytest.fixture
def cage(tmp_path: Path):
    """A place to unpack in, deep inside of a tree with canaries; checks that they live."""
    outer = tmp_path / "outer"
    out = outer / "a" / "b" / "out"
    out.mkdir(parents=True)
    for folder in (outer, outer / "a", outer / "a" / "b"):
        (folder / "canary").write_text("alive")
        (folder / "evil").mkdir()
    before = snapshot(outer)
    yield out
    assert snapshot(outer) == before, "something escaped, or was left behind"


def refused(archive: Path, out: Path, **limits: int) -> UnsafeArchive:
    """The error of an archive that is refused."""
    with pytest.raises(UnsafeArchive) as caught:
        unpack_archive(archive, out, Limits(**limits))
    return caught.value


# --- tars ------------------------------------------------------------------------------


def member(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"evil", **facts: object):
    made = tarfile.TarInfo(name)
    made.type = kind
    made.size = len(content) if kind in (tarfile.REGTYPE, tarfile.CONTTYPE) else 0
    for key, value in facts.items():
        setattr(made, key, value)
    return made, content


def link(name: str, target: str):
    return member(name, tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str):
    return member(name, tarfile.LNKTYPE, linkname=target)


def folder(name: str):
    return member(name, tarfile.DIRTYPE)


def tar(*members, mode: Any = "w:gz", format: int = tarfile.PAX_FORMAT, tail: bytes = b"") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, format=format) as archive:
        for made, content in members:
            archive.addfile(made, io.BytesIO(content) if made.isreg() else None)
    return target.getvalue() + tail


def raw_tar(*headers: bytes) -> bytes:
    return gzip.compress(b"".join(headers) + bytes(1024))


def header(made: tarfile.TarInfo) -> bytes:
    return made.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def negative_size() -> bytes:
    made, _ = member("a")
    buf = bytearray(header(made))
    buf[124:136] = b"\xff" * 11 + b"\x00"  # base 256, and below 0
    buf[148:156] = b" " * 8
    buf[148:155] = b"%06o\0" % (sum(buf))
    return raw_tar(bytes(buf))


def long_name_of(size: int) -> bytes:
    made = tarfile.TarInfo("././@LongLink")
    made.type, made.size = tarfile.GNUTYPE_LONGNAME, size
    return header(made)


def huge_long_name() -> bytes:
    return gzip.compress(long_name_of(64 * MB) + bytes(64 * MB))


def nested_long_names() -> bytes:
    one = long_name_of(5) + b"name\0".ljust(512, b"\0")
    return raw_tar(one * 3000, header(member("a")[0]), b"evil".ljust(512, b"\0"))


def sparse(version: str) -> bytes:
    made, content = member("hole")
    made.pax_headers = {
        "0.1": {"GNU.sparse.size": str(2**50), "GNU.sparse.map": "0,4"},
        "0.0": {"GNU.sparse.size": str(2**50), "GNU.sparse.numblocks": "1"},
        "1.0": {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.realsize": str(2**50),
        },
    }[version]
    return tar((made, b"1\n0\n4\n".ljust(512, b"\0") + content))


def old_sparse() -> bytes:
    made, _ = member("hole", tarfile.GNUTYPE_SPARSE)
    buf = bytearray(header(made))
    buf[386:398], buf[398:410] = b"00000000000\0", b"00000000004\0"
    buf[483:495] = b"77777777777\0"
    buf[148:156] = b" " * 8
    buf[148:155] = b"%06o\0" % (sum(buf))
    return raw_tar(bytes(buf), b"evil".ljust(512, b"\0"))


def damaged_in_the_middle() -> bytes:
    plain = bytearray(tar(member("a"), member("b"), member("c"), mode="w"))
    plain[1024 + 148] ^= 1
    return gzip.compress(bytes(plain))


TARS = {
    "a name that leads up": tar(member("../evil/x")),
    "a name that leads up later": tar(member("a/../../evil/x")),
    "an absolute name": tar(member("/tmp/evil-of-pystore")),
    "a directory that leads up": tar(folder("../evil/x")),
    "a link to an absolute place": tar(link("l", "/etc")),
    "a link that leads up": tar(link("l", "../evil")),
    "a link that leads up from a directory": tar(folder("d"), link("d/l", "../../evil")),
    "a link through a link": tar(
        folder("a/b"), link("a/b/d", "../.."), link("e", "a/b/d/../evil/x")
    ),
    "a file written through a link": tar(link("l", "."), member("l/evil")),
    "a file written through a link to outside": tar(link("l", "../evil"), member("l/x")),
    "a file that replaces a link": tar(link("l", "x"), member("l")),
    "a directory that replaces a link": tar(link("l", "."), folder("l")),
    "a directory that replaces a file": tar(member("l"), folder("l")),
    "a file below a file": tar(member("l"), member("l/x")),
    "a file that replaces a directory": tar(folder("l"), member("l")),
    "a hard link to outside": tar(hard("h", "../canary")),
    "a hard link to an absolute place": tar(hard("h", "/etc/hostname")),
    "a hard link to what is not there": tar(hard("h", "nothing")),
    "a hard link to a link": tar(link("l", "x"), hard("h", "l")),
    "a character device": tar(member("dev", tarfile.CHRTYPE, devmajor=1, devminor=3)),
    "a block device": tar(member("dev", tarfile.BLKTYPE, devmajor=8, devminor=0)),
    "a fifo": tar(member("fifo", tarfile.FIFOTYPE)),
    "a type that nobody knows": tar(member("x", b"Z")),
    "a name that stands twice": tar(member("a"), member("a", content=b"other")),
    "names that differ in case": tar(member("A"), member("a")),
    "directories that differ in case": tar(member("D/x"), member("d/y")),
    "names that differ in normalization": tar(member("caf\u00e9"), member("cafe\u0301")),
    "NUL in a name": tar(member("a", pax_headers={"path": "a\0b"})),
    "a name that is no name": tar(member(".")),
    "a name too long": tar(member("x" * 300)),
    "a path too long": tar(member("/".join(["x" * 200] * 6))),
    "a path too deep": tar(member("/".join(["x"] * 102))),
    "a header of negative size": negative_size(),
    "a header of 64 MiB": huge_long_name(),
    "three thousand nested headers": nested_long_names(),
    "a sparse file of 1 PiB, 0.0": sparse("0.0"),
    "a sparse file of 1 PiB, 0.1": sparse("0.1"),
    "a sparse file of 1 PiB, 1.0": sparse("1.0"),
    "a sparse file, as of old": old_sparse(),
    "a header damaged in the middle": damaged_in_the_middle(),
    "bytes cut off": tar(member("a", content=bytes(range(256)) * 400))[:-300],
    "bytes cut off before packing": gzip.compress(tar(member("a"), mode="w")[:700]),
    "no tar at all": gzip.compress(b"hello" * 500),
    "nothing at all": gzip.compress(b""),
    "no gzip at all": b"hello" * 500,
    "garbage after the end": tar(member("a"), tail=b"garbage"),
}


@pytest.mark.parametrize("content", TARS.values(), ids=list(TARS))
def test_UA1_UN1_UN2_UN3_a_hostile_tar_is_refused_and_nothing_escapes(content, cage, tmp_path):
    archive = tmp_path / "data.tar.gz"
    archive.write_bytes(content)
    refused(archive, cage)
    assert list(cage.iterdir()) == []
    assert not Path("/tmp/evil-of-pystore").exists()


@pytest.mark.parametrize("content", TARS.values(), ids=list(TARS))
def test_UA1_nothing_escapes_where_python_has_no_filter(content, cage, tmp_path, monkeypatch):
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    archive = tmp_path / "data.tar.gz"
    archive.write_bytes(content)
    refused(archive, cage)


BOMBS = {
    ".gz": gzip.compress(bytes(80 * MB)),
    ".tar.gz": tar(member("zeros", content=bytes(80 * MB))),
    ".zst": zstandard.compress(bytes(80 * MB)),
    ".xz": lzma.compress(bytes(80 * MB), preset=0),
    ".bz2": bz2.compress(bytes(80 * MB)),
}


@pytest.mark.parametrize("suffix", BOMBS)
def test_UA2_a_bomb_is_refused_while_it_grows(suffix, cage, tmp_path):
    archive = tmp_path / f"bomb{suffix}"
    archive.write_bytes(BOMBS[suffix])
    assert "bomb" in refused(archive, cage).what
    assert "too many bytes" in refused(archive, cage, max_bytes=MB).what


def test_the_number_of_members_is_limited(cage, tmp_path):
    archive = tmp_path / "many.tar.gz"
    archive.write_bytes(tar(*(member(f"d/{i}", content=b"") for i in range(100))))
    assert "too many files" in refused(archive, cage, max_members=100).what


def test_directories_that_nobody_named_count_as_members(cage, tmp_path):
    archive = tmp_path / "deep.tar.gz"
    archive.write_bytes(tar(member("/".join("abcdefghij"))))
    assert "too many files" in refused(archive, cage, max_members=9).what


# --- zips ------------------------------------------------------------------------------


def entry(name: str, mode: int = stat.S_IFREG | 0o644):
    made = zipfile.ZipInfo("placeholder")
    made.filename = name
    made.create_system = 3
    made.external_attr = mode << 16
    return made


def zipped(*members: tuple[zipfile.ZipInfo, bytes], pack: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", pack) as archive:
        for made, content in members:
            archive.writestr(made, content, pack)
    return target.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped((entry("a"), b"evil")))
    for place in (content.find(b"PK\x03\x04") + 6, content.find(b"PK\x01\x02") + 8):
        content[place] |= 1
    return bytes(content)


def lying_size(size: int) -> bytes:
    """An entry whose headers say that it is smaller than it is."""
    content = bytearray(zipped((entry("a"), bytes(MB))))
    for place in (content.find(b"PK\x03\x04") + 22, content.find(b"PK\x01\x02") + 24):
        content[place : place + 4] = struct.pack("<I", size)
    return bytes(content)


def wrong_checksum() -> bytes:
    content = bytearray(zipped((entry("a"), b"evil" * 100), pack=zipfile.ZIP_STORED))
    content[content.find(b"evil")] ^= 1
    return bytes(content)


def unknown_packing() -> bytes:
    content = bytearray(zipped((entry("a"), b"evil")))
    for place in (content.find(b"PK\x03\x04") + 8, content.find(b"PK\x01\x02") + 10):
        content[place : place + 2] = struct.pack("<H", 99)
    return bytes(content)


def nul_in_name() -> bytes:
    return zipped((entry("a#b"), b"evil")).replace(b"a#b", b"a\0b")


ZIPS = {
    "a name that leads up": zipped((entry("../evil/x"), b"evil")),
    "a name that leads up later": zipped((entry("a/../../evil/x"), b"evil")),
    "an absolute name": zipped((entry("/tmp/evil-of-pystore"), b"evil")),
    "a link": zipped((entry("l", stat.S_IFLNK | 0o777), b"../evil")),
    "a link to write through": zipped(
        (entry("l", stat.S_IFLNK | 0o777), b"../evil"), (entry("l/x"), b"evil")
    ),
    "a fifo": zipped((entry("f", stat.S_IFIFO | 0o644), b"")),
    "a device": zipped((entry("f", stat.S_IFCHR | 0o644), b"")),
    "an encrypted file": encrypted(),
    "a backslash": zipped((entry("..\\evil"), b"evil")),
    "NUL in a name": nul_in_name(),
    "a name too long": zipped((entry("x" * 300), b"evil")),
    "a path too deep": zipped((entry("/".join(["x"] * 102)), b"evil")),
    "names that differ in case": zipped((entry("A"), b"evil"), (entry("a"), b"evil")),
    "a file below a file": zipped((entry("a"), b"evil"), (entry("a/b"), b"evil")),
    "a size that is a lie": lying_size(10),
    "a wrong checksum": wrong_checksum(),
    "a packing that nobody knows": unknown_packing(),
    "bytes cut off": zipped((entry("a"), b"evil" * 1000))[:-30],
    "no zip at all": b"hello" * 500,
    "nothing at all": b"",
    "a bomb": zipped((entry("a"), bytes(80 * MB))),
}


@pytest.mark.parametrize("content", ZIPS.values(), ids=list(ZIPS))
def test_UA1_UN1_UN2_a_hostile_zip_is_refused_and_nothing_escapes(content, cage, tmp_path):
    archive = tmp_path / "data.zip"
    archive.write_bytes(content)
    refused(archive, cage)
    assert list(cage.iterdir()) == []
    assert not Path("/tmp/evil-of-pystore").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_UN2_a_name_that_stands_twice_in_a_zip_is_refused(cage, tmp_path):
    archive = tmp_path / "twice.zip"
    archive.write_bytes(zipped((entry("a"), b"1"), (entry("a"), b"2")))
    assert "two names" in refused(archive, cage).what


def test_UA2_the_limits_of_a_zip_count_real_bytes_of_all_its_files(cage, tmp_path):
    archive = tmp_path / "many.zip"
    archive.write_bytes(zipped(*((entry(str(i)), os.urandom(KB)) for i in range(10))))
    assert "too many bytes" in refused(archive, cage, max_bytes=10 * KB - 1).what
    assert "too many files" in refused(archive, cage, max_members=9).what


# --- other packings --------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_UA3_a_packed_file_that_was_cut_off_is_refused(suffix, cage, tmp_path):
    archive = tmp_path / f"data{suffix}"
    content = os.urandom(300 * KB)
    packed = {  # type: ignore[operator]  # one of four
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
        ".zst": zstandard.compress,
    }[suffix](content)
    for size in (0, 3, 1000, len(packed) // 2, len(packed) - 1):
        archive.write_bytes(packed[:size])
        refused(archive, cage)
        assert list(cage.iterdir()) == []


# --- through a stage -------------------------------------------------------------------


def test_UA3_a_refused_archive_commits_nothing_and_leaves_nothing(store):
    made = mkfile("evil", TARS["a file written through a link to outside"], filename="a.tar.gz")
    stage = unpack([made, "a.tar.gz"])
    with pytest.raises(UnsafeArchive) as caught:
        realize(stage)
    assert caught.value.dref == stage.dref
    assert lsref(stage.dref) == []
    assert [p for p in (store.root / "tmp").iterdir() if p.is_dir()] == []


def test_UN4_modes_are_reduced_to_the_exec_bit(store):
    content = tar(
        member("setuid", mode=0o4777),
        member("plain", mode=0o000, uid=12345, gid=12345),
        member("script", mode=0o700),
    )
    made = mknode({}, {"a.tar.gz": content}, name="modes")
    out = rref2path(realize(unpack([made, "a.tar.gz"])))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()}
    assert modes == {"setuid": 0o555, "plain": 0o444, "script": 0o555}
    assert (out / "plain").stat().st_uid == os.getuid()

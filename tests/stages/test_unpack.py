"""unpack: what comes out of archives that mean well."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest
import zstandard

from pystore import Registry, catref, lsref, realize, rref2path
from pystore.errors import BadRef, BadStage
from pystore.stages import mkfile, unpack
from pystore.stages.archive import parse_archive_name, unpack_archive
from pystore.stages.limits import Limits

OWN = ["context.json", "manifest.json"]
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}


@pytest.fixture
def tree(tmp_path):
    """A tree with everything that an archive may hold."""
    root = tmp_path / "tree"
    (root / "dir" / "empty").mkdir(parents=True)
    (root / "dir" / "file.txt").write_text("text\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "dir" / "up").symlink_to("../run.sh")
    (root / "dangling").symlink_to("dir/nothing")
    os.link(root / "run.sh", root / "again.sh")
    (root / os.fsdecode(b"\xff.bin")).write_bytes(b"x")
    (root / "ünïcode").write_text("u")
    return root


def tarred(tree) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.add(tree, ".")
    return target.getvalue()


def described(root):
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            what = os.readlink(path) if stat.S_ISLNK(mode) else bool(mode & 0o100)
            found[os.path.relpath(path, root)] = (stat.S_IFMT(mode), what)
    return found


@pytest.mark.parametrize("packing", PACK)
def test_a_tar_comes_out_as_it_went_in(packing, tree, store):
    name = f"data.tar.{packing}" if packing else "data.tar"
    made = mkfile("data", PACK[packing](tarred(tree)), filename=name)
    rref = realize(unpack([made, name]))
    assert described(rref2path(rref)) == described(tree)
    assert catref(rref, ["dir", "file.txt"]) == ["text"]
    assert rref.name == name.replace(".", "-")


def test_a_zip_comes_out_with_its_exec_bits(store):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("empty")
        archive.writestr("dir/file.txt", "text\n")
        script = zipfile.ZipInfo("run.sh")
        script.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(script, "#!/bin/sh\n")
    made = mkfile("data", target.getvalue(), filename="data.zip")
    rref = realize(unpack([made, "data.zip"], name="unzipped"))
    out = rref2path(rref)
    assert sorted(p.name for p in out.iterdir()) == ["dir", "empty", "run.sh"]
    assert os.access(out / "run.sh", os.X_OK)
    assert not (out / "dir" / "file.txt").stat().st_mode & 0o111
    assert rref.name == "unzipped"


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst"])
def test_a_packed_file_comes_out_under_its_own_name(packing, store):
    content = os.urandom(300_000) + bytes(1_000_000)
    made = mkfile("data", PACK[packing](content), filename=f"a.csv.{packing}")
    rref = realize(unpack([made, f"a.csv.{packing}"]))
    assert lsref(rref) == ["a.csv", *OWN]
    assert (rref2path(rref) / "a.csv").read_bytes() == content


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst"])
def test_parts_that_were_packed_one_by_one_come_out_as_one(packing, store):
    content = PACK[packing](b"one\n") + PACK[packing](b"two\n" * 5000)
    made = mkfile("data", content, filename=f"a.{packing}")
    rref = realize(unpack([made, f"a.{packing}"]))
    assert (rref2path(rref) / "a").read_bytes() == b"one\n" + b"two\n" * 5000


def test_it_serves_in_a_registry(store):
    m = Registry()
    dref = unpack(m, [mkfile(m, "data", b"", filename="d.tar.gz"), "d.tar.gz"])
    assert len(m) == 2
    assert dref in m


def test_limits_are_no_identity():
    made = mkfile("data", b"", filename="d.zip")
    assert unpack([made, "d.zip"]) == unpack([made, "d.zip"], max_bytes=5)


def test_what_is_no_archive_is_refused_when_declared():
    made = mkfile("data", b"", filename="d.npz")
    for path in ([made, "d.npz"], [made], [], "d.zip", [made, ".zip"], [made, 5], made):
        with pytest.raises(BadStage):
            unpack(path)  # type: ignore[arg-type]  # the mistake
    with pytest.raises((BadStage, BadRef)):
        unpack([made, "d.zip"], max_bytes=0)


@pytest.mark.parametrize(
    ("name", "form", "packing", "stem"),
    [
        ("a.tar", "tar", "", "a"),
        ("A.TAR.GZ", "tar", "gz", "A"),
        ("a.b.tgz", "tar", "gz", "a.b"),
        ("a.tar.zst", "tar", "zst", "a"),
        ("a.zip", "zip", "", "a"),
        ("train.csv.gz", "file", "gz", "train.csv"),
    ],
)
def test_the_name_of_an_archive_tells_its_kind(name, form, packing, stem):
    found = parse_archive_name(name)
    assert (found.form, found.packing, found.stem) == (form, packing, stem)


@pytest.mark.parametrize("name", ["a", "tar", ".tar.gz.txt", "a.npz", "gz"])
def test_other_names_are_no_archives(name):
    assert parse_archive_name(name) is None


def test_a_large_tar_takes_little_memory(tmp_path):
    target = tmp_path / "large.tar.zst"
    with zstandard.open(target, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        for number in range(3000):
            member = tarfile.TarInfo(f"{number}")
            member.size = 20_000
            archive.addfile(member, io.BytesIO(os.urandom(20_000)))
    (tmp_path / "out").mkdir()
    tracemalloc.start()
    unpack_archive(target, tmp_path / "out", Limits())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(os.listdir(tmp_path / "out")) == 3000
    assert peak < 8 * 2**20

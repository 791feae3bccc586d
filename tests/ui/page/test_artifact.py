"""Files of a realization, in a tree that others have written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pystore import Build, Derivation, RRef, Store, build_outpath, match_latest, realize
from pystore.core.manifest import Entry, Manifest
from pystore.errors import NotInStore
from pystore.ui.page.artifact import MOST, end_of, file_at, picture_kind, text_of


def _write(b: Build) -> None:
    out = build_outpath(b)
    (out / "folder").mkdir()
    (out / "folder" / "a.txt").write_text("a")
    (out / "link").symlink_to("folder/a.txt")


@pytest.fixture
def made(store: Store) -> RRef:
    return realize(Derivation({"name": "stage"}, match_latest(), _write))


def hostile(made: RRef, store: Store, path: bytes) -> None:
    """Writes a manifest that lists a file at another path."""
    home = store.home(made)
    os.chmod(home, 0o755)
    os.chmod(home / "manifest.json", 0o644)
    text = Manifest.of([Entry(path, "file", size=1, digest="0" * 64)]).text
    (home / "manifest.json").write_bytes(text)


def test_YF1_a_file_is_found_by_its_place(made: RRef, store: Store):
    entry, path = file_at(made, 0, store)
    assert (entry.path, path.read_text()) == (b"folder/a.txt", "a")


@pytest.mark.parametrize("place", [1, 2, 10**9])
def test_YF1_a_link_and_a_place_that_is_not_there_are_no_files(
    made: RRef, store: Store, place: int
):
    with pytest.raises(NotInStore):
        file_at(made, place, store)


@pytest.mark.parametrize(
    "path",
    [b"../manifest.json", b"/etc/passwd", b"folder/../../context.json", b".", b"", b"link",
     b"folder", b"folder//a.txt", b"folder/\0", b"fifo", b"way/passwd"],
    ids=ascii,
)  # fmt: skip
def test_YF1_a_hostile_manifest_leads_nowhere(made: RRef, store: Store, path: bytes):
    out = store.home(made) / "out"
    os.chmod(out, 0o755)
    os.mkfifo(out / "fifo")
    (out / "way").symlink_to("/etc")
    hostile(made, store, path)
    with pytest.raises(NotInStore):
        file_at(made, 0, store)


def test_YF1_a_file_that_was_replaced_by_a_link_is_not_followed(made: RRef, store: Store):
    folder = store.home(made) / "out" / "folder"
    os.chmod(folder, 0o755)
    os.unlink(folder / "a.txt")
    (folder / "a.txt").symlink_to("/etc/passwd")
    with pytest.raises(NotInStore):
        file_at(made, 0, store)


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", ""), (b"a\nb", "a\nb"), (b"\xff", None), (b"a\0b", None), ("ä" * 40_000, "ä" * 32_768),
     (b"a" + "ä".encode() * 40_000, "a" + "ä" * 32_767), (b"a" * 100 + b"\xff" + b"a" * 10, None)],
    ids=["empty", "text", "binary", "zero", "long", "cut", "within"],
)  # fmt: skip
def test_YF2_a_text_is_shown_to_64_kb(tmp_path: Path, data: bytes | str, text: str | None):
    file = tmp_path / "file"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    assert text_of(file) == text


def test_YF2_of_a_log_the_end_is_shown(tmp_path: Path):
    (tmp_path / "log").write_bytes(b"first\n" * MOST + b"last \xff")
    assert end_of(tmp_path / "log").endswith("first\nlast \ufffd")
    assert len(end_of(tmp_path / "log")) == MOST
    assert end_of(tmp_path / "none") == ""


PICTURES: dict[bytes, str | None] = {
    b"\x89PNG\r\n\x1a\n....": "image/png",
    b"\xff\xd8\xff\xe0....": "image/jpeg",
    b"GIF89a......": "image/gif",
    b"RIFF....WEBP": "image/webp",
    b"<svg onload='alert(1)'>": None,
    b"<!doctype html>": None,
    b"": None,
}


@pytest.mark.parametrize("head", PICTURES, ids=ascii)
def test_YM1_a_picture_is_told_by_its_first_bytes(tmp_path: Path, head: bytes):
    for name in ("a.png", "a.html"):
        (tmp_path / name).write_bytes(head)
        assert picture_kind(tmp_path / name) == PICTURES[head]


FUNCTIONS: list[Callable[..., object]] = [text_of, picture_kind]


@pytest.mark.parametrize("read", FUNCTIONS, ids=lambda f: f.__name__)
def test_little_of_a_large_file_is_read(tmp_path: Path, read: Callable[..., object]):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    assert read(tmp_path / "large") is None


def test_YF1_no_link_and_no_pipe_is_read(tmp_path: Path):
    (tmp_path / "secret").write_text("a secret")
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    assert [end_of(tmp_path / name) for name in ("secret", "link", "pipe")] == ["a secret", "", ""]
    for name in ("link", "pipe"):
        for read in (text_of, picture_kind):
            with pytest.raises(OSError, match=r"link|regular|pipe"):
                read(tmp_path / name)

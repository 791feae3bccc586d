"""What every saver promises, asked of each: its tests inherit from `Conformance`."""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import specimens

from pystore.app.savers import choose, load, save
from pystore.core.digest import digest
from pystore.errors import Corrupted

_INDEX = "value.json"


class Conformance(ABC):
    """The suite for one kind. A subclass names it, and says when two values are the same."""

    kind = ""
    names: tuple[str, ...] = ()

    @abstractmethod
    def same(self, value: Any, loaded: Any) -> None:
        """Asserts that the loaded value does what the value does."""

    def load(self, folder: Path) -> Any:
        """The value of a folder, which is named after the specimen."""
        return load(folder, fresh=specimens.fresh(self.kind).get(folder.name))

    def test_each_specimen_is_named_in_the_tests(self, saved: Path):
        assert sorted(one.name for one in (saved / "1").iterdir()) == sorted(self.names)

    def test_SV1_two_processes_save_the_same_bytes(self, saved: Path, specimen: str):
        assert tree(saved / "1" / specimen) == tree(saved / "2" / specimen)

    def test_SV1_what_is_loaded_is_saved_with_the_same_bytes(
        self, saved: Path, specimen: str, tmp_path: Path
    ):
        save(self.load(saved / "1" / specimen), tmp_path / "again")
        assert tree(tmp_path / "again") == tree(saved / "1" / specimen)

    def test_what_is_loaded_is_the_same_value(self, saved: Path, specimen: str):
        value = specimens.KINDS[self.kind]()[specimen]()
        loaded = self.load(saved / "1" / specimen)
        assert type(loaded).__name__ == type(value).__name__
        self.same(value, loaded)

    def test_SV2_nothing_is_unpickled(
        self, saved: Path, specimen: str, monkeypatch: pytest.MonkeyPatch
    ):
        for content in tree(saved / "1" / specimen).values():
            assert not any(content.startswith(bytes([0x80, n])) for n in range(2, 6))
        self.load(saved / "1" / specimen)  # what is imported late may use pickle for its own

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("something was unpickled")

        for name in ("load", "loads", "Unpickler", "_load", "_loads", "_Unpickler"):
            monkeypatch.setattr(pickle, name, refuse)
        self.load(saved / "1" / specimen)

    def test_SV3_what_is_cut_off_or_damaged_or_gone_is_an_error(
        self, saved: Path, specimen: str, tmp_path: Path
    ):
        whole = tree(saved / "1" / specimen)
        for name, content in whole.items():
            middle = len(content) // 2
            flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            for number, wrong in enumerate([content[:-1], content[:middle], b"", flipped, None]):
                folder = tmp_path / f"{name.replace('/', '-')}-{number}" / specimen
                write(folder, {**whole, name: wrong})
                with pytest.raises(Corrupted):
                    self.load(folder)

    def test_SV3_bytes_of_another_kind_are_an_error(
        self, saved: Path, specimen: str, tmp_path: Path
    ):
        whole = tree(saved / "1" / specimen)
        for name in [name for name in whole if not name.endswith(_INDEX)]:
            for number, wrong in enumerate([b"", b"\x93NUMPY", b"PK\x03\x04", b"{}", b"PAR1PAR1"]):
                folder = tmp_path / f"{name.replace('/', '-')}-{number}" / specimen
                write(folder, whole)
                plant(folder / Path(name).parent, {Path(name).name: wrong})
                if "/" in name:  # the index above has the digest of the one within
                    plant(folder, {}, parts=_digests(folder))
                with pytest.raises(Corrupted):
                    self.load(folder)


def tree(folder: Path) -> dict[str, bytes]:
    """The bytes of all files below a folder, by their paths."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def write(folder: Path, files: Mapping[str, bytes | None]) -> None:
    """Writes a tree, without the files that are None."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)


def plant(folder: Path, contents: Mapping[str, bytes], **other: Any) -> None:
    """Puts other files, or other parts of the index, into a saved value, with right digests."""
    index = choose._index(folder, None)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        index["files"][name] = digest("pystore saved file 1", content)
    (folder / _INDEX).write_bytes(choose._text(index | other))


def _digests(folder: Path) -> list[str]:
    inner = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda p: int(p.name))
    return [digest("pystore saved value 1", (path / _INDEX).read_bytes()) for path in inner]

"""init and doctor: making a store, and whether its place can be relied on."""

import errno
import json
import os
import re
from collections import namedtuple

import pytest

from pystore import Store
from pystore.store import doctor
from pystore.store.current import ProcessWide
from pystore.ui.cli import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.delenv("PYSTORE_ROOT", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for root in (tmp_path / ".pystore", tmp_path / "other"):
        if root.exists():
            Store(root).destroy()


def test_init_makes_a_store_that_is_found_from_here(here, capsys):
    assert main.run(["init"]) == 0
    assert capsys.readouterr().out == (
        f"made an empty store: {here}/.pystore\n"
        "  used by commands and programs in this folder and below\n"
    )
    (here / "below").mkdir()
    os.chdir(here / "below")
    assert main.run(["doctor"]) == 0
    assert capsys.readouterr().out.startswith(f"{here}/.pystore\n")
    os.chdir(here)
    assert main.run(["init"]) == 0
    assert capsys.readouterr().out.startswith("there is a store already: ")


@pytest.mark.parametrize("arguments", [["init", "other"], ["init", "--store", "other"]])
def test_init_says_how_a_store_elsewhere_is_found(arguments, here, capsys):
    (here / ".git").mkdir()
    assert main.run(arguments) == 0
    assert capsys.readouterr().out == (
        f"made an empty store: {here}/other\n"
        f"  name it: --store other, or export PYSTORE_ROOT={here}/other\n"
        "  it lies in a git checkout: add other/ to .gitignore\n"
    )


def test_init_refuses_a_folder_that_holds_other_things(here, capsys):
    (here / "full").mkdir()
    (here / "full" / "thesis.tex").write_text("")
    assert main.run(["init", "full"]) == 2
    assert "pystore: the directory is not empty, and no store\n" in capsys.readouterr().err


def test_a_sound_place_is_fine_in_everything(here, capsys):
    main.run(["init"])
    capsys.readouterr()
    assert main.run(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"  fine    store +format 1; 0 derivations, 0 realizations, .*", lines[1])
    assert [line.split()[1] for line in lines[5:14]] == [
        "creation", "rename", "hard", "symlinks", "fsync", "locks", "modes", "file", "clock",
    ]  # fmt: skip
    assert all(line.startswith("  fine ") for line in lines[5:14])
    assert "packages" in lines[-1]
    assert list((here / ".pystore" / "tmp").iterdir()) == []


def test_doctor_without_a_store_says_how_to_make_one(here, capsys):
    assert main.run(["doctor"]) == 2
    assert "make one: pystore init" in capsys.readouterr().err


def test_a_broken_file_system_ends_with_3_and_says_what_is_broken(here, capsys, monkeypatch):
    main.run(["init"])
    capsys.readouterr()

    def no_links(*arguments):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert main.run(["doctor", "--json"]) == 3
    findings = json.loads(capsys.readouterr().out)[0]["findings"]
    assert [one for one in findings if one["state"] == "broken"] == [
        {
            "name": "hard links",
            "state": "broken",
            "what": "Operation not permitted [EPERM]",
            "remedy": "put the store on another file system",
        }
    ]


def test_a_place_without_locks_is_no_damage(here, capsys, monkeypatch):
    main.run(["init"])
    capsys.readouterr()
    monkeypatch.setattr(doctor.fcntl, "flock", lambda *arguments: None)
    assert main.run(["doctor"]) == 0
    assert re.search(r"^  note    locks +flock locks nothing$", capsys.readouterr().out, re.M)


def test_a_full_disk_and_a_wrong_clock_are_noted(here, capsys, monkeypatch):
    main.run(["init"])
    capsys.readouterr()
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(5_000_000))
    monkeypatch.setattr(doctor.time, "time", lambda: 0.0)
    assert main.run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  note    space +5.0 MB free$", out, re.M)
    assert re.search(r"^  note    clock +the disk's is \d+ s ahead of ours$", out, re.M)


def test_a_store_that_is_damaged_in_its_heart_ends_with_3(here, capsys):
    main.run(["init"])
    mark = here / ".pystore" / "pystore.json"
    text = mark.read_bytes()
    mark.chmod(0o644)
    mark.write_text("{")
    assert main.run(["doctor"]) == 3
    assert "  broken  store" in capsys.readouterr().out
    mark.write_bytes(text)


def test_the_mount_of_a_path_is_the_innermost(tmp_path):
    kind, place = doctor.mounted(tmp_path)
    assert kind
    assert tmp_path.is_relative_to(place)


def test_a_store_that_cannot_be_read_is_broken(here, capsys, monkeypatch):
    main.run(["init"])
    capsys.readouterr()

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        for how in ("listdir", "scandir"):
            patched.setattr(os, how, refuse)
        assert main.run(["doctor"]) == 3
    out = capsys.readouterr().out
    assert f"  broken  store     Permission denied: {here}/.pystore/drv\n" in out

"""The store that is found where nobody names one: beside the program, and only one's own."""

import os
import subprocess
import sys

import pytest
from command import pystore_command
from project import importing

from pystore import Store
from pystore.errors import BadPlace
from pystore.ui import nearby, settings, settings_file

PROGRAM = """
from pystore import output, stage

@stage
def train(accuracy=output("accuracy.txt")):
    accuracy.write_text("0.9")

if __name__ == "__main__":
    print(train().run().path)
"""


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A folder in which nothing names a store, and which lies below no store."""
    monkeypatch.delenv("PYSTORE_ROOT", raising=False)
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(nowhere):
    """A project with a store and a program; we work elsewhere."""
    (nowhere / "project").mkdir()
    (nowhere / "elsewhere").mkdir()
    file = nowhere / "project" / "train.py"
    file.write_text(PROGRAM)
    Store(nowhere / "project" / ".pystore", durable=False)
    return file


def script(file, folder):
    return subprocess.run(
        [sys.executable, str(file)],
        cwd=folder, env={**importing(), "PYSTORE_SETTINGS": os.devnull}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip


def test_NB1_the_store_of_the_file_is_used_wherever_one_works(project, nowhere):
    inside, outside = project.parent, nowhere / "elsewhere"
    assert pystore_command("run", project.name, cwd=inside).returncode == 0
    done = pystore_command("run", "../project/train.py", "--dry-run", cwd=outside)
    assert "1 up to date" in done.stdout
    place = inside / ".pystore"
    assert done.stderr == f"pystore: the store of ../project/train.py is used: {place}\n"
    assert pystore_command("run", project.name, cwd=inside).stderr.startswith("pystore") is False
    assert pystore_command("explain", "../project/train.py", cwd=outside).stdout.endswith(
        "up to date\n"
    )
    assert script(project, outside).stdout.startswith(str(place))


def test_NB1_where_the_two_differ_both_are_named(project, nowhere):
    outside = nowhere / "elsewhere"
    Store(outside / ".pystore", durable=False)
    done = pystore_command("run", "../project/train.py", cwd=outside)
    own, other = project.parent / ".pystore", outside / ".pystore"
    assert f"the store of ../project/train.py is used: {own}, and not {other}\n" in done.stderr
    warned = script(project, outside).stderr
    assert f"is used, {own}, and not that of the working directory, {other}" in warned
    named = pystore_command("run", "../project/train.py", "--store", other, "-q", cwd=outside)
    assert not named.stderr and str(other) in named.stdout


def test_NB1_without_a_store_beside_the_file_that_of_the_working_directory_is_used(
    project, nowhere
):
    Store(project.parent / ".pystore").destroy()
    place = nowhere / "elsewhere" / ".pystore"
    Store(place, durable=False)
    done = pystore_command("run", "../project/train.py", "-q", cwd=place.parent)
    assert str(place) in done.stdout and not done.stderr


@pytest.fixture
def strange(nowhere, monkeypatch):
    """A store above the working directory, as another user sees it."""
    root = nowhere / ".pystore"
    Store(root, durable=False)
    (nowhere / "work").mkdir()
    monkeypatch.chdir(nowhere / "work")
    monkeypatch.setattr(os, "geteuid", lambda: root.stat().st_uid + 1)
    return root


def test_NB2_a_store_of_another_user_is_not_used(strange):
    with pytest.raises(BadPlace, match="belongs to another user") as caught:
        settings.default_root()
    assert (caught.value.path, caught.value.owner) == (strange, strange.stat().st_uid)
    assert f"PYSTORE_ROOT={strange}" in caught.value.remedy


def test_NB2_a_link_of_another_user_to_ones_own_store_is_not_followed(nowhere, monkeypatch):
    Store(nowhere / "mine", durable=False)
    (nowhere / ".pystore").symlink_to(nowhere / "mine")
    mine = (nowhere / "mine").stat().st_uid
    found = os.lstat

    def planted(path, **options):
        status = list(found(path, **options))
        status[4] = mine + 1
        return os.stat_result(status)

    monkeypatch.setattr(os, "lstat", planted)
    with pytest.raises(BadPlace, match="belongs to another user"):
        nearby.found((), ())


def test_NB2_who_names_it_or_trusts_it_uses_it(strange, monkeypatch, tmp_path):
    monkeypatch.setenv("PYSTORE_ROOT", str(strange))
    assert settings.default_root() == strange
    monkeypatch.delenv("PYSTORE_ROOT")
    file = tmp_path / "settings.toml"
    for trusted in (str(strange), str(strange.parent), ".", "*"):
        file.write_text(f'trusted_stores = ["{trusted}"]\n')
        monkeypatch.setenv("PYSTORE_SETTINGS", str(file))
        settings_file.read.cache_clear()
        assert settings.default_root() == strange
    file.write_text('trusted_stores = ["/other"]\n')
    settings_file.read.cache_clear()
    with pytest.raises(BadPlace):
        settings.default_root()
    settings_file.read.cache_clear()


def test_NB2_who_became_root_uses_the_store_of_who_one_was(strange, monkeypatch):
    monkeypatch.setenv("SUDO_UID", str(strange.stat().st_uid))
    with pytest.raises(BadPlace):
        settings.default_root()  # only root may say so
    assert nearby.found((), {strange.stat().st_uid}) == strange


def test_NB2_near_the_program_of_another_user_ones_own_store_is_used(strange, monkeypatch):
    own = strange.parent / "work" / ".pystore"
    Store(own, durable=False)
    monkeypatch.setattr(nearby.Program, "file", strange.parent / "theirs.py")
    monkeypatch.setattr(
        nearby, "strange_owner", lambda root, also: None if root == own else root.stat().st_uid
    )
    assert nearby.found((), ()) == own


# --- homes -----------------------------------------------------------------------------


def test_without_a_home_there_is_an_error_and_no_folder_of_that_name(nowhere, monkeypatch):
    monkeypatch.setenv("HOME", "~")  # as good as none
    for make in (settings.default_root, lambda: Store("~/store"), lambda: Store("~nobody-here/x")):
        with pytest.raises(BadPlace, match="no home folder can be found"):
            make()
    monkeypatch.delenv("PYSTORE_SETTINGS")
    monkeypatch.setenv("PYSTORE_ROOT", str(nowhere / "store"))
    assert settings.default_below(settings.default_root()) is None
    assert not list(nowhere.glob("~*"))


def test_a_command_without_a_home_says_so(nowhere):
    done = pystore_command("ls", cwd=nowhere, HOME="~")
    assert done.returncode == 2
    assert done.stderr.startswith("pystore: no home folder can be found\n")
    assert "Traceback" not in done.stderr

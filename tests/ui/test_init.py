"""pystore init: where an empty store is made, and how it is found."""

import re
import subprocess
import sys

import pytest
from command import environment

from pystore import Store, attempts, family
from pystore.ui.cli.main import run


@pytest.fixture
def init(tmp_path, monkeypatch, capsys):
    """Runs `pystore init` in a folder; what it printed, the folder left out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYSTORE_ROOT", raising=False)

    def init(*arguments):
        code = run(["init", *arguments])
        printed = capsys.readouterr()
        return code, (printed.out + printed.err).replace(str(tmp_path), "HERE")

    return init


def test_a_store_in_the_folder_is_found_by_itself(init):
    told = "  used by commands and programs in this folder and below\n"
    assert init() == (0, f"made an empty store: HERE/.pystore\n{told}")
    assert init() == (0, f"there is a store already: HERE/.pystore\n{told}")


def test_where_the_environment_names_another_store_it_says_so(init, tmp_path, monkeypatch):
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "other"))
    assert init() == (
        0,
        "made an empty store: HERE/.pystore\n"
        "  not used by itself: PYSTORE_ROOT names another, HERE/other\n"
        "  name it: --store .pystore, or export PYSTORE_ROOT=HERE/.pystore\n",
    )
    told = "  used by commands and programs: PYSTORE_ROOT names it\n"
    assert init("other") == (0, f"made an empty store: HERE/other\n{told}")


def test_in_a_folder_of_other_files_it_names_one_for_the_store(init, tmp_path):
    (tmp_path / "train.py").write_text("")
    code, told = init(".")
    assert code == 2 and told.endswith("  try: pystore init .pystore\n")


def test_two_places_are_one_too_many(init, tmp_path):
    code, told = init("here", "--store", "there")
    assert code == 2 and told.startswith("pystore: give one place for the store: PATH or --store\n")
    assert not list(tmp_path.iterdir())


def test_a_template_is_a_program_that_trains(init, tmp_path):
    code, told = init("--template", "serve")
    assert (code, told.splitlines()[-2:]) == (0, ["wrote app.py", "wrote README.md"])
    assert len((tmp_path / "README.md").read_text().splitlines()) == 6
    runs = [
        subprocess.run(
            [sys.executable, "app.py"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    found = re.fullmatch(r"<run rref:.*-reader train (.*), test (.*)>\n", runs[0])
    assert found is not None and float(found[2]) > 0.9
    with Store(tmp_path / ".pystore").use():
        [dref] = family("reader")
        assert [attempt.outcome for attempt in attempts(dref)] == ["succeeded"]


@pytest.mark.parametrize("name", ["app.py", "README.md"])
def test_a_template_overwrites_nothing(init, tmp_path, name):
    (tmp_path / name).write_text("mine")
    code, told = init("--template", "serve")
    assert code == 2 and f"{name} would be overwritten" in told
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"

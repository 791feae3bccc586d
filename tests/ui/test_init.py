"""pystore init: where an empty store is made, and how it is found."""

import pytest

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

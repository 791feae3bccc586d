"""Settings: variables, the file of the user, and which comes first."""

from pathlib import Path

import pytest

from pystore.errors import BadSettings
from pystore.ui import settings, settings_file
from pystore.ui.cli import main

FILE = """
store = "results"
below = "/lab/store"
mirrors = ["https://one.example"]
substituters = ["s3://lab/pystore", "/mnt/lab"]
trusted_keys = ["3b6a27bc"]
diffs = false
code = false
usage = false
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A settings file, and no variables."""
    for name in (
        "ROOT",
        "BELOW",
        "MIRRORS",
        "SUBSTITUTERS",
        "TRUSTED_KEYS",
        "DIFFS",
        "CODE",
        "USAGE",
        "SETTINGS",
    ):
        monkeypatch.delenv(f"PYSTORE_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pystore" / "settings.toml"
    path.parent.mkdir()
    path.write_text(FILE)
    settings_file.read.cache_clear()
    yield path
    settings_file.read.cache_clear()


def test_the_file_says_what_no_variable_says(file):
    assert settings.default_root() == file.parent / "results"
    assert settings.default_below("elsewhere") == Path("/lab/store")
    assert settings.mirrors() == ("https://one.example",)
    assert settings.substituters() == ("s3://lab/pystore", "/mnt/lab")
    assert settings.trusted_keys() == ("3b6a27bc",)
    assert not settings.diffs()
    assert not settings.keeps_code()
    assert not settings.measures_usage()


def test_a_variable_comes_before_the_file_and_a_store_nearby_too(file, tmp_path, monkeypatch):
    monkeypatch.setenv("PYSTORE_SUBSTITUTERS", "")
    monkeypatch.setenv("PYSTORE_MIRRORS", "https://two.example,https://three.example")
    monkeypatch.setenv("PYSTORE_BELOW", "/other")
    assert settings.substituters() == ()
    assert settings.mirrors() == ("https://two.example", "https://three.example")
    assert settings.default_below("elsewhere") == Path("/other")
    monkeypatch.setenv("PYSTORE_BELOW", "")
    assert settings.default_below("elsewhere") is None
    monkeypatch.setenv("PYSTORE_ROOT", "/named")
    assert settings.default_root() == Path("/named")
    monkeypatch.delenv("PYSTORE_ROOT")
    assert main.run(["init"]) == 0
    assert settings.default_root() == tmp_path / ".pystore"


@pytest.mark.parametrize(("word", "wanted"), [("yes", True), ("0", False), ("NO", False)])
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("PYSTORE_DIFFS", settings.diffs),
        ("PYSTORE_CODE", settings.keeps_code),
        ("PYSTORE_USAGE", settings.measures_usage),
    ],
)
def test_a_variable_says_yes_or_no(file, monkeypatch, name, asked, word, wanted):
    monkeypatch.setenv(name, word)
    assert asked() is wanted
    monkeypatch.setenv(name, "perhaps")
    with pytest.raises(BadSettings, match=f"{name} says neither yes nor no"):
        asked()


def test_without_a_file_nothing_is_set(file, monkeypatch):
    file.unlink()
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert settings.default_root() == Path("/data/pystore")
    assert (settings.substituters(), settings.trusted_keys()) == ((), None)


@pytest.mark.parametrize("empty", ["", "  "])
def test_a_variable_of_keys_that_is_empty_trusts_nobody(file, monkeypatch, empty):
    monkeypatch.setenv("PYSTORE_TRUSTED_KEYS", empty)
    assert settings.trusted_keys() == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("store = ", "the settings are no TOML"),
        ("substituter = []", "there is no such setting"),
        ('substituters = "s3://lab"', "the setting substituters is a list of texts"),
        ("store = 1", "the setting store is a path"),
        ("trusted_keys = [1]", "the setting trusted_keys is a list of texts"),
        ("diffs = 'no'", "the setting diffs is true or false"),
    ],
)
def test_a_mistake_in_the_file_is_told(file, text, what, capsys):
    file.write_text(text)
    with pytest.raises(BadSettings, match=what) as caught:
        settings.default_root()
    assert caught.value.path == file
    assert main.run(["ls"]) == 2
    assert what in capsys.readouterr().err

"""What an attempt records of the project in the working directory."""

import subprocess

import pytest

from pystore.core.attempt import AttemptReport
from pystore.run import provenance

GIT = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout, which git has not looked at yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.py").write_text("x = 1\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*GIT, *words], check=True)
    provenance._seen.clear()
    provenance._call.clear()
    yield tmp_path
    provenance._seen.clear()


def diff():
    told = AttemptReport()
    provenance.describe_project(told)
    assert told.versions["git"]
    return told.diff


def test_git_rests_where_it_takes_long_and_looks_again_in_the_next_call(project, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(provenance.time, "monotonic", lambda: now[0])
    git = provenance._git

    def slow(*words):
        now[0] += 0.05
        return git(*words)

    monkeypatch.setattr(provenance, "_git", slow)
    assert diff() == b""
    (project / "code.py").write_text("x = 2\n")
    now[0] += 4.5  # a look has taken 0.1 s
    assert diff() == b""
    now[0] += 1.0
    assert b"x = 2" in diff()
    (project / "code.py").write_text("x = 3\n")
    now[0] += 1.5
    assert b"x = 2" in diff()
    provenance.begin_call("next")
    assert b"x = 3" in diff()
    (project / "code.py").write_text("x = 4\n")
    now[0] += 1.5
    provenance.begin_call("next")  # a later job of the same call
    assert b"x = 3" in diff()


def test_git_does_not_look_twice_in_a_second_however_many_calls_there_are(project, monkeypatch):
    monkeypatch.setattr(provenance.time, "monotonic", lambda: 7.0)
    assert diff() == b""
    (project / "code.py").write_text("x = 2\n")
    provenance.begin_call("next")
    assert diff() == b""


def test_of_a_folder_without_a_project_nothing_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = AttemptReport()
    provenance.describe_project(told)
    assert "git" not in told.versions
    assert told.diff == b""

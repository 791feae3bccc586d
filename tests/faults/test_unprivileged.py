"""The tests of the store and of its users again, as a user for whom modes are a barrier."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from another import PACKAGES, interpreter, needs_root, open_copy, run_as
from figures import figure


@pytest.fixture
def place(area: Path) -> Path:
    """A copy of the project and a home, both open to nobody."""
    folder = area / "unprivileged"
    folder.mkdir()
    open_copy(folder)
    (folder / "home").mkdir()
    os.chown(folder / "home", 65534, 65534)
    return folder


def _chosen(tests: Path) -> Iterator[str]:
    """The tests of what fills a store or reads it, and those of commands that name rights.

    Names, models, workers and pages have the rights of who asks for them: their tests are left out.
    """
    for folder in ("store", "run", "ask", "stages"):
        yield str(tests / folder)
    yield from ("--ignore", str(tests / "run" / "workers"))
    for file in sorted((tests / "ui").glob("test_*.py")):
        if re.search("chmod|geteuid|NoAccess|[Pp]ermission", file.read_text()):
            yield str(file)


@pytest.mark.timeout(1500)  # these are many tests; one that hangs ends that one
@needs_root
@pytest.mark.alone
def test_what_depends_on_rights_passes_for_an_unprivileged_user(place):
    done = run_as(
        65534, 65534,
        interpreter(), "-m", "pytest", "-p", "no:cacheprovider",
        "--rootdir", str(place / "project"), "-c", str(place / "project" / "setup.cfg"),
        *_chosen(place / "project" / "tests"),
        "--numprocesses", "logical", "--maxprocesses", "8", "--dist", "worksteal",
        "-o", "timeout=120", "--basetemp", str(place / "home" / "tmp"),
        PYTHONPATH=f"{place / 'project'}:{PACKAGES}", HOME=str(place / "home"),
        PYTHONDONTWRITEBYTECODE="1", cwd=place / "home",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed = re.findall(r"(\d+) passed", done.stdout)[-1]
    figure("what depends on rights, as an unprivileged user", "passes", f"{passed} passed")

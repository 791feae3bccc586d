"""The unit suite again, as a user for whom modes are a barrier."""

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


def _without(tests: Path) -> Iterator[str]:
    """Leaves out what depends on no rights: names of stages, models, and pages in a browser."""
    for folder in ("declare/identity/test_fuzzed_edits.py", "app", "ui/web"):
        yield from ("--ignore", str(tests / folder))


@pytest.mark.timeout(1500)  # it is a whole suite; a test that hangs ends that one
@needs_root
def test_the_unit_suite_passes_for_an_unprivileged_user(place):
    done = run_as(
        65534, 65534,
        interpreter(), "-m", "pytest", "-p", "no:cacheprovider",
        "--rootdir", str(place / "project"), "-c", str(place / "project" / "setup.cfg"),
        str(place / "project" / "tests"),
        *_without(place / "project" / "tests"),
        "-v", "-o", "timeout=120", "--basetemp", str(place / "home" / "tmp"),
        PYTHONPATH=f"{place / 'project'}:{PACKAGES}", HOME=str(place / "home"),
        PYTHONDONTWRITEBYTECODE="1", cwd=place / "home",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed = re.findall(r"(\d+) passed", done.stdout)[-1]
    figure("the unit suite as an unprivileged user", "passes", f"{passed} passed")

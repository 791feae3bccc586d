"""The unit suite again, as a user for whom modes are a barrier."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from figures import figure

PROJECT = Path(__file__).parents[2]
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "*.egg-info")


def as_nobody(
    *command: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command as nobody; by a shell, since setpriv itself still finds what root may."""
    shell = [*NOBODY, "sh", "-c", 'exec "$@"', "sh", *command]
    clean = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    return subprocess.run(
        shell, env={**clean, **environment}, cwd=cwd, capture_output=True, text=True
    )


@pytest.fixture
def place(area: Path) -> Path:
    """A copy of the project and a home, both open to nobody."""
    folder = area / "unprivileged"
    shutil.copytree(PROJECT, folder / "project", symlinks=True, ignore=LEFT_OUT)
    for path in (folder / "project").rglob("*"):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    (folder / "home").mkdir()
    os.chown(folder / "home", 65534, 65534)
    return folder


def interpreter(packages: str) -> str:
    """A Python that nobody may run, with what the tests need. Skips where there is none."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        if not as_nobody(python, "-c", "import pytest, blake3", PYTHONPATH=packages).returncode:
            return python
    pytest.skip("nobody may run no Python that has the packages of the tests")


@pytest.mark.timeout(1500)  # it is a whole suite; a test that hangs ends that one
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not there")
def test_the_unit_suite_passes_for_an_unprivileged_user(place):
    packages = sysconfig.get_path("purelib")
    python = interpreter(packages)
    done = as_nobody(
        python, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(place / "project"),
        "-c", str(place / "project" / "setup.cfg"), str(place / "project" / "tests"),
        "-v", "-o", "timeout=120", "--basetemp", str(place / "home" / "tmp"),
        PYTHONPATH=f"{place / 'project'}:{packages}", HOME=str(place / "home"),
        PYTHONDONTWRITEBYTECODE="1", cwd=place / "home",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed = re.findall(r"(\d+) passed", done.stdout)[-1]
    figure("the unit suite as an unprivileged user", "passes", f"{passed} passed")

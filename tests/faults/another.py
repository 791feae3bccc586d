"""Other users: a Python that they may run, and programs that run as they."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info")  # bytecode comes along
PACKAGES = sysconfig.get_path("purelib")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can become another user"
)


def run_as(
    uid: int,
    gid: int,
    *command: str,
    umask: str = "022",
    cwd: Path | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Runs a command as a user; by a shell, since setpriv itself still finds what root may."""
    become = ["setpriv", "--reuid", str(uid), "--regid", str(gid), "--clear-groups"]
    shell = [*become, "sh", "-c", f'umask {umask}; exec "$@"', "sh", *command]
    clean = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    return subprocess.run(
        shell, env={**clean, **environment}, cwd=cwd, capture_output=True, text=True
    )


def interpreter() -> str:
    """A Python that everybody may run, with what the tests need. Skips where there is none."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        tried = run_as(65534, 65534, python, "-c", "import pytest, blake3", PYTHONPATH=PACKAGES)
        if not tried.returncode:
            return python
    pytest.skip("other users may run no Python that has the packages of the tests")


def open_copy(folder: Path) -> Path:
    """A copy of the project in a folder, open to everybody."""
    copied = folder / "project"
    shutil.copytree(PROJECT, copied, symlinks=True, ignore=LEFT_OUT)
    for path in copied.rglob("*"):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    return copied

"""The specimens of a class of the conformance suite, saved by processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest
from project import importing

HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc):
    """A test that takes a `specimen` runs for each one of its class."""
    if "specimen" in metafunc.fixturenames:
        metafunc.parametrize("specimen", metafunc.cls.names)


@pytest.fixture(scope="class")
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders, `1` and `2`, saved by two processes under two hash seeds."""
    kind = request.cls.kind
    folder = tmp_path_factory.mktemp(kind)
    for process in [_saving(kind, folder / seed, seed) for seed in ("1", "2")]:
        _, said = process.communicate()
        assert process.returncode == 0, said
    return folder


def _saving(kind: str, folder: Path, seed: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", HERE / "specimens.py", kind, folder],
        env={**importing(), "PYTHONHASHSEED": seed},
        stderr=subprocess.PIPE,
        text=True,
    )

"""The demos of sweeps and of training until an answer is known."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMOS = Path(__file__).parents[1] / "demos"


def demo(name: str, *options: str, **environment: str) -> str:
    pytest.importorskip("sklearn")
    done = subprocess.run(
        [sys.executable, str(DEMOS / name), *options],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_sweep_trains_once_resumes_and_comes_back(tmp_path):
    shown = demo("sweep.py", "--plot", str(tmp_path / "sweep.png"))
    first, again, missing, back = map(int, re.findall(r"^(\d+) trainings in", shown, re.M))
    assert (first, again, back) == (30, 0, 0)
    assert 0 < missing < 30
    assert re.search(r"new because .*scaled", shown)
    assert (tmp_path / "sweep.png").stat().st_size > 1000
    tables = re.findall(r"^learning_rate  width .*\n(?:.*rref:.*\n)+", shown, re.M)
    assert len(tables) == 4
    assert tables[0] == tables[1] == tables[3] != tables[2]


def test_the_experiment_alone_goes_into_the_current_store(tmp_path):
    root = str(tmp_path / "store")
    assert demo("sweep.py", "--once", PYSTORE_ROOT=root).startswith("30 trainings")
    assert demo("sweep.py", "--once", PYSTORE_ROOT=root).startswith("0 trainings")


def test_it_trains_until_the_mean_is_known():
    shown = demo("until.py", "--halfwidth", "0.01")
    trained = len(re.findall(r"^training \d+: ", shown, re.M))
    assert 3 < trained < 40
    assert re.search(rf"^{trained} ", shown, re.M)

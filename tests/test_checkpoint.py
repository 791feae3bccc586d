"""The demo that is killed and goes on, with a real network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parent.parent / "demos" / "checkpoint.py"

pytestmark = pytest.mark.skipif(
    os.environ.get("PYSTORE_TEST_TENSORFLOW") != "1", reason="make test-tensorflow"
)


def test_a_killed_training_finishes_from_its_checkpoint():
    command = [sys.executable, str(DEMO), "--examples", "200"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "epoch 7 begins: kill -9" in done.stdout
    assert "Attempt 0 died" in done.stdout
    assert "trained 4 epochs, from its checkpoint on" in done.stdout

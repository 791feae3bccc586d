"""Hostile servers and archives: the tests of the stages, counted for the table."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from figures import figure

STAGES = Path(__file__).parent.parent / "stages"


@pytest.mark.parametrize(
    ("file", "chosen", "what", "wanted"),
    [
        ("test_fetch_hostile.py", "", "misbehaving servers", 16),
        ("test_unpack_hostile.py", "tar", "hostile tars", 16),
        ("test_unpack_hostile.py", "zip", "hostile zips", 6),
    ],
)
def test_S8_nothing_escapes_and_each_has_its_error(file, chosen, what, wanted):
    command = [sys.executable, "-m", "pytest", str(STAGES / file), "-k", chosen]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"(\d+) passed", done.stdout)
    assert done.returncode == 0, done.stdout[-3000:]
    assert found is not None
    assert int(found[1]) >= wanted
    figure(f"{what}: right error, nothing escapes", f"≥ {wanted}", f"{found[1]} tests pass")

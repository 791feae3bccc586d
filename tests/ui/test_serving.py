"""pystore serve: from the command to an answer, and what is told of mistakes."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import PROGRAM, environment, pystore_command

from pystore import Store

SMALL = Path(__file__).parent / "web"
FILE = f"""
import sys
sys.path.insert(0, {str(SMALL)!r})
from small_model import SmallModel, train

model = SmallModel()
if __name__ == "__main__":
    print(train(float(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]))
"""

REAL = """
from sklearn.dummy import DummyClassifier
from pystore.app import Dataset, Model

dataset = Dataset("rows")
model = Model("real", DummyClassifier, dataset=dataset)


@dataset.reader
def reader():
    return [[float(i), 0.0, 0.0] for i in range(20)], [1] * 20


@model.trainer
def trainer(estimator, features, target):
    return estimator.fit(features, target)


@model.evaluator
def evaluator(estimator, features, target):
    return float(estimator.score(features, target))


@model.predictor
def predictor(estimator, features):
    return [int(one) for one in estimator.predict(features)]


if __name__ == "__main__":
    print(model.train(progress=False).rref)
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a file and a store."""
    (tmp_path / "app.py").write_text(FILE)
    Store(tmp_path / ".pystore", durable=False)
    return tmp_path


def train(here: Path, *arguments: str) -> str:
    """The rref of a training by the file itself."""
    done = subprocess.run(
        [PROGRAM[0], "app.py", *arguments],
        cwd=here,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


class Command:
    """A running `pystore serve`."""

    def __init__(self, here: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "serve", *arguments, "--port", "0"],
            cwd=here,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        self.url = self.line.split()[1]

    def ask(self, rref: str) -> dict[str, object]:
        """The answer of this realization."""
        body = json.dumps({"features": [[1, 0, 0]]}).encode()
        told: dict[str, object] = {}
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            try:
                with urllib.request.urlopen(f"{self.url}/predict", body, timeout=60) as reply:
                    told = json.load(reply)
            except urllib.error.HTTPError as error:
                assert error.code == 503
            if told.get("rref") == rref:
                return told
            time.sleep(0.05)
        raise AssertionError(told)


@pytest.fixture
def commands(here: Path) -> Iterator[list[Command]]:
    """Commands that end with the test."""
    running: list[Command] = []
    yield running
    for command in running:
        command.process.kill()
        command.process.wait()


def test_it_answers_with_the_best_and_follows(here: Path, commands: list[Command]):
    first = train(here, "1", "0.5")
    commands.append(command := Command(here, "app.py", "--follow", "best:test", "--every", "0.1"))
    assert command.line.startswith("small: http://127.0.0.1:")
    assert "match_best(file='test'" in command.line
    assert command.ask(first)["predictions"] == [1.0]
    second = train(here, "2", "0.7")
    assert command.ask(second)["predictions"] == [2.0]
    command.process.send_signal(signal.SIGTERM)
    assert command.process.wait(60) == 0


def test_it_serves_what_a_pin_names(here: Path, commands: list[Command]):
    first = train(here, "1", "0.5")
    train(here, "2", "0.7")
    assert pystore_command("pin", "serving", first, cwd=here).returncode == 0
    commands.append(command := Command(here, "app.py:model", "--pin", "serving"))
    assert "pin serving" in command.line
    assert command.ask(first)["predictions"] == [1.0]


def test_it_serves_what_comes_from_a_remote(tmp_path: Path, commands: list[Command]):
    for name in ("trains", "serves"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(REAL)
        Store(tmp_path / name / ".pystore", durable=False)
    trains, serves, lab = (tmp_path / name for name in ("trains", "serves", "lab"))
    rref = train(trains)
    assert pystore_command("push", rref, str(lab), cwd=trains).returncode == 0
    options = ("app.py", "--follow", "best:test", "--from", str(lab))
    done = pystore_command("serve", *options, "--check", cwd=serves)
    assert (done.returncode, rref in done.stdout) == (0, True)
    commands.append(command := Command(serves, *options, "--from-every", "0.2"))
    assert str(lab) in command.line
    assert command.ask(rref)["predictions"] == [1]


def test_check_says_why_nothing_came(here: Path):
    first = train(here, "1", "0.5")
    done = pystore_command("serve", "app.py", "--from", "nowhere", "--check", cwd=here)
    assert (done.returncode, first in done.stdout) == (0, True)
    assert "nothing came from nowhere" in done.stderr


def test_check_says_what_would_be_served(here: Path):
    first = train(here, "1", "0.5")
    done = pystore_command("serve", "app.py", "--follow", "latest", "--check", cwd=here)
    assert (done.returncode, first in done.stdout) == (0, True)
    assert "trained with scikit-learn 1.5.1, here 1.6.0" in done.stdout


def test_check_fails_where_it_would_be_refused(here: Path):
    train(here, "1", "0.5", "other")
    done = pystore_command("serve", "app.py", "--check", cwd=here)
    assert done.returncode == 1
    assert "it predicts otherwise" in done.stderr


TELLING = """
import gc

class Telling(SmallModel):
    def load(self, rref):
        ring = [self]
        ring.append(ring)
        made_later, kept = gc.get_objects(), gc.get_freeze_count()
        print("later:", gc.isenabled(), kept > 10_000, any(one is ring for one in made_later))
        print("of the program:", any(one is self.__dict__ for one in made_later))
        return super().load(rref)

print("while it is loaded:", gc.isenabled())
model = Telling()
"""


def test_CS2_what_a_program_has_loaded_is_passed_over_when_garbage_is_sought(here: Path):
    train(here, "1", "0.5")
    (here / "telling.py").write_text(FILE + TELLING)
    done = pystore_command("serve", "telling.py", "--check", cwd=here)
    assert done.stdout.splitlines()[:3] == [
        "while it is loaded: False",
        "later: True True True",
        "of the program: False",
    ]


@pytest.mark.parametrize("mistake", ["a host", "both", "a token", "a place", "a key"])
def test_CS3_check_refuses_what_the_service_would_refuse(here: Path, mistake: str):
    train(here, "1", "0.5")
    arguments, told = MISTAKES[mistake]
    done = pystore_command("serve", *arguments, "--check", cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_CS3_check_asks_a_question_as_a_client_does(here: Path):
    nan = REAL.replace("int(one)", "float('nan')")
    (here / "app.py").write_text(nan)
    train(here)
    done = pystore_command("serve", "app.py", "--check", cwd=here)
    assert done.returncode == 1
    assert "it cannot answer its own example" in done.stderr
    assert "try: train it again" in done.stderr


MISTAKES = {
    "no file": (["no.py"], "no such file"),
    "no model": (["empty.py"], "no model in empty.py"),
    "another name": (["app.py:modle"], "model"),
    "two models": (["two.py"], "several models"),
    "a way": (["app.py", "--follow", "best"], "none of latest"),
    "both": (["app.py", "--follow", "latest", "--pin", "x"], "a matcher and a pin"),
    "a host": (["app.py", "--host", "0.0.0.0"], "without a token"),
    "a token": (["app.py", "--token", "@nowhere"], "the token cannot be read"),
    "nothing": (["app.py", "--check"], "nothing to serve"),
    "a key": (["app.py", "--from", "lab", "--trust", "x"], "key"),
    "a place": (["app.py", "--from", "no://where"], "no://where"),
    "trains": (["trains.py"], "trains.py:7 in <module>"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_CS1_a_mistake_is_told_with_what_to_do(here: Path, mistake: str):
    (here / "empty.py").write_text("")
    (here / "two.py").write_text(FILE + "\nother = SmallModel()\n")
    (here / "trains.py").write_text(FILE.replace("if __name__", "train()\nif __name__"))
    arguments, told = MISTAKES[mistake]
    done = pystore_command("serve", *arguments, cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "try: " in done.stderr
    assert "Traceback" not in done.stderr

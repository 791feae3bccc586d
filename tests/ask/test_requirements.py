"""Requirements: the packages that an attempt recorded, as lines for pip."""

import pytest

from pystore import Derivation, Store, match_latest, realize
from pystore.ask.inspection.requirements import requirements_of
from pystore.core.attempt import Attempt


@pytest.fixture
def attempt(store: Store) -> Attempt:
    rref = realize(Derivation({"name": "x"}, match_latest(), lambda build: None))
    (found,) = store.attempts(rref.dref)
    return found


def lines_of(attempt: Attempt, **versions: str) -> list[str]:
    lines = requirements_of(attempt._replace(versions=versions))
    assert lines[0].startswith(f"# attempt 0 of {attempt.rref}")
    return lines[1:]


def test_packages_have_the_names_that_pip_knows(attempt: Attempt):
    told = lines_of(attempt, sklearn="1.5.2", numpy="1.26.4", torch="2.2.0+cpu", PIL="10.4.0")
    assert [line.lower() for line in told] == [
        "numpy==1.26.4",
        "pillow==10.4.0",
        "scikit-learn==1.5.2",
        "torch==2.2.0+cpu",
    ]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("odd", "unknown"),
        ("odd", "1.0; import os"),
        ("_own", "1.0"),
        ("odd", "1.0\n-r x"),
        ("é", "1"),
    ],
    ids=["version", "marker", "private", "lines", "name"],
)
def test_RU1_a_line_that_pip_cannot_take_is_a_comment(attempt: Attempt, name: str, version: str):
    told = lines_of(attempt, **{name: version, "fine": "1.0"})
    assert told[0] == "fine==1.0"
    (comment,) = told[1:]
    assert comment.startswith(f"# {name}: ")
    assert "\n" not in comment


def test_RU1_what_is_no_package_is_a_comment(attempt: Attempt):
    told = lines_of(attempt, python="3.11.7", git="0" * 40, device="cpu", system="Linux x86_64")
    assert told == [
        "# python: 3.11.7",
        "# system: Linux x86_64",
        "# device: cpu",
        f"# git: {'0' * 40}",
    ]

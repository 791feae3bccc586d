"""The order of the tests: each tests a module, a folder of modules, or an area that has a name."""

import re
from collections import Counter
from pathlib import Path

import pytest
from project import PROJECT

TESTS = PROJECT / "tests"
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()
ORDERED = sorted(p for p in TESTS.rglob("test_*.py") if TESTS / "faults" not in p.parents)


def areas() -> set[str]:
    """The tests that CONTRIBUTING lists as areas, with their folders."""
    rows = re.findall(r"^\| `(tests[\w/]*)` \| (.*) \|$", CONTRIBUTING, re.M)
    return {f"{folder}/{name}" for folder, names in rows for name in re.findall(r"`(\w+)`", names)}


def area(test: Path) -> str:
    return f"{test.parent.relative_to(PROJECT)}/{test.stem.removeprefix('test_')}"


def named_after(test: Path) -> list[Path]:
    """The modules, or the folders of modules, that a test is named after."""
    folder, name = test.parent.relative_to(TESTS), test.stem.removeprefix("test_")
    if folder == Path():
        return []
    home = PROJECT / (folder if folder.parts[0] == "stages" else "pystore" / folder)
    return [*home.rglob(f"{name}.py"), *(path for path in home.rglob(name) if path.is_dir())]


@pytest.mark.parametrize("test", ORDERED, ids=area)
def test_a_test_is_named_after_its_module_or_is_an_area_of_contributing(test: Path):
    assert bool(named_after(test)) != (area(test) in areas()), (
        f"{area(test)}: name it after what it tests, or list it under Tests in CONTRIBUTING.md"
    )


def test_no_two_tests_have_one_file_name():
    """Else pytest would import one of them in place of the other."""
    names = Counter(test.name for test in TESTS.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_each_area_of_contributing_is_there():
    assert areas() - {area(test) for test in ORDERED} == set()

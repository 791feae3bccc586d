"""Promises: each has a code of its own, and a test that proves it."""

import re
from collections import Counter
from importlib import import_module

import pytest
from project import PROJECT

SOURCES = [p for folder in ("pystore", "stages") for p in (PROJECT / folder).rglob("*.py")]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(PROJECT / "docs")
    return import_module("promises")


def test_each_code_is_defined_once(index):
    counted = Counter(promise.code for promise in index.promises())
    assert {code for code, count in counted.items() if count > 1} == set()


def test_the_promises_of_a_module_share_their_letters(index):
    """So that a code tells its module. Two modules share none, but for a family of two."""
    modules: dict[str, set[str]] = {}
    for promise in index.promises():
        modules.setdefault(promise.code[:-1], set()).add(promise.module)
    shared = {letters: found for letters, found in modules.items() if len(found) > 1}
    assert set(shared) <= {"WT"}  # a watcher and its displays


def test_each_promise_has_a_test(index):
    proven = {code for proof in index.proofs() for code in proof.codes}
    assert {promise.code for promise in index.promises()} - proven == set()


def test_each_code_in_the_name_of_a_test_is_a_promise(index):
    known = {promise.code for promise in index.promises()}
    assert {p.name for p in index.proofs() if not known.issuperset(p.codes)} == set()


def test_each_code_that_the_sources_name_is_a_promise(index):
    known = {promise.code for promise in index.promises()}
    named = {
        code for path in SOURCES for code in re.findall(r"\b[A-Z]{2}[1-9]\b", path.read_text())
    }
    assert named - known == set()


def test_the_page_is_that_of_the_code(index):
    assert index.PAGE.read_text() == index.page(), "run: python docs/promises.py"

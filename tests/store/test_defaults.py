"""The defaults of a program: composed once, when they are needed, and by no import of a module."""

import subprocess
import sys

import pytest

from pystore.core.listeners import both
from pystore.events import ignore
from pystore.store import composing
from pystore.store.defaults import Defaults, InForce, change_defaults, defaults, displaying


@pytest.fixture(autouse=True)
def own(monkeypatch):
    """Defaults that no test leaves behind."""
    monkeypatch.setattr(InForce, "defaults", None)


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_reads_no_settings_and_loads_no_display():
    told = python(
        "import pystore, sys; print([m for m in sys.modules if m.startswith('pystore.ui.')])"
    )
    assert told == "['pystore.ui.composition']"


def test_what_is_imported_makes_no_difference_to_what_holds():
    names = ["find_store", "substituters", "trusted_keys", "diffs", "display", "bar"]
    program = (
        "{}; from pystore.store.defaults import defaults\n"
        "print([getattr(defaults(), name).__module__ for name in {!r}])"
    )
    modules = ["pystore.run.verbs", "pystore.ui.settings", "pystore.ui.watch.watching"]
    told = {python(program.format(f"import {module}", names)) for module in modules}
    assert told == {str(4 * ["pystore.ui.settings"] + 2 * ["pystore.ui.watch.watching"])}


def test_they_are_composed_once(monkeypatch):
    composed = []

    def compose() -> Defaults:
        composed.append(1)
        return Defaults(diffs=lambda: False)

    monkeypatch.setattr(composing, "_how", [compose])
    assert not defaults().diffs()
    assert defaults() is defaults()
    assert composed == [1]


def test_a_part_may_be_replaced_for_good_or_in_a_block():
    change_defaults(substituters=lambda: ("s3://lab",))
    before = defaults()
    with displaying(lambda closure, store, progress: pytest.fail("shown")):
        assert defaults().substituters() == ("s3://lab",)
        assert defaults().display is not before.display
    assert defaults() == before


def test_nothing_is_known_and_shown_where_nobody_says_so():
    bare = Defaults()
    assert (tuple(bare.substituters()), bare.trusted_keys(), bare.diffs()) == ((), None, True)
    with bare.bar() as hear:
        assert both(hear, ignore) is ignore

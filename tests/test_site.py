"""The site of the documentation: complete, without warnings, and readable without a network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pystore
import pystore.stages
from pystore.ui.cli.main import COMMANDS

pytest.importorskip("mkdocs", reason="the site needs .[docs]")
PROJECT = Path(__file__).parent.parent
# What a browser loads by itself. Links that a reader may follow are none of it.
LOADED = r'<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)="?((?:https?:)?//[^" >]*)'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does: a warning is an error."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def ids(page: Path) -> set[str]:
    return set(re.findall(r'\bid="?([^" >]+)', page.read_text()))


def test_every_public_name_is_in_the_reference(site: Path):
    shown = set().union(*(ids(page) for page in (site / "api").glob("*.html")))
    names = {f"pystore.{name}" for name in pystore.__all__ if name != "__version__"}
    assert names - shown == set(), "add them to a page in docs/api"


def test_every_ready_made_stage_is_in_the_reference(site: Path):
    shown = {name.rpartition(".")[2] for name in ids(site / "api" / "stages.html")}
    assert set(pystore.stages.__all__) <= shown


def test_what_a_checkout_shows_of_a_name_does_not_stand_there_twice(site: Path):
    page = (site / "api" / "building.html").read_text()
    beginning = "after building what is missing."
    assert page.count(beginning) == 1


def test_every_command_is_in_its_page(site: Path):
    commands = {f"pystore-{name}" for family in COMMANDS.values() for name in family}
    assert {"pystore", *commands} <= ids(site / "commands.html")


def test_a_field_has_its_comment_in_the_reference(site: Path):
    assert "<p>[ns since the epoch, UTC]</p>" in (site / "api" / "looking.html").read_text()


def test_the_site_loads_nothing_from_elsewhere(site: Path):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text()
        assert re.findall(LOADED, text) == [], page
        assert "```" not in text, f"{page}: a block that the site does not know"
        assert 'class="mermaid"' not in text, f"{page}: the theme would fetch a script for it"
    for style in site.rglob("*.css"):
        assert not re.search(r"""(@import|url\()\s*["']?(https?:)?//""", style.read_text()), style


def test_no_source_of_the_site_is_published(site: Path):
    assert [*site.rglob("*.py"), *site.rglob("*.md")] == []

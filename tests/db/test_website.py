"""The website of the demos: somebody else's table, workers that train, a listener, and its page."""

import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import pytest
from project import PROJECT, importing
from servers import FreshDatabase

MISSING = [
    name for name in ("torch", "safetensors", "distributed", "sklearn") if not find_spec(name)
]
if MISSING:
    pytest.skip(f"the website needs {MISSING[0]}: make test-torch", allow_module_level=True)

START = PROJECT / "demos" / "website" / "start.py"
FEW = ("--digits", "--users", "120")


@contextmanager
def started(*options: str, database: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """The website while the block runs; in the end, no process of it is left."""
    mark = f"PYSTORE_TEST_WEBSITE={uuid.uuid4().hex}"
    env = {**importing(), **dict([mark.split("=")]), "PYTHONUNBUFFERED": "1"}
    env.pop("DATABASE_URL", None)
    if database is not None:
        env["DATABASE_URL"] = database
    process = subprocess.Popen(
        [sys.executable, str(START), *FEW, *options],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert left(mark) == []


def left(mark: str) -> list[str]:
    """The commands of the processes with this in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def line_with(lines: IO[str] | None, text: str) -> str:
    """The first line with this text."""
    seen = []
    for line in lines or ():
        seen.append(line)
        if text in line:
            return line
    raise AssertionError(f"no line has {text!r}:\n{''.join(seen)}")


def test_new_users_get_labels_in_sqlite():
    with started("--check") as process:
        line_with(process.stdout, "20 new users have labels")
        assert process.wait(60) == 0


def test_new_users_get_labels_in_postgresql_and_their_table_stays_as_it_was(
    postgres: FreshDatabase,
):
    with started("--check", database=postgres.url) as process:
        line_with(process.stdout, "20 new users have labels")
        assert process.wait(60) == 0
    columns = postgres.execute(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name = 'users' ORDER BY 1"
    )
    assert columns == [("id",), ("record",)]
    [(error,)] = postgres.execute("SELECT error FROM pystore.users_likes_failed")
    assert error  # the picture of one user is gone


def test_ctrl_c_ends_all_of_it(tmp_path: Path):
    with started("--folder", str(tmp_path), "--port", "0") as process:
        line_with(process.stdout, "the website is at")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_who_looks_at_the_page_sees_a_label_appear(tmp_path: Path):
    api = pytest.importorskip("playwright.sync_api", reason="needs `pip install playwright`")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: on Debian, `apt-get install chromium`")
    with started("--folder", str(tmp_path), "--port", "0") as process:
        url = line_with(process.stdout, "the website is at").split()[4]
        line_with(process.stdout, "a new user comes")
        with api.sync_playwright() as playwright:
            # Root, as in a container, has no sandbox.
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.set_default_timeout(60_000)
            page.goto(url)
            users = page.frame_locator("iframe")
            newest = users.locator("tr[id]").first
            number = int(re.sub(r"\D", "", newest.get_attribute("id") or ""))
            picture = newest.locator("img").get_attribute("src")
            page.locator("input[name=img]").fill(picture or "")
            page.locator("button").click()
            mine = users.locator(f"tr[id]:has(img[src='{picture}'])").first
            api.expect(mine).not_to_have_id(f"user-{number}", timeout=60_000)
            api.expect(mine.locator(".label")).not_to_be_empty(timeout=60_000)
            browser.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130

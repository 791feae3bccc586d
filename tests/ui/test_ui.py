"""pystore ui: the page of stores, as a command."""

import builtins
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from command import PROGRAM, environment, pystore_command
from small_store import make

from pystore import Store
from pystore.ui.page.serve import named


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("ui") / "store").root


@contextmanager
def running(*arguments: object, **variables: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The printed address, and the process."""
    process = subprocess.Popen(
        [*PROGRAM, "ui", *map(str, arguments)],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, process.communicate()
        yield found[0], process
    finally:
        process.kill()
        process.communicate()


def test_the_printed_address_shows_the_store(root: Path):
    with running("--store", root) as (address, _), httpx.Client(follow_redirects=True) as client:
        page = client.get(address)
        assert (page.status_code, "token" in str(page.url)) == (200, False)
        assert "stage/train" in page.text
        assert httpx.get(address.partition("?")[0]).status_code == 401


def test_YS2_a_browser_gets_an_address_that_is_right_once(root: Path, tmp_path: Path):
    asked, browser = tmp_path / "asked", tmp_path / "browser"
    os.mkfifo(asked)
    browser.write_text(f'#!/bin/sh\necho "$1" > {asked}\n')
    browser.chmod(0o755)
    with running("--store", root, "--open", BROWSER=f"{browser} %s") as (address, _):
        told = subprocess.run(["cat", asked], capture_output=True, text=True, timeout=60)
        given = told.stdout.strip()
        assert given.partition("=")[0] == address.partition("=")[0]
        assert given != address
        assert [httpx.get(given).status_code for _ in range(2)] == [303, 401]
        assert httpx.get(address).status_code == 303


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_YR2_a_signal_ends_it_without_a_word(root: Path, number: signal.Signals):
    arguments = ("--store", root)
    with running(*arguments) as (address, process), httpx.Client(follow_redirects=True) as client:
        client.get(address)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_several_stores_stand_side_by_side(root: Path, tmp_path: Path):
    Store(tmp_path / "other", durable=False)
    arguments = ("--store", root, "--store", tmp_path / "other")
    with running(*arguments) as (address, _), httpx.Client(follow_redirects=True) as client:
        text = client.get(address).text
        assert "/store/store/" in text
        assert "/store/other/" in text


def test_each_start_has_another_token(root: Path):
    found = []
    for _ in range(2):
        with running("--store", root) as (address, _):
            found.append(address.partition("token=")[2])
    assert found[0] != found[1]
    assert all(len(token) >= 32 for token in found)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
def test_YR1_others_are_not_let_in_without_a_proxy(root: Path, host: str):
    told = pystore_command("ui", "--store", root, "--host", host)
    assert told.returncode == 2
    assert "--behind-proxy" in told.stderr
    assert "Traceback" not in told.stderr


def test_where_there_is_no_store_it_says_so(tmp_path: Path):
    told = pystore_command("ui", "--store", tmp_path / "none")
    assert (told.returncode, "no store is here" in told.stderr) == (2, True)


def test_a_package_that_is_missing_is_named(call: Any, monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "jinja2":
            raise ModuleNotFoundError("no jinja2", name="jinja2")
        return real(name, *rest, **more)

    monkeypatch.setattr("pystore.ui.page", sys.modules["pystore.ui.page"])  # to be put back after
    for name in [one for one in sys.modules if one.startswith("pystore.ui.page")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    code, _, err = call("ui")
    assert code == 2
    assert "jinja2" in err
    assert "pip install 'pystore-stages[ui]'" in err


def test_stores_have_the_names_of_their_folders(tmp_path: Path):
    places = ("a/store", "b/store", "c/.pystore", "d/store-2")
    stores = [Store(tmp_path / place, durable=False) for place in places]
    assert [*named(stores)] == ["store", "store-2", "c", "store-2-2"]

"""The page in Chromium: nine views of a store whose text is hostile, by mouse, keys and phone."""

import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="pages need `pip install 'pystore-stages[ui]'`")
pytest.importorskip("playwright.sync_api", reason="browsers need `pip install playwright`")
axe = pytest.importorskip(
    "axe_playwright_python", reason="axe-core comes with `pip install axe-playwright-python`"
)
if shutil.which("chromium") is None:
    pytest.skip("no Chromium: on Debian, `apt-get install chromium`", allow_module_level=True)

from command import PROGRAM, environment  # noqa: E402  # needs what is looked for above
from hostile_store import IMAGE, SCRIPT, make  # noqa: E402
from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, BrowserContext, Page, expect  # noqa: E402

from pystore import Build, Derivation, Store, build_metric, build_progress, match_latest, realize  # noqa: E402
from pystore.db import connect, image  # noqa: E402

expect.set_options(timeout=60_000)  # other tests may run beside these
AXE = Path(axe.__file__).with_name("axe.min.js").read_text()
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS: dict[str, Any] = {
    f"{scheme} {name}": {"color_scheme": scheme, "viewport": size}
    for scheme in ("light", "dark")
    for name, size in (("wide", WIDE), ("phone", PHONE))
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with hostile text, and a database beside it."""
    store = make(tmp_path_factory.mktemp("page") / "store")
    rows = connect(f"sqlite:///{store.root.parent}/rows.db").collection(
        "rows", img=image(), label=str
    )
    rows.insert([{"img": Image.new("L", (8, 8), at), "label": SCRIPT + IMAGE} for at in range(9)])
    yield store
    store.destroy()


@contextmanager
def serving(store: Store) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address that `pystore ui` prints, with its token, and the process."""
    database = f"sqlite:///{store.root.parent}/rows.db"
    words = [*PROGRAM, "ui", "--store", str(store.root), "--database", database]
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address(store: Store) -> Iterator[str]:
    """The address of the page, with its token."""
    with serving(store) as (address, _):
        yield address


class Watched:
    """A browser that has shown the token, and what it has complained of and asked elsewhere."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.base = address.partition("/?")[0]
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda line: self._hear(line.type, line.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))
        self.page.goto(address)

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.errors.append(text)

    def _note(self, url: str) -> None:
        if not url.startswith(self.base):
            self.foreign.append(url)

    def open(self, path: str) -> Page:
        """The page at a path."""
        self.page.goto(self.base + path)
        return self.page

    def violations(self) -> list[tuple[str, str]]:
        """What axe-core finds: rules, with a place of each."""
        self.page.evaluate(AXE)  # by the debugger, which no policy of the page holds up
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [(one["id"], one["nodes"][0]["html"][:120]) for one in found]


@pytest.fixture
def open_browser(browser: Browser, address: str) -> Iterator[Callable[..., Watched]]:
    """Opens a browser with some options; in the end, none may have complained (YS4)."""
    opened: list[tuple[BrowserContext, Watched]] = []

    def make_one(**options: Any) -> Watched:
        context = browser.new_context(**options)
        opened.append((context, Watched(context, address)))
        return opened[-1][1]

    yield make_one
    for context, watched in opened:
        context.close()
        assert (watched.errors, watched.foreign) == ([], [])


def views(store: Store) -> list[str]:
    """An address of each of the nine views."""
    one, other = [dref for dref in store.drefs() if store.realizations(dref)][:2]
    rref = store.realizations(one)[0]
    return [
        "/", "/stage/train", f"/drv/{one}", f"/compare?a={one}&b={other}", f"/rlz/{rref}",
        "/running", "/sweep/train", "/room", "/collections",
    ]  # fmt: skip


@pytest.mark.parametrize("look", LOOKS)
def test_YS4_all_views_of_hostile_text_are_sound_and_accessible(
    store: Store, open_browser: Callable[..., Watched], look: str
):
    watched = open_browser(**LOOKS[look])
    for path in views(store):
        page = watched.open(path)
        expect(page.locator("h1")).to_be_visible()
        if look in ("light wide", "dark phone"):  # both colours and both sizes, in half the time
            assert watched.violations() == [], path
        assert "pwned" not in page.title()
        assert page.locator("main script, main img[onerror], main style").count() == 0
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= LOOKS[look]["viewport"]["width"], path


def test_all_views_can_be_read_without_a_script(store: Store, open_browser: Callable[..., Watched]):
    watched = open_browser(java_script_enabled=False)
    for path in views(store):
        page = watched.open(path)
        expect(page.locator("main")).not_to_be_empty()
    assert watched.open("/sweep/train").locator("svg.chart").count() == 2
    page = watched.open("/stage/train")
    page.locator("input[name=a]").first.check()
    page.locator("input[name=b]").last.check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Metrics")).to_be_visible()


def focused(page: Page) -> str:
    """The text of what has the focus."""
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def tab_to(page: Page, text: str) -> None:
    """Presses Tab until something with this text has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page) == text:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", "the focus cannot be seen"
            return
    raise AssertionError(f"no Tab leads to {text}")


def test_keys_alone_lead_everywhere(open_browser: Callable[..., Watched]):
    watched = open_browser()
    page = watched.open("/")
    page.keyboard.press("Tab")
    assert focused(page) == "To the content"
    page.keyboard.press("Enter")
    tab_to(page, "train")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("train")
    head = page.locator("th[scope=col]", has_text="mean").first
    tab_to(page, "mean")
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    page.keyboard.press("Space")
    expect(head).to_have_attribute("aria-sort", "ascending")
    watched.open("/compare")
    page.locator("#a").focus()
    page.keyboard.type("train")
    page.keyboard.press("Tab")
    page.keyboard.type("other")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Config")).to_be_visible()


def test_back_and_forward_lead_through_the_views(open_browser: Callable[..., Watched]):
    page = open_browser().open("/")
    page.get_by_role("link", name="train").first.click()
    expect(page.locator("h1")).to_contain_text("train")
    page.get_by_label("Only attempts where").fill("rate=1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/stage/train?where=rate*")
    page.go_back()
    expect(page.get_by_label("Only attempts where")).to_have_value("")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Stages")
    page.go_forward()
    page.go_forward()
    expect(page.get_by_label("Only attempts where")).to_have_value("rate=1")


@contextmanager
def training(store: Store) -> Iterator[tuple[threading.Event, threading.Event]]:
    """An attempt that tells a second step at the first event, and ends at the other."""
    steps = threading.Event(), threading.Event()

    def slow(b: Build) -> None:
        build_progress(b, 1, 3, "epochs")
        build_metric(b, "pace", 7.0, step=1)
        build_metric(b, "loss", 0.5, step=1)
        assert steps[0].wait(60)
        build_progress(b, 2, 3, "epochs")
        build_metric(b, "loss", 0.25, step=2)
        assert steps[1].wait(60)
        (b.outpath / "out.txt").write_text("done")

    def run() -> None:
        with store.use():
            realize(Derivation({"name": "slow"}, match_latest(), slow), force_rebuild=True)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield steps
    finally:
        for step in steps:
            step.set()
        thread.join(60)


def test_YE1_a_page_shows_what_changes_while_something_trains(
    store: Store, open_browser: Callable[..., Watched]
):
    watched = open_browser()
    page = watched.open("/running")
    expect(page.locator("main")).to_contain_text("Nothing runs")
    with training(store) as (second, last):
        row = page.locator("tbody tr", has_text="slow")
        expect(row).to_contain_text("loss = 0.5")
        second.set()
        expect(row).to_contain_text("loss = 0.25")
        expect(row).to_contain_text("2 of 3 epochs")
        last.set()
        expect(page.locator("main")).to_contain_text("Nothing runs")


def test_YC3_rows_that_come_are_shown(store: Store, open_browser: Callable[..., Watched]):
    page = open_browser().open("/collections?collection=rows")
    expect(page.locator("main")).not_to_contain_text("came later")
    rows = connect(f"sqlite:///{store.root.parent}/rows.db")["rows"]
    rows.insert([{"label": "came later"}])
    expect(page.locator("main")).to_contain_text("came later")


def test_a_change_leaves_the_order_and_the_focus_of_the_reader(
    store: Store, open_browser: Callable[..., Watched]
):
    page = open_browser().open("/")
    head = page.locator("th[scope=col]", has_text="size")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    running = page.locator("tbody tr", has_text="slow").locator("td.going")
    with training(store):
        expect(running).to_have_text("1")
        expect(head).to_have_attribute("aria-sort", "descending")
        assert focused(page) == "size"


def test_a_change_leaves_the_trace_that_was_chosen(
    store: Store, open_browser: Callable[..., Watched]
):
    watched = open_browser()
    with training(store) as (second, _):
        expect(watched.open("/running").locator("tbody")).to_contain_text("loss = 0.5")
        page = watched.open("/drv/slow")
        chosen = page.locator("a.trace", has_text="pace")
        chosen.click()
        expect(chosen).to_have_attribute("aria-current", "")
        row = page.get_by_role("region", name="Attempts").locator("tbody tr").first
        expect(row).to_contain_text("0.5")
        second.set()
        expect(row).to_contain_text("0.25")
        expect(chosen).to_have_attribute("aria-current", "")
        expect(page.locator(".plot")).to_have_attribute(
            "aria-label", re.compile("^pace over the steps")
        )


def test_YE3_streams_end_when_the_server_is_told_to_end(store: Store, browser: Browser):
    with serving(store) as (address, process):
        context = browser.new_context()
        with context.expect_page():
            page = context.new_page()
        with page.expect_request("**/changed*"):
            page.goto(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        context.close()


def test_the_pictures_of_the_documentation_can_be_taken_again(tmp_path: Path):
    script = Path(__file__).parents[3] / "docs" / "page_pictures.py"
    subprocess.run([sys.executable, script, tmp_path], env=environment(), check=True, timeout=120)
    names = [path.name for path in sorted(tmp_path.glob("*.webp"))]
    assert names == [path.name for path in sorted(script.parent.glob("page-*.webp"))]

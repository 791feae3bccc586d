"""The pad in Chromium: drawn by mouse and by finger, while a real service answers."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from math import cos, pi, sin
from typing import Any

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("playwright.sync_api", reason="browsers need `pip install playwright`")
if shutil.which("chromium") is None:
    pytest.skip("no Chromium: on Debian, `apt-get install chromium`", allow_module_level=True)

from drawing_model import model  # needs what is looked for above
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect
from small_model import train
from small_server import Server, serving

from pystore import RRef, Store, pin

PROGRAM = """
import sys
from drawing_model import model
from pystore import Store
with Store(sys.argv[1], durable=False).use():
    model.serve(pin="serving", port=0, every=0.05, **eval(sys.argv[2]))
"""
expect.set_options(timeout=60_000)  # other tests may run beside these
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
Points = list[tuple[float, float]]  # of a pad of 1 x 1, down to the right


def arc(x: float, y: float, radius: float, begin: float, end: float) -> Points:
    """A part of a circle; angles in turns, from the right by way of the bottom."""
    angles = [2 * pi * (begin + (end - begin) * i / 16) for i in range(17)]
    return [(x + radius * cos(a), y + radius * sin(a)) for a in angles]


STROKES: dict[str, list[Points]] = {
    "0": [arc(0.5, 0.5, 0.3, 0, 1)],
    "1": [[(0.5, 0.2), (0.5, 0.8)]],
    "3": [arc(0.45, 0.35, 0.16, -0.4, 0.25) + arc(0.45, 0.67, 0.16, -0.25, 0.4)],
    "4": [[(0.45, 0.15), (0.25, 0.55), (0.75, 0.55)], [(0.6, 0.35), (0.6, 0.85)]],
    "7": [[(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[RRef]]]:
    """A store with two realizations."""
    store = Store(tmp_path_factory.mktemp("pad") / "store", durable=False)
    with store.use():
        rrefs = [model.train({"n_neighbors": count}).rref for count in (1, 3)]
    yield store, rrefs
    store.destroy()


@pytest.fixture(scope="module")
def running(trained: tuple[Store, list[RRef]]) -> Iterator[Server]:
    """The service."""
    store, rrefs = trained
    pin(rrefs[0], "serving", store=store)
    with serving(store, program=PROGRAM) as server:
        yield server


@pytest.fixture
def server(running: Server, trained: tuple[Store, list[RRef]]) -> Server:
    """The service, which answers with the first realization."""
    store, rrefs = trained
    pin(rrefs[0], "serving", store=store)
    running.wait_until_ready(rrefs[0])
    return running


class Pad:
    """An open page, and what it has asked and complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.asked: list[str] = []  # paths of the service
        self.foreign: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self._note(request.url, url))
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)
        self.label, self.told = page.locator("#label"), page.locator("#told")

    def _note(self, asked: str, url: str) -> None:
        if asked.startswith(url):
            self.asked.append(asked.removeprefix(url))
        elif not asked.startswith("data:"):
            self.foreign.append(asked)

    def _hear(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.errors.append(line.text)

    @property
    def questions(self) -> int:
        """How often the model was asked."""
        return self.asked.count("/predict")

    def places(self, points: Points) -> Points:
        """Where these are on the page."""
        box = self.page.locator("#pad").bounding_box()
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]

    def begin(self, points: Points) -> None:
        """Draws, and leaves the pen on the paper."""
        first, *others = self.places(points)
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for place in others:
            self.page.mouse.move(*place)

    def draw(self, name: str) -> None:
        """Draws a digit by mouse."""
        for points in STROKES[name]:
            self.begin(points)
            self.page.mouse.up()

    def rest(self) -> None:
        """Returns when all that was asked is answered, and shown."""
        self.page.evaluate(
            "async () => { while (asking.busy) await new Promise((go) => setTimeout(go, 5)); }"
        )

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """The first question that is asked in this block comes to the service at its end."""
        held: list[Route] = []
        self.page.route("**/predict", lambda route: held.append(route), times=1)
        yield
        while not held:
            self.page.wait_for_timeout(5)  # playwright calls us meanwhile
        held[0].continue_()

    def ink(self) -> int:
        """How many pixels are not white."""
        found: int = self.page.evaluate(
            "() => paper.getImageData(0, 0, pad.width, pad.height).data"
            ".reduce((sum, value) => sum + (value < 255), 0)"
        )
        return found


@contextmanager
def opened(browser: Browser, server: Server, **device: Any) -> Iterator[Pad]:
    """A page of a browser that knows nothing of the others."""
    with browser.new_context(**device) as context:
        context.set_default_timeout(60_000)
        yield Pad(context.new_page(), server.url)


@pytest.fixture
def pad(browser: Browser, server: Server) -> Iterator[Pad]:
    """A page on a desk. Whatever a test does: nobody else was asked, and there was no error."""
    with opened(browser, server) as pad:
        yield pad
        assert (pad.foreign, pad.errors) == ([], [])


def test_drawn_digits_are_read_and_the_page_says_which_realization_did(
    pad: Pad, trained: tuple[Store, list[RRef]]
):
    read = []
    for name in STROKES:
        pad.draw(name)
        pad.rest()
        expect(pad.told).to_have_text(str(trained[1][0]))
        read.append(pad.label.inner_text())
        pad.page.locator("#clear").click()
    wrong = [f"{name} as {got}" for name, got in zip(STROKES, read, strict=True) if name != got]
    assert len(wrong) <= 1, wrong


@pytest.mark.parametrize("how", ["button", "key"])
def test_the_pad_is_cleared_by_button_and_by_key(pad: Pad, how: str):
    pad.draw("1")
    expect(pad.label).not_to_be_empty()
    pad.rest()
    assert pad.ink() > 0
    if how == "button":
        pad.page.locator("#clear").click()
    else:
        pad.page.keyboard.press("c")
    assert pad.ink() == 0
    expect(pad.label).to_be_empty()
    expect(pad.told).to_be_empty()
    expect(pad.page.locator("#bars")).to_be_empty()


def test_a_c_that_is_typed_into_the_token_clears_nothing(pad: Pad):
    pad.draw("1")
    pad.rest()
    pad.page.evaluate("() => { document.getElementById('token-row').hidden = false; }")
    pad.page.locator("#token").press_sequentially("abc")
    assert pad.ink() > 0
    expect(pad.label).not_to_be_empty()


def test_a_blank_pad_asks_nothing(pad: Pad):
    box = pad.places([(0.2, 0.2), (0.8, 0.8)])
    for place in box:
        pad.page.mouse.move(*place)  # the pen is not down
    pad.page.keyboard.press("c")
    pad.page.evaluate("() => ask(drawing, 'image/png')")
    assert pad.questions == 0
    pad.draw("1")
    pad.rest()
    assert pad.questions > 0
    before = pad.questions
    pad.page.keyboard.press("c")
    pad.page.evaluate("() => ask(drawing, 'image/png')")
    assert pad.questions == before


def test_an_answer_that_comes_after_clear_is_not_shown(pad: Pad):
    with pad.held_back():
        pad.draw("1")
        pad.page.keyboard.press("c")
    pad.rest()
    assert pad.questions == 1
    expect(pad.label).to_be_empty()
    expect(pad.told).to_be_empty()


def test_one_question_is_asked_at_a_time_and_the_newest_last(pad: Pad):
    with pad.held_back():
        pad.draw("0")  # by many moves
        while not pad.questions:
            pad.page.wait_for_timeout(5)  # the first picture is still being packed
        assert pad.questions == 1
    pad.rest()
    assert pad.questions == 2
    expect(pad.label).to_have_text("0")


def test_another_realization_takes_over_while_one_draws(
    pad: Pad, server: Server, trained: tuple[Store, list[RRef]]
):
    store, (first, second) = trained
    pad.begin([(0.5, 0.2), (0.5, 0.5)])
    pad.rest()
    expect(pad.told).to_have_text(str(first))
    pin(second, "serving", store=store)
    server.wait_until_ready(second)
    expect(pad.told).to_have_text(str(first))  # nothing was asked since
    pad.page.mouse.move(*pad.places([(0.5, 0.8)])[0])
    pad.page.mouse.up()
    expect(pad.told).to_have_text(str(second))
    expect(pad.label).to_have_text("1")


def test_it_works_by_finger_on_a_phone(browser: Browser, server: Server):
    with opened(browser, server, **PHONE) as pad:
        touch = pad.page.context.new_cdp_session(pad.page)

        def send(kind: str, *places: tuple[float, float]) -> None:
            points = [{"x": x, "y": y} for x, y in places]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        first, *others = pad.places([(0.5, y / 20) for y in range(4, 17)])
        send("touchStart", first)
        for place in others:
            send("touchMove", place)
        send("touchEnd")
        pad.rest()
        expect(pad.label).to_have_text("1")
        width, wide, scrolled = pad.page.evaluate(
            "() => [innerWidth, document.documentElement.scrollWidth, scrollY]"
        )
        assert (width, wide, scrolled) == (390, 390, 0)  # and a stroke does not scroll
        for _ in range(20):  # on a busy machine, a tap may last so long that it is none
            pad.page.locator("#clear").tap()
            if not pad.label.inner_text():
                break
        expect(pad.label).to_be_empty()
        assert (pad.foreign, pad.errors) == ([], [])


def test_the_page_may_ask_nobody_else(browser: Browser, server: Server):
    with opened(browser, server) as pad:
        assert pad.errors == []
        pad.page.evaluate("() => fetch('http://127.0.0.1:9/').catch(() => null)")
        assert any("Content Security Policy" in line for line in pad.errors)


def test_a_service_that_has_ended_is_told(browser: Browser, store: Store):
    train()
    with serving(store) as server, opened(browser, server) as pad:
        assert server.end() == 0
        pad.draw("1")
        expect(pad.told).to_have_text("the service does not answer")
        expect(pad.label).to_have_text("?")


def test_a_token_is_asked_for_and_kept(browser: Browser, store: Store):
    rref = train()
    with serving(store, token="let me in") as server, opened(browser, server) as pad:
        server.wait_until_ready()
        pad.draw("1")
        expect(pad.page.locator("#token-row")).to_be_visible()
        expect(pad.label).to_be_empty()
        pad.page.locator("#token").fill("let me in")
        pad.draw("1")
        expect(pad.told).to_have_text(rref)
        expect(pad.page.locator("#token-row")).to_be_hidden()
        pad.page.reload()
        pad.draw("1")
        expect(pad.told).to_have_text(rref)

"""Web servers that mean ill: they fill no memory and keep nobody waiting."""

import gzip
import http.server
import json
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

import pystore as ps
from pystore.errors import BadPlace, FetchError
from pystore.store.remote import web
from pystore.store.remote.open_place import place_at
from pystore.store.remote.web import WebPlace

RREF = "rref:" + "0" * 32 + "-" + "0" * 32 + "-x"
ENOUGH = 30_000_000  # [bytes]; far more than anybody asks for
BLOCK = bytes(1_000_000)
BOMB = gzip.compress(bytes(ENOUGH))


class Server(http.server.ThreadingHTTPServer):
    """What it was asked, and whether somebody has stopped listening."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.came, self.left = threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/lab"
        self.answer: Callable[[Handler], object] = Handler.reply


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each request as the server's `answer` says."""

    server: Server

    def log_message(self, format, *args):
        pass

    def do_GET(self):
        self.server.came.set()
        self.server.paths.append(self.path)
        self.server.headers.append(dict(self.headers.items()))
        try:
            self.server.answer(self)
        except OSError:
            self.server.left.set()  # nobody listens any more

    def reply(self, *chunks, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(chunk)


@contextmanager
def serving():
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def another():
    with serving() as server:
        server.url = server.url.replace("127.0.0.1", "localhost")
        server.answer = lambda handler: handler.reply(b"from another host", Content_Length="17")
        yield server


SECRETS = {
    "headers": {"headers": {"X-Token": "secret"}},
    "headers of the client": {"client_kwargs": {"headers": {"X-Token": "secret"}}},
    "cookies": {"client_kwargs": {"cookies": {"session": "secret"}}},
    "cookies of each request": {"cookies": {"session": "secret"}},
    "authorization": {"headers": {"Authorization": "Bearer secret"}},
}


@pytest.mark.parametrize("options", SECRETS.values(), ids=list(SECRETS))
def test_WE3_what_the_options_tell_goes_to_no_other_host(server, another, options):
    server.answer = lambda handler: handler.reply(status=302, Location=another.url + "/x?signed=1")
    place = place_at(server.url, options)
    assert place.read("a", 1000) == b"from another host"
    assert place.size("a") == 17
    assert "secret" in str(server.headers[0])
    assert another.paths == ["/lab/x?signed=1"] * 2
    assert "secret" not in str(another.headers)


def test_WE3_what_the_options_tell_goes_along_within_the_host(server):
    def answer(handler):
        if handler.path == "/lab/a":
            handler.reply(status=307, Location="b")
        else:
            handler.reply(b"here")

    server.answer = answer
    assert place_at(server.url, SECRETS["headers"]).read("a", 1000) == b"here"  # type: ignore[arg-type]  # the headers
    assert server.paths == ["/lab/a", "/lab/b"]
    assert [headers.get("X-Token") for headers in server.headers] == ["secret", "secret"]


@pytest.mark.parametrize(
    ("target", "told"),
    [("a", "more than 10 times"), ("file:///etc/passwd", "redirects to file:")],
)
def test_redirects_that_lead_nowhere_are_refused(server, target, told):
    server.answer = lambda handler: handler.reply(status=302, Location=target)
    with pytest.raises(FetchError, match=told):
        place_at(server.url).read("a", 1000)


def endless(handler):
    handler.reply(*[BLOCK] * (ENOUGH // len(BLOCK)))


def bomb(handler):
    handler.reply(BOMB, Content_Encoding="gzip")


def drip(handler):
    handler.reply(Content_Length="1000")
    for _ in range(1000):
        handler.wfile.write(b" ")
        time.sleep(0.01)


@pytest.mark.parametrize("answer", [endless, bomb])
def test_WE1_PL2_no_more_is_taken_than_was_asked_for(server, answer):
    server.answer = answer
    place = place_at(server.url)
    tracemalloc.start()
    assert len(place.read("pystore-remote.json", 1000)) <= 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
    if answer is endless:
        assert server.left.wait(60)


def test_WE1_a_list_without_an_end_is_refused(server, monkeypatch):
    monkeypatch.setattr(web, "_PAGE", 100_000)
    server.answer = lambda handler: handler.reply(*(b'<a href="x">x</a>' for _ in range(10_000)))
    with pytest.raises(FetchError, match="longer than it may be"):
        place_at(server.url).names("drv")


def test_a_list_names_what_links_name(server):
    page = b"""<a href="../">..</a> <A class=x HREF='/lab/drv/one/'>1</A> <a href=two?C=N>2</a>
        <img src="three.png"> <a title="x" href="http://127.0.0.1/lab/drv/four">4</a>"""
    server.answer = lambda handler: handler.reply(page, Content_Type="text/html")
    assert place_at(server.url).names("drv") == ["..", "one", "two", "four"]
    assert server.paths == ["/lab/drv/"]


def test_WE2_who_sends_next_to_nothing_is_left(server, monkeypatch):
    monkeypatch.setattr(web, "_GRACE", 0.1)
    server.answer = drip
    with pytest.raises(FetchError, match="sends too little"):
        ps.pull(RREF, server.url)
    assert server.left.wait(60)


def test_WE2_who_says_nothing_is_left(server, monkeypatch):
    never = threading.Event()
    monkeypatch.setattr(WebPlace, "patience", 0.1)
    server.answer = lambda handler: never.wait(60)
    with pytest.raises(FetchError, match="no answer in time"):
        ps.pull(RREF, server.url)
    never.set()


def test_WE2_what_is_under_way_ends_when_the_place_is_given_up(server):
    server.answer = drip
    place = place_at(server.url)
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(place.read, "x", 1000)
        assert server.came.wait(60)
        place.stop()
        with pytest.raises(FetchError, match="sends too little"):
            reading.result(60)
    assert server.left.wait(60)


@pytest.mark.parametrize("status", [401, 403])
def test_PL3_no_permission_is_told_as_elsewhere_and_without_the_password(server, status):
    server.answer = lambda handler: handler.reply(status=status)
    url = server.url.replace("//", "//me:hidden-word@")
    with pytest.raises(BadPlace, match="no permission") as told:
        ps.pull(RREF, url)
    shown = "".join(traceback.format_exception(told.value))
    assert "//me:…@127" in str(told.value)
    assert "hidden-word" not in shown.replace(url, "")


def test_options_reach_the_server_beside_ours(server):
    seen = []

    def answer(handler):
        seen.append((handler.headers["X-Token"], handler.headers["Accept-Encoding"]))
        handler.reply(json.dumps({}).encode())

    server.answer = answer
    options = {"client_kwargs": {"headers": {"X-Token": "mine"}}}
    assert place_at(server.url, options).read("x", 10) == b"{}"
    assert seen == [("mine", "identity")]

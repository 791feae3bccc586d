"""Many URLs at a time: those of attackers, those of broken servers, and good ones beside them."""

import socket
import threading
import time

import pytest
from internet import PUBLIC, Internet
from misbehaving import FILE, Request, Server

from pystore.db.errors import FetchRefused, NotFetched
from pystore.db.fetching import Fetched, Fetcher, Policy, fetch

LOCAL = Policy(private=True, timeout=60)


def collected(fetcher: Fetcher) -> list[tuple[object, Fetched | NotFetched]]:
    """All outcomes in the order in which they come."""
    outcomes = []
    while fetcher.pending:
        outcomes += fetcher.done(60)
    return outcomes


# --- packets that are not sent ---------------------------------------------------------

LOOPBACK = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"]
ELSEWHERE = ["169.254.169.254", "100.64.0.1"]


@pytest.mark.parametrize("host", [*LOOPBACK, *ELSEWHERE, "0", "0177.0.0.1", "①②⑦.⓪.⓪.①"])
def test_FS1_an_address_that_is_not_public_is_not_reached(host: str, internet: Internet):
    internet.names["localhost"] = ["127.0.0.1", "::1"]
    with listening() as listener:
        with pytest.raises(FetchRefused, match="not public") as caught:
            fetch(f"http://{host}:{listener.getsockname()[1]}/", Policy())
        assert nobody_came(listener)
    assert internet.reached == []
    assert caught.value.is_final


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{}/", "//169.254.169.254/", "http://[::1]:{}"]
)
def test_FS1_a_redirect_does_not_lead_to_such_an_address(target: str, internet: Internet):
    with listening() as listener:
        location = target.format(listener.getsockname()[1])
        with (
            Server(lambda r: r.head("302 Found", Location=location)) as server,
            pytest.raises(FetchRefused, match="not public"),
        ):
            fetch(f"http://images.example:{server.port}/", Policy())
        assert nobody_came(listener)
    assert internet.reached == [PUBLIC]


def test_FS1_a_file_is_not_a_url(internet: Internet):
    with pytest.raises(FetchRefused, match="no root="):
        fetch("file:///etc/passwd", Policy())
    with pytest.raises(FetchRefused, match="neither http nor https"):
        fetch("file://127.0.0.1/etc/passwd", Policy())
    assert internet.looked_up == internet.reached == []


def test_FS1_a_name_server_that_changes_its_answer_changes_nothing(internet: Internet):
    """The first answer is public and is reached; the second is not, even on a line of the first."""
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    internet.names["images.example"] = lambda: next(answers)
    with Server(lambda r: r.whole()) as server, Fetcher[int](Policy(), threads=1) as fetcher:
        for number in range(2):
            fetcher.submit(number, f"http://images.example:{server.port}/")
        first, second = (found for _, found in collected(fetcher))
    assert isinstance(first, Fetched)
    assert "not public" in str(second)
    assert internet.reached == [PUBLIC]


def listening() -> socket.socket:
    """A socket of this machine that answers to all of its addresses."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("127.0.0.1", 0))


def nobody_came(listener: socket.socket) -> bool:
    listener.setblocking(False)
    try:
        listener.accept()
    except BlockingIOError:
        return True
    return False


# --- good ones beside bad ones ---------------------------------------------------------


def by_path(r: Request):
    """A server that is as bad as its path says."""
    match r.path.split("/")[1]:
        case "missing":
            r.head("404 Not Found", Content_Length=0)
        case "page":
            r.whole(b"<html>sorry</html>", Content_Type="text/html")
        case "endless":
            r.head("200 OK")
            while not r.server.closed:
                r.send(FILE)
        case "drip":
            r.head("200 OK", Content_Length=1000)
            r.drip()
        case "slow":
            r.hang()
        case "inwards":
            r.head("302 Found", Location=f"http://127.0.0.1:{r.server.port}/", Content_Length=0)
        case "metadata":
            r.head("302 Found", Location="http://169.254.169.254/latest/", Content_Length=0)
        case _:
            r.whole()


def test_FS2_FS4_FS5_bad_urls_are_given_back_in_time_and_hold_up_no_good_ones(internet: Internet):
    internet.names |= {"localhost": ["127.0.0.1"], "bad.example": [PUBLIC]}
    policy = Policy(timeout=10, max_bytes=1e6)
    with Server(by_path) as server, Server(by_path) as good, Fetcher[str](policy) as fetcher:
        bad = f"http://bad.example:{server.port}"
        hostile = [f"http://{host}:{server.port}/" for host in [*LOOPBACK, *ELSEWHERE]]
        hostile += ["file:///etc/passwd", f"{bad}/inwards", f"{bad}/metadata"]
        broken = [f"{bad}/{kind}" for kind in ("missing", "page", "endless", "drip", "slow")]
        for url in [*hostile, *broken]:
            fetcher.submit(url, url)
        for number in range(100):
            fetcher.submit(f"good {number}", f"http://images.example:{good.port}/{number}")
        outcomes = collected(fetcher)
    order = [tag for tag, _ in outcomes]
    found = dict(outcomes)
    assert len(order) == len(found) == 116
    assert all(isinstance(found[url], FetchRefused) for url in hostile)
    assert set(internet.reached) == {PUBLIC}
    assert all(found[f"good {number}"] == Fetched(FILE, None) for number in range(100))
    # Only the timeout ends these two, and all others had been given back before.
    assert set(order[-2:]) == {f"{bad}/drip", f"{bad}/slow"}
    assert "404" in str(found[f"{bad}/missing"])
    assert found[f"{bad}/page"].media_type == "text/html"
    assert "more than" in str(found[f"{bad}/endless"])
    assert "not all had" in str(found[f"{bad}/drip"]) and "not all had" in str(found[f"{bad}/slow"])


def test_FS4_any_number_of_slow_hosts_holds_up_no_host_that_answers():
    gate = threading.Event()
    slow = [Server(lambda r: gate.wait(60) and r.whole()) for _ in range(20)]
    for server in slow:
        server.__enter__()
    try:
        with Server(lambda r: r.whole()) as good, Fetcher[int](LOCAL, threads=8) as fetcher:
            fetcher.submit(0, good.url)
            assert len(fetcher.done(60)) == 1
            for number, server in enumerate(slow):
                fetcher.submit(1000 + number, server.url)
            while sum(len(server.requests) for server in slow) < 6:
                time.sleep(0.01)
            time.sleep(0.1)  # leaves it time to take what it must not
            for number in range(1, 50):
                fetcher.submit(number, good.url)
            tags: list[int] = []
            while len(tags) < 49:
                tags += [tag for tag, _ in fetcher.done(60)]
            assert sorted(tags) == list(range(1, 50))
            gate.set()
            assert len(collected(fetcher)) == 20
    finally:
        for server in slow:
            server.__exit__()


def test_at_most_so_many_of_one_host_at_a_time():
    most = busy = 0
    lock, three = threading.Lock(), threading.Event()

    def behave(r: Request):
        nonlocal most, busy
        with lock:
            busy += 1
            most = max(most, busy)
            if busy == 3:
                three.set()
        three.wait(60)
        time.sleep(0.01)  # leaves it time to do what it must not
        with lock:
            busy -= 1
        r.whole()

    with Server(behave) as server, Fetcher[int](LOCAL, threads=16, a_host=3) as fetcher:
        for number in range(30):
            fetcher.submit(number, server.url)
        assert len(collected(fetcher)) == 30
    assert most == 3


# --- the fetcher -----------------------------------------------------------------------


def test_FS5_each_comes_back_once_under_its_tag():
    with (
        Server(lambda r: r.whole(r.path.encode(), ETag='"a"')) as server,
        Fetcher[tuple[str, int]](LOCAL) as fetcher,
    ):
        assert fetcher.done(0) == []
        for number in range(50):
            fetcher.submit(("row", number), f"{server.base}/{number}")
        found = collected(fetcher)
        assert fetcher.pending == 0
        assert fetcher.done(60) == []  # at once
    contents = {tag: outcome.content for tag, outcome in found if isinstance(outcome, Fetched)}
    assert contents == {("row", number): b"/%d" % number for number in range(50)}


def test_a_tag_of_the_content_is_sent_along():
    with Server(lambda r: r.head("304 Not Modified")) as server, Fetcher[int](LOCAL) as fetcher:
        fetcher.submit(7, server.url, etag='"a"')
        assert fetcher.done(60) == [(7, Fetched(None, '"a"'))]


def test_content_that_nobody_takes_is_bounded():
    policy = Policy(private=True, max_bytes=1000)
    with (
        Server(lambda r: r.whole(bytes(900))) as server,
        Fetcher[int](policy, threads=1) as fetcher,
    ):
        for number in range(20):
            fetcher.submit(number, server.url)
        counts = []
        while fetcher.pending:
            time.sleep(0.05)  # leaves it time to do what it must not
            counts.append(len(fetcher.done(60)))
    assert sum(counts) == 20
    assert max(counts) <= 3


def test_closing_waits_for_nobody_and_begins_nothing():
    with Server(lambda r: r.hang()) as server:
        fetcher = Fetcher[int](LOCAL, a_host=1)
        for number in range(9):
            fetcher.submit(number, server.url)
        while not server.requests:
            time.sleep(0.01)
        fetcher.close()
        assert fetcher.pending == 0
        assert fetcher.done(60) == []
        assert len(server.requests) == 1
        with pytest.raises(RuntimeError, match="closed"):
            fetcher.submit(0, server.url)


def test_threads_end_when_a_fetcher_is_closed():
    before = set(threading.enumerate())
    with Server(lambda r: r.whole()) as server, Fetcher[int](LOCAL) as fetcher:
        for number in range(20):
            fetcher.submit(number, server.url)
        collected(fetcher)
        mine = [t for t in set(threading.enumerate()) - before if t.name == "pystore fetch"]
        assert mine
    for thread in mine:
        thread.join(60)
        assert not thread.is_alive()


def test_a_mistake_of_ours_is_raised_where_the_outcomes_are_taken():
    with Server(lambda r: r.whole()) as server, Fetcher[int](LOCAL) as fetcher:
        fetcher.submit(0, server.url, etag=7)  # type: ignore[arg-type]  # the mistake
        with pytest.raises(AttributeError):
            fetcher.done(60)


def test_an_error_holds_nothing_of_what_was_read():
    with (
        Server(lambda r: r.whole()) as server,
        Fetcher[int](Policy(private=True, max_bytes=1000)) as fetcher,
    ):
        fetcher.submit(0, server.url)
        ((_, error),) = fetcher.done(60)
    assert isinstance(error, FetchRefused)
    assert error.__traceback__ is error.__context__ is None

"""One URL at a time, from servers that behave and servers that do not."""

import gzip
import socket
import time

import pytest
from internet import PUBLIC, Internet
from misbehaving import FILE, HALF, Behaviour, Request, Server, unused_port

from pystore.db.errors import FetchRefused, NotFetched
from pystore.db.fetching import Policy, fetch

LOCAL = Policy(private=True, timeout=60)


def answer(
    behave: Behaviour, path: str = "/7.png", policy: Policy = LOCAL, etag: str | None = None
):
    with Server(behave) as server:
        return fetch(server.base + path, policy, etag)


def failure(behave: Behaviour, policy: Policy = LOCAL) -> NotFetched:
    with pytest.raises(NotFetched) as caught:
        answer(behave, policy=policy)
    assert caught.value.remedy
    return caught.value


# --- content ---------------------------------------------------------------------------


def test_the_content_comes_with_what_the_server_says_of_it():
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    found = answer(lambda r: r.whole(ETag='"a"', Content_Type="image/png", Last_Modified=date))
    assert (found.content, found.etag) == (FILE, '"a"')
    assert (found.modified, found.media_type) == (date, "image/png")


def by_chunks(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.send(
        f"{HALF:x};ext=1\r\n",
        FILE[:HALF],
        f"\r\n{HALF:X}\r\n",
        FILE[HALF:],
        "\r\n0\r\nT: x\r\n\r\n",
    )


def without_a_length(r: Request):
    r.head("200 OK")
    r.send(FILE)


def after_a_hundred(r: Request):
    r.send("HTTP/1.1 100 Continue\r\n\r\n")
    r.whole()


@pytest.mark.parametrize("behave", [by_chunks, without_a_length, after_a_hundred])
def test_the_content_comes_however_it_is_sent(behave: Behaviour):
    assert answer(behave).content == FILE


def test_a_web_page_is_content_with_its_type():
    found = answer(lambda r: r.whole(b"<html>", Content_Type="text/html"))
    assert (found.content, found.media_type) == (b"<html>", "text/html")


@pytest.mark.parametrize(
    ("sent", "kept", "header"),
    [
        ({"ETag": '"a"', "Last_Modified": "yesterday"}, '"a"', "if-none-match"),
        ({"ETag": 'W/"a"'}, 'W/"a"', "if-none-match"),
        ({"ETag": "a", "Last_Modified": "yesterday"}, "yesterday", "if-modified-since"),
    ],
)
def test_content_that_has_not_changed_is_not_sent_again(sent: dict, kept: str, header: str):
    def behave(r: Request):
        if r.headers.get(header) == kept:
            return r.head("304 Not Modified")
        return r.whole(**sent)

    with Server(behave) as server:
        first = fetch(server.url, LOCAL)
        again = fetch(server.url, LOCAL, first.etag)
    assert (first.etag, again.etag, again.content) == (kept, kept, None)


def test_a_tag_that_cannot_be_sent_back_is_not_kept():
    assert answer(lambda r: r.whole(ETag='"' + 600 * "a" + '"')).etag is None
    assert answer(lambda r: r.whole(ETag='"ä"')).etag is None


def test_a_server_is_asked_as_it_expects(internet: Internet):
    def behave(r: Request):
        r.whole(repr((r.path, r.headers["host"], r.headers.get("authorization"))).encode())

    with Server(behave) as server:
        url = f"http://jim:secret@images.example:{server.port}/ä b.png?q=ü#part"
        found = fetch(url, Policy()).content
    wanted = ("/%C3%A4%20b.png?q=%C3%BC", f"images.example:{server.port}", "Basic amltOnNlY3JldA==")
    assert found == repr(wanted).encode()


def test_a_proxy_of_the_environment_is_not_asked(internet: Internet, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Server(lambda r: r.whole()) as server:
        assert fetch(f"http://images.example:{server.port}/", Policy()).content == FILE
    assert internet.reached == [PUBLIC]


# --- redirects -------------------------------------------------------------------------


def redirecting(times: int) -> Behaviour:
    def behave(r: Request):
        if r.number < times:
            return r.head("302 Found", Location=f"/{r.number}", Content_Length=0)
        return r.whole()

    return behave


def test_five_redirects_are_followed_and_no_sixth():
    assert answer(redirecting(5)).content == FILE
    assert "more than 5 times" in str(failure(redirecting(6)))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_each_kind_of_redirect_is_followed(status: int):
    def behave(r: Request):
        if r.path == "/7.png":
            return r.head(f"{status} Elsewhere", Location="/ä.png".encode().decode("latin-1"))
        return r.whole(r.path.encode())

    assert answer(behave).content == b"/%C3%A4.png"


def test_a_redirect_does_not_leave_the_hosts_that_are_named(internet: Internet):
    internet.names["other.example"] = [PUBLIC]
    policy = Policy(hosts=["images.example"])
    away = Server(lambda r: r.head("302 Found", Location="http://other.example/"))
    with away as server, pytest.raises(FetchRefused, match="not one of hosts") as caught:
        fetch(f"http://images.example:{server.port}/", policy)
    assert caught.value.facts["host"] == "other.example"
    assert internet.looked_up == ["images.example"]


def test_a_password_is_not_sent_to_another_host(internet: Internet):
    internet.names["other.example"] = [PUBLIC]

    def behave(r: Request):
        if r.number == 0:
            return r.head("302 Found", Location=f"http://other.example:{r.server.port}/")
        return r.whole(r.headers.get("authorization", "none").encode())

    with Server(behave) as server:
        found = fetch(f"http://jim:secret@images.example:{server.port}/", Policy())
    assert found.content == b"none"


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("file:///etc/passwd", "neither http nor https"),
        ("ftp://images.example/", "neither http nor https"),
        ("http://[", "no URL of a host"),
    ],
)
def test_a_redirect_to_no_web_address_is_refused(target: str, what: str):
    error = failure(lambda r: r.head("302 Found", Location=target))
    assert (error.what, error.is_final) == (what, True)


# --- too much, too little, something else ----------------------------------------------


def announced(r: Request):
    r.head("200 OK", Content_Length=10**15)
    r.hang()


def endless(r: Request):
    r.head("200 OK")
    while not r.server.closed:
        r.send(FILE)


def endless_chunk(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.send(f"{10**15:x}\r\n")
    while not r.server.closed:
        r.send(FILE)


def negative_chunk(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.send("-1\r\n")
    while not r.server.closed:
        r.send(FILE)


@pytest.mark.parametrize("behave", [announced, endless, endless_chunk, negative_chunk])
def test_FS3_not_more_is_read_than_may_be(behave: Behaviour):
    error = failure(behave, Policy(private=True, timeout=30, max_bytes=1e6))
    assert (error.what, error.is_final) == ("the content has more than 1,000,000 bytes", True)


def test_FS3_the_most_bytes_are_not_too_many():
    policy = Policy(private=True, max_bytes=len(FILE))
    assert answer(without_a_length, policy=policy).content == FILE
    assert answer(lambda r: r.whole(), policy=policy).content == FILE


def compressed(r: Request):
    r.whole(gzip.compress(bytes(10**6)), Content_Encoding="gzip")


def compressed_on_the_way(r: Request):
    r.head("200 OK", Transfer_Encoding="gzip, chunked")


@pytest.mark.parametrize("behave", [compressed, compressed_on_the_way])
def test_FS3_a_compressed_answer_is_refused(behave: Behaviour):
    assert "compressed" in failure(behave).what


def cut(r: Request):
    r.head("200 OK", Content_Length=len(FILE))
    r.send(FILE[:HALF])


def cut_inside_a_chunk(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.send(f"{len(FILE):x}\r\n", FILE[:HALF])


def cut_between_chunks(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.send(f"{HALF:x}\r\n", FILE[:HALF], "\r\n")


def two_lengths(r: Request):
    r.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n", FILE)


def length_of_words(r: Request):
    r.head("200 OK", Content_Length="five")


def nothing(r: Request):
    pass


def nonsense(r: Request):
    r.send(b"\xff\xfe what?\r\n\r\n")


def too_many_headers(r: Request):
    r.head("200 OK", **{f"H{number}": number for number in range(1000)})


def too_long_a_header(r: Request):
    r.head("200 OK", Long=100_000 * "x")


@pytest.mark.parametrize(
    ("behave", "what"),
    [
        (cut, "the connection was cut"),
        (cut_inside_a_chunk, "the connection was cut"),
        (cut_between_chunks, "the connection was cut"),
        (two_lengths, "the answer is no HTTP"),
        (length_of_words, "the answer is no HTTP"),
        (nothing, "the connection was cut"),
        (nonsense, "the answer is no HTTP"),
        (too_many_headers, "the answer is no HTTP"),
        (too_long_a_header, "the answer is no HTTP"),
    ],
)
def test_an_answer_that_is_none_may_be_one_the_next_time(behave: Behaviour, what: str):
    error = failure(behave)
    assert (error.what, error.is_final) == (what, False)


@pytest.mark.parametrize(
    ("status", "is_final"),
    [
        (404, False), (403, False), (429, False), (500, False), (503, False), (999, False),
        (400, True), (410, True), (204, True), (206, True), (304, True), (300, True),
    ],
)  # fmt: skip
def test_a_status_says_whether_another_try_may_help(status: int, is_final: bool):
    error = failure(lambda r: r.head(f"{status} Because", Content_Length=0))
    assert error.is_final == is_final
    assert error.what.startswith(f"the server answers {status}")


# --- what takes long -------------------------------------------------------------------


def silent(r: Request):
    r.hang()


def drip_of_the_status(r: Request):
    r.send("HTTP/1.1 200 ")
    r.drip()


def drip_of_headers(r: Request):
    r.send("HTTP/1.1 200 OK\r\nHeader: ")
    r.drip()


def drip_of_the_body(r: Request):
    r.head("200 OK", Content_Length=len(FILE))
    r.drip()


def drip_of_chunks(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.drip(drop=b"1\r\nx\r\n")


def drip_of_trailers(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.send("0\r\n")
    r.drip(drop=b"T: x\r\n")


def hundreds(r: Request):
    r.drip(drop=b"HTTP/1.1 100 Continue\r\n\r\n")


SLOW = [silent, drip_of_the_status, drip_of_headers, drip_of_the_body, drip_of_chunks,
        drip_of_trailers, hundreds]  # fmt: skip


@pytest.mark.parametrize("behave", SLOW)
def test_FS2_WI2_an_answer_that_does_not_end_is_given_up(behave: Behaviour):
    error = failure(behave, Policy(private=True, timeout=0.5))
    assert (error.what, error.is_final) == ("not all had arrived within 0.5 s", False)


def test_FS2_all_redirects_together_have_one_timeout():
    def behave(r: Request):
        time.sleep(0.3)
        r.head("302 Found", Location=f"/{r.number}")

    with Server(behave) as server, pytest.raises(NotFetched, match="not all had arrived"):
        fetch(server.url, Policy(private=True, timeout=1))
    assert len(server.requests) <= 4


# --- words -----------------------------------------------------------------------------


@pytest.mark.parametrize("behave", [lambda r: r.head("404 Nope"), cut, nonsense, silent, announced])
def test_EQ1_equal_failures_read_equal(behave: Behaviour):
    policy = Policy(private=True, timeout=0.5) if behave is silent else LOCAL
    said = {str(failure(behave, policy)) for _ in range(2)}
    assert len(said) == 1


def test_EQ1_a_password_stands_in_no_message():
    with Server(lambda r: r.head("404 secret")) as server:
        url = f"http://jim:secret@127.0.0.1:{server.port}/secret?token=secret"
        with pytest.raises(NotFetched) as caught:
            fetch(url, LOCAL)
    assert "secret" not in f"{caught.value} {caught.value!r} {caught.value.facts}"


def test_a_host_that_is_not_there_may_come(internet: Internet):
    with pytest.raises(NotFetched, match="name of the host is not known") as caught:
        fetch("http://nowhere.example/", Policy())
    assert not caught.value.is_final

    def busy() -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    internet.names["nowhere.example"] = busy
    with pytest.raises(NotFetched, match="no name server answers"):
        fetch("http://nowhere.example/", Policy())
    with unused_port() as port, pytest.raises(NotFetched, match="refuses connections"):
        fetch(f"http://127.0.0.1:{port}/", LOCAL)

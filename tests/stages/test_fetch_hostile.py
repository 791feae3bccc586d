"""Servers that misbehave: the right error each, nothing committed, and the deadline kept."""

import gzip
from hashlib import sha256

import pytest
from fetching import CALM, HASTY, WRONG, fails, fetching
from misbehaving import FILE, HALF, Request, Server, unused_port

from pystore.errors import ChecksumMismatch, FetchError
from pystore.stages.exchange import Refused, _redirected
from pystore.stages.patience import Patience

# --- the misbehaviours -----------------------------------------------------------------


def wrong_bytes(r: Request):
    r.whole(WRONG)


def cut_with_length(r: Request):
    r.head("200 OK", Content_Length=len(FILE))
    r.send(FILE[:HALF])


def cut_without_length(r: Request):
    r.head("200 OK")
    r.send(FILE[:HALF])


def cut_between_chunks(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.send(f"{HALF:x}\r\n", FILE[:HALF], "\r\n")


def cut_inside_a_chunk(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.send(f"{len(FILE):x}\r\n", FILE[:HALF])


def chunks_of_nonsense(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    r.send("zz\r\n", FILE)


def length_too_small(r: Request):
    r.head("200 OK", Content_Length=10)
    r.send(FILE)


def length_too_large_and_silent(r: Request):
    r.head("200 OK", Content_Length=len(FILE) + 1)
    r.send(FILE)
    r.hang()


def lengths_that_differ(r: Request):
    r.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n", FILE)


def huge_length(r: Request):
    r.head("200 OK", Content_Length=10**15)
    r.hang()


def endless_body(r: Request):
    r.head("200 OK")
    while not r.server.closed:
        r.send(FILE)


def endless_chunks(r: Request):
    r.head("200 OK", Transfer_Encoding="chunked")
    while not r.server.closed:
        r.send(f"{len(FILE):x}\r\n", FILE, "\r\n")


def not_found(r: Request):
    r.head("404 Not Found", Content_Length=0)


def always_500(r: Request):
    r.head("500 Oops", Content_Length=0)


def busy_for_an_hour(r: Request):
    r.head("429 Too Many Requests", Retry_After=3600, Content_Length=0)


def part_of_what_was_not_cut(r: Request):
    r.head("206 Partial Content", Content_Range=f"bytes 0-99/{len(FILE)}", Content_Length=100)
    r.send(FILE[:100])


def nothing_with_204(r: Request):
    r.head("204 No Content")


def redirect_loop(r: Request):
    r.head("302 Found", Location=r.server.url, Content_Length=0)


def redirect_to_a_file(r: Request):
    r.head("302 Found", Location="file:///etc/hostname", Content_Length=0)


def redirect_to_ftp(r: Request):
    r.head("301 Moved", Location="ftp://127.0.0.1/data.bin", Content_Length=0)


def redirect_to_nonsense(r: Request):
    r.head("302 Found", Location="http://[::1", Content_Length=0)


def no_answer(r: Request):
    r.hang()


def closed_at_once(r: Request):
    r.connection.close()


def slow_drip(r: Request):
    r.head("200 OK", Content_Length=len(FILE))
    r.drip()


def slow_headers(r: Request):
    r.send("HTTP/1.1 200 OK\r\n")
    r.drip(drop=b"X-A: b\r\n")


def slow_header_line(r: Request):
    r.send("HTTP/1.1 200 OK\r\nX-A: ")
    r.drip()


def endless_headers(r: Request):
    r.send("HTTP/1.1 200 OK\r\n")
    while not r.server.closed:
        r.send("X-A: b\r\n" * 1000)


def endless_continue(r: Request):
    while not r.server.closed:
        r.send("HTTP/1.1 100 Continue\r\n\r\n" * 100)


def garbage_status_line(r: Request):
    r.send(b"\x00\xff\xfe garbage\r\n\r\n", FILE)


def silent_in_the_middle(r: Request):
    r.head("200 OK", Content_Length=len(FILE))
    r.send(FILE[:HALF])
    r.hang()


BOMB = gzip.compress(bytes(2**24))


def gzip_bomb(r: Request):
    r.whole(BOMB, Content_Encoding="gzip")


def wrong_part_for_ever(r: Request):
    if r.start:
        r.head("206 Partial Content", Content_Range=f"bytes 5-9/{len(FILE)}", Content_Length=5)
        r.send(FILE[5:10])
    else:
        r.head("200 OK", Content_Length=len(FILE), ETag='"a"')
        r.send(FILE[:HALF])


MISBEHAVIOURS = [
    (wrong_bytes, ChecksumMismatch, 1),
    (cut_with_length, FetchError, 3),
    (cut_without_length, ChecksumMismatch, 1),
    (cut_between_chunks, FetchError, 3),
    (cut_inside_a_chunk, FetchError, 3),
    (chunks_of_nonsense, FetchError, 3),
    (length_too_small, ChecksumMismatch, 1),
    (length_too_large_and_silent, FetchError, None),
    (lengths_that_differ, FetchError, None),
    (huge_length, FetchError, 1),
    (endless_body, FetchError, 1),
    (endless_chunks, FetchError, 1),
    (not_found, FetchError, 1),
    (always_500, FetchError, 3),
    (busy_for_an_hour, FetchError, 1),
    (part_of_what_was_not_cut, FetchError, 1),
    (nothing_with_204, FetchError, 1),
    (redirect_loop, FetchError, 11),
    (redirect_to_a_file, FetchError, 1),
    (redirect_to_ftp, FetchError, 1),
    (redirect_to_nonsense, FetchError, None),
    (no_answer, FetchError, None),
    (closed_at_once, FetchError, 3),
    (slow_drip, FetchError, None),
    (slow_headers, FetchError, None),
    (slow_header_line, FetchError, None),
    (endless_headers, FetchError, 3),
    (endless_continue, FetchError, None),
    (garbage_status_line, FetchError, 3),
    (silent_in_the_middle, FetchError, None),
    (gzip_bomb, ChecksumMismatch, 1),
    (wrong_part_for_ever, FetchError, 3),
]


@pytest.mark.parametrize(
    ("behave", "kind", "requests"), MISBEHAVIOURS, ids=[m[0].__name__ for m in MISBEHAVIOURS]
)
def test_DL3_HX1_FE2_a_misbehaving_server_is_an_error_in_time(behave, kind, requests, store):
    with Server(behave) as server:
        error = fails(fetching(server.url, patience=HASTY if requests is None else CALM), store)
        assert type(error) is kind
        assert server.url in str(error)
        assert requests in (None, len(server.requests))


@pytest.mark.parametrize(
    "behave", [no_answer, slow_drip, slow_headers, endless_continue], ids=lambda b: b.__name__
)
def test_DL3_HX1_a_deadline_holds_where_patience_would_not_end(behave, store):
    """With the patience of fetchurl itself, but for the deadline."""
    with Server(behave) as server:
        error = fails(fetching(server.url, patience=Patience(deadline=0.5)), store, 0.5)
        assert error.deadline == "0.5 s"


def test_a_port_where_nobody_listens_is_a_fetch_error(store):
    with unused_port() as port:
        error = fails(fetching(f"http://127.0.0.1:{port}/data.bin"), store)
    assert "Connection refused" in str(error)


def test_a_server_without_tls_is_refused_at_once(store):
    with Server(wrong_bytes) as server:
        url = server.url.replace("http:", "https:")
        assert "SSL" in str(fails(fetching(url), store))


def test_HX3_https_never_goes_on_as_http():
    with pytest.raises(Refused, match="https to http"):
        _redirected("https://a.org/x", "http://a.org/x")
    assert _redirected("http://a.org/x/y", "../z") == "http://a.org/z"
    assert _redirected("https://a.org/x", "//b.org/y") == "https://b.org/y"


def test_a_mismatch_tells_expected_got_and_url(store):
    with Server(wrong_bytes) as server:
        error = fails(fetching(server.url), store)
    assert error.expected == sha256(FILE).hexdigest()
    assert error.got == sha256(WRONG).hexdigest()
    assert error.url == server.url


def test_an_error_shows_no_password_and_no_token(store):
    with Server(not_found) as server:
        url = server.url.replace("//", "//me:secret@") + "?token=secret"
        assert "secret" not in str(fails(fetching(url), store))
    url = server.url.replace("//", "//me:secret@") + "?token=secret"
    assert "secret" not in str(fails(fetching(url), store))

"""Servers that misbehave: the right error each, nothing committed, and the deadline kept."""

import gzip
import time
from functools import partial
from hashlib import sha256

import pytest
from misbehaving import FILE, HALF, Request, Server

from pystore import (
    Derivation,
    PystoreError,
    Realizer,
    lsref,
    match_latest,
    realize,
    rref2path,
)
from pystore.errors import ChecksumMismatch, FetchError
from pystore.stages.exchange import Refused, _redirected
from pystore.stages.fetch import download_file, fetch_file
from pystore.stages.patience import Patience

WRONG = FILE[::-1]
DEADLINE = 1.0
HASTY = Patience(
    deadline=DEADLINE, connect=0.5, silence=0.4, rate=1000, window=0.3, tries=3, backoff=0.01
)


def fetching(*urls: str, max_bytes: int = 10**7, patience: Patience = HASTY) -> Derivation:
    """fetchurl, in a hurry."""
    digits = sha256(FILE).hexdigest()
    config = {"sha256": digits, "mode": "as-is", "filename": "data.bin", "name": "data"}
    bring = partial(download_file, sources=urls, patience=patience, max_bytes=max_bytes)
    return Derivation(config, match_latest(), Realizer(partial(fetch_file, bring=bring)))


def fails(derivation: Derivation, store, deadline: float = DEADLINE) -> PystoreError:
    """The error of a fetch; nothing is committed, nothing is left, the deadline is kept."""
    start = time.monotonic()
    with pytest.raises(PystoreError) as caught:
        realize(derivation)
    assert time.monotonic() - start < deadline + 1
    assert lsref(derivation.dref) == []
    assert [p for p in (store.root / "tmp").iterdir() if p.is_dir()] == []
    return caught.value


def succeeds(derivation: Derivation) -> None:
    path = rref2path(realize(derivation)) / "data.bin"
    assert path.read_bytes() == FILE


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
def test_a_misbehaving_server_is_an_error_in_time(behave, kind, requests, store):
    with Server(behave) as server:
        error = fails(fetching(server.url), store)
        assert type(error) is kind
        assert server.url in str(error)
        assert requests in (None, len(server.requests))


@pytest.mark.parametrize(
    "behave", [no_answer, slow_drip, slow_headers, endless_continue], ids=lambda b: b.__name__
)
def test_a_deadline_holds_where_patience_would_not_end(behave, store):
    """With the patience of fetchurl itself, but for the deadline."""
    with Server(behave) as server:
        error = fails(fetching(server.url, patience=Patience(deadline=0.5)), store, 0.5)
        assert error.deadline == "0.5 s"


def test_a_port_where_nobody_listens_is_a_fetch_error(store):
    with Server(no_answer) as server:
        pass
    assert "Connection refused" in str(fails(fetching(server.url), store))


def test_a_server_without_tls_is_refused_at_once(store):
    with Server(wrong_bytes) as server:
        url = server.url.replace("http:", "https:")
        assert "SSL" in str(fails(fetching(url), store))


def test_https_never_goes_on_as_http():
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


# --- what a good client copes with -----------------------------------------------------


def test_a_server_that_fails_twice_is_asked_three_times(store):
    def behave(r: Request):
        r.whole() if r.number == 2 else r.head("503 Busy", Content_Length=0)

    with Server(behave) as server:
        succeeds(fetching(server.url))
        assert len(server.requests) == 3


def test_retry_after_is_honoured(store):
    def behave(r: Request):
        r.whole() if r.number else r.head("429 Busy", Retry_After=1, Content_Length=0)

    start = time.monotonic()
    with Server(behave) as server:
        succeeds(fetching(server.url, patience=Patience(deadline=5, backoff=0.01)))
    assert time.monotonic() - start >= 1


def resumable(r: Request, tag: str = '"a"', content: bytes = FILE, **headers: object):
    """Drops the first connection half-way, and continues as asked after that."""
    if r.number == 0:
        r.head("200 OK", Content_Length=len(FILE), ETag='"a"')
        r.send(FILE[:HALF])
    elif r.start:
        where = f"bytes {r.start}-{len(content) - 1}/{len(content)}"
        rest = content[r.start :]
        all_headers = {"Content_Range": where, "ETag": tag, "Content_Length": len(rest)}
        r.head("206 Partial Content", **{**all_headers, **headers})
        r.send(rest)
    else:
        r.whole(content)


def test_a_dropped_connection_is_resumed_where_it_broke(store):
    with Server(resumable) as server:
        succeeds(fetching(server.url))
        second = server.requests[1].headers
        assert len(server.requests) == 2
        assert second["if-range"] == '"a"'
        assert 0 < int(second["range"][6:-1]) <= HALF


def test_last_modified_serves_where_there_is_no_tag(store):
    date = "Wed, 21 Oct 2015 07:28:00 GMT"

    def behave(r: Request):
        if r.start:
            assert r.headers["if-range"] == date
            where = f"bytes {r.start}-{len(FILE) - 1}/{len(FILE)}"
            r.head("206 Partial Content", Content_Range=where, Last_Modified=date)
            return r.send(FILE[r.start :])
        r.head("200 OK", Content_Length=len(FILE), Last_Modified=date, ETag='W/"weak"')
        r.send(FILE[:HALF])

    with Server(behave) as server:
        succeeds(fetching(server.url))
        assert len(server.requests) == 2


def test_without_a_tag_or_a_date_a_download_starts_again(store):
    def behave(r: Request):
        assert r.start == 0
        r.whole() if r.number else cut_with_length(r)

    with Server(behave) as server:
        succeeds(fetching(server.url))
        assert "range" not in server.requests[1].headers


def test_a_server_that_ignores_the_range_starts_again(store):
    def behave(r: Request):
        r.whole() if r.number else resumable(r)

    with Server(behave) as server:
        succeeds(fetching(server.url))
        assert server.requests[1].start > 0


RESUMES = {
    "another_start": {"Content_Range": f"bytes 0-{len(FILE) - 1}/{len(FILE)}"},
    "another_total": {"Content_Range": f"bytes {HALF}-{len(FILE)}/{len(FILE) + 1}"},
    "no_range": {"Content_Range": "none"},
    "another_tag": {"ETag": '"b"'},
}


@pytest.mark.parametrize("headers", RESUMES.values(), ids=list(RESUMES))
def test_a_part_that_does_not_continue_is_not_appended(headers, store):
    with Server(partial(resumable, **headers)) as server:
        succeeds(fetching(server.url))
        assert [bool(r.start) for r in server.requests] == [False, True, False]


def test_a_range_that_cannot_be_satisfied_starts_again(store):
    def behave(r: Request):
        if r.start:
            return r.head("416 Range Not Satisfiable", Content_Length=0)
        resumable(r)

    with Server(behave) as server:
        succeeds(fetching(server.url))
        assert len(server.requests) == 3


def test_two_files_under_one_tag_are_told_apart_by_the_hash(store):
    def behave(r: Request):
        if r.number == 0:
            r.head("200 OK", Content_Length=len(FILE), ETag='"a"')
            return r.send(WRONG[:HALF])
        resumable(r)

    with Server(behave) as server:
        succeeds(fetching(server.url))
        assert len(server.requests) == 3


def test_a_redirect_with_an_endless_body_is_followed_without_reading_it(store):
    def behave(r: Request):
        if r.path == "/there":
            return r.whole()
        r.head("302 Found", Location="/there")
        r.drip(pause=0.001, drop=FILE)

    with Server(behave) as server:
        succeeds(fetching(server.url))


def test_a_wrong_source_hands_on_to_the_next(store):
    with Server(wrong_bytes) as first, Server(no_answer) as second, Server(Request.whole) as third:
        succeeds(fetching(first.url, second.url, third.url, patience=Patience(deadline=2)))


def test_where_all_fail_a_wrong_hash_is_what_is_told(store):
    with Server(not_found) as first, Server(wrong_bytes) as second, Server(always_500) as third:
        error = fails(fetching(first.url, second.url, third.url), store)
    assert type(error) is ChecksumMismatch
    assert error.url == second.url
    assert "404" in error.tried
    assert "500" in error.tried


def test_a_full_disk_is_no_fault_of_the_server(store, monkeypatch):
    """An error of this machine ends the fetch, with its number; no source is asked again."""
    from pystore.stages.download import Body

    def full(self, chunk):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Body, "write", full)
    with Server(Request.whole) as server:
        error = fails(fetching(server.url), store)
        assert error.errno == 28
        assert len(server.requests) == 1

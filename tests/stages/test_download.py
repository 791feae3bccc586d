"""Downloads that succeed after all: retries, resumed connections, other sources."""

import time
from functools import partial

import pytest
from fetching import WRONG, fails, fetching, succeeds
from misbehaving import FILE, HALF, Request, Server
from test_fetch_hostile import always_500, cut_with_length, no_answer, not_found, wrong_bytes

from pystore.errors import ChecksumMismatch
from pystore.stages.patience import Patience


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
        succeeds(fetching(server.url, patience=Patience(deadline=300, backoff=0.01)))
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


def test_DL1_without_a_tag_or_a_date_a_download_starts_again(store):
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
def test_DL1_a_part_that_does_not_continue_is_not_appended(headers, store):
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


def test_DL1_two_files_under_one_tag_are_told_apart_by_the_hash(store):
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


def test_DL2_a_wrong_source_hands_on_to_the_next(store):
    patience = Patience(deadline=6, tries=1)  # half of it is left for the third
    with Server(wrong_bytes) as first, Server(no_answer) as second, Server(Request.whole) as third:
        succeeds(fetching(first.url, second.url, third.url, patience=patience))


def test_DL2_where_all_fail_a_wrong_hash_is_what_is_told(store):
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


def test_HX2_what_arrives_is_what_was_sent_whatever_a_header_calls_it(store):
    """A body that says that it is packed stays as it is: so none can blow up."""
    with Server(lambda r: r.whole(Content_Encoding="gzip")) as server:
        succeeds(fetching(server.url))
        assert server.requests[0].headers["accept-encoding"] == "identity"

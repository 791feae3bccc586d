"""Addresses of remotes: what can be none is refused, and what is secret stays so."""

from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, match_latest
from pystore.errors import BadPlace
from pystore.store.remote.address import check_address, shown_address, without_secrets

SHOWN = {
    "http://127.0.0.1:8080/store@v1": "http://127.0.0.1:8080/store@v1",
    "s3://bucket/run:1@x": "s3://bucket/run:1@x",
    "/home/me/lab": "/home/me/lab",
    "s3://lab/a@b/c": "s3://lab/a@b/c",
    "sftp://me@lab/x": "sftp://me@lab/x",
    "sftp://me:secret@lab/x": "sftp://me:…@lab/x",
    "sftp://me:se/cr@et@lab/x": "sftp://me:…@lab/x",
    "s3://KEY:SEC/RET@lab/x": "s3://KEY:…@lab/x",
    "http://me:se%40cret@lab/x": "http://me:…@lab/x",
    "http://TOKEN@lab/x": "http://…@lab/x",
    "http://lab/x?token=TOKEN": "http://lab/x?…",
    "simplecache::http://me:secret@lab": "simplecache::http://me:…@lab",
}


@pytest.mark.parametrize("address", SHOWN)
def test_AD1_an_address_is_shown_without_what_is_secret(address):
    assert shown_address(address) == SHOWN[address]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://me:se%40cret@lab", "401 for http://me:se%40cret@lab/x, with se@cret"),
        ("http://TOKEN@lab", "no TOKEN is known"),
        ("s3://lab/x", "cannot reach http://me:secret@endpoint:9/lab?X-Amz-Signature=TOKEN"),
        ("sftp://me:se@cr/et@lab", "me: se@cr/et was refused"),
    ],
)
def test_AD1_what_a_service_says_is_shown_without_what_is_secret(address, said):
    told = without_secrets(said, address)
    assert not [word for word in ("se%40", "cret", "TOKEN", "cr/et") if word in told]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "no place was named"),
        ("http:/lab/results", "two slashes"),
        (Path("s3://lab/results"), "two slashes"),
        ("s3://KEY:HIDDEN@lab/x", "keys have no place"),
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("http://lab/x?token=TOKEN", "has no query"),
    ],
)
def test_AD2_what_can_be_no_address_is_refused_before_any_work(store, address, message):
    stage = Derivation({"name": "x"}, match_latest(), lambda b: None)
    rref = ps.realize(stage)
    for use in (
        lambda: check_address(address),
        lambda: ps.push(rref, address),
        lambda: ps.pull(rref, address),
        lambda: ps.realize(stage, substitute=[address]),
    ):
        with pytest.raises(BadPlace, match=message) as told:
            use()
        assert not [word for word in ("HIDDEN", "TOKEN") if word in str(told.value)]


def test_AD2_wrong_options_and_malformed_urls_are_mistakes(store):
    rref = ps.realize(Derivation({"name": "x"}, match_latest(), lambda b: None))
    with pytest.raises(BadPlace, match="nonsense"):
        ps.pull(rref, "http://127.0.0.1:1/x", options={"client_kwargs": {"nonsense": 1}})
    with pytest.raises(BadPlace, match="no place that pystore can use"):
        ps.pull(rref, "http://[::1")

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.db.errors import BadField
from pystore.db.strangers.policy import Policy, is_public, kind_of

PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NOT_PUBLIC = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::1",
    "::",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:1::1",
    "2001:db8::1",
    "100::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_admitted(address: str):
    assert Policy().admits(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_PB1_addresses_that_are_not_public_are_admitted_by_hand_only(address: str):
    assert not Policy().admits(address)
    assert Policy(private=True).admits(address)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}"]))
def test_PB1_an_address_inside_another_counts_as_itself(address, written):
    assert Policy().admits(written.format(address)) == is_public(address)


def test_networks_admit_their_own_addresses():
    policy = Policy(private=["10.0.0.0/8", "fd00::/8", "192.168.1.7"])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::7", "192.168.1.7", "8.8.8.8"):
        assert policy.admits(address)
    for address in ("192.168.1.8", "127.0.0.1", "fc00::1"):
        assert not policy.admits(address)


@pytest.mark.parametrize(
    ("address", "kind"),
    [("::ffff:127.0.0.1", "loopback"), ("169.254.1.1", "link-local"), ("100.64.0.1", "private")],
)
def test_a_kind_of_address_has_a_word(address: str, kind: str):
    assert kind_of(address) == kind


def test_hosts_are_those_that_are_named():
    policy = Policy(hosts=["Images.example.com", "*.cdn.example", "bücher.example", "1.2.3.4"])
    for host in ("images.example.com", "images.example.com.", "a.cdn.example", "a.b.cdn.example"):
        assert policy.admits_host(host)
    assert policy.admits_host("xn--bcher-kva.example")
    for host in ("example.com", "evilimages.example.com", "evilcdn.example", "cdn.example", ""):
        assert not policy.admits_host(host)
    assert Policy().admits_host("anything")
    assert not Policy(hosts=[]).admits_host("anything")


@pytest.mark.parametrize(
    "wrong",
    [
        {"hosts": "images.example.com"},
        {"hosts": [7]},
        {"hosts": ["https://images.example.com"]},
        {"hosts": ["images.example.com/folder"]},
        {"hosts": [""]},
        {"hosts": ["*"]},
        {"hosts": ["a..b"]},
        {"private": "10.0.0.0/8"},
        {"private": ["10.0.0.1/8"]},
        {"private": ["intranet"]},
        {"private": 1},
        {"timeout": 0},
        {"timeout": "10"},
        {"timeout": float("inf")},
        {"max_bytes": True},
        {"max_bytes": float("nan")},
        {"root": 7},
    ],
    ids=str,
)
def test_a_policy_that_has_no_meaning_is_refused(wrong: dict):
    with pytest.raises(BadField) as caught:
        Policy(**wrong)
    assert caught.value.remedy


def test_equal_policies_are_equal_however_they_are_given():
    given = Policy(hosts=["B.example", "a.example"], private=["10.0.0.0/8"], max_bytes=20e6)
    again = Policy(hosts=("b.example", "a.example"), private=("10.0.0.0/8",), max_bytes=20_000_000)
    assert given == again
    assert hash(given) == hash(again)

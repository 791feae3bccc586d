import pytest

from pystore.db.errors import FetchRefused
from pystore.db.strangers.web_address import WebAddress


@pytest.mark.parametrize(
    ("text", "netloc", "target"),
    [
        ("https://images.example/7.png", "images.example", "/7.png"),
        (" HTTP://Images.Example:80 ", "images.example", "/"),
        ("http://images.example:8080?a=b#part", "images.example:8080", "/?a=b"),
        ("http://[::1]:81/x", "[::1]:81", "/x"),
        ("http://bücher.example/ä b.png?q=ü", "xn--bcher-kva.example", "/%C3%A4%20b.png?q=%C3%BC"),
        ("http://images.example/a%20b/../c", "images.example", "/a%20b/../c"),
        ("http://①②⑦.⓪.⓪.①/", "127.0.0.1", "/"),
        ("http://good.example\\@evil.example/", "evil.example", "/"),
    ],
)
def test_an_address_has_the_parts_that_a_request_needs(text: str, netloc: str, target: str):
    found = WebAddress.of(text)
    assert (found.netloc, found.target) == (netloc, target)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("images.example/7.png", "a URL without a scheme"),
        ("", "a URL without a scheme"),
        ("ftp://images.example/7.png", "neither http nor https"),
        ("javascript:alert(1)", "neither http nor https"),
        ("http://", "no URL of a host"),
        ("http:///7.png", "no URL of a host"),
        ("http://[::1", "no URL of a host"),
        ("http://images.example:port/", "no URL of a host"),
        ("http://images.example:99999/", "no URL of a host"),
        ("http://images..example/", "no URL of a host"),
        ("http://" + 64 * "a" + ".example/", "no URL of a host"),
        ("http://two words.example/", "no URL of a host"),
        ("http://a\0b/", "no URL of a host"),
        ("http://[fe80::1%25eth0]/", "no URL of a host"),
        ("http://images.example/" + 9000 * "a", "no URL of a host"),
    ],
)
def test_a_text_that_is_no_address_is_refused_for_good(text: str, what: str):
    with pytest.raises(FetchRefused) as caught:
        WebAddress.of(text)
    assert caught.value.what == what
    assert caught.value.is_final
    assert caught.value.remedy


def test_a_password_is_sent_and_not_shown():
    found = WebAddress.of("https://jim:pass%20word@images.example/")
    assert found.authorization == "Basic amltOnBhc3Mgd29yZA=="
    assert "pass" not in repr(found)


def test_a_redirect_leads_from_here():
    here = WebAddress.of("https://jim:secret@images.example/folder/a.png")
    assert here.redirected("b.png").target == "/folder/b.png"
    assert here.redirected("//other.example/b.png").host == "other.example"
    assert here.redirected("https://other.example/").authorization is None
    with pytest.raises(FetchRefused, match="from https to http"):
        here.redirected("http://images.example/")
    with pytest.raises(FetchRefused, match="neither http nor https"):
        here.redirected("file:///etc/passwd")

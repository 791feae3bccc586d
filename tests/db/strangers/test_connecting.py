"""Connections: to which address, for how long, over TLS, and used again."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from internet import PUBLIC, Internet
from misbehaving import FILE, Request, Server

from pystore.db.errors import FetchRefused, NotFetched
from pystore.db.fetching import Fetcher, Policy, fetch
from pystore.db.strangers import wire
from pystore.db.strangers.web_address import WebAddress

# --- addresses -------------------------------------------------------------------------


def test_WI1_the_address_that_was_checked_is_the_one_that_is_reached(internet: Internet):
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    internet.names["images.example"] = lambda: next(answers)
    with Server(lambda r: r.whole()) as server:
        assert fetch(f"http://images.example:{server.port}/", Policy()).content == FILE
    assert internet.looked_up == ["images.example"]
    assert internet.reached == [PUBLIC]


def test_WI1_a_name_that_leads_elsewhere_after_a_redirect_is_checked_again(internet: Internet):
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    internet.names["images.example"] = lambda: next(answers)
    with (
        Server(lambda r: r.head("302 Found", Location="/again")) as server,
        pytest.raises(FetchRefused, match="not public"),
    ):
        fetch(f"http://images.example:{server.port}/", Policy())
    assert internet.reached == [PUBLIC]


def test_addresses_of_a_name_that_are_not_public_are_left_out(internet: Internet):
    internet.names["images.example"] = ["10.0.0.1", "::1", PUBLIC]
    with Server(lambda r: r.whole()) as server:
        assert fetch(f"http://images.example:{server.port}/", Policy()).content == FILE
    assert internet.reached == [PUBLIC]


def test_the_next_address_is_tried_where_one_refuses(internet: Internet):
    internet.names["images.example"] = ["127.0.0.7", PUBLIC]
    with Server(lambda r: r.whole()) as server:
        policy = Policy(private=["127.0.0.7"])
        assert fetch(f"http://images.example:{server.port}/", policy).content == FILE
    assert internet.reached == ["127.0.0.7", PUBLIC]


def test_WI2_a_name_server_that_does_not_answer_holds_up_nobody(internet: Internet):
    answered = threading.Event()
    internet.names["silent.example"] = lambda: [PUBLIC] if answered.wait(60) else []
    with Server(lambda r: r.whole()) as server, Fetcher[str](Policy(timeout=5)) as fetcher:
        fetcher.submit("silent", f"http://silent.example:{server.port}/")
        fetcher.submit("good", f"http://images.example:{server.port}/")
        ended = [outcome for _ in range(2) for outcome in fetcher.done(60)]
        assert [tag for tag, _ in ended] == ["good", "silent"]
        assert "not all had arrived" in str(ended[1][1])
        assert not answered.is_set()
        answered.set()


# --- TLS -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for images.example that nobody has signed, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "images.example")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("images.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    kind = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, *kind)
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The certificate is one that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    wire.trust.cache_clear()
    yield
    wire.trust.cache_clear()


@pytest.mark.usefixtures("trusted")
def test_content_comes_over_tls(internet: Internet, tls: ssl.SSLContext):
    with Server(lambda r: r.whole(), tls=tls) as server:
        assert fetch(f"https://images.example:{server.port}/", Policy()).content == FILE


def test_a_certificate_that_nobody_trusts_is_an_error(internet: Internet, tls: ssl.SSLContext):
    with (
        Server(lambda r: r.whole(), tls=tls) as server,
        pytest.raises(NotFetched, match="certificate of the host is not valid: self"),
    ):
        fetch(f"https://images.example:{server.port}/", Policy())
    assert server.requests == []


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_name_is_an_error(internet: Internet, tls: ssl.SSLContext):
    internet.names["other.example"] = [PUBLIC]
    with (
        Server(lambda r: r.whole(), tls=tls) as server,
        pytest.raises(NotFetched, match="certificate of the host is not valid: Hostname"),
    ):
        fetch(f"https://other.example:{server.port}/", Policy())


def test_a_server_without_tls_is_an_error():
    with (
        Server(lambda r: r.whole()) as server,
        pytest.raises(NotFetched, match="does not speak TLS"),
    ):
        fetch(f"https://127.0.0.1:{server.port}/", Policy(private=True))


@pytest.mark.usefixtures("trusted")
def test_WI2_a_drip_over_tls_is_given_up(tls: ssl.SSLContext):
    def behave(r: Request):
        r.head("200 OK", Content_Length=len(FILE))
        r.drip()

    with (
        Server(behave, tls=tls) as server,
        pytest.raises(NotFetched, match="not all had arrived"),
    ):
        fetch(server.url, Policy(private=True, timeout=1))


def test_WI2_a_handshake_that_does_not_begin_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(NotFetched, match="not all had arrived"):
            fetch(url, Policy(private=True, timeout=0.3))


# --- used again ------------------------------------------------------------------------


def served_on_one_line(times: int):
    """Answers so many requests on a connection, and closes it then."""

    def behave(r: Request):
        for _ in range(times):
            r.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            if not r.connection.recv(65536):
                return

    return behave


def fetched_in_turn(server: Server, times: int) -> list[bytes | None]:
    with Fetcher[int](Policy(private=True), threads=1) as fetcher:
        contents = []
        for number in range(times):
            fetcher.submit(number, server.url)
            contents += [getattr(found, "content", None) for _, found in fetcher.done(60)]
        return contents


def test_a_line_serves_again():
    with Server(served_on_one_line(100)) as server:
        assert fetched_in_turn(server, 9) == 9 * [b"hi"]
    assert server.connections == 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_line_that_the_server_closes_is_made_anew(times: int):
    with Server(served_on_one_line(times)) as server:
        assert fetched_in_turn(server, 9) == 9 * [b"hi"]


def test_bytes_that_nobody_asked_for_are_not_the_next_answer():
    sent = threading.Event()

    def behave(r: Request):
        r.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        if r.number == 0:
            taken.wait(60)
            r.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanother")
            sent.set()
            r.hang()

    taken = threading.Event()
    with Server(behave) as server, Fetcher[int](Policy(private=True), threads=1) as fetcher:
        for number in range(2):
            fetcher.submit(number, server.url)
            ((_, found),) = fetcher.done(60)
            assert found.content == b"hi"
            taken.set()
            assert sent.wait(60)
    assert server.connections == 2


def redirect_with_a_body(r: Request):
    if r.number == 0:
        r.send("HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 5\r\n\r\nhello")
        r.hang()
    r.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")


def not_found_with_a_body(r: Request):
    if r.number == 0:
        r.send("HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nhello")
        r.hang()
    r.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")


@pytest.mark.parametrize(
    ("behave", "contents"),
    [(redirect_with_a_body, [b"hi"]), (not_found_with_a_body, [None, b"hi"])],
)
def test_a_line_whose_answer_was_not_read_does_not_serve_again(behave, contents):
    with Server(behave) as server:
        assert fetched_in_turn(server, len(contents)) == contents
    assert server.connections == 2


def test_a_line_that_comes_back_too_late_is_closed():
    resting = wire.Lines()
    resting.close()
    with Server(lambda r: r.hang()) as server:
        where = WebAddress.of(server.url)
        line = wire.Line(where, Policy(private=True), wire.Deadline(60))
        assert line.is_open
        resting.give(where, line)
        assert not line.is_open


def test_lines_that_rest_are_closed_in_the_end():
    ended = threading.Event()

    def behave(r: Request):
        served_on_one_line(100)(r)
        ended.set()

    with Server(behave) as server:
        fetched_in_turn(server, 1)
        assert ended.wait(60)

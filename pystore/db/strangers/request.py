"""Requests: the content that one URL leads to, with its redirects."""

from contextlib import suppress
from http.client import HTTPMessage, HTTPResponse
from os import fstat, read

from ...core.dataclasses import dataclass
from ..errors import FetchRefused
from .failures import bad_status, in_our_words
from .local_files import local_path, opened
from .policy import Policy
from .web_address import WebAddress
from .wire import Deadline, Line, Lines

_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_CHUNK = 1 << 16  # [bytes]


@dataclass(frozen=True)
class Fetched:
    """The content that a URL led to."""

    content: bytes | None  # None when the content is as it was when `etag` was given
    etag: str | None  # to be given when the URL is fetched again
    modified: str | None = None  # since when the content is so, as the server says
    media_type: str | None = None  # as the server says, such as "image/png"


def fetch_one(url: str, policy: Policy, etag: str | None, lines: Lines) -> Fetched:
    """The content of a URL, or of a file below the root. Raises NotFetched."""
    path = local_path(url)
    if path is not None and policy.root is not None:
        return _from_file(path, str(policy.root), policy, etag)
    if path is not None and url.startswith("file:"):
        raise FetchRefused(
            "a local file, and no root=", remedy='root="…" names the folder whose files may be read'
        )
    request = _Request(policy, Deadline(policy.timeout), etag, lines)
    where = WebAddress.of(url)
    for _ in range(_MOST_REDIRECTS + 1):
        with in_our_words(where.host, policy.timeout):
            found = request.step(where)
        if isinstance(found, Fetched):
            return found
        where = found
    raise FetchRefused(
        f"redirects more than {_MOST_REDIRECTS} times",
        host=where.host,
        remedy="name the URL where the content is",
    )


def _from_file(path: str, root: str, policy: Policy, etag: str | None) -> Fetched:
    with opened(path, root) as descriptor:
        state = fstat(descriptor)
        _check_size(state.st_size, policy)
        seen = f'"{state.st_ino:x}-{state.st_size:x}-{state.st_mtime_ns:x}"'
        if seen == etag:
            return Fetched(None, etag)
        content = bytearray()
        while chunk := read(descriptor, _CHUNK):
            content += chunk
            _check_size(len(content), policy)
        return Fetched(bytes(content), seen)


def _check_size(size: int, policy: Policy) -> None:
    if size > policy.max_bytes:
        raise FetchRefused(
            f"the content has more than {policy.max_bytes:,} bytes",
            remedy="max_bytes=… with more, if such content is wanted",
        )


# --- from the web ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Request:
    """A request, which may go from one server to another."""

    policy: Policy
    until: Deadline
    etag: str | None
    lines: Lines

    def step(self, where: WebAddress) -> Fetched | WebAddress:
        """The content, or the address that the server points to."""
        if not self.policy.admits_host(where.host):
            raise FetchRefused("the host is not one of hosts=", remedy="add the host, if it may be")
        line, answer = self._asked(where)
        is_whole = False
        try:
            found = self._judged(where, answer)
            is_whole = isinstance(found, Fetched) and not answer.will_close
            return found
        finally:
            answer.close()
            if is_whole:
                self.lines.give(where, line)
            else:
                line.close()

    def _asked(self, where: WebAddress) -> tuple[Line, HTTPResponse]:
        resting = self.lines.take(where)
        if resting is not None:
            with suppress(ConnectionError):  # the server has closed the line meanwhile
                return resting, self._ask(resting, where)
        line = Line(where, self.policy, self.until)
        return line, self._ask(line, where)

    def _ask(self, line: Line, where: WebAddress) -> HTTPResponse:
        headers = {"Host": where.netloc, "User-Agent": "pystore", "Accept": "*/*"}
        headers |= {"Accept-Encoding": "identity", **_condition(self.etag)}
        if where.authorization is not None:
            headers["Authorization"] = where.authorization
        try:
            return line.ask(where.target, headers, self.until)
        except BaseException:
            line.close()
            raise

    def _judged(self, where: WebAddress, answer: HTTPResponse) -> Fetched | WebAddress:
        headers = answer.headers
        target = headers.get("Location")
        if answer.status in _REDIRECTS and target:
            return where.redirected(_utf8(target))
        if answer.status == 304 and self.etag:
            return Fetched(None, self.etag)
        if answer.status not in (200, 203):
            raise bad_status(answer.status)
        _check_coding(headers)
        modified, media_type = headers.get("Last-Modified"), headers.get("Content-Type")
        return Fetched(self._content(answer), _validator(headers), modified, media_type)

    def _content(self, answer: HTTPResponse) -> bytes:
        _check_size(answer.length or 0, self.policy)
        content = bytearray()
        while chunk := answer.read1(_CHUNK):
            content += chunk
            _check_size(len(content), self.policy)
        if answer.length:  # as many were to come
            raise ConnectionError
        return bytes(content)


def _check_coding(headers: HTTPMessage) -> None:
    lengths = {text.strip() for text in headers.get_all("Content-Length", [])}
    if len(lengths) > 1 or not all(text.isascii() and text.isdigit() for text in lengths):
        raise ValueError("no length")
    coded = headers.get("Content-Encoding", "identity").strip().lower()
    sent = headers.get("Transfer-Encoding", "chunked").strip().lower()
    if coded not in ("identity", "") or sent != "chunked":
        raise FetchRefused(
            "the answer is compressed, and could grow like a bomb",
            remedy="let the server send the content as it is, as `Accept-Encoding: identity` asks",
        )


def _condition(etag: str | None) -> dict[str, str]:
    if etag is None:
        return {}
    is_tag = etag.startswith(('"', 'W/"'))
    return {"If-None-Match" if is_tag else "If-Modified-Since": etag}


def _validator(headers: HTTPMessage) -> str | None:
    """The tag of the content, or else its date: either can be sent back."""
    tag, date = headers.get("ETag", "").strip(), headers.get("Last-Modified", "").strip()
    found = tag if tag.startswith(('"', 'W/"')) else date
    return found if found and len(found) < 500 and found.isascii() and found.isprintable() else None


def _utf8(header: str) -> str:
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header

"""Download: a file from the first of several sources that sends the right bytes.

DL1  The bytes of a file come from one answer, or from answers that the server calls one file.
DL2  If a source fails, or sends something else, the next is asked; the reason is kept.
DL3  Deadline and size limit hold whatever the servers do.
"""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from pystore.errors import ChecksumMismatch, FetchError

from .checksums import Checksums
from .exchange import Dropped, Exchange, Head, Refused, shown_url
from .patience import Countdown, Patience

MAX_BYTES = 100 * 2**30

_RETRY = {408, 425, 429, 500, 502, 503, 504}
_TELL = 0.1  # [s] between two reports of progress

Progress = Callable[[int, int | None], object]  # bytes so far, bytes in all if known


class Body:
    """The bytes received so far: hashed, and written to `path` when there is one."""

    def __init__(self, path: Path | None, checksums: Checksums) -> None:
        self._checksums = checksums
        self._file = path.open("xb", buffering=0) if path else None
        self.restart()

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._file:
            self._file.close()

    def restart(self) -> None:
        """Forgets all bytes."""
        if self._file:
            self._file.seek(0)
            self._file.truncate()
        self.hasher = self._checksums.hasher()
        self.size = 0
        self.total: int | None = None  # as the server declared it
        self.validator: str | None = None  # ETag or date, by which the server's file is known again
        self.resumed = False

    def write(self, chunk: bytes) -> None:
        """Adds bytes."""
        rest = memoryview(chunk)
        while self._file and rest:
            rest = rest[self._file.write(rest) :]
        self.hasher.update(chunk)
        self.size += len(chunk)


class Download:
    """A download of one file, from sources that are asked in turn."""

    def __init__(
        self,
        sources: Sequence[str],
        checksums: Checksums,
        *,
        patience: Patience,
        max_bytes: int,
        progress: Progress = lambda done, total: None,
    ) -> None:
        self._sources = sources
        self._checksums = checksums
        self._patience = patience
        self._max_bytes = max_bytes
        self._progress = progress
        self._countdown = Countdown(patience.deadline)
        self._said: list[str] = []
        self._wrong: tuple[str, str, str] | None = None  # expected, got, url
        self._told = 0.0  # [s], when progress was last told

    def into(self, body: Body) -> str:
        """Fills `body`, and returns the source that served.

        Raises ChecksumMismatch when a source sent something else, FetchError when none sent all.
        """
        for number, source in enumerate(self._sources):
            try:
                if self._fetched(source, len(self._sources) - number, body):
                    return source
            except (Refused, Dropped) as error:
                self._said.append(f"{shown_url(source)}: {error}")
            if self._countdown.over:
                break
        raise self._failure()

    def _fetched(self, source: str, sources_left: int, body: Body) -> bool:
        self._try_often(source, sources_left, body)
        wrong = self._checksums.wrong(body.hasher.digests)
        if wrong and body.resumed:
            # The server may have taken two files for one: judge it by one whole answer.
            self._try_often(source, sources_left, body)
            wrong = self._checksums.wrong(body.hasher.digests)
        if wrong:
            self._said.append(f"{shown_url(source)}: sent {wrong[1]}")
            self._wrong = self._wrong or (*wrong, shown_url(source))
        return not wrong

    # --- one source --------------------------------------------------------------------

    def _try_often(self, source: str, sources_left: int, body: Body) -> None:
        body.restart()
        for number in range(self._patience.tries):
            try:
                return self._try(source, sources_left, body)
            except Dropped as dropped:
                if number + 1 == self._patience.tries or self._countdown.over:
                    raise
                self._pause(number, dropped)

    def _pause(self, number: int, dropped: Dropped) -> None:
        wait = max(self._patience.backoff * 2**number, dropped.after)
        if wait >= self._countdown.left:
            raise Refused(f"{dropped}; another try in {wait:.1f} s would be too late")
        time.sleep(wait)

    def _try(self, source: str, sources_left: int, body: Body) -> None:
        # While nothing has come yet, a silent source leaves time for those after it.
        silence = min(self._patience.silence, self._countdown.left / sources_left)
        if self._countdown.over:
            raise Refused("the deadline had passed")
        exchange = Exchange(
            source,
            _resume_headers(body),
            connect=min(self._patience.connect, silence),
            silence=min(self._patience.silence, self._countdown.left),
        )
        with closing(exchange):
            head = exchange.head(silence)
            _judge(head, body)
            _place(head, body)
            self._check_size(body.total)
            self._receive(exchange, body)

    def _receive(self, exchange: Exchange, body: Body) -> None:
        window, before = Countdown(self._patience.window), body.size
        while chunk := exchange.chunk(min(self._patience.silence, self._countdown.left)):
            self._check_size(body.size + len(chunk))
            body.write(chunk)
            self._tell(body)
            if self._countdown.over:
                raise Refused(f"sent {body.size} bytes by the deadline, and not all")
            if window.over:
                self._check_rate(body.size - before)
                window, before = Countdown(self._patience.window), body.size
        if body.total is not None and body.size < body.total:
            raise Dropped(f"sent {body.size} of {body.total} bytes")
        self._progress(body.size, body.total)

    def _check_size(self, size: int | None) -> None:
        if size is not None and size > self._max_bytes:
            raise Refused(f"sends more than max_bytes={self._max_bytes}")

    def _check_rate(self, received: int) -> None:
        if received < self._patience.rate * self._patience.window:
            raise Dropped(f"sent {received} bytes in {self._patience.window:.1f} s: too slow")

    def _tell(self, body: Body) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL:
            self._told = now
            self._progress(body.size, body.total)

    # --- errors ------------------------------------------------------------------------

    def _failure(self) -> FetchError:
        tried = "; ".join(self._said)
        if self._wrong:
            expected, got, url = self._wrong
            return ChecksumMismatch(
                "what was sent is not what was asked for",
                expected=expected,
                got=got,
                url=url,
                tried=tried if len(self._said) > 1 else None,
                remedy="ask the publisher which hash is right; a new file needs its new hash",
            )
        return FetchError(
            "no server sent the file" + (" before the deadline" if self._countdown.over else ""),
            tried=tried,
            deadline=f"{self._patience.deadline:g} s" if self._countdown.over else None,
            remedy="check the address and the network; name a copy with mirrors=[…], or a server "
            "of files by sha256 in PYSTORE_MIRRORS; or fetch it yourself and use fetchlocal",
        )


def _resume_headers(body: Body) -> dict[str, str]:
    if body.size and body.validator:
        return {"Range": f"bytes={body.size}-", "If-Range": body.validator}
    body.restart()
    return {}


def _judge(head: Head, body: Body) -> None:
    """Raises Dropped or Refused unless the answer holds bytes of the file."""
    if head.status in (200, 206):
        return
    text = f"{head.status} {head.reason}".strip()[:200]
    if head.status == 416:
        body.restart()
        raise Dropped(text)
    if head.status in _RETRY:
        raise Dropped(text, after=_retry_after(head))
    raise Refused(text)


def _place(head: Head, body: Body) -> None:
    """Makes `body` stand where this answer begins. Raises Dropped when it cannot."""
    if head.status == 200:
        body.restart()
        body.total = _number(head.headers.get("Content-Length"))
        body.validator = _validator(head)
    elif not body.size:
        raise Refused("206, a part, where all was asked for")
    elif not (_continues(head, body) and _same_file(head, body)):
        body.restart()
        raise Dropped("206, and not the part that was asked for")
    else:
        body.resumed = True


def _continues(head: Head, body: Body) -> bool:
    found = re.fullmatch(
        r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", head.headers.get("Content-Range", "").strip()
    )
    if not found or int(found[1]) != body.size:
        return False
    return body.total in (None, int(found[3])) if found[3] != "*" else True


def _same_file(head: Head, body: Body) -> bool:
    if body.validator is None:
        return False
    name = "ETag" if body.validator.startswith('"') else "Last-Modified"
    return head.headers.get(name, body.validator) == body.validator


def _validator(head: Head) -> str | None:
    # A weak tag says that two files mean the same, not that they have the same bytes (RFC 9110).
    tag = head.headers.get("ETag", "")
    return tag if tag.startswith('"') else head.headers.get("Last-Modified")


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _retry_after(head: Head) -> float:
    from email.utils import parsedate_to_datetime  # not cheap, and rarely needed

    text = head.headers.get("Retry-After", "").strip()
    seconds = _number(text)
    if seconds is not None:
        return float(seconds)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0

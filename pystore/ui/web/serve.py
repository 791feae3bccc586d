"""serve: a model behind HTTP.

WS1  The socket listens at once; `/ready` is 503 until a realization is loaded and checked.
WS2  At SIGTERM, questions that have come are answered, and `serve` returns within 5 s.
WS3  With several workers, one that is killed is replaced within 5 s; the others answer meanwhile.
WS4  Whoever is not on this machine needs a token.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ...core.errors import BadMatcher, BadName, BadPlace, BadStage
from ...core.matchers import Matcher
from ...core.options import checked_count
from ...declare.nesting import refuse_nested
from ...store.current import current_store
from ...store.remote.address import Url
from ...store.remote.source import RemoteSource
from . import checking
from .application import Application
from .checking import Checked
from .listening import is_loopback, listening_at, url_of
from .processes import Processes
from .served import Served
from .server import Server
from .service import Service, ServiceOptions
from .stop import Stop


def asgi(
    model: Served,
    matcher: Matcher | None = None,
    *,
    pin: str | None = None,
    shadow: Matcher | None = None,
    log: str | os.PathLike[str] | None = None,
    log_inputs: bool = False,
    cache: int = 0,
    every: float = 0.5,
    load_within: float = 4.0,
    max_body: int = 4 << 20,
    token: str | None = None,
    source: Url | None = None,
    source_every: float = 30.0,
    trusted_keys: str | Iterable[str] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Application:
    """The ASGI application that answers with what the matcher chooses, or the pin means.

    `shadow` chooses another realization, which answers too, for comparison. `log` is a file that
    gets a JSON line an answer, with `log_inputs` the input too. `cache` is how many answers are
    remembered. It looks `every` so many seconds whether another realization is chosen; one that is
    not loaded within `load_within` [s] is refused. `max_body` [bytes] limits a request. `tell` gets
    a line at each event.

    `source` is a remote that is asked once in `source_every` [s] for what is to be followed: of the
    attempts there of comparable trainings, the realization that the matcher chooses is pulled, or
    the pin as `pull` does; of `trusted_keys`, only what one of them has signed. See RemoteSource.

    Raises BadStage when a matcher and a pin are given, BadPlace when no source can be at the URL,
    or when the token can be none.
    """
    if pin is not None and matcher is not None:
        raise BadStage(
            "a matcher and a pin are given",
            matcher=matcher,
            pin=pin,
            remedy="give one of them: a pin follows what `pystore pin` names",
        )
    _check_token(token)
    options = ServiceOptions(
        matcher=matcher,
        pin=pin,
        shadow=shadow,
        log=None if log is None else Path(log),
        log_inputs=log_inputs,
        cache=cache,
        every=every,
        load_within=load_within,
        max_body=max_body,
        token=token,
        source=_source(source, source_every, trusted_keys),
        source_every=source_every,
        tell=tell,
    )
    return Application(Service(model, options))


def serve(
    model: Served,
    matcher: Matcher | None = None,
    *,
    pin: str | None = None,
    shadow: Matcher | None = None,
    log: str | os.PathLike[str] | None = None,
    log_inputs: bool = False,
    cache: int = 0,
    every: float = 0.5,
    load_within: float = 4.0,
    max_body: int = 4 << 20,
    token: str | None = None,
    source: Url | None = None,
    source_every: float = 30.0,
    trusted_keys: str | Iterable[str] | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Answers at `host` and `port` until Ctrl-C or SIGTERM; with port 0, at a free one.

    `workers` is how many processes answer. The others are as those of `asgi`; lines go to standard
    error, unless `tell` takes them. Raises BadPlace when it cannot listen there, or when whoever is
    not on this machine could ask without a token; BadStage as `asgi` does, and inside of a stage.
    """
    refuse_nested("serve")
    tell = tell or _to_standard_error
    _check_start(model, matcher, pin, host=host, token=token, workers=workers)
    known = _source(source, source_every, trusted_keys)

    def application() -> Application:
        return asgi(
            model,
            matcher,
            pin=pin,
            shadow=shadow,
            log=log,
            log_inputs=log_inputs,
            cache=cache,
            every=every,
            load_within=load_within,
            max_body=max_body,
            token=token,
            source=source,
            source_every=source_every,
            trusted_keys=trusted_keys,
            tell=tell,
        )

    stop = Stop()
    with stop.heeded(), listening_at(host, port) as listening:
        whom = ServiceOptions(matcher=matcher, pin=pin, source=known).whom
        print(f"{model.name}: {url_of(listening)} follows {whom}", flush=True)
        if workers == 1:
            return _answer(application, listening, stop)
        Processes(lambda: _answer(application, listening, stop), stop, tell).run(workers)


def _answer(application: Callable[[], Application], listening: socket.socket, stop: Stop) -> None:
    made = application()
    Server(made, stop, made.service.begin_to_end).answer(listening)


def check(
    model: Served,
    matcher: Matcher | None = None,
    *,
    pin: str | None = None,
    token: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    log: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Checked:
    """What `serve` would answer with, after it has looked once; takes the options of `serve`.

    Nothing listens, and nothing is logged. Raises what `serve` raises before it listens;
    NotInStore when there is nothing to serve, Refused when it would be refused.
    """
    _check_start(model, matcher, pin, host=host, token=token, workers=workers)
    app = asgi(model, matcher, pin=pin, token=token, tell=lambda _: None, **options)
    return asyncio.run(checking.check(app.service))


def _check_start(
    model: Served,
    matcher: Matcher | None,
    pin: str | None,
    *,
    host: str,
    token: str | None,
    workers: int,
) -> None:
    """Raises what is wrong with options, before anything listens."""
    checked_count("workers", workers)
    _check_host(host, token)
    _check_whom(model, matcher, pin)


def _source(
    url: Url | None, every: float, trusted_keys: str | Iterable[str] | None
) -> RemoteSource | None:
    if not every > 0:
        raise BadStage(f"source_every={every!r} is no time [s]", remedy="write source_every=30.0")
    return None if url is None else RemoteSource(url, trusted_keys, store=current_store())


def _check_token(token: str | None) -> None:
    """Raises BadPlace for a token that everybody has, or that no header can show."""
    if token is None:
        return
    remedy = "give a long one, such as of `openssl rand -hex 16`"
    if not token.strip():
        raise BadPlace("the token is empty", remedy=remedy)
    if not (token.isascii() and token.isprintable() and token == token.strip()):
        because = "a header shows ASCII alone, without spaces at its ends"
        raise BadPlace("this can be no token", because=because, remedy=remedy)


def _check_host(host: str, token: str | None) -> None:
    _check_token(token)
    if token is None and not is_loopback(host):
        raise BadPlace(
            "anybody who reaches this machine could ask, without a token",
            host=host,
            remedy="give a token, or leave the host and put a proxy in front",
        )


def _check_whom(model: Served, matcher: Matcher | None, pin: str | None) -> None:
    """Raises what a follower raises of the user's mistakes, before anything listens."""
    if pin is not None and matcher is not None:
        asgi(model, matcher, pin=pin)
    try:
        model.follow(matcher=matcher, pin=pin).close()
    except (BadStage, BadMatcher, BadName):
        raise
    except Exception:  # the store may come later: the service says what it lacks
        pass


def _to_standard_error(line: str) -> None:
    print(f"pystore: {line}", file=sys.stderr, flush=True)

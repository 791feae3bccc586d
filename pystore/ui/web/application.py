"""Application: the service as an ASGI application.

AP1  Whatever is sent, the reply is an answer, or a problem of at most 1 KB that says why.
AP2  With a token, whoever does not show it sees the empty pages and whether the process is alive.
AP3  No page loads anything from elsewhere, and none may run anything but its own script.
"""

import hmac
import json
import sys
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router

from .inputs import Receive, Scope, Send, drain, header, read_body
from .metrics import MEDIA_TYPE as METRICS
from .openapi import description
from .problems import MEDIA_TYPE, Problem
from .service import Service

_SAFE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_ASSETS = {
    "pad.js": "text/javascript", "form.js": "text/javascript", "ask.js": "text/javascript",
    "pad.css": "text/css",
}  # fmt: skip
_OPEN = {"/", "/health", *(f"/{name}" for name in _ASSETS)}  # without a token
_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")


class Application:
    """The ASGI application of a service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        token = service.options.token
        self._token = None if token is None else token.encode()
        self._others = self._router()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or goes through the life of the server."""
        if scope["type"] != "http":
            return await self._others(scope, receive, send)
        self.service.start()  # a server that has mounted us may have told nothing of its life
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        try:
            self._check_token(scope, path)
            if path == "/predict" and scope["method"] == "POST":
                return await self._predict(scope, receive, send)
            scope.setdefault("app", self)  # or Starlette would say in plain text that it is lost
            await self._others(scope, receive, send)
        except HTTPException as error:
            await self._refuse(_problem(error), scope, receive, send)
        except Problem as problem:
            await self._refuse(problem, scope, receive, send)
        except ClientDisconnect:
            pass  # there is nobody to answer
        except Exception:
            traceback.print_exc(file=sys.stderr)
            told = Problem(500, "the service failed", remedy="its output has the traceback")
            await self._refuse(told, scope, receive, send)

    def _check_token(self, scope: Scope, path: str) -> None:
        if self._token is None or path in _OPEN:
            return
        kind, _, shown = header(scope, b"authorization").partition(" ")
        right = hmac.compare_digest(shown.strip().encode(), self._token)
        if kind.lower() != "bearer" or not right:
            remedy = "send the header Authorization: Bearer TOKEN"
            raise Problem(401, "the token is missing, or is another", remedy=remedy, closing=True)

    async def _predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive, self.service.options.max_body)
        answer = await self.service.answer(body)
        self.service.measures.answered_well.inc()
        reply = b'{"predictions": %b, "rref": "%b"}' % (answer.text, answer.rref.encode())
        await _send(send, 200, reply, [_JSON, *self._closing(False)])

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        self.service.measures.answers.labels(str(problem.status)).inc()
        headers = [(b"content-type", MEDIA_TYPE.encode()), *self._closing(problem.closing)]
        if problem.status == 405:
            headers.append(
                (b"allow", b"POST" if scope["path"].endswith("/predict") else b"GET, HEAD")
            )
        if problem.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if problem.status == 503:
            headers.append((b"retry-after", b"1"))
        rest = (scope, receive) if problem.closing else None
        await _send(send, problem.status, problem.body(), headers, rest)

    def _closing(self, wanted: bool) -> list[tuple[bytes, bytes]]:
        return [_CLOSE] if wanted or self.service.stopping else []

    # --- what one can look at ----------------------------------------------------------

    def _router(self) -> Router:
        routes = [
            Route("/predict", _other_method, methods=["GET"]),
            Route("/health", self._health),
            Route("/ready", self._ready),
            Route("/model", self._model),
            Route("/metrics", self._metrics),
            Route("/openapi.json", self._openapi),
            Route("/", self._page),
            *(Route(f"/{name}", self._asset) for name in _ASSETS),
        ]
        return Router(routes, redirect_slashes=False, lifespan=self._life)

    @asynccontextmanager
    async def _life(self, app: Router) -> AsyncIterator[None]:
        self.service.start()
        try:
            yield
        finally:
            await self.service.close()

    async def _health(self, request: Request) -> Response:
        return self._json({"alive": True})

    async def _ready(self, request: Request) -> Response:
        service = self.service
        live, following = service.live, service.following
        ready = live is not None and not service.stopping
        refused = [*following.refused.items()][-10:]
        told = {
            "ready": ready,
            "rref": None if live is None else live.rref,
            "stopping": service.stopping,
            "follows": service.options.whom,
            "refused": {rref: why[:200] for rref, why in refused},
            "warnings": [] if live is None else live.about["versions_differ"],
            "because": following.because,
            "source": service.fetching.to_dict() if service.fetching else None,
        }
        return self._json(told, 200 if ready else 503)

    async def _model(self, request: Request) -> Response:
        service = self.service
        live = service.ready()
        told = {
            "name": service.model.name,
            "rref": live.rref,
            "follows": service.options.whom,
            "expected": live.expected,
            **live.about,
            "shadow": service.shadow.to_dict() if service.shadow else None,
            "source": service.fetching.to_dict() if service.fetching else None,
            "events": list(service.following.events)[-20:],
        }
        return self._json(told)

    async def _metrics(self, request: Request) -> Response:
        return self._plain(self.service.measured(), METRICS)

    async def _openapi(self, request: Request) -> Response:
        service = self.service
        told = description(service.model.name, service.live, service.model.takes_pictures)
        return self._json(told)

    async def _page(self, request: Request) -> Response:
        name = "pad.html" if self.service.model.takes_pictures else "form.html"
        return self._plain(_file(name), "text/html; charset=utf-8")

    async def _asset(self, request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        return self._plain(_file(name), f"{_ASSETS[name]}; charset=utf-8")

    def _json(self, told: Mapping[str, Any], status: int = 200) -> Response:
        data = json.dumps(told, allow_nan=False, default=str).encode()
        return self._plain(data, "application/json", status)

    def _plain(self, data: bytes, media_type: str, status: int = 200) -> Response:
        self.service.measures.answers.labels(str(status)).inc()
        headers = {**_SAFE, "Content-Type": media_type}
        if self.service.stopping:
            headers["Connection"] = "close"
        return Response(data, status, headers)


async def _send(
    send: Send,
    status: int,
    body: bytes,
    headers: list[tuple[bytes, bytes]],
    rest: tuple[Scope, Receive] | None = None,
) -> None:
    """Sends a reply; while its client still sends the `rest` of a body, throws that away."""
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": rest is not None})
    if rest is not None:
        await drain(*rest)
        await send({"type": "http.response.body", "body": b""})


async def _other_method(request: Request) -> Response:
    raise Problem(405, "predictions are asked for with POST", remedy="POST /predict")


def _problem(error: HTTPException) -> Problem:
    titles = {404: "no such page", 405: "not with this method"}
    remedy = "/openapi.json lists what there is"
    return Problem(error.status_code, titles.get(error.status_code, error.detail), remedy=remedy)


def _file(name: str) -> bytes:
    return (files(__package__) / "pad" / name).read_bytes()

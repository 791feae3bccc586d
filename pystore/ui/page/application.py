"""Application: the page of stores as an ASGI application.

YA1  Each page is JSON too, with `?format=json`, and says by its ETag whether it has changed.
YA2  A mistake in an address is answered with what is wrong, the facts, and what to try.
YA3  An artifact is a file that the manifest of a realization lists: no address leads out of the
    store. It is saved and not shown, but for pictures, which may run nothing.
"""

import asyncio
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from ...core.dataclasses import dataclass, field, replace
from ...core.digest import short
from ...core.errors import BadName, BadRef, Corrupted, NoAccess, NotInStore, PystoreError, StoreBusy
from ...store.disk import open_regular
from ...store.store import Store
from .asked import Asked, Picture, Sent, Shown
from .changes import Changes
from .json_twin import as_json
from .safety import SANDBOXED, Safety
from .templating import rendered
from .version import Version
from .views import VIEWS, View, collections

_STATIC = Path(__file__).parent / "static"
_NAVIGATION = [(view.path, view.name) for view in VIEWS if view.name]
_SANDBOX = {"content-security-policy": SANDBOXED}
_PIECE = 1 << 18  # [bytes] of a file that are sent at once
_ABSENT = (NotInStore, BadRef, BadName)
_IN_NEED = (Corrupted, NoAccess, StoreBusy)  # the store is to be mended, not the address


def application(
    stores: Mapping[str, Store],
    *,
    token: str,
    database: str | None = None,
    behind_proxy: bool = False,
    ending: asyncio.Event | None = None,
) -> Safety:
    """The page of these stores, by the names in addresses, for those who show the token.

    `database` is the URL of collections. With `behind_proxy`, any Host is answered. `ending` is set
    when streams must end, since the server is to end.
    """
    pages = _Pages(stores, database, ending or asyncio.Event())
    kinds = (HTTPException, PystoreError, OSError, Exception)
    handlers = dict.fromkeys(kinds, pages.refuse)
    app = Starlette(routes=pages.routes(), exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Safety(app, token=token, behind_proxy=behind_proxy)


@dataclass(frozen=True)
class _Place:
    """A store with its addresses."""

    store: Store
    name: str
    base: str  # begins its addresses; "" for the only store
    version: Version
    changes: Changes
    rows: dict[str, Changes] = field(default_factory=dict)  # by the collection that is shown


class _Pages:
    """The pages of some stores. One thread at a time reads them."""

    def __init__(
        self, stores: Mapping[str, Store], database: str | None, ending: asyncio.Event
    ) -> None:
        bases = {name: "" if len(stores) == 1 else f"/store/{quote(name)}" for name in stores}
        self._reading = CapacityLimiter(1)
        self._ending = ending
        self._places = []
        for name, store in stores.items():
            version = Version(store)
            look = partial(to_thread.run_sync, version.now, limiter=self._reading)
            place = _Place(store, name, bases[name], version, Changes(look, ending))
            self._places.append(place)
        self._names = bases if len(stores) > 1 else {}
        self._database = database

    def routes(self) -> list[BaseRoute]:
        """The addresses."""
        found: list[BaseRoute] = [Mount("/static", StaticFiles(directory=_STATIC))]
        for place in self._places:
            pages: list[BaseRoute] = [
                Route("/changed", partial(self._changed, place)),
                Route("/collections/changed", partial(self._rows_changed, place)),
                *(Route(view.path or "/", partial(self._answer, view, place)) for view in VIEWS),
            ]
            found += [Mount(place.base, routes=pages)] if place.base else pages
        if self._names:
            found.append(Route("/", self._stores))
        return found

    async def refuse(self, request: Request, error: Exception) -> Response:
        """The page of an error."""
        status, told = _told(error)
        shown = Shown("error.html", told.what, {"error": told}, _problem(status, told))
        return self._response(request, self._asked(self._places[0], request), shown, status)

    async def _answer(self, view: View, place: _Place, request: Request) -> Response:
        answer = partial(self._answered, view, place, request)
        return await to_thread.run_sync(answer, limiter=self._reading)

    async def _changed(self, place: _Place, request: Request) -> Response:
        """A stream that tells of changes; a page is asked for again with each of them."""
        return self._stream(place.changes, request)

    def _stream(self, changes: Changes, request: Request) -> Response:
        kind = "text/event-stream"
        if request.method == "HEAD":
            return Response(media_type=kind)
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
        return StreamingResponse(changes.since(seen), media_type=kind)

    def _answered(self, view: View, place: _Place, request: Request) -> Response:
        version = place.version.now() if view.of_store else ""
        if version and (same := _unchanged(request, version)):
            return same
        asked = self._asked(place, request, version)
        asked.check()
        shown = view.show(asked)
        if isinstance(shown, Picture):
            return Response(shown.data, 200, _SANDBOX, shown.media_type)
        if isinstance(shown, Sent):
            return _sent(shown)
        if shown.version and (same := _unchanged(request, shown.version)):
            return same
        version = version or shown.version
        response = self._response(request, replace(asked, version=version), shown)
        if version:
            response.headers["etag"] = _etag(request, version)
        return response

    async def _rows_changed(self, place: _Place, request: Request) -> Response:
        """As `_changed`, for the rows of a database."""
        asked = self._asked(place, request)

        async def look() -> str:
            return await to_thread.run_sync(collections.version, asked, limiter=self._reading)

        await look()  # raises what is wrong with the address
        key = asked.query.get("collection", "")
        if key not in place.rows:
            place.rows[key] = Changes(look, self._ending)
        return self._stream(place.rows[key], request)

    async def _stores(self, request: Request) -> Response:
        told = [{"name": one.name, "root": str(one.store.root)} for one in self._places]
        shown = Shown("stores.html", "Stores", {"places": self._places}, told)
        return self._response(request, self._asked(self._places[0], request), shown)

    def _asked(self, place: _Place, request: Request, version: str = "") -> Asked:
        path = {name: str(value) for name, value in request.path_params.items()}
        query = dict(request.query_params)
        here = request.url.path.removeprefix(place.base)
        return Asked(
            place.store, here, path, query, place.base, self._names, self._database, version
        )

    def _response(
        self, request: Request, asked: Asked, shown: Shown, status: int = 200
    ) -> Response:
        if not shown.template or request.query_params.get("format") == "json":
            return Response(as_json(shown.data), status, media_type="application/json")
        page = rendered(asked, shown, _NAVIGATION)
        return Response(page, status, media_type="text/html")


def _etag(request: Request, version: str) -> str:
    return f'"{short("pystore page 1", f"{version} {request.url}".encode())}"'


def _unchanged(request: Request, version: str) -> Response | None:
    """The answer to who has this version already; None for others."""
    etag, known = _etag(request, version), request.headers.get("if-none-match", "").split(",")
    if etag not in [one.strip() for one in known]:
        return None
    return Response(status_code=304, headers={"etag": etag})


# --- errors ----------------------------------------------------------------------------


def _told(error: Exception) -> tuple[int, PystoreError]:
    """The status of an error, and how it is told."""
    if isinstance(error, HTTPException):
        remedy = "begin at the table of stages"
        return error.status_code, NotInStore("there is no such page", remedy=remedy)
    if isinstance(error, PystoreError):
        for kinds, status in ((_ABSENT, 404), (_IN_NEED, 503)):
            if isinstance(error, kinds):
                return status, error
        return 400, error
    if isinstance(error, OSError):  # a file that others took away, or that is for others alone
        remedy = "ask for the page again; pystore verify tells what is damaged"
        what = "a file of the store cannot be read"
        return 503, NoAccess(what, path=error.filename, because=error.strerror, remedy=remedy)
    traceback.print_exception(error, file=sys.stderr)
    remedy = "the output of `pystore ui` has the traceback"
    return 500, PystoreError("this page failed", because=type(error).__name__, remedy=remedy)


def _problem(status: int, error: PystoreError) -> dict[str, object]:
    facts = {name: str(fact) for name, fact in error.facts.items()}
    return {"status": status, "title": error.what, "facts": facts, "remedy": error.remedy}


# --- artifacts -------------------------------------------------------------------------


def _sent(sent: Sent) -> Response:
    """The bytes of an artifact. It is open already, so gc does not take it away meanwhile."""
    try:
        file = open_regular(sent.file)
    except OSError as error:
        raise NotInStore(
            "the file is not there any more",
            rref=sent.rref,
            because=error.strerror,
            remedy="pystore verify; what is damaged is built again",
        ) from None
    size = os.fstat(file.fileno()).st_size
    headers = {"content-length": str(size)}
    if sent.save_as:
        name = quote(sent.save_as.encode("utf-8", "surrogateescape"), safe="")
        headers["content-disposition"] = f"attachment; filename*=UTF-8''{name}"
    else:
        headers |= _SANDBOX
    return StreamingResponse(_pieces(file, size), 200, headers, sent.media_type)


def _pieces(file: BinaryIO, left: int) -> Iterator[bytes]:
    with file:
        while left and (piece := file.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece

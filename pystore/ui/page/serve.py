"""serve: the page of stores in a browser.

YR1  It listens on this machine alone. Elsewhere it listens only behind a proxy, which encrypts.
YR2  Ctrl-C ends it without a word, and so does SIGTERM.
"""

import asyncio
import webbrowser
from collections.abc import Callable, Sequence
from secrets import token_urlsafe

from ...core.errors import BadPlace
from ...store.store import Store
from ..web.listening import is_loopback, listening_at, url_of
from ..web.server import Server
from ..web.stop import Stop
from .application import application


def serve(
    stores: Sequence[Store],
    tell: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    database: str | None = None,
    behind_proxy: bool = False,
    opened: bool = False,
) -> None:
    """Shows these stores until Ctrl-C or SIGTERM; with port 0, at a free port.

    `tell` gets the address, with a token that is new each time. With `opened`, a browser opens it.
    Raises BadPlace when it cannot listen there, or when others could reach it without a proxy.
    """
    if not is_loopback(host) and not behind_proxy:
        raise BadPlace(
            "others could read along: the page is not encrypted",
            host=host,
            remedy="leave the host, or put a proxy with TLS in front and say --behind-proxy",
        )
    token, stop, ending = token_urlsafe(24), Stop(), asyncio.Event()
    app = application(
        named(stores), token=token, database=database, behind_proxy=behind_proxy, ending=ending
    )
    with stop.heeded(), listening_at(host, port) as listening:
        address = f"{url_of(listening)}/?token="
        tell(address + token)
        if opened:
            webbrowser.open(address + app.once())
        Server(app, stop, ending.set).answer(listening)


def named(stores: Sequence[Store]) -> dict[str, Store]:
    """The stores by the names of their folders, which are numbered where several have one."""
    found: dict[str, Store] = {}
    for store in stores:
        name = base = store.root.name if store.root.name != ".pystore" else store.root.parent.name
        count = 1
        while name in found:
            count += 1
            name = f"{base}-{count}"
        found[name] = store
    return found

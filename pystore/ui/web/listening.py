"""Listening: the socket of a server, and its address."""

import socket
from ipaddress import ip_address

from ...core.errors import BadPlace


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens at this host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listening_at(host: str, port: int) -> socket.socket:
    """A socket that listens there; at a free port, if `port` is 0. Raises BadPlace."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = found[0]
        # asyncio sends small replies at once only where the socket names its protocol. Else each
        # reply would wait 40 ms for the client to acknowledge its head.
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
        except BaseException:
            listening.close()
            raise
        return listening
    except (OSError, OverflowError) as error:
        raise BadPlace(
            "cannot listen there",
            host=host,
            port=port,
            because=str(getattr(error, "strerror", None) or error),
            remedy="another port, or port 0 for one that is free",
        ) from None


def url_of(listening: socket.socket) -> str:
    """The address of what listens there."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

"""Policy: which URLs of strangers are fetched, from which addresses, and how much of them.

PB1  An address that is not of the public internet is not admitted, whichever way it is written:
     not inside an IPv6 address either. The owner admits it by hand.
"""

import math
import os
from collections.abc import Collection
from functools import cached_property
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from ...core.dataclasses import dataclass
from ..errors import BadField

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

_UNICAST = IPv6Network("2000::/3")  # all of IPv6 that is given out to the public (RFC 4291)
_NAT64 = IPv6Network("64:ff9b::/96")  # IPv4 seen from networks that have IPv6 only (RFC 6052)
_NOT_PUBLIC = (
    IPv4Network("168.63.129.16/32"),  # the host of a virtual machine on Azure, which knows secrets
    IPv4Network("192.0.0.0/24"),  # of protocols (RFC 6890); older versions of Python let it through
    IPv6Network("3fff::/20"),  # of documentation (RFC 9637); so they do this
)
_KINDS = ("loopback", "link_local", "multicast", "unspecified", "private", "reserved")


@dataclass(frozen=True)
class Policy:
    """Which URLs are fetched, from where, and how much of them. Raises BadField.

    `hosts` are the only hosts that are asked: "images.example.com", "*.example.com" for all below
    one. `private` admits addresses that are not of the public internet: all of them, or those of
    networks such as "10.0.0.0/8". Local files are fetched from the folder `root` only.
    """

    hosts: Collection[str] | None = None
    private: bool | Collection[str] = False
    timeout: float = 10.0  # [s] for all of a fetch: name, connections, redirects, and bytes
    max_bytes: float = 20e6
    root: str | os.PathLike[str] | None = None
    max_age: float = 86400.0  # [s] after which a listener asks whether a content has changed

    def __post_init__(self) -> None:
        hosts = None if self.hosts is None else tuple(map(_ascii, _texts("hosts", self.hosts)))
        private = self.private
        if not isinstance(private, bool):
            private = tuple(str(_network(one)) for one in _texts("private", private))
        settled = {
            "hosts": hosts,
            "private": private,
            "timeout": _number("timeout", self.timeout),
            "max_bytes": int(_number("max_bytes", self.max_bytes)),
            "max_age": _number("max_age", self.max_age),
            "root": None if self.root is None else _folder(self.root),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    def admits_host(self, host: str) -> bool:
        """Whether a host may be asked, by its name in lower case."""
        host = host.rstrip(".")
        return self.hosts is None or any(
            host.endswith(one[1:]) if one.startswith("*.") else host == one for one in self.hosts
        )

    def admits(self, address: str) -> bool:
        """Whether a connection to an address, as `getaddrinfo` gives it, may be made."""
        meant = _meant(address)
        return self.private is True or is_public(meant) or any(meant in n for n in self._networks)

    @cached_property
    def _networks(self) -> list[_Network]:
        return [] if isinstance(self.private, bool) else [_network(one) for one in self.private]


def is_public(address: _Address) -> bool:
    """Whether an address is one of the public internet (PB1)."""
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address.sixtofour is not None and not is_public(address.sixtofour):
        return False
    return address in _UNICAST and address.is_global


def kind_of(address: str) -> str:
    """The word for an address that is not public, such as "loopback"."""
    meant = _meant(address)
    kinds = (kind for kind in _KINDS if getattr(meant, f"is_{kind}"))
    return next(kinds, "private").replace("_", "-")


def _meant(address: str) -> _Address:
    """The address that packets go to: the IPv4 address that an IPv6 address holds."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv4Address):
        return found
    if found in _NAT64:
        return IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found


# --- checking what the owner wrote -----------------------------------------------------


def _texts(name: str, given: Collection[str]) -> tuple[str, ...]:
    is_list = isinstance(given, Collection) and not isinstance(given, str)
    if not is_list or not all(isinstance(one, str) for one in given):
        raise BadField(
            f"{name} is a list of texts",
            given=repr(given)[:200],
            remedy=f"{name}=[{given!r}]" if isinstance(given, str) else f'{name}=["…", "…"]',
        )
    return tuple(given)


def _ascii(host: str) -> str:
    star, name = ("*.", host[2:]) if host.startswith("*.") else ("", host)
    try:
        name = ascii_host(name)
        if name and not set("/@*? ") & set(name):
            return star + name.rstrip(".")
    except UnicodeError:
        pass
    raise BadField(
        "a host is a name, without scheme, port and path",
        given=repr(host)[:200],
        remedy='hosts=["images.example.com"], or "*.example.com" for all hosts below one',
    )


def ascii_host(host: str) -> str:
    """The name of a host as it is asked for. Raises UnicodeError when there is no such name."""
    return host.lower() if ":" in host else host.encode("idna").decode("ascii").lower()


def _network(text: str) -> _Network:
    try:
        return ip_network(text)
    except ValueError:
        raise BadField(
            "no network of addresses",
            given=repr(text)[:200],
            remedy='private=["10.0.0.0/8", "192.168.1.7"], or private=True for all',
        ) from None


def _folder(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, str | os.PathLike):
        raise BadField(
            "root is the path of a folder", given=repr(path)[:200], remedy='root="pictures"'
        )
    return os.path.abspath(os.path.expanduser(path))


def _number(name: str, given: float) -> float:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not is_number or not math.isfinite(given) or given <= 0:
        raise BadField(
            f"{name} is a number above 0",
            given=repr(given)[:200],
            remedy=f"leave it out: {getattr(Policy, name):g}",
        )
    return given

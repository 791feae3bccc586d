"""Users: the other processes that use realizations of a store now, such as a service."""

from ..core.refs import RRef
from .live_file import users
from .reader import Reader


def users_of(store: Reader) -> dict[RRef, list[str]]:
    """The realizations that other living processes use, each with these processes in words."""
    return users(store.parts.tmp, without=store.parts.session.names)

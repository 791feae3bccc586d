"""The address of a remote: a URL or a path, checked, and shown without secrets.

AD1  A message, or an error that is chained to one, holds no password, no key and no token.
AD2  A text that cannot be an address is refused before anything is asked or made.
"""

import os
import re
from urllib.parse import unquote

from ...core.errors import BadPlace

Url = str | os.PathLike[str]
WEB = ("http", "https")
S3 = ("s3", "s3a")
SSH = ("sftp", "ssh")

_ONE_SLASH = re.compile(rf"({'|'.join((*WEB, *S3, *SSH, 'file', 'local', 'memory'))}):/(?!/)")
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")
_USER = re.compile(r"(?<=://)[^\s'\"<>]*@")
_QUERY = re.compile(r"(://[^\s?'\"<>]*)\?[^\s'\"<>)]*")


def shown_address(address: str) -> str:
    """The address without secrets (AD1)."""
    scheme, colon, rest = address.partition("://")
    rest, mark, _ = rest.partition("?")
    user, at, place = _parted(rest)
    if at:
        name = user.partition(":")[0]
        user = name if name == user and scheme in SSH else f"{name}:…" if name != user else "…"
    return f"{scheme}{colon}{user}{at}{place}{mark and '?…'}"


def without_secrets(text: str, address: str) -> str:
    """A message of a service about an address, without the secrets in the address (AD1)."""
    for secret in _secrets(address):
        text = text.replace(secret, "…")
    return _QUERY.sub(r"\1?…", _USER.sub("…@", text))


def check_address(address: str | os.PathLike[str]) -> str:
    """The text of an address. Raises BadPlace when it cannot be one (AD2)."""
    text = os.fspath(address)
    scheme, _, rest = text.partition("://")
    if not text:
        raise _refused("no place was named", text, "name a path, or a URL")
    if _ONE_SLASH.match(text):
        raise _refused("a URL has two slashes", text, text.replace(":/", "://", 1))
    if scheme in S3 and _parted(rest)[1]:
        raise _refused(
            "keys have no place in the URL of a bucket",
            text,
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or options={'key': …, 'secret': …}",
        )
    if scheme in S3 and not rest.partition("/")[0]:
        raise _refused("the URL names no bucket", text, "s3://bucket/folder")
    if scheme in WEB and re.search("[?#]", rest):
        raise _refused(
            "the URL of a remote has no query",
            text,
            "name the folder; a token goes into options={'client_kwargs': {'headers': {…}}}",
        )
    return text


def _parted(rest: str) -> tuple[str, str, str]:
    """The user, an @, and the host with its path; an @ in a later step of the path is no mark."""
    first = rest.partition("/")[0]
    if "@" not in first and _HOST.fullmatch(first):
        return "", "", rest
    # A password may wrongly hold an @ and a slash: hide too much rather than too little.
    user, at, place = rest.rpartition("@")
    return user, at, place


def _secrets(address: str) -> list[str]:
    rest, _, query = address.partition("://")[2].partition("?")
    user, _, _ = _parted(rest)
    name, _, password = user.partition(":")
    token = name if name == user and address.partition("://")[0] not in SSH else ""
    found = {text for given in (query, password, token) for text in (given, unquote(given))}
    return sorted((secret for secret in found if len(secret) > 2), key=len, reverse=True)


def _refused(what: str, address: str, remedy: str) -> BadPlace:
    return BadPlace(what, given=shown_address(address), remedy=remedy)

"""From a URL or path to a place of its kind."""

import os
from pathlib import Path

from .address import WEB, check_address
from .place import FolderPlace, Options, Place
from .place_errors import not_installed, not_usable
from .url_place import UrlPlace
from .web import WebPlace


def place_at(url: str | os.PathLike[str], options: Options | None = None) -> Place:
    """The place at a URL or path, whether or not anything is there yet.

    fsspec takes the `options` for this kind of URL. Raises BadPlace.
    """
    text = check_address(url)
    scheme, colon, rest = text.partition("://")
    if not colon:
        return FolderPlace(Path(text))
    if scheme in ("file", "local"):
        return FolderPlace(Path(rest))
    if scheme in WEB:
        return WebPlace(text, options or {})
    return UrlPlace(text, options or {})


def check_url(url: str | os.PathLike[str]) -> str:
    """The text of a URL. Raises BadPlace when no installed package can use it; asks no network."""
    import fsspec

    text = check_address(url)
    scheme, colon, _ = text.partition("://")
    try:
        if colon:
            fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise not_installed(text, scheme, error) from None
    except ValueError as error:
        raise not_usable(text, error) from None
    return text

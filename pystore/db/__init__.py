"""Collections in databases: typed rows, and predictions beside them.

from pystore.db import connect, image
"""

from typing import TYPE_CHECKING

from ..core.shelf import opening

if TYPE_CHECKING:
    from .collection import Collection as Collection
    from .database import Database as Database
    from .database import connect as connect
    from .errors import BadContent as BadContent
    from .errors import BadDatabase as BadDatabase
    from .errors import BadField as BadField
    from .errors import BadRow as BadRow
    from .errors import NoListener as NoListener
    from .errors import NoPermission as NoPermission
    from .fields import Field as Field
    from .fields import array as array
    from .fields import field as field
    from .fields import image as image
    from .fields import json as json
    from .fields import text as text
    from .uris import uri as uri

_HOMES = {
    "Collection": "collection",
    "Database": "database",
    "connect": "database",
    "BadContent": "errors",
    "BadDatabase": "errors",
    "BadField": "errors",
    "BadRow": "errors",
    "NoListener": "errors",
    "NoPermission": "errors",
    "Field": "fields",
    "array": "fields",
    "field": "fields",
    "image": "fields",
    "json": "fields",
    "text": "fields",
    "uri": "uris",
}
__all__ = [*_HOMES]
__getattr__ = opening(__name__, _HOMES)

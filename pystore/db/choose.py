"""Choose: which port a database has."""

from .connections import Connections
from .port import Port
from .sql_port import SqlPort


def port_of(database: Connections) -> Port:
    """How the other rooms reach a database."""
    if database.is_sql:
        return SqlPort(database)
    from .documents.port import DocumentPort  # for weight: it imports pymongo

    return DocumentPort(database)

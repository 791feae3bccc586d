"""A server of MongoDB for tests: that of MONGODB_URI, or SecantusDB in a process of its own.

The process ends with the tests, however they end: then its standard input ends.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.synchronous.pool import Connection

OWN = os.environ.get("MONGODB_URI")
_SERVER = """
import sys
from secantus import SecantusDBServer
with SecantusDBServer(port=0, storage_path=sys.argv[1]) as server:
    print(server.uri, flush=True)
    sys.stdin.read()
"""

_COLUMNS = "documents have no columns whose types could be looked at"
_SQL = "it looks into tables, triggers or statements of SQL"
_OWN = "test_documents.py has the same for keys and paths of documents"
NOT_HERE = {
    "test_FK1_what_is_stored_comes_back[mongodb-datetime]": "MongoDB keeps milliseconds",
    "test_a_table_of_others_may_have_any_name": _OWN,
    "test_keys_of_any_kind": _OWN,
    "test_what_is_missing_null_or_of_another_kind": _OWN,
    "test_a_value_of_another_kind_compares_with_nothing": _OWN,
    "test_keys_are_taken_as_they_are": _OWN,
    "test_FK1_what_is_read_at_a_path_has_all_its_digits": "numbers of documents are binary",
    "test_GK2_a_key_is_of_the_type_of_its_column_in_each_call": _COLUMNS,
    "test_a_column_may_be_read_under_another_name": _OWN,
    "test_times_in_json_have_no_comparisons": _OWN,
    "test_rows_by_composite_keys_of_somebody_else": _OWN,
    "test_a_value_in_json_of_another_kind_is_another_content": _OWN,
    "test_a_table_of_any_name_has_snapshots": _OWN,
    "test_CO2_a_table_of_others_is_left_as_it_is": _SQL,
    "test_CO3_what_is_no_column_is_refused_and_not_read_as_a_text": _COLUMNS,
    "test_OW1_a_new_field_is_added_and_another_type_is_refused": _COLUMNS,
    "test_OW1_a_table_that_was_dropped_is_made_again": _OWN,
    "test_OW2_no_prediction_of_an_earlier_row_is_shown": _SQL,
    "test_tables_for_notebooks": _SQL,
    "test_TA1_tables_of_a_newer_pystore_are_refused": _OWN,
    "test_TA1_a_step_is_made_whole_or_not_at_all": _SQL,
    "test_TK1_rows_that_no_trigger_has_seen_are_found": "there are no triggers",
    "test_remove_takes_all_away_but_predictions": _OWN,
    "test_an_index_on_an_output_is_used_by_the_view": "index= is refused",
    "test_who_looks_holds_no_reader_while_it_opens_another": _SQL,
    "test_each_test_gets_an_empty_database": _SQL,
    "test_a_table_without_a_primary_key": "each document has a key",
    "test_a_field_that_is_no_column": _COLUMNS,
    "test_no_such_table": _OWN,
    "test_a_path_is_not_written": _OWN,
    "test_a_path_in_what_is_no_json": _COLUMNS,
    "test_a_type_that_the_column_cannot_hold": _COLUMNS,
    "test_SL1_what_a_killed_process_had_claimed_is_free_at_once": "MZ1 in place of SL1: a killed "
    "process is known after some seconds",
    "test_SN2_a_writer_beside_it_gives_no_wrong_name": "SecantusDB shows a session of a snapshot "
    "what others write meanwhile; then the snapshot is refused, see test_documents.py",
    **dict.fromkeys(
        (
            "test_WB1_a_column_follows_rows_and_models",
            "test_WB1_a_row_without_a_prediction_has_none_in_its_column",
            "test_WB1_what_somebody_else_writes_there_is_put_right",
            "test_a_column_of_json_takes_all_outputs",
            "test_a_column_of_json_takes_an_output_without_a_name",
            "test_wait_ends_when_all_is_written",
            "test_two_listeners_fill_no_column_together",
        ),
        "write_back= is refused",
    ),
    "test_GB1_what_was_fetched_for_no_row_goes_and_what_a_row_names_stays": "gc leaves what was "
    "fetched there; `forget` and on_delete='forget' remove it",
    "test_SD1_what_is_no_picture_is_left_out_and_told_once": _OWN,
}


@contextmanager
def running() -> Iterator[str]:
    """A server that answers; skips the test where there is none."""
    if OWN:
        yield OWN
        return
    pytest.importorskip("secantus", reason="needs MONGODB_URI, or SecantusDB")
    with tempfile.TemporaryDirectory(prefix="pystore-mongodb-") as folder:
        server = subprocess.Popen(
            [sys.executable, "-c", _SERVER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield server.stdout.readline().strip()
        finally:
            server.communicate(timeout=60)


@contextmanager
def fresh(server: str, name: str) -> Iterator[str]:
    """The URL of an empty database of a server, which is dropped in the end.

    Until then, clients are made for it; their threads would go on beside other tests.
    """
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    clients, make = [], MongoClient.__init__

    def noted(client: Any, *given: Any, **options: Any) -> None:
        make(client, *given, **options)
        clients.append(client)

    MongoClient.__init__ = noted
    try:
        yield url
    finally:
        MongoClient.__init__ = make
        for client in clients:
            if not client._closed:  # a client may refuse to be closed twice
                client.close()
        with MongoClient(url) as client:
            for one in client.list_database_names():
                if one.startswith(name):
                    client.drop_database(one)


def url_of(db: Any) -> str:
    """The URL of a database, as it is given to `connect`."""
    return str(db.url.render_as_string(hide_password=False) if db.is_sql else db.url)


@contextmanager
def before_each_message(step: Callable[[], None]) -> Iterator[None]:
    """Calls something before this thread sends anything to a server of MongoDB."""
    sent = Connection.send_message
    step_before_each_message(step)
    try:
        yield
    finally:
        Connection.send_message = sent


def step_before_each_message(step: Callable[[], None]) -> None:
    """The same, from now on."""
    sent, here = Connection.send_message, threading.current_thread()

    def send_message(self: Any, *told: Any) -> None:
        if threading.current_thread() is here:
            step()
        sent(self, *told)

    Connection.send_message = send_message

"""A website: its users post records with the URL of a picture; it shows what they may like.

    DATABASE_URL=sqlite:///site.db python website.py --port 8100

It is plain Python and SQL, and knows nothing of pystore: labels come from a view in its database.
"""

import argparse
import json
import os
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

KEYS = {"sqlite": "integer primary key", "postgresql": "bigserial primary key"}
JSON = {"sqlite": "json", "postgresql": "jsonb"}
# In SQLite, the view has the columns of the table; in PostgreSQL, its key.
NEWEST = {
    "sqlite": "select id, record, label, p from users_likes",
    "postgresql": "select id, record, label, p from users join pystore.users_likes using (id)",
}
FAILED = {
    "sqlite": "select id, error from users_likes_failed",
    "postgresql": "select id, error from pystore.users_likes_failed",
}
MOST = 10_000  # [bytes] of a record

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>What do you like?</title>
<style>body { font-family: sans-serif; max-width: 50rem; margin: 2rem auto }
iframe { width: 100%; height: 80vh; border: 0 }</style>
<h1>What do you like?</h1>
<form method="post" action="/users">
<label>picture <input name="img" type="url" size="40" required></label>
<label>you like <input name="likes" size="8"></label> <button>post</button></form>
<iframe src="/users" title="the newest users"></iframe>"""

USERS = """<!doctype html><html lang="en"><meta charset="utf-8"><title>users</title>
<meta http-equiv="refresh" content="1">
<style>body { font-family: sans-serif } td, th { padding: 0.2rem 1rem; text-align: left }
img { width: 28px; height: 28px }</style>
<table><tr><th>user<th>picture<th>likes<th>may like<th>how surely</tr>
"""


class Site:
    """The users in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._kind = engine, engine.dialect.name
        with engine.begin() as connection:
            columns = f"id {KEYS[self._kind]}, record {JSON[self._kind]} not null"
            connection.execute(text(f"create table if not exists users ({columns})"))

    def post(self, record: dict[str, str]) -> int:
        """The number of a new user."""
        with self._engine.begin() as connection:
            new = text("insert into users (record) values (:record) returning id")
            return int(connection.execute(new, {"record": json.dumps(record)}).scalar_one())

    def count(self) -> int:
        """How many users there are."""
        with self._engine.connect() as connection:
            return int(connection.execute(text("select count(*) from users")).scalar_one())

    def newest(self) -> list[dict[str, object]]:
        """The newest users, with labels where there are some."""
        ordered = "order by id desc limit 50"
        try:
            with self._engine.connect() as connection:
                found = connection.execute(text(f"{NEWEST[self._kind]} {ordered}")).mappings()
                failed = dict(connection.execute(text(FAILED[self._kind])).all())  # type: ignore[arg-type]  # pairs
                return [{**row, "error": failed.get(row["id"])} for row in found]
        except DBAPIError:  # nobody has made the views yet
            with self._engine.connect() as connection:
                found = connection.execute(text(f"select id, record from users {ordered}"))
                return [dict(row) for row in found.mappings()]

    def page(self) -> str:
        """The newest users as a table."""
        return USERS + "\n".join(map(_line, self.newest())) + "</table>"


def _line(row: dict[str, object]) -> str:
    given = row["record"]
    record = json.loads(given) if isinstance(given, str) else given
    label, p, error = (row.get(key) for key in ("label", "p", "error"))
    cells = [
        f"<td>{row['id']}",
        f"<td><img src='{escape(record['img'])}' alt=''>",
        f"<td>{escape(str(record.get('likes') or '-'))}",
        f"<td class='label'>{escape(str(label))}" if label else "<td>-",
        f"<td>{p:.0%}" if label else f"<td><i>{escape(str(error or ''))}</i>",
    ]
    return f"<tr id='user-{row['id']}'>{''.join(cells)}</tr>"


class Handler(BaseHTTPRequestHandler):
    """Answers browsers, and programs that post JSON."""

    site: Site

    def do_GET(self) -> None:
        """The page, the table in it, or how many users there are."""
        pages = {
            "/": lambda: PAGE,
            "/users": self.site.page,
            "/count": lambda: f"{self.site.count()}",
        }
        if self.path in pages:
            self._reply(200, pages[self.path]())
        else:
            self._reply(404, "there is no such page")

    def do_POST(self) -> None:
        """A new user, as JSON or from the form."""
        size = int(self.headers.get("Content-Length", 0))
        if self.path != "/users" or not 0 < size <= MOST:
            return self._reply(400, "post a record to /users")
        body, is_json = self.rfile.read(size), "json" in self.headers.get("Content-Type", "")
        try:
            record = json.loads(body) if is_json else _of_form(body)
        except ValueError:
            record = None
        if not isinstance(record, dict) or not _is_url(record.get("img")):
            return self._reply(400, "a record is a JSON object; its img is a URL")
        number = self.site.post(record)
        if is_json:
            return self._reply(201, json.dumps({"id": number}))
        return self._reply(303, "", {"Location": "/"})

    def _reply(self, status: int, told: str, headers: dict[str, str] | None = None) -> None:
        body = told.encode()
        self.send_response(status)
        kind = "text/html; charset=utf-8" if told.startswith("<") else "text/plain"
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *told: object) -> None:
        """Requests are not told."""


def _of_form(body: bytes) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(body.decode()).items()}


def _is_url(given: object) -> bool:
    return isinstance(given, str) and given.startswith(("http://", "https://"))


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8100)
    Handler.site = Site(create_engine(os.environ["DATABASE_URL"]))
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

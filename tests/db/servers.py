"""A PostgreSQL server for tests: made in a temporary folder, and gone with the tests.

The server listens on a socket in that folder only, and everybody who reaches the socket may log in.
`PYSTORE_TEST_POSTGRESQL` names a server of one's own instead: the URL of one of its superusers.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import URL, make_url

OWN = os.environ.get("PYSTORE_TEST_POSTGRESQL")
PATIENCE = 60.0  # [s] until a server answers, or ends

# The server ends with the tests, however they end: then its standard input ends, and a process
# beside the server reads that and kills the server. A word in the input is the signal to send.
_START = """
exec 3<&0
( { read -r signal <&3; kill -"${signal:-QUIT}" $$; } & )
exec "$@" 3<&- </dev/null
"""


def programs() -> Path | None:
    """The folder of the newest PostgreSQL here that can make and run a server."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr/pgsql").glob("*/bin")]
    found.sort(key=lambda folder: [int(n) for n in re.findall(r"\d+", folder.parent.name)])
    if shutil.which("initdb"):
        found.append(Path(str(shutil.which("initdb"))).resolve().parent)
    found = [one for one in found if (one / "initdb").exists() and (one / "postgres").exists()]
    return found[-1] if found else None


class Server:
    """A server whose superuser we are. `url` leads to its database `postgres`."""

    url: URL

    def start(self, *, fsync: bool = False) -> None:
        """Starts the server, and returns when it answers."""
        pytest.skip("the server of PYSTORE_TEST_POSTGRESQL is not ours to start or stop")

    def stop(self, *, crash: bool = False) -> None:
        """Stops the server and cuts its connections; with `crash`, as if the power had gone."""
        pytest.skip("the server of PYSTORE_TEST_POSTGRESQL is not ours to start or stop")

    def ensure(self) -> None:
        """Starts the server where a test has left it stopped."""

    def restart(self, *, crash: bool = False, fsync: bool = False) -> None:
        """Stops and starts the server."""
        self.stop(crash=crash)
        self.start(fsync=fsync)

    def connection(self, url: URL | None = None) -> psycopg.Connection[Any]:
        """A connection to the database of `url`, each of whose statements is committed."""
        url = (url or self.url).set(drivername="postgresql")
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


class NamedServer(Server):
    """A server of somebody else."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)


class OwnServer(Server):
    """A server in a folder of its own."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # A socket's path has at most some 100 characters, and a folder of pytest has about as many.
        short = "/tmp" if os.path.isdir("/tmp") else None
        self._folder = Path(tempfile.mkdtemp(prefix="pystore-pg-", dir=short))
        # The server refuses to run as root.
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self._folder, "nobody")
            group = self._folder.stat().st_gid
            self._user = {"user": "nobody", "group": group, "extra_groups": []}
        self._process: subprocess.Popen[str] | None = None
        self._log = self._folder / "log"
        self._log.touch()
        host = quote(str(self._folder), safe="")
        self.url = make_url(f"postgresql+psycopg://postgres@/postgres?host={host}")

    def make(self) -> None:
        """Makes the cluster of the server."""
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]
        done = subprocess.run(
            [self._programs / "initdb", *options, "--no-sync", self._folder / "data"],
            cwd=self._folder,
            capture_output=True,
            text=True,
            **self._user,
        )
        assert done.returncode == 0, done.stderr

    def start(self, *, fsync: bool = False) -> None:
        settings: dict[str, object] = {
            "listen_addresses": "",
            "unix_socket_directories": self._folder,
            "fsync": "on" if fsync else "off",
            "shared_buffers": "32MB",
            "max_connections": "100",
            "log_min_messages": "warning",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        program, data = self._programs / "postgres", self._folder / "data"
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", _START, "sh", program, "-D", data, *options],
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,  # no ^C at the terminal stops the server before its tests
                **self._user,
            )
        self._wait_until_it_answers()

    def stop(self, *, crash: bool = False) -> None:
        if self._process is not None:
            # QUIT stops all of its processes at once, and the next start recovers; INT is orderly.
            self._process.communicate("QUIT\n" if crash else "INT\n", timeout=PATIENCE)
            self._process = None

    def ensure(self) -> None:
        if self._process is None:
            self.start()
        elif self._process.poll() is not None:
            self.stop()
            self.start()

    def remove(self) -> None:
        """Stops the server, and removes its folder."""
        try:
            self.stop(crash=True)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.connection().close()
            except psycopg.OperationalError as error:
                ended = self._process is None or self._process.poll() is not None
                if ended or time.monotonic() > end:
                    raise RuntimeError(f"no answer: {error}\n{self._log.read_text()}") from None
            time.sleep(0.02)


@contextmanager
def running() -> Iterator[Server]:
    """A server that answers. Skips the test where there is none."""
    if OWN:
        yield NamedServer(OWN)
        return
    found = programs()
    if found is None:
        pytest.skip("needs a PostgreSQL server; on Debian: apt-get install postgresql")
    server = OwnServer(found)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.remove()


class FreshDatabase:
    """An empty database of a server, and roles that can log in to it, for one test."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self._name = name
        self._url = server.url.set(database=name)
        self._roles: list[str] = []
        self._administer(f"CREATE DATABASE {name} TEMPLATE template0")

    @property
    def url(self) -> str:
        """The URL for the owner of the database, a superuser."""
        return self._url.render_as_string(hide_password=False)

    def role(self, name: str, *grants: str) -> str:
        """The URL for a new role with these grants, each as it stands between GRANT and TO."""
        role = f"{self._name}_{name}"
        self._administer(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        self._roles.append(role)
        for grant in grants:
            self.execute(f"GRANT {grant} TO {role}")
        url = self._url.set(username=role, password="secret")
        return url.render_as_string(hide_password=False)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement of the owner, which is committed."""
        with self.server.connection(self._url) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def drop(self) -> None:
        """Drops the database, whoever uses it, and its roles."""
        self._administer(f"DROP DATABASE {self._name} WITH (FORCE)")
        for role in self._roles:
            self._administer(f"DROP ROLE {role}")

    def _administer(self, statement: str) -> None:
        with self.server.connection() as connection:
            connection.execute(statement)

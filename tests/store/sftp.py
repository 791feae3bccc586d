"""An SFTP server on loopback, for the files of one folder."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from paramiko import SFTP_FAILURE, SFTP_OK, SFTPAttributes, SFTPHandle, SFTPServer


class Login(paramiko.ServerInterface):
    """Lets one user in."""

    def check_auth_password(self, username, password):
        fine = (username, password) == ("me", "secret")
        return paramiko.AUTH_SUCCESSFUL if fine else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "password"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


class Handle(SFTPHandle):
    """An open file."""

    def stat(self):
        return SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class Files(paramiko.SFTPServerInterface):
    """The files below `root`."""

    root = Path()

    def _real(self, path):
        return self.root / self.canonicalize(path).lstrip("/")

    def _do(self, work):
        try:
            return work()
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    def list_folder(self, path):
        return self._do(lambda: [self._attributes(p) for p in self._real(path).iterdir()])

    def _attributes(self, path):
        return SFTPAttributes.from_stat(path.lstat(), path.name)

    def stat(self, path):
        return self._do(lambda: SFTPAttributes.from_stat(self._real(path).stat()))

    lstat = stat

    def open(self, path, flags, attr):
        return self._do(lambda: self._open(self._real(path), flags))

    def _open(self, path, flags):
        file = os.open(path, flags, 0o644)
        handle = Handle(flags)
        handle.readfile = handle.writefile = os.fdopen(file, "r+b" if flags & os.O_RDWR or
                                                       flags & os.O_WRONLY else "rb")  # fmt: skip
        return handle

    def mkdir(self, path, attr):
        return self._do(lambda: self._real(path).mkdir() or SFTP_OK)

    def posix_rename(self, oldpath, newpath):
        return self._do(lambda: os.replace(self._real(oldpath), self._real(newpath)) or SFTP_OK)

    def remove(self, path):
        return SFTP_FAILURE


@contextmanager
def serving_sftp(root: Path) -> Iterator[int]:
    """The port of a server that shows a folder to `me` with `secret`."""
    key = paramiko.RSAKey.generate(2048)
    listener = socket.create_server(("127.0.0.1", 0))
    transports = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transports.append(transport)
            transport.add_server_key(key)
            kind = type("Shown", (Files,), {"root": root})
            transport.set_subsystem_handler("sftp", SFTPServer, kind)
            transport.start_server(server=Login())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
        thread.join()

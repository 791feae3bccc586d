"""For the tests of the walkthrough: small digits, MNIST if it lies near, and a server of it."""

import functools
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from project import PROJECT

from pystore import Store, realize
from pystore.stages import mnist

MNIST = PROJECT.parent / "shared" / "data" / "mnist.npz"
MNIST_SHA256 = "88eaf78b3cf8a302b5c253212171853934f34bb083759fe893a3554a84c56f0a"

needs_tensorflow = pytest.mark.skipif(
    os.environ.get("PYSTORE_TEST_TENSORFLOW") != "1",
    reason="trains with TensorFlow: make test-tensorflow",
)


@dataclass
class Served:
    """A file on a server on loopback."""

    url: str
    sha256: str
    asked: list[str] = field(default_factory=list)  # the paths of all requests


@contextmanager
def serving(file: Path) -> Iterator[Served]:
    """A server of this file and its neighbours, while the block runs."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            super().do_GET()

        def log_message(self, *args: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(file.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        served = Served(f"http://127.0.0.1:{server.server_port}/{file.name}", sha256)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def small_mnist(folder: Path) -> Path:
    """`mnist.npz` in this folder, with the digits that come with scikit-learn."""
    store = Store(folder / "store-of-digits", durable=False)
    copy = folder / mnist.FILE
    copy.write_bytes((store.path(realize(mnist.digits(), store=store)) / mnist.FILE).read_bytes())
    store.destroy()
    return copy

"""The pictures of the page "The page of a store", taken of the page itself.

`python docs/page_pictures.py` trains a small sweep, shows it in Chromium, and writes
docs/page-*.webp, or into the folder that is named. It needs Chromium, playwright and Pillow.
"""

import asyncio
import io
import math
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import uvicorn
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from pystore import Store, build_metric, build_seed, output, pin, realize, stage, sweep, tag
from pystore.ui.page.application import application

DOCS = Path(__file__).parent
TOKEN = "a-token-for-pictures"
WIDTH, HEIGHT = 1080, 720
PICTURES = {  # the address, and whether it is dark; A and B are two derivations
    "page-stage": ("/stage/train?metric=accuracy", False),
    "page-sweep": ("/sweep/train?metric=accuracy&x=rate&by=optimizer", False),
    "page-compare": ("/compare?a={a}&b={b}", True),
}


@stage
def digits(rows=1000, out=output("digits.csv")):
    """Rows."""
    out.write_text("0,1,2\n" * rows)


@stage
def train(build, data=digits(), rate=0.1, width=32, optimizer="sgd"):  # noqa: B008  # a default is an input
    """A training that only looks like one."""
    luck = Random(build_seed(build))
    best = 0.93 - 0.03 * (math.log10(rate) + 2) ** 2 + width / 4000 + 0.01 * (optimizer == "adam")
    for epoch in range(1, 6):
        loss = 2.3 * math.exp(-epoch * best / 2) + luck.gauss(0, 0.03)
        build_metric(build, "loss", loss, step=epoch)
    build_metric(build, "accuracy", best + luck.gauss(0, 0.006))
    (build.outpath / "weights.bin").write_bytes(bytes(width))


def make(root: Path) -> Store:
    """A store with a sweep, five attempts each."""
    store = Store(root, durable=False)
    with store.use():
        rates, optimizers = [0.0001, 0.001, 0.01, 0.1], ["sgd", "adam"]
        made = sweep(train, rate=rates, width=[32, 128], optimizer=optimizers)
        rrefs = realize(list(made.values()), attempts=5)
        pin(rrefs[-1], "serving")
        tag(rrefs[-1], "paper")
    return store


@contextmanager
def serving(store: Store) -> Iterator[str]:
    """The address of the page, without a token."""
    ending = asyncio.Event()
    app = application({"store": store}, token=TOKEN, ending=ending)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def take(folder: Path) -> list[Path]:
    """Writes the pictures into a folder."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        store = make(Path(scratch) / "store")
        tried = [dref for dref in store.drefs() if dref.name == "train"]
        a, b = max(tried, key=str), min(tried, key=str)
        # Root, as in a container, has no sandbox.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        with serving(store) as base:
            found = []
            for name, (path, is_dark) in PICTURES.items():
                page = browser.new_page(
                    color_scheme="dark" if is_dark else "light",
                    viewport={"width": WIDTH, "height": HEIGHT},
                )
                page.goto(f"{base}/?token={TOKEN}")
                page.goto(base + path.format(a=a, b=b))
                found.append(_write(page, folder / f"{name}.webp"))
                page.close()
        browser.close()
        return found


def _write(page: Page, path: Path) -> Path:
    # Where the store is says nothing to a reader, and is another place each time.
    page.evaluate("document.querySelector('.store').textContent = '~/digits/.pystore'")
    Image.open(io.BytesIO(page.screenshot())).save(path, "WEBP", quality=80, method=6)
    return path


if __name__ == "__main__":
    for one in take(Path(sys.argv[1]) if sys.argv[1:] else DOCS):
        sys.stdout.write(f"{one}: {one.stat().st_size:,} bytes\n")

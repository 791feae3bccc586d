"""A store in which all text is hostile: parameters, metrics, files, hosts, logs, notes."""

import os
from pathlib import Path
from typing import Any

from pystore import (
    Build,
    Derivation,
    Store,
    build_cattrs,
    build_metric,
    build_note,
    build_outpath,
    build_seed,
    match_latest,
    note,
    pin,
    realize,
    tag,
)
from pystore.errors import BuildError

SCRIPT = "<script>document.title='pwned'</script>"
IMAGE = "\"'><img src=x onerror=\"document.title='pwned'\">"
TEMPLATE = "{{ 7 * 7 }}{% raw %}${7*7}"
STEERING = "\x1b[31m\x07\u202eevil\u2066\0"
HOSTILE = (
    SCRIPT,
    IMAGE,
    TEMPLATE,
    STEERING,
    "javascript:alert(1)",
    "</style><style>*{display:none}",
)
FILES = (b"<script>alert(1)<", b"evil\xff.svg", b"a'b\"c.html", "\u202egpj.exe".encode(), b"-n ..")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'


def _train(b: Build) -> None:
    out, given = build_outpath(b), build_cattrs(b)
    for at, name in enumerate(FILES):
        (out / os.fsdecode(name)).write_bytes(SVG * (at + 1))
    (out / "page.html").write_bytes(SVG)
    (out / "evidence.json").write_text('{"truth": 3}')
    build_note(b, SCRIPT, IMAGE)
    print(SCRIPT, STEERING)
    for step in range(3):
        build_metric(b, f"{SCRIPT}/{IMAGE}", build_seed(b) % 100 + step, step=step)
    build_metric(b, "score", float(given.rate) + build_seed(b) % 100 / 1000)
    if given.rate == 9:
        raise ArithmeticError(SCRIPT + STEERING)


def train(rate: float, **more: Any) -> Derivation:
    """A training with hostile parameters."""
    told = {f"p{at}": text for at, text in enumerate(HOSTILE)}
    config = {"name": "train", "rate": rate, SCRIPT: IMAGE, **told, **more}
    return Derivation(config, match_latest(), _train)


def make(root: Path) -> Store:
    """The store, with six derivations, a failure, a pin, notes and tags."""
    store = Store(root, durable=False)
    with store.use():
        some = [train(rate, kind=kind) for rate in (0.001, 1, 1000) for kind in (SCRIPT, IMAGE)]
        rrefs = realize(some, capture=True)
        realize(some[:4], capture=True, force_rebuild=True)
        realize(Derivation({"name": "other", SCRIPT: SCRIPT}, match_latest(), _other))
        try:
            realize(train(9), capture=True)
        except BuildError:
            pass
        pin(rrefs[0], "baseline")
        note(rrefs[0], SCRIPT + IMAGE)
        tag(rrefs[0], "good")
    return store


def _other(b: Build) -> None:
    (build_outpath(b) / "score").write_text("0.5")

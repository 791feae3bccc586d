"""Every Python block of the README and of docs/ runs, and prints what is shown below it.

The blocks of a page share one namespace and a fresh folder; one with a title is a file in it too,
and where that is `test_….py`, the tests in it run.
In `console` blocks the lines after `$` run, and print what follows. `…` in a shown output stands
for anything, alone on a line for any lines; digests of 32 digits (also cut to `01ab…`), times and
accuracies may differ. Blocks marked `{.tensorflow}` run with `make test-tensorflow`.
"""

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import blake3
import pytest
from mnist_data import needs_tensorflow, serving, small_mnist
from project import PROJECT, importing
from test_architecture import ROOMS

import pystore
from pystore import (
    Build,
    Derivation,
    PystoreWarning,
    Store,
    attempts,
    build_cattrs,
    build_outpath,
    build_path,
    build_seed,
    build_wrapper,
    match_latest,
    realize,
)
from pystore.stages import mnist
from pystore.store.current import ProcessWide

PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
]
WALKTHROUGH = PROJECT / "docs" / "walkthrough.md"
DATABASE = PROJECT / "docs" / "mnist-in-a-database.md"
_PYTHON = r'```python(?: title="(?P<file>[^"\n]+)")?(?P<tensorflow> \{\.tensorflow\})?\n'
_BLOCK = re.compile(
    rf"^(?:{_PYTHON}|```console\n)(?P<code>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?",
    re.M | re.S,
)


@dataclass(frozen=True)
class Block:
    """A block of code and what is shown below it; or a console's command and its output."""

    code: str
    shown: str
    line: int
    console: bool = False
    tensorflow: bool = False
    file: str | None = None


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for m in _BLOCK.finditer(text):
        line = text[: m.start("code")].count("\n")
        if m[0].startswith("```console"):
            for command in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", m["code"], re.M):
                yield Block(command[1], command[2], line, console=True)
        else:
            tensorflow = m["tensorflow"] is not None
            yield Block(m["code"], m["shown"] or "", line, tensorflow=tensorflow, file=m["file"])


def run(page: Path, names: dict[str, Any], replace: dict[str, str], tensorflow: bool) -> None:
    """Runs the blocks of a page, one after the other, and compares what they print."""
    for block in blocks(page):
        if block.tensorflow and not tensorflow:
            continue
        code = block.code
        for old, new in replace.items():
            code = code.replace(old, new)
        if block.file:
            Path(block.file).write_text(code)
        # The line numbers of the page, for tracebacks.
        numbered = "\n" * block.line + code
        printed = _typed(code) if block.console else _executed(numbered, page, names)
        assert _pattern(block.shown).fullmatch(_plain(printed)), (
            f"{page.name}, line {block.line}: {code if block.console else ''} prints\n{printed}"
        )
        if block.file and block.file.startswith("test_"):
            _test(block.code, names)


def _test(code: str, names: dict[str, Any]) -> None:
    """Runs the tests that a block defines, each with an empty folder."""
    tests = re.findall(r"^def (test_\w+)\(tmp_path\):$", code, re.M)
    assert len(tests) == code.count("def test_") > 0
    for test in tests:
        folder = Path(test).absolute()
        folder.mkdir()
        names[test](folder)


def _executed(code: str, page: Path, names: dict[str, Any]) -> str:
    compiled = compile(code, str(page), "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("always", PystoreWarning)
        warnings.showwarning = _print_warning
        exec(compiled, names)
    return printed.getvalue()


def _typed(command: str) -> str:
    """What a command prints, on both of its outputs."""
    program, *arguments = shlex.split(command)
    assert program == "pystore", f"a console block runs pystore, and not {program}"
    done = subprocess.run(
        [sys.executable, "-m", "pystore", *arguments],
        env={**importing(), "COLUMNS": "100", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.stdout


def _print_warning(message: Warning | str, kind: type[Warning], *where: object) -> None:
    if issubclass(kind, PystoreWarning):
        print(f"{kind.__name__}: {message}")


def _plain(text: str) -> str:
    text = re.sub(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{4}…(?=-)", "<hex>", text)
    text = re.sub(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ?\b", "<time>", text)
    text = re.sub(r"\b(\d+\.\d|\d\d|\d+ min \d\d) s\b", "<seconds>", text)
    return re.sub(r"\b0\.\d+\b", "0.0", text)


def _pattern(shown: str) -> re.Pattern[str]:
    lines = re.sub(r"^…\\\n", r"(?:.*\n)*?", re.escape(_plain(shown)), flags=re.M)
    return re.compile(lines.replace("…", ".*"))


@pytest.fixture(autouse=True)
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh folder, and a store of one's own."""
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "default"))
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p not in (WALKTHROUGH, DATABASE)], ids=lambda p: p.name
)
def test_every_block_of_a_page_runs(page: Path):
    if page.name == "networks.md":
        pytest.importorskip("torch", reason="make test-torch runs the blocks of this page")
    run(page, {"__name__": "__main__"}, {}, tensorflow=False)


def test_every_block_of_mnist_in_a_database_runs(tmp_path: Path, monkeypatch):
    torch = pytest.importorskip("torch", reason="make test-torch runs the blocks of this page")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads of so small a network only wait for each other
    try:
        with serving(small_mnist(tmp_path)) as served:
            monkeypatch.setattr(
                mnist.dataset.__wrapped__, "__defaults__", (served.url, served.sha256)
            )
            run(DATABASE, {"__name__": "__main__"}, {}, tensorflow=False)
    finally:
        torch.set_num_threads(threads)


def _fast_build(b: Build) -> None:
    """In place of a training: as accurate as its seed says."""
    c = build_cattrs(b)
    assert build_path(b, c.dataset).stat().st_size > 1_000_000
    (build_outpath(b) / "model.weights.h5").write_text(str(build_seed(b)))
    (build_outpath(b) / "accuracy.txt").write_text(f"{0.9 + build_seed(b) / 2**32 / 10:.6f}\n")


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=needs_tensorflow)])
def test_every_block_of_the_walkthrough_runs(tmp_path: Path, monkeypatch, real: bool):
    with serving(small_mnist(tmp_path)) as served:
        monkeypatch.setattr(mnist.dataset.__wrapped__, "__defaults__", (served.url, served.sha256))
        run(
            WALKTHROUGH,
            {"mnist_build": _fast_build},
            {mnist.URL: served.url, mnist.SHA256: served.sha256},
            tensorflow=real,
        )
    assert served.asked == ["/mnist.npz"]


def test_the_walkthrough_shows_the_network_of_the_stages():
    layers = re.compile(r"layers\.\w+\(.*?\),")
    stage = (PROJECT / "stages" / "mnist.py").read_text()
    assert layers.findall(WALKTHROUGH.read_text()) == layers.findall(stage) != []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_what_a_page_links_to_is_there(page: Path):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_the_page_of_demos_shows_the_programs_as_they_are():
    """Whole, so that a checkout shows them as well as the site."""
    page = (PROJECT / "docs" / "demos.md").read_text()
    shown = dict(re.findall(r'^```py title="demos/(\w+\.py)"\n(.*?)^```$', page, re.M | re.S))
    assert shown == {path.name: path.read_text() for path in (PROJECT / "demos").glob("*.py")}


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "index.md"], ids=lambda p: p.name)
def test_a_page_stands_on_its_own_in_a_checkout(page: Path):
    """But for the home of the site, which is the README: no line stands for another file."""
    assert not re.search(r"^\s*-+ *8 *<", page.read_text(), re.M)


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_the_files_that_a_page_names_are_there(name: str):
    named = set(re.findall(r"`((?:[\w-]+/)+[\w-]+\.\w+)`", (PROJECT / name).read_text()))
    homes = (PROJECT, PROJECT / "pystore")
    assert {one for one in named if not any((home / one).exists() for home in homes)} == set()


def test_every_public_name_is_in_the_reference():
    pages = "".join(page.read_text() for page in (PROJECT / "docs" / "api").glob("*.md"))
    shown = re.findall(r"^::: pystore\.(\w+)$", pages, re.M)
    names = {name for name in pystore.__all__ if name != "__version__"}
    assert names == set(shown), "each public name has one line, in a page of docs/api"


def test_what_the_reference_names_is_there():
    pages = "".join(page.read_text() for page in (PROJECT / "docs" / "api").glob("*.md"))
    deep = re.findall(r"^::: (pystore\.\S+)\.(\w+)$", pages, re.M)
    missing = [(where, name) for where, name in deep if not hasattr(import_module(where), name)]
    assert len(deep) > 10
    assert missing == []


@pytest.mark.parametrize(
    "page", sorted((PROJECT / "docs" / "api").glob("*.md")), ids=lambda p: p.name
)
def test_the_reference_says_in_a_checkout_how_each_docstring_begins(page: Path, monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "docs")
    reference = import_module("reference")
    text = page.read_text()
    assert reference.with_lines(text) == text, "run: python docs/reference.py"
    names = re.findall(r"^::: [\w.]+\.(\w+)$", text, re.M)
    assert {name for name in names if f"**`{name}`**: " not in text} == set()


@pytest.mark.parametrize("page", ["README.md", "docs/api/README.md"])
def test_what_a_stranger_meets_first_fits_80_columns(page: str):
    fenced = re.findall(r"^```.*\n(.*?)^```$", (PROJECT / page).read_text(), re.M | re.S)
    assert [line for block in fenced for line in block.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("drawing", sorted((PROJECT / "docs").glob("*.svg")), ids=lambda p: p.name)
def test_a_drawing_has_colours_for_light_and_dark(drawing: Path):
    text = drawing.read_text()
    light, dark = re.findall(r"svg \{ (--.*?) \}", text)
    named = set(re.findall(r"var\((--\w+)\)", text))
    assert set(re.findall(r"--\w+(?=:)", light)) == set(re.findall(r"--\w+(?=:)", dark)) == named
    assert fromstring(text).tag.endswith("svg")


def test_the_plot_shows_the_results_of_the_first_program(monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "docs")
    drawings = import_module("drawings")
    shown = (PROJECT / "docs" / "first.svg").read_text()
    if drawings.made_by() not in shown:
        pytest.skip("the plot is by other versions of matplotlib and scikit-learn")
    assert drawings.plot() == shown, "run: python docs/drawings.py"


def test_the_pictures_of_the_page_are_there_and_small():
    docs = PROJECT / "docs"
    named = re.findall(r"!\[[^]]+\]\((page-\w+\.webp)\)", (docs / "page.md").read_text())
    assert sorted(named) == sorted(path.name for path in docs.glob("*.webp"))
    assert 0 < sum((docs / name).stat().st_size for name in named) < 400_000


def test_every_decision_is_listed_once_under_a_subject():
    folder = PROJECT / "docs" / "adr"
    titles = {p.name: p.read_text().partition("\n")[0][2:] for p in folder.glob("0*.md")}
    rows = _decisions()
    assert sorted((name, title) for title, name, _ in rows) == sorted(titles.items())


def test_the_status_of_a_decision_is_known():
    """Where a later one has changed it, one of both pages names the other."""
    folder = PROJECT / "docs" / "adr"
    for title, name, status in _decisions():
        known = re.fullmatch(
            r"accepted|(?:accepted, changed|superseded) by \[(\d+)\]\((0.*\.md)\)", status
        )
        assert known, f"{title}: {status}"
        if later := known[2]:
            assert int(later[:4]) == int(known[1]) > int(name[:4]), title
            texts = [(folder / one).read_text() for one in (name, later)]
            assert f"ecision {int(name[:4])}" in texts[1] or name in texts[1] or later in texts[0]


def _decisions() -> list[tuple[str, str, str]]:
    """The title, the file and the status of each decision of the index."""
    index = (PROJECT / "docs" / "adr" / "README.md").read_text()
    return re.findall(r"^\| \[(.*?)\]\((0.*?\.md)\) \| (.*) \|$", index, re.M)


@pytest.mark.parametrize("name", ["docs/architecture.md", "docs/rooms.svg", "docs/way.svg"])
def test_what_the_architecture_names_is_there(name: str):
    assert _named_in((PROJECT / name).read_text())


def test_what_contributing_names_is_there():
    assert _named_in((PROJECT / "CONTRIBUTING.md").read_text())


def _named_in(page: str) -> list[str]:
    """The files and folders below `pystore/` or the project that a page names; all are there."""
    named = re.findall(r"(?<=[`>])[\w.]+/(?:[\w./]*/|[\w./]*\.(?:py|md)|)(?=[`<])", page)
    roots = (PROJECT, PROJECT / "pystore")
    missing = [one for one in named if not any((root / one).exists() for root in roots)]
    assert missing == []
    return named


def test_the_architecture_has_each_room_above_those_that_it_may_import():
    page = (PROJECT / "docs" / "architecture.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| .* \| `\1/\w.*` \|$", page, re.M)
    folders = {path.parent.name for path in (PROJECT / "pystore").glob("*/*.py")}
    assert set(listed) == folders - {"stages"}
    assert listed == [room for room in reversed(ROOMS) if room in listed]


def test_every_page_is_in_the_menu_of_the_site():
    docs = PROJECT / "docs"
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    menu = re.findall(r"^ +- .*?([\w/-]+\.md)$", (PROJECT / "mkdocs.yml").read_text(), re.M)
    decisions = {page for page in pages if page.startswith("adr/0")}
    assert sorted(menu) == sorted(pages - decisions), "each page has one line in mkdocs.yml"


# --- docs/format.md --------------------------------------------------------------------


def _hello(b: Build) -> None:
    (build_outpath(b) / "greeting.txt").write_text("hello\n")


def _shout(b: Build) -> None:
    o = build_outpath(b)
    greeting = build_path(b, build_cattrs(b).greeting).read_text()
    (o / "50% louder.txt").write_text(greeting.upper())
    (o / "empty").mkdir()
    (o / "link").symlink_to("50% louder.txt")


@pytest.fixture
def example() -> Store:
    """The store of the example in docs/format.md."""
    hello = Derivation({"name": "hello"}, match_latest(), build_wrapper(_hello))
    config = {"name": "shout", "greeting": [hello, "greeting.txt"], "times": 1.0}
    store = Store("example", durable=False)
    realize(Derivation(config, match_latest(), build_wrapper(_shout)), store=store)
    return store


FORMAT = (PROJECT / "docs" / "format.md").read_text()


def _shown_files() -> list[tuple[str, str]]:
    return re.findall(r"^`(drv/\S+)`[^\n]*\n\n```json\n(.*?)^```", FORMAT, re.M | re.S)


def test_the_example_of_the_format_is_what_the_store_writes(example: Store):
    files = _shown_files()
    assert len(files) == 6
    for name, shown in files:
        written = (example.root / name).read_text()
        assert written == (shown.rstrip("\n") if name.endswith("config.json") else shown)


def test_the_contexts_and_seeds_of_the_example_are_those_of_the_store(example: Store):
    first = [attempts(dref, store=example)[0] for dref in example.drefs()]
    for attempt in first:
        assert f"`{attempt.context}" in FORMAT
        assert re.search(rf"seed.*\bis\s+{attempt.seed}\.", FORMAT, re.S)


def _derived(purpose: str, data: bytes) -> str:
    return blake3.blake3(data, derive_key_context=purpose).hexdigest()


def test_the_digests_of_the_example_follow_from_the_page_alone():
    files = {name: text.encode() for name, text in _shown_files()}
    for name, text in files.items():
        home, _, file = name.rpartition("/")
        digest = home.rpartition("/")[2].partition("-")[0]
        if file == "config.json":
            assert _derived("pystore derivation 1", text.rstrip(b"\n"))[:32] == digest
            continue
        provenance = json.loads(files[f"{home}/context.json"])
        if file == "manifest.json":
            assert _derived("pystore tree 1", text) == provenance["manifest"]
        else:
            assert _derived("pystore realization 1", text)[:32] == digest
            inputs = json.dumps(provenance["inputs"], separators=(",", ":")).encode()
            context = _derived("pystore context 1", inputs)[:32]
            seed = _derived("pystore seed 1", f"{provenance['dref']}\n{context}\n0".encode())
            assert f"`{context}" in FORMAT
            assert re.search(rf"\b{int(seed[:8], 16)}\.", FORMAT)


def test_every_purpose_of_a_digest_is_on_the_page():
    sources = "".join(path.read_text() for path in (PROJECT / "pystore").rglob("*.py"))
    purposes = set(re.findall(r'"(pystore \w+ \d)"', sources))
    assert purposes == set(re.findall(r"^\| `(pystore \w+ \d)` \|", FORMAT, re.M))


def test_the_record_of_an_attempt_has_the_keys_of_the_page(example: Store):
    record = next(example.root.rglob("attempts/*.0.json")).read_bytes()
    head, _, body = record.partition(b'",')
    assert head.decode() == '{"checksum":"' + _derived("pystore attempt 1", body)[:32]
    table = FORMAT[FORMAT.index("| key | value |") :].partition("\n\n")[0]
    keys = {k for row in table.splitlines() for k in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert set(json.loads(record)) == keys | {"checksum"}


def test_the_folders_of_a_store_are_those_of_the_page(example: Store):
    layout = FORMAT[FORMAT.index("ROOT/") :].partition("```")[0]
    shown = set(re.findall(r"^  (\w[\w.]*)", layout, re.M))
    assert set(os.listdir(example.root)) == shown - {"searches"}  # made by the first search

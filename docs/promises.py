"""The page of promises: each with its module and the tests that prove it.

A module numbers its promises in its docstring (`MA2  The order of the candidates makes no
difference.`), and a test that proves one has the code in its name (`test_MA2_…`).
`python docs/promises.py` writes docs/promises.md.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PAGE = PROJECT / "docs" / "promises.md"
ROOMS = [
    *(f"pystore/{room}" for room in ("core", "store", "declare", "run", "ask", "db", "app", "ui")),
    "stages",
]
CODE = r"[A-Z]{1,2}[1-9]"
_DEFINED = re.compile(rf"^({CODE})  (.+(?:\n {{4,5}}\S.*)*)", re.M)
_PROVING = re.compile(rf"test_((?:{CODE}_)+)")
_HEAD = """# Promises

What the modules promise, and the tests that prove it. A promise is numbered in the docstring of
its module, and a test that proves it carries the code in its name. `python docs/promises.py` writes
this page; a test compares it with the code.
"""


@dataclass(frozen=True)
class Promise:
    """A numbered sentence in the docstring of a module."""

    code: str
    text: str
    module: str  # path below the project


@dataclass(frozen=True)
class Proof:
    """A test that has the codes of promises in its name."""

    name: str
    codes: tuple[str, ...]
    file: str  # path below the project


@cache
def promises() -> list[Promise]:
    """All promises, in the order of the rooms and of the modules in them."""
    return [promise for module in _modules() for promise in _promises(module)]


@cache
def proofs() -> list[Proof]:
    """All tests that name promises, in the order of their files."""
    return [proof for file in sorted((PROJECT / "tests").rglob("test_*.py")) for proof in _in(file)]


def page() -> str:
    """The text of the page."""
    proven = proofs()
    lines, room, module = [_HEAD], "", ""
    for promise in promises():
        here = promise.module.rsplit("/", 1)[0]
        if here != room:
            room = here
            lines.append(f"## {room}\n")
        if promise.module != module:
            module = promise.module
            lines.append(f"### {module.rsplit('/', 1)[1]}\n")
        lines += _entry(promise, proven)
    return "\n".join(lines)


def _entry(promise: Promise, proven: list[Proof]) -> Iterator[str]:
    yield f"**{promise.code}** {promise.text}\n"
    names: dict[str, list[str]] = {}
    for proof in proven:
        if promise.code in proof.codes:
            names.setdefault(proof.file, []).append(f"`{proof.name}`")
    yield from (f"- {file}: {', '.join(tests)}" for file, tests in names.items())
    yield ""


def _modules() -> Iterator[Path]:
    """The modules of each room, those that others import first."""
    for room in ROOMS:
        yield from sorted((PROJECT / room).rglob("*.py"), key=lambda p: (p.parent, p.name))


def _promises(module: Path) -> Iterator[Promise]:
    text = ast.get_docstring(ast.parse(module.read_text())) or ""
    for code, sentence in _DEFINED.findall(text):
        yield Promise(code, " ".join(sentence.split()), str(module.relative_to(PROJECT)))


def _in(file: Path) -> Iterator[Proof]:
    text = file.read_text()
    for node in ast.walk(ast.parse(text)) if _PROVING.search(text) else ():
        if isinstance(node, ast.FunctionDef) and (named := _PROVING.match(node.name)):
            codes = tuple(named[1].rstrip("_").split("_"))
            yield Proof(node.name, codes, str(file.relative_to(PROJECT)))


if __name__ == "__main__":
    PAGE.write_text(page())

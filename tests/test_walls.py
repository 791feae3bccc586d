"""The wall around the store: the modules that other rooms may import, and no more."""

import ast
from pathlib import Path

import pytest

import pystore

ROOT = Path(pystore.__file__).parent

# Each room sees what the rooms before it see, and these modules of the store.
DOORS = {
    "declare": {"caching", "current", "disk", "metrics", "staging"},
    "run": {
        "address", "attempt_files", "composing", "defaults", "descriptors", "forked", "home",
        "layout", "remote", "rights", "stopping", "store",
    },
    "ask": {"chosen", "notes", "pin_changes", "pins", "searches", "shared_files", "users"},
    "app": {"families", "forgotten"},
    "ui": {"compact", "doctor", "gc", "noting", "owner", "remove", "sharing", "upkeep", "verify"},
}  # fmt: skip
INSIDE = {"layout", "session", "shared_files", "own", "parts", "staging_area"}  # not for others
ROOMS = list(DOORS)


def files(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def imports(path: Path):
    """The absolute names of the modules, or of what is in them, that a file imports."""
    package = ["pystore", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *([node.module] if node.module else [])]
            yield from (".".join([*module, alias.name]) for alias in node.names)


@pytest.mark.parametrize("path", files(*ROOMS), ids=lambda p: str(p.relative_to(ROOT)))
def test_other_rooms_see_few_modules_of_the_store(path):
    room = path.relative_to(ROOT).parts[0]
    seen = set().union(*(DOORS[one] for one in ROOMS[: ROOMS.index(room) + 1]))
    wanted = {name.split(".")[2] for name in imports(path) if name.startswith("pystore.store.")}
    assert wanted <= seen


@pytest.mark.parametrize("path", files(*ROOMS), ids=lambda p: str(p.relative_to(ROOT)))
def test_other_rooms_do_not_reach_through_a_store(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in INSIDE:
            holder = ast.unparse(node.value)
            assert "store" not in holder.lower(), f"{path}:{node.lineno}: {holder}.{node.attr}"

"""pystore doctor: whether a store can rely on its file system, and which versions run here."""

import platform
import re
import sys

import click

from ...core.errors import Corrupted
from ...core.version import __version__
from ...store.doctor import Diagnosis, Finding, examine
from .command_context import CommandContext, as_json, report, with_command
from .exit_codes import DAMAGED

_COLOURS = {"fine": "green", "note": "yellow", "broken": "red"}
_OURS = "pystore-stages"  # the name of the distribution


@click.command()
@as_json
@with_command
def doctor(command: CommandContext, /, as_json: bool) -> None:
    """Try whether the store can rely on its file system.

    Links, renames, locks and syncs are really tried, in the store's tmp folder. Ends with 3 when
    something is broken.

    --json: an object with `store` and `findings`, each with `name`, `state`, `what` and `remedy`.
    """
    try:
        found = examine(command.store)
    except Corrupted as error:
        found = [Finding("store", "broken", error.what, error.remedy)]
    except OSError as error:
        what = f"{error.strerror}: {error.filename}"
        found = [Finding("store", "broken", what, "chmod u+rx, or ask its owner")]
    diagnosis = Diagnosis(str(command.root), (*found, versions(), packages()))
    report([diagnosis], lambda: _text(diagnosis), as_json)
    if diagnosis.is_broken:
        raise click.exceptions.Exit(DAMAGED)


def versions() -> Finding:
    """The versions of pystore, Python and the platform."""
    what = f"pystore {__version__}, Python {platform.python_version()}, {platform.platform()}"
    return Finding("versions", "fine", what)


def packages() -> Finding:
    """The packages that pystore needs, with their versions."""
    wanted = [name for name in required() if name]
    have = {name: _version(name) for name in wanted}
    missing = [name for name, version in have.items() if version is None]
    if missing:
        remedy = f"{sys.executable} -m pip install {' '.join(missing)}"
        return Finding("packages", "broken", f"missing: {', '.join(missing)}", remedy)
    return Finding("packages", "fine", ", ".join(f"{n} {v}" for n, v in have.items()))


def required() -> list[str]:
    """The packages that pystore needs; none if it runs without having been installed."""
    from importlib import metadata  # it reads mail: 10 ms that no other command should wait for

    try:
        lines = metadata.requires(_OURS) or []
    except metadata.PackageNotFoundError:
        return []
    return [re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line]


def _version(name: str) -> str | None:
    from importlib import metadata  # as above

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _text(diagnosis: Diagnosis) -> str:
    width = max(len(one.name) for one in diagnosis.findings)
    lines = [diagnosis.store]
    for one in diagnosis.findings:
        state = click.style(f"{one.state:<6}", fg=_COLOURS[one.state])
        lines.append(f"  {state}  {one.name:<{width}}  {one.what}".rstrip())
        if one.remedy:
            lines.append(f"  {'':<6}  {'':<{width}}  try: {one.remedy}")
    return "\n".join(lines)

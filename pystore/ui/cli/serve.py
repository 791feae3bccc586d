"""pystore serve: a model of a user's file, behind HTTP.

CS1  A mistake of the user is told with what to do: nothing listens then.
CS2  The garbage collector passes over what the program has loaded, which stays: to look at it
     would take a tenth of a second, and answers would wait.
CS3  `--check` fails where the service would refuse to start, or would refuse what it follows.
"""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ...core.errors import BadPlace, PystoreError
from ...core.extras import needs_extra
from ...store.remote.address import shown_address
from .command_context import CommandContext, with_command
from .error_text import located
from .models import model_of
from .parameters import complete_target
from .pins import from_remote
from .ways import Way

if TYPE_CHECKING:
    from ...app.model import Model


def _targets(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return complete_target(begun)


@click.command()
@click.argument("target", metavar="FILE.py[:MODEL]", shell_complete=_targets)
@click.option(
    "--follow",
    "matcher",
    type=Way(),
    metavar="WAY",
    help="What to serve: latest, best:METRIC, best:METRIC:min.",
)
@click.option("--pin", metavar="NAME", help="Serve what this pin names.")
@from_remote
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Another than this machine needs --token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="0: one that is free.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Answer in N processes.",
)
@click.option("--shadow", type=Way(), metavar="WAY", help="What to ask as well, for comparison.")
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that gets a JSON line an answer.",
)
@click.option("--log-inputs", is_flag=True, help="Log the inputs too.")
@click.option(
    "--cache", metavar="N", type=click.IntRange(min=0), default=0, help="Remember N answers."
)
@click.option(
    "--token", metavar="TOKEN|@FILE", help="Answer those who show this token, or that in the file."
)
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(min=0.01),
    default=0.5,
    show_default=True,
    help="How often to look for another realization.",
)
@click.option(
    "--load-within",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=4.0,
    show_default=True,
    help="Refuse one that takes longer to load, while another answers.",
)
@click.option(
    "--check", is_flag=True, help="Do all that a service does before it answers others, and end."
)
@with_command
def serve(command: CommandContext, /, target: str, check: bool, **options: Any) -> None:
    """Serve a model of a Python file, and follow what is trained.

    Without MODEL, the only one of the file. The file is loaded as a module: what stands under
    `if __name__ == "__main__":` does not run. SIGTERM and Ctrl-C end it, with exit code 0.

    \b
    pystore serve app.py --follow best:test
    pystore serve app.py --follow best:test --from s3://lab/models
    pystore serve app.py --pin serving --port 80 --host 0.0.0.0 --token @secret
    """
    try:
        with _passed_over():
            model = model_of(command, target)
        command.store_of_program(reading=False)
        options["trusted_keys"] = options.pop("trusted") or None
        options["token"] = _token(options["token"])
        if check:
            return _check(model, options)
        _web().serve(model, **options)
    except PystoreError as error:
        raise located(error) from error.__cause__


@contextmanager
def _passed_over() -> Iterator[None]:
    """Keeps the garbage collector from what is made inside, then and later."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _web() -> Any:
    with needs_extra("serve", "a package is missing that serves models", BadPlace):
        from ..web import serve as web  # late for weight: all of the web
    return web


def _token(text: str | None) -> str | None:
    if text is None or not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadPlace(
            "the token cannot be read", file=text[1:], because=error, remedy="name a text file"
        ) from None


def _check(model: "Model", options: Mapping[str, Any]) -> None:
    """Tells what would be served, and why nothing came from a remote."""
    found = _web().check(model, **options)
    if found.why_not_fetched:  # what is here may do
        source = shown_address(options["source"])
        click.echo(f"nothing came from {source}: {found.why_not_fetched}", err=True)
    versions = found.versions_differ or ("the versions are those of the training",)
    click.echo(f"{model.name}: {found.rref} predicts its examples as it did")
    click.echo("\n".join(versions))

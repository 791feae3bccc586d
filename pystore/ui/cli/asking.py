"""Asking before anything is removed."""

import sys

import click

yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def check_can_ask(agreed: bool) -> None:
    """Raises UsageError if nobody has agreed, and there is no terminal to ask on."""
    if not agreed and not can_ask():
        raise click.UsageError(
            "This removes something, and there is no terminal to ask on: add --yes",
            click.get_current_context(),
        )


def agreed(question: str, already: bool) -> bool:
    """Whether the user agrees."""
    if already or click.confirm(question):
        return True
    click.echo("nothing is removed")
    return False

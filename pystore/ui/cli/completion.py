"""pystore completion: the lines that teach a shell to complete commands and references."""

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands and references.

    \b
    bash:  echo 'eval "$(pystore completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(pystore completion zsh)"' >> ~/.zshrc
    fish:  pystore completion fish > ~/.config/fish/completions/pystore.fish

    It holds in shells that are started from then on.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "pystore", "_PYSTORE_COMPLETE").source())

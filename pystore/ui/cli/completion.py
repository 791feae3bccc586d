"""pystore completion: the lines that teach a shell to complete commands and references."""

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from ..settings import typed_so_far

_SHELLS = ("bash", "zsh", "fish")
_CURSOR = "|"  # stands where the cursor is, so that there is always a last word

# compopt came with Bash 4, nosort with 4.4: without them, it completes nevertheless.
_BASH = """\
%(complete_func)s() {
    local kind reply
    COMPREPLY=()
    while IFS=, read -r kind reply; do
        case "$kind" in
            file) compopt -o default 2> /dev/null ;;
            dir) compopt -o dirnames 2> /dev/null ;;
            plain)
                COMPREPLY+=("$reply")
                [[ "$reply" == *= ]] && compopt -o nospace 2> /dev/null ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORD="$2" \
             %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2> /dev/null ||
    complete -F %(complete_func)s %(prog_name)s
"""


class Bash(ShellComplete):
    """Completes in Bash, which takes `dref:f` for three words and replaces only the last.

    So the line is split here, and a reply is what comes in place of Bash's own last word.
    """

    name = "bash"
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words of the line before the cursor, and the word at the cursor."""
        line, word = typed_so_far()
        *args, begun = split_arg_string(line + _CURSOR)
        begun = begun.removesuffix(_CURSOR)
        self._before = begun.removesuffix(word)
        return args[1:], begun

    def format_completion(self, item: CompletionItem) -> str:
        """The kind of a reply, and the part of it that Bash does not have yet."""
        return f"{item.type},{str(item.value).removeprefix(self._before)}"


add_completion_class(Bash)


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
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "pystore", "_PYSTORE_COMPLETE").source())

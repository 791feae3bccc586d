"""The program itself: help, mistakes, exit codes, colours, completion."""

import errno
import signal
import subprocess
import warnings

import click
import pexpect
import pytest
from command import PROGRAM, environment, in_terminal, pystore_command

from pystore import PystoreWarning
from pystore.errors import (
    BadRef,
    BuildError,
    ChecksumMismatch,
    Corrupted,
    FetchError,
    FormatTooNew,
    InUse,
    MatcherUnsatisfied,
    NotAStore,
    NotInStore,
    StoreBusy,
)
from pystore.ui.cli import main
from pystore.ui.cli.command_context import CommandContext, with_command
from pystore.ui.cli.commands import COMMANDS, Listed
from pystore.ui.cli.exit_codes import Stopped, code_of


@pytest.fixture
def command(monkeypatch):
    """Lets a test give the body of a command called `try`."""

    def install(body):
        @click.command()
        @click.option("--count", type=int)
        @with_command
        def attempt(given: CommandContext, count: int | None) -> None:
            body(given)

        found = main.Commands.get_command

        def get(self, ctx, name):
            if name != "try":
                return found(self, ctx, name)
            attempt.params += [o for o in main.shared_options() if o not in attempt.params]
            return attempt

        monkeypatch.setattr(main.Commands, "get_command", get)
        monkeypatch.setitem(COMMANDS["Do"], "try", Listed("try", "Try."))

    return install


def raising(error):
    def body(given):
        raise error

    return body


def test_alone_it_prints_its_help(capsys):
    assert main.run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: pystore [OPTIONS] COMMAND [ARGS]...")


def test_the_list_of_commands_has_the_first_line_of_the_help_of_each():
    context = click.Context(main.pystore)
    listed = {name: one.help for family in COMMANDS.values() for name, one in family.items()}
    commands = {name: main.pystore.get_command(context, name) for name in listed}
    room = 62  # that a terminal of 80 has
    assert listed == {
        name: command and command.get_short_help_str(room) for name, command in commands.items()
    }
    assert not [line for line in listed.values() if line.endswith("...")]


def test_the_help_imports_nothing_that_only_some_command_needs():
    slow = "'rich', 'email', 'importlib.metadata', 'requests', 'asyncio', 'numpy', 'matplotlib'"
    slow += ", 'pystore.ask.planning.steps', 'pystore.run.loop'"
    slow += ", 'pystore.store.store', 'pystore.ui.cli.ls', 'fsspec', 'zstandard'"
    script = "import sys; from pystore.ui.cli import main; main.run([])"
    script += f"; print({{{slow}}} & {{*sys.modules}})"
    done = subprocess.run(
        [PROGRAM[0], "-c", script], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_an_unknown_command_names_the_nearest(capsys):
    assert main.run(["completions"]) == 2
    assert capsys.readouterr().err == (
        "pystore: no such command\n"
        "  given:    completions\n"
        "  closest:  completion\n"
        "  try: pystore --help\n"
    )


def test_a_mistake_of_usage_shows_the_usage(capsys):
    assert main.run(["completion", "bash", "more"]) == 2
    assert capsys.readouterr().err == (
        "pystore: got unexpected extra argument (more)\n"
        "  usage:  pystore completion [OPTIONS] {bash|zsh|fish}\n"
        "  try: pystore completion --help\n"
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BuildError("x"), 1),
        (MatcherUnsatisfied("x"), 1),
        (FetchError("x"), 1),
        (ChecksumMismatch("x"), 1),
        (StoreBusy("x"), 1),
        (BadRef("x"), 2),
        (NotInStore("x"), 2),
        (NotAStore("x"), 2),
        (FormatTooNew("x"), 2),
        (InUse("x"), 2),
        (Corrupted("x"), 3),
        (OSError(errno.ENOSPC, "No space left on device"), 1),
        (OSError(errno.EACCES, "Permission denied"), 2),
        (RuntimeError("x"), 1),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (Stopped(signal.SIGTERM), 143),
        (Stopped(signal.SIGHUP), 129),
    ],
)
def test_the_exit_code_says_whose_fault_it_was(error, code, command, capsys):
    command(raising(error))
    assert main.run(["try"]) == code_of(error) == code
    assert capsys.readouterr().err.startswith("pystore: ")


def test_an_error_is_told_with_its_facts_and_no_traceback(command, capsys):
    command(raising(NotInStore("no such thing", ref="rref:1", remedy="pystore ls")))
    main.run(["try"])
    assert capsys.readouterr().err == (
        "pystore: no such thing\n  ref:  rref:1\n  try: pystore ls\n"
    )


@pytest.mark.parametrize("arguments", [["--debug", "try"], ["try", "--debug"]])
def test_debug_shows_the_traceback_and_keeps_the_code(arguments, command, capsys):
    command(raising(NotInStore("no such thing")))
    assert main.run(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):\n")
    assert told.endswith("pystore: no such thing\n")


def test_an_error_of_the_system_names_the_path_and_what_to_try(command, capsys):
    command(raising(OSError(errno.ENOSPC, "No space left on device", "/x/y")))
    main.run(["try"])
    assert capsys.readouterr().err == (
        "pystore: no space left on device\n"
        "  path:   /x/y\n"
        "  errno:  ENOSPC\n"
        "  try: free some space; `pystore gc` says what could go\n"
    )


def test_a_mistake_of_our_own_is_one_line_and_a_way_to_see_more(command, capsys):
    command(raising(KeyError("mnist")))
    main.run(["try"])
    assert capsys.readouterr().err == (
        "pystore: KeyError: 'mnist'\n"
        "  try: run it again with --debug; this may be a mistake of pystore's own\n"
    )


@pytest.mark.parametrize("before", [True, False])
def test_the_store_may_be_named_before_the_command_or_after_it(before, tmp_path, command):
    seen = []
    command(lambda given: seen.append(given.root))
    option = ["--store", str(tmp_path)]
    assert main.run([*option, "try"] if before else ["try", *option]) == 0
    assert seen == [tmp_path]


def test_where_no_store_is_none_is_made(tmp_path, command, capsys):
    command(lambda given: given.store)
    assert main.run(["try", "--store", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()
    assert capsys.readouterr().err == (
        "pystore: no store is here\n"
        f"  path:  {tmp_path}/none\n"
        "  try: name one with --store or PYSTORE_ROOT, or make one: pystore init\n"
    )


def test_our_warnings_are_one_line(command, capsys):
    command(lambda given: warnings.warn("mind the gap", PystoreWarning, stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main.run(["try"]) == 0
    assert capsys.readouterr().err == "pystore: warning: mind the gap\n"


def test_a_reader_that_stops_reading_is_no_failure(tmp_path):
    line = f"{' '.join(PROGRAM)} completion bash | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=environment(), check=True
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1"}])
def test_colours_are_for_terminals_that_want_them(more, tmp_path):
    child = in_terminal("nothing", cwd=tmp_path, **more)
    child.expect(pexpect.EOF)
    assert ("\x1b[" in child.before) == (not more)
    assert "\x1b[" not in pystore_command("nothing").stderr


@pytest.mark.parametrize(
    ("redirection", "told", "code"),
    [
        (">/dev/full", "pystore: no space left on device\n", 1),
        (">&-", "", 0),
        (">&- 2>&-", "", 0),
        ("2>&- nonsense", "", 2),
    ],
)
def test_output_that_nobody_can_take_is_no_traceback(redirection, told, code):
    line = f"{' '.join(PROGRAM)} completion bash {redirection}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=environment(), check=False
    )
    assert (done.returncode, done.stderr.splitlines(True)[:1]) == (code, [told] if told else [])


def test_warnings_of_others_are_shown_as_python_shows_them(command, capsys):
    command(lambda given: warnings.warn("it did not converge", UserWarning, stacklevel=1))
    assert main.run(["try"]) == 0
    told = capsys.readouterr().err
    assert "UserWarning: it did not converge" in told
    assert "pystore:" not in told

"""pystore run: instantiate and realize a stage of a user's file."""

import json
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NoReturn, TextIO

import click
from click.shell_completion import CompletionItem

import pystore as ps

from ...core.dataclasses import dataclass
from ...core.derivation import Closure
from ...core.errors import BadStage, BuildsFailed, Interrupted, PystoreError, in_one_line
from ...core.near_names import near_names
from ...core.printable import listed
from ...core.refs import DRef, RRef
from ...run.options import RunOptions
from ...run.verbs import realize_with
from ...store.staging import Builder
from ...store.store import Store
from .. import settings
from ..on_end import call_command, words_of
from ..watch.lines import write_line
from ..watch.watching import Mode, watching
from ..watch.words import Labels
from .chosen import Chosen, chosen_text
from .command_context import CommandContext, with_command
from .declared import declared
from .error_text import located, tell
from .exit_codes import FAILED, code_of
from .interruption import Presses, interrupted
from .outline import outline
from .parameters import complete_target, takes_parameters, typed_target
from .run_counts import RunCounts
from .streams import standard_output

_MOST = 1000  # references that the command at the end is told: a variable must not be too long


def _targets(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return complete_target(begun)


def _stages(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The names of stages in the typed file that begin so."""
    file, _ = typed_target(ctx)
    return [name for name in outline(file) if name.startswith(begun)]


@click.command()
@click.argument("target", metavar="FILE.py[:STAGE]", shell_complete=_targets)
@takes_parameters
@click.option(
    "--force",
    metavar="STAGE",
    multiple=True,
    shell_complete=_stages,
    help="Build this stage once more, though it has results.",
)
@click.option(
    "--attempts",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    help="How many attempts must have succeeded, now or earlier.",
)
@click.option(
    "-j",
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Run stages in N processes; without it here, one at a time.",
)
@click.option("--gpus", metavar="0,1", help="The devices to hand out to stages that ask for some.")
@click.option(
    "--retries",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="How often an attempt that failed is tried again.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Stop an attempt that runs for longer; without -j, attempts run in one worker then.",
)
@click.option(
    "--lock-timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Wait at most so long for another process that builds the same thing.",
)
@click.option(
    "--substitute",
    metavar="URL",
    multiple=True,
    help="A remote to look in before something is built; may be given again "
    "[PYSTORE_SUBSTITUTERS].",
)
@click.option(
    "-n", "--dry-run", is_flag=True, help="Say what would be done and why, and do nothing."
)
@click.option("--keep-going", is_flag=True, help="Build all that does not depend on a failure.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Leave what stages print on the terminal, in place of their logs.",
)
@click.option(
    "--on-end",
    metavar="COMMAND",
    help="A command to run when this has ended; it is told how [PYSTORE_ON_END].",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one a line.")
@with_command
def run(given: CommandContext, /, target: str, as_json: bool, **options: Any) -> None:
    """Build a stage of a Python file, and all that it needs.

    Without STAGE, the one that no other stage of the file uses. The file is loaded as a module (of
    its package, if it has one): what stands under `if __name__ == "__main__":` does not run.

    \b
    pystore run train.py
    pystore run train.py:model -p epochs=3 --attempts 5
    """
    given.telling = not options["quiet"]
    with standard_output(as_json) as out:
        try:
            _Run(given, out if as_json else None, options).target(target)
        except PystoreError as error:
            raise located(error) from error.__cause__


@dataclass
class _Run:
    given: CommandContext
    events: TextIO | None  # where events go as JSON
    options: dict[str, Any]
    on_end: str = ""  # the command to run when it has ended
    since: float = 0.0  # [s]

    def target(self, text: str) -> None:
        """Builds the target, or prints what would be done."""
        self.on_end = _on_end(self.options["on_end"])  # first: it may be wrong
        found = declared(self.given, text, self.options["parameters"])
        closure = found.closure
        forced = [dref for name in self.options["force"] for dref in _of_name(name, closure)]
        if self.options["dry_run"]:
            return self._foretell(closure, forced, found.store)
        store = self.given.store_of_program(reading=False)
        assert isinstance(store, Store)
        run_counts, self.since = RunCounts(), time.monotonic()
        try:
            chosen = self._realize(closure, forced, store, run_counts)
        except BaseException as error:
            self._fail(error, run_counts, store, closure)
        self._report(found.name, closure, chosen, run_counts)
        self._call_command("done", run_counts, store, [one.rref for one in chosen])

    def _foretell(self, closure: Closure, forced: Sequence[DRef], store: Builder) -> None:
        attempts = self.options["attempts"]
        outlook = ps.plan(
            closure,
            force_rebuild=forced,
            attempts=attempts,
            substitute=self.options["substitute"] or None,
            store=store,
        )
        if self.events is None:
            click.echo(str(outlook))
        else:
            self.events.write(json.dumps(outlook.to_dict(), ensure_ascii=False) + "\n")

    def _realize(
        self, closure: Closure, forced: Sequence[DRef], store: Store, run_counts: RunCounts
    ) -> list[Chosen]:
        given = self.options
        presses = Presses(given["workers"])
        options = RunOptions(
            force_rebuild=forced,
            attempts=given["attempts"],
            keep_going=given["keep_going"],
            store=store,
            listener=run_counts,
            stop=presses.count,
            timeout=given["timeout"],
            lock_timeout=given["lock_timeout"],
            capture=not given["verbose"],
            substitute=given["substitute"] or None,
            workers=given["workers"],
            gpus=gpus.split(",") if (gpus := given["gpus"]) else None,
            retries=given["retries"],
        )
        with watching(self._mode, self.events), presses.heeded():
            try:
                _, chosen = realize_with("pystore run", closure, options)
            except Exception:
                presses.raise_first()
                raise
            presses.raise_first()
        targets = dict.fromkeys(closure.drefs)
        return Chosen.all((rref for dref in targets for rref in chosen[dref]), store)

    @property
    def _mode(self) -> Mode:
        if self.events is not None:
            return "json"
        return "none" if self.options["quiet"] else "bars"

    def _end(self, code: int, **facts: Any) -> None:
        if self.events is not None:
            record = {"event": "Ended", "code": code, **facts}
            write_line(self.events, json.dumps(record, ensure_ascii=False, default=str))

    def _fail(
        self, error: BaseException, run_counts: RunCounts, store: Store, closure: Closure
    ) -> NoReturn:
        """Prints the errors, and exits with their code."""
        skipped: list[DRef] = []
        stopped = isinstance(error, (KeyboardInterrupt, Interrupted))
        if stopped:
            errors, code = [interrupted(run_counts, store)], code_of(error)
        else:
            several = list(error.errors.values()) if isinstance(error, BuildsFailed) else []
            errors, code = [located(e) for e in (*several, error)], code_of(error)
            code = FAILED if run_counts.failed else code
            skipped = _skipped(closure, run_counts, error) if self.options["keep_going"] else []
            _add_skipped(errors[-1], map(Labels(closure), skipped))
        for one in errors:
            tell(one, self.given.debug)
        last = errors[-1]
        facts = {"facts": last.facts, "done": run_counts.counts, "skipped": skipped}
        self._end(code, what=last.what, remedy=last.remedy, **facts)
        failed = dict.fromkeys(one.dref for one in run_counts.failed)
        outcome = "stopped" if stopped else "failed"
        self._call_command(outcome, run_counts, store, failed, in_one_line(last.what))
        raise click.exceptions.Exit(code)

    def _report(
        self, name: str, closure: Closure, chosen: list[Chosen], run_counts: RunCounts
    ) -> None:
        facts = [one.to_dict() for one in chosen]
        self._end(0, stage=name, done=run_counts.counts, chosen=facts)
        if self.events is None:
            click.echo(f"{name}: {run_counts}\n{chosen_text(chosen, closure)}")

    def _call_command(
        self,
        outcome: str,
        run_counts: RunCounts,
        store: Store,
        refs: Iterable[DRef | RRef],
        error: str = "",
    ) -> None:
        """Runs the command; one of the settings only where something was built, or failed."""
        if self.on_end and (self.options["on_end"] or run_counts.built or outcome != "done"):
            seconds = round(time.monotonic() - self.since)
            some = " ".join(islice(refs, _MOST))
            facts = {"ROOT": store.root, "REFS": some, "ERROR": error, "SECONDS": seconds}
            call_command(self.on_end, outcome, {**facts, "DONE": run_counts})


def _on_end(given: str | None) -> str:
    """The command to run at the end; empty for none. Raises BadSettings for one that cannot run."""
    command = settings.on_end() if given is None else given
    if command:
        words_of(command)
    return command


def _skipped(closure: Closure, run_counts: RunCounts, error: BaseException) -> list[DRef]:
    """The derivations that were not built because they depend on a failure."""
    failed = error.errors if isinstance(error, BuildsFailed) else [getattr(error, "dref", None)]
    drefs = (derivation.dref for derivation in closure.derivations)
    return [dref for dref in drefs if dref not in run_counts.heard and dref not in failed]


def _add_skipped(last: PystoreError, labels: Iterable[str]) -> None:
    last.facts.pop("skipped", None)  # it has references
    if shown := "\n".join(labels):
        last.facts["skipped"] = shown
    if isinstance(last, BuildsFailed):
        last.remedy = "each is told above; run it again: what was built is kept"


def _of_name(name: str, closure: Closure) -> list[DRef]:
    """The derivations of a closure with this name or reference."""
    found = [d for d in closure.derivations if name in (d.config.name, d.dref, d.realizer.name)]
    if not found:
        names = list(dict.fromkeys(d.config.name for d in closure.derivations))
        raise BadStage(
            "--force names no stage of this run",
            given=name,
            closest=", ".join(near_names(name, names)) or None,
            stages=listed(names),
            remedy="name one of them",
        )
    return [d.dref for d in found]

"""realize and realize_many; in place, one registry for each store remembers declarations."""

import threading
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from ..core.context import Context
from ..core.dataclasses import replace
from ..core.derivation import Closure, Derivation, Shape, reshape
from ..core.errors import BadStage, PystoreWarning
from ..core.events import Event, Listener, ignore
from ..core.listeners import both, guarded
from ..core.printable import listed
from ..core.refs import DRef, RRef
from ..declare.instantiate import Target, declare, dref_of
from ..declare.nesting import refuse_nested
from ..declare.registry import Registry, in_place_registry
from ..store.current import current_store
from ..store.defaults import defaults
from ..store.remote.settings import Remotes, substituting
from .options import Forced, RunOptions

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..core.attempt import StopRule
    from ..store.staging import Builder

P = ParamSpec("P")
T = TypeVar("T")


def realize(
    target: Target,
    *,
    force_rebuild: Forced = (),
    attempts: int = 1,
    build: bool = True,
    keep_going: bool = False,
    store: "Builder | None" = None,
    executor: "Executor | None" = None,
    listener: Listener = ignore,
    stop: Callable[[], int] | None = None,
    max_attempts: int = 100,
    timeout: float | None = None,
    lock_timeout: float | None = None,
    progress: bool | None = None,
    capture: bool = False,
    substitute: Remotes | None = None,
    trusted_keys: str | Iterable[str] | None = None,
    workers: int | None = None,
    gpus: Collection[int | str] | None = None,
    retries: int = 0,
) -> Any:
    """The RRef that the matcher of the target chooses, after building what is missing.

    A nested target gives RRefs in the same lists and dicts. `force_rebuild` names derivations to
    build once more; True means the targets. `attempts` is how many attempts of each target must
    have succeeded, now or earlier. With `build=False` nothing is built: a missing realization is an
    error. `keep_going` builds all that does not depend on a failure. `executor` runs realizers
    (default: this thread, one at a time). `max_attempts` limits the builds of one derivation;
    `retries` is how often a failed attempt is tried again. `timeout` [s] limits each attempt;
    `lock_timeout` [s] limits the wait for another process that builds the same derivation.

    `listener` is told of events; it cannot end the call, and its exceptions become warnings. `stop`
    is a function that is asked before each start, such as `threading.Event().is_set`: when it
    returns True, nothing more is started, attempts in workers finish, and Interrupted is raised; a
    number of 2 or more ends those attempts, too.
    `progress` shows the progress: by default in a terminal and in Jupyter only. With `capture`, the
    output of realizers goes to the logs of their attempts, and is not printed.

    `substitute` are URLs or paths of remotes to look in before something is built: the matcher
    chooses among the realizations recorded there, which are then fetched and checked. With
    `trusted_keys`, only what one of these keys has signed counts. The settings have the defaults.

    `workers` is how many processes of this machine run realizers (see Workers); each attempt gets
    devices of `gpus` for itself. Without `workers`, realizers run here, one at a time; if the call
    or a stage has a timeout, they run in one worker. Ctrl-C lets running attempts in workers
    finish; a second Ctrl-C ends them.

    Raises BadStage when a matcher chooses several (use realize_many), BuildError when a realizer
    fails, MatcherUnsatisfied, StoreBusy, Interrupted.
    """
    given = dict(locals())  # in the first line: only the parameters exist so far
    closure, chosen = realize_with("realize", given.pop("target"), RunOptions(**given))
    return reshape(closure.targets, lambda dref: _only(dref, chosen[dref]))


def takes(options: Callable[P, object]) -> Callable[
    [Callable[..., T]], Callable[Concatenate[Target, P], T]
]:  # fmt: skip
    """Gives a function the parameters of `realize`: those of `options`, after the target.

    Type checkers read it here, editors and `help` by `inspect.signature`, which goes to `realize`.
    """

    def sign(function: Callable[..., T]) -> Callable[Concatenate[Target, P], T]:
        signed: Any = function
        signed.__wrapped__ = realize
        return function

    return sign


@takes(RunOptions)
def realize_many(target: Target, **options: Any) -> Any:
    """Like `realize`, but with a list of all RRefs that the matcher chooses for each target."""
    closure, chosen = realize_with("realize_many", target, RunOptions(**options))
    return reshape(closure.targets, lambda dref: list(chosen[dref]))


def realize_with(
    verb: str,
    target: Target,
    options: RunOptions,
    rules: "Mapping[DRef, StopRule] | None" = None,
) -> tuple[Closure, dict[DRef, tuple[RRef, ...]]]:
    """The closure of a target, and the realizations chosen for its derivations.

    Attempts of the derivations in `rules` may be ended early by these rules: Pruned is raised then.
    """
    from .loop import Loop  # late for weight: a script that only declares needs no loop

    refuse_nested(verb)
    store = current_store(options.store)
    closure = declare(target, Registry(), store)
    forced = forced_drefs(options.force_rebuild, closure)
    substituter = substituting(store, options.substitute, options.trusted_keys)
    with (
        executor_for(closure, options) as executor,
        defaults().display(closure, store, options.progress) as display,
    ):
        listener = _in_turn(both(guarded(display), guarded(options.listener)))
        options = replace(options, listener=listener, executor=executor, workers=None, gpus=None)
        return closure, Loop(closure, forced, store, substituter, options, rules=rules).run()


def realize_inputs(closure: Closure, derivation: Derivation, store: "Builder") -> Context:
    """The context of a derivation of the closure, after building its missing inputs."""
    needs = list(derivation.config.inputs)
    inputs = Closure.of(needs, closure)
    return Context(dict(zip(needs, realize_many(inputs, store=store), strict=True)))


def _in_turn(listener: Listener) -> Listener:
    """Tells the listener one event at a time, though attempts tell events from several threads."""
    if listener is ignore:
        return listener
    turn = threading.RLock()

    def tell(event: Event) -> None:
        with turn:
            listener(event)

    return tell


def executor_for(
    closure: Closure, options: RunOptions
) -> "AbstractContextManager[Executor | None]":
    """The caller's executor, or workers for this call; None to run in this thread."""
    limits = (
        options.timeout,
        *(derivation.resources.timeout for derivation in closure.derivations),
    )
    asked = (options.workers, options.gpus, *limits)
    if options.executor is not None or all(one is None for one in asked):
        return nullcontext(options.executor)
    from .workers.pool import Workers  # late for weight: most calls send nothing

    if options.gpus is not None and not any(d.resources.gpu for d in closure.derivations):
        warnings.warn(
            "gpus are given, and no stage asks for one, so that all run without: write "
            '@stage(resources={"gpu": 1})',
            PystoreWarning,
            stacklevel=4,
        )
    return Workers(1 if options.workers is None else options.workers, gpus=options.gpus)


def _only(dref: DRef, rrefs: tuple[RRef, ...]) -> RRef:
    if len(rrefs) == 1:
        return rrefs[0]
    raise BadStage(
        f"the matcher chose {len(rrefs)} realizations",
        dref=dref,
        remedy="call realize_many, which returns lists; or use a matcher that chooses one",
    )


def forced_drefs(force: Forced, closure: Closure) -> frozenset[DRef]:
    """The derivations that `force_rebuild` names. Raises BadStage if one is not in the closure."""
    if isinstance(force, bool):
        return frozenset(closure.drefs if force else ())
    one = isinstance(force, (str, Derivation)) or callable(force)
    if not one and not isinstance(force, Iterable):
        raise BadStage(
            "force_rebuild is no derivation, nor several",
            given=repr(force)[:200],
            remedy="write force_rebuild=True, or [train] for a stage or a derivation",
        )
    named = [force] if one else list(cast("Collection[Any]", force))
    # A stage stands for the derivation that its call without arguments declares.
    drefs = frozenset(dref_of(one() if callable(one) else one) for one in named)
    strange = drefs - closure.keys()
    if strange:
        raise BadStage(
            "force_rebuild names what is not part of this closure",
            strange=listed(sorted(strange)),
            closure=", ".join([*closure][-10:]),
            remedy="name the target or one of its inputs, or write force_rebuild=True",
        )
    return drefs


def instantiate_inplace(
    stage: Target | Callable[..., Target], *args: Any, store: "Builder | None" = None, **kwargs: Any
) -> Shape:
    """The DRef that a stage declares; later stages and `realize_inplace` know its derivation.

    A nested result gives DRefs in the same lists and dicts. Nothing is built. Declaring a DRef
    again with another matcher or realizer replaces its derivation, with a warning. Raises what
    `instantiate` raises.
    """
    refuse_nested("instantiate_inplace")
    store = current_store(store)
    closure = declare(stage, in_place_registry(store), store, args, kwargs)
    store.record(derivation.config for derivation in closure.derivations)
    return closure.targets


@takes(RunOptions)
def realize_inplace(target: Target, **options: Any) -> Any:
    """The RRef for a DRef of `instantiate_inplace`. Options and errors: see `realize`."""
    refuse_nested("realize_inplace")
    return realize(target, **options)

"""The verbs: realize, realize_many."""

import inspect
import threading
import warnings
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from ..core.context import Context
from ..core.derivation import Closure, Derivation, reshape
from ..core.errors import BadStage, PystoreWarning
from ..core.events import Event, Listener, ignore
from ..core.listeners import both, guarded
from ..core.printable import listed
from ..core.refs import DRef, RRef
from ..declare.instantiate import Target, declare, dref_of
from ..declare.nesting import refuse_nested
from ..declare.registry import Registry
from ..store.current import current_store
from ..store.defaults import defaults
from ..store.ports import StoreProtocol
from ..store.remote.settings import Remotes, substituting
from .executor import SerialExecutor
from .options import Forced, RunOptions

P = ParamSpec("P")
T = TypeVar("T")


def realize(
    target: Target,
    *,
    force_rebuild: Forced = (),
    attempts: int = 1,
    build: bool = True,
    keep_going: bool = False,
    store: StoreProtocol | None = None,
    executor: Executor | None = None,
    listener: Listener = ignore,
    stop: Callable[[], bool] | None = None,
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

    For nested targets, RRefs in the same lists and dicts. `force_rebuild` names derivations to
    build once more; True means the targets. `attempts` is how many attempts of each target must
    have succeeded, now or earlier. With `build=False` nothing is built: what is missing is an
    error. `keep_going` builds all that does not depend on a failure. `executor` runs realizers
    (default: this thread, one at a time). `max_attempts` limits the builds of one derivation;
    `retries` is how often an attempt that failed is tried again. `timeout` [s] limits each attempt;
    `lock_timeout` [s] limits the wait for another process that builds the same thing.

    `listener` is told of events; it cannot end the call, and its exceptions become warnings. `stop`
    is a function that is asked before anything is started, such as `threading.Event().is_set`:
    when it returns True, nothing more is started, what runs in workers finishes, and Interrupted is
    raised. `progress` shows what is going on: by default in a terminal and in Jupyter, nowhere
    else. `capture` keeps what realizers print in the logs of their attempts, in place of printing
    it.

    `substitute` are URLs or paths of remotes to look in before something is built: a matcher
    decides on what is recorded there, and what it chooses is fetched and checked. With
    `trusted_keys`, only what one of these keys has signed counts. By default the settings say.

    `workers` is how many processes of this machine run realizers (see Workers), which get the
    devices `gpus` for themselves. Without it they run here, one at a time; but where the call or a
    stage has a timeout, in one worker. Ctrl-C lets what runs in workers finish; a second one ends
    it.

    Raises BadStage when a matcher chooses several (use realize_many), BuildError when a realizer
    fails, MatcherUnsatisfied, StoreBusy, Interrupted.
    """
    given = dict(locals())  # first of all: so far, these are the parameters
    closure, chosen = realize_with("realize", given.pop("target"), RunOptions(**given))
    return reshape(closure.targets, lambda dref: _only(dref, chosen[dref]))


def takes(options: Callable[P, object]) -> Callable[
    [Callable[..., T]], Callable[Concatenate[Target, P], T]
]:  # fmt: skip
    """Gives a function the parameters of `options`, for editors, type checkers and `help`."""
    own = inspect.signature(options).parameters.values()

    def sign(function: Callable[..., T]) -> Callable[Concatenate[Target, P], T]:
        signature = inspect.signature(function)
        target = signature.parameters["target"]
        signed: Any = function
        signed.__signature__ = signature.replace(parameters=[target, *own])
        return function

    return sign


@takes(RunOptions)
def realize_many(target: Target, **options: Any) -> Any:
    """As `realize`, with the list of all RRefs that the matcher chooses in place of each RRef."""
    closure, chosen = realize_with("realize_many", target, RunOptions(**options))
    return reshape(closure.targets, lambda dref: list(chosen[dref]))


def realize_with(
    verb: str, target: Target, options: RunOptions
) -> tuple[Closure, dict[DRef, tuple[RRef, ...]]]:
    """The closure of a target, and the realizations chosen for its derivations."""
    from .loop import Loop  # what only declares or looks needs no loop

    refuse_nested(verb)
    store = options.store or current_store()
    closure = declare(target, Registry(), store)
    forced = forced_drefs(options.force_rebuild, closure)
    substituter = substituting(store, options.substitute, options.trusted_keys)
    with (
        _executor(closure, options) as executor,
        defaults().display(closure, store, options.progress) as display,
    ):
        listener = _in_turn(both(guarded(display), guarded(options.listener)))
        options = replace(options, listener=listener, executor=executor, workers=None, gpus=None)
        return closure, Loop(closure, forced, store, substituter, options).run()


def realize_inputs(closure: Closure, derivation: Derivation, store: StoreProtocol) -> Context:
    """The context of a derivation of the closure, after building what its inputs lack."""
    needs = list(derivation.config.inputs)
    inputs = Closure.of(needs, closure)
    return Context(dict(zip(needs, realize_many(inputs, store=store), strict=True)))


def _in_turn(listener: Listener) -> Listener:
    """The listener, told one event at a time: attempts tell theirs from threads of their own."""
    if listener is ignore:
        return listener
    turn = threading.RLock()

    def tell(event: Event) -> None:
        with turn:
            listener(event)

    return tell


def _executor(closure: Closure, options: RunOptions) -> AbstractContextManager[Executor]:
    """The executor of the caller, or one for this call."""
    if options.executor is not None:
        return nullcontext(options.executor)
    limits = (options.timeout, *(derivation.terms.timeout for derivation in closure.derivations))
    if options.workers is None and options.gpus is None and not any(x is not None for x in limits):
        return SerialExecutor()
    from .workers.pool import Workers  # only where something may be sent

    if options.gpus is not None and not any(d.terms.gpu for d in closure.derivations):
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
    """What a `force_rebuild` names. Raises BadStage where that is not in the closure."""
    if isinstance(force, bool):
        return frozenset(closure.drefs if force else ())
    one = isinstance(force, (str, Derivation)) or callable(force)
    named = [force] if one else list(cast("Collection[Any]", force))
    # A bare stage stands for what its call declares, as it does among inputs.
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

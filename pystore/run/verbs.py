"""The verbs: realize, realize_many."""

import warnings
from collections.abc import Collection, Iterable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, TypedDict, Unpack, cast

from ..core.context import Context
from ..core.derivation import Closure, Derivation, reshape
from ..core.errors import BadStage, PystoreWarning
from ..core.events import Listener, ignore
from ..core.options import checked_count
from ..core.printable import listed
from ..core.refs import DRef, RRef
from ..core.resources import checked_timeout
from ..declare.instantiate import Target, declare, dref_of
from ..declare.nesting import refuse_nested
from ..declare.registry import Registry
from ..store.current import current_store
from ..store.ports import StoreProtocol
from ..store.remote.settings import Remotes, substituting
from .executor import SerialExecutor
from .watching import Watch, both, in_turn

Forced = bool | str | Derivation | Collection[str | Derivation]


class Options(TypedDict, total=False):
    """The options of `realize`."""

    force_rebuild: Forced
    attempts: int
    build: bool
    keep_going: bool
    store: StoreProtocol | None
    executor: Executor | None
    listener: Listener
    max_attempts: int
    timeout: float | None
    progress: bool | None
    capture: bool
    substitute: Remotes | None
    trusted_keys: str | Iterable[str] | None
    workers: int | None
    gpus: Collection[int | str] | None
    retries: int


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
    max_attempts: int = 100,
    timeout: float | None = None,
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
    (default: this thread, one at a time); `listener` hears events; `max_attempts` limits the
    builds of one derivation; `timeout` [s] limits an attempt in another process, and the wait for
    others; `retries` is how often an attempt that failed is tried again. `progress` shows
    what is going on: by default in a terminal and in Jupyter, nowhere else. `capture` keeps what
    realizers print in the logs of their attempts, in place of printing it.

    `substitute` are URLs or paths of remotes to look in before something is built: a matcher
    decides on what is recorded there, and what it chooses is fetched and checked. With
    `trusted_keys`, only what one of these keys has signed counts. By default the settings say.

    `workers` is how many processes of this machine run realizers (see Workers), which get the
    devices `gpus` for themselves. Without it they run here, one at a time; but where a stage has
    a timeout, in one worker. Ctrl-C lets what runs in workers finish; a second one ends it.

    Raises BadStage when a matcher chooses several (use realize_many), BuildError when a realizer
    fails, MatcherUnsatisfied, StoreBusy.
    """
    refuse_nested("realize")
    options: Options = {
        "force_rebuild": force_rebuild,
        "attempts": attempts,
        "build": build,
        "keep_going": keep_going,
        "store": store,
        "executor": executor,
        "listener": listener,
        "max_attempts": max_attempts,
        "timeout": timeout,
        "progress": progress,
        "capture": capture,
        "substitute": substitute,
        "trusted_keys": trusted_keys,
        "workers": workers,
        "gpus": gpus,
        "retries": retries,
    }
    closure, chosen = _realize(target, **options)
    return reshape(closure.targets, lambda dref: _only(dref, chosen[dref]))


def realize_many(target: Target, **options: Unpack[Options]) -> Any:
    """As `realize`, with the list of all RRefs that the matcher chooses in place of each RRef."""
    refuse_nested("realize_many")
    closure, chosen = _realize(target, **options)
    return reshape(closure.targets, lambda dref: list(chosen[dref]))


def _realize(
    target: Target, **options: Unpack[Options]
) -> tuple[Closure, dict[DRef, tuple[RRef, ...]]]:
    from .loop import Settings, realize_closure  # what only declares or looks needs no loop

    store = options.get("store") or current_store()
    closure = declare(target, Registry(), store)
    forced = forced_drefs(options.get("force_rebuild", ()), closure)
    _check_kinds(options)
    settings = Settings(
        max_attempts=checked_count("max_attempts", options.get("max_attempts", 100)),
        attempts=checked_count("attempts", options.get("attempts", 1)),
        build=options.get("build", True),
        keep_going=options.get("keep_going", False),
        timeout=options.get("timeout"),
        capture=options.get("capture", False),
        retries=checked_count("retries", options.get("retries", 0), least=0),
        substituter=substituting(store, options.get("substitute"), options.get("trusted_keys")),
    )
    with (
        _executor(closure, options) as executor,
        Watch.open(closure, store, options.get("progress")) as watcher,
    ):
        # What is shown comes first: a listener may end the call.
        listener = in_turn(both(watcher, options.get("listener", ignore)))
        settings = replace(settings, listener=listener, executor=executor)
        return closure, realize_closure(closure, forced, store, settings)


def realize_inputs(closure: Closure, derivation: Derivation, store: StoreProtocol) -> Context:
    """The context of a derivation of the closure, after building what its inputs lack."""
    needs = list(derivation.config.inputs)
    inputs = Closure.of(needs, {known.dref: known for known in closure.derivations})
    return Context(dict(zip(needs, realize_many(inputs, store=store), strict=True)))


def _check_kinds(options: Options) -> None:
    executor = options.get("executor")
    checked_timeout(options.get("timeout"))
    if executor is not None and not isinstance(executor, Executor):
        raise BadStage(
            "executor is no concurrent.futures.Executor",
            given=repr(executor)[:200],
            remedy="write: with ThreadPoolExecutor(4) as pool: realize(…, executor=pool)",
        )
    if executor is not None and (options.get("workers") or options.get("gpus")):
        raise BadStage(
            "an executor and workers are two ways to run realizers",
            remedy="pass one: executor=Workers(2, gpus=[0]), or workers=2, gpus=[0]",
        )


def _executor(closure: Closure, options: Options) -> AbstractContextManager[Executor]:
    """What runs realizers: the caller's executor, or one for this call."""
    given, workers, gpus = (options.get(key) for key in ("executor", "workers", "gpus"))
    if given is not None:
        return nullcontext(cast("Executor", given))
    timed = any(derivation.terms.timeout is not None for derivation in closure.derivations)
    if workers is None and gpus is None and not timed:
        return SerialExecutor()
    from .workers.pool import Workers  # only where something may be sent

    if gpus is not None and not any(derivation.terms.gpu for derivation in closure.derivations):
        warnings.warn(
            "gpus are given, and no stage asks for one, so that all run without: write "
            '@stage(resources={"gpu": 1})',
            PystoreWarning,
            stacklevel=4,
        )
    size = 1 if workers is None else cast("int", workers)
    return Workers(size, gpus=cast("Collection[int | str] | None", gpus))


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
    strange = drefs - {d.dref for d in closure.derivations}
    if strange:
        raise BadStage(
            "force_rebuild names what is not part of this closure",
            strange=listed(sorted(strange)),
            closure=", ".join(d.dref for d in closure.derivations[-10:]),
            remedy="name the target or one of its inputs, or write force_rebuild=True",
        )
    return drefs

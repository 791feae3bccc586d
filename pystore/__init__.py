"""pystore: a content-addressed build store for machine-learning stages."""

from .core.version import __version__
from .ui.composition import compose as _compose

# That of `typing`, without its weight: type checkers take this name for it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import errors, events
    from .ask.debug import Debug, debug, last_failure
    from .ask.experiments.compare import Comparison, compare
    from .ask.experiments.family import family
    from .ask.experiments.results import Results, best, results
    from .ask.experiments.summary import Summary
    from .ask.inspection.lookup import (
        attempts,
        catref,
        config_of,
        context_of,
        deps_of,
        dref2path,
        lsref,
        rref2dref,
        rref2path,
    )
    from .ask.inspection.running import Unfinished, running, stop
    from .ask.inspection.short_refs import find_ref
    from .ask.planning.explanation import explain
    from .ask.planning.plan import plan
    from .ask.replay import replay
    from .core.attempt import Attempt
    from .core.candidate import Candidate
    from .core.config import Config
    from .core.context import Context
    from .core.derivation import Closure, Derivation
    from .core.errors import PystoreError, PystoreWarning
    from .core.gc_policy import GcPolicy, keep_best, keep_latest
    from .core.manifest import Manifest
    from .core.matchers import (
        Matcher,
        Need,
        match,
        match_all,
        match_best,
        match_exact,
        match_latest,
        match_only,
        match_some,
    )
    from .core.matchers_by_statistics import match_top, match_until
    from .core.note import Note
    from .core.outlook import Outlook
    from .core.pin_change import PinChange
    from .core.realizer import Realizer
    from .core.refs import DRef, RefPath, RRef, selfref
    from .core.transfer import Transfer
    from .declare.build import (
        Build,
        build_cattrs,
        build_config,
        build_context,
        build_deref,
        build_link,
        build_logdir,
        build_metric,
        build_name,
        build_note,
        build_outpath,
        build_path,
        build_paths,
        build_progress,
        build_scratch,
        build_seed,
        build_wrapper,
    )
    from .declare.calls import two_way
    from .declare.choice import best_of
    from .declare.instantiate import instantiate
    from .declare.output import output
    from .declare.registry import Registry, mkconfig, mkdrv
    from .declare.seeds import seed_everything
    from .declare.stage import Stage
    from .declare.sweep import choice, loguniform, randint, sample, sweep, uniform
    from .declare.view import View, view
    from .run.acceptance import accept
    from .run.decorator import stage
    from .run.follow import Follower, follow
    from .run.verbs import instantiate_inplace, realize, realize_inplace, realize_many
    from .run.workers.pool import Workers
    from .store.noting import note, notes, tag, untag
    from .store.remote.exchange import copy, export_archive, import_archive, pins_at, pull, push
    from .store.remote.signing import make_key
    from .store.store import Store
    from .store.upkeep import (
        commit,
        gc,
        pin,
        pin_history,
        pins,
        reject,
        rejected,
        rmref,
        unpin,
        verify,
    )
    from .ui import settings
    from .ui.settings import store_initialize
    from .ui.watch.watching import watching

__all__ = [
    "Attempt",
    "Build",
    "Candidate",
    "Closure",
    "Comparison",
    "Config",
    "Context",
    "DRef",
    "Debug",
    "Derivation",
    "Follower",
    "GcPolicy",
    "Manifest",
    "Matcher",
    "Need",
    "Note",
    "Outlook",
    "PinChange",
    "PystoreError",
    "PystoreWarning",
    "RRef",
    "Realizer",
    "RefPath",
    "Registry",
    "Results",
    "Stage",
    "Store",
    "Summary",
    "Transfer",
    "Unfinished",
    "View",
    "Workers",
    "__version__",
    "accept",
    "attempts",
    "best",
    "best_of",
    "build_cattrs",
    "build_config",
    "build_context",
    "build_deref",
    "build_link",
    "build_logdir",
    "build_metric",
    "build_name",
    "build_note",
    "build_outpath",
    "build_path",
    "build_paths",
    "build_progress",
    "build_scratch",
    "build_seed",
    "build_wrapper",
    "catref",
    "choice",
    "commit",
    "compare",
    "config_of",
    "context_of",
    "copy",
    "debug",
    "deps_of",
    "dref2path",
    "errors",
    "events",
    "explain",
    "export_archive",
    "family",
    "find_ref",
    "follow",
    "gc",
    "import_archive",
    "instantiate",
    "instantiate_inplace",
    "keep_best",
    "keep_latest",
    "last_failure",
    "loguniform",
    "lsref",
    "make_key",
    "match",
    "match_all",
    "match_best",
    "match_exact",
    "match_latest",
    "match_only",
    "match_some",
    "match_top",
    "match_until",
    "mkconfig",
    "mkdrv",
    "note",
    "notes",
    "output",
    "pin",
    "pin_history",
    "pins",
    "pins_at",
    "plan",
    "pull",
    "push",
    "randint",
    "realize",
    "realize_inplace",
    "realize_many",
    "reject",
    "rejected",
    "replay",
    "results",
    "rmref",
    "rref2dref",
    "rref2path",
    "running",
    "sample",
    "seed_everything",
    "selfref",
    "settings",
    "stage",
    "stop",
    "store_initialize",
    "sweep",
    "tag",
    "two_way",
    "uniform",
    "unpin",
    "untag",
    "verify",
    "view",
    "watching",
]

# A name is imported when it is first used: a program pays for what it uses, and no more.
_HOMES = {
    name: home
    for home, names in {
        "": "errors events",
        "ask.debug": "Debug debug last_failure",
        "ask.experiments.compare": "Comparison compare",
        "ask.experiments.family": "family",
        "ask.experiments.results": "Results best results",
        "ask.experiments.summary": "Summary",
        "ask.inspection.lookup": "attempts catref config_of context_of deps_of dref2path "
        "lsref rref2dref rref2path",
        "ask.inspection.running": "Unfinished running stop",
        "ask.inspection.short_refs": "find_ref",
        "ask.planning.explanation": "explain",
        "ask.planning.plan": "plan",
        "ask.replay": "replay",
        "core.attempt": "Attempt",
        "core.candidate": "Candidate",
        "core.config": "Config",
        "core.context": "Context",
        "core.derivation": "Closure Derivation",
        "core.errors": "PystoreError PystoreWarning",
        "core.gc_policy": "GcPolicy keep_best keep_latest",
        "core.manifest": "Manifest",
        "core.matchers": "Matcher Need match match_all match_best match_exact match_latest "
        "match_only match_some",
        "core.matchers_by_statistics": "match_top match_until",
        "core.note": "Note",
        "core.outlook": "Outlook",
        "core.pin_change": "PinChange",
        "core.realizer": "Realizer",
        "core.refs": "DRef RRef RefPath selfref",
        "core.transfer": "Transfer",
        "declare.build": "Build build_cattrs build_config build_context build_deref build_link "
        "build_logdir build_metric build_name build_note build_outpath build_path "
        "build_paths build_progress build_scratch build_seed build_wrapper",
        "declare.calls": "two_way",
        "declare.choice": "best_of",
        "declare.instantiate": "instantiate",
        "declare.output": "output",
        "declare.registry": "Registry mkconfig mkdrv",
        "declare.seeds": "seed_everything",
        "declare.stage": "Stage",
        "declare.sweep": "choice loguniform randint sample sweep uniform",
        "declare.view": "View view",
        "run.acceptance": "accept",
        "run.decorator": "stage",
        "run.follow": "Follower follow",
        "run.verbs": "instantiate_inplace realize realize_inplace realize_many",
        "run.workers.pool": "Workers",
        "store.noting": "note notes tag untag",
        "store.remote.exchange": "copy export_archive import_archive pins_at pull push",
        "store.remote.signing": "make_key",
        "store.store": "Store",
        "store.upkeep": "commit gc pin pin_history pins reject rejected rmref unpin verify",
        "ui": "settings",
        "ui.settings": "store_initialize",
        "ui.watch.watching": "watching",
    }.items()
    for name in names.split()
}
_MODULES = ("errors", "events", "settings")

_compose()


def __getattr__(name: str) -> "Any":
    """The public name, from the module that defines it; or a public module."""
    from importlib import import_module  # for its weight

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'pystore' has no attribute {name!r}")
    place = f".{home}" if home else ""
    if name in _MODULES:
        found: Any = import_module(f"{place}.{name}", __name__)
    else:
        found = getattr(import_module(place, __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, whether they are imported yet or not."""
    return sorted(__all__)

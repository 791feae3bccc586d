"""pystore: a content-addressed build store for machine-learning stages."""

from . import errors, events
from .model.attempt import Attempt
from .model.candidate import Candidate
from .model.config import Config
from .model.context import Context
from .model.derivation import Closure, Derivation
from .model.errors import PystoreError, PystoreWarning
from .model.keep import Keep, keep_best, keep_latest
from .model.manifest import Manifest
from .model.matchers import (
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
from .model.moved import Moved
from .model.outlook import Outlook
from .model.realizer import Realizer
from .model.refs import DRef, RefPath, RRef, selfref
from .model.statistical import match_top, match_until
from .model.version import __version__
from .run.acceptance import accept
from .run.build import (
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
from .run.choice import best_of
from .run.debug import Debug, debug, last_failure
from .run.declare import Registry, mkconfig, mkdrv, two_way
from .run.exchange import copy, make_key, pack, pull, push, unpack_archive
from .run.experiments.compare import Comparison, compare
from .run.experiments.family import family
from .run.experiments.results import Results, best, results
from .run.experiments.summary import Summary
from .run.experiments.sweep import choice, loguniform, randint, sample, sweep, uniform
from .run.inplace import instantiate_inplace, realize_inplace
from .run.inspection.lookup import (
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
from .run.inspection.shorthand import find_ref
from .run.output import output
from .run.planning.explain import explain
from .run.planning.plan import plan
from .run.seeds import replay, seed_everything
from .run.stage import Stage, stage
from .run.upkeep import commit, gc, pin, pins, reject, rejected, rmref, unpin, verify
from .run.verbs import instantiate, realize, realize_many
from .run.view import View, view
from .run.workers.pool import Workers
from .store.store import Store
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
    "Keep",
    "Manifest",
    "Matcher",
    "Moved",
    "Need",
    "Outlook",
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
    "family",
    "find_ref",
    "gc",
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
    "output",
    "pack",
    "pin",
    "pins",
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
    "sample",
    "seed_everything",
    "selfref",
    "settings",
    "stage",
    "store_initialize",
    "sweep",
    "two_way",
    "uniform",
    "unpack_archive",
    "unpin",
    "verify",
    "view",
    "watching",
]

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
from .model.realizer import Realizer
from .model.refs import DRef, RefPath, RRef, selfref
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
from .run.declare import Registry, mkconfig, mkdrv, two_way
from .run.inplace import instantiate_inplace, realize_inplace
from .run.lookup import (
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
from .run.stage import Stage, output, stage
from .run.upkeep import commit, gc, pin, pins, reject, rejected, rmref, unpin, verify
from .run.verbs import instantiate, realize, realize_many
from .run.view import View, view
from .store.store import Store
from .ui import settings
from .ui.settings import store_initialize

__all__ = [
    "Attempt",
    "Build",
    "Candidate",
    "Closure",
    "Config",
    "Context",
    "DRef",
    "Derivation",
    "Keep",
    "Manifest",
    "Matcher",
    "Need",
    "PystoreError",
    "PystoreWarning",
    "RRef",
    "Realizer",
    "RefPath",
    "Registry",
    "Stage",
    "Store",
    "View",
    "__version__",
    "accept",
    "attempts",
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
    "commit",
    "config_of",
    "context_of",
    "deps_of",
    "dref2path",
    "errors",
    "events",
    "gc",
    "instantiate",
    "instantiate_inplace",
    "keep_best",
    "keep_latest",
    "lsref",
    "match",
    "match_all",
    "match_best",
    "match_exact",
    "match_latest",
    "match_only",
    "match_some",
    "mkconfig",
    "mkdrv",
    "output",
    "pin",
    "pins",
    "realize",
    "realize_inplace",
    "realize_many",
    "reject",
    "rejected",
    "rmref",
    "rref2dref",
    "rref2path",
    "selfref",
    "settings",
    "stage",
    "store_initialize",
    "two_way",
    "unpin",
    "verify",
    "view",
]

"""Fuzzing: whatever text comes in, nothing outside of the store is touched or named (S8)."""

import os
from pathlib import Path

from figures import figure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pystore as ps
from pystore import Config, DRef, RRef
from pystore.core.attempt import parse_attempt
from pystore.core.context import parse_provenance
from pystore.core.manifest import Manifest
from pystore.errors import PystoreError

H = "0123456789abcdef" * 2
pieces = st.sampled_from(
    ["dref:", "rref:", H, H.upper(), "-", "a", "..", "/", "\0", "\n", ".", "é", "\ud800", "\uff11",
     "-" * 130, "config.json", "attempts", "~", "$HOME", "%2e%2e", "\\", " ", "dref:self"]
)  # fmt: skip
texts = st.one_of(st.text(max_size=60), st.lists(pieces, max_size=8).map("".join))
json_like = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.binary(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3), st.tuples(inner)
    ),
    max_leaves=8,
)
COUNT = {"inputs": 0}
PROFILE = settings(
    max_examples=2500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def outside(store) -> list[str]:
    return sorted(os.listdir(store.root.parent))


@PROFILE
@given(texts)
def test_S8_references_and_names(store, text):
    COUNT["inputs"] += 1
    before = outside(store)
    for look in (ps.lsref, ps.config_of, ps.rref2path, ps.dref2path, ps.attempts, ps.rmref,
                 ps.deps_of, ps.unpin, ps.gc):  # fmt: skip
        try:
            result = look(text)
        except PystoreError as error:
            assert str(error)
            continue
        assert look is ps.gc
        assert result.realizations == {}
    for kind in (DRef, RRef):
        try:
            ref = kind(text)
        except PystoreError:
            continue
        path = Path(os.path.normpath(store.root / "drv" / ref[5:]))
        assert path.parent == store.root / "drv"
    assert outside(store) == before


@PROFILE
@given(st.lists(texts, max_size=3))
def test_S8_paths(store, parts):
    COUNT["inputs"] += 1
    rref = ps.realize(ps.Derivation({}, ps.match_latest(), lambda b: None))
    try:
        lines = ps.catref(rref, parts)
    except PystoreError as error:
        assert str(error)
    else:
        assert parts in (["context.json"], ["manifest.json"])
        assert lines


@PROFILE
@given(st.dictionaries(texts, json_like, max_size=3))
def test_S8_configs(store, value):
    COUNT["inputs"] += 1
    try:
        config = ps.mkconfig(value)
    except PystoreError as error:
        assert str(error)
        return
    assert Config.parse(config.text) == config
    try:
        ps.instantiate(ps.Derivation(config, ps.match_latest(), lambda b: None))
    except PystoreError:
        assert config.inputs  # that are not declared
    else:
        assert ps.config_of(config.dref) == config


@PROFILE
@given(st.one_of(st.binary(max_size=80), texts.map(lambda t: t.encode(errors="surrogatepass"))))
def test_S8_files_of_the_store(store, content):
    COUNT["inputs"] += 1
    for parse in (Config.parse, parse_provenance, Manifest.parse, parse_attempt):
        try:
            parse(content)
        except PystoreError as error:
            assert str(error)
        else:
            assert parse is Config.parse


def teardown_module():
    result = f"{COUNT['inputs']} inputs: nothing outside, only documented errors"
    figure("fuzzed refs, names, paths, configs", "≥ 10,000 inputs", result)

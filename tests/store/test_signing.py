"""Signatures: whose word counts."""

import json
import os
import warnings

import pytest

import pystore as ps
from pystore import Derivation, Store, match_latest, match_some
from pystore.core.digest import short
from pystore.errors import BadPlace, PystoreWarning, Untrusted


def stage(name="signed"):
    return Derivation({"name": name}, match_latest(), lambda b: (b.outpath / "x").write_text("1"))


@pytest.fixture
def key(tmp_path):
    """A private key's file and its public key."""
    return tmp_path / "lab.key", ps.make_key(tmp_path / "lab.key")


def test_what_a_trusted_key_has_signed_is_used(store, tmp_path, key):
    rref = ps.realize(stage())
    ps.push(rref, tmp_path / "remote", key=key[0])
    other = Store(tmp_path / "other", durable=False)
    assert ps.pull(rref, tmp_path / "remote", trusted_keys=key[1], store=other).fresh == (rref,)


def test_RM2_what_nobody_or_a_stranger_has_signed_is_not(store, tmp_path, key):
    rref = ps.realize(stage())
    ps.push(rref, tmp_path / "remote")
    other = Store(tmp_path / "other", durable=False)
    for keys in ([key[1]], []):
        with pytest.raises(Untrusted, match="no trusted key has signed this"):
            ps.pull(rref, tmp_path / "remote", trusted_keys=keys, store=other)
    ps.make_key(tmp_path / "stranger.key")
    ps.push(rref, tmp_path / "remote", key=tmp_path / "stranger.key")
    with pytest.raises(Untrusted):
        ps.pull(rref, tmp_path / "remote", trusted_keys=[key[1]], store=other)
    assert other.drefs() == []


def test_what_is_there_can_be_signed_later_and_by_several(store, tmp_path, key):
    rref = ps.realize(stage())
    second = ps.make_key(tmp_path / "second.key")
    ps.push(rref, tmp_path / "remote")
    for file in (key[0], tmp_path / "second.key"):
        assert ps.push(rref, tmp_path / "remote", key=file).size == 0
    for number, public in enumerate([key[1], second]):
        other = Store(tmp_path / f"other{number}", durable=False)
        assert ps.pull(rref, tmp_path / "remote", trusted_keys=[public], store=other).fresh


def test_RR3_a_copy_signs_for_the_same_attempt(store, tmp_path, key):
    rref = ps.realize(stage())
    other = Store(tmp_path / "other", durable=False)
    ps.realize(stage(), store=other)
    ps.push(rref, tmp_path / "one", key=key[0])
    ps.pull(rref, tmp_path / "one", store=other)
    ps.push(rref, tmp_path / "two", key=key[0], store=other)
    records = [
        {p.name: p.read_bytes() for p in (tmp_path / n).rglob("*.*.*")} for n in ("one", "two")
    ]
    assert records[0].items() <= records[1].items()


def dice(attempts=1):
    def roll(b):
        (b.outpath / "x").write_text(str(b.seed))

    return Derivation({"name": "dice"}, match_some(attempts), roll)


def test_a_repair_from_a_store_without_the_losers_leaves_what_was_signed(store, tmp_path, key):
    best, *_ = ps.realize_many(dice(3))
    ps.push(dice().dref, remote := tmp_path / "remote", key=key[0])
    other = Store(tmp_path / "other", durable=False)
    ps.pull(best, remote, store=other)
    before = {p: p.read_bytes() for p in remote.rglob("*") if p.is_file()}
    ps.push(best, remote, store=other, repair=True)
    assert {p: p.read_bytes() for p in remote.rglob("*") if p.is_file()} == before
    third = Store(tmp_path / "third", durable=False)
    assert len(ps.pull(dice().dref, remote, trusted_keys=[key[1]], store=third).fresh) == 3


def test_who_has_lost_the_losers_still_signs_for_all(store, tmp_path, key):
    best, *losers = ps.realize_many(dice(3))
    ps.push(dice().dref, tmp_path / "remote")
    for rref in losers:
        ps.rmref(rref)
    ps.push(best, tmp_path / "remote", key=key[0])
    other = Store(tmp_path / "other", durable=False)
    came = ps.pull(dice().dref, tmp_path / "remote", trusted_keys=[key[1]], store=other)
    assert len(came.fresh) == 3


def rewrite(remote, **fields):
    """Lets the one record at a remote say something else; its checksum is right."""
    (file,) = (f for f in remote.rglob("*.*.json") if f.name.count(".") == 2)
    value = json.loads(file.read_text()) | fields
    del value["checksum"]
    body = json.dumps(value, sort_keys=True, separators=(",", ":"))[1:] + "\n"
    file.unlink()
    file.write_text(f'{{"checksum":"{short("pystore record 1", body.encode())}",{body}')


def test_a_record_that_knows_no_tree_is_signed_and_another_is_told(store, tmp_path, key):
    rref = ps.realize(stage())
    ps.push(rref, remote := tmp_path / "remote")
    rewrite(remote, metrics={"x": 2.0})
    with pytest.warns(PystoreWarning, match="1 attempt at .* not signed"):
        ps.push(rref, remote, key=key[0])
    assert list(remote.rglob("*.sig")) == []
    rewrite(remote, metrics={}, tree=None)
    with warnings.catch_warnings(action="error"):
        ps.push(rref, remote, key=key[0])
    other = Store(tmp_path / "other", durable=False)
    assert ps.pull(rref, remote, trusted_keys=[key[1]], store=other).fresh


def test_of_a_derivation_only_what_is_signed_comes(store, tmp_path, key):
    first = ps.realize(dice())
    ps.push(first, tmp_path / "remote", key=key[0])
    _, second = sorted(ps.realize_many(dice(2)), key=lambda rref: rref != first)
    ps.push(second, tmp_path / "remote")
    other = Store(tmp_path / "other", durable=False)
    came = ps.pull(dice().dref, tmp_path / "remote", trusted_keys=key[1], store=other)
    assert came.fresh == (first,)
    assert len(other.attempts(dice().dref)) == 1
    assert ps.pull(dice().dref, tmp_path / "remote", store=other).fresh == (second,)


def test_inputs_must_be_signed_too(store, tmp_path, key):
    prepared = stage("prepare")
    rref = ps.realize(Derivation({"name": "train", "p": prepared}, match_latest(), lambda b: None))
    ps.push(rref, tmp_path / "remote", key=key[0])
    for signature in (tmp_path / "remote" / "drv" / prepared.dref[5:]).glob("*.sig"):
        signature.unlink()
    with pytest.raises(Untrusted, match="prepare"):
        ps.pull(rref, tmp_path / "remote", trusted_keys=[key[1]], store=Store(tmp_path / "other"))


def test_the_settings_name_keys(store, tmp_path, key, monkeypatch):
    rref = ps.realize(stage())
    ps.push(rref, tmp_path / "remote")
    monkeypatch.setenv("PYSTORE_TRUSTED_KEYS", key[1])
    other = Store(tmp_path / "other", durable=False)
    with pytest.raises(Untrusted):
        ps.pull(rref, tmp_path / "remote", store=other)
    ps.push(rref, tmp_path / "remote", key=key[0])
    for nobody in ("", " "):
        monkeypatch.setenv("PYSTORE_TRUSTED_KEYS", nobody)
        with pytest.raises(Untrusted):
            ps.pull(rref, tmp_path / "remote", store=other)
    monkeypatch.setenv("PYSTORE_TRUSTED_KEYS", key[1])
    assert ps.pull(rref, tmp_path / "remote", store=other)


@pytest.mark.timeout(120)
def test_a_key_that_others_can_read_is_told_and_a_fifo_is_none(store, tmp_path, key):
    rref = ps.realize(stage())
    key[0].chmod(0o640)
    with pytest.warns(PystoreWarning, match=r"others may use the private key in .*lab\.key"):
        ps.push(rref, tmp_path / "remote", key=key[0])
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BadPlace, match="no regular file"):
        ps.push(rref, tmp_path / "remote", key=tmp_path / "fifo")


def test_a_key_is_a_file_of_ones_own_that_nothing_replaces(tmp_path, key):
    assert key[0].stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadPlace, match="no key can be written"):
        ps.make_key(key[0])


def test_mistakes_with_keys_are_said_before_any_work(store, tmp_path):
    rref = ps.realize(stage())
    (tmp_path / "no.key").write_text("hello")
    for file in ("no.key", "absent.key"):
        with pytest.raises(BadPlace, match="no private key"):
            ps.push(rref, tmp_path / "remote", key=tmp_path / file)
    with pytest.raises(BadPlace, match="not a public key"):
        ps.pull(rref, tmp_path / "remote", trusted_keys=["lab"])
    assert not (tmp_path / "remote").exists()


def trained(rate):
    """A stage with an input: what `rate` trains."""
    data = stage("data")
    return Derivation(
        {"name": "train", "data": data, "rate": rate},
        match_latest(),
        lambda b: (b.outpath / "rate").write_text(str(b.config["rate"])),
    )


def test_nobody_can_pass_off_a_signed_result_as_that_of_another_config(store, tmp_path, key):
    remote = tmp_path / "remote"
    ps.push(ps.realize(trained(2)), remote, key=key[0])
    (told,) = (remote / "resolved").glob("*/*")
    wanted = trained(1)
    ps.realize(wanted, store=(mine := Store(tmp_path / "mine", durable=False)))
    (digest,) = (mine.root / "resolved").iterdir()
    told.parent.rename(remote / "resolved" / digest.name)  # needs no key
    other = Store(tmp_path / "other", durable=False)
    rref = ps.realize(wanted, substitute=remote, trusted_keys=key[1], store=other)
    assert (other.path(rref) / "rate").read_text() == "1"


def test_what_was_built_here_or_signed_is_trusted(store, tmp_path, key):
    rref = ps.realize(stage())
    assert store.is_trusted(rref)
    ps.push(rref, tmp_path / "remote", key=key[0])
    for keys, expected in ((None, False), ([key[1]], True)):
        other = Store(tmp_path / f"other-{expected}", durable=False)
        ps.pull(rref, tmp_path / "remote", trusted_keys=keys, store=other)
        assert other.is_trusted(rref) is expected


def test_a_record_that_tells_our_own_host_is_not_trusted_for_that(store, tmp_path):
    rref = ps.realize(stage())  # on this host, by this process
    ps.push(rref, tmp_path / "remote")
    other = Store(tmp_path / "other", durable=False)
    ps.pull(rref, tmp_path / "remote", store=other)
    [attempt] = other.attempts(rref.dref)
    assert attempt.host == os.uname().nodename
    assert not other.is_trusted(rref)


@pytest.mark.parametrize("trusts", [False, True])
def test_what_is_adopted_is_trusted_as_its_origin_is(store, tmp_path, key, trusts):
    first = ps.realize(_trained("v1"))
    ps.push(first, tmp_path / "remote", key=key[0])
    with Store(tmp_path / "other", durable=False).use() as other:
        ps.pull(first, tmp_path / "remote", trusted_keys=[key[1]] if trusts else None)
        second = ps.realize(_trained("v2"))
        assert ps.attempts(second)[0].notes["adopted"] == first
        assert other.is_trusted(second) is trusts


def _trained(version):
    """A derivation with an input of some version, whose bytes are the same."""
    prepared = Derivation({"name": "prepared", "code": version}, match_latest(), _write)
    return Derivation({"name": "trained", "of": [prepared, "x"]}, match_latest(), _write)


def _write(b):
    (b.outpath / "x").write_text("1")

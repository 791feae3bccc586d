"""Verifying: each damage is found and named, and never served again."""

import json
import os
import random
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, events, match_latest
from pystore.errors import Corrupted, NotInStore
from pystore.store import tree


def write(b):
    (b.outpath / "d").mkdir()
    (b.outpath / "d" / "x.bin").write_bytes(random.Random(b.seed).randbytes(300))
    (b.outpath / "run.sh").write_text("#!")
    (b.outpath / "run.sh").chmod(0o755)
    (b.outpath / "link").symlink_to("run.sh")
    (b.outpath / "empty").mkdir()


@pytest.fixture
def pair(store):
    """A realization, and one that was built from it."""
    inner = Derivation({"name": "inner"}, match_latest(), write)
    outer = Derivation({"name": "outer", "inner": inner}, match_latest(), write)
    target = ps.realize(outer)
    return ps.deps_of(target)[0], target, outer


def unsealed(path: Path) -> Path:
    path.parent.chmod(0o755)
    if not path.is_symlink():
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    return path


def damage(store, rref, kind):
    """Does one kind of damage; returns what the report must name."""
    home = Path(store.parts.layout.realization(rref))
    attempts = Path(store.parts.layout.attempts(rref.dref))
    x, run = home / "out" / "d" / "x.bin", home / "out" / "run.sh"
    if kind == "changed byte":
        content = bytearray(x.read_bytes())
        content[7] ^= 1
        unsealed(x).write_bytes(content)
        x.chmod(0o444)
        return "changed", "out/d/x.bin"
    if kind == "truncated":
        unsealed(x).write_bytes(x.read_bytes()[:10])
        x.chmod(0o444)
        return "changed", "10 bytes in place of 300"
    if kind == "missing":
        unsealed(x).unlink()
        return "missing", "out/d/x.bin"
    if kind == "extra":
        unsealed(x).with_name("y").write_text("y")
        return "extra", "out/d/y"
    if kind == "extra empty directory":
        unsealed(x).with_name("y").mkdir()
        return "extra", "out/d/y"
    if kind == "renamed":
        unsealed(x).rename(x.with_name("z"))
        return "missing", "out/d/x.bin"
    if kind == "exec bit":
        run.chmod(0o444)
        return "changed", "executable bit"
    if kind == "link":
        unsealed(home / "out" / "link").unlink()
        (home / "out" / "link").symlink_to("d")
        return "changed", "links to d in place of run.sh"
    if kind == "kind":
        unsealed(x).unlink()
        x.symlink_to("../run.sh")
        return "changed", "a link in place of a file"
    if kind == "writable":
        x.chmod(0o644)
        return "mode", "mode 0644"
    if kind == "truncated config":
        unsealed(Path(store.parts.layout.config(rref.dref))).write_text('{"na')
        return "config", "config.json"
    if kind == "truncated context":
        unsealed(home / "context.json").write_text('{"dref"')
        return "context", "context.json"
    if kind == "another context":
        shutil.copy(home / "context.json", home.parent / "copy")
        unsealed(home / "context.json").write_text(
            (home.parent / "copy").read_text().replace('"manifest":"', '"manifest":"0')[:-5]
            + '"}\n'
        )
        (home.parent / "copy").unlink()
        return "context", "context.json"
    if kind == "truncated manifest":
        unsealed(home / "manifest.json").write_text("{")
        return "manifest", "manifest.json"
    if kind == "no out":
        home.chmod(0o755)
        tree.remove(home / "out")
        return "missing", "out: missing"
    if kind == "foreign file":
        home.chmod(0o755)
        (home / "note.txt").write_text("x")
        return "extra", "note.txt"
    if kind == "attempt":
        (record,) = attempts.glob("*.json")
        unsealed(record).write_bytes(record.read_bytes().replace(b"succeeded", b"failed"))
        return "attempt", "checksum"
    if kind == "attempt of another":
        (record,) = attempts.glob("*.json")
        record.rename(record.with_name(record.name.replace(".0.", ".7.")))
        return "attempt", "another attempt"
    if kind == "no record":
        for record in attempts.glob("*.json"):
            record.unlink()
        return "unrecorded", "no attempt says"
    raise AssertionError(kind)


KINDS = [
    "changed byte", "truncated", "missing", "extra", "extra empty directory", "renamed",
    "exec bit", "link", "kind", "writable", "truncated config", "truncated context",
    "another context", "truncated manifest", "no out", "foreign file", "attempt",
    "attempt of another", "no record",
]  # fmt: skip


def test_VE1_a_sound_store_gives_no_damage(store, pair):
    seen = []
    report = ps.verify(listener=seen.append)
    assert report.sound
    assert (report.realizations, report.size) == (2, 2 * 302)
    assert [type(event) for event in seen] == [events.Progress] * 2
    assert str(report).endswith("sound")


@pytest.mark.filterwarnings("ignore::pystore.PystoreWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_VE1_VE2_each_damage_has_a_name_and_realize_mends_it(store, pair, kind):
    inner, target, outer = pair
    expected, words = damage(store, inner, kind)
    report = ps.verify()
    named = [d for d in report.damages if d.kind == expected]
    assert any(words in str(d) for d in named), report
    assert all(d.restore for d in report.damages)
    served_not = {"config", "attempt", "unrecorded"}
    if expected not in served_not:
        with pytest.raises(Corrupted):
            ps.rref2path(inner)
    ps.instantiate(outer)
    history_lost = expected in ("attempt", "unrecorded")
    assert ps.realize(outer) == target or history_lost
    left = {d.kind for d in ps.verify().damages}
    assert left <= ({"attempt", "unrecorded"} if history_lost else set())


@pytest.mark.parametrize("file", ["manifest.json", "context.json"])
@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"dref":{},"entries":[' + "[" * 100_000,
        '{"entries":[{"kind":"link","path":"a","target":null}]}',
        '{"entries":[{"kind":"file","path":1,"digest":1,"executable":1,"size":1}]}',
        '{"entries":[{"kind":"file","path":"a","digest":"\\ud800","executable":true,"size":1}]}',
        '{"dref":1,"inputs":[],"manifest":{}}',
    ],
    ids=range(6),
)
def test_VE1_nonsense_in_place_of_the_stores_own_files_is_named(store, pair, file, text):
    home = store.path(pair[0]).parent
    home.chmod(0o755)
    unsealed(home / file).write_text(text)
    assert any(d.path.endswith(f"/{home.name}/{file}") for d in ps.verify().damages)
    ps.gc(())


def test_VE1_a_helper_finds_what_one_process_finds(store):
    count = 12
    many = [
        Derivation({"name": "many", "rate": rate}, match_latest(), write) for rate in range(count)
    ]
    made = sorted(rref for found in ps.realize_many(many) for rref in found)
    kinds = ["changed byte", "writable", "extra", "foreign file", "link", "missing"]
    for rref, kind in zip(made[::2], kinds, strict=True):
        damage(store, rref, kind)
    script = (
        "import json, sys, pystore as ps\n"
        "from pystore.store import helping\n"
        "helping.shared.__kwdefaults__['worth'] = float(sys.argv[2])\n"
        "print(json.dumps(ps.verify(ps.Store(sys.argv[1])).to_dict()))\n"
    )
    alone, helped = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", script, str(store.root), worth],
                capture_output=True, text=True, check=True,
            ).stdout
        )
        for worth in ("inf", "0")
    )  # fmt: skip
    assert (helped["realizations"], helped["size"]) == (count, alone["size"])
    assert {damage["ref"] for damage in helped["damages"]} == {*made[::2]}
    assert helped == alone


def test_VE1_what_was_built_from_nothing_known_is_named(store, pair):
    inner, _, _ = pair
    store.remove_derivation(inner.dref)
    (found,) = ps.verify().damages
    assert (found.kind, inner in str(found)) == ("dangling", True)


def test_VE1_every_flipped_bit_is_found(store, pair):
    inner, _, _ = pair
    home = Path(store.parts.layout.derivation(inner.dref))
    files = [p for p in home.rglob("*") if p.is_file() and p.suffix != ".begin"]
    rng = random.Random(0)
    found = 0
    for _ in range(60):
        file = rng.choice([f for f in files if not f.is_symlink()])
        before, mode = file.read_bytes(), file.stat().st_mode
        content = bytearray(before)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.chmod(0o644)
        file.write_bytes(content)
        file.chmod(mode)
        found += not ps.verify().sound
        file.chmod(0o644)
        file.write_bytes(before)
        file.chmod(mode)
    assert found == 60
    assert ps.verify().sound


def test_VE2_quarantine_moves_what_is_damaged_until_the_next_gc(store, pair):
    inner, target, outer = pair
    damage(store, inner, "changed byte")
    assert ps.verify(quarantine=True).quarantined == (inner,)
    assert ps.lsref(inner.dref) == []
    assert len(os.listdir(store.parts.layout.trash)) == 1
    assert ps.realize(outer) == target
    ps.gc(keep=[target], dry_run=False)
    assert os.listdir(store.parts.layout.trash) == []


def test_VE2_a_mark_is_lifted_when_the_bytes_are_restored(store, pair):
    inner, _, _ = pair
    file = store.path(inner) / "run.sh"
    file.chmod(0o444)
    assert not ps.verify().sound
    with pytest.raises(Corrupted, match="verify found it damaged"):
        ps.rref2path(inner)
    file.chmod(0o555)
    assert ps.verify().sound
    assert ps.rref2path(inner)


def test_VE3_memory_does_not_grow_with_a_file(store):
    size = 64 << 20  # [bytes]

    def large(b):
        with (b.outpath / "large").open("wb") as file:
            file.truncate(size)

    tracemalloc.start()
    ps.realize(Derivation({"name": "large"}, match_latest(), large))
    assert ps.verify().sound
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size / 8


def test_access_by_others_is_reported(store):
    store.root.chmod(0o777)
    (found,) = ps.verify().damages
    assert (found.kind, found.ref) == ("access", None)
    assert "others" in str(found)


def test_what_is_named_is_verified_and_nothing_else(store, pair):
    inner, target, outer = pair
    damage(store, inner, "changed byte")
    assert ps.verify(only=[target]).sound
    assert ps.verify(only=[]).realizations == 0
    assert {found.ref for found in ps.verify(only=inner.dref).damages} == {inner}
    assert ps.verify().realizations == 2
    with pytest.raises(NotInStore):
        ps.verify(only=[outer.replace({"name": "other"}).dref])


def test_what_is_poisoned_is_only_bytes(store, tmp_path):
    """Opening, verifying and collecting never runs what an artifact says (S8)."""
    canary = tmp_path / "canary"

    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {canary}",)

    import pickle

    def poison(b):
        for name in ("model.pkl", "data.npy", "weights.h5"):
            (b.outpath / name).write_bytes(pickle.dumps(Bomb()))

    rref = ps.realize(Derivation({}, match_latest(), poison))
    ps.lsref(rref)
    ps.attempts(rref)
    ps.verify()
    ps.gc((), dry_run=False)
    assert not canary.exists()

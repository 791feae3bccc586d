"""Poisoned remotes: whatever lies there, nothing wrong is accepted, and builds go on."""

import random
import shutil
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from figures import figure

import pystore as ps
from pystore import Derivation, Store, events, match_latest
from pystore.core.context import provenance_text, rref_of
from pystore.core.manifest import Entry, Manifest
from pystore.errors import PystoreError
from pystore.store.remote.bill_of_parts import BillOfParts
from pystore.store.remote.record import Record

TIMES = 20
DONE: Counter[str] = Counter()


def prepare(b):
    """A tree with small files, a large one, and a link."""
    (b.outpath / "large.bin").write_bytes(random.Random(1).randbytes(5 << 20))
    (b.outpath / "d").mkdir()
    for number in range(5):
        (b.outpath / "d" / f"{number}.txt").write_text(f"{number}\n")
    (b.outpath / "link").symlink_to("d/1.txt")


def train(b):
    """A file that follows from the seed."""
    (b.outpath / "accuracy.txt").write_text(f"{b.seed / 2**32}\n")


def stage():
    """What the colleague has pushed, and we want."""
    prepared = Derivation({"name": "prepare"}, match_latest(), prepare)
    return Derivation({"name": "train", "data": prepared}, match_latest(), train)


@dataclass
class Pushed:
    """Sound remotes with one closure, and who signed them."""

    area: Path
    theirs: Store
    rref: ps.RRef
    ours: str  # the public key that is trusted
    sound: set[ps.RRef]


@dataclass
class Poison:
    """A remote to poison, and what to ask it for."""

    remote: Path
    pushed: Pushed
    rref: ps.RRef
    dice: random.Random

    @property
    def home(self) -> Path:
        """The folder of the target's derivation."""
        return self.remote / "drv" / self.rref.dref[5:]

    def objects(self) -> list[Path]:
        return sorted(p for p in self.remote.rglob("*") if p.is_file() and p.stat().st_size)


@pytest.fixture(scope="module")
def pushed(tmp_path_factory) -> Pushed:
    area = tmp_path_factory.mktemp("poison")
    theirs = Store(area / "theirs", durable=False)
    rref = ps.realize(stage(), store=theirs)
    ours, _ = (ps.make_key(area / name) for name in ("ours.key", "strange.key"))
    ps.push(rref, area / "plain", store=theirs)
    ps.push(rref, area / "signed", store=theirs, key=area / "ours.key")
    ps.push(rref, area / "strange", store=theirs, key=area / "strange.key")
    return Pushed(area, theirs, rref, ours, {rref, *ps.deps_of(rref, store=theirs)})


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def flipped_bit(poison):
    path = poison.dice.choice(poison.objects())
    content = bytearray(path.read_bytes())
    content[poison.dice.randrange(len(content))] ^= 1 << poison.dice.randrange(8)
    put(path, bytes(content))


def truncated(poison):
    path = poison.dice.choice(poison.objects())
    put(path, path.read_bytes()[: poison.dice.randrange(path.stat().st_size)])


def swapped(poison):
    h32 = "?" * 32
    kind = poison.dice.choice(["parts/*/*", f"drv/*/{h32}.json", f"drv/*/{h32}.{h32}.json"])
    one, two = poison.dice.sample(sorted(poison.remote.glob(kind)), 2)
    first, second = one.read_bytes(), two.read_bytes()
    put(one, second)
    put(two, first)


def extra_file(poison):
    place = poison.home / f"{poison.rref.digest}.json"
    head, parts, tree = place.read_bytes().split(b"\n", 2)
    name = f"extra{poison.dice.randrange(99)}".encode()
    more = Entry(name, poison.dice.choice(["file", "directory"]), digest="0" * 64)
    if more.kind == "directory":
        more = Entry(name, "directory")
    put(place, b"\n".join([head, parts, Manifest.of([*Manifest.parse(tree).entries, more]).text]))


def symlink(poison):
    """A realization whose digests are all right, with the record of an attempt that made it."""
    target = poison.dice.choice([b"/etc/passwd", b"../../x", b"d/../../..", b"up/..", b"a" * 3000])
    manifest = Manifest.of(
        [Entry(b"link", "link", target=target), Entry(b"up", "link", target=b"..")]
    )
    context = poison.pushed.theirs.context(poison.rref)
    provenance = provenance_text(poison.rref.dref, context, manifest.digest)
    evil = rref_of(poison.rref.dref, provenance)
    put(poison.home / f"{evil.digest}.json", BillOfParts(evil, provenance, manifest, ()).text)
    (attempt,) = poison.pushed.theirs.attempts(poison.rref.dref)
    lie = Record(attempt._replace(rref=evil, tree=manifest.digest), context)
    put(poison.home / f"{attempt.context}.{attempt.id}.json", lie.text)
    poison.rref = evil


def wrong_dref(poison):
    (other,) = (poison.remote / "drv").glob("*-prepare")
    for path in list(poison.home.iterdir()):
        path.unlink()
    for path in list(other.iterdir()):
        put(poison.home / path.name, path.read_bytes())
    (attempt,) = poison.pushed.theirs.attempts(poison.rref.dref)
    for path in list(poison.home.iterdir()):  # under the names that are looked for
        if path.name.count(".") == 2:
            path.rename(poison.home / f"{attempt.context}.{attempt.id}.json")
        elif path.name != "config.json":
            path.rename(poison.home / f"{poison.rref.digest}.json")


def unsigned(poison):
    for path in [*poison.home.glob("*.sig"), *poison.remote.rglob("*.sig")]:
        if path.parent == poison.home or poison.dice.random() < 0.5:
            path.unlink(missing_ok=True)


def wrong_key(poison):
    for path in sorted(poison.remote.rglob("*.sig")):
        if poison.dice.random() < 0.7:  # the stranger's, as if it were ours
            context, identity, _, _ = path.name.split(".")
            path.rename(path.with_name(f"{context}.{identity}.{poison.pushed.ours}.sig"))


KINDS = {
    "flipped bit": flipped_bit,
    "truncated": truncated,
    "swapped": swapped,
    "extra file": extra_file,
    "symlink": symlink,
    "wrong dref": wrong_dref,
    "unsigned": unsigned,
    "wrong key": wrong_key,
}
BASES = {"unsigned": "signed", "wrong key": "strange"}


@pytest.mark.parametrize("kind", KINDS)
def test_AR1_AR2_nothing_poisoned_is_accepted(pushed, tmp_path, kind):
    for number in range(TIMES):
        remote = tmp_path / f"remote{number}"
        shutil.copytree(pushed.area / BASES.get(kind, "plain"), remote)
        poison = Poison(remote, pushed, pushed.rref, random.Random(f"{kind} {number}"))
        KINDS[kind](poison)
        keys = [pushed.ours] if kind in BASES else None
        refused(poison, tmp_path / f"pulled{number}", keys)
        built_anyway(poison, tmp_path / f"built{number}", keys)
        DONE[kind] += 1
        shutil.rmtree(remote)


def refused(poison, root, keys):
    store = Store(root, durable=False)
    with pytest.raises(PystoreError):
        ps.pull(poison.rref, poison.remote, trusted_keys=keys, store=store)
    assert accepted(store) <= poison.pushed.sound - {poison.rref}
    assert poison.rref not in {a.rref for dref in store.drefs() for a in store.attempts(dref)}
    assert ps.verify(store).sound
    store.destroy()


def built_anyway(poison, root, keys):
    store = Store(root, durable=False)
    fetched = []

    def listen(event):
        if isinstance(event, events.Fetched):
            fetched.extend(event.rrefs)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ps.PystoreWarning)
        rref = ps.realize(
            stage(), store=store, substitute=poison.remote, trusted_keys=keys, listener=listen
        )
    assert rref == poison.pushed.rref
    assert accepted(store) == poison.pushed.sound
    assert ps.verify(store).sound
    if keys:
        assert rref not in fetched
    store.destroy()


def accepted(store):
    return {rref for dref in store.drefs() for rref in store.realizations(dref)}


def teardown_module():
    figure(
        "poisoned remotes, pulled from and substituted from",
        "8 kinds, 20 times each: 0 accepted",
        f"{len(DONE)} kinds, {2 * sum(DONE.values())} tries: 0 accepted",
    )

"""A quick look calls sound only what a whole look finds sound."""

import os
import random
import shutil
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, match_latest, match_some
from pystore.store import tree
from pystore.store.in_turn import InTurn
from pystore.store.quick_look import QuickLook
from pystore.store.tree_damages import Looking

FLAT = [
    {"accuracy.txt": b"0.5\n"},
    {},
    {"a": b"", "%b": b"x" * 5000, 'c"\n': b"1", "B": b"2", "run.sh": b"#!"},
    {str(number): b"y" * number for number in range(32)},
]
OTHERS = [
    {"d/x": b"1"},
    {"\xe9": b"1"},
    {"large": bytes(1 << 16)},
    {str(number): b"" for number in range(33)},
]


@pytest.fixture
def homes(store):
    """The folders of realizations that have an input, those with flat trees first."""
    trees = iter(FLAT + OTHERS)

    def write(b):
        for name, content in next(trees).items():
            path = b.outpath / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755 if name.endswith(".sh") else 0o644)

    inner = Derivation({"name": "inner"}, match_latest(), lambda b: None)
    count = len(FLAT + OTHERS)
    outer = Derivation({"name": "outer", "inner": inner}, match_some(count), write)
    (made,) = ps.realize_many([outer])
    ordered = [a.rref for a in store.attempts(outer.dref)]
    assert {*ordered} == {*made}
    return {rref: store.parts.layout.realization(rref) for rref in ordered}


def quick(homes):
    return dict(QuickLook(lambda need: False).sound(homes.items()))


def whole(homes):
    """What a whole look finds sound."""
    looking, sound = Looking(InTurn(), lambda need: False), {}
    for rref, home in homes.items():
        looking.size = 0
        try:
            if not looking.damages(rref, home):
                sound[rref] = looking.size
        except OSError:
            continue
    return sound


def test_QL1_small_flat_trees_that_are_sound_are_called_so(homes):
    rrefs = list(homes)
    assert [*quick(homes)] == rrefs[: len(FLAT)]
    assert whole(homes).items() >= quick(homes).items()
    many = [(rref, homes[rref]) for rref in rrefs[: len(FLAT)] * 20]
    assert len(list(QuickLook(lambda need: False).sound(many))) == len(many)


def test_QL1_a_realization_whose_input_is_unknown_is_not_called_sound(homes):
    asked = []
    looking = QuickLook(lambda need: asked.append(need) or True)
    assert not list(looking.sound(homes.items()))
    assert {need.name for need in asked} == {"inner"}


def flip(rng, path, _):
    content = bytearray(path.read_bytes())
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def cut(rng, path, _):
    os.truncate(path, rng.randrange(path.stat().st_size + 1))


def grow(rng, path, _):
    path.write_bytes(path.read_bytes() + rng.choice([b"\n", b"x", b" "]))


def set_mode(rng, path, _):
    path.chmod(rng.choice([0o644, 0o755, 0o555, 0o444, 0o4444, 0o464]))


def remove(rng, path, _):
    path.unlink()


def rename(rng, path, _):
    path.rename(path.with_name("renamed"))


def add(rng, path, _):
    path.with_name("added").write_bytes(b"")
    path.with_name("added").chmod(0o444)


def add_folder(rng, path, _):
    path.with_name("added").mkdir()


def link(rng, path, spare):
    """The same bytes, and not in this place."""
    path.rename(spare)
    path.symlink_to(spare)


def link_folder(rng, path, spare):
    path.parent.rename(spare)
    path.parent.symlink_to(spare)


def fifo(rng, path, _):
    path.unlink()
    os.mkfifo(path)


def folder(rng, path, _):
    path.unlink()
    path.mkdir()


def swap(rng, path, spare):
    """Another file of this realization."""
    others = [one for one in path.parent.iterdir() if one.is_file()]
    content = rng.choice(others).read_bytes()
    path.write_bytes(content)


DAMAGES = [
    flip, cut, grow, set_mode, remove, rename, add, add_folder, link, link_folder, fifo, folder,
    swap,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=[one.__name__ for one in DAMAGES])
def test_QL1_no_damaged_realization_is_called_sound(homes, damage, tmp_path):
    rng = random.Random(damage.__name__)
    differs = 0
    for number in range(12):
        rref = rng.choice([*homes][: len(FLAT)])
        home, backup, spare = Path(homes[rref]), tmp_path / "backup", tmp_path / f"spare{number}"
        shutil.copytree(home, backup, symlinks=True)
        path = rng.choice([one for one in home.rglob("*") if one.is_file()])
        for place in (home, home / "out"):
            place.chmod(0o755)
        mode = path.stat().st_mode
        path.chmod(mode | 0o200)
        damage(rng, path, spare)
        if damage is not set_mode and path.is_file() and not path.is_symlink():
            path.chmod(mode)
        sound = whole(homes)
        assert sound.items() >= quick(homes).items()
        differs += rref not in sound
        tree.remove(home)
        shutil.copytree(backup, home, symlinks=True)
        tree.remove(backup)
    assert differs >= 4
    assert len(quick(homes)) == len(FLAT)


def test_QL1_verify_says_the_same_of_each_realization_alone(homes, store):
    rng = random.Random(0)
    for home in [*homes.values()][: len(FLAT) : 2]:
        path = rng.choice([one for one in Path(home).rglob("*") if one.is_file()])
        path.chmod(0o644)
        flip(rng, path, None)
        path.chmod(0o444)
    # Of a realization that was asked for alone, the records are not known: the look is a whole one.
    alone = [ps.verify(only=[rref]) for rref in sorted(homes)]
    together = ps.verify(only=[next(iter(homes)).dref])
    assert len(together.damages) >= 2
    assert [*together.damages] == [damage for report in alone for damage in report.damages]
    assert together.size == sum(report.size for report in alone)
    assert together.realizations == len(homes)

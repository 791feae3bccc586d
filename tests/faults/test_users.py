"""A store and its several users: what each may do, and what is said of the rest."""

import grp
import json
import os
import pwd
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from another import PACKAGES, interpreter, needs_root, open_copy, run_as
from figures import figure

from pystore.store import tree

pytestmark = needs_root

# Users that this machine has no names for: messages tell their numbers then.
_NAMED = {user.pw_uid for user in pwd.getpwall()} | {group.gr_gid for group in grp.getgrall()}
ANNA, BERT, STRANGER, LAB = [number for number in range(2001, 3000) if number not in _NAMED][:4]
PROGRAM = """
import json, sys, warnings
from pathlib import Path
import pystore as ps
from pystore import Derivation, match_latest

def write(b):
    (b.outpath / "weights.bin").write_bytes(b"x" * 8192)

def fail(b):
    (b.outpath / "weights.bin").write_bytes(b"x" * 8192)
    Path(sys.argv[1] + "-staging").write_text(str(b.outpath))
    raise ValueError("no")

def take(b):
    (Path(sys.argv[1]).parent / "theirs").rename(b.outpath / "theirs")

def of(number, realizer=write):
    return Derivation({"name": "t", "n": number}, match_latest(), realizer)

def dref(number):
    return of(number).dref

store = ps.Store(sys.argv[1])
told = []
for order in sys.argv[2:]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = eval(order)
            told.append(["done", str(value)])
        except Exception as error:
            told.append([type(error).__name__, str(error)])
    told[-1].append([str(w.message) for w in caught if issubclass(w.category, ps.PystoreWarning)])
print(json.dumps(told))
"""

Told = list[tuple[str, str, list[str]]]
User = Callable[..., Told]


@pytest.fixture(scope="module")
def python() -> str:
    return interpreter()


@pytest.fixture
def shared(tmp_path_factory, area: Path):
    """A folder that the laboratory owns, in which everybody may look."""
    folder = area / "users"
    folder.mkdir()
    folder.chmod(0o755)
    open_copy(folder)
    lab = folder / "lab"
    lab.mkdir()
    os.chown(lab, ANNA, LAB)
    lab.chmod(0o2775)
    (folder / "program.py").write_text(PROGRAM)
    yield folder
    tree.remove(folder)


def a_user(folder: Path, python: str) -> User:
    def does(uid: int, *orders: str, umask: str = "002", gid: int = LAB) -> Told:
        done = run_as(
            uid, gid, python, str(folder / "program.py"), str(folder / "lab" / "store"), *orders,
            umask=umask, PYTHONPATH=f"{folder / 'project'}:{PACKAGES}",
            PYTHONDONTWRITEBYTECODE="1", HOME=str(folder), cwd=folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told: list[Any] = json.loads(done.stdout)
        return [(kind, text, warned) for kind, text, warned in told]

    return does


@pytest.mark.parametrize("umask", ["002", "022", "077"])
def test_two_users_of_one_group_build_and_verify_whatever_their_umask(shared, python, umask):
    does = a_user(shared, python)
    (first,) = does(ANNA, "ps.realize(of(1), store=store)", umask=umask)
    others = does(
        BERT,
        "ps.realize(of(1), store=store)",
        "ps.realize(of(2), store=store)",
        "ps.realize(of(1), store=store, force_rebuild=True)",
        "ps.verify(store)",
        umask=umask,
    )
    (third,) = does(ANNA, "ps.realize(of(2), store=store, force_rebuild=True)", umask=umask)
    assert {kind for kind, *_ in [first, *others, third]} == {"done"}, others
    assert others[0][1] == first[1]
    assert others[3][1].endswith("2 realizations, 16,384 bytes: sound")
    assert {p.stat().st_mode & 0o777 for p in shared.glob("lab/store/drv/*/*/out/*")} == {0o444}
    figure(f"two users of a group, umask {umask}", "build and verify", "6 of 6 calls")


def default_access(*users: int) -> bytes:
    """An access list that gives these users all rights. Source: linux/posix_acl_xattr.h."""
    none = 0xFFFFFFFF
    entries = [(0x01, 7, none), *((0x02, 7, user) for user in users)]
    entries += [(0x04, 5, none), (0x10, 7, none), (0x20, 5, none)]  # its group, the mask, others
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_users_of_several_groups_share_by_a_default_access_list(shared, python):
    lab = shared / "lab"
    lab.chmod(0o755)
    try:
        for kind in ("access", "default"):
            os.setxattr(lab, f"system.posix_acl_{kind}", default_access(ANNA, BERT))
    except OSError:
        pytest.skip("the file system has no access lists")
    does = a_user(shared, python)
    (first,) = does(ANNA, "ps.realize(of(1), store=store)", umask="022", gid=ANNA)
    again, new, verified = does(
        BERT,
        "ps.realize(of(1), store=store, force_rebuild=True)",
        "ps.realize(of(2), store=store)",
        "ps.verify(store)",
        umask="022",
        gid=BERT,
    )
    (last,) = does(ANNA, "ps.realize(of(2), store=store, force_rebuild=True)", gid=ANNA)
    assert {kind for kind, *_ in (first, again, new, verified, last)} == {"done"}
    assert verified[1].endswith("sound")


def test_gc_removes_what_is_ours_and_names_what_is_not(shared, python):
    does = a_user(shared, python)
    does(ANNA, "ps.realize(of(1), store=store)", "ps.realize(of(2, fail), store=store)")
    _, (kind, text, _) = does(
        BERT, "ps.realize(of(3), store=store)", "ps.gc((), dry_run=False, store=store)"
    )
    assert kind == "done"
    assert text.startswith("removed 1 realization, 8,192 bytes, 0 leftovers\n")
    left = text.splitlines()[1:]
    assert len(left) == 2
    assert all(f"user {ANNA}" in line and "/lab/store/" in line for line in left)
    assert len(list(shared.glob("lab/store/drv/*/*/out"))) == 1
    ((_, text, _),) = does(ANNA, "ps.gc((), dry_run=False, store=store)")
    assert text == "removed 1 realization, 8,192 bytes, 1 leftover"


def test_gc_goes_on_past_what_a_container_left_as_root(shared, python):
    does = a_user(shared, python)
    does(ANNA, "ps.realize(of(2, fail), store=store)", "ps.realize(of(1), store=store)")
    staged = Path((shared / "lab" / "store-staging").read_text())
    (staged / "checkpoint").mkdir()
    (staged / "checkpoint" / "model").write_text("of root")
    (staged / "checkpoint").chmod(0o755)
    os.chown(staged / "checkpoint", 0, 0)
    ((kind, text, _),) = does(ANNA, "ps.gc((), dry_run=False, store=store)")
    assert kind == "done"
    assert text.splitlines()[0] == "removed 1 realization, 8,192 bytes, 0 leftovers"
    assert "out/checkpoint: permission denied; it belongs to root (0)" in text.splitlines()[1]
    assert not list(shared.glob("lab/store/drv/*/*/out"))
    assert not list(shared.glob("lab/store/trash/*/out/weights.bin"))


def test_a_derivation_of_two_users_loses_what_is_ours_only(shared, python):
    does = a_user(shared, python)
    does(ANNA, "ps.realize(of(1), store=store)")
    ((kind, text, _),) = does(BERT, "ps.rmref(dref(1), store=store)")
    assert kind == "NoAccess"
    assert f"it belongs to user {ANNA}" in text
    assert "try: ask their owners" in text
    assert len(list(shared.glob("lab/store/drv/*/*/out/weights.bin"))) == 1


def test_what_a_user_keeps_private_is_left_out_and_named(shared, python):
    does = a_user(shared, python)
    does(ANNA, "ps.realize(of(1), store=store)", "ps.realize(of(2), store=store)")
    (home,) = [p for p in shared.glob("lab/store/drv/*") if str(p) in _home(does, 1)]
    home.chmod(0o700)
    seen, verified, one = does(
        BERT, "len(store.drefs())", "ps.verify(store)", "ps.realize(of(1), store=store)"
    )
    assert seen[:2] == ("done", "1")
    assert str(home) in seen[2][0]
    assert f"user {ANNA}" in seen[2][0]
    assert verified[1].endswith("1 realization, 8,192 bytes: sound")
    assert one[0] == "NoAccess"
    assert f"user {ANNA}" in one[1]


def _home(does: User, number: int) -> str:
    return does(ANNA, f"store.parts.layout.derivation(dref({number}))")[0][1]


def test_verify_names_a_damage_of_another_users_and_goes_on(shared, python):
    does = a_user(shared, python)
    does(ANNA, "ps.realize(of(1), store=store)", "ps.realize(of(2), store=store)")
    does(BERT, "ps.realize(of(3), store=store)")
    for path in shared.glob("lab/store/drv/*/*/out/weights.bin"):
        path.chmod(0o600)
        path.write_bytes(b"y" * 8192)
        path.chmod(0o444)
    orders = ["ps.verify(store, quarantine=True)", "ps.realize(of(3), store=store)"]
    (verified, built) = does(BERT, *orders)
    assert "3 damages" in verified[1]
    assert built[0] == "done"
    assert len(list(shared.glob("lab/store/trash/*"))) == 1
    assert len(list(shared.glob("lab/store/drv/*/attempts/*.damaged"))) == 2
    (again,) = does(BERT, "ps.realize(of(1), store=store)")
    assert again[0] == "NoAccess"
    assert f"user {ANNA}" in again[1]
    (mended,) = does(ANNA, "ps.realize(of(1), store=store)")
    assert mended[0] == "done"


def test_a_remote_of_another_user_says_whose_it_is(shared, python):
    does = a_user(shared, python)
    remote = shared / "remote"
    remote.mkdir()
    (told,) = does(ANNA, f"ps.push(ps.realize(of(1), store=store), {str(remote)!r}, store=store)")
    assert told[0] == "BadPlace"
    assert "owner:    root (0)" in told[1]


def test_a_store_that_is_not_shared_says_whose_it_is(shared, python):
    does = a_user(shared, python)
    (shared / "lab").chmod(0o755)
    does(ANNA, "ps.realize(of(1), store=store)", umask="022")
    reused, built, removed, collected = does(
        BERT,
        "ps.realize(of(1), store=store)",
        "ps.realize(of(2), store=store)",
        "ps.rmref(dref(1), store=store)",
        "ps.gc((), dry_run=False, store=store)",
    )
    assert reused[0] == "done"
    for kind, text, _ in (built, removed):
        assert kind == "NoAccess"
        assert f"user {ANNA}" in text
        assert "/lab/store" in text
        assert "try: " in text
    assert collected[0] == "done"
    assert "it is another user's" in collected[1]


def test_gc_keeps_all_where_it_cannot_read_what_is_in_use(shared, python):
    does = a_user(shared, python)
    does(BERT, "ps.realize(of(1), store=store)")
    note = shared / "lab" / "store" / "tmp" / "live-0123"
    note.write_text("")
    os.chown(note, ANNA, LAB)
    note.chmod(0o600)
    ((kind, text, _),) = does(BERT, "ps.gc((), dry_run=False, store=store)")
    assert kind == "done"
    assert text.startswith("removed 0 realizations")
    assert "live-0123" in text
    assert f"user {ANNA}" in text
    note.unlink()
    ((_, text, _),) = does(BERT, "ps.gc((), dry_run=False, store=store)")
    assert text.startswith("removed 1 realization,")


def test_an_output_with_files_of_another_user_is_refused_before_anything_changes(shared, python):
    does = a_user(shared, python)
    theirs = shared / "lab" / "theirs"
    theirs.write_text("of root")
    theirs.chmod(0o666)
    ((kind, text, _),) = does(ANNA, "ps.realize(of(1, take), store=store)")
    assert kind == "UnkeepableOutput"
    assert "theirs: it belongs to root (0)" in text
    assert "--user" in text

"""Stores on overlays and bind mounts, where no rename leads from one folder to another."""

import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from figures import figure

import pystore as ps
from pystore import Derivation, match_latest
from pystore.errors import NotAStore
from pystore.store import trash as trashing
from pystore.store import tree


def write(b: ps.Build) -> None:
    (b.outpath / "weights.bin").write_bytes(b"w" * 8192)
    (b.outpath / "logs").mkdir()
    (b.outpath / "logs" / "last").symlink_to("../weights.bin")


def fail(b: ps.Build) -> None:
    write(b)
    raise ValueError("no")


def of(number: int, realizer=write) -> Derivation:
    return Derivation({"name": "t", "n": number}, match_latest(), realizer)


def mount(*arguments: str | Path) -> None:
    if subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode:
        pytest.skip("mounting is refused here")


@pytest.fixture
def image(area: Path) -> Iterator[Path]:
    """Folders for the layers of an image, and for where it is mounted."""
    place = area / "image"
    for name in ("lower", "upper", "work", "merged"):
        (place / name).mkdir(parents=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place / "merged")], capture_output=True)
    tree.remove(place)


def started(image: Path) -> ps.Store:
    """The store of an image, in a container that was started from it."""
    layers = f"lowerdir={image}/lower,upperdir={image}/upper,workdir={image}/work"
    mount("-t", "overlay", "overlay", "-o", layers, image / "merged")
    return ps.Store(image / "merged" / "store", durable=False)


def test_a_store_of_an_image_is_used_mended_and_collected_in_the_container(image):
    baked = ps.Store(image / "lower" / "store", durable=False)
    rrefs = [ps.realize(of(number), store=baked) for number in range(4)]
    baked.parts.session.end()
    store = started(image)
    assert [ps.realize(of(number), store=store) for number in range(4)] == rrefs
    assert ps.realize(of(9), store=store)
    assert ps.realize(of(0), store=store, force_rebuild=True) == rrefs[0]

    damaged = store.path(rrefs[1]) / "weights.bin"
    damaged.chmod(0o644)
    damaged.write_bytes(b"v" * 8192)
    damaged.chmod(0o444)
    assert ps.verify(store, quarantine=True).quarantined == (rrefs[1],)
    (kept,) = store.parts.layout.trash.glob("*/out/weights.bin")
    assert kept.read_bytes() == b"v" * 8192
    assert ps.realize(of(1), store=store) == rrefs[1]
    assert ps.verify(store).sound

    ps.rmref(rrefs[2], store=store)
    ps.rmref(rrefs[3].dref, store=store)
    assert len(store.realizations(rrefs[2].dref)) == 0
    assert rrefs[3].dref not in store.drefs()
    assert len(ps.gc([rrefs[0]], dry_run=False, store=store).realizations) == 2
    assert ps.verify(store).sound
    assert ps.realize(of(2), store=store) == rrefs[2]
    assert (store.path(rrefs[2]) / "logs" / "last").read_bytes() == b"w" * 8192
    assert [path.name for path in store.parts.layout.trash.iterdir()] == []
    figure("a store in the lower layer of an overlay", "used, mended, collected", "all calls")


def test_a_kept_staging_of_an_image_can_be_committed_or_collected(image):
    baked = ps.Store(image / "lower" / "store", durable=False)
    for number in range(2):
        with pytest.raises(ps.errors.BuildError):
            ps.realize(of(number, fail), store=baked)
    baked.parts.session.end()
    store = started(image)
    names = {p.name.rpartition("-")[0][33:]: p for p in store.parts.tmp.glob("*-t")}
    rref = ps.commit(names[of(0).dref[5:37]], store=store)
    assert ps.realize(of(0), store=store) == rref
    assert ps.verify(store).sound
    assert len(ps.gc([rref], dry_run=False, store=store).litter) == 1
    assert not list(store.parts.tmp.glob("*-t"))


def test_a_removal_that_is_cut_on_an_overlay_serves_nobody_a_part(image, monkeypatch):
    baked = ps.Store(image / "lower" / "store", durable=False)
    rref = ps.realize(of(0), store=baked)
    baked.parts.session.end()
    store = started(image)

    def cut(root, barred=None):
        (Path(root) / "out" / "weights.bin").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(trashing.tree, "remove", cut)
        with pytest.raises(KeyboardInterrupt):
            ps.rmref(rref, store=store)
    with pytest.raises(ps.errors.Corrupted):
        store.path(rref)
    assert ps.realize(of(0), store=store) == rref
    assert (store.path(rref) / "weights.bin").read_bytes() == b"w" * 8192
    assert ps.verify(store).sound


@pytest.fixture
def volumes(area: Path) -> Iterator[Path]:
    """Two folders of one disk, each mounted at another place, as volumes of a container are."""
    place = area / "volumes"
    for name in ("disk/a", "disk/b", "store", "scratch"):
        (place / name).mkdir(parents=True)
    mount("--bind", place / "disk" / "a", place / "store")
    mount("--bind", place / "disk" / "b", place / "scratch")
    yield place
    for name in ("store/tmp", "store", "scratch"):
        subprocess.run(["umount", "--lazy", str(place / name)], capture_output=True)
    tree.remove(place)


def test_a_place_for_stagings_on_another_mount_of_the_disk_is_found_out_at_once(volumes):
    with pytest.warns(ps.PystoreWarning, match="another mount"):
        store = ps.Store(volumes / "store", custom_tmp=volumes / "scratch", durable=False)
    assert store.parts.staging_area == store.parts.tmp
    with store.use():
        assert ps.realize(of(0))


def test_a_store_whose_parts_are_mounted_apart_is_refused_when_it_is_opened(volumes):
    store = ps.Store(volumes / "store", durable=False)
    store.parts.session.end()
    mount("--bind", volumes / "disk" / "b", volumes / "store" / "tmp")
    with pytest.raises(NotAStore) as caught:
        ps.Store(volumes / "store")
    assert str(volumes / "store" / "tmp") in str(caught.value.apart)
    assert "drv" not in str(caught.value.apart)


def test_gc_does_not_go_into_what_is_mounted_in_an_output(volumes):
    data = volumes / "disk" / "b" / "data"
    data.write_text("not ours")

    def hold(b: ps.Build) -> None:
        (b.outpath / "weights.bin").write_bytes(b"w")
        (b.outpath / "data").mkdir()
        mount("--bind", volumes / "disk" / "b", b.outpath / "data")
        raise ValueError("no")

    store = ps.Store(volumes / "store", durable=False)
    with pytest.raises(ps.errors.BuildError):
        ps.realize(of(0, hold), store=store)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ps.gc((), dry_run=False, store=store)
    (left,) = found.left
    assert left.path.endswith("/out/data")
    assert data.read_text() == "not ours"
    assert not list(store.parts.layout.trash.glob("*/out/weights.bin"))
    subprocess.run(["umount", left.path], check=True)
    assert ps.gc((), dry_run=False, store=store).left == ()
    assert data.read_text() == "not ours"

"""Packs give back what was put in, and damage is noticed."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.core.attempt import Attempt, attempt_text
from pystore.core.config import Config
from pystore.errors import PystoreWarning
from pystore.store import packs

CONTEXT = "c" * 32
FILES = st.lists(
    st.tuples(
        st.builds(
            "{}.{}.{}".format,
            st.sampled_from([CONTEXT, "d" * 32]),
            st.integers(0, 12),
            st.sampled_from(["begin", "json"]),
        ),
        st.binary(max_size=60) | st.just(f"{CONTEXT}.1.json 3\nabc".encode()),
    ),
    max_size=8,
)


def attempt(number, error=None):
    return Attempt(
        id=f"{number:032x}", dref=Config({"name": "x"}).dref, context=CONTEXT, number=number,
        outcome="failed", rref=None, error=error, seed=number, start=number, stop=number,
        host="here", pid=1, realizer="f", source="", versions={}, metrics={}, notes={},
    )  # fmt: skip


def history(count):
    texts = ((f"{CONTEXT}.{i}", attempt_text(attempt(i, "e" * i))) for i in range(count))
    return [
        pair for stem, text in texts for pair in ((f"{stem}.json", text), (f"{stem}.begin", b"{}"))
    ]


@given(FILES)
def test_PU1_files_come_out_byte_for_byte(files):
    name, content = packs.pack(files)
    found = packs.unpack(name, content)
    assert not found.damage
    assert found.files == {*files}
    assert all(content in found.contents(one) for one, content in files)


@given(FILES, st.randoms())
def test_PU1_the_same_files_have_one_pack(files, rng):
    others = [*files, *files]
    rng.shuffle(others)
    assert packs.pack(others) == packs.pack(files)


def test_PU1_the_name_does_not_depend_on_how_it_was_compressed():
    name, content = packs.pack(history(5))
    again = zlib.compress(zlib.decompress(content), 1)
    assert again != content
    assert not packs.unpack(name, again).damage


def test_PU2_a_changed_byte_is_noticed_wherever_it_is():
    name, content = packs.pack(history(3))
    for at in range(len(content)):
        broken = content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]
        found = packs.unpack(name, broken)
        # Some bits of deflate mean nothing: then all comes out as it was put in.
        assert found.damage or found.files == {*history(3)}


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c[:40], lambda c: c + b"x",
                                    lambda c: b"", lambda c: c + c])  # fmt: skip
def test_PU2_what_was_cut_or_goes_on_is_noticed(change):
    name, content = packs.pack(history(30))
    assert packs.unpack(name, change(content)).damage


def test_PU2_a_sound_pack_under_another_name_is_noticed():
    _, content = packs.pack(history(3))
    assert packs.unpack("0" * 32 + packs.SUFFIX, content).damage == "it does not match its name"


def test_PU2_of_a_damaged_pack_the_records_that_can_be_read_count():
    name, content = packs.pack(history(4000))
    found = packs.unpack(name, content[: len(content) // 2])
    assert found.damage
    numbers = [one.number for one in found.records()]
    assert 1000 < len(numbers) < 3000
    assert all(one == attempt(one.number, "e" * one.number) for one in found.records())
    assert list(found.begins) == []


def test_PU2_a_record_that_is_wrong_in_itself_is_left_out():
    text = attempt_text(attempt(1)).replace(b"failed", b"passed")
    name, content = packs.pack([(f"{CONTEXT}.1.json", text), *history(1)])
    assert [one.number for one in packs.unpack(name, content).records()] == [0]


def test_PU2_each_reading_of_a_damaged_pack_warns(tmp_path):
    name, content = packs.pack(history(3))
    (tmp_path / name).write_bytes(content[:-1])
    for _ in range(2):
        with pytest.warns(PystoreWarning, match="cut short"):
            packs.read_all(str(tmp_path), [name])


def test_a_pack_is_read_once_while_its_file_stays(tmp_path):
    name, content = packs.pack(history(3))
    (tmp_path / name).write_bytes(content)
    assert packs.read(str(tmp_path), name) is packs.read(str(tmp_path), name)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError):
        packs.read(str(tmp_path), name)


def test_something_else_in_the_place_of_a_pack_is_a_damaged_pack(tmp_path):
    (tmp_path / ("a" * 32 + ".pack")).mkdir()
    (tmp_path / ("b" * 32 + ".pack")).symlink_to("nowhere")
    names = [one + ".pack" for one in ("a" * 32, "b" * 32)]
    with pytest.warns(PystoreWarning):
        damages = [one.damage for one in packs.read_all(str(tmp_path), names)]
    assert damages == ["no regular file, but a directory", "it is a link that leads nowhere"]


def test_names_of_others_are_no_packs():
    names = ["a" * 32 + ".pack", "a.pack", "a" * 32 + ".pack~", ".pack", "A" * 32 + ".pack"]
    assert packs.among(names) == names[:1]

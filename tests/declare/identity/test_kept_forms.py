"""Kept forms: a digest is the same with them and without, whatever was edited."""

import ast
import atexit
import importlib.util
import itertools
import linecache
import marshal
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

import pystore
from pystore.declare.identity import code, kept_forms, listing
from pystore.declare.identity.changes import texts_of
from pystore.declare.identity.code import code_of
from pystore.errors import BadStage
from pystore.store import disk
from pystore.store.caching import InForce

TEXT = '''
import functools
import math

RATE = 0.5
NAMES = ("ab", "cd")
PICK = lambda x: x + 1


def times(n):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            return n * function(*args)

        return wrapper

    return decorate


def fresh(name):
    """Says 1 thing."""
    from string import digits

    return name + digits


@times(2)
def doubled(x, by=(1, 2)):
    """Doubles it."""
    return [math.sqrt(one + RATE) for one in by if one > x]


@functools.lru_cache(maxsize=8)
def kept(x: int = 7) -> float:
    return RATE * x - 3


class Model:
    size = 4

    def run(self, x, *, more=5):
        return PICK(x) + self.size - more


def read(x):
    return fresh.__doc__, kept.__annotations__


def train(x):
    global RATE
    if x:
        RATE = doubled(6)[0]
    return [Model().run(x), kept(8), fresh("e"), NAMES, read]
'''

_numbers = itertools.count()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(InForce, "find", lambda: tmp_path / "cache")
    monkeypatch.setattr(kept_forms, "SMALLEST", 1)
    monkeypatch.setattr(atexit, "register", _ends.append)
    end_of_python()
    yield tmp_path / "cache" / "code"
    end_of_python()


_ends: list = []  # what is done when Python ends


def end_of_python() -> None:
    """Does what the end of a process does, and forgets what a fresh one does not know."""
    for one in _ends:
        one()
    _ends.clear()
    listing._known.clear()
    listing.refresh()
    code._known.clear()
    linecache.clearcache()


def loaded(folder: Path, text: str):
    """The function `train` of a module with this text, as a fresh process loads it."""
    file = folder / "edited.py"
    file.write_text(text)
    os.utime(file, (1e9, 1e9))
    spec = importlib.util.spec_from_file_location(f"edited_{next(_numbers)}", file)
    module = importlib.util.module_from_spec(spec)
    exec(compile(text, str(file), "exec", dont_inherit=True), vars(module))
    sys.modules[module.__name__] = module
    return module.train


def told(train) -> tuple:
    """All that is told of a function: its digest, its parts, and their texts and lines."""
    found = code_of(train)
    return found.digest, dict(found.parts), texts_of({"": train}, "project")


def plain(folder: Path, text: str, monkeypatch) -> tuple:
    """What is told of a text without kept forms."""
    with monkeypatch.context() as patch:
        patch.setattr(InForce, "find", lambda: None)
        end_of_python()
        found = told(loaded(folder, text))
        end_of_python()
    return found


def unparsed(folder: Path, text: str, monkeypatch) -> tuple:
    """What is told of a text whose functions are not parsed and compiled."""

    def refused(*args, **options):
        raise AssertionError("it is made anew")

    train = loaded(folder, text)
    with monkeypatch.context() as patch:
        patch.setattr(listing, "parsed", refused)
        patch.setattr(listing, "compiled", refused)
        return told(train)


FUNCTIONS = (
    TEXT.replace("PICK(x)", "x").partition("class Model")[0]
    + """
def train(x):
    return doubled(6), kept(8), fresh("e")
"""
)


def test_KF3_a_further_process_neither_parses_nor_compiles(tmp_path, cache, monkeypatch):
    expected = plain(tmp_path, FUNCTIONS, monkeypatch)
    assert told(loaded(tmp_path, FUNCTIONS)) == expected
    end_of_python()
    [file] = cache.iterdir()
    before = file.stat()
    assert unparsed(tmp_path, FUNCTIONS, monkeypatch) == expected
    end_of_python()
    assert file.stat().st_mtime_ns == before.st_mtime_ns  # nothing is new


def test_KF3_what_is_not_kept_yet_is_added(tmp_path, cache, monkeypatch):
    shorter = loaded(tmp_path, FUNCTIONS).__globals__["fresh"]
    code_of(shorter)
    end_of_python()
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    assert len(list(cache.iterdir())) == 1
    assert unparsed(tmp_path, FUNCTIONS, monkeypatch)


def edited(text: str, random: Random) -> str:
    """The text with one character changed, so that it is Python of the same length."""
    while True:
        at = random.randrange(len(text))
        new = random.choice("0123456789+-*<>abxy'\" #")
        changed = text[:at] + new + text[at + 1 :]
        try:
            names = {"__name__": "tried"}
            exec(changed, names)
        except Exception:  # it is no module
            continue
        if changed != text and "train" in names:
            return changed


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("seed", range(12))
def test_KF1_KF3_digests_are_the_same_after_random_edits(seed, tmp_path, cache, monkeypatch):
    random, text = Random(seed), (TEXT, FUNCTIONS)[seed % 2]
    for _ in range(6):
        expected = plain(tmp_path, text, monkeypatch)
        for _ in range(2):  # the first time, and with what was kept
            assert told(loaded(tmp_path, text)) == expected
            end_of_python()
        text = edited(text, random)


WARNED = FUNCTIONS.replace("RATE * x - 3", r"RATE * x - ((x is 3) + len('\d'))")


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kept", [False, True])
def test_KF3_UW1_digests_are_the_same_where_warnings_are_errors(kept, tmp_path, cache, monkeypatch):
    text = WARNED + "\n\nclass Model:\n    def run(self):\n        return '\\d'\n"
    text = text.replace("return doubled(6)", "return Model(), doubled(6)")
    expected = plain(tmp_path, text, monkeypatch)
    if kept:
        told(loaded(tmp_path, text))
        end_of_python()
    train = loaded(tmp_path, text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert told(train) == expected


def test_KF1_an_edit_of_the_same_size_and_time_makes_another_digest(tmp_path, cache):
    before = told(loaded(tmp_path, TEXT))
    end_of_python()
    after = told(loaded(tmp_path, TEXT.replace("RATE * x - 3", "RATE * x - 4")))
    assert before[0] != after[0]


def test_KF1_nothing_is_taken_from_another_maker(tmp_path, cache, monkeypatch):
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    kept_forms._makers.cache_clear()
    monkeypatch.setattr(kept_forms, "_SOURCES", [b"another walker"])
    with pytest.raises(AssertionError, match="made anew"):
        unparsed(tmp_path, FUNCTIONS, monkeypatch)
    kept_forms._makers.cache_clear()


def test_KF1_every_module_that_makes_what_is_kept_counts():
    reached = ["listing"]  # which writes it
    for name in reached:
        tree = ast.parse(Path(listing.__file__).with_name(f"{name}.py").read_text())
        near = [o for o in ast.walk(tree) if isinstance(o, ast.ImportFrom) and o.level == 1]
        reached += {str(one.module) for one in near} - {*reached}
    assert sorted(kept_forms._OF_FORMS) == sorted(reached)


LONG_ENOUGH = FUNCTIONS + "#" * kept_forms.SMALLEST
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import edited
from pystore.declare.identity.code import code_of
print(code_of(edited.train).digest)
"""


@pytest.mark.parametrize(
    "options",
    [[], ["-O"], ["-OO"], ["-X", "no_debug_ranges"]],
    ids=["none", "O", "OO", "no places"],
)
def test_KF1_a_process_with_other_options_of_the_compiler_finds_no_code(options, tmp_path, cache):
    (tmp_path / "edited.py").write_text(LONG_ENOUGH)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(pystore.__file__).parents[1]),
        "XDG_CACHE_HOME": str(tmp_path / "home"),
    }
    found = [
        subprocess.run(
            [sys.executable, *more, "-c", PROGRAM, tmp_path],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout
        for more in ([], options, options)
    ]  # fmt: skip
    assert len(set(found)) == 1
    files = list((tmp_path / "home" / "pystore" / "code").iterdir())
    assert len(files) == (2 if options else 1)


def test_KF2_a_damaged_file_is_as_none(tmp_path, cache, monkeypatch):
    expected = plain(tmp_path, FUNCTIONS, monkeypatch)
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    [file] = cache.iterdir()
    whole, random = file.read_bytes(), Random(1)
    for at in [0, 31, 32, 63, 64, *(random.randrange(len(whole)) for _ in range(20))]:
        flipped = bytes([*whole[:at], whole[at] ^ 1, *whole[at + 1 :]])
        for damaged in (flipped, whole[:at]):
            file.chmod(0o600)
            file.write_bytes(damaged)
            assert told(loaded(tmp_path, FUNCTIONS)) == expected
            end_of_python()
            assert file.read_bytes() != damaged
    assert unparsed(tmp_path, FUNCTIONS, monkeypatch) == expected


@pytest.mark.parametrize("mode", [0o775, 0o777], ids=oct)
def test_KF2_a_folder_that_others_may_write_to_is_not_used(mode, tmp_path, cache, monkeypatch):
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    cache.chmod(mode)
    with pytest.raises(AssertionError, match="made anew"):
        unparsed(tmp_path, FUNCTIONS, monkeypatch)
    listing._known.clear()


def put_folder(file: Path) -> None:
    (file / "inner").mkdir(parents=True)


def put_fifo(file: Path) -> None:
    os.mkfifo(file)


def put_link_to_nothing(file: Path) -> None:
    file.symlink_to("nothing")


def put_link_to_itself(file: Path) -> None:
    file.symlink_to(file.name)


@pytest.mark.parametrize("put", [put_folder, put_fifo, put_link_to_nothing, put_link_to_itself])
def test_KF2_what_is_no_file_is_as_none(put, tmp_path, cache, monkeypatch):
    expected = plain(tmp_path, FUNCTIONS, monkeypatch)
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    [file] = cache.iterdir()
    file.unlink()
    put(file)
    assert told(loaded(tmp_path, FUNCTIONS)) == expected
    end_of_python()


def put_in_cache(file: Path) -> None:
    put_folder(file.parent / "0")
    put_fifo(file.parent / "1")
    put_link_to_nothing(file.parent / "2")


def test_other_things_in_the_folder_do_not_keep_files_from_being_written(
    tmp_path, cache, monkeypatch
):
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    [file] = cache.iterdir()
    put_in_cache(file)
    monkeypatch.setattr(kept_forms, "MOST_BYTES", 1)
    told(loaded(tmp_path, f"{FUNCTIONS}\nMORE = 1\n"))
    end_of_python()
    assert len([one for one in cache.iterdir() if one.is_file()]) == 1
    assert not file.exists()


@pytest.mark.parametrize("mode", [0o464, 0o446], ids=oct)
def test_KF2_a_file_that_others_may_write_is_as_none(mode, tmp_path, cache, monkeypatch):
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    [file] = cache.iterdir()
    file.chmod(mode)
    with pytest.raises(AssertionError, match="made anew"):
        unparsed(tmp_path, FUNCTIONS, monkeypatch)
    listing._known.clear()


def forge(cache: Path, text: str) -> None:
    """Makes the only kept file one of a text with the code of another text."""
    [file] = cache.iterdir()
    content = file.read_bytes()
    functions, forms, _ = marshal.loads(content[64:])
    body = marshal.dumps((functions, forms, compile(text, "", "exec")))
    whole = content[:32] + kept_forms._digest(body) + body
    disk.put(str(file), whole, tmp=cache, durable=False)


def test_KF2_code_that_is_not_kept_is_looked_for_in_the_source(tmp_path, cache, monkeypatch):
    expected = plain(tmp_path, FUNCTIONS, monkeypatch)
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    forge(cache, FUNCTIONS.replace("x - 3", "x - 4"))
    assert told(loaded(tmp_path, FUNCTIONS)) == expected


def test_KF2_two_threads_find_at_once_that_code_is_not_kept(tmp_path, cache, monkeypatch):
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    forge(cache, FUNCTIONS.replace("x - 3", "x - 4"))
    code = loaded(tmp_path, FUNCTIONS).__globals__["kept"].__wrapped__.__code__
    found, real = [], listing.counterpart

    def counterpart(*args):
        own = real(*args)
        if not found:
            found.append(None)
            with ThreadPoolExecutor(1) as other:
                found[0] = other.submit(reading.definition, code).result()
        return own

    [reading] = listing.readings_of(code.co_filename)
    monkeypatch.setattr(listing, "counterpart", counterpart)
    assert reading.definition(code) is found[0] is not None


def test_KF2_an_edit_after_the_module_was_loaded_is_still_refused(tmp_path, cache):
    changed = FUNCTIONS.replace("x - 3", "x - 4")
    for text in (FUNCTIONS, changed):
        told(loaded(tmp_path, text))
        end_of_python()
    train = loaded(tmp_path, FUNCTIONS)
    (tmp_path / "edited.py").write_text(changed)
    with pytest.raises(BadStage, match="was edited after it was loaded"):
        code_of(train)


def test_the_oldest_files_go(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(kept_forms, "MOST_FILES", 3)
    for number in range(5):
        told(loaded(tmp_path, f"{FUNCTIONS}\nNUMBER = {number}\n"))
        end_of_python()
    assert len(list(cache.iterdir())) == 3
    monkeypatch.setattr(kept_forms, "MOST_BYTES", 1)
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    assert len(list(cache.iterdir())) == 1


def test_a_small_text_is_not_kept(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(kept_forms, "SMALLEST", len(FUNCTIONS) + 1)
    told(loaded(tmp_path, FUNCTIONS))
    end_of_python()
    assert not cache.exists()

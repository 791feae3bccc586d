"""Files of users as modules: how far loading one is like running it."""

import gc
import sys

import pytest

from pystore.errors import BadStage
from pystore.ui.cli import collecting
from pystore.ui.cli.loading import load


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of programs; what loading changes comes back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_LD1_a_file_is_loaded_as_a_program_but_for_what_only_a_program_does(here):
    (here / "beside_it.py").write_text("value = 7\n")
    (here / "a_program.py").write_text(
        "import sys\nfrom beside_it import value\n"
        "ran, found, arguments = False, sys.path[0], list(sys.argv)\n"
        'if __name__ == "__main__":\n    ran = True\n'
    )
    module = load(here / "a_program.py")
    assert (module.value, module.ran, module.__name__) == (7, False, "a_program")
    assert module.found == str(here)
    assert module.arguments == [str(here / "a_program.py")]


def test_LD1_what_is_loaded_is_freed_as_in_a_program(here):
    (here / "a_program.py").write_text("import gc\nfound = gc.get_threshold()\n")
    usual = gc.get_threshold()
    collecting.seldom()
    try:
        assert gc.get_threshold() != usual
        assert load(here / "a_program.py").found == usual
    finally:
        gc.set_threshold(*usual)


def test_LD1_a_module_of_the_folder_goes_before_one_of_the_same_name_elsewhere(here):
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "twice_there.py").write_text("place = 'elsewhere'\n")
    (here / "twice_there.py").write_text("place = 'here'\n")
    (here / "uses_it.py").write_text("from twice_there import place\n")
    sys.path.insert(0, str(here / "elsewhere"))
    assert load(here / "uses_it.py").place == "here"


def test_LD3_relative_imports_of_a_package_work(here):
    (here / "our_package").mkdir()
    (here / "our_package" / "__init__.py").write_text("")
    (here / "our_package" / "near.py").write_text("value = 3\n")
    (here / "our_package" / "stages.py").write_text("from .near import value\n")
    module = load(here / "our_package" / "stages.py")
    assert (module.value, module.__name__) == (3, "our_package.stages")
    assert load(here / "our_package" / "stages.py") is module


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("syntax.py", "def :\n", "is no Python"),
        ("raises.py", "1 / 0\n", "failed when it was loaded"),
        ("exits.py", "raise SystemExit(3)\n", "called sys.exit"),
        ("json.py", "", "has the name of a module that is in use"),
        ("notes.txt", "", "not a Python file"),
        ("book.ipynb", "{}", "not a Python file"),
    ],
)
def test_what_cannot_be_loaded_says_why(here, name, text, message):
    (here / name).write_text(text)
    with pytest.raises(BadStage, match=message):
        load(here / name)


def test_a_file_that_is_not_there_names_what_is_close_to_it(here):
    (here / "train.py").write_text("")
    with pytest.raises(BadStage, match="no such file") as caught:
        load(here / "trian.py")
    assert caught.value.closest == "train.py"


def test_a_file_that_was_edited_is_loaded_anew_though_size_and_second_are_the_same(here):
    path = here / "edited_soon.py"
    for value in (1, 2):
        path.write_text(f"value = {value}\n")
        sys.modules.pop("edited_soon", None)
        assert load(path).value == value

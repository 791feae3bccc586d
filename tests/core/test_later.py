"""Later: modules that are imported when they are first used."""

import sys

import pytest

from pystore.core.later import later


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The globals of a module in a package with two other modules, of which none is imported."""
    inner = tmp_path / "laterpackage" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").touch()
    (inner / "beside.py").write_text("VALUE = 1\n")
    (inner.parent / "above.py").write_text("VALUE = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield {"__package__": "laterpackage.inner"}
    for name in [name for name in sys.modules if name.startswith("laterpackage")]:
        del sys.modules[name]


def test_LR1_a_module_is_imported_when_one_of_its_names_is_read(package):
    later(package, ".beside", "..above")
    assert "laterpackage.inner.beside" not in sys.modules
    assert package["beside"].VALUE == 1
    assert "laterpackage.inner.beside" in sys.modules
    assert "laterpackage.above" not in sys.modules
    assert package["above"].VALUE == 2


def test_LR1_a_module_of_another_package_is_named_in_full(package):
    later(package, "collections.abc")
    assert package["abc"].Mapping.__name__ == "Mapping"


def test_LR2_the_name_stands_for_the_module_from_then_on(package):
    later(package, ".beside")
    assert package["beside"].VALUE == 1
    assert package["beside"] is sys.modules["laterpackage.inner.beside"]


def test_a_module_or_name_that_is_missing_is_an_error_as_of_an_import(package):
    later(package, ".beside", ".nowhere")
    with pytest.raises(AttributeError, match="OTHER"):
        _ = package["beside"].OTHER
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        _ = package["nowhere"].VALUE

"""The table of the savers, and the folder that a saved value is."""

import pytest
from test_conformance import plant

from pystore.app.savers import load, save, types_in
from pystore.app.savers.choose import KINDS
from pystore.errors import BadStage, Corrupted

np = pytest.importorskip("numpy")


class Own:
    """No saver knows it."""


def test_each_kind_has_a_suite():
    import specimens

    assert set(specimens.KINDS) == set(KINDS)


def test_what_has_no_saver_is_refused_with_its_class_and_what_to_do(tmp_path):
    with pytest.raises(BadStage) as caught:
        save({"a": [np.arange(2), Own()]}, tmp_path / "value")
    assert "Own cannot be saved without pickle" in caught.value.what
    assert "@model.saver" in caught.value.remedy
    assert "@model.loader" in caught.value.remedy


def test_a_folder_that_is_there_is_not_written_into(tmp_path):
    save(1, tmp_path / "value")
    with pytest.raises(FileExistsError):
        save(2, tmp_path / "value")
    assert load(tmp_path / "value") == 1


def test_SV3_a_folder_that_is_no_saved_value_is_an_error(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "file").write_text("{}")
    for folder in ("other", "file", "nowhere"):
        with pytest.raises(Corrupted, match="no such file") as caught:
            load(tmp_path / folder)
        assert caught.value.remedy


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "pickle"},
        {"kind": ["plain"]},
        {"about": []},
        {"about": {}},
        {"files": ["a"]},
        {"files": {"../outside": "0"}},
        {"files": {"..": "0"}},
        {"parts": 3},
        {"kind": "nested", "about": {"of": "tuple"}, "parts": ["0"]},
        {"kind": "nested", "about": {"of": "set"}},
        {"kind": "array"},
        {"kind": "frame"},
    ],
    ids=str,
)
def test_SV3_an_index_that_no_saver_wrote_is_an_error(other, tmp_path):
    (tmp_path / "outside").write_text("of somebody else")
    save([1], tmp_path / "value")
    plant(tmp_path / "value", {}, **other)
    with pytest.raises(Corrupted):
        load(tmp_path / "value")


def test_values_without_types_of_their_own_name_none(tmp_path):
    save((np.arange(2), 1), tmp_path / "value")
    assert types_in(tmp_path / "value") == ()


def test_choosing_imports_no_package_that_the_value_does_not_show():
    import subprocess
    import sys

    from project import importing

    program = """if True:
        import sys, tempfile, pathlib
        from pystore.app.savers import load, save
        folder = pathlib.Path(tempfile.mkdtemp()) / "value"
        save({"a": (1, None)}, folder)
        assert load(folder) == {"a": (1, None)}
        heavy = {"numpy", "pandas", "sklearn", "skops", "torch", "keras", "xgboost", "pyarrow"}
        print(*heavy & set(sys.modules))
    """
    done = subprocess.run(
        [sys.executable, "-c", program], env=importing(), capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("\n", 0), done.stderr

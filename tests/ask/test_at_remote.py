"""Lists and choices of what a remote holds: by its records, without its bytes."""

import json
import shutil

import pytest

import pystore as ps
from pystore import Derivation, Store, build_seed, match_some
from pystore.ask.inspection.at_remote import AtRemote
from pystore.ask.inspection.inventory import list_derivations, list_realizations
from pystore.errors import BadMetric, BadRef, NotInStore, PystoreWarning
from pystore.store.current import ProcessWide
from pystore.ui.cli import main


def _train(b):
    (b.outpath / "weights.bin").write_bytes(bytes(1000))
    (b.outpath / "score.txt").write_text(f"{b.config['rate'] + build_seed(b) % 100 / 1000}")


def stage(rate):
    return Derivation({"name": "train", "rate": rate}, match_some(3), _train)


def _other(b):
    (b.outpath / "x.txt").touch()


@pytest.fixture
def made(store):
    for rate in (1, 2):
        ps.realize_many(stage(rate))
    ps.realize(Derivation({"name": "other"}, ps.match_latest(), _other))
    return store


@pytest.fixture
def url(made, tmp_path):
    """A remote with all of it, but the bytes."""
    ps.push([stage(1).dref, stage(2).dref, made.drefs()], tmp_path / "lab")
    shutil.rmtree(tmp_path / "lab" / "parts")
    return tmp_path / "lab"


def test_derivations_are_listed_as_in_the_store(made, url):
    remote = AtRemote(url)
    there = remote.derivations(remote.drefs())
    here = list_derivations(made.drefs(), made)
    assert [(one.dref, one.realizations, one.parameters) for one in there] == [
        (one.dref, one.realizations, one.parameters) for one in here
    ]
    assert all(one.built for one in there)


def test_realizations_are_listed_with_their_metrics(made, url):
    there = AtRemote(url).realizations(stage(1).dref)
    here = list_realizations(stage(1).dref, made)
    assert [row.to_dict() for row in there] == [row.to_dict() for row in here]


def test_the_best_and_the_latest_are_those_of_the_store(made, url):
    for text in (
        "train@best:score.txt", "train@best:score.txt:min", "train@latest", "other@latest",
        f"{stage(1).dref[5:15]}@best:score.txt", f"train@{stage(2).dref.digest[:8]}",
    ):  # fmt: skip
        assert AtRemote(url).find_ref(text) == ps.find_ref(text), text
    assert list(AtRemote(url).find_refs("tr*")) == [d for d in made.drefs() if d.name[0] == "t"]


def test_CQ2_what_was_rejected_there_is_not_chosen_by_somebody_else(made, url, tmp_path):
    best = ps.find_ref("train@best:score.txt")
    ps.reject(best, "label leak")
    ps.push(best.dref, url)
    next_best = ps.find_ref("train@best:score.txt")
    assert AtRemote(url).find_ref("train@best:score.txt") == next_best != best


def test_a_realization_that_may_not_be_used_is_passed_over(made, url):
    best = ps.find_ref("train@best:score.txt")
    ps.reject(best, "label leak")
    usable = lambda rref: not made.rejection(rref)  # noqa: E731
    found = AtRemote(url).find_ref("train@best:score.txt", "now", usable)
    assert found == ps.find_ref("train@best:score.txt") != best


def test_of_a_name_the_code_that_ran_last_counts(store, tmp_path):
    configs = [{"name": "fit", "rate": 5, "code": "a"}, {"name": "fit", "rate": 1, "code": "b"}]
    old, new = (ps.realize_many(Derivation(c, match_some(1), _train))[0] for c in configs)
    ps.push([old, new], tmp_path / "lab")
    with pytest.warns(PystoreWarning, match="left out"):
        assert AtRemote(tmp_path / "lab").find_ref("fit@best:score.txt") == new
    assert AtRemote(tmp_path / "lab").find_ref("fit@best:score.txt", "any") == old


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("train@best:none.txt", BadMetric),
        ("train@worst", BadRef),
        ("train@best:", BadRef),
        ("nothing@latest", NotInStore),
        ("nothing", NotInStore),
        ("train", BadRef),
        ("train@", BadRef),
    ],
)
def test_mistakes_are_told(url, text, error):
    with pytest.raises(error):
        AtRemote(url).find_ref(text)


def test_CQ1_a_damaged_record_is_left_out_with_a_warning(made, url):
    best = ps.find_ref("train@best:score.txt")
    (record,) = (
        p for p in url.rglob("*.*.json") if p.name.count(".") == 2 and best in p.read_text()
    )
    record.unlink()
    record.write_text("{}")
    with pytest.warns(PystoreWarning, match="is left out"):
        assert AtRemote(url).find_ref("train@best:score.txt") != best


def test_CQ1_with_trusted_keys_only_signed_attempts_count(made, tmp_path):
    pytest.importorskip("cryptography")
    public = ps.make_key(tmp_path / "key")
    low = ps.find_ref("train@best:score.txt:min")
    ps.push(low.dref, tmp_path / "lab", key=tmp_path / "key")
    ps.push(stage(2).dref, tmp_path / "lab")
    trusting = AtRemote(tmp_path / "lab", [public])
    assert trusting.find_ref("train@best:score.txt").dref == low.dref
    assert AtRemote(tmp_path / "lab").find_ref("train@best:score.txt").dref != low.dref


@pytest.fixture
def pystore(made, tmp_path, monkeypatch, capsys):
    """Runs a command in this process, in an empty store of its own."""
    ps.push(made.drefs(), tmp_path / "lab")
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main.run([*arguments])
        return code, *capsys.readouterr()

    return run


def test_the_commands_choose_at_the_remote(pystore, made, tmp_path):
    best = ps.RRef(ps.find_ref("train@best:score.txt", store=made))
    code, out, err = pystore("ls", "lab")
    assert (code, err, out.count("train")) == (0, "", 4)  # twice in each row
    told = json.loads(pystore("ls", "train", "lab", "--json")[1])
    assert [one["realizations"] for one in told] == [3, 3]
    rows = json.loads(pystore("ls", best.dref, "lab", "--json")[1])
    assert best in [row["rref"] for row in rows]
    files = json.loads(pystore("ls", best, "lab", "--json")[1])
    assert [one["path"] for one in files] == ["score.txt", "weights.bin"]
    assert not (tmp_path / "mine").exists()
    code, out, _ = pystore("pull", "train@best:score.txt", "lab")
    assert (code, out.split(",")[0]) == (0, "moved 1 realization")
    assert Store(tmp_path / "mine").realizations(best.dref) == [best]
    for command in (
        ["ls", "memory://none"], ["ls", "train", "nowhere"], ["ls", "none", "lab"],
        ["pull", "train@best:none.txt", "lab"], ["pull", "train@x", "lab"],
    ):  # fmt: skip
        code, out, err = pystore(*command)
        assert (code, out) == (2, "")
        assert err.startswith("pystore: ")

"""Options that say which attempts are meant: conditions, times, hosts, and CSV."""

import csv
import io

import pytest
from small_store import make, train

from pystore import Derivation, build_outpath, match_latest, realize
from pystore.ask.finding import attempts
from pystore.ui.cli.main import run


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return make(tmp_path_factory.mktemp("wanted") / "store")


@pytest.fixture
def log(small, capsys):
    def typed(*arguments):
        code = run(["--store", str(small.root), "log", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return typed


def test_conditions_are_shown_as_columns(log):
    code, out, _ = log("train", "--where", "rate<2 accuracy.txt>0", "--sort", "-accuracy.txt")
    assert code == 0
    head, *rows = out.splitlines()
    assert head.split()[5:] == ["tags", "rate", "accuracy.txt", "result"]
    assert [row.split()[-3] for row in rows] == ["1", "0.5", "0.5"]


@pytest.mark.parametrize(
    ("options", "outcomes"),
    [
        (["--failed"], {"died", "failed"}),
        (["--where", "outcome=failed"], {"failed"}),
        (["--host", "nowhere*"], set()),
        (["--since", "2023-11-14 22:13:30"], {"died", "failed"}),
    ],
)
def test_other_options_leave_attempts_out(log, options, outcomes):
    code, out, _ = log(*options)
    assert code == 0
    assert (out == "no attempts\n") == (not outcomes)
    assert {row.split()[4] for row in out.splitlines()[1:]} == outcomes


def test_csv_has_parameters_facts_and_metrics(log, small):
    _, out, _ = log("--csv", "--where", "rate=0.5..1")
    rows = [*csv.DictReader(io.StringIO(out))]
    assert {row["rate"] for row in rows} == {"0.5", "1.0"}
    assert {row["dref"] for row in rows} == {train(0.5).dref, train(1.0).dref}
    assert all(float(row["accuracy.txt"]) > 0.9 for row in rows if row["rref"])


def test_csv_has_a_column_for_each_name_of_a_condition(log):
    _, out, _ = log("--csv", "--where", "rate=0.5 accuracy.txt>0 pid>0")
    header = out.splitlines()[0].split(",")
    assert {"rate", "pid", "accuracy.txt"} <= {*header}
    assert len(header) == len({*header})


def test_an_attempt_whose_record_is_removed_meanwhile_is_left_out(log, monkeypatch):
    whole = log("--csv", "--where", "rate>0")[1].splitlines()
    real, lost = attempts.in_full, iter([None])
    monkeypatch.setattr(attempts, "in_full", lambda *given: next(lost, real(*given)))
    assert log("--csv", "--where", "rate>0")[1].splitlines() == [whole[0], *whole[2:]]
    lost = iter([None])
    assert len(log("--where", "rate>0")[1].splitlines()) == len(whole) - 1


def test_no_text_in_csv_is_a_formula(store, capsys):
    for kind in ("=1+1", "plain"):
        odd = {"name": "odd", "kind": kind}
        realize(Derivation(odd, match_latest(), lambda b: build_outpath(b)), store=store)
    assert run(["--store", str(store.root), "log", "odd", "--csv"]) == 0
    rows = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert {row["kind"] for row in rows} == {"'=1+1", "plain"}


def test_csv_and_json_are_not_both(log):
    code, _, err = log("--csv", "--json")
    assert (code, "one of the two" in err) == (2, True)


def test_a_table_says_how_many_more_there_are(log, monkeypatch):
    monkeypatch.setattr("pystore.ui.cli.log._MOST", 2)
    assert log()[1].splitlines()[-1] == "… 5 more: --limit 7 shows them"
    assert len(log("--limit", "3")[1].splitlines()) == 4


def test_a_condition_that_names_nothing_is_a_clear_error(log):
    code, _, err = log("--where", "rte=1")
    assert code == 2
    assert "nothing here is called 'rte'" in err
    assert "rate" in err


def test_metrics_say_that_no_attempt_fits(small, capsys):
    assert run(["--store", str(small.root), "metrics", "train", "--where", "rate=99"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("no attempt fits --where")

"""AnswerLog: its lines, and a disk that takes none."""

import base64
import json
from pathlib import Path

from pystore.core.refs import RRef
from pystore.ui.web.answer_log import AnswerLog
from pystore.ui.web.batches import Answered
from pystore.ui.web.inputs import Body

RREF = RRef(f"rref:{'0' * 32}-{'1' * 32}-weights")
ANSWER = Answered(RREF, [7], b"[7]")
BODY = Body(b'{"features": [1]}', "application/json")


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_AL1_a_line_has_what_was_answered_and_not_what_was_asked(tmp_path: Path):
    log = AnswerLog(tmp_path / "log", False, print)
    for key in ("k1", "k2"):
        log.note(key, BODY, [1], ANSWER)
    log.close()
    first, second = lines(tmp_path / "log")
    assert first.keys() == {"time", "rref", "digest", "key", "reply"}
    assert (first["rref"], first["key"], first["reply"]) == (RREF, "k1", [7])
    assert second["key"] == "k2"


def test_AL1_the_input_is_logged_if_it_is_wanted(tmp_path: Path):
    log = AnswerLog(tmp_path / "log", True, print)
    log.note("k", BODY, [1], ANSWER)
    log.note("k", Body(b"\x89PNG", "image/png"), object(), ANSWER)
    log.close()
    first, second = lines(tmp_path / "log")
    assert first["input"] == [1]
    assert base64.b64decode(str(second["picture"])) == b"\x89PNG"


def test_AL1_two_logs_append_to_one_file(tmp_path: Path):
    logs = [AnswerLog(tmp_path / "log", False, print) for _ in range(2)]
    for i in range(50):
        logs[i % 2].note(str(i), BODY, [1], ANSWER)
    for log in logs:
        log.close()
    assert {line["key"] for line in lines(tmp_path / "log")} == {str(i) for i in range(50)}


def test_AL2_a_log_that_cannot_be_written_is_told_once(tmp_path: Path):
    told: list[str] = []
    log = AnswerLog(tmp_path / "no" / "log", False, told.append)
    for _ in range(3):
        log.note("k", BODY, [1], ANSWER)
    log.close()
    assert log.lost == 3
    assert len(told) == 1
    assert "not logged" in told[0]

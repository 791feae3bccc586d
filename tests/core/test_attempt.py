"""The record of an attempt."""

import json

from pystore import DRef, RRef
from pystore.core.attempt import Attempt, parse_attempt
from pystore.core.digest import short

DREF = DRef("dref:" + "1" * 32 + "-data")


def test_a_record_of_a_later_version_is_read():
    """It may have keys that we do not know."""
    rref = RRef.of("2" * 32, DREF)
    one = Attempt("0" * 32, DREF, "0" * 32, 0, "succeeded", rref, None, 7, 1, 2, "", 0, "", "",
                  {}, {}, {})  # fmt: skip
    body = json.dumps({**one._asdict(), "weather": "rain"}, sort_keys=True)[1:] + "\n"
    digest = short("pystore attempt 1", body.encode())
    assert parse_attempt(f'{{"checksum":"{digest}",{body}'.encode()) == one

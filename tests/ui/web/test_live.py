"""Live: when a realization is let go of."""

from hypothesis import given, settings
from hypothesis import strategies as st
from small_model import EXAMPLES, SmallLoaded

from pystore.core.refs import RRef
from pystore.ui.web.live import Live

RREF = RRef(f"rref:{'0' * 32}-{'1' * 32}-weights")


def live() -> Live:
    told = {"weights": [1.0, 1.0, 1.0], "examples": EXAMPLES, "fault": ""}
    return Live(SmallLoaded(RREF, told, 0.5), {}, [], {})


@settings(deadline=None)
@given(before=st.integers(0, 4), during=st.integers(0, 4))
def test_LV1_it_is_let_go_of_once_after_its_last_batch(before: int, during: int):
    one, let_go = live(), []
    for _ in range(before + during):
        one.begin_batch()
    for _ in range(before):
        one.end_batch()
    one.retire(let_go.append)
    for left in range(during, 0, -1):
        assert let_go == [], left
        one.end_batch()
    assert let_go == [one]
    one.begin_batch()
    one.end_batch()
    assert let_go == [one]

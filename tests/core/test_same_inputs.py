"""Same inputs: of histories with other data or other code in them, the current ones."""

from hypothesis import given
from hypothesis import strategies as st

from pystore.core.context import Context
from pystore.core.refs import DRef, RRef
from pystore.core.same_inputs import Inputs, current, history


def dref(name: str, number: int = 0) -> DRef:
    return DRef(f"dref:{number:032x}-{name}")


def rref(of: DRef, number: int) -> RRef:
    return RRef.of(f"{number:032x}", of)


DATA, SPLIT = dref("data"), dref("split")
CODES = {DATA: "a", SPLIT: "a"}


def inputs(times: dict[RRef, int], codes: dict[DRef, str] | None = None) -> Inputs:
    known = codes or CODES
    return Inputs(known.get, lambda _, rrefs: max(times.get(one, 0) for one in rrefs))


def test_a_history_has_inputs_of_inputs_first():
    data, split = rref(DATA, 1), rref(SPLIT, 1)
    below = {split: Context({DATA: [data]}), data: Context()}
    told = history(Context({SPLIT: [split], DATA: [data]}), below.__getitem__)
    assert list(told.items()) == [(DATA, (data,)), (SPLIT, (split,))]


def test_a_history_of_many_stages_is_found():
    chain = [rref(dref("x", i), i) for i in range(3000)]
    below = {one: Context({n.dref: [n]}) for one, n in zip(chain[1:], chain, strict=False)}
    below[chain[0]] = Context()
    told = history(Context({chain[-1].dref: [chain[-1]]}), below.__getitem__)
    assert list(told) == [one.dref for one in chain]


def test_SI2_the_input_that_was_made_last_counts():
    old, new = rref(DATA, 1), rref(DATA, 2)
    histories = {"old": {DATA: (old,)}, "new": {DATA: (new,)}}
    assert current(histories, inputs({old: 1, new: 2})) == ["new"]
    assert current(histories, inputs({old: 3, new: 2})) == ["old"]


def test_SI2_inputs_of_inputs_come_first():
    """The data went back to what they were; the split of then was not made again."""
    old, new = rref(DATA, 1), rref(DATA, 2)
    splits = rref(SPLIT, 1), rref(SPLIT, 2)
    histories = {
        "old": {DATA: (old,), SPLIT: (splits[0],)},
        "new": {DATA: (new,), SPLIT: (splits[1],)},
    }
    times = {splits[0]: 1, splits[1]: 2, old: 3, new: 2}
    assert current(histories, inputs(times)) == ["old"]


def test_SI1_other_code_of_an_input_is_not_mixed():
    first, second = dref("data", 1), dref("data", 2)
    histories = {"a": {first: (rref(first, 1),)}, "b": {second: (rref(second, 1),)}}
    times = {rref(first, 1): 1, rref(second, 1): 2}
    assert current(histories, inputs(times, {first: "a", second: "b"})) == ["b"]
    assert current(histories, inputs(times, {first: "a", second: "a"})) == ["a", "b"]


def test_those_without_inputs_all_count():
    assert current({"a": {}, "b": {}}, inputs({})) == ["a", "b"]


DREFS = [dref(name, number) for name in ("data", "split") for number in (0, 1)]
a_history = st.dictionaries(st.sampled_from(DREFS), st.integers(0, 2), max_size=4)


@given(
    st.lists(a_history, min_size=1, max_size=6),
    st.lists(st.integers(0, 5), min_size=12, max_size=12),
    st.lists(st.sampled_from("ab"), min_size=4, max_size=4),
)
def test_SI1_SI3_those_that_are_left_agree_and_one_is_left(chosen, times, codes):
    histories = {
        str(i): {d: (rref(d, n),) for d, n in sorted(one.items())} for i, one in enumerate(chosen)
    }
    every = [rref(d, n) for d in DREFS for n in range(3)]
    code_of = dict(zip(DREFS, codes, strict=True))
    left = current(histories, inputs(dict(zip(every, times, strict=True)), code_of))
    assert left
    for name in DREFS:
        assert len({histories[key][name] for key in left if name in histories[key]}) <= 1
    for stage in ("data", "split"):
        told = [{code_of[d] for d in histories[key] if d.name == stage} for key in left]
        assert len({frozenset(codes) for codes in told if codes}) <= 1

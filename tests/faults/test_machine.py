"""A state machine: the local store and the one in memory never differ."""

import shutil
import tempfile
from pathlib import Path

from figures import figure
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from memory_store import MemoryStore

from pystore import Config, Context, Store
from pystore.core.attempt import AttemptReport
from pystore.errors import PystoreError

CONFIGS = [Config({"name": "a"}), Config({"name": "b"}), Config({"name": "c", "x": 1})]
STEPS = {"examples": 0, "steps": 0}


class Clock:
    """A clock for two stores; it may go back."""

    def __init__(self) -> None:
        self.now = 10**18

    def __call__(self) -> int:
        return self.now


def history(store, dref):
    plain = [a._replace(id="", host="", pid=0, versions={}) for a in store.attempts(dref)]
    return sorted(plain, key=lambda attempt: (attempt.context, attempt.number))


def offered(store, dref, context):
    return sorted(
        (c.rref, c.gone, c.metric("m.txt"), len(c.attempts))
        for c in store.candidates(dref, context, ["m.txt"])
    )


def outcome(action):
    try:
        return action()
    except PystoreError as error:
        return type(error)


class Stores(RuleBasedStateMachine):
    """Does the same to both stores."""

    @initialize()
    def start(self):
        self.clock = Clock()
        self.folder = Path(tempfile.mkdtemp())
        self.stores = [
            Store(self.folder / "s", durable=False, clock=self.clock),
            MemoryStore(clock=self.clock),
        ]
        self.made = []
        STEPS["examples"] += 1

    def teardown(self):
        self.stores[0].destroy()  # type: ignore[attr-defined]  # made by Hypothesis
        shutil.rmtree(self.folder)

    def both(self, action):
        results = [outcome(lambda s=s: action(s)) for s in self.stores]
        assert results[0] == results[1]
        STEPS["steps"] += 1
        return results[0]

    def context(self, number):
        chosen = self.made[number % len(self.made)] if self.made and number else None
        return Context({chosen.dref: [chosen]} if chosen else {})

    @rule(config=st.sampled_from(CONFIGS))
    def record(self, config):
        self.both(lambda s: s.record([config]))

    @rule(
        config=st.sampled_from(CONFIGS),
        text=st.sampled_from(["0.1", "0.2", "x"]),
        number=st.integers(0, 5),
        fails=st.booleans(),
    )
    def build(self, config, text, number, fails):
        context = self.context(number)

        def action(store):
            staging = store.begin(config, context)
            (staging.out / "m.txt").write_text(text)
            if fails:
                return store.fail(staging, AttemptReport("f"), ValueError(text))
            committed = store.commit(staging, AttemptReport("f"))
            return committed.rref, committed.fresh

        result = self.both(action)
        if not fails and result[0] not in self.made:
            self.made.append(result[0])

    @rule(number=st.integers(0, 20))
    def remove(self, number):
        if self.made:
            self.both(lambda s: s.remove(self.made[number % len(self.made)]))

    @rule(config=st.sampled_from(CONFIGS))
    def remove_derivation(self, config):
        self.both(lambda s: s.remove_derivation(config.dref))

    @rule(config=st.sampled_from(CONFIGS), number=st.integers(0, 5))
    def look(self, config, number):
        context = self.context(number)
        self.both(lambda s: s.config(config.dref))
        self.both(lambda s: s.realizations(config.dref))
        self.both(lambda s: history(s, config.dref))
        self.both(lambda s: str(offered(s, config.dref, context)))
        self.both(lambda s: s.count_in_other_contexts(config.dref, context))

    @rule(number=st.integers(0, 20))
    def read(self, number):
        if self.made:
            rref = self.made[number % len(self.made)]
            self.both(lambda s: (s.path(rref) / "m.txt").read_text())
            self.both(lambda s: dict(s.context(rref)))
            self.both(lambda s: s.hold((rref,)))

    @rule(seconds=st.integers(-7200, 864000))
    def tick(self, seconds):
        self.clock.now += seconds * 10**9

    @invariant()
    def know_the_same(self):
        if hasattr(self, "stores"):
            assert self.stores[0].drefs() == self.stores[1].drefs()  # type: ignore[attr-defined]  # made by Hypothesis


Stores.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)


class TestStores(Stores.TestCase):  # type: ignore[valid-type]  # made by Hypothesis
    """Runs the machine."""

    @classmethod
    def teardown_class(cls):
        done = f"{STEPS['examples']} examples, {STEPS['steps']} steps compared: no divergence"
        figure("state machine against MemoryStore", "≥ 200 examples of 50 steps", done)

"""The steps of an outlook: `realize` does what `plan` has said, in generated stores."""

import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import pystore as ps
from pystore import Derivation, Store, match_latest
from pystore.core.change import masked
from pystore.errors import BuildsFailed, PystoreError

FILE = "x.txt"
MATCHERS = {
    "latest": match_latest(),
    "latest of 2": match_latest(2),
    "best": ps.match_best(FILE),
    "best of 2": ps.match_best(FILE, of=2),
    "top 2": ps.match_top(FILE, 2),
    "until": ps.match_until(FILE, halfwidth=1e9, at_most=5),
    "all": ps.match_all(),
    "some": ps.match_some(3),
    "only": ps.match_only(),
    "exact": None,  # one that is here, or was
}


class Realizing:
    """Writes a number, as its config says: of its inputs, or of its seed too; or it fails."""

    def __init__(self):
        self.runs = Counter()
        self.failed = Counter()

    def __call__(self, b):
        self.runs[b.config.dref] += 1
        kind, n = b.config["kind"], b.config["n"]
        if kind == "broken" or (kind == "frail" and b.seed % 2):
            self.failed[b.config.dref] += 1
            raise ValueError("diverged")
        inputs = [path / FILE for d in b.context for path in b.paths(ps.RefPath(d, ()))]
        read = sum(int(file.read_text()) for file in inputs)
        drawn = {"chance": b.seed, "coin": b.seed % 2, "frail": b.seed}.get(kind, 0)
        (b.outpath / FILE).write_text(str((n + read) % 2 + 10 * drawn))


@dataclass(frozen=True)
class Node:
    """A derivation, which has some of those before it as inputs."""

    name: str
    kind: str
    n: int
    inputs: tuple[int, ...]
    before: str  # the matcher with which the store was filled
    now: str


@dataclass(frozen=True)
class Deed:
    """Something that happened in a store before."""

    what: str
    which: int
    more: int


@dataclass(frozen=True)
class World:
    """Derivations, what a store and a remote have of them, and a call."""

    nodes: tuple[Node, ...]
    history: tuple[Deed, ...]
    remote: tuple[Deed, ...]
    targets: frozenset[int]
    forced: frozenset[int]
    attempts: int


def deeds(size):
    what = st.sampled_from(["realize", "realize", "again", "remove", "remove", "reject"])
    return st.lists(st.builds(Deed, what, st.integers(0, size - 1), st.integers(0, 3)), max_size=5)


@st.composite
def worlds(draw):
    size = draw(st.integers(1, 6))
    nodes = []
    for i in range(size):
        inputs = draw(st.lists(st.integers(0, i - 1), max_size=2)) if i else []
        kinds = ["fixed", "fixed", "chance", "coin", "frail", "broken"]
        matchers = st.sampled_from(sorted(MATCHERS))
        nodes.append(
            Node(
                draw(st.sampled_from("ab")),
                draw(st.sampled_from(kinds)),
                draw(st.integers(0, 2)),
                tuple(sorted(set(inputs))),
                draw(st.sampled_from(["latest", "latest", "latest of 2", "all"])),
                draw(st.one_of(st.just("latest"), matchers)),
            )
        )
    some = st.lists(st.integers(0, size - 1), max_size=3)
    return World(
        tuple(nodes),
        tuple(draw(deeds(size))),
        tuple(draw(st.just([]) | deeds(size))),
        frozenset(draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=3))),
        frozenset(draw(st.just([]) | some)),
        draw(st.sampled_from([1, 1, 2, 3])),
    )


def derivations(world, realizer, stores=()):
    """The derivations of a world; with stores, as they are in the call, else as they were."""
    made = []
    for node in world.nodes:
        inputs = [made[i] for i in node.inputs]
        config = {"name": node.name, "kind": node.kind, "n": node.n, "inputs": inputs}
        matcher = MATCHERS[node.now if stores else node.before]
        new = Derivation(config, matcher or match_latest(), realizer)
        if matcher is None:
            new = new.replace(matcher=exact(new.dref, stores))
        known = [one for one in made if one.dref == new.dref]
        made.append(known[0] if known else new)
    return made


def exact(dref, stores):
    found = (store.attempts(dref) for store in stores if dref in store.drefs())
    made = [attempt.rref for tried in found for attempt in tried if attempt.rref]
    return ps.match_exact(made[:1] or [ps.RRef.of("0" * 32, dref)])


def fill(store, made, history):
    """Does what has happened in a store; what fails there is history, too."""
    for deed in history:
        one = made[deed.which]
        if deed.what in ("realize", "again"):
            forced = [one] if deed.what == "again" else ()
            with suppress(PystoreError):
                ps.realize_many(
                    one, store=store, keep_going=True, force_rebuild=forced,
                    attempts=1 + deed.more % 2, substitute=[],
                )  # fmt: skip
        elif one.dref in store.drefs() and (rrefs := store.realizations(one.dref)):
            rref = rrefs[deed.more % len(rrefs)]
            store.remove(rref) if deed.what == "remove" else ps.reject(rref, "bad", store=store)


@dataclass
class Done:
    """What a call of `realize` did."""

    built: Counter = field(default_factory=Counter)
    failed: Counter = field(default_factory=Counter)  # attempts
    reused: set = field(default_factory=set)
    adopted: set = field(default_factory=set)
    errors: dict = field(default_factory=dict)


def realized(closure, realizer, **options):
    realizer.runs.clear()
    realizer.failed.clear()
    heard, done = [], Done()
    try:
        ps.realize_many(closure, keep_going=True, listener=heard.append, **options)
    except BuildsFailed as error:
        done.errors = {ps.DRef(dref): each for dref, each in error.errors.items()}
    except PystoreError as error:
        done.errors = {ps.DRef(error.dref): error}
    done.built, done.failed = Counter(realizer.runs), Counter(realizer.failed)
    done.reused = {event.dref for event in heard if isinstance(event, ps.events.Reused)}
    done.adopted = {event.dref for event in heard if isinstance(event, ps.events.Adopted)}
    return done


def check(step, steps, done, derivation, store):
    """Whether one step was kept."""
    dref, built = step.dref, done.built[step.dref]
    lost = any((d not in done.reused and not done.built[d]) or d in done.errors
               for d in derivation.config.inputs)  # fmt: skip
    match step.action:
        case "reuse":
            assert dref in done.reused and dref not in done.adopted and not built
        case "adopt":
            assert dref in done.adopted and not built
        case "fail" if step.sure and lost:
            assert dref not in done.reused and not built
        case "fail" if step.sure:
            assert done.errors[dref].what == step.reason and not built
        case "skip" if step.sure:
            assert dref not in done.reused and not built
            assert dref not in done.errors
        case "build" if step.sure and lost:
            assert not built
        case "build" if step.sure and done.failed[dref]:
            assert 1 <= built <= step.attempts or sees_more(dref, derivation, store)
        case "build" if step.sure:
            assert built >= step.attempts
            assert built == step.attempts or sees_more(dref, derivation, store)
        case "build" if step.kind == "forced":
            assert built >= 1 or lost


def sees_more(dref, derivation, store):
    """Whether a matcher may want more when it sees results: it reads numbers, or they are one."""
    tries = [attempt for attempt in store.attempts(dref) if attempt.succeeded]
    alike = len({attempt.rref for attempt in tries}) < len(tries)
    bad = any(store.rejection(attempt.rref) for attempt in tries if attempt.rref)
    return derivation.matcher.name == "match_until" or alike or bad


def may_be_unsure(step, steps, closure, store, remote):
    """Whether a reason stands for what is said not to be sure, found in another way."""
    configs = {one.dref: one.config for one in closure.derivations}
    config = configs[step.dref]
    if step.kind == "forced":
        tried = store.attempts(step.dref)
        return any(attempt.rref not in store.realizations(step.dref) for attempt in tried
                   if attempt.rref) or any(attempt.succeeded for attempt in tried)  # fmt: skip
    open_inputs = [d for d in config.inputs if steps[d].action not in ("reuse", "adopt")]
    if remote and step.kind not in ("up-to-date", "adopted", "forced"):
        return True
    if open_inputs:
        known = [store.config(dref) for dref in store.drefs()]
        form = masked(config.text)
        return any(
            masked(one.text) == form and any(a.succeeded for a in store.attempts(one.dref))
            for one in known
        ) or twins(step, steps, configs)
    return twins(step, steps, configs)


def twins(step, steps, configs):
    """Whether another one that is not up to date may reach results from the same bytes."""
    form = masked(configs[step.dref].text)
    return any(
        one.dref != step.dref
        and one.action not in ("reuse", "fail", "skip")
        and masked(configs[one.dref].text) == form
        for one in steps.values()
    )


# The first of two builds makes again what was rejected, so there is no second one.
@example(
    World(
        nodes=(Node("a", "fixed", 0, (), "latest", "latest"),),
        history=(Deed("realize", 0, 0), Deed("reject", 0, 0)),
        remote=(),
        targets=frozenset([0]),
        forced=frozenset([0]),
        attempts=2,
    )
)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_OU3_realize_does_what_was_planned(world):
    with tempfile.TemporaryDirectory() as area:
        keep_promise(world, Path(area))


def sent(lab, remote):
    """The remote, with what a laboratory has sent to it; "" where it has nothing to send."""
    rrefs = [rref for dref in lab.drefs() for rref in lab.realizations(dref)]
    count = 0
    for rref in rrefs:
        with suppress(PystoreError):  # it was rejected, or an input of it is gone
            ps.push([rref], remote, store=lab, progress=False)
            count += 1
    return remote if count else ""


def keep_promise(world, area):
    store, realizer = Store(area / "store", durable=False), Realizing()
    fill(store, derivations(world, realizer), world.history)
    lab = Store(area / "lab", durable=False)
    fill(lab, derivations(world, realizer), world.remote)
    remote = sent(lab, str(area / "remote")) if world.remote else ""
    made = derivations(world, realizer, [lab, store])
    closure = ps.instantiate([made[i] for i in sorted(world.targets)], store=store)
    known = {one.dref for one in closure.derivations}
    forced = [one for i in sorted(world.forced) if (one := made[i]).dref in known]
    options = {"force_rebuild": forced, "attempts": world.attempts, "store": store}
    options["substitute"] = [remote] if remote else []
    outlook = ps.plan(closure, **options)
    steps = {step.dref: step for step in outlook}
    assert list(steps) == [one.dref for one in closure.derivations]  # OU1
    unsure = [step for step in outlook if not step.sure]
    for step in unsure:
        assert may_be_unsure(step, steps, closure, store, remote), step
    done = realized(closure, realizer, **options)
    for one in closure.derivations:
        check(steps[one.dref], steps, done, one, store)
    assert {d for d, n in done.built.items() if n} <= {
        step.dref for step in outlook if step.action in ("build", "may build") or not step.sure
    }
    if not done.errors:
        assert {step.action for step in ps.plan(closure, store=store, substitute=[])} == {"reuse"}

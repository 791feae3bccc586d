"""What a stage reads of its inputs beyond their bytes, and that adoption goes by it.

Each way of reading is a stage; each edit leaves the bytes of the inputs as they were. What the
store says after the edit must be what a store says that has never seen anything else.
"""

import copy
import multiprocessing
import os
import pickle
import subprocess
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import pytest

import pystore as ps
from pystore import build_metric, build_note, events, output, stage
from pystore.declare.recorder import recording, store_was_read
from pystore.store.current import current_store


@stage(code=None)
def base(label: str = "a", text: str = "1", data=output("data.txt")):
    data.write_text(text)


@stage(code=None)
def source(build, k: int = 1, base=base(), file=output("file.txt")):
    build_metric(build, "k", k)
    file.write_text("same")


@stage(code=None)
def report(build, way: str, runs=[], page=output("page.txt")):  # noqa: B006 - never changed
    page.write_text(str({**SEEING, **BLIND}[way](build, runs)))


def k_of(view):
    return view.k


def text_of(path):
    return path.read_text()


def in_child(function, *args):
    """What a forked child says."""
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        os.write(writing, str(function(*args)).encode())
        os._exit(0)
    os.close(writing)
    said = os.read(reading, 4096).decode()
    os.close(reading)
    assert os.waitpid(pid, 0)[1] == 0
    return said


def in_thread(function, *args):
    said = []
    thread = threading.Thread(target=lambda: said.append(function(*args)))
    thread.start()
    thread.join()
    return said[0]


def in_pool(method, function, args):
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return list(pool.map(function, args))


def with_all_closed(view, out):
    """Writes a parameter where every descriptor has become a file of its own."""
    os.closerange(3, 64)
    for number in range(3, 64):
        os.dup2(os.open(out / f"{number}", os.O_WRONLY | os.O_CREAT), number)
    (out / "k").write_text(str(view.k))
    os._exit(0)


def link(build, runs):
    ps.build_link(build, "link", runs[0].path)


def file_named(build, runs):
    (build.outpath / runs[0].path.parent.name).write_text("x")


def note(build, runs):
    build_note(build, "from", str(runs[0].path))


def first(build):
    return build.config["runs"][0]


SEEING = {
    "parameter": lambda b, runs: runs[0].k,
    "parameter of the last": lambda b, runs: runs[-1].k,
    "parameter by its name": lambda b, runs: getattr(runs[0], "k"),  # noqa: B009
    "config": lambda b, runs: runs[0].config.k,
    "what is there": lambda b, runs: [n for n in dir(runs[0]) if n == "k"] and runs[0].k,
    "best": lambda b, runs: max(runs, key=lambda run: (run.file.read_text(), run.k)).k,
    "order by parameter": lambda b, runs: [r.base.data.read_text() for r in sorted(runs, key=k_of)],
    "inner parameter": lambda b, runs: runs[0].base.label,
    "inner bytes": lambda b, runs: runs[0].base.data.read_text(),
    "inner path": lambda b, runs: runs[0].base.path,
    "inner reference": lambda b, runs: runs[0].base.rref,
    "inner view": lambda b, runs: runs[0].config.base.label,
    "reference": lambda b, runs: runs[0].rref,
    "derivation": lambda b, runs: runs[0].dref,
    "attempts": lambda b, runs: [a.metrics for a in runs[0].attempts],
    "attempts by the store": lambda b, runs: [a.metrics for a in ps.attempts(runs[0])],
    "results": lambda b, runs: len(ps.results("source")),
    "best of the store": lambda b, runs: ps.view(ps.best("source", "k")).k,
    "repr": lambda b, runs: repr(runs[0]),
    "html": lambda b, runs: runs[0]._repr_html_(),
    "formatted": lambda b, runs: f"{runs}",
    "equal": lambda b, runs: runs[0] == runs[1],
    "among": lambda b, runs: runs[1] in runs[:1],
    "hash": lambda b, runs: hash(runs[0]) % 1000,
    "key": lambda b, runs: len({runs[0]: 1, runs[1]: 2}),
    "paths that are one": lambda b, runs: len({run.file for run in runs}),
    "inner paths that are one": lambda b, runs: len({run.base.data for run in runs}),
    "path as text": lambda b, runs: f"made from {runs[0].path}",
    "path beside": lambda b, runs: os.path.relpath(runs[0].file, b.outpath.parent),
    "path in UTF-32": lambda b, runs: (b.outpath / "paths").write_bytes(
        str(runs[0].path).encode("utf-32")
    ),
    "path by a program": lambda b, runs: subprocess.check_output(["echo", runs[0].path], text=True),
    "path in a note": note,
    "link": link,
    "file named by it": file_named,
    "forked child": lambda b, runs: in_child(k_of, runs[0]),
    "child of a child": lambda b, runs: in_child(in_child, k_of, runs[0]),
    "child that closes all": lambda b, runs: in_child(with_all_closed, runs[0], b.outpath),
    "thread": lambda b, runs: in_thread(k_of, runs[0]),
    "thread of a child": lambda b, runs: in_child(in_thread, k_of, runs[0]),
    "threads": lambda b, runs: [*ThreadPoolExecutor(2).map(k_of, runs)],
    "processes": lambda b, runs: in_pool("fork", k_of, runs),
    "sent and read": lambda b, runs: pickle.loads(pickle.dumps(runs[0])).k,
    "copied": lambda b, runs: copy.deepcopy(copy.copy(runs))[0].k,
    "build_deref": lambda b, runs: ps.build_deref(b, first(b)),
    "build_context": lambda b, runs: ps.build_context(b),
    "context": lambda b, runs: list(b.context.values()),
    "config_of": lambda b, runs: ps.config_of(first(b))["k"],
    "config_of in a thread": lambda b, runs: in_thread(
        partial(ps.config_of, store=current_store()), first(b)
    ),
    "config_of in a child": lambda b, runs: in_child(ps.config_of, first(b)),
    "config_of a view": lambda b, runs: ps.config_of(runs[0])["k"],
    "context_of": lambda b, runs: ps.context_of(runs[0].rref),
    "deps_of": lambda b, runs: ps.deps_of(first(b)),
    "folder of the derivation": lambda b, runs: ps.dref2path(first(b)).name,
    "view of a reference": lambda b, runs: ps.view(ps.build_deref(b, first(b))).k,
    "own reference": lambda b, runs: b.config.dref,
    "short reference": lambda b, runs: ps.find_ref(runs[0].rref),
    "the last of a name": lambda b, runs: ps.view(ps.find_ref("source@latest")).k,
}
OF_THE_STORE = {"attempts by the store", "results", "best of the store", "the last of a name"}
BLIND = {
    "bytes": lambda b, runs: [run.file.read_text() for run in runs],
    "bytes below the path": lambda b, runs: [(run.path / "file.txt").read_text() for run in runs],
    "names": lambda b, runs: [sorted(file.name for file in run.path.iterdir()) for run in runs],
    "count": lambda b, runs: len(runs),
    "build_path": lambda b, runs: ps.build_path(b, [first(b), "file.txt"]).read_text(),
    "build_paths": lambda b, runs: [p.is_dir() for p in ps.build_paths(b, [first(b)])],
    "derivations it was given": lambda b, runs: b.config.holds,
    "own parameters": lambda b, runs: ps.build_cattrs(b).way,
    "own name": lambda b, runs: ps.build_name(b),
    "bytes in a child": lambda b, runs: in_child(text_of, runs[0].file),
    "bytes in processes": lambda b, runs: in_pool("fork", text_of, [run.file for run in runs]),
    "bytes in a thread": lambda b, runs: in_thread(text_of, runs[0].file),
    "an empty list": lambda b, runs: [run for run in runs if not run.file.exists()],
}
TWICE = [source(1, base("a", "1")), source(1, base("a", "1"))]
BEFORE = [source(1, base("a", "1")), source(2, base("b", "1"))]
EDITS = {
    "the parameter of one": [source(7, base("a", "1")), source(2, base("b", "1"))],
    "the parameter of the other": [source(1, base("a", "1")), source(7, base("b", "1"))],
    "the parameter of an inner one": [source(1, base("z", "1")), source(2, base("z", "1"))],
    "the bytes of an inner one": [source(1, base("a", "5")), source(2, base("b", "6"))],
    "an inner one for both": [source(1, base("a", "1")), source(2, base("a", "1"))],
    "their order": [*reversed(BEFORE)],
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """For each edit, a store that sees nothing else; under None, one that sees them all."""
    names = [None, *EDITS, "one that is there twice"]
    made = {name: ps.Store(tmp_path_factory.mktemp("store"), durable=False) for name in names}
    yield made
    for store in made.values():
        store.destroy()


def said(rref, store):
    """All that a realization holds, but for where the store lies."""
    out = store.path(rref)
    texts = {}
    for path in sorted(out.iterdir()):
        texts[path.name] = str(path.readlink()) if path.is_symlink() else path.read_bytes()
    shown = str(texts | {"notes": ps.attempts(rref, store=store)[-1].notes.get("from")})
    return shown.replace(str(store.root).encode("utf-32").hex(), "").replace(str(store.root), "")


def realized(way, runs, store, **options):
    with store.use():
        return ps.realize(report(way=way, runs=runs), **options)


@pytest.mark.parametrize("way", SEEING)
def test_RD1_RC1_what_is_adopted_is_what_a_fresh_store_builds(way, stores):
    old = stores[None]
    realized(way, BEFORE, old)
    for edit, runs in [*EDITS.items(), ("one that is there twice", TWICE)]:
        got, truth = (realized(way, runs, store) for store in (old, stores[edit]))
        if way == "path in UTF-32":
            assert runs[0].dref.digest.encode("utf-32-le") in (old.path(got) / "paths").read_bytes()
        elif way in OF_THE_STORE:
            assert "adopted" not in ps.attempts(got, store=old)[-1].notes
        else:
            assert said(got, old) == said(truth, stores[edit]), edit


@pytest.mark.parametrize("way", BLIND)
def test_what_only_reads_bytes_is_adopted(way, stores):
    old = stores[None]
    realized(way, BEFORE, old)
    for edit, runs in EDITS.items():
        heard = []
        got = realized(way, runs, old, listener=heard.append)
        truth = realized(way, runs, stores[edit])
        assert said(got, old) == said(truth, stores[edit])
        assert not any(isinstance(e, events.Succeeded) and e.dref == got.dref for e in heard), edit


class Noting:
    """In the place of a Recorder: it notes that the store was read."""

    def __init__(self):
        self.noted = 0

    def of_store(self):
        self.noted += 1


def test_RC2_where_nobody_knows_who_reads_all_that_run_have_read_it():
    one, two, after = Noting(), Noting(), Noting()
    with recording(one), recording(two):  # type: ignore[arg-type]  # a stand-in
        store_was_read()  # the context tells who it was
        assert (one.noted, two.noted) == (0, 1)
        in_thread(store_was_read)  # no context is here
        assert (one.noted, two.noted) == (1, 2)
    with recording(after):  # type: ignore[arg-type]  # a stand-in
        in_thread(store_was_read)
    assert (one.noted, two.noted, after.noted) == (1, 2, 1)


def test_where_no_realizer_runs_nothing_is_noted():
    store_was_read()
    with recording(None):
        store_was_read()

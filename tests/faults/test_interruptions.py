"""Interruptions of a realizer: nothing is committed, the lock is free (S6)."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

import pystore as ps
from pystore import Derivation, match_latest

SCRIPT = """
    import os, signal, sys, ctypes
    import pystore as ps
    from pystore import Derivation, match_latest

    def interrupted(b):
        (b.outpath / "half.txt").write_text("x")
        print(b.outpath.parent, flush=True)
        {how}

    with ps.Store(sys.argv[1]).use():
        ps.realize(Derivation({{"name": "x"}}, match_latest(), interrupted))
"""

HOW = {
    "an exception": ("raise ValueError('no')", "failed", 1),
    "sys.exit(0)": ("sys.exit(0)", "failed", 1),
    "Ctrl-C": ("os.kill(os.getpid(), signal.SIGINT); signal.pause()", "stopped", -signal.SIGINT),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", "died", -signal.SIGTERM),
    "os._exit(0)": ("os._exit(0)", "died", 0),
    "a crash": ("ctypes.string_at(0)", "died", -signal.SIGSEGV),
    "kill -9": ("os.kill(os.getpid(), signal.SIGKILL)", "died", -signal.SIGKILL),
}


@pytest.mark.parametrize("name", HOW)
def test_S6_an_interrupted_realizer_commits_nothing(store, name):
    how, outcome, code = HOW[name]
    script = textwrap.dedent(SCRIPT).format(how=how)
    command = [sys.executable, "-c", script, str(store.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    derivation = Derivation({"name": "x"}, match_latest(), lambda b: None)
    assert ps.lsref(derivation.dref) == []
    assert [a.outcome for a in ps.attempts(derivation.dref)] == [outcome]
    staging = done.stdout.strip()
    assert os.listdir(f"{staging}/out") == ["half.txt"]
    if outcome in ("failed", "stopped"):
        assert staging in done.stderr
    rref = ps.realize(derivation, lock_timeout=0)
    ps.gc(keep=[rref], dry_run=False)
    assert not os.path.exists(staging)
    assert ps.verify().sound

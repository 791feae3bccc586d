"""The fork server: imports pystore and the packages once, then forks a process for each run.

Reads runs as lines of JSON, writes a line of JSON for each. A child loads the program as if it were
the first thing that a new process does.
"""

import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import select
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pystore
import pystore.run
from fuzzing import plants
from pystore.errors import PystoreWarning

HANG = 60  # [s] after which a child counts as hung


def main(packages: list[str]) -> None:
    """Serves until its input ends."""
    for package in packages:
        if importlib.util.find_spec(package):
            importlib.import_module(package)
    for module in pkgutil.walk_packages(pystore.run.__path__, "pystore.run."):
        importlib.import_module(module.name)  # once, not in each child
    sys.dont_write_bytecode = True
    memory = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    store = pystore.Store(root / "store", durable=False)
    gc.freeze()  # a child that collects would copy all pages
    try:
        with store.use():
            for line in sys.stdin:
                told = _in_child(root, json.loads(line))
                print(json.dumps(told), flush=True)
    finally:
        store.destroy()
        shutil.rmtree(root)


def _in_child(root: Path, run: dict[str, Any]) -> dict[str, Any]:
    """What a forked process tells of one run."""
    folder = root / run["folder"]
    for name, text in run["files"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _tell(folder, run, writing)
    os.close(writing)
    told = b""
    with os.fdopen(reading, "rb") as pipe:
        while select.select([pipe], [], [], HANG)[0]:
            part = os.read(pipe.fileno(), 1 << 16)
            if not part:
                break
            told += part
        else:
            os.kill(pid, signal.SIGKILL)
            told = json.dumps({"error": f"still runs after {HANG} s"}).encode()
    _, status = os.waitpid(pid, 0)
    shutil.rmtree(folder)
    return json.loads(told) if told else {"error": f"ended with {status}"}


def _tell(folder: Path, run: dict[str, Any], writing: int) -> None:
    """Ends this process after it has told what the program says."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        told = _run(folder, run)
    except BaseException as error:
        told = {
            "error": f"{type(error).__name__}: {error}",
            "traceback": traceback.format_exc(limit=-8),
            "missing": isinstance(error, ModuleNotFoundError),
        }
    os.write(writing, json.dumps(told).encode())
    os._exit(0)


def _run(folder: Path, run: dict[str, Any]) -> dict[str, Any]:
    os.chdir(folder)
    os.environ.update(run["environ"])
    sys.path.insert(0, str(folder))
    if run.get("plant"):
        plants.plant(run["plant"])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", PystoreWarning)
        program = _load(folder, run["as"])
        if run.get("used"):
            program.told()
        dref = str(program.s().dref)
        warned = [str(one.message) for one in seen]
        store = program.s().run().o.read_text() if run.get("realize") else None
        output = None if run.get("realize") else program.told()
    return {"dref": dref, "output": output, "stored": store, "warned": warned}


def _load(folder: Path, name: str) -> ModuleType:
    """The program, imported under a name, or run as a script if the name is `__main__`."""
    file = folder / "main.py"
    if name == "__main__":
        program = ModuleType("__main__")
        program.__file__ = str(file)
        sys.modules["__main__"] = program
        exec(compile(file.read_bytes(), str(file), "exec"), vars(program))
        return program
    os.rename(file, folder / f"{name}.py")
    return importlib.import_module(name)


if __name__ == "__main__":
    main(sys.argv[1:])

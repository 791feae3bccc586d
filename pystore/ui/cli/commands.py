"""Commands: the names of all commands by family, the modules that have them, and their help.

The help stands here too, so that a list of all commands imports none of them.
"""

from typing import NamedTuple


class Listed(NamedTuple):
    """A command in the list of all commands."""

    module: str  # of this package, imported when the command is called
    help: str  # the first line of its docstring


COMMANDS: dict[str, dict[str, Listed]] = {
    "Look": {
        "ls": Listed("ls", "List derivations, realizations of one, artifacts of one."),
        "show": Listed("show", "Show everything about a derivation or a realization."),
        "tree": Listed("contents", "Show the artifacts of a realization as a tree, with sizes."),
        "cat": Listed("contents", "Print an artifact, byte for byte."),
        "path": Listed("contents", "Print where the artifacts are: `cd $(pystore path mnist)`."),
        "get": Listed("getting", "Copy an artifact, or a folder of artifacts, to TO."),
        "find": Listed("find", "Find artifacts of all realizations, or of a name or REF."),
        "log": Listed("log", "Show attempts, the newest first, of everything or of REF."),
        "logs": Listed("log", "Print what an attempt printed, as it was."),
        "metrics": Listed("metrics", "Show the metrics of all attempts, with mean, std and best."),
        "compare": Listed("comparing", "Test whether A is better than B by METRIC."),
        "diff": Listed("diff", "Show in what B differs from A, from config to metrics."),
        "explain": Listed("explain", "Say why something is new, or would be built."),
        "replay": Listed("again", "Run the attempt that made REF again, and compare the bytes."),
        "graph": Listed("graph", "Show what REF needs, or was built from, as a tree."),
        "du": Listed("du", "Show how much room artifacts take, the largest last."),
        "errors": Listed(
            "wrong_rows", "Show the test rows that a model predicted wrong, worst first."
        ),
        "ps": Listed("ps", "Show what runs, on all hosts of the store, and what has died."),
        "watch": Listed(
            "watch_attempt", "Show the numbers of an attempt while it runs, on any host."
        ),
        "ui": Listed("ui", "Show stores in a browser, to be read."),
    },
    "Do": {
        "run": Listed("run", "Build a stage of a Python file, and all that it needs."),
        "stop": Listed("ps", "Stop the attempts of REF that run, on any host of the store."),
        "serve": Listed("serve", "Serve a model of a Python file, and follow what is trained."),
        "predict": Listed("predict", "Predict all rows of a .csv or .parquet file with a model."),
        "listen": Listed("listen", "Keep predictions beside the rows of a table."),
        "listeners": Listed("listen", "List the listeners of a database, and what is left to do."),
        "db": Listed("listen", "Print, make or upgrade what listeners need in a database."),
        "forget": Listed("forget", "List what was made of the content of a row."),
        "commit": Listed("commit", "Make a result of what a failed attempt has left."),
        "accept": Listed("again", "Let an earlier result count for a stage as it is now."),
        "reject": Listed(
            "rejecting", "Take a realization out of matching and statistics, for REASON."
        ),
        "gc": Listed("gc", "Show what nothing keeps, and with --delete remove it."),
        "compact": Listed(
            "compact", "Join the records of attempts that ended more than a day ago."
        ),
        "note": Listed("tagging", "Put a note on REF, or list its notes."),
        "tag": Listed("tagging", "Put tags on REF, by which it is found."),
        "untag": Listed("tagging", "Take tags away from REF."),
        "pin": Listed("pins", "Keep REF, and all that it was built from, under NAME."),
        "unpin": Listed("pins", "Let NAME keep nothing any more."),
        "pins": Listed("pins", "List the pins, or those of these names."),
        "rm": Listed("rm", "Remove a realization's bytes, or a derivation with everything."),
        "verify": Listed("verify", "Rehash everything, or what REF names, and tell each damage."),
        "init": Listed("init", "Make an empty store, in ./.pystore unless you name a PATH."),
        "doctor": Listed("doctor", "Try whether the store can rely on its file system."),
        "completion": Listed(
            "completion", "Print what makes a shell complete commands and references."
        ),
    },
    "Share": {
        "push": Listed("exchange", "Send REF to the remote at URL, with all it was built from."),
        "pull": Listed("exchange", "Fetch REF from the remote at URL, with all it was built from."),
        "copy": Listed("exchange", "Copy REF, with all it was built from, into another store."),
        "export": Listed("export", "Write results into a file, or into MLflow or TensorBoard."),
        "import": Listed("exchange", "Take results in from a file."),
        "key": Listed("exchange", "Make a private key in FILE, and print the public one."),
    },
}

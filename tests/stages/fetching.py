"""Fetching with little patience or much, and what must be true of it afterwards."""

import time
from functools import partial
from hashlib import sha256

import pytest
from misbehaving import FILE

from pystore import Derivation, PystoreError, Realizer, lsref, match_latest, realize, rref2path
from pystore.stages.fetch import download_file, fetch_file
from pystore.stages.patience import Patience

WRONG = FILE[::-1]
SLACK = 60.0  # of a busy machine [s]; a server that misbehaves would hold a fetch for ever
CALM = Patience(deadline=300, tries=3, backoff=0.01)  # a busy machine changes no answer
HASTY = Patience(
    deadline=1.0, connect=0.5, silence=0.4, rate=1000, window=0.3, tries=3, backoff=0.01
)  # for servers that only this ends


def fetching(*urls: str, max_bytes: int = 10**7, patience: Patience = CALM) -> Derivation:
    """fetchurl, with a few tries that follow each other at once."""
    digits = sha256(FILE).hexdigest()
    config = {"sha256": digits, "mode": "as-is", "filename": "data.bin", "name": "data"}
    bring = partial(download_file, sources=urls, patience=patience, max_bytes=max_bytes)
    return Derivation(config, match_latest(), Realizer(partial(fetch_file, bring=bring)))


def fails(derivation: Derivation, store, deadline: float = 1.0) -> PystoreError:
    """The error of a fetch; nothing is committed, nothing is left, the deadline is kept."""
    start = time.monotonic()
    with pytest.raises(PystoreError) as caught:
        realize(derivation)
    assert time.monotonic() - start < deadline + SLACK
    assert lsref(derivation.dref) == []
    assert [p for p in (store.root / "tmp").iterdir() if p.is_dir()] == []
    return caught.value


def succeeds(derivation: Derivation) -> None:
    """Makes sure that a fetch brings the file, whole."""
    path = rref2path(realize(derivation)) / "data.bin"
    assert path.read_bytes() == FILE

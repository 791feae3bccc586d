"""Kept code: what is about to run is kept in the store as text, so that it can be shown later."""

from ..core.derivation import Derivation
from ..core.kept_code import CodeText, by_hand_digest
from ..declare.identity.by_hand import source_digest, source_text
from ..declare.stage import Staged
from ..store.defaults import defaults
from ..store.staging import Builder

_MOST = 1000  # codes that this process is known to have kept

_kept: dict[tuple[str, str], None] = {}  # ids of stores, and digests


def keep_code(derivation: Derivation, store: Builder) -> None:
    """Keeps the code of a derivation, unless the settings say otherwise. Reads each code once."""
    digest = str(derivation.config.value.get("code", "")) or source_digest(derivation.realizer)
    if (store.id, digest) in _kept or not defaults().keeps_code():
        return
    store.keep_code(texts_of(derivation))
    _kept[store.id, digest] = None
    if len(_kept) > _MOST:
        _kept.pop(next(iter(_kept)), None)


def texts_of(derivation: Derivation) -> dict[str, CodeText]:
    """The texts of the code of a derivation, by their digests."""
    if isinstance(derivation, Staged):
        return derivation.stage.code_texts()
    digest, text = source_digest(derivation.realizer), source_text(derivation.realizer)
    if text is None or by_hand_digest(text.text) != digest:
        return {}  # its file was edited since it was loaded
    return {digest: text}

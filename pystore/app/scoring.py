"""Scoring: the predictions of one realization for all rows of a table file.

BP1  All rows of a file are predicted by one realization, and each row names it.
BP2  A row that cannot be predicted is named by its number; the others get the predictions that
    they would have without it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..core.dataclasses import dataclass
from ..core.errors import PystoreError, in_one_line
from ..core.printable import listed
from ..core.refs import RRef
from .csv_cells import as_trained
from .errors import BadFeatures, PredictorFailed
from .loaded import Loaded
from .rows import taken
from .table_files import Chunk, TableFile, read_table, write_table

ADDED = ("prediction", "rref")


@dataclass(frozen=True)
class Scored:
    """A file that was predicted."""

    rref: RRef
    rows: int
    bad: tuple[int, ...]  # the numbers of the rows that have no prediction
    word: str  # for such a number: "line" of a CSV file, "row" of a Parquet file


class _Bad(NamedTuple):
    why: str
    error: type[PystoreError]


def score(
    loaded: Loaded, source: Path | BinaryIO, target: Path | BinaryIO, *, skip_bad: bool = False
) -> Scored:
    """Writes the rows of a table, each with its prediction and the rref of the model.

    A stream has CSV. The file appears when it is whole. With `skip_bad`, a row that cannot be
    predicted has no prediction. Raises BadFeatures or PredictorFailed for such a row, BadPlace.
    """
    rows, bad, kind = 0, list[int](), None
    with read_table(source) as table, write_table(target) as out:
        asking = _Asking(loaded, table, skip_bad)
        for chunk in table.chunks:
            found = asking.predictions(chunk)
            kind = kind or _kind(loaded, found)
            bad += [chunk.numbers[at] for at, one in enumerate(found) if isinstance(one, _Bad)]
            out.write(_with(chunk.table, _column(found, kind), loaded.rref))
            rows += len(found)
        if not rows:
            out.write(_with(table.empty, _column([], _kind(loaded, [])), loaded.rref))
    return Scored(loaded.rref, rows, tuple(bad), table.word)


class _Asking:
    """Asks a realization about the rows of a table."""

    def __init__(self, loaded: Loaded, table: TableFile, skip_bad: bool) -> None:
        self._loaded, self._table, self._skip_bad = loaded, table, skip_bad
        self._columns = _columns_of(loaded, table.names)

    def predictions(self, chunk: Chunk) -> list[Any]:
        """A prediction for each row, or why there is none. Raises at the first, unless skipped."""
        data, why = self._data(chunk)
        found: dict[int, Any] = {at: _Bad(told, BadFeatures) for at, told in why.items()}
        places = [at for at in range(len(chunk.numbers)) if at not in found]
        if found and not self._skip_bad:
            places = [at for at in places if at < min(found)]
        for at, one in self._ask(data, places):
            found[at] = one
            if isinstance(one, _Bad) and not self._skip_bad:
                break
        if not self._skip_bad:
            self._check(chunk, found)
        return [found[at] for at in range(len(chunk.numbers))]

    def _check(self, chunk: Chunk, found: dict[int, Any]) -> None:
        for at in sorted(found):
            if isinstance(bad := found[at], _Bad):
                raise bad.error(
                    f"{self._table.word} {chunk.numbers[at]:,} cannot be predicted",
                    because=bad.why,
                    remedy="correct the row; with --skip-bad it has no prediction",
                )

    def _ask(self, data: Any, places: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """The predictions of these rows; where several cannot be asked at once, of each half."""
        if not places:
            return
        try:
            known = self._loaded.features(taken(data, list(places)))
            [told] = self._loaded.predict([known])
        except Exception as error:  # whatever the predictor raises
            if len(places) == 1:
                yield places[0], _bad(error)
            else:
                half = len(places) // 2
                yield from self._ask(data, places[:half])
                yield from self._ask(data, places[half:])
        else:
            yield from zip(places, told, strict=True)

    def _data(self, chunk: Chunk) -> tuple[Any, dict[int, str]]:
        """The features in a chunk, as the training had them; the rows that have none, and why."""
        # Whole numbers stay whole where others of their column are missing.
        frame = chunk.table.select(self._columns).to_pandas(integer_object_nulls=True)
        why = dict(chunk.torn)
        if self._table.is_text and not self._loaded.signature.has_items:
            frame = self._values(frame, why)
        if self._loaded.signature.columns is not None:
            return frame, why
        if self._loaded.signature.has_items:
            return frame.iloc[:, 0].tolist(), why
        return frame.to_numpy(None if frame.dtypes.nunique() == 1 else object), why

    def _values(self, texts: Any, why: dict[int, str]) -> Any:
        """Texts as values of the trained types; `why` gets the rows with a text that is none."""
        import pandas

        trained, values = self._loaded.examples, {}
        of = {str(name): trained[name] for name in getattr(trained, "columns", ())}
        for name in texts.columns:
            values[name], lost = as_trained(texts[name], of.get(name, trained))
            for at in lost.to_numpy().nonzero()[0]:
                kind = of.get(name, trained).dtype
                text = f"{name} is {texts[name].iloc[at][:50]!r}, and was {kind} at the training"
                why.setdefault(int(at), text)
        return pandas.DataFrame(values)


def _columns_of(loaded: Loaded, names: tuple[str, ...]) -> list[str]:
    """The columns that are features. Raises BadFeatures when the table has others."""
    signature = loaded.signature
    taken_already = [name for name in ADDED if name in names]
    if taken_already:
        raise BadFeatures(
            f"the table has a column {listed(taken_already)} already",
            remedy="rename it, or leave it out",
        )
    if signature.columns is not None:
        missing = [name for name in signature.columns if name not in names]
        if missing:
            raise BadFeatures(
                "columns are missing",
                missing=listed(missing, most=3),
                expected=signature.expected(),
                remedy="name the columns as the training had them",
            )
        return list(signature.columns)
    wanted = (
        1
        if loaded.signature.has_items
        else signature.shape[0]
        if len(signature.shape) == 1
        else None
    )
    if wanted != len(names):
        raise BadFeatures(
            "the columns of the table are no features",
            columns=len(names),
            expected=wanted or signature.expected(),
            remedy="give a table with the features alone; or train on a frame, whose columns have "
            "names",
        )
    return list(names)


def _bad(error: Exception) -> _Bad:
    if not isinstance(error, PystoreError):
        return _Bad(in_one_line(f"{type(error).__name__}: {error}")[:300], PredictorFailed)
    because = error.facts.get("because")
    why = in_one_line(f"{error.what}: {because}" if because else error.what)
    return _Bad(why, BadFeatures if isinstance(error, BadFeatures) else PredictorFailed)


# --- the table with predictions --------------------------------------------------------


def _plain(one: Any) -> Any:
    """A prediction as a cell: lists and dicts are JSON, and a bad row has none."""
    if isinstance(one, _Bad):
        return None
    if isinstance(one, list | dict):
        from json import dumps

        return dumps(one, ensure_ascii=False)
    return one


def _kind(loaded: Loaded, found: Sequence[Any]) -> Any:
    """The Arrow type of predictions, as these and those of the training have it."""
    then = [] if loaded.predictor_differs else loaded.signature.predictions or []
    return _column([*then, *found], None).type


def _column(found: Sequence[Any], kind: Any) -> Any:
    """Predictions as a column of this type, or of their own; no value becomes another one."""
    import pyarrow

    try:
        own = pyarrow.array(list(map(_plain, found)))  # given a type, it would cut 1.5 to 1
        numbers = own.type in (pyarrow.int64(), pyarrow.float64())
        same_kind = pyarrow.types.is_null(own.type) or (
            numbers and kind in (pyarrow.int64(), pyarrow.float64())
        )
        if kind is None or own.type == kind:
            return own
        if not same_kind:
            raise pyarrow.ArrowInvalid(f"{own.type} among {kind}")
        return own.cast(kind)
    except (pyarrow.ArrowException, OverflowError, TypeError) as error:
        raise PredictorFailed(
            "the predictions are of several kinds",
            because=in_one_line(str(error))[:200],
            remedy="return values of one type from the predictor, such as float(x)",
        ) from None


def _with(table: Any, predictions: Any, rref: RRef) -> Any:
    import pyarrow

    rrefs = pyarrow.array([str(rref)] * len(predictions), pyarrow.string())
    return table.append_column(ADDED[0], predictions).append_column(ADDED[1], rrefs)

"""Columns of a table before they are a Polars frame or a file: numbers, flags, and words by their place in a list.

Owns what a null is: a place that is none of the list's, or one where it holds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

TIME: Final = pl.Datetime("ms", "UTC")
_TYPES: Final = {"whole": pl.Int64(), "time": TIME, "real": pl.Float64(), "text": pl.String()}


@dataclass(frozen=True, eq=False)
class Numbers:
    """Whole numbers, or times [ms UTC].

    Attributes
    ----------
    values : (n,) integers
    kind : str
        "whole" or "time".
    valid : (n,) bool or None
        Which are there; None if all are.
    """

    values: NDArray[Any]
    kind: str = "whole"
    valid: NDArray[np.bool_] | None = None

    def series(self) -> pl.Series:
        """Give them to Polars."""
        whole = pl.Series(values=self.values.astype(np.int64, copy=False), dtype=pl.Int64)
        if self.valid is not None:
            whole = pl.select(pl.when(pl.Series(values=self.valid)).then(whole)).to_series()
        return whole.cast(_TYPES[self.kind])


@dataclass(frozen=True, eq=False)
class Flags:
    """Booleans (n,), all there."""

    values: NDArray[np.bool_]
    kind: ClassVar[str] = "flag"
    valid: ClassVar[None] = None

    def series(self) -> pl.Series:
        """Give them to Polars."""
        return pl.Series(values=self.values, dtype=pl.Boolean)


class Words:
    """What a column may hold: a list for whole numbers from `least` on.

    Parameters
    ----------
    kind : str
        "text", "time" [ms UTC] or "real".
    entries : sequence
        Of texts, whole numbers or floats; None where a number stands for nothing.
    """

    def __init__(self, kind: str, entries: Sequence[Any], least: int = 0) -> None:
        self.kind = kind
        places: dict[Any, int] = dict.fromkeys(entries, 0)
        holes = places.pop(None, None) is not None
        self.entries = list(places)
        self._least = least
        self._length = len(entries)
        # Where no number lacks a word and no two have the same one, numbers less `least` are the places.
        self._place, self._held = None, None
        if len(places) < self._length:
            places = dict(zip(places, range(len(places)), strict=True)) | {None: 0}
            self._place = np.array(list(map(places.__getitem__, entries)), _narrowest(len(self.entries)))
        if holes:
            self._held = np.array([entry is not None for entry in entries], np.bool_)

    @cached_property
    def series(self) -> pl.Series:
        """The words, and null."""
        if self.kind == "time":
            return pl.Series([*self.entries, None], dtype=pl.Int64).cast(TIME)
        return pl.Series([*self.entries, None], dtype=_TYPES[self.kind])

    def of(self, numbers: NDArray[Any]) -> Picks:
        """Word for each of `numbers` (n,), which may be any; null where there is none."""
        if self._least:
            numbers = numbers.astype(np.int64) - self._least
        # Without its sign a negative number is greater than all, so one comparison finds both ends.
        unsigned = numbers.view(f"u{numbers.itemsize}")
        valid = None
        if len(unsigned) and int(unsigned.max()) >= self._length:
            valid = unsigned < self._length
            unsigned = np.where(valid, unsigned, 0)
        if not self._length:
            return Picks(np.zeros(len(unsigned), np.uint8), self, valid)
        if self._held is not None:
            held = self._held[unsigned]
            if not held.all():
                valid = held if valid is None else valid & held
        places = unsigned.astype(_narrowest(self._length)) if self._place is None else self._place[unsigned]
        return Picks(places, self, valid)


def _narrowest(length: int) -> np.dtype[Any]:
    """Type of a place in a list of `length`."""
    return np.min_scalar_type(max(length - 1, 0))


@dataclass(frozen=True, eq=False)
class Picks:
    """Words of a list.

    Attributes
    ----------
    values : (n,) unsigned integers
        Places in the list's entries; anything where it is not valid.
    words : Words
    valid : (n,) bool or None
        Which are there; None if all are.
    """

    values: NDArray[Any]
    words: Words
    valid: NDArray[np.bool_] | None = None

    def series(self) -> pl.Series:
        """Give them to Polars."""
        rows = self.values.astype(np.uint32, copy=False)
        if self.valid is not None:
            rows = np.where(self.valid, rows, np.uint32(len(self.words.entries)))
        return self.words.series.gather(pl.Series(values=rows, dtype=pl.UInt32))

    def fewer(self) -> Picks:
        """Give the same words, out of a list of those that occur."""
        held = self.values if self.valid is None else self.values[self.valid]
        occurs = np.bincount(held, minlength=max(1, len(self.words.entries))) > 0
        if occurs.all():
            return self
        words = Words(self.words.kind, [self.words.entries[place] for place in np.flatnonzero(occurs)])
        places = np.maximum(np.cumsum(occurs) - 1, 0).astype(_narrowest(len(words.entries)))
        return Picks(places[self.values], words, self.valid)


Column = Numbers | Flags | Picks


def frame_of(columns: Mapping[str, Column]) -> pl.DataFrame:
    """Make a Polars frame of columns by name."""
    return pl.DataFrame({name: column.series() for name, column in columns.items()})


def columns_of(frame: pl.DataFrame) -> dict[str, Column]:
    """Take a frame of such columns apart again."""
    return {name: _column_of(frame[name]) for name in frame.columns}


def _column_of(series: pl.Series) -> Column:
    valid = series.is_not_null().to_numpy() if series.has_nulls() else None
    if series.dtype == pl.Boolean and valid is None:
        return Flags(series.to_numpy())
    if series.dtype in {pl.Int64, TIME}:
        kind = "whole" if series.dtype == pl.Int64 else "time"
        return Numbers(series.to_physical().fill_null(0).to_numpy(), kind, valid)
    kind = {pl.String: "text", pl.Float64: "real"}[type(series.dtype)]
    words = Words(kind, series.drop_nulls().unique().sort().to_list())
    places = (series.rank("dense").fill_null(1) - 1).to_numpy()
    return Picks(places.astype(np.uint32), words, valid)

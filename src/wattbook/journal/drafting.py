"""Rows that wait for their place in a journal: what happens at several places at once is written down one by one later.

Owns room that grows while rows stay in it. A row's seq is its number within the draft until it is copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.journal.columns import CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.messages import Stream

FIRST_ROWS: Final = 1 << 9


class Sheet:
    """Room for rows of one stream, filled as a journal's `Chunk` is.

    Attributes
    ----------
    columns : tuple of ndarray, each (capacity,)
        In the schema's order, contiguous; replaced when the sheet gets longer.
    fill : ndarray of int64, (2,)
        Rows used, next seq within the draft: always the same number.
    """

    __slots__ = ("columns", "fill")

    def __init__(self, stream: Stream, capacity: int = FIRST_ROWS) -> None:
        self.fill = np.zeros(2, np.int64)
        self.columns: tuple[NDArray[Any], ...] = tuple(np.zeros(capacity, CODES[code]) for _, code in stream.columns)

    @property
    def capacity(self) -> int:
        """Rows that fit."""
        return len(self.columns[0])

    def lengthen(self, rows: int) -> None:
        """Make room for at least `rows` rows in all; those there stay."""
        capacity, used = max(2 * self.capacity, rows), int(self.fill[0])
        longer = tuple(np.zeros(capacity, column.dtype) for column in self.columns)
        for old, new in zip(self.columns, longer, strict=True):
            new[:used] = old[:used]
        self.columns = longer


class Draft:
    """Some streams' rows on their way into a journal.

    Parameters
    ----------
    streams : sequence of Stream
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._sheets = {stream.name: Sheet(stream) for stream in streams}
        self.replaced = 0
        """How often columns of a sheet were replaced by longer ones."""

    def chunk(self, stream: str, rows: int) -> Sheet:
        """Give the sheet of `stream`, with room for at least `rows` more rows."""
        sheet = self._sheets[stream]
        need = int(sheet.fill[0]) + rows
        if need > sheet.capacity:
            sheet.lengthen(need)
            self.replaced += 1
        return sheet

    def empty(self) -> None:
        """Forget all rows: they are where they belong."""
        for sheet in self._sheets.values():
            sheet.fill[:] = 0

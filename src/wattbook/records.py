"""Columns that lie together, so that what is used at once is fetched at once.

Records hold one number of each column, in whole cache lines; shelves hold a row of each, in few pages of memory.

Owns where numbers lie, never what they mean. A column is a view of its record's place: reading and writing it is
reading and writing the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LINE: Final = 8
"""Int64 numbers in a cache line."""


def records(rows: int, width: int) -> NDArray[np.int64]:
    """Lay out zeros (rows, width), int64, such that no record of 4 or 8 numbers lies across two cache lines."""
    assert width in (4, 8, 16), f"a record of {width} numbers would lie across lines"
    flat = np.zeros(rows * width + LINE, np.int64)
    start = -(flat.ctypes.data // flat.itemsize) % LINE
    return flat[start : start + rows * width].reshape(rows, width)


def columns_of(block: NDArray[np.int64], *values: NDArray[np.int64] | int) -> list[NDArray[np.int64]]:
    """Give the first columns of records (rows, width) as views (rows,), filled with `values` (rows,)."""
    columns = [block[:, place] for place in range(len(values))]
    for column, value in zip(columns, values, strict=True):
        column[:] = value
    return columns


def shelves(count: int, kinds: int, periods: int) -> NDArray[np.int64]:
    """Lay out zeros (count, kinds, periods), int64: all that one index has by period follows each other.

    An agent's rows then lie in a few pages of memory, however many kinds there are. A wake among a hundred thousand
    others would otherwise look for the place of a page as often as for a number.
    """
    size = count * kinds * periods
    flat = np.zeros(size + LINE, np.int64)
    start = -(flat.ctypes.data // flat.itemsize) % LINE
    return flat[start : start + size].reshape(count, kinds, periods)

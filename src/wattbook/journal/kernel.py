"""Packing a chunk's columns, compiled: what a frame takes of a run's time.

Owns the packing of columns as they are written, value by value; `wattbook.journal.columns.encode` says what is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

COMPILES: Final = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # it is made when numba is imported
"""Value by value, Python itself would take seconds for a chunk."""


@njit(cache=True, nogil=True)
def narrow(values: NDArray[Any], buffer: NDArray[np.uint8], at: int, span: Ints) -> int:
    """Write a column narrow into `buffer` from `at` on, and give the number of bytes.

    Parameters
    ----------
    values : (n,), n > 0
        Signed whole numbers.
    span : (2,) int64
        Gets the bytes a value as written, 1, 2, 4 or 8, and the least value.
    """
    rows = len(values)
    least = np.int64(values[0])
    most = least
    for row in range(rows):
        least = min(least, np.int64(values[row]))
        most = max(most, np.int64(values[row]))
    # Unsigned differences wrap around as they should, even where the signed type could not hold them.
    spread = np.uint64(most) - np.uint64(least)
    width = 8
    if spread < np.uint64(1 << 8):
        width = 1
        for row in range(rows):
            buffer[at + row] = np.uint8(np.uint64(values[row]) - np.uint64(least))
    elif spread < np.uint64(1 << 16):
        width = 2
        halves = buffer[at : at + 2 * rows].view(np.uint16)
        for row in range(rows):
            halves[row] = np.uint16(np.uint64(values[row]) - np.uint64(least))
    elif spread < np.uint64(1 << 32):
        width = 4
        words = buffer[at : at + 4 * rows].view(np.uint32)
        for row in range(rows):
            words[row] = np.uint32(np.uint64(values[row]) - np.uint64(least))
    else:
        longs = buffer[at : at + 8 * rows].view(np.uint64)
        for row in range(rows):
            longs[row] = np.uint64(values[row]) - np.uint64(least)
    span[0], span[1] = width, least
    return width * rows


@njit(cache=True, nogil=True)
def counts_on(column: Ints, first: int) -> bool:
    """Tell whether `column` (n,) counts first, first + 1, first + 2 ..."""
    wrong = 0
    for row in range(len(column)):
        wrong |= column[row] ^ (first + row)
    return wrong == 0

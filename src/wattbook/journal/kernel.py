"""Packing a chunk's columns, compiled: what a frame takes of a run's time.

Owns the packing of columns as they are written, value by value; `wattbook.journal.encoding` says what is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np
from numba import njit

from wattbook.journal.encoding import BLOCK_ROWS, STEPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

COMPILES: Final = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # it is made when numba is imported
"""Value by value, Python itself would take seconds for a chunk."""


_MOST: Final = (1 << 63) - 1


@njit(cache=True, nogil=True)
def _width(least: int, most: int) -> int:
    """Bytes for what lies between two values."""
    # Unsigned differences wrap around as they should, even where the signed type could not hold them.
    spread = np.uint64(most) - np.uint64(least)
    if spread == np.uint64(0):
        return 0
    if spread < np.uint64(1 << 8):
        return 1
    if spread < np.uint64(1 << 16):
        return 2
    return 4 if spread < np.uint64(1 << 32) else 8


@njit(cache=True, nogil=True)
def _write(values: NDArray[Any], least: int, width: int, buffer: NDArray[np.uint8], at: int) -> None:
    """Write what `values` (n,) are above `least`."""
    rows, low = len(values), np.uint64(least)
    if width == 1:
        for row in range(rows):
            buffer[at + row] = np.uint8(np.uint64(values[row]) - low)
    elif width == 2:
        halves = buffer[at : at + 2 * rows].view(np.uint16)
        for row in range(rows):
            halves[row] = np.uint16(np.uint64(values[row]) - low)
    elif width == 4:
        words = buffer[at : at + 4 * rows].view(np.uint32)
        for row in range(rows):
            words[row] = np.uint32(np.uint64(values[row]) - low)
    elif width == 8:
        longs = buffer[at : at + 8 * rows].view(np.uint64)
        for row in range(rows):
            longs[row] = np.uint64(values[row]) - low


@njit(cache=True, nogil=True)
def _write_steps(values: NDArray[Any], least: int, width: int, buffer: NDArray[np.uint8], at: int) -> None:
    """Write what the steps of `values` (n,) are above `least`; where the first would come from is nobody's matter."""
    rows, low = len(values), np.uint64(least)
    if width == 1:
        buffer[at] = 0
        for row in range(1, rows):
            buffer[at + row] = np.uint8(np.uint64(values[row]) - np.uint64(values[row - 1]) - low)
    elif width == 2:
        halves = buffer[at : at + 2 * rows].view(np.uint16)
        halves[0] = 0
        for row in range(1, rows):
            halves[row] = np.uint16(np.uint64(values[row]) - np.uint64(values[row - 1]) - low)
    elif width == 4:
        words = buffer[at : at + 4 * rows].view(np.uint32)
        words[0] = 0
        for row in range(1, rows):
            words[row] = np.uint32(np.uint64(values[row]) - np.uint64(values[row - 1]) - low)


@njit(cache=True, nogil=True)
def narrow(column: NDArray[Any], buffer: NDArray[np.uint8], at: int, entries: Ints) -> int:
    """Write a column narrow into `buffer` from `at` on, and give where it ends.

    Parameters
    ----------
    column : (n,), n > 0
        Signed whole numbers.
    entries : (blocks, 3) int64
        Gets the form, the least and the first value of each block.
    """
    for block in range(len(entries)):
        values = column[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS]
        least: Any = np.int64(values[0])
        most, least_step, most_step = least, _MOST, -_MOST - 1
        for row in range(1, len(values)):
            value: Any = np.int64(values[row])
            step = value - np.int64(values[row - 1])
            least, most = min(least, value), max(most, value)
            least_step, most_step = min(least_step, step), max(most_step, step)
        width = _width(least, most)
        width_of_steps = _width(least_step, most_step) if len(values) > 1 else width
        if width_of_steps < width:
            _write_steps(values, least_step, width_of_steps, buffer, at)
            entries[block, 0], entries[block, 1], entries[block, 2] = width_of_steps | STEPS, least_step, values[0]
            at += width_of_steps * len(values)
        else:
            _write(values, least, width, buffer, at)
            entries[block, 0], entries[block, 1], entries[block, 2] = width, least, 0
            at += width * len(values)
    return at


@njit(cache=True, nogil=True)
def counts_on(column: Ints, first: int) -> bool:
    """Tell whether `column` (n,) counts first, first + 1, first + 2 ..."""
    wrong = 0
    for row in range(len(column)):
        wrong |= column[row] ^ (first + row)
    return wrong == 0

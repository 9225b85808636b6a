"""How rows become the bytes of a frame, and back.

A frame holds each column in blocks of `BLOCK_ROWS` rows. A block is written as its least value and what each value is
above it; or, where that is narrower, as its first value, the least step from a value to the next, and what each step
is above that. Either goes into the narrowest of 0, 1, 2, 4 or 8 bytes that hold them all: what counts on, or stays the
same, takes no room. That is cheap enough to be done while a run goes on. As a payload has at least a byte for every
row, and a stream at most 64 columns, a file cannot unfold to more than 512 times its size.

====================  =================================================================================
entries (17 bytes)    of each column, of each of its blocks: form (1), least (8), first (8)
values                of each column, of each of its blocks
filling               zeros, until the payload has as many bytes as rows
====================  =================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BLOCK_ROWS: Final = 1 << 14
WIDTHS: Final = (0, 1, 2, 4, 8)
STEPS: Final = 1 << 7
"""In a block's form, beside the bytes a value: steps are written."""
ENTRIES: Final = np.dtype([("form", "u1"), ("least", "<i8"), ("first", "<i8")])
"""Of each block; `first` is 0 where no steps are written."""


def count_blocks(rows: int) -> int:
    """Blocks of a column of so many rows."""
    return -(-rows // BLOCK_ROWS)


def encode(columns: Sequence[NDArray[Any]]) -> bytes:
    """Rows, one array (n,) a column, n > 0, as the payload of a frame."""
    entries, parts = [], []
    for column in columns:
        for begin in range(0, len(column), BLOCK_ROWS):
            entry, values = _block(column[begin : begin + BLOCK_ROWS].astype(np.int64))
            entries.append(entry)
            parts.append(values)
    payload = np.array(entries, ENTRIES).tobytes() + b"".join(parts)
    return payload.ljust(len(columns[0]), b"\0")


def _block(values: NDArray[np.int64]) -> tuple[tuple[int, int, int], bytes]:
    steps = np.diff(values)  # Wraps around, and so do the sums when it is read.
    least, width = _least(values)
    if len(steps):
        least_step, width_of_steps = _least(steps)
        if width_of_steps < width:
            above = np.concatenate((np.zeros(1, np.int64), steps - np.int64(least_step)))
            return (width_of_steps | STEPS, least_step, int(values[0])), _written(above, width_of_steps)
    # An array of one rather than a scalar: NumPy warns of wrapping scalars only.
    return (width, least, 0), _written(values - np.array([least]), width)


def _least(values: NDArray[np.int64]) -> tuple[int, int]:
    """Least of some values (n,), n > 0, and the bytes for what the others are above it."""
    least = int(values.min())
    # As a Python number, which does not wrap around where a block has both ends of its type.
    spread = int(values.max()) - least
    return least, next(width for width in WIDTHS if spread < 1 << 8 * width)


def _written(above: NDArray[np.int64], width: int) -> bytes:
    return above.astype(f"<u{width}").tobytes() if width else b""


def decode(payload: memoryview, targets: Sequence[NDArray[Any] | None], rows: int) -> None:
    """Fill `targets`, one array (rows,) a column, with what `encode` made of as many rows.

    A column without a target is passed over.

    Raises
    ------
    ValueError
        If `payload` does not hold exactly these columns. `targets` may then be partly filled.
    """
    blocks = count_blocks(rows)
    offset = ENTRIES.itemsize * len(targets) * blocks
    if len(payload) < max(offset, rows):
        raise ValueError("too short for its columns")
    entries = np.frombuffer(payload[:offset], ENTRIES).tolist()
    for place, (form, least, first) in enumerate(entries):
        target, begin = targets[place // blocks], place % blocks * BLOCK_ROWS
        count = min(BLOCK_ROWS, rows - begin)
        width, itemsize = form & ~STEPS, 8 if target is None else target.itemsize
        if width not in WIDTHS or width > itemsize:
            raise ValueError(f"{width} bytes a value in a column of {itemsize}")
        if first and not form & STEPS:
            raise ValueError("a first value where there are no steps")
        end = offset + width * count
        if end > len(payload):
            raise ValueError("fewer values than rows")
        if target is not None:
            _read(payload[offset:end], width, form, least, first, target[begin : begin + count])
        offset = end
    if payload[offset:] != bytes(max(rows - offset, 0)):
        raise ValueError(f"{len(payload) - offset} bytes belong to no column")


def _read(stored: memoryview, width: int, form: int, least: int, first: int, target: NDArray[Any]) -> None:
    """Unfold one block."""
    unsigned = target.view(f"<u{target.itemsize}")
    low = _wrapped(least, target.itemsize)
    if width:
        np.add(np.frombuffer(stored, f"<u{width}"), low, out=unsigned, dtype=unsigned.dtype)
    else:
        unsigned[:] = low
    if form & STEPS:
        unsigned[0] = _wrapped(first, target.itemsize)[0]
        np.cumsum(unsigned, out=unsigned, dtype=unsigned.dtype)


def _wrapped(value: int, itemsize: int) -> NDArray[Any]:
    return np.array([value & ((1 << 8 * itemsize) - 1)], dtype=f"<u{itemsize}")

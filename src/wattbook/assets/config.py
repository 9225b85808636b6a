"""What every asset's configuration asks of a number or of a column of them, and how it says so.

Owns the wording of the assets' mistakes. Knows nothing of any asset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.errors import ConfigError
from wattbook.units import UNKNOWN, Quantity, measured_text

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

CAPACITY_BOUND_W: Final = 100_000_000_000
"""Of a plant."""
TIME_BOUND_MS: Final = 1 << 60
"""Instants [ms of UTC] lie within this many ms of 1970, so that a century more still fits 64 bits."""
_LARGEST: Final = (1 << 63) - 1


def whole_problems(name: str, value: object, low: int, high: int, dimension: str, remedy: str) -> list[str]:
    """List what is wrong with `value` as a whole number of `dimension` between `low` and `high`.

    >>> whole_problems("power_w", 0, 1, 9, "power", "give kw(5)")
    ['power_w=0 must lie between 1 and 9: give kw(5)']
    >>> from wattbook.units import kw
    >>> whole_problems("power_w", kw(5), 0, kw(2), "power", "give kw(2)")
    ['power_w=kw(5) must lie between kw(0) and kw(2): give kw(2)']
    """
    if isinstance(value, Quantity) and value.dimension == UNKNOWN:
        return []
    problems = type_problems(name, value, dimension, remedy)
    if not problems and isinstance(value, int) and not low <= value <= high:
        told = [measured_text(each, dimension) if isinstance(value, Quantity) else each for each in (value, low, high)]
        problems.append(f"{name}={told[0]} must lie between {told[1]} and {told[2]}: {remedy}")
    return problems


def type_problems(name: str, value: object, dimension: str, remedy: str) -> list[str]:
    """List what is wrong with `value` as any whole number of `dimension`.

    >>> type_problems("extra_w", 0.5, "power", "give mw(5)")
    ['extra_w=0.5 is not a whole number: give mw(5)']
    """
    if isinstance(value, Quantity) and value.dimension != dimension:
        return [f"{name}={value!r} is measured as {value.dimension}, not as {dimension}: {remedy}"]
    if isinstance(value, bool) or not isinstance(value, int):
        return [f"{name}={value!r} is not a whole number: {remedy}"]
    return []


def plain(value: object) -> object:
    """Turn numpy's whole numbers into Python's, and leave everything else as it is.

    >>> plain(np.int32(4)), plain(0.5), plain(None)
    (4, 0.5, None)
    """
    return int(value) if isinstance(value, np.integer) else value


def instant_ms(name: str, value: int) -> int:
    """Give `value` as a plain instant [ms of UTC].

    Raises
    ------
    ConfigError
        If it is not a whole number within `TIME_BOUND_MS`.
    """
    given = plain(value)
    problems = whole_problems(name, given, -TIME_BOUND_MS, TIME_BOUND_MS, "duration", "give whole ms of UTC")
    if problems:
        raise ConfigError(problems)
    return int(value)


def whole_array(name: str, values: npt.ArrayLike, problems: list[str]) -> IntArray:
    """Turn whole numbers into an int64 array; what cannot be one is put on the list, and gives an empty one.

    >>> whole_array("wanted_w", [3, 4], [])
    array([3, 4])
    """
    nothing = np.zeros(0, np.int64)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        problems.append(f"{name} has rows of different lengths: give a table of whole numbers")
        return nothing
    if not array.size:
        return np.zeros(array.shape, np.int64)
    if array.dtype.kind == "O" and any(isinstance(each, int) and abs(each) > _LARGEST for each in array.flat):
        problems.append(f"{name} holds numbers beyond 64 bits: give smaller ones")
        return nothing
    if array.dtype.kind not in "iu":
        problems.append(f"{name} is of type {array.dtype}: give whole numbers")
        return nothing
    if array.dtype.kind == "u" and int(array.max()) > _LARGEST:
        problems.append(f"{name}={int(array.max())} is beyond 64 bits with a sign: give smaller numbers")
        return nothing
    return np.asarray(array, np.int64, order="C")


def whole_column(
    name: str, values: npt.ArrayLike, rows: int | None, low: int, high: int, remedy: str, problems: list[str]
) -> IntArray:
    """Turn one whole number a row, between `low` and `high`, into a column (rows,); else put it on the list.

    Without `rows` there may be any number of them.

    >>> problems = []
    >>> column = whole_column("wanted_w", [3, 4], 1, 0, 9, "give one a plant", problems)
    >>> problems
    ['wanted_w has shape (2,), not (1,): give one a plant']
    """
    before = len(problems)
    array = whole_array(name, values, problems)
    if len(problems) > before:
        return array
    if array.ndim != 1 or rows not in (None, len(array)):
        problems.append(f"{name} has shape {array.shape}, not ({'n' if rows is None else rows},): {remedy}")
    elif ((array < low) | (array > high)).any():
        row = int(np.argmax((array < low) | (array > high)))
        problems.append(f"{name}[{row}]={array[row]} must lie between {low} and {high}: {remedy}")
    return array

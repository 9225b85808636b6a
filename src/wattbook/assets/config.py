"""What every asset's configuration asks of a number, and how it says so.

Owns the wording of the assets' mistakes. Knows nothing of any asset.
"""

from __future__ import annotations

from wattbook.units import UNKNOWN, Quantity, measured_text


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
    if isinstance(value, Quantity) and value.dimension != dimension:
        return [f"{name}={value!r} is measured as {value.dimension}, not as {dimension}: {remedy}"]
    if isinstance(value, bool) or not isinstance(value, int):
        return [f"{name}={value!r} is not a whole number: {remedy}"]
    if not low <= value <= high:
        told = [measured_text(each, dimension) if isinstance(value, Quantity) else each for each in (value, low, high)]
        return [f"{name}={told[0]} must lie between {told[1]} and {told[2]}: {remedy}"]
    return []

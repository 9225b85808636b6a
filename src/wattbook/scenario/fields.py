"""The values that a scenario may hold, and what is said when one does not fit.

Owns the check of one value at a time: dimension, range, choice, name, tariff. Numbers typed on a command line arrive
as `Typed` text and are read in their field's natural unit. Knows nothing of how values hang together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, TypeVar

from pydantic import PlainValidator

from wattbook.errors import nearest
from wattbook.messages import House
from wattbook.scenario.faults import NATURAL, FieldError, measured_text, shown
from wattbook.units import (
    PPM,
    UNKNOWN,
    Quantity,
    ct_per_kwh,
    eur,
    eur_per_mwh,
    hours,
    kw,
    kwh,
    minutes,
    mw,
    mwh,
    percent,
    seconds,
    watt,
    wh,
)

HOURS: Final = 24
PERCENT: Final = 100
TIMES_OF_USE: Final = ("day", "night")
DAY_HOURS: Final = range(6, 22)
"""Local hours of the day tariff; the others are night."""

_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TYPED_NUMBER: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*([A-Za-z%/]*)\s*", re.ASCII)
_TYPED_WHOLE: Final = re.compile(r"\s*[+-]?\d{1,18}\s*", re.ASCII)
_PATH_LIKE: Final = frozenset({".", ".."})
RESERVED: Final = frozenset({house.name.lower() for house in House} | {"district", *_PATH_LIKE})
"""Names that mean something else: the house's accounts, the wider book, and the file system's own."""


class Typed(str):
    """Text from a command line, to be read in the natural unit of the field that it is for."""

    __slots__ = ()


UNITS: Final[dict[str, dict[str, Callable[[Any], Quantity]]]] = {
    "price": {"EUR/MWh": eur_per_mwh, "ct/kWh": ct_per_kwh},
    "money": {"EUR": eur},
    "energy": {"kWh": kwh, "Wh": wh, "MWh": mwh},
    "power": {"kW": kw, "W": watt, "MW": mw},
    "duration": {"min": minutes, "s": seconds, "h": hours},
    "share": {"%": percent},
}
"""By dimension the units that a command line may use, in any case; the first is the natural one."""


def typed_quantity(text: str, dimension: str) -> Quantity:
    """Read '5', '5min' or '150 EUR/MWh' as a value of `dimension`; a bare number is in the natural unit."""
    known = UNITS[dimension]
    hint = f"write it in {' or '.join(known)}"
    match = _TYPED_NUMBER.fullmatch(text)
    if match is None:
        raise FieldError(f"is not a number with a unit: {hint}")
    number = Fraction(match[1])
    if not match[2]:
        _refuse_part(number, match[1], dimension)
        return known[next(iter(known))](number)
    units = {unit.lower(): make for unit, make in known.items()}
    if match[2].lower() not in units:
        raise FieldError(f"has the unknown unit {match[2]!r}: {hint}")
    return units[match[2].lower()](number)


def _refuse_part(number: Fraction, text: str, dimension: str) -> None:
    """Refuse a share below one per cent without a unit: 0.4 was as likely meant as 40 per cent."""
    if dimension == "share" and 0 < number < 1:
        raise FieldError(f"is read in per cent: write {plain_number(number * PERCENT)}, or {text}% if that is meant")


def plain_number(number: Fraction) -> str:
    """Write a number as people do, without an exponent.

    >>> plain_number(Fraction(40)), plain_number(Fraction(1, 8))
    ('40', '0.125')
    """
    return str(number) if number.denominator == 1 else f"{float(number):.6f}".rstrip("0").rstrip(".")


def quantity(value: object, dimension: str) -> Quantity:
    """Take `value` if it is measured in `dimension`.

    Raises
    ------
    FieldError
        If it has no unit or another dimension; the text says what to write.
    """
    call = NATURAL[dimension].__name__
    if isinstance(value, Typed):
        return typed_quantity(value, dimension)
    if isinstance(value, Quantity):
        if value.dimension in {dimension, UNKNOWN}:
            return value
        raise FieldError(f"is {_one(value.dimension)}, not {_one(dimension)}: write {call}(...)")
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise FieldError(f"is not {_one(dimension)}: write {call}(...)")
    if isinstance(value, float) and not math.isfinite(value):
        raise FieldError(f"is not finite: write {call}(...) with a finite number")
    raise FieldError(f"has no unit: write {call}({value})")


def _one(noun: str) -> str:
    """Put the article before a dimension."""
    return {"energy": "an energy", "money": "an amount of money"}.get(noun, f"a {noun}")


def bounded(value: int, dimension: str, low: int | None, high: int | None) -> None:
    """Refuse a value outside [`low`, `high`], both in quanta.

    Raises
    ------
    FieldError
        With the limit in the natural unit.
    """
    if isinstance(value, Quantity) and value.dimension == UNKNOWN:
        return
    if low is not None and value < low:
        raise FieldError(f"is below the least allowed value: write at least {measured_text(low, dimension)}")
    if high is not None and value > high:
        raise FieldError(f"is above the greatest allowed value: write at most {measured_text(high, dimension)}")


def measured(dimension: str, low: int | None = None, high: int | None = None) -> PlainValidator:
    """Make the check of a quantity of `dimension` within [`low`, `high`] (in quanta)."""

    def check(value: object) -> Quantity:
        given = quantity(value, dimension)
        bounded(given, dimension, low, high)
        return given

    return PlainValidator(check)


def optional(check: PlainValidator) -> PlainValidator:
    """Allow None (on a command line ``none``) beside what `check` allows."""
    inner: Any = check.func
    return PlainValidator(lambda value: None if is_none(value) else inner(value))


def is_none(value: object) -> bool:
    """Tell whether `value` is None, or says so on a command line."""
    return value is None or (isinstance(value, Typed) and value.strip().lower() == "none")


def whole(low: int, high: int) -> PlainValidator:
    """Make the check of a whole number in [`low`, `high`]."""

    def check(value: object) -> int:
        if isinstance(value, Typed) and _TYPED_WHOLE.fullmatch(value):
            value = int(value)
        if isinstance(value, bool | Quantity) or not isinstance(value, int):
            raise FieldError(f"is not a whole number: write one from {low} to {high}")
        if not low <= value <= high:
            raise FieldError(f"is out of range: write a whole number from {low} to {high}")
        return value

    return PlainValidator(check)


def choice(*allowed: str) -> PlainValidator:
    """Make the check of one of a few words."""

    def check(value: object) -> str:
        if isinstance(value, str) and value in allowed:
            return str(value)
        hint = nearest(value, allowed) if isinstance(value, str) else ""
        raise FieldError(f"is not one of {', '.join(allowed)}{hint}")

    return PlainValidator(check)


def flag() -> PlainValidator:
    """Make the check of a yes or no."""

    def check(value: object) -> bool:
        if isinstance(value, Typed):
            value = {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().lower(), value)
        if not isinstance(value, bool):
            raise FieldError("is neither True nor False")
        return value

    return PlainValidator(check)


def share_of(value: object) -> Fraction:
    """Read a share from 0 to 1, written as a plain number or as ``percent(40)``; typed, in per cent.

    Raises
    ------
    FieldError
        If it is no number or lies outside.
    """
    remedy = "a share such as 0.4"
    if isinstance(value, Typed):
        if value.strip() == "1":
            raise FieldError("is read in per cent: write 100 for all, or 1% if that is meant")
        value, remedy = typed_quantity(value, "share"), "0 to 100, in per cent, such as 40"
    if isinstance(value, Quantity):
        number = Fraction(int(quantity(value, "share")), PPM)
    elif isinstance(value, bool) or not isinstance(value, int | float | Fraction) or not math.isfinite(value):
        raise FieldError("is not a share: write a number from 0 to 1, or percent(40)")
    else:
        number = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    if not 0 <= number <= 1:
        raise FieldError(f"is outside 0 to 1: write {remedy}")
    return number


def is_identifier(name: str) -> bool:
    """Tell whether `name` is 1 to 64 letters, digits, ``_``, ``.``, ``-``."""
    return _ID.fullmatch(name) is not None


def identifier(reserved: Collection[str] = RESERVED) -> PlainValidator:
    """Make the check of a name that is safe in files, tables and pages."""

    def check(value: object) -> str:
        if not isinstance(value, str) or not is_identifier(value):
            raise FieldError("is not a name: use 1 to 64 letters, digits, '_', '.', '-'; label= takes free text")
        if value.lower() in reserved:
            raise FieldError("is reserved: choose another name")
        return str(value)

    return PlainValidator(check)


def text(limit: int) -> PlainValidator:
    """Make the check of free text of at most `limit` characters on one line."""

    def check(value: object) -> str:
        if not isinstance(value, str) or (value and not value.isprintable()):
            raise FieldError("is not printable text on one line")
        if len(value) > limit:
            raise FieldError(f"has {len(value)} characters: write at most {limit}")
        return str(value)

    return PlainValidator(check)


def tariff(low: int | None, high: int) -> PlainValidator:
    """Make the check of a tariff: a price, ``{"day": ..., "night": ...}`` (06-22 local) or 24 prices by local hour.

    The value is kept as 24 prices [ticks].
    """

    def price(value: object, where: str = "") -> Quantity:
        try:
            given = quantity(value, "price")
            bounded(given, "price", low, high)
        except FieldError as fault:
            raise FieldError(f"{where}{fault}") from None
        return given

    def check(value: object) -> tuple[Quantity, ...]:
        if isinstance(value, Mapping):
            _check_times_of_use(value)
            day, night = (price(value[key], f"at {key!r} ({shown(value[key])}) ") for key in TIMES_OF_USE)
            return tuple(day if hour in DAY_HOURS else night for hour in range(HOURS))
        if isinstance(value, Sequence) and not isinstance(value, str):
            if len(value) != HOURS:
                raise FieldError(f"has {len(value)} values: write one price, day and night, or 24 by local hour")
            return tuple(price(each, f"at hour {hour} ({shown(each)}) ") for hour, each in enumerate(value))
        return (price(value),) * HOURS

    return PlainValidator(check)


def _check_times_of_use(value: Mapping[Any, Any]) -> None:
    """Demand a price for the day and one for the night, and no other."""
    faults = [f"{key!r} is missing" for key in TIMES_OF_USE if key not in value]
    faults += [f"{shown(key)} is unknown" for key in value if key not in TIMES_OF_USE]
    if faults:
        form = '{"day": ..., "night": ...}, or 24 prices by local hour'
        raise FieldError(f"is not a tariff ({', '.join(faults)}): write {form}")


_Kind = TypeVar("_Kind")


def instance(kind: type[_Kind], call: str) -> PlainValidator:
    """Make the check of a part that is made by its own constructor, as shown by `call`."""

    def check(value: object) -> _Kind:
        if not isinstance(value, kind):
            raise FieldError(f"is not made by {call}")
        return value

    return PlainValidator(check)

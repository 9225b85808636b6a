"""Whole-number quanta: the tick, the watt-hour, the money quantum, the millisecond.

Owns the conversion between what people write (EUR/MWh, kWh, minutes) and the integers that the engine
counts in. Knows nothing of markets.

====== ======================= ==========================================
what   quantum                 why
====== ======================= ==========================================
price  0.01 EUR/MWh (1 tick)   the exchange's tick, 0.001 ct/kWh
energy 1 Wh
money  1e-8 EUR                one tick times one Wh: a trade never rounds
time   1 ms of UTC
power  1 W
====== ======================= ==========================================
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Self

from wattbook.errors import UnitError, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

TICKS_PER_EUR_PER_MWH: Final = 100
QUANTA_PER_EUR: Final = 100_000_000
QUANTA_PER_CENT: Final = 1_000_000
MS_PER_SECOND: Final = 1_000
MS_PER_MINUTE: Final = 60_000
MS_PER_HOUR: Final = 3_600_000
MS_PER_DAY: Final = 86_400_000
PPM: Final = 1_000_000
UNKNOWN: Final = "unknown"
"""Dimension of what stands for a value that could not be read, while a script's mistakes are gathered."""
MONEY_BOUND: Final = 1 << 62
"""No single product of price and quantity, and no total, may reach this many money quanta (1e-8 EUR)."""


class Quantity(int):
    """A whole number of quanta that remembers its dimension, so that a bare number can be told from a measured one.

    In arithmetic it is a plain ``int``.

    >>> eur_per_mwh(160) + 1
    16001
    """

    dimension: str

    def __new__(cls, quanta: int, dimension: str) -> Self:
        """Make `quanta` of `dimension`."""
        self = super().__new__(cls, quanta)
        self.dimension = dimension
        return self

    def __repr__(self) -> str:
        return int.__repr__(self)

    def __getnewargs__(self) -> tuple[int, str]:  # type: ignore[override]  # int's own takes one
        return int(self), self.dimension

    def __neg__(self) -> Quantity:
        return Quantity(-int(self), self.dimension)


def whole(value: float | Fraction, what: str) -> int:
    """Round half-even to a whole number: the one place where a float enters the market.

    Raises
    ------
    UnitError
        If `value` is NaN, infinite, or not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise UnitError(f"{what}={value!r} is not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise UnitError(f"{what}={value!r} is not finite")
    return round(Fraction(value)) if not isinstance(value, int) else int(value)


def _measured(value: float | str, factor: int, dimension: str) -> Quantity:
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        refuse(UnitError(f"{dimension}={value!r} is not a number"))
        return Quantity(0, UNKNOWN)
    if isinstance(value, float):
        if not math.isfinite(value):
            refuse(UnitError(f"{dimension}={value!r} is not finite"))
            return Quantity(0, UNKNOWN)
        # The shortest decimal that reads back as this float is what the person typed.
        return Quantity(round(Fraction(repr(value)) * factor), dimension)
    return Quantity(whole(Fraction(value) * factor, dimension), dimension)


def eur_per_mwh(value: float) -> Quantity:
    """Price [EUR/MWh] in ticks of 0.01 EUR/MWh.

    >>> eur_per_mwh(160.5)
    16050
    """
    return _measured(value, TICKS_PER_EUR_PER_MWH, "price")


def ct_per_kwh(value: float) -> Quantity:
    """Price [ct/kWh] in ticks; 1 ct/kWh is 10 EUR/MWh.

    >>> ct_per_kwh(30)
    30000
    """
    return _measured(value, 10 * TICKS_PER_EUR_PER_MWH, "price")


def eur(value: float) -> Quantity:
    """Money [EUR] in quanta of 1e-8 EUR."""
    return _measured(value, QUANTA_PER_EUR, "money")


def wh(value: float) -> Quantity:
    """Energy [Wh]."""
    return _measured(value, 1, "energy")


def kwh(value: float) -> Quantity:
    """Energy [kWh] in Wh."""
    return _measured(value, 1_000, "energy")


def mwh(value: float) -> Quantity:
    """Energy [MWh] in Wh."""
    return _measured(value, 1_000_000, "energy")


def watt(value: float) -> Quantity:
    """Power [W]."""
    return _measured(value, 1, "power")


def kw(value: float) -> Quantity:
    """Power [kW] in W."""
    return _measured(value, 1_000, "power")


def mw(value: float) -> Quantity:
    """Power [MW] in W."""
    return _measured(value, 1_000_000, "power")


def seconds(value: float) -> Quantity:
    """Duration [s] in ms."""
    return _measured(value, MS_PER_SECOND, "duration")


def minutes(value: float) -> Quantity:
    """Duration [min] in ms.

    >>> minutes(15)
    900000
    """
    return _measured(value, MS_PER_MINUTE, "duration")


def hours(value: float) -> Quantity:
    """Duration [h] in ms."""
    return _measured(value, MS_PER_HOUR, "duration")


def percent(value: float) -> Quantity:
    """Share [%] in parts per million.

    >>> percent(19)
    190000
    """
    return _measured(value, PPM // 100, "share")


NATURAL: Final[dict[str, Callable[[float], Quantity]]] = {
    "price": eur_per_mwh,
    "money": eur,
    "energy": kwh,
    "power": kw,
    "duration": minutes,
    "share": percent,
}
"""By dimension the unit in which people are told of a value."""
_HUNDREDTH_OF_A_MINUTE: Final = 600
"""What has no such whole number [ms] is told in seconds."""


def measured_text(quanta: int, dimension: str) -> str:
    """Write a value as a script does.

    >>> measured_text(16_050, "price")
    'eur_per_mwh(160.5)'
    >>> measured_text(1, "duration")
    'seconds(0.001)'
    """
    call = NATURAL[dimension]
    if dimension == "duration" and int(quanta) % _HUNDREDTH_OF_A_MINUTE:
        call = seconds
    whole, rest = divmod(int(quanta), int(call(1)))
    return f"{call.__name__}({whole if rest == 0 else int(quanta) / int(call(1))})"


def half_even(numerator: int, denominator: int) -> int:
    """Divide two whole numbers and round half to even; `denominator` > 0.

    >>> half_even(5, 2), half_even(7, 2), half_even(-5, 2)
    (2, 4, -2)
    """
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient & 1):
        quotient += 1
    return quotient


def money_text(quanta: int) -> str:
    """Money as people read it, to the cent.

    >>> money_text(-53_937_650)
    '-0.54 EUR'
    """
    cents = half_even(quanta, QUANTA_PER_CENT)
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d} EUR"

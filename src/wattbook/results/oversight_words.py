"""The regulator's numbers as people read them: measures by their units, places, and what it said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from wattbook.messages import Action
from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.results.record import is_moment
from wattbook.results.tables import word
from wattbook.units import PPM, QUANTA_PER_CENT, QUANTA_PER_EUR, TICKS_PER_EUR_PER_MWH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wattbook.results.record import Record

FROM: Final = int(Action.FIND)
"""From here on actions are the regulator's."""
MONEY: Final = frozenset(
    {Item.TURNOVER, Item.FINED, Item.GAIN, Item.OVERCHARGE, Item.HARM, Item.BASE, Item.MONEY}
)  # fmt: skip
_PPM_PER_CENT: Final = PPM // 100
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INDICES: Final = frozenset({"rsi", "score"})
"""Measures in millionths that are written as plain numbers; all others are shares."""
_SCORED_BY_SHARE: Final = frozenset({word(Rule.LAYERING)})
_NOT_SET: Final = 1 << 59
"""From here on a threshold is one that nothing reaches."""


def eur(quanta: int) -> str:
    """Money to the cent, and to the hundredth of one where it is less.

    >>> eur(1_395_000_000), eur(1_000)
    ('13.95 EUR', '0.0000 EUR')
    """
    return f"{quanta / QUANTA_PER_EUR:,.{4 if 0 < abs(quanta) < QUANTA_PER_CENT else 2}f} EUR"


def _bare(quanta: int) -> str:
    return eur(quanta).removesuffix(" EUR")


def price(tick: int) -> str:
    """Write a price.

    >>> price(30_000)
    '300.00 EUR/MWh'
    """
    return f"{tick / TICKS_PER_EUR_PER_MWH:,.2f} EUR/MWh"


def energy(wh: int) -> str:
    """Write an energy.

    >>> energy(80_000)
    '80 kWh'
    """
    return f"{wh / 1_000:,g} kWh" if abs(wh) < 1_000_000 else f"{wh / 1_000_000:,.3f} MWh"


def percent(ppm: int) -> str:
    """Write a share, to its last digit.

    >>> percent(3_000_000), percent(1_234)
    ('300 %', '0.1234 %')
    """
    return f"{ppm / _PPM_PER_CENT:,.15g} %"


def index(ppm: int) -> str:
    """Write an index, to two decimals or its last digit.

    >>> index(1_100_000), index(837_209)
    ('1.10', '0.837209')
    """
    whole, _, part = f"{ppm / PPM:.6f}".rstrip("0").partition(".")
    return f"{whole}.{part:0<2}"


def moment(record: Record, ms: int) -> str:
    """Write a local time; to the millisecond where it is no whole minute."""
    if not is_moment(ms):
        return f"{ms} ms"
    here = (_UNIX + timedelta(milliseconds=ms)).astimezone(ZoneInfo(record.header["timezone"]))
    return f"{here:%Y-%m-%d %H:%M}" + (f":{here:%S}.{ms % 1_000:03d}" if ms % 60_000 else "")


def period(record: Record, number: int) -> str:
    """Write the local start of a period."""
    return moment(record, record.place.start_ms + number * record.place.period_ms)


def measure(record: Record, name: str, value: int) -> str:
    """Write a whole number in the unit that ends its name, as ``share_ppm``; bare where it has none."""
    if abs(value) >= _NOT_SET:
        return "never"
    if "hhi" in name.split("_"):
        return str(value)
    stem, _, unit = name.rpartition("_")
    told: dict[str, Callable[[], str]] = {
        "tick": lambda: price(value),
        "wh": lambda: energy(value),
        "ppm": lambda: index(value) if stem in _INDICES else percent(value),
        "ms": lambda: moment(record, value) if is_moment(value) and value > 1 << 36 else f"{value / 60_000:g} min",
    }
    return told[unit]() if unit in told else f"{value:,}"


def worth(record: Record, item: Item, value: int, rule: str = "") -> str:
    """Write the value of a line of evidence, as `rule` has it where that is known."""
    if item == Item.PARTNER:
        return agent(record, value)
    if item == Item.SCORE:
        return percent(value) if rule in _SCORED_BY_SHARE else index(value)
    return eur(value) if item in MONEY else measure(record, item.name.lower(), value)


def agent(record: Record, number: int) -> str:
    """Name an agent; the market where it is nobody."""
    return _entry(record.place.names, number) if number >= 0 else "the market"


def item(record: Record, number: int, place: int, value: int) -> str:
    """Write a line of evidence."""
    if number not in set(Item):
        return f"item {number}: {value} at {place}"
    if number == Item.EVENT:
        return f"event: {_entry(SEEN_STREAMS, place)} {value}"
    where = "" if place < 0 else f" for {period(record, place)}"
    return f"{word(Item(number))} {worth(record, Item(number), value)}{where}"


def _entry(entries: Sequence[str], number: int) -> str:
    return entries[number] if 0 <= number < len(entries) else f"number {number}"


def rule_of(number: int) -> str:
    """Name a rule."""
    return word(Rule(number)) if number in set(Rule) else f"rule {number}"


_SAID: Final[dict[int, Callable[[Record, Mapping[str, int]], str]]] = {
    Action.FIND: lambda record, row: (
        f"found {rule_of(row['book'])} by {agent(record, row['order'])}: gain {_bare(row['price_tick'])}, overcharge"
        f" {_bare(row['quantity_wh'])}, harm {eur(row['flags'])}"
    ),
    Action.EVIDENCE: lambda record, row: "evidence, " + item(record, row["book"], row["flags"], row["quantity_wh"]),
    Action.WARN: lambda record, row: "warning",  # noqa: ARG005  # one form for all
    Action.MITIGATE: lambda record, row: (
        f"mitigation to {price(row['price_tick'])} until {moment(record, row['flags'])}"
    ),
    Action.FINE: lambda record, row: (  # noqa: ARG005  # one form for all
        f"fine of {eur(row['price_tick'] + row['quantity_wh'])}, of which {eur(row['price_tick'])} gain"
    ),
    Action.CAP: lambda record, row: f"cap at {price(row['price_tick'])} until {moment(record, row['flags'])}",
    Action.SUSPEND: lambda record, row: f"suspension until {moment(record, row['flags'])}",
    Action.HALT: lambda record, row: f"halt until {moment(record, row['flags'])}",
    Action.REFUND: lambda record, row: f"refund of {eur(row['quantity_wh'])} to {agent(record, row['period'])}",
    Action.COLLAR: lambda record, row: f"collar at {price(row['price_tick'])}",  # noqa: ARG005  # one form for all
}


def said(record: Record, row: Mapping[str, Any]) -> str:
    """Write what a command of the regulator says, given by the columns of ``commands``."""
    if row["action"] not in _SAID:
        return f"action {row['action']}"
    about = "" if row["action"] == Action.FIND else f"finding {row['order']}: "
    return about + _SAID[row["action"]](record, row)

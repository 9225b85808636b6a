"""Emergency: who asks for much more than before, when an emergency was declared, without costs that explain it.

Owns what the price before was, for tariffs and for asks in the day-ahead auction, and the defence by costs. Each period
is judged once, when it is settled, by what was known by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from wattbook.oversight import Item, Rule
from wattbook.regulator.emergency_asks import Asks
from wattbook.regulator.emergency_tariffs import Tariffs
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.retail_books import SharedBooks
from wattbook.regulator.spells import Spell, Spells
from wattbook.regulator.thresholds import ENDLESS
from wattbook.units import MS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.emergency_tariffs import Dear
    from wattbook.regulator.known import Known


@dataclass(frozen=True)
class EmergencyTerms:
    """What may be asked in an emergency. The tenth is the law's; the others are assumptions of calibration.

    Attributes
    ----------
    begins_ms, ends_ms : int
        A declared emergency, counted from the run's start; none where both are equal.
    trigger_tick, trigger_periods : int
        Spot price that so many periods of one day lie above when an emergency begins by itself; 0 periods for never.
    lasts_ms : int
        How long it lasts then.
    before_ms : int
        How far back the price before is looked for.
    cost_ms : int
        What the cost during an emergency is taken over.
    extra_ppm : int
        What may be asked more than before, as a share of that.
    least_tick : int
        So much more may be asked in any case.
    """

    begins_ms: int = 0
    ends_ms: int = 0
    trigger_tick: int = 50_000
    trigger_periods: int = 4
    lasts_ms: int = 7 * MS_PER_DAY
    before_ms: int = 30 * MS_PER_DAY
    cost_ms: int = MS_PER_DAY
    extra_ppm: int = 100_000
    least_tick: int = 500

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(least_tick=ENDLESS)


class Emergency:
    """Finds prices that rose after an emergency was declared.

    Parameters
    ----------
    known : Known
    terms : EmergencyTerms
    books : SharedBooks, optional
        Those of the place, where other rules read them too.
    """

    watches: Final = False

    def __init__(self, known: Known, terms: EmergencyTerms, books: SharedBooks | None = None) -> None:
        self.terms = terms
        self.streams = (*(Asks.streams if known.auction else ()), "spot", *Tariffs.streams)
        declared = Spell(known.start_ms + terms.begins_ms, known.start_ms + terms.ends_ms)
        self.spells = Spells(declared, terms.trigger_tick, terms.trigger_periods, terms.lasts_ms, known.period_ms)
        self.tariffs = Tariffs(known, terms, self.spells, books or SharedBooks(known))
        self.asks = Asks(known, terms, self.spells)

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows (n,) of a stream."""
        if stream == "spot":
            self.spells.read(rows)
        if stream in Tariffs.streams:
            self.tariffs.books.read(stream, rows)
        else:
            self.asks.read(stream, rows)

    def review(self, now_ms: int) -> list[Finding]:
        """Say whose prices rose in the periods that were settled since the last review."""
        found: dict[int, list[Dear]] = {}
        for dear in (*self.tariffs.judged(), *self.asks.judged()):
            found.setdefault(dear.agent, []).append(dear)
        self.spells.forget(now_ms - self.terms.before_ms)
        return [_finding(agent, each, now_ms) for agent, each in sorted(found.items())]

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"spells": self.spells.export(), "tariffs": self.tariffs.export(), "asks": self.asks.export()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.spells.restore(state["spells"])
        self.tariffs.restore(state["tariffs"])
        self.asks.restore(state["asks"])


def _finding(agent: int, found: list[Dear], now_ms: int) -> Finding:
    """Make a finding; it shows the dearest period, of equal ones the first, and what all of them come to."""
    worst = max(found, key=lambda dear: (dear.asked_tick - dear.limit_tick, -dear.period))
    lines = (
        Line(Item.EVENT, worst.seq, worst.stream),
        Line(worst.item, worst.asked_tick, worst.period),
        Line(Item.REFERENCE_TICK, worst.before_tick, worst.period),
        Line(Item.MOVE_TICK, worst.rise_tick, worst.period),
        Line(Item.ALLOWED_TICK, worst.limit_tick, worst.period),
        Line(Item.SOLD_WH, worst.sold_wh, worst.period),
        Line(Item.COUNT, len(found)),
        Line(Item.MONEY, sum(dear.money for dear in found)),
        Line(Item.SINCE_MS, worst.spell.from_ms),
        Line(Item.UNTIL_MS, now_ms),
    )
    offences = tuple(Offence(dear.period, dear.period, dear.money, dear.money, dear.money) for dear in found)
    return Finding(Rule.EMERGENCY, agent, offences, lines, price_tick=max(dear.limit_tick for dear in found))

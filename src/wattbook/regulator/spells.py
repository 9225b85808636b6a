"""When there is an emergency: as it was declared, or because the spot price lay above a trigger too often in a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wattbook.units import MS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class Spell(NamedTuple):
    """One emergency [ms UTC]."""

    from_ms: int
    until_ms: int


class Spells:
    """Emergencies so far, the last one last.

    Parameters
    ----------
    declared : Spell
        Empty for none.
    trigger_tick, trigger_periods : int
        Price that so many periods of a day lie above when an emergency begins; 0 periods for never.
    lasts_ms : int
        How long it lasts then; a trigger within it makes it last longer.
    period_ms : int
    """

    def __init__(
        self, declared: Spell, trigger_tick: int, trigger_periods: int, lasts_ms: int, period_ms: int
    ) -> None:  # fmt: skip
        self.declared = declared
        self.trigger_tick, self.trigger_periods, self.lasts_ms = trigger_tick, trigger_periods, lasts_ms
        self.per_day = max(1, MS_PER_DAY // period_ms)
        self.high: list[int] = []
        """Periods of the last day whose price lay above the trigger."""
        self.triggered: list[Spell] = []

    def read(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows (n,) of ``spot``: an emergency begins when such prices become known."""
        if not self.trigger_periods:
            return
        mine = rows["price_tick"] > self.trigger_tick
        for period, time_ms in zip(rows["period"][mine].tolist(), rows["time_ms"][mine].tolist(), strict=True):
            self.high = [*(each for each in self.high if each > period - self.per_day), period]
            if len(self.high) >= self.trigger_periods:
                self._begin(time_ms)

    def _begin(self, now_ms: int) -> None:
        if self.triggered and now_ms <= self.triggered[-1].until_ms:
            self.triggered[-1] = Spell(self.triggered[-1].from_ms, now_ms + self.lasts_ms)
        else:
            self.triggered.append(Spell(now_ms, now_ms + self.lasts_ms))

    def at(self, time_ms: int) -> Spell | None:
        """Give the emergency that a moment lies in; None for none."""
        for spell in (self.declared, *reversed(self.triggered)):
            if spell.from_ms <= time_ms < spell.until_ms:
                return spell
        return None

    def said_in(self, time_ms: int) -> bool:
        """Whether what was said at a moment was said in an emergency: after it was declared."""
        spell = self.at(time_ms)
        return spell is not None and spell.from_ms < time_ms

    def forget(self, before_ms: int) -> None:
        """Forget what was over by then."""
        self.triggered = [spell for spell in self.triggered if spell.until_ms > before_ms]

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"high": list(self.high), "triggered": [list(spell) for spell in self.triggered]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.high = list(state["high"])
        self.triggered = [Spell(*spell) for spell in state["triggered"]]

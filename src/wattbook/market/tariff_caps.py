"""Caps on what utilities may ask of their customers: until when, and which tariffs fall to them.

Owns what is in force. A tariff stands from when its period can be traded: what stands is never lowered, so that nobody
trades under one that changes later. No tariff is pushed below the feed-in price of its period. Knows nothing of why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.journal import Journal
    from wattbook.market.setup import Street

    Ints = NDArray[np.int64]

_ENDLESS: Final = 1 << 61
"""Above any price."""


class Cap(NamedTuple):
    """Most that a utility may ask in periods that begin before `until_ms`, said at `since_ms`."""

    agent: int
    price_tick: int
    since_ms: int
    until_ms: int


def closes_ms(street: Street) -> Ints:
    """Say from when on each period's tariff stands (p,): when it can be traded, or begins where nobody trades it."""
    return starts_ms(street) if street.market is None else street.opens_ms


def starts_ms(street: Street) -> Ints:
    """Say when each period begins (p,)."""
    return street.start_ms + np.arange(street.periods, dtype=np.int64) * street.period_ms


class TariffCaps:
    """Caps in force, and the tariffs that they lower.

    Parameters
    ----------
    street : Street
        Whose tariffs these are; they change here.
    journal : Journal
        Gets the rows of ``tariffs``.
    """

    def __init__(self, street: Street, journal: Journal) -> None:
        self.street, self.journal = street, journal
        self.starts_ms, self.closes_ms = starts_ms(street), closes_ms(street)
        self.utilities = np.flatnonzero(np.array([kind == "utility" for kind in street.kinds]))
        self.caps: list[Cap] = []

    def cap(self, seq: int, agent: int, price_tick: int, until_ms: int, now_ms: int) -> int:
        """Cap a utility's prices, and lower those that do not stand yet; how many fell.

        Caps that are in force already stay so: the lowest counts.
        """
        self.caps = [cap for cap in self.caps if cap.until_ms > now_ms]
        self.caps.append(Cap(agent, price_tick, now_ms, until_ms))
        retail, most = self.street.retail_tick[agent], self.most_tick(agent, 0, self.street.periods)
        falling = np.flatnonzero((retail > most) & (self.closes_ms > now_ms))
        retail[falling] = most[falling]
        write_tariffs(self.journal, seq, self.street, agent, falling)
        return len(falling)

    def most_tick(self, agent: int, first: int, past: int) -> Ints:
        """Give the most that an agent may ask in the periods `first` to before `past` (n,)."""
        most, starts = np.full(past - first, _ENDLESS, np.int64), self.starts_ms[first:past]
        for cap in self.caps:
            if cap.agent == agent:
                most = np.where(starts < cap.until_ms, np.minimum(most, cap.price_tick), most)
        found: Ints = np.maximum(most, self.street.feed_in_tick[agent, first:past])
        return found

    # --- saving

    def export(self) -> dict[str, NDArray[Any]]:
        """Give the whole state: caps, and all tariffs as they are."""
        return {
            "tariff_caps": np.array(self.caps, np.int64).reshape(-1, len(Cap._fields)),
            "tariffs": self.street.retail_tick[self.utilities],
        }

    def restore(self, columns: dict[str, NDArray[Any]]) -> None:
        """Take on what `export` gave."""
        self.caps = [Cap(*row) for row in columns["tariff_caps"].tolist()]
        self.street.retail_tick[self.utilities] = columns["tariffs"]

    def check(self) -> None:
        """Assert what must always hold."""
        for cap in self.caps:
            bound = (self.closes_ms > cap.since_ms) & (self.starts_ms < cap.until_ms)
            most = np.maximum(cap.price_tick, self.street.feed_in_tick[cap.agent, bound])
            assert (self.street.retail_tick[cap.agent, bound] <= most).all(), "a tariff lies above its cap"


def write_tariffs(journal: Journal, seq: int, street: Street, agent: int, periods: Ints) -> None:
    """Write down the tariffs of an agent in `periods` (n,), as they have become."""
    if not len(periods):
        return
    journal.extend(
        "tariffs",
        {
            "command": np.full(len(periods), seq),
            "period": periods,
            "agent": np.full(len(periods), agent),
            "retail_tick": street.retail_tick[agent, periods],
            "feed_in_tick": street.feed_in_tick[agent, periods],
        },
    )

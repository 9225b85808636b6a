"""Rules of laboratory markets, and what traders with private values have to do with them.

Options of the one market, as double auctions in laboratories have them: an order must improve the best quote of its
side, quotes are cleared after a trade, traders take turns. Owns the traders' values and costs and the last order that a
book took. Knows neither policies nor the clock; whose turn it is it is told (`wattbook.world.turns`).

References
----------
Gode & Sunder (1993), Journal of Political Economy 101:119-137, section II, for the rules; Smith (1962), Journal of
Political Economy 70:111-137, for values, costs and trading days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.market.kernel_laboratory import see_traders
from wattbook.messages import BUY, FOREVER, NO_PRICE, OUT_COLUMNS, OUT_ROWS, SELL, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.setup import Street

    Ints = NDArray[np.int64]

OK: Final = 0
FIRST_COLUMN: Final = 47
"""Of `wattbook.messages.See`: where `limit_tick` and what follows it stand."""
NOBODY: Final = -1
TURN: Final = 0
TURNS_LEFT: Final = 1


class Laboratory:
    """What a laboratory market knows on top of any other.

    Attributes
    ----------
    limit_tick : (a, u) int64
        What each trader's units are worth to it or cost it, in the order in which it trades them; `NO_PRICE` beyond.
    units : (a,) int64
        How many each has per product; 0 for who is no trader.
    side : (a,) int64
        `BUY`, `SELL`, or 0 for who is no trader.
    shout : (b, p, 3) int64
        The last order that each book took in each product: side, price, 1 if it traded at once.
    turn : (2,) int64
        Who has the turn, and after how many more turns without a trade the trading day ends.
    schedule : (4,) int64
        How far the turns have come; see `wattbook.world.turns`.
    arrives_ms : (a,) int64
        With reaction times: when what each trader has decided reaches the book; `FOREVER` for who is not thinking.
    decided : (a, OUT_ROWS, OUT_COLUMNS) int64
        What that is; of no agent where there are no reaction times.
    taken : int
        Orders, new or replaced, that the books took since this object was made.
    """

    def __init__(self, street: Street) -> None:
        assert street.market is not None
        assert street.market.laboratory is not None
        self.rules = street.market.laboratory
        self.feeder = street.feeder.astype(np.int64)
        a, most = street.agents, max((len(units) for _, units in self.rules.traders.values()), default=0)
        self.limit_tick = np.full((a, most + 1), NO_PRICE, np.int64)
        self.units, self.side = np.zeros(a, np.int64), np.zeros(a, np.int64)
        for row, name in enumerate(street.names):
            self.side[row], units = self.rules.traders.get(name, (0, ()))
            self.units[row] = len(units)
            self.limit_tick[row, : len(units)] = units
        self.shout = np.zeros((max(len(street.books), 1), street.periods, 3), np.int64)
        self.shout[:, :, 1] = NO_PRICE
        self.turn = np.array([NOBODY, 0], np.int64)
        self.schedule = np.zeros(4, np.int64)
        self.reaction_ms = np.array([self.rules.reaction_ms.get(name, 0) for name in street.names], np.int64)
        self.arrives_ms = np.full(a, FOREVER, np.int64)
        self.decided = np.zeros((a if self.rules.reaction_ms else 0, OUT_ROWS, OUT_COLUMNS), np.int64)
        self.taken = 0

    def improvement_code(self, top: Ints, side: int, price_tick: int) -> int:
        """Check that an order improves the best quote of its side, `top` (4,), or crosses the other."""
        if not self.rules.improve or side not in {BUY, SELL}:
            return OK
        bid, ask = int(top[0]), int(top[2])
        if side == BUY:
            is_good = price_tick > bid or price_tick >= ask != NO_PRICE
        else:
            is_good = ask == NO_PRICE or price_tick < ask or price_tick <= bid
        return OK if is_good else int(Refusal.NO_IMPROVEMENT)

    def note(self, book: int, period: int, side: int, price_tick: int, traded_tick: int) -> None:
        """Remember the order that a book has just taken; `traded_tick` is `NO_PRICE` if it did not trade at once."""
        self.taken += 1
        traded = traded_tick != NO_PRICE
        self.shout[book, period] = side, traded_tick if traded else price_tick, traded

    def note_answer(self, book: int, period: int, side: int, price_tick: int) -> None:
        """Remember an order that somebody has taken at once: it is the one that was shouted, not the answer."""
        self.shout[book, period] = side, price_tick, 1

    def see(self, agent: int, rows: Ints) -> None:
        """Write what only a trader sees into `rows` (n, fields) of observations."""
        if self.units[agent]:
            see_traders(
                self.limit_tick[agent], int(self.side[agent]), int(self.units[agent]), self.shout[self.feeder[agent]],
                agent, self.rules.takes_turns, self.turn, rows,
            )  # fmt: skip

    def export(self) -> dict[str, NDArray[Any]]:
        """Give the columns that change."""
        return {
            "shout": self.shout, "turn": self.turn, "schedule": self.schedule, "arrives_ms": self.arrives_ms,
            "decided": self.decided,
        }  # fmt: skip

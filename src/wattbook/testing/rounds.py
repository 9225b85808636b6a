"""Rounds of a call auction inside a stream: a product is emptied, called, given four orders far apart, and uncrossed.

Among many orders few prices tie, and the reference price decides nothing. Here equal volumes, or surpluses of both
signs, tie over a whole interval, and the reference lies inside, at an end, outside, or between two steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.book import BUY, SELL, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.testing.features import Features

_LENGTH: Final = 10
_CALL, _BIDS, _ASKS, _UNCROSS = 4, (5, 6), (7, 8), 9
_SWEEPS: Final = ((0, SELL), (2, BUY))
_EXPIRE: Final = 3
_KIND, _PRODUCT, _ORDER, _OWNER, _SIDE, _PRICE, _QUANTITY, _FLAGS, _DISPLAY, _EXPIRE_MS = range(10)
_OWNERS: Final = (1, 2, 3)
_WIDEST: Final = 12
_SWEEP_LOTS: Final = 5_000
_LEVEL, _BOTH_SIGNS, _DEMAND, _SUPPLY = range(4)


class Rounds:
    """Where a stream holds rounds, and what is in them.

    Parameters
    ----------
    rng : Generator
        Not used where the features know no call phase.
    count : int
        Length of the stream.
    features : Features
        What the book can do: without EXPIRE a product is emptied by two large orders that are then cancelled.
    share : float
        Rounds per command.
    """

    def __init__(self, rng: np.random.Generator, count: int, features: Features, share: float) -> None:
        self.rng, self.features = rng, features
        known = {Kind.CALL, Kind.UNCROSS} <= set(features.kinds) and "GTC" in features.types
        self.starts = np.empty(0, dtype=np.int64)
        if known and share:
            self.starts = _LENGTH * np.flatnonzero(rng.random(count // _LENGTH) < share * _LENGTH)
        self.expires = Kind.EXPIRE in features.kinds
        self.sweeps = _SWEEPS if not self.expires and Kind.CANCEL in features.kinds else ()

    def put_orders(self, table: NDArray[np.int64]) -> None:
        """Write kinds, products, owners, sides and quantities into the table (10, count)."""
        if not len(self.starts):
            return
        starts, lot, product = self.starts, self.features.lot_wh, table[_PRODUCT, self.starts + _CALL]
        kinds = {_CALL: Kind.CALL, _UNCROSS: Kind.UNCROSS, **dict.fromkeys((*_BIDS, *_ASKS), Kind.SUBMIT)}
        kinds |= {_EXPIRE: Kind.EXPIRE} if self.expires else {}
        for at, _ in self.sweeps:
            kinds |= {at: Kind.SUBMIT, at + 1: Kind.CANCEL}
        for at, kind in kinds.items():
            table[_KIND, starts + at], table[_PRODUCT, starts + at], table[_FLAGS, starts + at] = kind, product, 0
        for at, side in self.sweeps:
            table[_SIDE, starts + at], table[_OWNER, starts + at] = side, _OWNERS[2]
            table[_QUANTITY, starts + at] = _SWEEP_LOTS * lot
        for side, rows, owner in ((BUY, _BIDS, _OWNERS[0]), (SELL, _ASKS, _OWNERS[1])):
            for at in rows:
                table[_SIDE, starts + at], table[_OWNER, starts + at] = side, owner
        self._put_quantities(table)

    def _put_quantities(self, table: NDArray[np.int64]) -> None:
        """Equal volumes; the second order of a side may be a surplus."""
        rng, starts, lot = self.rng, self.starts, self.features.lot_wh
        self.form = rng.choice([_LEVEL, _LEVEL, _BOTH_SIGNS, _DEMAND, _SUPPLY], len(starts))
        volume, more = rng.integers(1, 9, (2, len(starts))) * lot
        for rows, longer in ((_BIDS, _DEMAND), (_ASKS, _SUPPLY)):
            table[_QUANTITY, starts + rows[0]] = volume
            extra = np.where(self.form == longer, rng.integers(1, 5, len(starts)) * lot, 0)
            table[_QUANTITY, starts + rows[1]] = more + extra

    def finish(self, table: NDArray[np.int64], middle: int) -> None:
        """Write prices, names, references and the time limits of the emptying."""
        if not len(self.starts):
            return
        starts, features, step = self.starts, self.features, self.features.step_tick
        room = min(_WIDEST, (middle - features.floor_tick) // step, (features.cap_tick - middle) // step)
        away = step * (1 + self.rng.integers(0, max(1, room), len(starts)) if room > 0 else np.zeros_like(starts))
        low, high = middle - away, middle + away
        apart = self.form == _BOTH_SIGNS
        # Where the second bid is one step below the second ask, demand is left over below and supply above.
        inner = low + step * self.rng.integers(0, np.maximum(1, (high - low) // step))
        table[_PRICE, starts + _BIDS[0]], table[_PRICE, starts + _ASKS[0]] = high, low
        more = np.minimum(table[_QUANTITY, starts + _BIDS[1]], table[_QUANTITY, starts + _ASKS[1]])
        for rows, tick in ((_BIDS, np.where(apart, inner, high)), (_ASKS, np.where(apart, inner + step, low))):
            table[_PRICE, starts + rows[1]] = np.clip(tick, features.floor_tick, features.cap_tick)
            table[_QUANTITY, starts + rows[1]] = np.where(apart, more, table[_QUANTITY, starts + rows[1]])
        table[_PRICE, starts + _UNCROSS] = self._references(low, high)
        for at, side in self.sweeps:
            table[_PRICE, starts + at] = middle + side * step * max(0, room)
            for column in (_ORDER, _OWNER):
                table[column, starts + at + 1] = table[column, starts + at]
        if self.expires:
            table[_EXPIRE_MS, starts + _EXPIRE] = 0

    def _references(self, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
        """Draw references inside on a step, inside between two steps, at an end, or outside."""
        rng, step, count = self.rng, self.features.step_tick, len(low)
        inside = low + step * rng.integers(0, (high - low) // step + 1)
        between = np.minimum(inside + (step + rng.integers(0, 2, count)) // 2, high)
        end = np.where(rng.random(count) < 0.5, low, high)
        outside = np.where(rng.random(count) < 0.5, low, high + 2 * step) - rng.integers(1, step + 1, count)
        chosen = rng.choice(4, count, p=[0.4, 0.3, 0.15, 0.15])
        drawn: NDArray[np.int64] = np.select([chosen == 0, chosen == 1, chosen == 2], [inside, between, end], outside)
        return drawn

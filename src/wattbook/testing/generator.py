"""Streams of commands drawn from a seed, a million in about a second.

Everything is drawn in columns; a stream depends on the seed, its length, the features and the weather, and on nothing
else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.book import BUY, MAX_QUANTITY_WH, SELL, Kind
from wattbook.book.words import MAX_SLICES
from wattbook.errors import ConfigError
from wattbook.testing.features import NEVER_RESTS, ORDER_TYPES
from wattbook.testing.rounds import Rounds
from wattbook.testing.weather import CALM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from wattbook.testing.features import Features
    from wattbook.testing.weather import Weather

LEAST, MOST = -(1 << 63), (1 << 63) - 1
ABSENT_OWNER: Final = 77
_OWNERS: Final = (0, 1, 2, LEAST, MOST)
_KIND, _PRODUCT, _ORDER, _OWNER, _SIDE, _PRICE, _QUANTITY, _FLAGS = range(8)
_DISPLAY, _EXPIRE = 8, 9
_READ: Final = {
    Kind.SUBMIT: set(range(10)),
    Kind.CANCEL: {_ORDER, _OWNER},
    Kind.REPLACE: {_ORDER, _OWNER, _PRICE, _QUANTITY},
    Kind.EXPIRE: {_PRODUCT, _EXPIRE},
    Kind.CANCEL_OWNER: {_OWNER},
    Kind.CALL: {_PRODUCT},
    Kind.UNCROSS: {_PRODUCT, _PRICE, _FLAGS},
}
_RUBBISH: Final = (LEAST, MOST, -1, 0, 1, 7)
_TABLE: Final = 1 << 16
_ID_STEP: Final = 3
_LATE: Final = 300


class Commands(NamedTuple):
    """A stream: what `process` takes.

    Attributes
    ----------
    rows : ndarray of int64, shape (n, 8)
        `COMMAND_COLUMNS`.
    display_wh, expire_ms : ndarray of int64, shape (n,)
        Iceberg slices [Wh] and time limits [ms].
    """

    rows: NDArray[np.int64]
    display_wh: NDArray[np.int64]
    expire_ms: NDArray[np.int64]

    def part(self, chosen: slice | NDArray[np.bool_] | NDArray[np.int64]) -> Commands:
        """Only the chosen commands."""
        return Commands(self.rows[chosen], self.display_wh[chosen], self.expire_ms[chosen])

    def table(self) -> NDArray[np.int64]:
        """All ten columns side by side, int64 of shape (n, 10)."""
        return np.column_stack([self.rows, self.display_wh, self.expire_ms])

    @classmethod
    def of(cls, table: ArrayLike) -> Commands:
        """Make the stream whose `table` this is; of eight columns one without slices and time limits.

        Raises
        ------
        ConfigError
            If it is no table of whole numbers with eight or ten columns.
        """
        table = _wide(table)
        return cls(np.ascontiguousarray(table[:, :8]), table[:, 8].copy(), table[:, 9].copy())


def _wide(table: ArrayLike) -> NDArray[np.int64]:
    """Check a table of eight or ten columns; int64 of shape (n, 10)."""
    try:
        given = np.asarray(table)
    except ValueError:
        raise ConfigError("commands are rows of equal length: eight numbers (COMMAND_COLUMNS) or ten") from None
    if given.shape == (0,):
        given = np.zeros((0, 10), dtype=np.int64)
    if given.ndim != len(("row", "column")) or given.shape[1] not in {8, 10}:
        raise ConfigError(
            f"commands have the shape {given.shape}: give rows of eight numbers (COMMAND_COLUMNS), or of ten, "
            "with display_wh and expire_ms"
        )
    if len(given) and given.dtype.kind != "i":
        raise ConfigError(f"commands are whole numbers of int64, not {given.dtype}")
    wide = np.zeros((len(given), 10), dtype=np.int64)
    wide[:, : given.shape[1]] = given
    return wide


def draw(seed: int, count: int, features: Features, weather: Weather = CALM) -> Commands:
    """Draw a stream of mixed commands.

    Parameters
    ----------
    seed : int
        The same seed, count, features and weather give the same stream.
    count : int
        Number of commands.
    features : Features
        What the book can do.
    weather : Weather
        How the stream is mixed.

    Returns
    -------
    Commands
        Where the features are hostile, a share has something wrong, and columns that a kind does not read hold rubbish,
        extremes of int64 included; elsewhere these columns are 0.
    """
    return _Draw(seed, count, features, weather).commands()


class _Draw:
    """One stream in the making: columns of equal length, by the name of what they hold."""

    def __init__(self, seed: int, count: int, features: Features, weather: Weather) -> None:
        self.rng = np.random.default_rng(seed)
        self.count, self.features, self.weather = count, features, weather
        self.table = np.zeros((10, count), dtype=np.int64)

    def commands(self) -> Commands:
        self._draw_kinds()
        self._draw_orders()
        self._draw_prices()
        self._draw_names()
        self._draw_auctions()
        self._draw_icebergs_and_limits()
        self.rounds.finish(self.table, self.middle)
        self._blank()
        if self.features.hostile:
            self._spoil()
            self._end_with_the_last_ids()
        return Commands(np.ascontiguousarray(self.table[:8].T), self.table[_DISPLAY].copy(), self.table[_EXPIRE].copy())

    # --- columns

    def _pick(self, values: Sequence[int], shares: Sequence[float] | None = None) -> NDArray[np.int64]:
        """Draw a column of `values`; a table of 65536 places stands for their shares."""
        weights = np.ones(len(values)) if shares is None else np.asarray(shares, dtype=float)
        edges = np.rint(np.cumsum(weights / weights.sum()) * _TABLE).astype(np.int64)
        table = np.repeat(np.array(values, dtype=np.int64), np.diff(edges, prepend=0))
        drawn: NDArray[np.int64] = table[self.rng.integers(0, _TABLE, self.count, dtype=np.uint16)]
        return drawn

    def _up_to(self, most: int) -> NDArray[np.int64]:
        """Draw a column of 0 .. most - 1, for a small `most`."""
        return self.rng.integers(0, most, self.count, dtype=np.int32).astype(np.int64)

    def _share(self, share: float) -> NDArray[np.bool_]:
        """Draw a column that is true for a share of all rows."""
        chosen: NDArray[np.bool_] = self.rng.random(self.count, dtype=np.float32) < share
        return chosen

    def _draw_kinds(self) -> None:
        *known, unknown = self.weather.kinds
        values = [int(kind) for kind in Kind] + [len(Kind)]
        shares = [share if kind in self.features.kinds else 0.0 for kind, share in zip(Kind, known, strict=True)]
        self.table[_KIND] = self._pick(values, [*shares, unknown if self.features.hostile else 0.0])

    def _draw_orders(self) -> None:
        weather, features = self.weather, self.features
        types = dict(zip(ORDER_TYPES, weather.types, strict=True))
        shares = [share if name in features.types else 0.0 for name, share in types.items()]
        if not sum(shares):
            shares = [float(name in features.types) for name in types]
        self.table[_FLAGS] = self._pick([int(flags) for flags in ORDER_TYPES.values()], shares)
        # A few products, one of them rare; products beyond the fourth are as common as the third.
        products = range(min(features.products, 64))
        self.table[_PRODUCT] = self._pick(
            products, [(0.42, 0.37, 0.2, 0.01)[i] if i < 4 else 0.2 for i in products]
        )  # the table's length
        self.table[_OWNER] = self._pick(_OWNERS, weather.owners) if features.hostile else self._pick((1, 2, 3))
        self.table[_SIDE] = self._pick((BUY, SELL))
        lots = np.where(self._share(0.22), 12 + self._up_to(48), 1 + self._up_to(12))
        self.table[_QUANTITY] = lots * features.lot_wh
        self.rounds = Rounds(self.rng, self.count, features, weather.rounds)
        self.rounds.put_orders(self.table)
        self.submits = self.table[_KIND] == Kind.SUBMIT
        self.may_rest = self.submits & (self.table[_FLAGS] & int(NEVER_RESTS) == 0)

    def _draw_prices(self) -> None:
        features, step = self.features, self.features.step_tick
        reach = min(self.weather.steps, (features.cap_tick - features.floor_tick) // step // 2)
        middle = min(max(0, features.floor_tick + reach * step), features.cap_tick - reach * step)
        self.middle = middle - middle % step
        away = self._up_to(2 * reach + 1) - reach
        lean = self.weather.lean
        if lean:
            patient = self.may_rest & self._share(0.7)
            away += np.where(patient, -self.table[_SIDE] * lean, self._up_to(2 * lean + 1) - lean)
        below = (features.floor_tick - self.middle) // step
        above = (features.cap_tick - self.middle) // step
        self.table[_PRICE] = self.middle + step * np.clip(away, below, above)

    def _draw_names(self) -> None:
        """Give submits rising ids; cancels and replaces name a recent order that may rest, by its owner."""
        kind, issued = self.table[_KIND], np.cumsum(self.submits)
        resting = np.flatnonzero(self.may_rest)
        before = np.cumsum(self.may_rest)
        back = np.minimum(self.rng.geometric(0.11, self.count), before)
        named = ((kind == Kind.CANCEL) | (kind == Kind.REPLACE)) & (back > 0)
        target = resting[np.maximum(before - back, 0)[named]] if len(resting) else resting
        self.table[_ORDER] = _ID_STEP * issued
        self.table[_ORDER, named] = _ID_STEP * issued[target]
        self.table[_OWNER, named] = self.table[_OWNER, target]

    def _draw_auctions(self) -> None:
        """Draw reference prices near the middle, also off the step, or far away; flags of rationing and pricing."""
        rows = np.flatnonzero(self.table[_KIND] == Kind.UNCROSS)
        if not len(rows):
            return
        features, rng = self.features, self.rng
        width = max(1, min(6 * features.step_tick, features.cap_tick - features.floor_tick))
        near = self.middle + rng.integers(-width, width + 1, len(rows))
        far = [features.floor_tick, features.cap_tick, *([LEAST, MOST, LEAST + 1, 0] if features.hostile else [])]
        self.table[_PRICE, rows] = np.where(rng.random(len(rows)) < 0.7, near, rng.choice(np.array(far), len(rows)))
        flags = [0, *map(int, features.rationings), sum(map(int, features.rationings))]
        self.table[_FLAGS, rows] = rng.choice(np.array(flags), len(rows))

    def _draw_icebergs_and_limits(self) -> None:
        rng, lot = self.rng, self.features.lot_wh
        clock = 1_000 + np.arange(self.count)
        if self.features.icebergs:
            rows = np.flatnonzero(self.may_rest & self._share(self.weather.icebergs))
            lots = self.table[_QUANTITY, rows] // lot
            self.table[_DISPLAY, rows] = lot * (1 + (rng.random(len(rows)) ** 2 * lots).astype(np.int64))
            most = rows[rng.random(len(rows)) < 0.005]
            self.table[_QUANTITY, most] = MAX_SLICES * self.table[_DISPLAY, most]
        if self.features.expiry:
            rows = np.flatnonzero(self.may_rest & self._share(self.weather.timed))
            self.table[_EXPIRE, rows] = clock[rows] + rng.integers(-2, 200, len(rows))
            rows = np.flatnonzero((self.table[_KIND] == Kind.EXPIRE) & self._share(0.6))
            self.table[_EXPIRE, rows] = clock[rows]

    def _blank(self) -> None:
        """Fill the columns that a kind does not read with rubbish, or with 0 in a friendly stream."""
        kind = self.table[_KIND]
        for its_kind, read in _READ.items():
            rows = np.flatnonzero(kind == its_kind) if its_kind != Kind.SUBMIT else ()
            for column in set(range(1, 10)) - read if len(rows) else ():
                rubbish = self.rng.choice(np.array(_RUBBISH), len(rows)) if self.features.hostile else 0
                self.table[column, rows] = rubbish

    # --- what is wrong on purpose

    def _spoil(self) -> None:
        """Make a share of the commands wrong, each in one way."""
        self.luck = self.rng.random(self.count) / max(self.weather.flaws, 1e-12)
        self._spoil_submits()
        self._spoil_replaces()
        self._spoil_others()

    def _rows(self, kinds: Sequence[Kind], low: float, high: float) -> NDArray[np.int64]:
        """Rows of some kinds whose luck lies in [low, high); below 1 lies the share that is to be wrong."""
        chosen = (self.luck >= low) & (self.luck < high)
        rows = np.flatnonzero(chosen)
        return rows[np.isin(self.table[_KIND, rows], kinds)]

    def _put(self, rows: NDArray[np.int64], column: int, values: Sequence[int]) -> None:
        self.table[column, rows] = self.rng.choice(np.array(values, dtype=np.int64), len(rows))

    def _bad_products(self) -> list[int]:
        return [-1, self.features.products, LEAST, MOST]

    def _bad_prices(self) -> list[int]:
        step = self.features.step_tick
        return [max(LEAST, self.features.floor_tick - step), min(MOST, self.features.cap_tick + step), LEAST, MOST]

    def _spoil_submits(self) -> None:
        submit, rng, lot = [Kind.SUBMIT], self.rng, self.features.lot_wh
        self._put(self._rows(submit, 0.00, 0.08), _PRODUCT, self._bad_products())
        self._put(self._rows(submit, 0.08, 0.14), _SIDE, [0, 2, -2, LEAST, MOST])
        self._put(self._rows(submit, 0.14, 0.20), _QUANTITY, [0, -1, LEAST])
        self._put(self._rows(submit, 0.20, 0.26), _QUANTITY, [MAX_QUANTITY_WH + 1, MOST])
        self._put(self._rows(submit, 0.26, 0.33), _PRICE, self._bad_prices())
        self._off_step(self._rows(submit, 0.33, 0.40))
        self._off_lot(self._rows(submit, 0.40, 0.47))
        self._heavy(self._rows(submit, 0.47, 0.58))
        late = self._rows(submit, 0.58, 0.68)
        ids = self.table[_ORDER, late] - _LATE
        self.table[_ORDER, late] = np.where(rng.random(len(late)) < 0.2, rng.choice([0, -1, LEAST], len(late)), ids)
        self._put(self._rows(submit, 0.68, 0.69), _FLAGS, [32, -1, LEAST, MOST, 64 + 1])
        self._put(self._rows(submit, 0.69, 0.70), _FLAGS, [3, 5, 6, 12, 16, 17, 18, 24, 31])
        self._put(self._rows(submit, 0.70, 0.78), _DISPLAY, [-1, LEAST, MOST, MAX_QUANTITY_WH])
        slices = self._rows(submit, 0.78, 0.84)
        self.table[_DISPLAY, slices] = lot
        self.table[_QUANTITY, slices] = lot * (MAX_SLICES + 1)
        self._put(self._rows(submit, 0.84, 0.87), _DISPLAY, [lot + 1, 1, lot])
        self._put(self._rows(submit, 0.87, 0.95), _EXPIRE, [-1, LEAST])
        self._put(self._rows(submit, 0.95, 1.00), _EXPIRE, [1, MOST])

    def _spoil_replaces(self) -> None:
        replace = [Kind.REPLACE]
        self._put(self._rows(replace, 0.00, 0.12), _OWNER, [ABSENT_OWNER])
        self._put(self._rows(replace, 0.12, 0.22), _ORDER, [0, LEAST, MOST])
        self._put(self._rows(replace, 0.22, 0.33), _QUANTITY, [0, -1, LEAST])
        self._put(self._rows(replace, 0.33, 0.44), _QUANTITY, [MAX_QUANTITY_WH + 1, MOST])
        self._put(self._rows(replace, 0.44, 0.55), _PRICE, self._bad_prices())
        self._off_step(self._rows(replace, 0.55, 0.66))
        self._off_lot(self._rows(replace, 0.66, 0.77))
        self._heavy(self._rows(replace, 0.77, 0.90))
        # Of an iceberg too many slices; of any other order the price.
        slices = self._rows(replace, 0.90, 1.00)
        self.table[_QUANTITY, slices] = self.features.lot_wh * 70_000
        self._put(slices, _PRICE, self._bad_prices())

    def _spoil_others(self) -> None:
        quiet = self.features.products - 1
        self._put(self._rows([Kind.CANCEL], 0.00, 0.16), _ORDER, [0, LEAST, MOST])
        self._put(self._rows([Kind.CANCEL], 0.40, 1.00), _OWNER, [ABSENT_OWNER])
        self._put(self._rows([Kind.EXPIRE], 0.00, 0.50), _PRODUCT, self._bad_products())
        self._put(self._rows([Kind.EXPIRE], 0.50, 0.80), _EXPIRE, [-1, LEAST])
        # Products, times and owners that mostly have nothing to lose.
        self._put(self._rows([Kind.EXPIRE], 0.80, 1.80), _PRODUCT, [quiet])
        self._put(self._rows([Kind.EXPIRE], 1.60, 2.20), _EXPIRE, [1, MOST])
        self._put(self._rows([Kind.CANCEL_OWNER], 0.00, 1.00), _OWNER, [ABSENT_OWNER])
        self._put(self._rows([Kind.CALL, Kind.UNCROSS], 0.00, 0.30), _PRODUCT, self._bad_products())
        self._put(self._rows([Kind.UNCROSS], 0.30, 0.70), _FLAGS, [1, 128, 32 + 1, -1, LEAST, MOST])
        self._put(self._rows([Kind.UNCROSS], 0.70, 1.70), _PRODUCT, [quiet])
        strange = np.flatnonzero((self.table[_KIND] == len(Kind)) & (self.luck < 0.5 / max(self.weather.flaws, 1e-12)))
        self._put(strange, _KIND, [-1, LEAST, MOST])

    def _off_step(self, rows: NDArray[np.int64]) -> None:
        if self.features.step_tick > 1 and self.features.cap_tick > self.features.floor_tick:
            self.table[_PRICE, rows] = self.features.floor_tick + self.rng.integers(
                1, self.features.step_tick, len(rows)
            )

    def _off_lot(self, rows: NDArray[np.int64]) -> None:
        if self.features.lot_wh > 1:
            self.table[_QUANTITY, rows] += self.rng.integers(1, self.features.lot_wh, len(rows))

    def _heavy(self, rows: NDArray[np.int64]) -> None:
        """Quantities that at the ends of a wide band are worth more than one order may be."""
        lot = self.features.lot_wh
        self._put(rows, _PRICE, [self.features.floor_tick, self.features.cap_tick])
        self._put(rows, _QUANTITY, [(1 << 34) // lot * lot, MAX_QUANTITY_WH // lot * lot])
        self.table[_DISPLAY, rows] = np.where(
            self.table[_DISPLAY, rows] > 0, (1 << 30) // lot * lot, self.table[_DISPLAY, rows]
        )

    def _end_with_the_last_ids(self) -> None:
        """Let every other stream end with the highest ids there are; whatever comes after must be refused."""
        last = np.flatnonzero(self.submits)[-3:]
        if self.rng.random() < 0.5:
            self.table[_ORDER, last] = MOST - np.arange(len(last))[::-1]

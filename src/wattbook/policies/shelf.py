"""What an agent of the wholesale market can reckon with: the contracts of which it sees every period, side by side.

Owns arithmetic that utilities and producers share: energy of lots, prices over a profile, money that is set aside.
Knows no decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.contracts import Kind
from wattbook.contracts.words import MAX_ENERGY_WH, MAX_LOTS
from wattbook.policies.wholesale import Orders
from wattbook.units import MS_PER_HOUR, PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.policies.wholesale import AtDesk, Offered, Own, Public, Spec

    Ints = NDArray[np.int64]

GOOD_MS: Final = 12 * MS_PER_HOUR
"""How long requests and offers are good: longer than a session. An assumption of calibration."""
SET_ASIDE_PPM: Final = PPM // 10
"""Money kept back for what is offered, asked for or signed, as a share of its price: a desk's usual margin."""
_FINANCIAL: Final = (Kind.FUTURE_CASH, Kind.CFD)


class Shelf(NamedTuple):
    """Specs of which all periods are seen, with a fixed amount of energy: all kinds but pay-as-produced.

    Attributes
    ----------
    specs : tuple of Spec
    row : mapping of int to int
        From a spec's place in the catalogue to its row here.
    energy_wh : (s, n)
        Energy of one lot of each in each period.
    expected_tick : tuple of int
        Expected spot price over each one's profile, half-even.
    """

    specs: tuple[Spec, ...]
    row: Mapping[int, int]
    energy_wh: Ints
    expected_tick: tuple[int, ...]

    def lot_wh(self, row: int) -> int:
        """Energy of one lot [Wh]."""
        return int(self.energy_wh[row].sum())


def shelf_of(own: Own, public: Public, desk: AtDesk) -> Shelf:
    """Lay out the specs that can still be signed and of which every period is seen."""
    periods = len(own.contracted_wh)
    specs = tuple(
        spec
        for spec in desk.specs
        if spec.kind != Kind.PPA
        and own.now_ms < spec.ends_ms
        and own.first <= spec.first_period
        and spec.first_period + len(spec.profile_wh) <= own.first + periods
    )
    energy_wh = np.zeros((len(specs), periods), np.int64)
    for row, spec in enumerate(specs):
        start = spec.first_period - own.first
        energy_wh[row, start : start + len(spec.profile_wh)] = spec.profile_wh
    expected = tuple(half_even(_value(public.expected_tick, line), int(line.sum())) for line in energy_wh)
    return Shelf(specs, {spec.place: row for row, spec in enumerate(specs)}, energy_wh, expected)


def covered_wh(own: Own, desk: AtDesk, shelf: Shelf) -> Ints:
    """Give what contracts fix per period, bought - sold: those that deliver, and those that only fix the price (n,)."""
    lots = [desk.lots.get(spec.place, 0) if spec.kind in _FINANCIAL else 0 for spec in shelf.specs]
    fixed = own.contracted_wh + np.array(lots, np.int64) @ shelf.energy_wh
    # Of a long one the rest of its days, which can still be bought and sold one by one.
    return fixed + desk.fixed_wh if len(desk.fixed_wh) else fixed


def offered_wh(shelf: Shelf, offers: list[Offered]) -> Ints:
    """Give the energy that all these offers would fix together, per period (n,)."""
    lots = np.zeros(len(shelf.specs), np.int64)
    for offer in offers:
        if offer.spec in shelf.row:
            lots[shelf.row[offer.spec]] += offer.quantity
    return lots @ shelf.energy_wh


def set_aside(price_tick: int, energy_wh: int) -> int:
    """Give the money that is kept back for a contract [1e-8 EUR], rounded up."""
    return -(-abs(price_tick) * energy_wh * SET_ASIDE_PPM // PPM)


def affordable_lots(money: int, price_tick: int, lot_wh: int) -> int:
    """Give the most lots whose margin `money` covers, within what one command may name."""
    most = min(MAX_LOTS, MAX_ENERGY_WH // lot_wh)
    a_lot = abs(price_tick) * lot_wh * SET_ASIDE_PPM
    return most if a_lot == 0 else min(max(money, 0) * PPM // a_lot, most)


def on_offer_step(spec: Spec, public: Public, price_tick: int, *, up: bool) -> int | None:
    """Bring a price onto the spec's step and into the band, upwards or downwards; None where that has no place."""
    step = spec.step_tick
    price = -(-price_tick // step) * step if up else price_tick // step * step
    lowest, highest = -(-public.floor_tick // step) * step, public.cap_tick // step * step
    price = max(price, lowest) if up else min(price, highest)
    return price if lowest <= price <= highest else None


def orders_of(own: Own, *parts: tuple[int, int, Ints]) -> Orders:
    """Write day-ahead orders: for each (side, price, (n,) quantities) one per period in which it is above 0."""
    places = [np.flatnonzero(quantity_wh > 0) for _, _, quantity_wh in parts]
    columns = zip(parts, places, strict=True)
    rows = [
        np.stack([own.first + place, np.full_like(place, side), np.full_like(place, price), quantity_wh[place]])
        for (side, price, quantity_wh), place in columns
    ]
    period, side, price, quantity = np.concatenate(rows, axis=1).astype(np.int64)
    return Orders(period, side, price, quantity)


def _value(price_tick: Ints, energy_wh: Ints) -> int:
    """Give price x energy, summed; in Python's ints, which have no end."""
    held = np.flatnonzero(energy_wh)
    return sum(int(price) * int(wh) for price, wh in zip(price_tick[held], energy_wh[held], strict=True))

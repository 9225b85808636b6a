"""The spot price: offers of plants in the order of their prices, met by demand, period by period.

Owns the law of the wholesale spot market: a uniform-price call auction for each period on its own. `clear_by_auction`
tells it with `wattbook.book.call_auction`; `clear_spot` carries it out for a year at once, compiled. Knows nothing of
why a plant offers at a price, nor of what it can do in the next period.

1. Demand that pays any price is a bid at the cap, before all other bids. Bids and offers have time priority by their
   rows; a quantity of 0 is no order.
2. The price is the call auction's: most volume, least surplus, market pressure, nearest to the reference, lower tick.
   Where demand ends within an offer that offer's price is the only one. At a **kink**, where it ends exactly with an
   offer, every price from that offer's to one tick below the next one's has the same volume and no surplus: then it is
   the one nearest to the reference, and without a reference that of the last offer needed.
3. Where demand is above all supply, the price is the cap, and what is not served is told.
4. At the price's own level the earlier offer is served first.
5. Where nothing trades the price is that of the cheapest offer; without offers it is the cap if there is demand, and
   the floor if there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.book import BUY, MAX_QUANTITY_WH, SELL
from wattbook.errors import ConfigError
from wattbook.units import MONEY_BOUND, eur_per_mwh

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

FLOOR_TICK: Final = int(eur_per_mwh(-500))
CAP_TICK: Final = int(eur_per_mwh(4_000))
"""Band where nothing else is said: an assumption of calibration, near the bounds of European day-ahead auctions."""
_BEFORE_ALL: Final = -(MONEY_BOUND - 1)
"""A reference below every price takes the lower end of a tie."""


class Offers(NamedTuple):
    """What plants offer.

    Attributes
    ----------
    plant : (n,)
        Number of the plant that each offer is of, from 0; a plant may have several.
    price_tick : (n,) or (t, n)
        Limits [ticks], the same in all periods or of each.
    quantity_wh : (n,) or (t, n)
        Quantities [Wh].
    """

    plant: IntArray
    price_tick: IntArray
    quantity_wh: IntArray


class Bids(NamedTuple):
    """Demand that has a limit.

    Attributes
    ----------
    price_tick : (b,) or (t, b)
        Limits [ticks], the same in all periods or of each.
    quantity_wh : (b,) or (t, b)
        Quantities [Wh].
    """

    price_tick: IntArray
    quantity_wh: IntArray


class Spot(NamedTuple):
    """Outcome of the spot market.

    Attributes
    ----------
    price_tick : (t,)
        Price of each period [ticks].
    dispatch_wh : (t, p)
        What each plant sold [Wh].
    unserved_wh : (t,)
        Demand that found no supply [Wh].
    bought_wh : (t, b)
        What each bid with a limit got [Wh].
    """

    price_tick: IntArray
    dispatch_wh: IntArray
    unserved_wh: IntArray
    bought_wh: IntArray


class _Terms(NamedTuple):
    """Checked input: everything int64, quantities of every period; prices in one row, or one for each period."""

    plant: IntArray
    offer_tick: IntArray
    offer_wh: IntArray
    demand_wh: IntArray
    bid_tick: IntArray
    bid_wh: IntArray
    plants: int


def clear_spot(
    offers: Offers,
    demand_wh: npt.ArrayLike,
    *,
    bids: Bids | None = None,
    plants: int | None = None,
    floor_tick: int = FLOOR_TICK,
    cap_tick: int = CAP_TICK,
    reference_tick: int | None = None,
) -> Spot:
    """Clear the spot market of many periods.

    Parameters
    ----------
    offers : Offers
        What plants offer.
    demand_wh : (t,)
        What is bought at any price up to the cap [Wh].
    bids : Bids, optional
        Demand with limits.
    plants : int, optional
        Number of plants; one more than the highest in `offers` if nothing is said.
    floor_tick, cap_tick : int
        Band of prices [ticks].
    reference_tick : int, optional
        Decides at a kink [ticks]; without one the lower price.

    Returns
    -------
    Spot
        Prices and dispatch.

    Raises
    ------
    ConfigError
        With all the problems found.

    Examples
    --------
    Four plants of 1,000 MW over an hour, and demands that end within them; the last is a kink:

    >>> import numpy as np
    >>> offers = Offers(np.arange(4), np.array([1363, 2565, 4505, 5350]), np.full(4, 1_000_000_000))
    >>> spot = clear_spot(offers, [500_000_000, 1_500_000_000, 2_500_000_000, 3_500_000_000, 1_000_000_000])
    >>> spot.price_tick.tolist()
    [1363, 2565, 4505, 5350, 1363]
    >>> spot.dispatch_wh[1].tolist()
    [1000000000, 500000000, 0, 0]
    """
    from wattbook.market.kernel_merit_order import clear_each

    terms = _checked(offers, demand_wh, bids, plants, (floor_tick, cap_tick), reference_tick)
    spot = _empty(terms)
    reference = _BEFORE_ALL if reference_tick is None else int(reference_tick)
    clear_each(*terms[:-1], int(floor_tick), int(cap_tick), reference, *spot)
    return spot


def clear_by_auction(
    offers: Offers,
    demand_wh: npt.ArrayLike,
    *,
    bids: Bids | None = None,
    plants: int | None = None,
    floor_tick: int = FLOOR_TICK,
    cap_tick: int = CAP_TICK,
    reference_tick: int | None = None,
) -> Spot:
    """Clear the spot market as `clear_spot` does, period by period with the book's call auction: the law itself.

    Parameters and result are those of `clear_spot`.

    Raises
    ------
    ConfigError
        With all the problems found.
    """
    terms = _checked(offers, demand_wh, bids, plants, (floor_tick, cap_tick), reference_tick)
    spot = _empty(terms)
    for period, demand in enumerate(terms.demand_wh.tolist()):
        limits = [
            (cap_tick, demand),
            *zip(_row(terms.bid_tick, period), terms.bid_wh[period].tolist(), strict=True),
        ]
        asks = list(zip(_row(terms.offer_tick, period), terms.offer_wh[period].tolist(), strict=True))
        _clear_one(spot, period, limits, asks, terms.plant.tolist(), (floor_tick, cap_tick), reference_tick)
    return spot


def _clear_one(
    spot: Spot,
    period: int,
    limits: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    plant: list[int],
    band: tuple[int, int],
    reference_tick: int | None,
) -> None:
    """Write one period's outcome; the first of `limits` (price, quantity) is the demand at any price."""
    from wattbook.book import call_auction

    orders: list[tuple[int, ...]] = []
    place: list[int] = []
    for side, rows in ((BUY, limits), (SELL, asks)):
        for row, (tick, quantity) in enumerate(rows):
            # An order larger than one may be is several, one behind the other.
            for left in range(quantity, 0, -MAX_QUANTITY_WH):
                orders.append((len(orders), row, side, tick, min(left, MAX_QUANTITY_WH)))
                place.append(row)
    clearing = call_auction(np.array(orders, np.int64).reshape(-1, 5), reference_tick)
    # Bids come first, so the buyer is always the maker.
    for _, _, buyer, seller, _, quantity in clearing.fills.tolist():
        spot.dispatch_wh[period, plant[place[seller]]] += quantity
        if place[buyer]:
            spot.bought_wh[period, place[buyer] - 1] += quantity
        else:
            spot.unserved_wh[period] -= quantity
    spot.unserved_wh[period] += limits[0][1]
    cheapest = min((tick for tick, quantity in asks if quantity), default=None)
    if clearing.price_tick is not None:
        spot.price_tick[period] = clearing.price_tick
    elif cheapest is not None:
        spot.price_tick[period] = cheapest
    else:
        spot.price_tick[period] = band[1] if limits[0][1] else band[0]


def _row(ticks: IntArray, period: int) -> list[int]:
    """Prices of one period."""
    prices: list[int] = ticks[period if len(ticks) > 1 else 0].tolist()
    return prices


def _empty(terms: _Terms) -> Spot:
    """Make room for an outcome."""
    periods = len(terms.demand_wh)
    return Spot(
        np.zeros(periods, np.int64),
        np.zeros((periods, terms.plants), np.int64),
        np.zeros(periods, np.int64),
        np.zeros((periods, terms.bid_wh.shape[1]), np.int64),
    )


# --- what can be wrong


def _checked(
    offers: Offers,
    demand_wh: npt.ArrayLike,
    bids: Bids | None,
    plants: int | None,
    band: tuple[int, int],
    reference_tick: int | None,
) -> _Terms:
    """Lay everything out, or refuse it with all that is wrong."""
    problems: list[str] = []
    if reference_tick is not None and not isinstance(reference_tick, int | np.integer):
        problems.append(f"reference_tick={reference_tick!r} is not a whole number of ticks, nor None")
    if not band[0] <= band[1]:
        problems.append(f"floor_tick={band[0]} is above cap_tick={band[1]}: swap them")
    demand = _whole("demand_wh", demand_wh, problems)
    plant = _whole("offers.plant", offers.plant, problems)
    if demand.ndim != 1 or plant.ndim != 1:
        problems.append("demand_wh and offers.plant must have one dimension: give (t,) and (n,)")
    if problems:
        raise ConfigError(f"spot: {problem}" for problem in problems)
    count = int(plant.max(initial=-1)) + 1 if plants is None else plants
    if ((plant < 0) | (plant >= count)).any():
        problems.append(f"offers.plant must lie in 0 .. {count - 1}: give each offer its plant's number")
    periods = len(demand)
    none = Bids(np.zeros(0, np.int64), np.zeros(0, np.int64))
    offer_tick, offer_wh = _queue("offers", offers.price_tick, offers.quantity_wh, periods, band, problems)
    bid_tick, bid_wh = _queue("bids", *(bids or none), periods, band, problems)
    if not problems and offer_wh.shape[1] != len(plant):
        problems.append(f"offers.plant has {len(plant)} rows, its quantities have {offer_wh.shape[1]}: give one each")
    if (demand < 0).any():
        problems.append("demand_wh must not be negative: offer what is to be given away as a plant of its own")
    if not problems:
        totals = demand.astype(np.float64) + bid_wh.sum(axis=1, dtype=np.float64)
        if max(totals.max(initial=0), offer_wh.sum(axis=1, dtype=np.float64).max(initial=0)) >= MONEY_BOUND / 2:
            problems.append("quantities of one period add up to more than 2**61 Wh: use smaller ones")
    if problems:
        raise ConfigError(f"spot: {problem}" for problem in problems)
    return _Terms(plant, offer_tick, offer_wh, demand, bid_tick, bid_wh, count)


def _whole(name: str, values: npt.ArrayLike, problems: list[str]) -> IntArray:
    """Turn whole numbers into an int64 array."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        problems.append(f"{name} is of type {array.dtype}: give whole numbers")
        return np.zeros(array.shape, np.int64)
    array = np.ascontiguousarray(array, np.int64)
    return array if array.flags.writeable else array.copy()  # a kernel is compiled for one of the two


def _queue(
    name: str,
    ticks: npt.ArrayLike,
    quantities: npt.ArrayLike,
    periods: int,
    band: tuple[int, int],
    problems: list[str],
) -> tuple[IntArray, IntArray]:
    """Lay out prices (1 or t, n) and quantities (t, n) of one side."""
    tick = np.atleast_2d(_whole(f"{name}.price_tick", ticks, problems))
    quantity = _whole(f"{name}.quantity_wh", quantities, problems)
    columns = quantity.shape[-1] if quantity.ndim else -1
    if quantity.shape not in {(columns,), (periods, columns)} or tick.shape not in {(1, columns), (periods, columns)}:
        problems.append(
            f"{name}: prices of shape {np.shape(ticks)} and quantities of shape {quantity.shape} do not fit "
            f"{periods} periods: give (n,) or (t, n)"
        )
        return np.zeros((1, 0), np.int64), np.zeros((periods, 0), np.int64)
    if ((tick < band[0]) | (tick > band[1])).any():
        problems.append(f"{name}.price_tick must lie in the band {band[0]} .. {band[1]}: widen it or move the prices")
    if (quantity < 0).any():
        problems.append(f"{name}.quantity_wh must not be negative")
    return tick, np.tile(quantity, (periods, 1)) if quantity.ndim == 1 else quantity

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

from wattbook.assets.config import plain, whole_array, whole_problems
from wattbook.book import BUY, MAX_QUANTITY_WH, SELL
from wattbook.errors import ConfigError
from wattbook.units import MONEY_BOUND, eur_per_mwh

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

FLOOR_TICK: Final = int(eur_per_mwh(-500))
CAP_TICK: Final = int(eur_per_mwh(4_000))
"""Band where nothing else is said: an assumption of calibration, near the bounds of European day-ahead auctions."""
BAND_BOUND_TICK: Final = MONEY_BOUND // MAX_QUANTITY_WH - 1
"""Prices lie within +- this, 671,088.63 EUR/MWh: then |price| x quantity of any order of the book is below 2**62."""
MOST_CELLS: Final = 1 << 30
"""Largest table of an outcome, 8 GiB: a plant's number is a column of it, so a mistaken digit could take all memory."""
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
    band: tuple[int, int]
    reference_tick: int | None


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
        Number of plants; one more than the highest in `offers` if nothing is said. Times the periods at most
        `MOST_CELLS`.
    floor_tick, cap_tick : int
        Band of prices [ticks], within `BAND_BOUND_TICK`.
    reference_tick : int, optional
        Decides at a kink [ticks]; without one the lower price. Within `BAND_BOUND_TICK`, in the band or not.

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
    reference = _BEFORE_ALL if terms.reference_tick is None else terms.reference_tick
    clear_each(*terms[:6], *terms.band, reference, *spot)
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
            (terms.band[1], demand),
            *zip(_row(terms.bid_tick, period), terms.bid_wh[period].tolist(), strict=True),
        ]
        asks = list(zip(_row(terms.offer_tick, period), terms.offer_wh[period].tolist(), strict=True))
        _clear_one(spot, period, limits, asks, terms.plant.tolist(), terms.band, terms.reference_tick)
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
    """Lay everything out, or refuse it with all that is wrong; what hangs on something wrong is not asked."""
    problems: list[str] = []
    within = _band(band, problems)
    if reference_tick is not None:
        problems += _tick_problems("reference_tick", reference_tick)
    remedy = "give their number, or None"
    miscounted = [] if plants is None else whole_problems("plants", plain(plants), 0, MOST_CELLS, "number", remedy)
    problems += miscounted
    demand = _column("demand_wh", demand_wh, problems)
    periods = None if demand is None else len(demand)
    if demand is not None and (demand < 0).any():
        problems.append("demand_wh must not be negative: offer what is to be given away as a plant of its own")
    plant = asks = wants = count = None
    if isinstance(offers, Offers):
        plant = _column("offers.plant", offers.plant, problems)
        asks = _queue("offers", offers.price_tick, offers.quantity_wh, periods, within, problems)
    else:
        problems.append(
            f"offers of type {type(offers).__name__} are not Offers: give Offers(plant, price_tick, quantity_wh)"
        )
    if bids is None:
        bids = Bids(np.zeros(0, np.int64), np.zeros(0, np.int64))
    if isinstance(bids, Bids):
        wants = _queue("bids", bids.price_tick, bids.quantity_wh, periods, within, problems)
    else:
        problems.append(f"bids of type {type(bids).__name__} are not Bids: give Bids(price_tick, quantity_wh)")
    if plant is not None and not miscounted:
        count = _count(plant, None if plants is None else int(plants), periods or 1, problems)
    if plant is not None and asks is not None and asks[1].shape[-1] != len(plant):
        columns = asks[1].shape[-1]
        problems.append(f"offers.plant has {len(plant)} rows, its quantities have {columns}: give one each")
    if problems or within is None or demand is None or plant is None or asks is None or wants is None or count is None:
        raise ConfigError(f"spot: {problem}" for problem in problems)
    offer_wh, bid_wh = (
        np.tile(each, (len(demand), 1)) if each.ndim == 1 else each for each in (asks[1], wants[1])
    )  # fmt: skip
    totals = demand.astype(np.float64) + bid_wh.sum(axis=1, dtype=np.float64)
    if max(totals.max(initial=0), offer_wh.sum(axis=1, dtype=np.float64).max(initial=0)) >= MONEY_BOUND / 2:
        raise ConfigError("spot: quantities of one period add up to more than 2**61 Wh: use smaller ones")
    reference = None if reference_tick is None else int(reference_tick)
    return _Terms(plant, asks[0], offer_wh, demand, wants[0], bid_wh, count, within, reference)


def _tick_problems(name: str, tick: int) -> list[str]:
    bound = BAND_BOUND_TICK
    return whole_problems(name, plain(tick), -bound, bound, "price", "give eur_per_mwh(45)")


def _band(band: tuple[int, int], problems: list[str]) -> tuple[int, int] | None:
    """Give floor and cap as plain numbers."""
    found = [*_tick_problems("floor_tick", band[0]), *_tick_problems("cap_tick", band[1])]
    if not found and band[0] > band[1]:
        found.append(f"floor_tick={band[0]} is above cap_tick={band[1]}: swap them")
    problems += found
    return None if found else (int(band[0]), int(band[1]))


def _count(plant: IntArray, plants: int | None, periods: int, problems: list[str]) -> int:
    """Count the plants: the outcome has a column for each."""
    highest = int(plant.max(initial=-1))
    count = highest + 1 if plants is None else plants
    if ((plant < 0) | (plant >= count)).any():
        problems.append(f"offers.plant must lie in 0 .. {count - 1}: give each offer its plant's number")
    elif count * periods > MOST_CELLS:
        problems.append(
            f"{count} plants in {periods} periods are more than {MOST_CELLS} numbers: "
            "number plants from 0 without gaps, or clear fewer periods at once"
        )
    return count


def _whole(name: str, values: npt.ArrayLike, problems: list[str]) -> IntArray | None:
    """Turn whole numbers into an int64 array, or tell why not."""
    before = len(problems)
    array = whole_array(name, values, problems)
    if len(problems) > before:
        return None
    return array if array.flags.writeable else array.copy()  # a kernel is compiled for one of the two


def _column(name: str, values: npt.ArrayLike, problems: list[str]) -> IntArray | None:
    """Turn whole numbers into a column."""
    array = _whole(name, values, problems)
    if array is not None and array.ndim != 1:
        problems.append(f"{name} has shape {array.shape} and must have one dimension: give a column of numbers")
        return None
    return array


def _queue(
    name: str,
    ticks: npt.ArrayLike,
    quantities: npt.ArrayLike,
    periods: int | None,
    band: tuple[int, int] | None,
    problems: list[str],
) -> tuple[IntArray, IntArray] | None:
    """Lay out prices (1 or t, n) and quantities (n,) or (t, n) of one side; without `periods` any number of them."""
    price = _whole(f"{name}.price_tick", ticks, problems)
    quantity = _whole(f"{name}.quantity_wh", quantities, problems)
    if price is not None and band is not None and ((price < band[0]) | (price > band[1])).any():
        problems.append(f"{name}.price_tick must lie in the band {band[0]} .. {band[1]}: widen it or move the prices")
    if quantity is not None and (quantity < 0).any():
        problems.append(f"{name}.quantity_wh must not be negative")
    if price is None or quantity is None or periods is None:
        return None
    columns = quantity.shape[-1] if quantity.ndim else -1
    tick = np.atleast_2d(price)
    if quantity.shape not in {(columns,), (periods, columns)} or tick.shape not in {(1, columns), (periods, columns)}:
        problems.append(
            f"{name}: prices of shape {price.shape} and quantities of shape {quantity.shape} do not fit "
            f"{periods} periods: give (n,) or (t, n)"
        )
        return None
    return tick, quantity

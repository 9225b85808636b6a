"""What a utility is asked each day: whom it buys from, how much ahead, up to which price, and what it charges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.messages import NO_PRICE
from wattbook.policies.language.ladders import LEVELS, SHARES, ceiling_ppm, ppm_of, premium_tick, price_at
from wattbook.policies.language.observing import ANY, LETTERS, Handles, Meant, cheapest, coarse, handles_of, text_of
from wattbook.units import PPM, QUANTA_PER_EUR, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_RIVALS: Final = 6
"""Rivals' prices that are shown: the lowest, in rising order."""
ANSWERS: Final[Mapping[str, tuple[int | str, ...]]] = {
    "ceiling_level": LEVELS,
    "green_level": LEVELS,
    "hedge_day": SHARES,
    "hedge_week": SHARES,
    "retail_level": LEVELS,
    "supplier": (*LETTERS, ANY),
}


class Quote(NamedTuple):
    """What a supplier asks.

    Attributes
    ----------
    maker : int
        Its row; never shown.
    price_tick : int
    green : bool
        Whether guarantees of origin come along.
    lots : int
    """

    maker: int
    price_tick: int
    green: bool
    lots: int


class UtilityView(NamedTuple):
    """What a utility knows of the day to come; plain whole numbers.

    Attributes
    ----------
    quota_ppm, quota_met_ppm : int
        Share of its sales that guarantees have to cover, and what they cover so far.
    demand_p10_wh, demand_p50_wh, demand_p90_wh : int
        Quantiles of what its customers will draw on the day.
    quotes : tuple of Quote
    covered_day_ppm, covered_week_ppm : int
        Share of the expected need of the next day and of the seven next ones that contracts cover.
    rivals_tick : tuple of int
        Mean retail prices of the others.
    retail_tick, cost_tick : int
        Its own mean retail price, and what a MWh has cost it.
    expected_tick : int
        Mean of the day's expected prices at wholesale.
    shift_tick : int
        By how much its prices differ from the scenario's now.
    low_tick, high_tick : int
        Bounds of the next shift.
    customers, customers_before : int
        Now and a day ago.
    fines : int
        So far [1e-8 EUR].
    """

    quota_ppm: int
    quota_met_ppm: int
    demand_p10_wh: int
    demand_p50_wh: int
    demand_p90_wh: int
    quotes: tuple[Quote, ...]
    covered_day_ppm: int
    covered_week_ppm: int
    rivals_tick: tuple[int, ...]
    retail_tick: int
    cost_tick: int
    expected_tick: int
    shift_tick: int
    low_tick: int
    high_tick: int
    customers: int
    customers_before: int
    fines: int


class UtilityPlan(NamedTuple):
    """What a utility does.

    Attributes
    ----------
    supplier : int
        Row of the one whom it buys from first; -1 for whoever is cheapest.
    green_tick : int
        What it pays for guarantees beyond the energy.
    hedge_day_ppm, hedge_week_ppm : int
        Shares of the need of the next day, and of the six after it, that contracts should cover.
    mark_up_ppm : int
        What it pays at most beyond the expected price, as a share of that.
    shift_tick : int
        By how much its next retail prices differ from the scenario's.
    """

    supplier: int
    green_tick: int
    hedge_day_ppm: int
    hedge_week_ppm: int
    mark_up_ppm: int
    shift_tick: int


def observe(
    view: UtilityView, key: int, *, bucket: int = 0, order: str = "seeded", notes: str = ""
) -> tuple[str, Handles]:
    """Give what the model sees, and whom its handles stand for; see `wattbook.policies.language.consumer.observe`."""
    handles = _handles(view, key, order)
    seen = {
        "cost_tick": coarse(view.cost_tick, bucket),
        "covered_day_percent": _percent(view.covered_day_ppm),
        "covered_week_percent": _percent(view.covered_week_ppm),
        "customers": coarse(view.customers, bucket),
        "customers_before": coarse(view.customers_before, bucket),
        "demand_p10_wh": coarse(view.demand_p10_wh, bucket),
        "demand_p50_wh": coarse(view.demand_p50_wh, bucket),
        "demand_p90_wh": coarse(view.demand_p90_wh, bucket),
        "expected_tick": coarse(view.expected_tick, bucket),
        "fines_eur": coarse(half_even(view.fines, QUANTA_PER_EUR), bucket),
        "high_tick": coarse(view.high_tick, bucket),
        "low_tick": coarse(view.low_tick, bucket),
        "quota_met_percent": _percent(view.quota_met_ppm),
        "quota_percent": _percent(view.quota_ppm),
        "quotes": [_shown(letter, view.quotes[meant.place], bucket) for letter, meant in handles.each()],
        "retail_tick": coarse(view.retail_tick, bucket),
        "rivals_tick": [coarse(price, bucket) for price in sorted(view.rivals_tick)[:MOST_RIVALS]],
        "shift_tick": coarse(view.shift_tick, bucket),
    }
    return text_of(seen, notes), handles


def read(values: Mapping[str, Any], view: UtilityView, handles: Handles) -> UtilityPlan | None:
    """Give what an answer within the schema means here; None where it cannot be done now."""
    supplier = -1
    if values["supplier"] != ANY:
        meant = handles.find(values["supplier"])
        if meant is None:
            return None
        supplier = view.quotes[meant.place].maker
    shift = price_at(values["retail_level"], view.low_tick, view.high_tick)
    if shift == NO_PRICE:
        return None
    return UtilityPlan(
        supplier,
        premium_tick(values["green_level"]),
        ppm_of(values["hedge_day"]),
        ppm_of(values["hedge_week"]),
        ceiling_ppm(values["ceiling_level"]),
        shift,
    )


def _handles(view: UtilityView, key: int, order: str) -> Handles:
    places = cheapest([quote.price_tick for quote in view.quotes], len(LETTERS))
    prices = [view.quotes[place].price_tick for place in places]
    return handles_of([Meant("quote", place) for place in places], prices, key, order)


def _shown(letter: str, quote: Quote, bucket: int) -> dict[str, int | str]:
    return {
        "green": int(quote.green),
        "handle": letter,
        "lots": coarse(quote.lots, bucket),
        "price_tick": coarse(quote.price_tick, bucket),
    }


def _percent(ppm: int) -> int:
    return half_even(ppm * 100, PPM)

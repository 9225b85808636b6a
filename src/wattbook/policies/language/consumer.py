"""What a consumer is asked in a period: whether to buy, of whom, how much of its need, and up to which price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.messages import NO_PRICE
from wattbook.policies.language.ladders import LEVELS, SHARES, part_of, price_at
from wattbook.policies.language.observing import (
    ANY,
    LETTERS,
    Handles,
    Meant,
    cheapest,
    coarse,
    coarse_price,
    handles_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FEEDER: Final = 0
DISTRICT: Final = 1
ANYWHERE: Final = -1
WHERE: Final = ("feeder", "district")
MOST_OFFERS: Final = 3
"""Local offers that are shown, the cheapest; tariffs get the letters that are left, the own one first."""
ANSWERS: Final[Mapping[str, tuple[int | str, ...]]] = {
    "action": ("none", "utility", "local"),
    "counterparty": (*LETTERS, ANY),
    "limit_level": LEVELS,
    "share": SHARES,
}


class LocalOffer(NamedTuple):
    """The best ask of a book.

    Attributes
    ----------
    book : int
        `FEEDER` or `DISTRICT`.
    price_tick, quantity_wh : int
    fee_tick : int
        What a MWh from there costs more on its way than one from the own feeder, VAT included; 0 for the feeder.
    """

    book: int
    price_tick: int
    quantity_wh: int
    fee_tick: int = 0


class Tariff(NamedTuple):
    """What a utility offers.

    Attributes
    ----------
    utility : str
        Its name; never shown.
    price_tick : int
        Mean retail price.
    green_percent : int
    binds_days : int
        How long it would bind; the own one, how long it still does.
    is_own : bool
    """

    utility: str
    price_tick: int
    green_percent: int
    binds_days: int
    is_own: bool


class ConsumerView(NamedTuple):
    """What a consumer knows of one product; plain whole numbers.

    Attributes
    ----------
    need_wh : int
        What it expects to draw in the period and has not bought yet; 0 or less for none.
    need_next_wh : int
        The same of the period after.
    willing_tick : int
        Highest price in the feeder's book at which energy costs no more than the utility's, fees and VAT included.
    retail_tick, feed_in_tick : int
        Of its utility, in this period.
    gate_min : int
        Minutes until the product can no longer be traded.
    position_wh : int
        Bought - sold so far.
    offers : tuple of LocalOffer
    tariffs : tuple of Tariff
    bid_tick, spread_tick : int
        Best bid that it can see, and how far the best ask lies above it; `NO_PRICE` without one.
    depth_wh : int
        Energy at the best asks.
    step_tick, floor_tick, cap_tick : int
        Step and band of prices in its books.
    """

    need_wh: int
    need_next_wh: int
    willing_tick: int
    retail_tick: int
    feed_in_tick: int
    gate_min: int
    position_wh: int
    offers: tuple[LocalOffer, ...]
    tariffs: tuple[Tariff, ...]
    bid_tick: int
    spread_tick: int
    depth_wh: int
    step_tick: int
    floor_tick: int
    cap_tick: int


class ConsumerPlan(NamedTuple):
    """What a consumer does.

    Attributes
    ----------
    action : str
        "none", "utility" or "local".
    book : int
        `FEEDER`, `DISTRICT`, or `ANYWHERE` where its price reaches furthest.
    limit_tick : int
        Highest price in that book, of `ANYWHERE` in the feeder's; a district's is lower by what the way costs more.
        0 unless it buys locally.
    quantity_wh : int
        Above 0 where it buys locally, never above its need; else 0.
    utility : str or None
        Which it would take when it may next choose; None to stay.
    """

    action: str
    book: int = ANYWHERE
    limit_tick: int = 0
    quantity_wh: int = 0
    utility: str | None = None


def observe(
    view: ConsumerView, key: int, *, bucket: int = 0, order: str = "seeded", notes: str = ""
) -> tuple[str, Handles]:
    """Give what the model sees, and whom its handles stand for.

    Parameters
    ----------
    key : int
        Permutes the handles; agents that are to share a request need the same one.
    bucket : int
        Width of the grid for numbers [%]; 0 for exact ones.
    order : str
        See `wattbook.policies.language.observing.ARRANGEMENTS`.
    notes : str
        Text of others to quote, for studies of injection.
    """
    handles = _handles(view, key, order)
    offers, tariffs = [], []
    for letter, (kind, place) in handles.each():
        if kind == "local":
            offers.append(_shown_offer(letter, view.offers[place], bucket))
        else:
            tariffs.append(_shown_tariff(letter, view.tariffs[place], bucket))
    seen = {
        "bid_tick": coarse_price(view.bid_tick, bucket),
        "depth_wh": coarse(view.depth_wh, bucket),
        "feed_in_tick": coarse(view.feed_in_tick, bucket),
        "gate_min": coarse(view.gate_min, bucket),
        "need_next_wh": coarse(view.need_next_wh, bucket),
        "need_wh": coarse(view.need_wh, bucket),
        "offers": offers,
        "position_wh": coarse(view.position_wh, bucket),
        "retail_tick": coarse(view.retail_tick, bucket),
        "spread_tick": coarse_price(view.spread_tick, bucket),
        "tariffs": tariffs,
        "willing_tick": coarse(view.willing_tick, bucket),
    }
    return text_of(seen, notes), handles


def read(values: Mapping[str, Any], view: ConsumerView, handles: Handles) -> ConsumerPlan | None:
    """Give what an answer within the schema means here; None where it cannot be done now."""
    action, letter = values["action"], values["counterparty"]
    if action == "none":
        return ConsumerPlan("none")
    meant = Meant(ANY, -1) if letter == ANY else handles.find(letter)
    if meant is None:
        return None
    if action == "utility":
        return _with_utility(view, meant)
    return _locally(view, meant, values["limit_level"], values["share"])


def _handles(view: ConsumerView, key: int, order: str) -> Handles:
    places = cheapest([offer.price_tick + offer.fee_tick for offer in view.offers], MOST_OFFERS)
    # The own tariff is always shown.
    ranks = [tariff.price_tick if not tariff.is_own else NO_PRICE for tariff in view.tariffs]
    chosen = cheapest(ranks, len(LETTERS) - len(places))
    meant = [Meant("local", place) for place in places] + [Meant("tariff", place) for place in chosen]
    if order != "price":
        return handles_of(meant, (), key, order)
    prices = [view.offers[place].price_tick + view.offers[place].fee_tick for place in places]
    return handles_of(meant, prices + [view.tariffs[place].price_tick for place in chosen], key, order)


def _shown_offer(letter: str, offer: LocalOffer, bucket: int) -> dict[str, int | str]:
    return {
        "fee_tick": coarse(offer.fee_tick, bucket),
        "handle": letter,
        "price_tick": coarse(offer.price_tick, bucket),
        "quantity_wh": coarse(offer.quantity_wh, bucket),
        "where": WHERE[offer.book],
    }


def _shown_tariff(letter: str, tariff: Tariff, bucket: int) -> dict[str, int | str]:
    return {
        "binds_days": coarse(tariff.binds_days, bucket),
        "green_percent": tariff.green_percent,
        "handle": letter,
        "own": int(tariff.is_own),
        "price_tick": coarse(tariff.price_tick, bucket),
    }


def _with_utility(view: ConsumerView, meant: Meant) -> ConsumerPlan | None:
    if meant.kind == "local":
        return None
    if meant.kind == ANY or view.tariffs[meant.place].is_own:
        return ConsumerPlan("utility")
    return ConsumerPlan("utility", utility=view.tariffs[meant.place].utility)


def _locally(view: ConsumerView, meant: Meant, level: int, share: int) -> ConsumerPlan | None:
    if meant.kind == "tariff" or view.need_wh <= 0:
        return None
    quantity = part_of(view.need_wh, share)
    if not quantity:
        return ConsumerPlan("none")
    offer = view.offers[meant.place] if meant.kind == "local" else None
    limit = _limit_tick(view, level, offer.fee_tick if offer else 0)
    if limit == NO_PRICE:
        return None
    return ConsumerPlan("local", offer.book if offer else ANYWHERE, limit, quantity)


def _limit_tick(view: ConsumerView, level: int, fee_tick: int) -> int:
    """Give the price of a level between what selling to the utility would bring and what is worth paying."""
    most = min(view.willing_tick - fee_tick, view.cap_tick)
    least = max(min(view.feed_in_tick, most), view.floor_tick)
    return price_at(level, least, most, view.step_tick)

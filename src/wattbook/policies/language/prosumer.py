"""What a prosumer is asked in a period: what of its PV it keeps, stores and sells, for how much, and its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.messages import NO_PRICE
from wattbook.policies.language.ladders import LEVELS, SHARES, part_of, price_at
from wattbook.policies.language.observing import NOBODY, Handles, coarse, coarse_price, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHOLE: Final = 100
ANSWERS: Final[Mapping[str, tuple[int | str, ...]]] = {
    "ask_level": LEVELS,
    "grid": ("stay", "disconnect", "reconnect"),
    "self_share": SHARES,
    "sell_share": SHARES,
    "store_share": SHARES,
}


class ProsumerView(NamedTuple):
    """What a prosumer knows of one product; plain whole numbers.

    Attributes
    ----------
    pv_wh, pv_next_wh : int
        Expected output of its panels in this period and the one after.
    load_wh : int
        Expected load.
    surplus_wh : int
        Output less load, what it has sold already taken off, before the battery; below 0 for a lack.
    soc_wh, capacity_wh : int
        Of its battery; 0 without one.
    charge_w, discharge_w : int
        Most that it takes and gives.
    spill_wh : int
        Part of what it would take that it could not use before it is full again.
    feed_in_tick, retail_tick : int
        Of its utility, in this period.
    buyer_tick : int
        Highest price at which the cheapest buyer would still save.
    bid_tick, ask_tick : int
        Best quotes that it can see; `NO_PRICE` for an empty side.
    pv_age_years : int
    connected : bool
        Whether it takes part in the local market.
    step_tick, floor_tick, cap_tick : int
        Step and band of prices in its books.
    """

    pv_wh: int
    pv_next_wh: int
    load_wh: int
    surplus_wh: int
    soc_wh: int
    capacity_wh: int
    charge_w: int
    discharge_w: int
    spill_wh: int
    feed_in_tick: int
    retail_tick: int
    buyer_tick: int
    bid_tick: int
    ask_tick: int
    pv_age_years: int
    connected: bool
    step_tick: int
    floor_tick: int
    cap_tick: int


class ProsumerPlan(NamedTuple):
    """What a prosumer does.

    Attributes
    ----------
    sell_wh : int
        Never above its surplus; 0 while it is away or leaves.
    ask_tick : int
        Lowest price at which it sells; 0 where it sells nothing.
    store_wh : int
        What is meant for the battery: never above the surplus that is not sold, and the battery's room.
    grid : str
        "stay", "disconnect" or "reconnect".
    """

    sell_wh: int
    ask_tick: int
    store_wh: int
    grid: str


def observe(
    view: ProsumerView,
    key: int,  # noqa: ARG001 - the one form; it sees no counterparties
    *,
    bucket: int = 0,
    order: str = "seeded",  # noqa: ARG001 - as key
    notes: str = "",
) -> tuple[str, Handles]:
    """Give what the model sees; for the parameters see `wattbook.policies.language.consumer.observe`."""
    seen = {
        "ask_tick": coarse_price(view.ask_tick, bucket),
        "bid_tick": coarse_price(view.bid_tick, bucket),
        "buyer_tick": coarse(view.buyer_tick, bucket),
        "capacity_wh": coarse(view.capacity_wh, bucket),
        "charge_w": coarse(view.charge_w, bucket),
        "connected": int(view.connected),
        "discharge_w": coarse(view.discharge_w, bucket),
        "feed_in_tick": coarse(view.feed_in_tick, bucket),
        "load_wh": coarse(view.load_wh, bucket),
        "pv_age_years": coarse(view.pv_age_years, bucket),
        "pv_next_wh": coarse(view.pv_next_wh, bucket),
        "pv_wh": coarse(view.pv_wh, bucket),
        "retail_tick": coarse(view.retail_tick, bucket),
        "soc_wh": coarse(view.soc_wh, bucket),
        "spill_wh": coarse(view.spill_wh, bucket),
        "surplus_wh": coarse(view.surplus_wh, bucket),
    }
    return text_of(seen, notes), NOBODY


def read(values: Mapping[str, Any], view: ProsumerView, handles: Handles) -> ProsumerPlan | None:  # noqa: ARG001 - the one form
    """Give what an answer within the schema means here; None where it cannot be done now."""
    grid = values["grid"]
    if values["self_share"] + values["store_share"] + values["sell_share"] != _WHOLE:
        return None
    if grid == ("reconnect" if view.connected else "disconnect"):
        return None
    surplus = max(view.surplus_wh, 0)
    sells = grid == "reconnect" or (grid == "stay" and view.connected)
    sell = min(part_of(view.pv_wh, values["sell_share"]), surplus) if sells else 0
    ask = _ask_tick(view, values["ask_level"]) if sell else 0
    if ask == NO_PRICE:
        return None
    room = max(view.capacity_wh - view.soc_wh, 0)
    store = min(part_of(view.pv_wh, values["store_share"]), surplus - sell, room)
    return ProsumerPlan(sell, ask, store, grid)


def _ask_tick(view: ProsumerView, level: int) -> int:
    """Give the price of a level between what the utility pays and what the cheapest buyer would still save at."""
    least = max(view.feed_in_tick, view.floor_tick)
    # Drawn onto the step: a ladder whose ends lie closer than a step still has its lowest price.
    least = -(-least // view.step_tick) * view.step_tick
    if least > view.cap_tick:
        return NO_PRICE
    return price_at(level, least, max(min(view.buyer_tick, view.cap_tick), least), view.step_tick)

"""Replace: a new limit and remaining quantity for a resting order, with or without its place in the queue."""

from __future__ import annotations

from typing import Final

from wattbook.book import BUY, MAX_QUANTITY_WH, SELL, Code
from wattbook.testing.conformance_cases import (
    ANNA,
    BERT,
    CLEO,
    FILLED,
    REPLACED,
    Case,
    case,
    replace,
    submit,
)

CASES: Final[tuple[Case, ...]] = (
    case(
        "an ask replaced by itself keeps its place",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, SELL, 100, 10),
        replace(1, ANNA, 100, 10).tells((1, REPLACED, 100, 0, 10)).rests(10),
        asks=((1, ANNA, 100, 10), (2, BERT, 100, 10)),
    ),
    case(
        "a bid replaced by itself keeps its place",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, BUY, 100, 10),
        replace(1, ANNA, 100, 10).tells((1, REPLACED, 100, 0, 10)).rests(10),
        bids=((1, ANNA, 100, 10), (2, BERT, 100, 10)),
    ),
    case(
        "an ask made smaller keeps its place",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, SELL, 100, 10),
        replace(1, ANNA, 100, 3).tells((1, REPLACED, 100, -7, 3)).rests(3),
        submit(3, CLEO, BUY, 100, 5).trades((1, 3, 100, 3), (2, 3, 100, 2)),
        asks=((2, BERT, 100, 8),),
    ),
    case(
        "a bid made smaller keeps its place",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, BUY, 100, 10),
        replace(1, ANNA, 100, 3).tells((1, REPLACED, 100, -7, 3)).rests(3),
        submit(3, CLEO, SELL, 100, 5).trades((1, 3, 100, 3), (2, 3, 100, 2)),
        bids=((2, BERT, 100, 8),),
    ),
    case(
        "an ask made larger goes last at its price",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, SELL, 100, 10),
        replace(1, ANNA, 100, 11).tells((1, REPLACED, 100, 1, 11)).rests(11),
        submit(3, CLEO, BUY, 100, 15).trades((2, 3, 100, 10), (1, 3, 100, 5)),
        asks=((1, ANNA, 100, 6),),
    ),
    case(
        "a bid made larger goes last at its price",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, BUY, 100, 10),
        replace(1, ANNA, 100, 11).tells((1, REPLACED, 100, 1, 11)).rests(11),
        submit(3, CLEO, SELL, 100, 15).trades((2, 3, 100, 10), (1, 3, 100, 5)),
        bids=((1, ANNA, 100, 6),),
    ),
    case(
        "an ask moved to another price goes last there, even with less",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, SELL, 105, 10),
        replace(1, ANNA, 105, 1).tells((1, REPLACED, 105, -9, 1)),
        submit(3, CLEO, BUY, 105, 5).trades((2, 3, 105, 5)),
        asks=((2, BERT, 105, 5), (1, ANNA, 105, 1)),
    ),
    case(
        "a bid moved to another price goes last there, even with less",
        submit(1, ANNA, BUY, 105, 10),
        submit(2, BERT, BUY, 100, 10),
        replace(1, ANNA, 100, 1).tells((1, REPLACED, 100, -9, 1)),
        submit(3, CLEO, SELL, 100, 5).trades((2, 3, 100, 5)),
        bids=((2, BERT, 100, 5), (1, ANNA, 100, 1)),
    ),
    case(
        "a replaced bid may take, and its rest stands at the new limit under the old id",
        submit(1, ANNA, BUY, 90, 10),
        submit(2, BERT, SELL, 100, 4),
        replace(1, ANNA, 110, 12)
        .trades((2, 1, 100, 4))
        .tells((1, REPLACED, 110, 2, 12), (2, FILLED, 100, 4, 0), (1, FILLED, 100, 4, 8))
        .rests(8),
        bids=((1, ANNA, 110, 8),),
    ),
    case(
        "a replaced ask may take, and its rest stands at the new limit under the old id",
        submit(1, ANNA, SELL, 110, 10),
        submit(2, BERT, BUY, 100, 4),
        replace(1, ANNA, 90, 12)
        .trades((2, 1, 100, 4))
        .tells((1, REPLACED, 90, 2, 12), (2, FILLED, 100, 4, 0), (1, FILLED, 100, 4, 8))
        .rests(8),
        asks=((1, ANNA, 90, 8),),
    ),
    case(
        "a replaced bid that is filled at once is gone",
        submit(1, ANNA, BUY, 90, 4),
        submit(2, BERT, SELL, 100, 10),
        replace(1, ANNA, 100, 4).trades((2, 1, 100, 4)).rests(0),
        replace(1, ANNA, 100, 4).refused(Code.UNKNOWN_ORDER),
        asks=((2, BERT, 100, 6),),
    ),
    case(
        "a replaced ask that is filled at once is gone",
        submit(1, ANNA, SELL, 110, 4),
        submit(2, BERT, BUY, 100, 10),
        replace(1, ANNA, 100, 4).trades((2, 1, 100, 4)).rests(0),
        replace(1, ANNA, 100, 4).refused(Code.UNKNOWN_ORDER),
        bids=((2, BERT, 100, 6),),
    ),
    case(
        "replace speaks of what remains of an ask, not of what it was",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, SELL, 100, 10),
        submit(3, CLEO, BUY, 100, 4).trades((1, 3, 100, 4)),
        replace(1, ANNA, 100, 7).tells((1, REPLACED, 100, 1, 7)),
        asks=((2, BERT, 100, 10), (1, ANNA, 100, 7)),
    ),
    case(
        "replace speaks of what remains of a bid, not of what it was",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, BUY, 100, 10),
        submit(3, CLEO, SELL, 100, 4).trades((1, 3, 100, 4)),
        replace(1, ANNA, 100, 7).tells((1, REPLACED, 100, 1, 7)),
        bids=((2, BERT, 100, 10), (1, ANNA, 100, 7)),
    ),
    case(
        "a bid moved away uncovers the next best bid",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, BUY, 99, 5),
        replace(1, ANNA, 98, 5).rests(5),
        submit(3, CLEO, SELL, 98, 7).trades((2, 3, 99, 5), (1, 3, 98, 2)),
        bids=((1, ANNA, 98, 3),),
    ),
    case(
        "an ask moved away uncovers the next best ask",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, SELL, 101, 5),
        replace(1, ANNA, 102, 5).rests(5),
        submit(3, CLEO, BUY, 102, 7).trades((2, 3, 101, 5), (1, 3, 102, 2)),
        asks=((1, ANNA, 102, 3),),
    ),
    case(
        "nobody replaces another's bid",
        submit(1, ANNA, BUY, 100, 10),
        replace(1, BERT, 100, 5).refused(Code.NOT_OWNER),
        bids=((1, ANNA, 100, 10),),
    ),
    case(
        "nobody replaces another's ask",
        submit(1, ANNA, SELL, 100, 10),
        replace(1, BERT, 100, 5).refused(Code.NOT_OWNER),
        asks=((1, ANNA, 100, 10),),
    ),
    case(
        "an order that never was cannot be replaced",
        replace(1, ANNA, 100, 5).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "a bid cannot be moved above the cap",
        submit(1, ANNA, BUY, 90, 10),
        submit(2, BERT, BUY, 90, 10),
        replace(1, ANNA, 505, 5).refused(Code.PRICE_OUTSIDE_BAND),
        terms={"floor_tick": -500, "cap_tick": 500},
        bids=((1, ANNA, 90, 10), (2, BERT, 90, 10)),
    ),
    case(
        "an ask cannot be moved below the floor",
        submit(1, ANNA, SELL, 90, 10),
        submit(2, BERT, SELL, 90, 10),
        replace(1, ANNA, -505, 5).refused(Code.PRICE_OUTSIDE_BAND),
        terms={"floor_tick": -500, "cap_tick": 500},
        asks=((1, ANNA, 90, 10), (2, BERT, 90, 10)),
    ),
    case(
        "a bid cannot be moved off the step",
        submit(1, ANNA, BUY, 90, 10),
        replace(1, ANNA, 93, 10).refused(Code.PRICE_OFF_STEP),
        terms={"step_tick": 5},
        bids=((1, ANNA, 90, 10),),
    ),
    case(
        "an ask cannot be moved off the step",
        submit(1, ANNA, SELL, 90, 10),
        replace(1, ANNA, 93, 10).refused(Code.PRICE_OFF_STEP),
        terms={"step_tick": 5},
        asks=((1, ANNA, 90, 10),),
    ),
    case(
        "a bid cannot be replaced by nothing",
        submit(1, ANNA, BUY, 90, 10),
        replace(1, ANNA, 90, 0).refused(Code.QUANTITY_NOT_POSITIVE),
        bids=((1, ANNA, 90, 10),),
    ),
    case(
        "an ask cannot be replaced by less than nothing",
        submit(1, ANNA, SELL, 90, 10),
        replace(1, ANNA, 90, -5).refused(Code.QUANTITY_NOT_POSITIVE),
        asks=((1, ANNA, 90, 10),),
    ),
    case(
        "a bid cannot be replaced by more than any order may have",
        submit(1, ANNA, BUY, 90, 10),
        replace(1, ANNA, 90, MAX_QUANTITY_WH + 1).refused(Code.QUANTITY_TOO_LARGE),
        replace(1, ANNA, 90, MAX_QUANTITY_WH).rests(MAX_QUANTITY_WH),
        bids=((1, ANNA, 90, MAX_QUANTITY_WH),),
    ),
    case(
        "an ask cannot be replaced by more than any order may have",
        submit(1, ANNA, SELL, 90, 10),
        replace(1, ANNA, 90, MAX_QUANTITY_WH + 1).refused(Code.QUANTITY_TOO_LARGE),
        replace(1, ANNA, 90, MAX_QUANTITY_WH).rests(MAX_QUANTITY_WH),
        asks=((1, ANNA, 90, MAX_QUANTITY_WH),),
    ),
    case(
        "a bid cannot be replaced by a part of a lot",
        submit(1, ANNA, BUY, 90, 20),
        replace(1, ANNA, 90, 15).refused(Code.QUANTITY_OFF_LOT),
        terms={"lot_wh": 10},
        bids=((1, ANNA, 90, 20),),
    ),
    case(
        "an ask cannot be replaced by a part of a lot",
        submit(1, ANNA, SELL, 90, 20),
        replace(1, ANNA, 90, 15).refused(Code.QUANTITY_OFF_LOT),
        terms={"lot_wh": 10},
        asks=((1, ANNA, 90, 20),),
    ),
)

"""Admission: what is wrong with an order is told by one code, the first in the order of the checks."""

from __future__ import annotations

from typing import Final

from wattbook.book import BUY, MAX_QUANTITY_WH, SELL, Code
from wattbook.testing.conformance_cases import (
    ANNA,
    BERT,
    FOK,
    IOC,
    MARKET,
    PAY_AS_BID,
    POST_ONLY,
    PRO_RATA,
    REPRICE,
    Case,
    call,
    cancel,
    case,
    command,
    expire,
    replace,
    submit,
    uncross,
)

CASES: Final[tuple[Case, ...]] = (
    case("a kind of command that nobody knows is refused", command(99).refused(Code.UNKNOWN_KIND)),
    case("a side is buy or sell and not both", submit(1, ANNA, 0, 100, 5).refused(Code.BAD_SIDE)),
    case("a side twice as strong as buy is none", submit(1, ANNA, 2, 100, 5).refused(Code.BAD_SIDE)),
    case("a side twice as strong as sell is none", submit(1, ANNA, -2, 100, 5).refused(Code.BAD_SIDE)),
    # The price.
    case(
        "a bid at the cap is taken, one above is refused",
        submit(1, ANNA, BUY, 501, 5).refused(Code.PRICE_OUTSIDE_BAND),
        submit(1, ANNA, BUY, 500, 5).rests(5),
        terms={"floor_tick": -500, "cap_tick": 500},
        bids=((1, ANNA, 500, 5),),
    ),
    case(
        "an ask at the floor is taken, one below is refused",
        submit(1, ANNA, SELL, -501, 5).refused(Code.PRICE_OUTSIDE_BAND),
        submit(1, ANNA, SELL, -500, 5).rests(5),
        terms={"floor_tick": -500, "cap_tick": 500},
        asks=((1, ANNA, -500, 5),),
    ),
    case(
        "a bid below the floor is refused, though it would hardly trade",
        submit(1, ANNA, BUY, -501, 5).refused(Code.PRICE_OUTSIDE_BAND),
        terms={"floor_tick": -500, "cap_tick": 500},
    ),
    case(
        "an ask above the cap is refused, though it would hardly trade",
        submit(1, ANNA, SELL, 501, 5).refused(Code.PRICE_OUTSIDE_BAND),
        terms={"floor_tick": -500, "cap_tick": 500},
    ),
    case(
        "a bid below zero stands on a step or is refused",
        submit(1, ANNA, BUY, -7, 5).refused(Code.PRICE_OFF_STEP),
        submit(1, ANNA, BUY, -5, 5).rests(5),
        terms={"step_tick": 5},
        bids=((1, ANNA, -5, 5),),
    ),
    case(
        "an ask below zero stands on a step or is refused",
        submit(1, ANNA, SELL, -7, 5).refused(Code.PRICE_OFF_STEP),
        submit(1, ANNA, SELL, -5, 5).rests(5),
        terms={"step_tick": 5},
        asks=((1, ANNA, -5, 5),),
    ),
    case(
        "an immediate buyer keeps to the step, too",
        submit(1, ANNA, BUY, 101, 5, flags=IOC).refused(Code.PRICE_OFF_STEP),
        terms={"step_tick": 5},
    ),
    case(
        "an immediate seller keeps to the step, too",
        submit(1, ANNA, SELL, 101, 5, flags=IOC).refused(Code.PRICE_OFF_STEP),
        terms={"step_tick": 5},
    ),
    # The quantity.
    case(
        "a bid for nothing is refused, one for a watt-hour is not",
        submit(1, ANNA, BUY, 100, 0).refused(Code.QUANTITY_NOT_POSITIVE),
        submit(1, ANNA, BUY, 100, 1).rests(1),
        bids=((1, ANNA, 100, 1),),
    ),
    case(
        "an ask of less than nothing is refused, one of a watt-hour is not",
        submit(1, ANNA, SELL, 100, -1).refused(Code.QUANTITY_NOT_POSITIVE),
        submit(1, ANNA, SELL, 100, 1).rests(1),
        asks=((1, ANNA, 100, 1),),
    ),
    case(
        "the largest bid is taken, one watt-hour more is refused",
        submit(1, ANNA, BUY, 100, MAX_QUANTITY_WH + 1).refused(Code.QUANTITY_TOO_LARGE),
        submit(1, ANNA, BUY, 100, MAX_QUANTITY_WH).rests(MAX_QUANTITY_WH),
        bids=((1, ANNA, 100, MAX_QUANTITY_WH),),
    ),
    case(
        "the largest ask is taken, one watt-hour more is refused",
        submit(1, ANNA, SELL, 100, MAX_QUANTITY_WH + 1).refused(Code.QUANTITY_TOO_LARGE),
        submit(1, ANNA, SELL, 100, MAX_QUANTITY_WH).rests(MAX_QUANTITY_WH),
        asks=((1, ANNA, 100, MAX_QUANTITY_WH),),
    ),
    case(
        "a bid is a whole number of lots",
        submit(1, ANNA, BUY, 100, 15).refused(Code.QUANTITY_OFF_LOT),
        submit(1, ANNA, BUY, 100, 20).rests(20),
        terms={"lot_wh": 10},
        bids=((1, ANNA, 100, 20),),
    ),
    case(
        "an ask is a whole number of lots",
        submit(1, ANNA, SELL, 100, 15).refused(Code.QUANTITY_OFF_LOT),
        submit(1, ANNA, SELL, 100, 20).rests(20),
        terms={"lot_wh": 10},
        asks=((1, ANNA, 100, 20),),
    ),
    case(
        "a market buyer asks for whole lots, too",
        submit(1, ANNA, BUY, 0, 5, flags=MARKET).refused(Code.QUANTITY_OFF_LOT),
        terms={"lot_wh": 10},
    ),
    case(
        "a market seller offers whole lots, too",
        submit(1, ANNA, SELL, 0, 5, flags=MARKET).refused(Code.QUANTITY_OFF_LOT),
        terms={"lot_wh": 10},
    ),
    # The flags.
    case(
        "a bid cannot ask for pro rata",
        submit(1, ANNA, BUY, 100, 5, flags=PRO_RATA).refused(Code.UNKNOWN_FLAGS),
    ),
    case(
        "an ask cannot ask for pay-as-bid",
        submit(1, ANNA, SELL, 100, 5, flags=PAY_AS_BID).refused(Code.UNKNOWN_FLAGS),
    ),
    case(
        "a bid with all flags there are is refused as unknown",
        submit(1, ANNA, BUY, 100, 5, flags=-1).refused(Code.UNKNOWN_FLAGS),
    ),
    case(
        "an ask with all flags there are is refused as unknown",
        submit(1, ANNA, SELL, 100, 5, flags=-1).refused(Code.UNKNOWN_FLAGS),
    ),
    case(
        "a buyer is not immediate and fill-or-kill at once",
        submit(1, ANNA, BUY, 100, 5, flags=IOC | FOK).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "a seller is not immediate and fill-or-kill at once",
        submit(1, ANNA, SELL, 100, 5, flags=IOC | FOK).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "a post-only bid does not take immediately",
        submit(1, ANNA, BUY, 100, 5, flags=POST_ONLY | IOC).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "a post-only ask does not take immediately",
        submit(1, ANNA, SELL, 100, 5, flags=POST_ONLY | IOC).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "a post-only bid is not filled or killed",
        submit(1, ANNA, BUY, 100, 5, flags=POST_ONLY | FOK).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "a post-only ask is not filled or killed",
        submit(1, ANNA, SELL, 100, 5, flags=POST_ONLY | FOK).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "a post-only bid does not take at any price",
        submit(1, ANNA, BUY, 100, 5, flags=POST_ONLY | MARKET).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "a post-only ask does not take at any price",
        submit(1, ANNA, SELL, 100, 5, flags=POST_ONLY | MARKET).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "only a post-only bid can be repriced",
        submit(1, ANNA, BUY, 100, 5, flags=REPRICE).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "only a post-only ask can be repriced",
        submit(1, ANNA, SELL, 100, 5, flags=REPRICE).refused(Code.CONFLICTING_FLAGS),
    ),
    # Ids and owners.
    case(
        "ids of bids rise, with gaps if they like",
        submit(7, ANNA, BUY, 100, 5),
        submit(7, BERT, BUY, 100, 5).refused(Code.ORDER_NOT_RISING),
        submit(6, BERT, BUY, 100, 5).refused(Code.ORDER_NOT_RISING),
        submit(90, BERT, BUY, 100, 5).rests(5),
        bids=((7, ANNA, 100, 5), (90, BERT, 100, 5)),
    ),
    case(
        "ids of asks rise, with gaps if they like",
        submit(7, ANNA, SELL, 100, 5),
        submit(7, BERT, SELL, 100, 5).refused(Code.ORDER_NOT_RISING),
        submit(6, BERT, SELL, 100, 5).refused(Code.ORDER_NOT_RISING),
        submit(90, BERT, SELL, 100, 5).rests(5),
        asks=((7, ANNA, 100, 5), (90, BERT, 100, 5)),
    ),
    case("ids of bids begin with one", submit(0, ANNA, BUY, 100, 5).refused(Code.ORDER_NOT_RISING)),
    case("ids of asks begin with one", submit(-3, ANNA, SELL, 100, 5).refused(Code.ORDER_NOT_RISING)),
    case(
        "a refused bid does not use up its id",
        submit(5, ANNA, BUY, 101, 5).refused(Code.PRICE_OFF_STEP),
        submit(3, ANNA, BUY, 100, 5).rests(5),
        submit(5, ANNA, BUY, 100, 5).rests(5),
        terms={"step_tick": 5},
        bids=((3, ANNA, 100, 5), (5, ANNA, 100, 5)),
    ),
    case(
        "a refused ask does not use up its id",
        submit(5, ANNA, SELL, 101, 5).refused(Code.PRICE_OFF_STEP),
        submit(3, ANNA, SELL, 100, 5).rests(5),
        submit(5, ANNA, SELL, 100, 5).rests(5),
        terms={"step_tick": 5},
        asks=((3, ANNA, 100, 5), (5, ANNA, 100, 5)),
    ),
    case(
        "an owner of number zero may bid and cancel like any other",
        submit(1, 0, BUY, 100, 5),
        cancel(1, ANNA).refused(Code.NOT_OWNER),
        cancel(1, 0),
    ),
    case(
        "an owner of a negative number may ask and cancel like any other",
        submit(1, -8, SELL, 100, 5),
        cancel(1, ANNA).refused(Code.NOT_OWNER),
        cancel(1, -8),
    ),
    # The first reason counts.
    case(
        "the product is looked at before the side",
        submit(1, ANNA, 0, 100, 5, product=1).refused(Code.UNKNOWN_PRODUCT),
    ),
    case(
        "the side is looked at before the quantity",
        submit(1, ANNA, 3, 100, 0, flags=POST_ONLY).refused(Code.BAD_SIDE),
    ),
    case(
        "of a bid the quantity is looked at before the flags",
        submit(1, ANNA, BUY, 100, 0, flags=IOC | FOK).refused(Code.QUANTITY_NOT_POSITIVE),
    ),
    case(
        "of an ask the quantity is looked at before the flags",
        submit(1, ANNA, SELL, 100, 0, flags=IOC | FOK).refused(Code.QUANTITY_NOT_POSITIVE),
    ),
    case(
        "of a bid the largest quantity is looked at before the lot",
        submit(1, ANNA, BUY, 100, MAX_QUANTITY_WH + 1, flags=FOK).refused(Code.QUANTITY_TOO_LARGE),
        terms={"lot_wh": 10},
    ),
    case(
        "of an ask the largest quantity is looked at before the lot",
        submit(1, ANNA, SELL, 100, MAX_QUANTITY_WH + 1, flags=FOK).refused(Code.QUANTITY_TOO_LARGE),
        terms={"lot_wh": 10},
    ),
    case(
        "of a bid unknown flags are looked at before conflicting ones",
        submit(1, ANNA, BUY, 100, 5, flags=IOC | FOK | PRO_RATA).refused(Code.UNKNOWN_FLAGS),
    ),
    case(
        "of an ask unknown flags are looked at before conflicting ones",
        submit(1, ANNA, SELL, 100, 5, flags=IOC | FOK | PRO_RATA).refused(Code.UNKNOWN_FLAGS),
    ),
    case(
        "of a bid the flags are looked at before the slice",
        submit(1, ANNA, BUY, 100, 5, flags=REPRICE, display_wh=6).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "of an ask the flags are looked at before the slice",
        submit(1, ANNA, SELL, 100, 5, flags=REPRICE, display_wh=6).refused(Code.CONFLICTING_FLAGS),
    ),
    case(
        "of a bid the slice is looked at before the time",
        submit(1, ANNA, BUY, 100, 5, display_wh=6, expire_ms=-1).refused(Code.BAD_DISPLAY),
    ),
    case(
        "of an ask the slice is looked at before the time",
        submit(1, ANNA, SELL, 100, 5, display_wh=6, expire_ms=-1).refused(Code.BAD_DISPLAY),
    ),
    case(
        "of a bid the time is looked at before the price",
        submit(1, ANNA, BUY, 1_000_000, 5, flags=POST_ONLY, expire_ms=-1).refused(Code.BAD_EXPIRY),
    ),
    case(
        "of an ask the time is looked at before the price",
        submit(1, ANNA, SELL, 1_000_000, 5, flags=POST_ONLY, expire_ms=-1).refused(Code.BAD_EXPIRY),
    ),
    case(
        "of a bid the band is looked at before the step",
        submit(1, ANNA, BUY, 506, 5, flags=IOC).refused(Code.PRICE_OUTSIDE_BAND),
        terms={"floor_tick": -500, "cap_tick": 500, "step_tick": 5},
    ),
    case(
        "of an ask the band is looked at before the step",
        submit(1, ANNA, SELL, -506, 5, flags=IOC).refused(Code.PRICE_OUTSIDE_BAND),
        terms={"floor_tick": -500, "cap_tick": 500, "step_tick": 5},
    ),
    case(
        "of a bid the price is looked at before the id",
        submit(0, ANNA, BUY, 1_000_000, 5, flags=FOK).refused(Code.PRICE_OUTSIDE_BAND),
    ),
    case(
        "of an ask the price is looked at before the id",
        submit(0, ANNA, SELL, 1_000_000, 5, flags=FOK).refused(Code.PRICE_OUTSIDE_BAND),
    ),
    case(
        "of a bid the id is looked at before the phase",
        call(),
        submit(0, ANNA, BUY, 100, 5, flags=IOC).refused(Code.ORDER_NOT_RISING),
        calling=(0,),
    ),
    case(
        "of an ask the id is looked at before the phase",
        call(),
        submit(0, ANNA, SELL, 100, 5, flags=IOC).refused(Code.ORDER_NOT_RISING),
        calling=(0,),
    ),
    case(
        "of a post-only bid the room is looked at before what it would cross",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, BUY, 100, 5, flags=POST_ONLY).refused(Code.BOOK_FULL),
        terms={"max_orders": 1},
        asks=((1, ANNA, 100, 5),),
    ),
    case(
        "of a post-only ask the room is looked at before what it would cross",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, SELL, 100, 5, flags=POST_ONLY).refused(Code.BOOK_FULL),
        terms={"max_orders": 1},
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "of a replaced bid the owner is looked at before the quantity",
        submit(1, ANNA, BUY, 100, 5),
        replace(1, BERT, 100, 0).refused(Code.NOT_OWNER),
        replace(2, BERT, 100, 0).refused(Code.UNKNOWN_ORDER),
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "of a replaced ask the owner is looked at before the quantity",
        submit(1, ANNA, SELL, 100, 5),
        replace(1, BERT, 100, 0).refused(Code.NOT_OWNER),
        replace(2, BERT, 100, 0).refused(Code.UNKNOWN_ORDER),
        asks=((1, ANNA, 100, 5),),
    ),
    case(
        "of a replaced bid the quantity is looked at before the slices, and these before the price",
        submit(1, ANNA, BUY, 100, 20, display_wh=10),
        replace(1, ANNA, 1_000_000, 20_005).refused(Code.QUANTITY_OFF_LOT),
        replace(1, ANNA, 1_000_000, 20_000).refused(Code.BAD_DISPLAY),
        replace(1, ANNA, 1_000_000, 10_000).refused(Code.PRICE_OUTSIDE_BAND),
        terms={"lot_wh": 10},
        bids=((1, ANNA, 100, 20),),
        bid_levels=((100, 10, 1),),
    ),
    case(
        "of a replaced ask the quantity is looked at before the slices, and these before the price",
        submit(1, ANNA, SELL, 100, 20, display_wh=10),
        replace(1, ANNA, 1_000_000, 20_005).refused(Code.QUANTITY_OFF_LOT),
        replace(1, ANNA, 1_000_000, 20_000).refused(Code.BAD_DISPLAY),
        replace(1, ANNA, 1_000_000, 10_000).refused(Code.PRICE_OUTSIDE_BAND),
        terms={"lot_wh": 10},
        asks=((1, ANNA, 100, 20),),
        ask_levels=((100, 10, 1),),
    ),
    case(
        "of a replaced post-only bid the price is looked at before what it would cross",
        submit(1, ANNA, BUY, 90, 5, flags=POST_ONLY),
        submit(2, BERT, SELL, 100, 5),
        replace(1, ANNA, 101, 5).refused(Code.PRICE_OFF_STEP),
        terms={"step_tick": 5},
        bids=((1, ANNA, 90, 5),),
        asks=((2, BERT, 100, 5),),
    ),
    case(
        "of a replaced post-only ask the price is looked at before what it would cross",
        submit(1, ANNA, SELL, 110, 5, flags=POST_ONLY),
        submit(2, BERT, BUY, 100, 5),
        replace(1, ANNA, 99, 5).refused(Code.PRICE_OFF_STEP),
        terms={"step_tick": 5},
        bids=((2, BERT, 100, 5),),
        asks=((1, ANNA, 110, 5),),
    ),
    case(
        "of an auction the flags are looked at before the phase",
        uncross(flags=FOK).refused(Code.UNKNOWN_FLAGS),
    ),
    case(
        "of an auction the product is looked at before the flags",
        uncross(product=1, flags=FOK).refused(Code.UNKNOWN_PRODUCT),
    ),
    case(
        "of an expiry the product is looked at before the time",
        expire(product=1, until_ms=-1).refused(Code.UNKNOWN_PRODUCT),
    ),
)

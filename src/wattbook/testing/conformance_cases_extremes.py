"""Extremes: the ends of int64, the largest prices and quantities, and values that are no whole numbers at all."""

from __future__ import annotations

from typing import Final

from wattbook.book import BUY, MAX_QUANTITY_WH, SELL, Code
from wattbook.testing.conformance_cases import (
    ACCEPTED,
    ANNA,
    BERT,
    CANCELLED,
    CLEO,
    EXPIRED,
    FILLED,
    FOK,
    IOC,
    MARKET,
    POST_ONLY,
    PRO_RATA,
    REPRICE,
    Case,
    call,
    cancel,
    cancel_owner,
    case,
    command,
    expire,
    replace,
    submit,
    uncross,
)

LEAST: Final = -9_223_372_036_854_775_808
MOST: Final = 9_223_372_036_854_775_807
DEAREST: Final = 4_611_686_018_427_387_903
HALF: Final = 2_305_843_009_213_693_952

CASES: Final[tuple[Case, ...]] = (
    case(
        "the largest id is the last one for bids",
        submit(MOST, ANNA, BUY, 100, 5),
        submit(MOST, ANNA, BUY, 100, 5).refused(Code.ORDER_NOT_RISING),
        cancel(MOST, ANNA).tells((MOST, CANCELLED, 100, 5, 0)),
    ),
    case(
        "the largest id is the last one for asks",
        submit(MOST, ANNA, SELL, 100, 5),
        submit(MOST, ANNA, SELL, 100, 5).refused(Code.ORDER_NOT_RISING),
        cancel(MOST, ANNA).tells((MOST, CANCELLED, 100, 5, 0)),
    ),
    case(
        "the smallest id is none for a post-only bid",
        submit(LEAST, ANNA, BUY, 100, 5, flags=POST_ONLY).refused(Code.ORDER_NOT_RISING),
    ),
    case(
        "the smallest id is none for a post-only ask",
        submit(LEAST, ANNA, SELL, 100, 5, flags=POST_ONLY).refused(Code.ORDER_NOT_RISING),
    ),
    case(
        "owners at both ends of int64 trade, the smallest as buyer",
        submit(1, MOST, SELL, 100, 5),
        submit(2, LEAST, BUY, 100, 7).trades((1, 2, 100, 5)).rests(2),
        cancel_owner(LEAST).tells((2, CANCELLED, 100, 2, 0)),
        terms={"self_trade": "cancel-both"},
    ),
    case(
        "owners at both ends of int64 trade, the smallest as seller",
        submit(1, MOST, BUY, 100, 5),
        submit(2, LEAST, SELL, 100, 7).trades((1, 2, 100, 5)).rests(2),
        cancel_owner(LEAST).tells((2, CANCELLED, 100, 2, 0)),
        terms={"self_trade": "cancel-both"},
    ),
    case(
        "a bid at the largest int64 is outside the band",
        submit(1, ANNA, BUY, MOST, 1, flags=POST_ONLY).refused(Code.PRICE_OUTSIDE_BAND),
    ),
    case(
        "an ask at the smallest int64 is outside the band",
        submit(1, ANNA, SELL, LEAST, 1, flags=POST_ONLY).refused(Code.PRICE_OUTSIDE_BAND),
    ),
    case(
        "a market buyer may name the smallest int64 as its price",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, BUY, LEAST, 2, flags=MARKET)
        .trades((1, 2, 100, 2))
        .tells((2, ACCEPTED, 400_000, 2, 2), (1, FILLED, 100, 2, 3), (2, FILLED, 100, 2, 0)),
        submit(3, CLEO, BUY, MOST, 3, flags=MARKET).trades((1, 3, 100, 3)),
    ),
    case(
        "a market seller may name the largest int64 as its price",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, SELL, MOST, 2, flags=MARKET)
        .trades((1, 2, 100, 2))
        .tells((2, ACCEPTED, -50_000, 2, 2), (1, FILLED, 100, 2, 3), (2, FILLED, 100, 2, 0)),
        submit(3, CLEO, SELL, LEAST, 3, flags=MARKET).trades((1, 3, 100, 3)),
    ),
    case(
        "the largest int64 of energy is too large to bid for",
        submit(1, ANNA, BUY, 100, MOST, flags=IOC).refused(Code.QUANTITY_TOO_LARGE),
    ),
    case(
        "the largest int64 of energy is too large to offer",
        submit(1, ANNA, SELL, 100, MOST, flags=IOC).refused(Code.QUANTITY_TOO_LARGE),
    ),
    case(
        "the smallest int64 of energy is not positive for a buyer",
        submit(1, ANNA, BUY, 100, LEAST, flags=FOK).refused(Code.QUANTITY_NOT_POSITIVE),
    ),
    case(
        "the smallest int64 of energy is not positive for a seller",
        submit(1, ANNA, SELL, 100, LEAST, flags=FOK).refused(Code.QUANTITY_NOT_POSITIVE),
    ),
    case(
        "a side at either end of int64 is none",
        submit(1, ANNA, LEAST, 100, 5).refused(Code.BAD_SIDE),
        submit(1, ANNA, MOST, 100, 5).refused(Code.BAD_SIDE),
    ),
    case(
        "flags at either end of int64 are unknown to a bid",
        submit(1, ANNA, BUY, 100, 5, flags=LEAST).refused(Code.UNKNOWN_FLAGS),
        submit(1, ANNA, BUY, 100, 5, flags=MOST).refused(Code.UNKNOWN_FLAGS),
    ),
    case(
        "flags at either end of int64 are unknown to an ask",
        submit(1, ANNA, SELL, 100, 5, flags=LEAST).refused(Code.UNKNOWN_FLAGS),
        submit(1, ANNA, SELL, 100, 5, flags=MOST).refused(Code.UNKNOWN_FLAGS),
    ),
    case(
        "slices at either end of int64 are none of a bid's",
        submit(1, ANNA, BUY, 100, 5, display_wh=LEAST).refused(Code.BAD_DISPLAY),
        submit(1, ANNA, BUY, 100, 5, display_wh=MOST).refused(Code.BAD_DISPLAY),
    ),
    case(
        "slices at either end of int64 are none of an ask's",
        submit(1, ANNA, SELL, 100, 5, display_wh=LEAST).refused(Code.BAD_DISPLAY),
        submit(1, ANNA, SELL, 100, 5, display_wh=MOST).refused(Code.BAD_DISPLAY),
    ),
    case(
        "a bid may be good until the last millisecond, and not until the first",
        submit(1, ANNA, BUY, 100, 5, expire_ms=LEAST).refused(Code.BAD_EXPIRY),
        submit(1, ANNA, BUY, 100, 5, expire_ms=MOST),
        expire(until_ms=MOST - 1).tells(),
        expire(until_ms=MOST).tells((1, EXPIRED, 100, 5, 0)),
    ),
    case(
        "an ask may be good until the last millisecond, and not until the first",
        submit(1, ANNA, SELL, 100, 5, expire_ms=LEAST).refused(Code.BAD_EXPIRY),
        submit(1, ANNA, SELL, 100, 5, expire_ms=MOST),
        expire(until_ms=MOST - 1).tells(),
        expire(until_ms=MOST).tells((1, EXPIRED, 100, 5, 0)),
    ),
    case(
        "products at either end of int64 are unknown to a bid",
        submit(1, ANNA, BUY, 100, 5, product=LEAST).refused(Code.UNKNOWN_PRODUCT),
        submit(1, ANNA, BUY, 100, 5, product=MOST).refused(Code.UNKNOWN_PRODUCT),
    ),
    case(
        "products at either end of int64 are unknown to an ask",
        submit(1, ANNA, SELL, 100, 5, product=LEAST).refused(Code.UNKNOWN_PRODUCT),
        submit(1, ANNA, SELL, 100, 5, product=MOST).refused(Code.UNKNOWN_PRODUCT),
    ),
    case(
        "products at either end of int64 have no expiry, call phase or auction",
        expire(product=LEAST).refused(Code.UNKNOWN_PRODUCT),
        expire(product=MOST).refused(Code.UNKNOWN_PRODUCT),
        call(LEAST).refused(Code.UNKNOWN_PRODUCT),
        call(MOST).refused(Code.UNKNOWN_PRODUCT),
        uncross(LEAST).refused(Code.UNKNOWN_PRODUCT),
        uncross(MOST).refused(Code.UNKNOWN_PRODUCT),
    ),
    case(
        "expiry up to the first millisecond is refused",
        expire(until_ms=LEAST).refused(Code.BAD_EXPIRY),
    ),
    case(
        "kinds at either end of int64 are unknown",
        command(LEAST).refused(Code.UNKNOWN_KIND),
        command(MOST).refused(Code.UNKNOWN_KIND),
        command(-1).refused(Code.UNKNOWN_KIND),
    ),
    case(
        "ids at either end of int64 cannot be cancelled or replaced where they never were",
        cancel(LEAST, ANNA).refused(Code.UNKNOWN_ORDER),
        cancel(MOST, ANNA).refused(Code.UNKNOWN_ORDER),
        replace(LEAST, ANNA, 100, 5).refused(Code.UNKNOWN_ORDER),
        replace(MOST, ANNA, 100, 5).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "auction flags at either end of int64 are unknown",
        call(),
        uncross(flags=LEAST).refused(Code.UNKNOWN_FLAGS),
        uncross(flags=MOST).refused(Code.UNKNOWN_FLAGS),
        calling=(0,),
    ),
    # Prices whose trades no ledger entry could hold.
    case(
        "a bid of the dearest watt-hour is taken",
        submit(1, ANNA, BUY, DEAREST, 1, flags=POST_ONLY).rests(1),
        submit(2, ANNA, BUY, DEAREST, 2, flags=POST_ONLY).refused(Code.NOTIONAL_TOO_LARGE),
        terms={"floor_tick": -DEAREST, "cap_tick": DEAREST},
        bids=((1, ANNA, DEAREST, 1),),
    ),
    case(
        "an ask that pays most for one watt-hour is taken",
        submit(1, ANNA, SELL, -DEAREST, 1, flags=POST_ONLY).rests(1),
        submit(2, ANNA, SELL, -DEAREST, 2, flags=POST_ONLY).refused(Code.NOTIONAL_TOO_LARGE),
        terms={"floor_tick": -DEAREST, "cap_tick": DEAREST},
        asks=((1, ANNA, -DEAREST, 1),),
    ),
    case(
        "the dearest bid and the cheapest ask trade at the bid's price when it was there before",
        submit(1, ANNA, BUY, DEAREST, 1),
        submit(2, BERT, SELL, -DEAREST, 1, display_wh=1).trades((1, 2, DEAREST, 1)),
        terms={"floor_tick": -DEAREST, "cap_tick": DEAREST},
    ),
    case(
        "the cheapest ask and the dearest bid trade at the ask's price when it was there before",
        submit(1, ANNA, SELL, -DEAREST, 1),
        submit(2, BERT, BUY, DEAREST, 1, display_wh=1).trades((1, 2, -DEAREST, 1)),
        terms={"floor_tick": -DEAREST, "cap_tick": DEAREST},
    ),
    case(
        "a bid cannot be replaced by one of too much money",
        submit(1, ANNA, BUY, HALF, 1),
        replace(1, ANNA, HALF, 2).refused(Code.NOTIONAL_TOO_LARGE),
        replace(1, ANNA, -HALF, 2).refused(Code.NOTIONAL_TOO_LARGE),
        terms={"floor_tick": -HALF, "cap_tick": HALF},
        bids=((1, ANNA, HALF, 1),),
    ),
    case(
        "an ask cannot be replaced by one of too much money",
        submit(1, ANNA, SELL, HALF, 1),
        replace(1, ANNA, HALF, 2).refused(Code.NOTIONAL_TOO_LARGE),
        replace(1, ANNA, -HALF, 2).refused(Code.NOTIONAL_TOO_LARGE),
        terms={"floor_tick": -HALF, "cap_tick": HALF},
        asks=((1, ANNA, HALF, 1),),
    ),
    case(
        "a bid that would be repriced into too much money is refused",
        submit(1, ANNA, SELL, -1_152_921_504_606_846_976, 1),
        submit(2, BERT, BUY, 0, 100, flags=POST_ONLY | REPRICE).refused(Code.NOTIONAL_TOO_LARGE),
        terms={"floor_tick": -HALF, "cap_tick": HALF},
        asks=((1, ANNA, -1_152_921_504_606_846_976, 1),),
    ),
    case(
        "an ask that would be repriced into too much money is refused",
        submit(1, ANNA, BUY, 1_152_921_504_606_846_976, 1),
        submit(2, BERT, SELL, 0, 100, flags=POST_ONLY | REPRICE).refused(Code.NOTIONAL_TOO_LARGE),
        terms={"floor_tick": -HALF, "cap_tick": HALF},
        bids=((1, ANNA, 1_152_921_504_606_846_976, 1),),
    ),
    case(
        "two of the largest bids add up in one level",
        submit(1, ANNA, BUY, 1, MAX_QUANTITY_WH),
        submit(2, BERT, BUY, 1, MAX_QUANTITY_WH),
        submit(3, CLEO, SELL, 1, MAX_QUANTITY_WH).trades((1, 3, 1, MAX_QUANTITY_WH)),
        submit(4, CLEO, BUY, 1, MAX_QUANTITY_WH),
        bids=((2, BERT, 1, 68_719_476_736), (4, CLEO, 1, 68_719_476_736)),
        bid_levels=((1, 137_438_953_472, 2),),
    ),
    case(
        "two of the largest asks add up in one level",
        submit(1, ANNA, SELL, 1, MAX_QUANTITY_WH),
        submit(2, BERT, SELL, 1, MAX_QUANTITY_WH),
        submit(3, CLEO, BUY, 1, MAX_QUANTITY_WH).trades((1, 3, 1, MAX_QUANTITY_WH)),
        submit(4, CLEO, SELL, 1, MAX_QUANTITY_WH),
        asks=((2, BERT, 1, 68_719_476_736), (4, CLEO, 1, 68_719_476_736)),
        ask_levels=((1, 137_438_953_472, 2),),
    ),
    case(
        "an auction weighs bids at the top of the widest band against an ask of the largest money",
        call(),
        submit(1, ANNA, BUY, DEAREST, 1),
        submit(2, ANNA, BUY, DEAREST, 1),
        submit(3, BERT, SELL, -2_305_843_009_213_693_951, 2),
        uncross(reference_tick=-1).trades((1, 3, -1, 1), (2, 3, -1, 1)),
        terms={"floor_tick": -DEAREST, "cap_tick": DEAREST},
    ),
    case(
        "an auction weighs asks at the bottom of the widest band against bids at its top, the reference far above",
        call(),
        submit(1, ANNA, SELL, -DEAREST, 1),
        submit(2, ANNA, SELL, -DEAREST, 1),
        submit(3, BERT, BUY, DEAREST, 1),
        submit(4, BERT, BUY, DEAREST, 1),
        uncross(reference_tick=MOST).trades((1, 3, DEAREST, 1), (2, 4, DEAREST, 1)),
        terms={"floor_tick": -DEAREST, "cap_tick": DEAREST},
    ),
    # Pro rata of the largest quantities: the product of two of them does not fit into 64 bits.
    case(
        "pro rata shares out the largest bids exactly",
        call(),
        submit(1, ANNA, BUY, 1, 68_719_476_736),
        submit(2, BERT, BUY, 1, 68_719_476_735),
        submit(3, CLEO, SELL, 1, 68_719_476_736),
        uncross(flags=PRO_RATA).trades((1, 3, 1, 34_359_738_368), (2, 3, 1, 34_359_738_368)),
        bids=((1, ANNA, 1, 34_359_738_368), (2, BERT, 1, 34_359_738_367)),
    ),
    case(
        "pro rata shares out the largest asks exactly",
        call(),
        submit(1, ANNA, SELL, 1, 68_719_476_736),
        submit(2, BERT, SELL, 1, 68_719_476_735),
        submit(3, CLEO, BUY, 1, 68_719_476_736),
        uncross(flags=PRO_RATA).trades((1, 3, 1, 34_359_738_368), (2, 3, 1, 34_359_738_368)),
        asks=((1, ANNA, 1, 34_359_738_368), (2, BERT, 1, 34_359_738_367)),
    ),
    # What is no whole number of 64 bits never reaches a batch; the doors of single orders refuse it.
    case(
        "a bid of half a watt-hour is no whole number",
        submit(1, ANNA, BUY, 100, 0.5).refused(Code.NOT_A_WHOLE_NUMBER),
    ),
    case(
        "an ask of a rounded float is no whole number either",
        submit(1, ANNA, SELL, 100, 5.0).refused(Code.NOT_A_WHOLE_NUMBER),
    ),
    case(
        "a bid beyond int64 is no whole number of 64 bits",
        submit(1, ANNA, BUY, 9_223_372_036_854_775_808, 5, flags=MARKET).refused(Code.NOT_A_WHOLE_NUMBER),
    ),
    case(
        "an ask beyond int64 is no whole number of 64 bits",
        submit(1, ANNA, SELL, -9_223_372_036_854_775_809, 5, flags=MARKET).refused(Code.NOT_A_WHOLE_NUMBER),
    ),
    case(
        "an owner's name is no whole number, for a bid",
        submit(1, "anna", BUY, 100, 5, flags=IOC).refused(Code.NOT_A_WHOLE_NUMBER),
    ),
    case(
        "an owner's name is no whole number, for an ask",
        submit(1, "anna", SELL, 100, 5, flags=IOC).refused(Code.NOT_A_WHOLE_NUMBER),
    ),
    case(
        "nothing is no whole number, and no new price of a bid",
        submit(1, ANNA, BUY, 100, 5),
        replace(1, ANNA, None, 5).refused(Code.NOT_A_WHOLE_NUMBER),
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "nothing is no whole number, and no new price of an ask",
        submit(1, ANNA, SELL, 100, 5),
        replace(1, ANNA, None, 5).refused(Code.NOT_A_WHOLE_NUMBER),
        asks=((1, ANNA, 100, 5),),
    ),
    case(
        "yes is no whole number of watt-hours to bid for",
        submit(1, ANNA, BUY, 100, True, display_wh=1).refused(Code.NOT_A_WHOLE_NUMBER),
    ),
    case(
        "yes is no whole number of watt-hours to offer",
        submit(1, ANNA, SELL, 100, True, display_wh=1).refused(Code.NOT_A_WHOLE_NUMBER),
    ),
)

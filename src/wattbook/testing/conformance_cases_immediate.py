"""Immediate-or-cancel, fill-or-kill and market orders: they take at once and never rest."""

from __future__ import annotations

from typing import Final

from wattbook.book import BUY, SELL, Code
from wattbook.testing.conformance_cases import (
    ACCEPTED,
    ANNA,
    BERT,
    CANCELLED,
    CLEO,
    DORA,
    FILLED,
    FOK,
    IOC,
    MARKET,
    Case,
    case,
    submit,
)

CASES: Final[tuple[Case, ...]] = (
    case(
        "an immediate buyer takes what is there and the rest is cancelled",
        submit(1, ANNA, SELL, 100, 4),
        submit(2, BERT, BUY, 110, 10, flags=IOC)
        .trades((1, 2, 100, 4))
        .tells((2, ACCEPTED, 110, 10, 10), (1, FILLED, 100, 4, 0), (2, FILLED, 100, 4, 6), (2, CANCELLED, 110, 6, 0))
        .rests(0),
    ),
    case(
        "an immediate seller takes what is there and the rest is cancelled",
        submit(1, ANNA, BUY, 100, 4),
        submit(2, BERT, SELL, 90, 10, flags=IOC)
        .trades((1, 2, 100, 4))
        .tells((2, ACCEPTED, 90, 10, 10), (1, FILLED, 100, 4, 0), (2, FILLED, 100, 4, 6), (2, CANCELLED, 90, 6, 0))
        .rests(0),
    ),
    case(
        "an immediate buyer who finds nothing is accepted all the same",
        submit(1, ANNA, BUY, 100, 4, flags=IOC).tells((1, ACCEPTED, 100, 4, 4), (1, CANCELLED, 100, 4, 0)).rests(0),
    ),
    case(
        "an immediate seller who finds nothing is accepted all the same",
        submit(1, ANNA, SELL, 100, 4, flags=IOC).tells((1, ACCEPTED, 100, 4, 4), (1, CANCELLED, 100, 4, 0)).rests(0),
    ),
    case(
        "an immediate buyer stops at the limit and leaves dearer asks alone",
        submit(1, ANNA, SELL, 100, 4),
        submit(2, BERT, SELL, 120, 4),
        submit(3, CLEO, BUY, 110, 6, flags=IOC).trades((1, 3, 100, 4)).rests(0),
        asks=((2, BERT, 120, 4),),
    ),
    case(
        "an immediate seller stops at the limit and leaves cheaper bids alone",
        submit(1, ANNA, BUY, 120, 4),
        submit(2, BERT, BUY, 100, 4),
        submit(3, CLEO, SELL, 110, 6, flags=IOC).trades((1, 3, 120, 4)).rests(0),
        bids=((2, BERT, 100, 4),),
    ),
    case(
        "an immediate buyer who is filled in full has nothing cancelled",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, BUY, 100, 4, flags=IOC)
        .trades((1, 2, 100, 4))
        .tells((2, ACCEPTED, 100, 4, 4), (1, FILLED, 100, 4, 6), (2, FILLED, 100, 4, 0)),
        asks=((1, ANNA, 100, 6),),
    ),
    case(
        "an immediate seller who is filled in full has nothing cancelled",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, SELL, 100, 4, flags=IOC)
        .trades((1, 2, 100, 4))
        .tells((2, ACCEPTED, 100, 4, 4), (1, FILLED, 100, 4, 6), (2, FILLED, 100, 4, 0)),
        bids=((1, ANNA, 100, 6),),
    ),
    case(
        "an immediate buyer one tick below the ask goes away empty",
        submit(1, ANNA, SELL, 101, 4),
        submit(2, BERT, BUY, 100, 4, flags=IOC).tells((2, ACCEPTED, 100, 4, 4), (2, CANCELLED, 100, 4, 0)),
        asks=((1, ANNA, 101, 4),),
    ),
    case(
        "an immediate seller one tick above the bid goes away empty",
        submit(1, ANNA, BUY, 100, 4),
        submit(2, BERT, SELL, 101, 4, flags=IOC).tells((2, ACCEPTED, 101, 4, 4), (2, CANCELLED, 101, 4, 0)),
        bids=((1, ANNA, 100, 4),),
    ),
    case(
        "an immediate buy order has used up its id",
        submit(1, ANNA, BUY, 100, 4, flags=IOC),
        submit(1, ANNA, BUY, 100, 4).refused(Code.ORDER_NOT_RISING),
    ),
    case(
        "a market sell order has used up its id",
        submit(1, ANNA, SELL, 100, 4, flags=MARKET),
        submit(1, ANNA, SELL, 100, 4).refused(Code.ORDER_NOT_RISING),
    ),
    case(
        "a fill-or-kill buyer gets the last watt-hour of two levels",
        submit(1, ANNA, SELL, 100, 4),
        submit(2, BERT, SELL, 120, 4),
        submit(3, CLEO, BUY, 120, 8, flags=FOK).trades((1, 3, 100, 4), (2, 3, 120, 4)).rests(0),
    ),
    case(
        "a fill-or-kill seller gets the last watt-hour of two levels",
        submit(1, ANNA, BUY, 120, 4),
        submit(2, BERT, BUY, 100, 4),
        submit(3, CLEO, SELL, 100, 8, flags=FOK).trades((1, 3, 120, 4), (2, 3, 100, 4)).rests(0),
    ),
    case(
        "a fill-or-kill buyer is refused when one watt-hour is missing inside the limit",
        submit(1, ANNA, SELL, 100, 4),
        submit(2, BERT, SELL, 120, 4),
        submit(3, CLEO, BUY, 115, 5, flags=FOK).refused(Code.FOK_UNFILLABLE),
        asks=((1, ANNA, 100, 4), (2, BERT, 120, 4)),
    ),
    case(
        "a fill-or-kill seller is refused when one watt-hour is missing inside the limit",
        submit(1, ANNA, BUY, 120, 4),
        submit(2, BERT, BUY, 100, 4),
        submit(3, CLEO, SELL, 105, 5, flags=FOK).refused(Code.FOK_UNFILLABLE),
        bids=((1, ANNA, 120, 4), (2, BERT, 100, 4)),
    ),
    case(
        "a fill-or-kill buyer is refused by an empty book",
        submit(1, ANNA, BUY, 100, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
    ),
    case(
        "a fill-or-kill seller is refused by an empty book",
        submit(1, ANNA, SELL, 100, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
    ),
    case(
        "a fill-or-kill buyer smaller than the first ask takes a part of it",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, BUY, 100, 4, flags=FOK).trades((1, 2, 100, 4)).rests(0),
        asks=((1, ANNA, 100, 6),),
    ),
    case(
        "a fill-or-kill seller smaller than the first bid takes a part of it",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, SELL, 100, 4, flags=FOK).trades((1, 2, 100, 4)).rests(0),
        bids=((1, ANNA, 100, 6),),
    ),
    case(
        "the id of a refused fill-or-kill buy order is still free",
        submit(1, ANNA, BUY, 100, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
        submit(1, ANNA, BUY, 100, 1).rests(1),
        bids=((1, ANNA, 100, 1),),
    ),
    case(
        "the id of a refused fill-or-kill sell order is still free",
        submit(1, ANNA, SELL, 100, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
        submit(1, ANNA, SELL, 100, 1).rests(1),
        asks=((1, ANNA, 100, 1),),
    ),
    case(
        "a market buyer ignores the price it was given and is bounded by the cap",
        submit(1, ANNA, SELL, 480, 4),
        submit(2, BERT, BUY, -1_000_000_000, 10, flags=MARKET)
        .trades((1, 2, 480, 4))
        .tells(
            (2, ACCEPTED, 400_000, 10, 10),
            (1, FILLED, 480, 4, 0),
            (2, FILLED, 480, 4, 6),
            (2, CANCELLED, 400_000, 6, 0),
        )
        .rests(0),
    ),
    case(
        "a market seller ignores the price it was given and is bounded by the floor",
        submit(1, ANNA, BUY, -480, 4),
        submit(2, BERT, SELL, 1_000_000_000, 10, flags=MARKET)
        .trades((1, 2, -480, 4))
        .tells(
            (2, ACCEPTED, -50_000, 10, 10),
            (1, FILLED, -480, 4, 0),
            (2, FILLED, -480, 4, 6),
            (2, CANCELLED, -50_000, 6, 0),
        )
        .rests(0),
    ),
    case(
        "a market buyer in an empty book is accepted and cancelled",
        submit(1, ANNA, BUY, 0, 3, flags=MARKET).tells((1, ACCEPTED, 400_000, 3, 3), (1, CANCELLED, 400_000, 3, 0)),
    ),
    case(
        "a market seller in an empty book is accepted and cancelled",
        submit(1, ANNA, SELL, 0, 3, flags=MARKET).tells((1, ACCEPTED, -50_000, 3, 3), (1, CANCELLED, -50_000, 3, 0)),
    ),
    case(
        "a market buyer walks through every ask there is",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, SELL, 20_000, 5),
        submit(3, CLEO, SELL, 400_000, 5),
        submit(4, DORA, BUY, 0, 15, flags=MARKET).trades((1, 4, 100, 5), (2, 4, 20_000, 5), (3, 4, 400_000, 5)),
    ),
    case(
        "a market seller walks through every bid there is",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, BUY, -20_000, 5),
        submit(3, CLEO, BUY, -50_000, 5),
        submit(4, DORA, SELL, 0, 15, flags=MARKET).trades((1, 4, 100, 5), (2, 4, -20_000, 5), (3, 4, -50_000, 5)),
    ),
    case(
        "a market buy order needs no price on the step",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, BUY, 3, 4, flags=MARKET).trades((1, 2, 100, 4)),
        terms={"step_tick": 5},
        asks=((1, ANNA, 100, 6),),
    ),
    case(
        "a market sell order needs no price on the step",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, SELL, 3, 4, flags=MARKET).trades((1, 2, 100, 4)),
        terms={"step_tick": 5},
        bids=((1, ANNA, 100, 6),),
    ),
    case(
        "a fill-or-kill market buyer is refused when the whole book is too little",
        submit(1, ANNA, SELL, 480, 4),
        submit(2, BERT, BUY, 0, 5, flags=MARKET | FOK).refused(Code.FOK_UNFILLABLE),
        asks=((1, ANNA, 480, 4),),
    ),
    case(
        "a fill-or-kill market seller is refused when the whole book is too little",
        submit(1, ANNA, BUY, -480, 4),
        submit(2, BERT, SELL, 0, 5, flags=MARKET | FOK).refused(Code.FOK_UNFILLABLE),
        bids=((1, ANNA, -480, 4),),
    ),
    case(
        "a fill-or-kill market buyer pays any price for its whole quantity",
        submit(1, ANNA, SELL, 480, 4),
        submit(2, BERT, BUY, 0, 4, flags=MARKET | FOK).trades((1, 2, 480, 4)),
    ),
    case(
        "a fill-or-kill market seller takes any price for its whole quantity",
        submit(1, ANNA, BUY, -480, 4),
        submit(2, BERT, SELL, 0, 4, flags=MARKET | FOK).trades((1, 2, -480, 4)),
    ),
    case(
        "a market buyer that is called immediate-or-cancel is a market buyer",
        submit(1, ANNA, SELL, 480, 4),
        submit(2, BERT, BUY, 100, 6, flags=MARKET | IOC).trades((1, 2, 480, 4)).rests(0),
    ),
    case(
        "a market seller that is called immediate-or-cancel is a market seller",
        submit(1, ANNA, BUY, -480, 4),
        submit(2, BERT, SELL, 100, 6, flags=MARKET | IOC).trades((1, 2, -480, 4)).rests(0),
    ),
)

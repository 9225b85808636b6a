"""Good till time and expiry: the book knows no clock, it is told until when to take out."""

from __future__ import annotations

from typing import Final

from wattbook.book import BUY, SELL, Code
from wattbook.testing.conformance_cases import (
    ACCEPTED,
    ANNA,
    BERT,
    CLEO,
    EXPIRED,
    FOK,
    IOC,
    MARKET,
    POST_ONLY,
    REPRICE,
    Case,
    case,
    expire,
    replace,
    submit,
)

CASES: Final[tuple[Case, ...]] = (
    case(
        "a timed bid is still good one millisecond before its time",
        submit(1, ANNA, BUY, 100, 5, expire_ms=1_000),
        expire(until_ms=999).tells(),
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "a timed ask is still good one millisecond before its time",
        submit(1, ANNA, SELL, 100, 5, expire_ms=1_000),
        expire(until_ms=999).tells(),
        asks=((1, ANNA, 100, 5),),
    ),
    case(
        "a timed bid expires at its time",
        submit(1, ANNA, BUY, 100, 5, expire_ms=1_000),
        expire(until_ms=1_000).tells((1, EXPIRED, 100, 5, 0)),
    ),
    case(
        "a timed ask expires at its time",
        submit(1, ANNA, SELL, 100, 5, expire_ms=1_000),
        expire(until_ms=1_000).tells((1, EXPIRED, 100, 5, 0)),
    ),
    case(
        "a bid without a time limit outlasts every time",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, BUY, 100, 5, expire_ms=5),
        expire(until_ms=9_000).tells((2, EXPIRED, 100, 5, 0)),
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "an ask without a time limit outlasts every time",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, SELL, 100, 5, expire_ms=5),
        expire(until_ms=9_000).tells((2, EXPIRED, 100, 5, 0)),
        asks=((1, ANNA, 100, 5),),
    ),
    case(
        "what is due goes in sequence, bids before asks, and one bid stays",
        submit(1, ANNA, SELL, 120, 5, expire_ms=10),
        submit(2, ANNA, BUY, 90, 5, expire_ms=20),
        submit(3, ANNA, BUY, 100, 5, expire_ms=30),
        submit(4, ANNA, SELL, 110, 5, expire_ms=10),
        submit(5, ANNA, BUY, 100, 5, expire_ms=10),
        expire(until_ms=20).tells(
            (5, EXPIRED, 100, 5, 0), (2, EXPIRED, 90, 5, 0), (4, EXPIRED, 110, 5, 0), (1, EXPIRED, 120, 5, 0)
        ),
        bids=((3, ANNA, 100, 5),),
    ),
    case(
        "what is due goes in sequence, bids before asks, and one ask stays",
        submit(1, ANNA, BUY, 90, 5, expire_ms=10),
        submit(2, ANNA, SELL, 120, 5, expire_ms=20),
        submit(3, ANNA, SELL, 110, 5, expire_ms=30),
        submit(4, ANNA, BUY, 100, 5, expire_ms=10),
        submit(5, ANNA, SELL, 110, 5, expire_ms=10),
        expire(until_ms=20).tells(
            (4, EXPIRED, 100, 5, 0), (1, EXPIRED, 90, 5, 0), (5, EXPIRED, 110, 5, 0), (2, EXPIRED, 120, 5, 0)
        ),
        asks=((3, ANNA, 110, 5),),
    ),
    case(
        "expiry without a time empties the product in sequence and leaves it open",
        submit(1, ANNA, SELL, 120, 5),
        submit(2, ANNA, BUY, 90, 5, expire_ms=20),
        submit(3, BERT, BUY, 100, 5),
        submit(4, BERT, SELL, 110, 5, expire_ms=10),
        expire().tells(
            (3, EXPIRED, 100, 5, 0), (2, EXPIRED, 90, 5, 0), (4, EXPIRED, 110, 5, 0), (1, EXPIRED, 120, 5, 0)
        ),
        submit(5, ANNA, BUY, 95, 5).rests(5),
        bids=((5, ANNA, 95, 5),),
    ),
    case(
        "expiry of an empty product is no mistake",
        expire().tells(),
        expire(until_ms=7).tells(),
    ),
    case(
        "a bid that was replaced keeps its time",
        submit(1, ANNA, BUY, 90, 5, expire_ms=10),
        replace(1, ANNA, 95, 8).rests(8),
        expire(until_ms=10).tells((1, EXPIRED, 95, 8, 0)),
    ),
    case(
        "an ask that was replaced keeps its time",
        submit(1, ANNA, SELL, 110, 5, expire_ms=10),
        replace(1, ANNA, 105, 8).rests(8),
        expire(until_ms=10).tells((1, EXPIRED, 105, 8, 0)),
    ),
    case(
        "of an ask that traded only the rest expires",
        submit(1, ANNA, SELL, 100, 10, expire_ms=10),
        submit(2, BERT, BUY, 100, 4).trades((1, 2, 100, 4)),
        expire(until_ms=11).tells((1, EXPIRED, 100, 6, 0)),
    ),
    case(
        "of a bid that traded only the rest expires",
        submit(1, ANNA, BUY, 100, 10, expire_ms=10),
        submit(2, BERT, SELL, 100, 4).trades((1, 2, 100, 4)),
        expire(until_ms=11).tells((1, EXPIRED, 100, 6, 0)),
    ),
    case(
        "a timed buyer may take at once, and its rest has its time",
        submit(1, ANNA, SELL, 100, 4),
        submit(2, BERT, BUY, 100, 10, expire_ms=10).trades((1, 2, 100, 4)).rests(6),
        expire(until_ms=10).tells((2, EXPIRED, 100, 6, 0)),
    ),
    case(
        "a timed seller may take at once, and its rest has its time",
        submit(1, ANNA, BUY, 100, 4),
        submit(2, BERT, SELL, 100, 10, expire_ms=10).trades((1, 2, 100, 4)).rests(6),
        expire(until_ms=10).tells((2, EXPIRED, 100, 6, 0)),
    ),
    case(
        "an iceberg bid expires with all that it hides",
        submit(1, ANNA, BUY, 100, 10, display_wh=2, expire_ms=10),
        expire(until_ms=10).tells((1, EXPIRED, 100, 10, 0)),
    ),
    case(
        "an iceberg ask expires with all that it hides",
        submit(1, ANNA, SELL, 100, 10, display_wh=2, expire_ms=10),
        expire(until_ms=10).tells((1, EXPIRED, 100, 10, 0)),
    ),
    case(
        "a new slice of an iceberg ask has the time of the order",
        submit(1, ANNA, SELL, 100, 6, display_wh=2, expire_ms=10),
        submit(2, BERT, BUY, 100, 2).trades((1, 2, 100, 2)),
        expire(until_ms=9).tells(),
        expire(until_ms=10).tells((1, EXPIRED, 100, 4, 0)),
    ),
    case(
        "a new slice of an iceberg bid has the time of the order",
        submit(1, ANNA, BUY, 100, 6, display_wh=2, expire_ms=10),
        submit(2, BERT, SELL, 100, 2).trades((1, 2, 100, 2)),
        expire(until_ms=9).tells(),
        expire(until_ms=10).tells((1, EXPIRED, 100, 4, 0)),
    ),
    case(
        "a repriced bid expires at the price where it stands",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, BUY, 100, 5, flags=POST_ONLY | REPRICE, expire_ms=10).tells((2, ACCEPTED, 99, 5, 5)),
        expire(until_ms=10).tells((2, EXPIRED, 99, 5, 0)),
        asks=((1, ANNA, 100, 5),),
    ),
    case(
        "a repriced ask expires at the price where it stands",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, SELL, 100, 5, flags=POST_ONLY | REPRICE, expire_ms=10).tells((2, ACCEPTED, 101, 5, 5)),
        expire(until_ms=10).tells((2, EXPIRED, 101, 5, 0)),
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "an expired bid leaves the next in its place",
        submit(1, ANNA, BUY, 100, 5, expire_ms=10),
        submit(2, BERT, BUY, 100, 5, expire_ms=11),
        expire(until_ms=10).tells((1, EXPIRED, 100, 5, 0)),
        submit(3, CLEO, SELL, 100, 7).trades((2, 3, 100, 5)).rests(2),
        asks=((3, CLEO, 100, 2),),
    ),
    case(
        "an expired ask leaves the next in its place",
        submit(1, ANNA, SELL, 100, 5, expire_ms=10),
        submit(2, BERT, SELL, 100, 5, expire_ms=11),
        expire(until_ms=10).tells((1, EXPIRED, 100, 5, 0)),
        submit(3, CLEO, BUY, 100, 7).trades((2, 3, 100, 5)).rests(2),
        bids=((3, CLEO, 100, 2),),
    ),
    case(
        "a bid cannot be good until before all time",
        submit(1, ANNA, BUY, 100, 5, expire_ms=-1).refused(Code.BAD_EXPIRY),
    ),
    case(
        "an ask cannot be good until before all time",
        submit(1, ANNA, SELL, 100, 5, expire_ms=-1).refused(Code.BAD_EXPIRY),
    ),
    case(
        "an immediate buyer has no time to wait",
        submit(1, ANNA, BUY, 100, 5, flags=IOC, expire_ms=10).refused(Code.BAD_EXPIRY),
    ),
    case(
        "an immediate seller has no time to wait",
        submit(1, ANNA, SELL, 100, 5, flags=IOC, expire_ms=10).refused(Code.BAD_EXPIRY),
    ),
    case(
        "a fill-or-kill buyer has no time to wait",
        submit(1, ANNA, BUY, 100, 5, flags=FOK, expire_ms=10).refused(Code.BAD_EXPIRY),
    ),
    case(
        "a fill-or-kill seller has no time to wait",
        submit(1, ANNA, SELL, 100, 5, flags=FOK, expire_ms=10).refused(Code.BAD_EXPIRY),
    ),
    case(
        "a market buyer has no time to wait",
        submit(1, ANNA, BUY, 100, 5, flags=MARKET, expire_ms=10).refused(Code.BAD_EXPIRY),
    ),
    case(
        "a market seller has no time to wait",
        submit(1, ANNA, SELL, 100, 5, flags=MARKET, expire_ms=10).refused(Code.BAD_EXPIRY),
    ),
    case(
        "expiry up to before all time is refused and a bid stays",
        submit(1, ANNA, BUY, 100, 5, expire_ms=10),
        expire(until_ms=-1).refused(Code.BAD_EXPIRY),
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "expiry up to before all time is refused and an ask stays",
        submit(1, ANNA, SELL, 100, 5, expire_ms=10),
        expire(until_ms=-1).refused(Code.BAD_EXPIRY),
        asks=((1, ANNA, 100, 5),),
    ),
)

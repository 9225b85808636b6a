"""Cancel: exactly what remains, once, by its owner; or all of an owner's orders at once."""

from __future__ import annotations

from typing import Final

from wattbook.book import BUY, SELL, Code
from wattbook.testing.conformance_cases import (
    ANNA,
    BERT,
    CANCELLED,
    CLEO,
    DORA,
    FOK,
    IOC,
    Case,
    cancel,
    cancel_owner,
    case,
    submit,
)

CASES: Final[tuple[Case, ...]] = (
    case(
        "a cancel removes exactly what remains of an ask, and only once",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, BUY, 100, 4).trades((1, 2, 100, 4)),
        cancel(1, ANNA).tells((1, CANCELLED, 100, 6, 0)),
        cancel(1, ANNA).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "a cancel removes exactly what remains of a bid, and only once",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, SELL, 100, 4).trades((1, 2, 100, 4)),
        cancel(1, ANNA).tells((1, CANCELLED, 100, 6, 0)),
        cancel(1, ANNA).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "nobody cancels another's bid",
        submit(1, ANNA, BUY, 100, 10),
        cancel(1, BERT).refused(Code.NOT_OWNER),
        bids=((1, ANNA, 100, 10),),
    ),
    case(
        "nobody cancels another's ask",
        submit(1, ANNA, SELL, 100, 10),
        cancel(1, BERT).refused(Code.NOT_OWNER),
        asks=((1, ANNA, 100, 10),),
    ),
    case(
        "an order that never was cannot be cancelled",
        cancel(1, ANNA).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "an ask that was filled cannot be cancelled",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, BUY, 100, 10).trades((1, 2, 100, 10)),
        cancel(1, ANNA).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "a buyer that was filled at once cannot be cancelled",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, BUY, 100, 10).trades((1, 2, 100, 10)),
        cancel(2, BERT).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "a bid that was filled cannot be cancelled",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, SELL, 100, 10).trades((1, 2, 100, 10)),
        cancel(1, ANNA).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "a seller that was filled at once cannot be cancelled",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, SELL, 100, 10).trades((1, 2, 100, 10)),
        cancel(2, BERT).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "an immediate buyer leaves nothing to cancel",
        submit(1, ANNA, BUY, 100, 10, flags=IOC),
        cancel(1, ANNA).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "an immediate seller leaves nothing to cancel",
        submit(1, ANNA, SELL, 100, 10, flags=IOC),
        cancel(1, ANNA).refused(Code.UNKNOWN_ORDER),
    ),
    case(
        "an ask cancelled in the middle of the queue closes the gap",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, SELL, 100, 5),
        submit(3, CLEO, SELL, 100, 5),
        cancel(2, BERT).tells((2, CANCELLED, 100, 5, 0)),
        submit(4, DORA, BUY, 100, 7).trades((1, 4, 100, 5), (3, 4, 100, 2)),
        asks=((3, CLEO, 100, 3),),
    ),
    case(
        "a bid cancelled in the middle of the queue closes the gap",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, BUY, 100, 5),
        submit(3, CLEO, BUY, 100, 5),
        cancel(2, BERT).tells((2, CANCELLED, 100, 5, 0)),
        submit(4, DORA, SELL, 100, 7).trades((1, 4, 100, 5), (3, 4, 100, 2)),
        bids=((3, CLEO, 100, 3),),
    ),
    case(
        "when the best ask is cancelled the next one is the best",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, SELL, 110, 5),
        cancel(1, ANNA).tells((1, CANCELLED, 100, 5, 0)),
        submit(3, CLEO, BUY, 105, 5).trades().rests(5),
        bids=((3, CLEO, 105, 5),),
        asks=((2, BERT, 110, 5),),
    ),
    case(
        "when the best bid is cancelled the next one is the best",
        submit(1, ANNA, BUY, 110, 5),
        submit(2, BERT, BUY, 100, 5),
        cancel(1, ANNA).tells((1, CANCELLED, 110, 5, 0)),
        submit(3, CLEO, SELL, 105, 5).trades().rests(5),
        bids=((2, BERT, 100, 5),),
        asks=((3, CLEO, 105, 5),),
    ),
    case(
        "a fill-or-kill buyer does not count a cancelled ask",
        submit(1, ANNA, SELL, 100, 5),
        cancel(1, ANNA),
        submit(2, BERT, BUY, 100, 5, flags=FOK).refused(Code.FOK_UNFILLABLE),
    ),
    case(
        "a fill-or-kill seller does not count a cancelled bid",
        submit(1, ANNA, BUY, 100, 5),
        cancel(1, ANNA),
        submit(2, BERT, SELL, 100, 5, flags=FOK).refused(Code.FOK_UNFILLABLE),
    ),
    case(
        "the id of a cancelled bid is never used again",
        submit(1, ANNA, BUY, 100, 5),
        cancel(1, ANNA),
        submit(1, ANNA, BUY, 100, 5).refused(Code.ORDER_NOT_RISING),
    ),
    case(
        "the id of a cancelled ask is never used again",
        submit(1, ANNA, SELL, 100, 5),
        cancel(1, ANNA),
        submit(1, ANNA, SELL, 100, 5).refused(Code.ORDER_NOT_RISING),
    ),
    case(
        "all orders of an owner go, bids before asks, the best first",
        submit(1, ANNA, SELL, 120, 5),
        submit(2, ANNA, BUY, 90, 5),
        submit(3, BERT, BUY, 100, 5),
        submit(4, ANNA, BUY, 100, 5),
        submit(5, ANNA, SELL, 110, 5),
        cancel_owner(ANNA).tells(
            (4, CANCELLED, 100, 5, 0), (2, CANCELLED, 90, 5, 0), (5, CANCELLED, 110, 5, 0), (1, CANCELLED, 120, 5, 0)
        ),
        bids=((3, BERT, 100, 5),),
    ),
    case(
        "an owner without orders may cancel them all beside a bid",
        submit(1, ANNA, BUY, 100, 5),
        cancel_owner(BERT).tells(),
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "an owner without orders may cancel them all beside an ask",
        submit(1, ANNA, SELL, 100, 5),
        cancel_owner(BERT).tells(),
        asks=((1, ANNA, 100, 5),),
    ),
    case(
        "cancelling all takes the hidden part of an iceberg bid as well",
        submit(1, ANNA, BUY, 100, 10, display_wh=2),
        submit(2, BERT, BUY, 100, 5),
        cancel_owner(ANNA).tells((1, CANCELLED, 100, 10, 0)),
        bids=((2, BERT, 100, 5),),
    ),
    case(
        "cancelling all takes the hidden part of an iceberg ask as well",
        submit(1, ANNA, SELL, 100, 10, display_wh=2),
        submit(2, BERT, SELL, 100, 5),
        cancel_owner(ANNA).tells((1, CANCELLED, 100, 10, 0)),
        asks=((2, BERT, 100, 5),),
    ),
)

"""Self-trade modes: what goes when an owner meets itself, whether it enters, re-enters or must be filled at once."""

from __future__ import annotations

from typing import Final

from wattbook.book import BUY, SELL, Code
from wattbook.testing.conformance_cases import (
    ACCEPTED,
    ANNA,
    BERT,
    CANCELLED,
    CLEO,
    FILLED,
    FOK,
    IOC,
    MARKET,
    PREVENTED,
    REPLACED,
    Case,
    case,
    replace,
    submit,
)

CASES: Final[tuple[Case, ...]] = (
    case(
        "where no mode is on a buyer may take its owner's ask",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 10).trades((1, 3, 100, 6), (2, 3, 110, 4)),
        asks=((2, BERT, 110, 4),),
    ),
    case(
        "where no mode is on a seller may take its owner's bid",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 10).trades((1, 3, 100, 6), (2, 3, 90, 4)),
        bids=((2, BERT, 90, 4),),
    ),
    case(
        "cancel-newest: a buyer that meets its owner's ask goes",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 10).tells((3, ACCEPTED, 120, 10, 10), (3, PREVENTED, 100, 10, 0)).rests(0),
        terms={"self_trade": "cancel-newest"},
        asks=((1, ANNA, 100, 6), (2, BERT, 110, 8)),
    ),
    case(
        "cancel-newest: a seller that meets its owner's bid goes",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 10).tells((3, ACCEPTED, 80, 10, 10), (3, PREVENTED, 100, 10, 0)).rests(0),
        terms={"self_trade": "cancel-newest"},
        bids=((1, ANNA, 100, 6), (2, BERT, 90, 8)),
    ),
    case(
        "cancel-oldest: the ask that meets its owner's buyer goes, the buyer goes on",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 10)
        .trades((2, 3, 110, 8))
        .tells((3, ACCEPTED, 120, 10, 10), (1, PREVENTED, 100, 6, 0), (2, FILLED, 110, 8, 0), (3, FILLED, 110, 8, 2))
        .rests(2),
        terms={"self_trade": "cancel-oldest"},
        bids=((3, ANNA, 120, 2),),
    ),
    case(
        "cancel-oldest: the bid that meets its owner's seller goes, the seller goes on",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 10)
        .trades((2, 3, 90, 8))
        .tells((3, ACCEPTED, 80, 10, 10), (1, PREVENTED, 100, 6, 0), (2, FILLED, 90, 8, 0), (3, FILLED, 90, 8, 2))
        .rests(2),
        terms={"self_trade": "cancel-oldest"},
        asks=((3, ANNA, 80, 2),),
    ),
    case(
        "cancel-both: the buyer and its owner's ask go",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 10)
        .tells((3, ACCEPTED, 120, 10, 10), (1, PREVENTED, 100, 6, 0), (3, PREVENTED, 100, 10, 0))
        .rests(0),
        terms={"self_trade": "cancel-both"},
        asks=((2, BERT, 110, 8),),
    ),
    case(
        "cancel-both: the seller and its owner's bid go",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 10)
        .tells((3, ACCEPTED, 80, 10, 10), (1, PREVENTED, 100, 6, 0), (3, PREVENTED, 100, 10, 0))
        .rests(0),
        terms={"self_trade": "cancel-both"},
        bids=((2, BERT, 90, 8),),
    ),
    case(
        "decrement: a buyer larger than its owner's ask loses as much and goes on",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 10)
        .trades((2, 3, 110, 4))
        .tells(
            (3, ACCEPTED, 120, 10, 10),
            (1, PREVENTED, 100, 6, 0),
            (3, PREVENTED, 100, 6, 4),
            (2, FILLED, 110, 4, 4),
            (3, FILLED, 110, 4, 0),
        ),
        terms={"self_trade": "decrement"},
        asks=((2, BERT, 110, 4),),
    ),
    case(
        "decrement: a seller larger than its owner's bid loses as much and goes on",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 10)
        .trades((2, 3, 90, 4))
        .tells(
            (3, ACCEPTED, 80, 10, 10),
            (1, PREVENTED, 100, 6, 0),
            (3, PREVENTED, 100, 6, 4),
            (2, FILLED, 90, 4, 4),
            (3, FILLED, 90, 4, 0),
        ),
        terms={"self_trade": "decrement"},
        bids=((2, BERT, 90, 4),),
    ),
    case(
        "decrement: a buyer smaller than its owner's ask is used up and leaves the rest of it",
        submit(1, ANNA, SELL, 100, 16),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 10)
        .tells((3, ACCEPTED, 120, 10, 10), (1, PREVENTED, 100, 10, 6), (3, PREVENTED, 100, 10, 0))
        .rests(0),
        terms={"self_trade": "decrement"},
        asks=((1, ANNA, 100, 6), (2, BERT, 110, 8)),
    ),
    case(
        "decrement: a seller smaller than its owner's bid is used up and leaves the rest of it",
        submit(1, ANNA, BUY, 100, 16),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 10)
        .tells((3, ACCEPTED, 80, 10, 10), (1, PREVENTED, 100, 10, 6), (3, PREVENTED, 100, 10, 0))
        .rests(0),
        terms={"self_trade": "decrement"},
        bids=((1, ANNA, 100, 6), (2, BERT, 90, 8)),
    ),
    case(
        "decrement: a buyer and its owner's ask of one size use each other up",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 10).tells(
            (3, ACCEPTED, 120, 10, 10), (1, PREVENTED, 100, 10, 0), (3, PREVENTED, 100, 10, 0)
        ),
        terms={"self_trade": "decrement"},
        asks=((2, BERT, 110, 8),),
    ),
    case(
        "decrement: a seller and its owner's bid of one size use each other up",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 10).tells(
            (3, ACCEPTED, 80, 10, 10), (1, PREVENTED, 100, 10, 0), (3, PREVENTED, 100, 10, 0)
        ),
        terms={"self_trade": "decrement"},
        bids=((2, BERT, 90, 8),),
    ),
    case(
        "cancel-newest: a buyer keeps what it took before it met its owner's ask",
        submit(1, BERT, SELL, 100, 4),
        submit(2, ANNA, SELL, 100, 4),
        submit(3, ANNA, BUY, 100, 10)
        .trades((1, 3, 100, 4))
        .tells((3, ACCEPTED, 100, 10, 10), (1, FILLED, 100, 4, 0), (3, FILLED, 100, 4, 6), (3, PREVENTED, 100, 6, 0))
        .rests(0),
        terms={"self_trade": "cancel-newest"},
        asks=((2, ANNA, 100, 4),),
    ),
    case(
        "cancel-newest: a seller keeps what it took before it met its owner's bid",
        submit(1, BERT, BUY, 100, 4),
        submit(2, ANNA, BUY, 100, 4),
        submit(3, ANNA, SELL, 100, 10)
        .trades((1, 3, 100, 4))
        .tells((3, ACCEPTED, 100, 10, 10), (1, FILLED, 100, 4, 0), (3, FILLED, 100, 4, 6), (3, PREVENTED, 100, 6, 0))
        .rests(0),
        terms={"self_trade": "cancel-newest"},
        bids=((2, ANNA, 100, 4),),
    ),
    case(
        "cancel-oldest: a buyer that clears its owner's ask out of the way rests at that price",
        submit(1, BERT, SELL, 100, 4),
        submit(2, ANNA, SELL, 100, 4),
        submit(3, ANNA, BUY, 100, 10)
        .trades((1, 3, 100, 4))
        .tells((3, ACCEPTED, 100, 10, 10), (1, FILLED, 100, 4, 0), (3, FILLED, 100, 4, 6), (2, PREVENTED, 100, 4, 0))
        .rests(6),
        terms={"self_trade": "cancel-oldest"},
        bids=((3, ANNA, 100, 6),),
    ),
    case(
        "cancel-oldest: a seller that clears its owner's bid out of the way rests at that price",
        submit(1, BERT, BUY, 100, 4),
        submit(2, ANNA, BUY, 100, 4),
        submit(3, ANNA, SELL, 100, 10)
        .trades((1, 3, 100, 4))
        .tells((3, ACCEPTED, 100, 10, 10), (1, FILLED, 100, 4, 0), (3, FILLED, 100, 4, 6), (2, PREVENTED, 100, 4, 0))
        .rests(6),
        terms={"self_trade": "cancel-oldest"},
        asks=((3, ANNA, 100, 6),),
    ),
    case(
        "cancel-both: a buyer takes from others before it goes with its owner's ask",
        submit(1, BERT, SELL, 100, 4),
        submit(2, ANNA, SELL, 100, 4),
        submit(3, ANNA, BUY, 100, 10)
        .trades((1, 3, 100, 4))
        .tells(
            (3, ACCEPTED, 100, 10, 10),
            (1, FILLED, 100, 4, 0),
            (3, FILLED, 100, 4, 6),
            (2, PREVENTED, 100, 4, 0),
            (3, PREVENTED, 100, 6, 0),
        )
        .rests(0),
        terms={"self_trade": "cancel-both"},
    ),
    case(
        "cancel-both: a seller takes from others before it goes with its owner's bid",
        submit(1, BERT, BUY, 100, 4),
        submit(2, ANNA, BUY, 100, 4),
        submit(3, ANNA, SELL, 100, 10)
        .trades((1, 3, 100, 4))
        .tells(
            (3, ACCEPTED, 100, 10, 10),
            (1, FILLED, 100, 4, 0),
            (3, FILLED, 100, 4, 6),
            (2, PREVENTED, 100, 4, 0),
            (3, PREVENTED, 100, 6, 0),
        )
        .rests(0),
        terms={"self_trade": "cancel-both"},
    ),
    case(
        "decrement: a buyer takes from others, loses to its owner's ask, and rests with what is left",
        submit(1, BERT, SELL, 100, 4),
        submit(2, ANNA, SELL, 100, 4),
        submit(3, ANNA, BUY, 100, 10)
        .trades((1, 3, 100, 4))
        .tells(
            (3, ACCEPTED, 100, 10, 10),
            (1, FILLED, 100, 4, 0),
            (3, FILLED, 100, 4, 6),
            (2, PREVENTED, 100, 4, 0),
            (3, PREVENTED, 100, 4, 2),
        )
        .rests(2),
        terms={"self_trade": "decrement"},
        bids=((3, ANNA, 100, 2),),
    ),
    case(
        "decrement: a seller takes from others, loses to its owner's bid, and rests with what is left",
        submit(1, BERT, BUY, 100, 4),
        submit(2, ANNA, BUY, 100, 4),
        submit(3, ANNA, SELL, 100, 10)
        .trades((1, 3, 100, 4))
        .tells(
            (3, ACCEPTED, 100, 10, 10),
            (1, FILLED, 100, 4, 0),
            (3, FILLED, 100, 4, 6),
            (2, PREVENTED, 100, 4, 0),
            (3, PREVENTED, 100, 4, 2),
        )
        .rests(2),
        terms={"self_trade": "decrement"},
        asks=((3, ANNA, 100, 2),),
    ),
    case(
        "cancel-oldest: a buyer sweeps two asks of its owner away",
        submit(1, ANNA, SELL, 100, 3),
        submit(2, ANNA, SELL, 101, 3),
        submit(3, ANNA, BUY, 101, 5)
        .tells((3, ACCEPTED, 101, 5, 5), (1, PREVENTED, 100, 3, 0), (2, PREVENTED, 101, 3, 0))
        .rests(5),
        terms={"self_trade": "cancel-oldest"},
        bids=((3, ANNA, 101, 5),),
    ),
    case(
        "cancel-oldest: a seller sweeps two bids of its owner away",
        submit(1, ANNA, BUY, 100, 3),
        submit(2, ANNA, BUY, 99, 3),
        submit(3, ANNA, SELL, 99, 5)
        .tells((3, ACCEPTED, 99, 5, 5), (1, PREVENTED, 100, 3, 0), (2, PREVENTED, 99, 3, 0))
        .rests(5),
        terms={"self_trade": "cancel-oldest"},
        asks=((3, ANNA, 99, 5),),
    ),
    case(
        "cancel-both: of two asks of the buyer's owner only the first goes",
        submit(1, ANNA, SELL, 100, 3),
        submit(2, ANNA, SELL, 101, 3),
        submit(3, ANNA, BUY, 101, 5)
        .tells((3, ACCEPTED, 101, 5, 5), (1, PREVENTED, 100, 3, 0), (3, PREVENTED, 100, 5, 0))
        .rests(0),
        submit(4, BERT, BUY, 101, 2).trades((2, 4, 101, 2)),
        terms={"self_trade": "cancel-both"},
        asks=((2, ANNA, 101, 1),),
    ),
    case(
        "cancel-both: of two bids of the seller's owner only the first goes",
        submit(1, ANNA, BUY, 100, 3),
        submit(2, ANNA, BUY, 99, 3),
        submit(3, ANNA, SELL, 99, 5)
        .tells((3, ACCEPTED, 99, 5, 5), (1, PREVENTED, 100, 3, 0), (3, PREVENTED, 100, 5, 0))
        .rests(0),
        submit(4, BERT, SELL, 99, 2).trades((2, 4, 99, 2)),
        terms={"self_trade": "cancel-both"},
        bids=((2, ANNA, 99, 1),),
    ),
    case(
        "decrement: two asks of the buyer's owner wear it down one after the other",
        submit(1, ANNA, SELL, 100, 3),
        submit(2, ANNA, SELL, 101, 3),
        submit(3, ANNA, BUY, 101, 5).tells(
            (3, ACCEPTED, 101, 5, 5),
            (1, PREVENTED, 100, 3, 0),
            (3, PREVENTED, 100, 3, 2),
            (2, PREVENTED, 101, 2, 1),
            (3, PREVENTED, 101, 2, 0),
        ),
        terms={"self_trade": "decrement"},
        asks=((2, ANNA, 101, 1),),
    ),
    case(
        "decrement: two bids of the seller's owner wear it down one after the other",
        submit(1, ANNA, BUY, 100, 3),
        submit(2, ANNA, BUY, 99, 3),
        submit(3, ANNA, SELL, 99, 5).tells(
            (3, ACCEPTED, 99, 5, 5),
            (1, PREVENTED, 100, 3, 0),
            (3, PREVENTED, 100, 3, 2),
            (2, PREVENTED, 99, 2, 1),
            (3, PREVENTED, 99, 2, 0),
        ),
        terms={"self_trade": "decrement"},
        bids=((2, ANNA, 99, 1),),
    ),
    case(
        "cancel-newest: the mode does not touch trades of two owners, buyer last",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, BUY, 100, 5).trades((1, 2, 100, 5)),
        terms={"self_trade": "cancel-newest"},
    ),
    case(
        "cancel-newest: the mode does not touch trades of two owners, seller last",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, SELL, 100, 5).trades((1, 2, 100, 5)),
        terms={"self_trade": "cancel-newest"},
    ),
    case(
        "cancel-oldest: its owner's ask out of reach does not bother a buyer",
        submit(1, ANNA, SELL, 110, 5),
        submit(2, ANNA, BUY, 100, 5).rests(5),
        terms={"self_trade": "cancel-oldest"},
        bids=((2, ANNA, 100, 5),),
        asks=((1, ANNA, 110, 5),),
    ),
    case(
        "cancel-oldest: its owner's bid out of reach does not bother a seller",
        submit(1, ANNA, BUY, 90, 5),
        submit(2, ANNA, SELL, 100, 5).rests(5),
        terms={"self_trade": "cancel-oldest"},
        bids=((1, ANNA, 90, 5),),
        asks=((2, ANNA, 100, 5),),
    ),
    case(
        "cancel-both: a buyer that is filled before its owner's ask leaves it alone",
        submit(1, BERT, SELL, 100, 4),
        submit(2, ANNA, SELL, 100, 4),
        submit(3, ANNA, BUY, 100, 4).trades((1, 3, 100, 4)).rests(0),
        terms={"self_trade": "cancel-both"},
        asks=((2, ANNA, 100, 4),),
    ),
    case(
        "cancel-both: a seller that is filled before its owner's bid leaves it alone",
        submit(1, BERT, BUY, 100, 4),
        submit(2, ANNA, BUY, 100, 4),
        submit(3, ANNA, SELL, 100, 4).trades((1, 3, 100, 4)).rests(0),
        terms={"self_trade": "cancel-both"},
        bids=((2, ANNA, 100, 4),),
    ),
    case(
        "cancel-oldest: an immediate buyer removes its owner's ask before its own rest is cancelled",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, ANNA, BUY, 100, 10, flags=IOC).tells(
            (2, ACCEPTED, 100, 10, 10), (1, PREVENTED, 100, 6, 0), (2, CANCELLED, 100, 10, 0)
        ),
        terms={"self_trade": "cancel-oldest"},
    ),
    case(
        "cancel-oldest: an immediate seller removes its owner's bid before its own rest is cancelled",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, ANNA, SELL, 100, 10, flags=IOC).tells(
            (2, ACCEPTED, 100, 10, 10), (1, PREVENTED, 100, 6, 0), (2, CANCELLED, 100, 10, 0)
        ),
        terms={"self_trade": "cancel-oldest"},
    ),
    case(
        "decrement: an immediate buyer has only what is left after its owner's ask cancelled",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, ANNA, BUY, 100, 10, flags=IOC).tells(
            (2, ACCEPTED, 100, 10, 10), (1, PREVENTED, 100, 6, 0), (2, PREVENTED, 100, 6, 4), (2, CANCELLED, 100, 4, 0)
        ),
        terms={"self_trade": "decrement"},
    ),
    case(
        "decrement: an immediate seller has only what is left after its owner's bid cancelled",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, ANNA, SELL, 100, 10, flags=IOC).tells(
            (2, ACCEPTED, 100, 10, 10), (1, PREVENTED, 100, 6, 0), (2, PREVENTED, 100, 6, 4), (2, CANCELLED, 100, 4, 0)
        ),
        terms={"self_trade": "decrement"},
    ),
    case(
        "cancel-newest: a market buyer that meets its owner's ask goes",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, ANNA, BUY, 0, 10, flags=MARKET).tells((2, ACCEPTED, 400000, 10, 10), (2, PREVENTED, 100, 10, 0)),
        terms={"self_trade": "cancel-newest"},
        asks=((1, ANNA, 100, 6),),
    ),
    case(
        "cancel-newest: a market seller that meets its owner's bid goes",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, ANNA, SELL, 0, 10, flags=MARKET).tells((2, ACCEPTED, -50000, 10, 10), (2, PREVENTED, 100, 10, 0)),
        terms={"self_trade": "cancel-newest"},
        bids=((1, ANNA, 100, 6),),
    ),
    case(
        "cancel-both: a market buyer and its owner's ask go",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, ANNA, BUY, 0, 10, flags=MARKET).tells(
            (2, ACCEPTED, 400000, 10, 10), (1, PREVENTED, 100, 6, 0), (2, PREVENTED, 100, 10, 0)
        ),
        terms={"self_trade": "cancel-both"},
    ),
    case(
        "cancel-both: a market seller and its owner's bid go",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, ANNA, SELL, 0, 10, flags=MARKET).tells(
            (2, ACCEPTED, -50000, 10, 10), (1, PREVENTED, 100, 6, 0), (2, PREVENTED, 100, 10, 0)
        ),
        terms={"self_trade": "cancel-both"},
    ),
    case(
        "cancel-oldest: a fill-or-kill buyer passes over its owner's ask and removes it",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 8, flags=FOK)
        .trades((2, 3, 110, 8))
        .tells((3, ACCEPTED, 120, 8, 8), (1, PREVENTED, 100, 6, 0), (2, FILLED, 110, 8, 0), (3, FILLED, 110, 8, 0)),
        terms={"self_trade": "cancel-oldest"},
    ),
    case(
        "cancel-oldest: a fill-or-kill seller passes over its owner's bid and removes it",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 8, flags=FOK)
        .trades((2, 3, 90, 8))
        .tells((3, ACCEPTED, 80, 8, 8), (1, PREVENTED, 100, 6, 0), (2, FILLED, 90, 8, 0), (3, FILLED, 90, 8, 0)),
        terms={"self_trade": "cancel-oldest"},
    ),
    case(
        "cancel-oldest: a fill-or-kill buyer that would need its owner's ask is refused",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 9, flags=FOK).refused(Code.FOK_UNFILLABLE),
        terms={"self_trade": "cancel-oldest"},
        asks=((1, ANNA, 100, 6), (2, BERT, 110, 8)),
    ),
    case(
        "cancel-oldest: a fill-or-kill seller that would need its owner's bid is refused",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 9, flags=FOK).refused(Code.FOK_UNFILLABLE),
        terms={"self_trade": "cancel-oldest"},
        bids=((1, ANNA, 100, 6), (2, BERT, 90, 8)),
    ),
    case(
        "cancel-newest: a fill-or-kill buyer cannot get past its owner's ask",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
        terms={"self_trade": "cancel-newest"},
        asks=((1, ANNA, 100, 6), (2, BERT, 110, 8)),
    ),
    case(
        "cancel-newest: a fill-or-kill seller cannot get past its owner's bid",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
        terms={"self_trade": "cancel-newest"},
        bids=((1, ANNA, 100, 6), (2, BERT, 90, 8)),
    ),
    case(
        "cancel-both: a fill-or-kill buyer cannot get past its owner's ask",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
        terms={"self_trade": "cancel-both"},
        asks=((1, ANNA, 100, 6), (2, BERT, 110, 8)),
    ),
    case(
        "cancel-both: a fill-or-kill seller cannot get past its owner's bid",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
        terms={"self_trade": "cancel-both"},
        bids=((1, ANNA, 100, 6), (2, BERT, 90, 8)),
    ),
    case(
        "decrement: a fill-or-kill buyer cannot get past its owner's ask",
        submit(1, ANNA, SELL, 100, 6),
        submit(2, BERT, SELL, 110, 8),
        submit(3, ANNA, BUY, 120, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
        terms={"self_trade": "decrement"},
        asks=((1, ANNA, 100, 6), (2, BERT, 110, 8)),
    ),
    case(
        "decrement: a fill-or-kill seller cannot get past its owner's bid",
        submit(1, ANNA, BUY, 100, 6),
        submit(2, BERT, BUY, 90, 8),
        submit(3, ANNA, SELL, 80, 1, flags=FOK).refused(Code.FOK_UNFILLABLE),
        terms={"self_trade": "decrement"},
        bids=((1, ANNA, 100, 6), (2, BERT, 90, 8)),
    ),
    case(
        "cancel-newest: a fill-or-kill buyer may stop right before its owner's ask",
        submit(1, BERT, SELL, 100, 4),
        submit(2, ANNA, SELL, 100, 4),
        submit(3, ANNA, BUY, 100, 4, flags=FOK).trades((1, 3, 100, 4)),
        terms={"self_trade": "cancel-newest"},
        asks=((2, ANNA, 100, 4),),
    ),
    case(
        "cancel-newest: a fill-or-kill seller may stop right before its owner's bid",
        submit(1, BERT, BUY, 100, 4),
        submit(2, ANNA, BUY, 100, 4),
        submit(3, ANNA, SELL, 100, 4, flags=FOK).trades((1, 3, 100, 4)),
        terms={"self_trade": "cancel-newest"},
        bids=((2, ANNA, 100, 4),),
    ),
    case(
        "cancel-both: a fill-or-kill buyer counts only what is shown before its owner's ask",
        submit(1, BERT, SELL, 100, 6, display_wh=2),
        submit(2, ANNA, SELL, 100, 5),
        submit(3, ANNA, BUY, 100, 3, flags=FOK).refused(Code.FOK_UNFILLABLE),
        submit(3, ANNA, BUY, 100, 2, flags=FOK).trades((1, 3, 100, 2)),
        terms={"self_trade": "cancel-both"},
        asks=((2, ANNA, 100, 5), (1, BERT, 100, 4)),
        ask_levels=((100, 7, 2),),
    ),
    case(
        "cancel-both: a fill-or-kill seller counts only what is shown before its owner's bid",
        submit(1, BERT, BUY, 100, 6, display_wh=2),
        submit(2, ANNA, BUY, 100, 5),
        submit(3, ANNA, SELL, 100, 3, flags=FOK).refused(Code.FOK_UNFILLABLE),
        submit(3, ANNA, SELL, 100, 2, flags=FOK).trades((1, 3, 100, 2)),
        terms={"self_trade": "cancel-both"},
        bids=((2, ANNA, 100, 5), (1, BERT, 100, 4)),
        bid_levels=((100, 7, 2),),
    ),
    case(
        "decrement: a fill-or-kill buyer counts what is hidden at a better ask than its owner's ask",
        submit(1, BERT, SELL, 99, 6, display_wh=2),
        submit(2, ANNA, SELL, 100, 5),
        submit(3, ANNA, BUY, 100, 6, flags=FOK).trades((1, 3, 99, 2), (1, 3, 99, 2), (1, 3, 99, 2)),
        terms={"self_trade": "decrement"},
        asks=((2, ANNA, 100, 5),),
    ),
    case(
        "decrement: a fill-or-kill seller counts what is hidden at a better bid than its owner's bid",
        submit(1, BERT, BUY, 101, 6, display_wh=2),
        submit(2, ANNA, BUY, 100, 5),
        submit(3, ANNA, SELL, 100, 6, flags=FOK).trades((1, 3, 101, 2), (1, 3, 101, 2), (1, 3, 101, 2)),
        terms={"self_trade": "decrement"},
        bids=((2, ANNA, 100, 5),),
    ),
    case(
        "cancel-oldest: a fill-or-kill buyer counts what is hidden behind its owner's ask",
        submit(1, BERT, SELL, 100, 6, display_wh=2),
        submit(2, ANNA, SELL, 100, 5),
        submit(3, ANNA, BUY, 100, 6, flags=FOK)
        .trades((1, 3, 100, 2), (1, 3, 100, 2), (1, 3, 100, 2))
        .tells(
            (3, ACCEPTED, 100, 6, 6),
            (1, FILLED, 100, 2, 4),
            (3, FILLED, 100, 2, 4),
            (2, PREVENTED, 100, 5, 0),
            (1, FILLED, 100, 2, 2),
            (3, FILLED, 100, 2, 2),
            (1, FILLED, 100, 2, 0),
            (3, FILLED, 100, 2, 0),
        ),
        terms={"self_trade": "cancel-oldest"},
    ),
    case(
        "cancel-oldest: a fill-or-kill seller counts what is hidden behind its owner's bid",
        submit(1, BERT, BUY, 100, 6, display_wh=2),
        submit(2, ANNA, BUY, 100, 5),
        submit(3, ANNA, SELL, 100, 6, flags=FOK)
        .trades((1, 3, 100, 2), (1, 3, 100, 2), (1, 3, 100, 2))
        .tells(
            (3, ACCEPTED, 100, 6, 6),
            (1, FILLED, 100, 2, 4),
            (3, FILLED, 100, 2, 4),
            (2, PREVENTED, 100, 5, 0),
            (1, FILLED, 100, 2, 2),
            (3, FILLED, 100, 2, 2),
            (1, FILLED, 100, 2, 0),
            (3, FILLED, 100, 2, 0),
        ),
        terms={"self_trade": "cancel-oldest"},
    ),
    case(
        "cancel-oldest: a bid replaced onto its owner's ask removes it and rests",
        submit(1, ANNA, BUY, 90, 10),
        submit(2, ANNA, SELL, 100, 4),
        replace(1, ANNA, 100, 10).tells((1, REPLACED, 100, 0, 10), (2, PREVENTED, 100, 4, 0)).rests(10),
        terms={"self_trade": "cancel-oldest"},
        bids=((1, ANNA, 100, 10),),
    ),
    case(
        "cancel-oldest: an ask replaced onto its owner's bid removes it and rests",
        submit(1, ANNA, SELL, 110, 10),
        submit(2, ANNA, BUY, 100, 4),
        replace(1, ANNA, 100, 10).tells((1, REPLACED, 100, 0, 10), (2, PREVENTED, 100, 4, 0)).rests(10),
        terms={"self_trade": "cancel-oldest"},
        asks=((1, ANNA, 100, 10),),
    ),
    case(
        "cancel-newest: a bid replaced onto its owner's ask goes",
        submit(1, ANNA, BUY, 90, 10),
        submit(2, ANNA, SELL, 100, 4),
        replace(1, ANNA, 100, 10).tells((1, REPLACED, 100, 0, 10), (1, PREVENTED, 100, 10, 0)).rests(0),
        terms={"self_trade": "cancel-newest"},
        asks=((2, ANNA, 100, 4),),
    ),
    case(
        "cancel-newest: an ask replaced onto its owner's bid goes",
        submit(1, ANNA, SELL, 110, 10),
        submit(2, ANNA, BUY, 100, 4),
        replace(1, ANNA, 100, 10).tells((1, REPLACED, 100, 0, 10), (1, PREVENTED, 100, 10, 0)).rests(0),
        terms={"self_trade": "cancel-newest"},
        bids=((2, ANNA, 100, 4),),
    ),
    case(
        "cancel-both: a bid replaced onto its owner's ask goes with it",
        submit(1, ANNA, BUY, 90, 10),
        submit(2, ANNA, SELL, 100, 4),
        replace(1, ANNA, 100, 10)
        .tells((1, REPLACED, 100, 0, 10), (2, PREVENTED, 100, 4, 0), (1, PREVENTED, 100, 10, 0))
        .rests(0),
        terms={"self_trade": "cancel-both"},
    ),
    case(
        "cancel-both: an ask replaced onto its owner's bid goes with it",
        submit(1, ANNA, SELL, 110, 10),
        submit(2, ANNA, BUY, 100, 4),
        replace(1, ANNA, 100, 10)
        .tells((1, REPLACED, 100, 0, 10), (2, PREVENTED, 100, 4, 0), (1, PREVENTED, 100, 10, 0))
        .rests(0),
        terms={"self_trade": "cancel-both"},
    ),
    case(
        "decrement: a bid replaced onto its owner's ask rests with the difference",
        submit(1, ANNA, BUY, 90, 10),
        submit(2, ANNA, SELL, 100, 4),
        replace(1, ANNA, 100, 10)
        .tells((1, REPLACED, 100, 0, 10), (2, PREVENTED, 100, 4, 0), (1, PREVENTED, 100, 4, 6))
        .rests(6),
        terms={"self_trade": "decrement"},
        bids=((1, ANNA, 100, 6),),
    ),
    case(
        "decrement: an ask replaced onto its owner's bid rests with the difference",
        submit(1, ANNA, SELL, 110, 10),
        submit(2, ANNA, BUY, 100, 4),
        replace(1, ANNA, 100, 10)
        .tells((1, REPLACED, 100, 0, 10), (2, PREVENTED, 100, 4, 0), (1, PREVENTED, 100, 4, 6))
        .rests(6),
        terms={"self_trade": "decrement"},
        asks=((1, ANNA, 100, 6),),
    ),
    case(
        "decrement: a buyer that wears out a slice of its owner's iceberg sends the ask to the end",
        submit(1, ANNA, SELL, 100, 10, display_wh=2),
        submit(2, BERT, SELL, 100, 5),
        submit(3, ANNA, BUY, 100, 4).tells(
            (3, ACCEPTED, 100, 4, 4), (1, PREVENTED, 100, 4, 6), (3, PREVENTED, 100, 4, 0)
        ),
        terms={"self_trade": "decrement"},
        asks=((2, BERT, 100, 5), (1, ANNA, 100, 6)),
        ask_levels=((100, 7, 2),),
    ),
    case(
        "decrement: a seller that wears out a slice of its owner's iceberg sends the bid to the end",
        submit(1, ANNA, BUY, 100, 10, display_wh=2),
        submit(2, BERT, BUY, 100, 5),
        submit(3, ANNA, SELL, 100, 4).tells(
            (3, ACCEPTED, 100, 4, 4), (1, PREVENTED, 100, 4, 6), (3, PREVENTED, 100, 4, 0)
        ),
        terms={"self_trade": "decrement"},
        bids=((2, BERT, 100, 5), (1, ANNA, 100, 6)),
        bid_levels=((100, 7, 2),),
    ),
    case(
        "decrement: a buyer that wears a part of the slice leaves its owner's iceberg ask in place",
        submit(1, ANNA, SELL, 100, 10, display_wh=4),
        submit(2, BERT, SELL, 100, 5),
        submit(3, ANNA, BUY, 100, 3).tells(
            (3, ACCEPTED, 100, 3, 3), (1, PREVENTED, 100, 3, 7), (3, PREVENTED, 100, 3, 0)
        ),
        submit(4, CLEO, BUY, 100, 1).trades((1, 4, 100, 1)),
        terms={"self_trade": "decrement"},
        asks=((2, BERT, 100, 5), (1, ANNA, 100, 6)),
        ask_levels=((100, 9, 2),),
    ),
    case(
        "decrement: a seller that wears a part of the slice leaves its owner's iceberg bid in place",
        submit(1, ANNA, BUY, 100, 10, display_wh=4),
        submit(2, BERT, BUY, 100, 5),
        submit(3, ANNA, SELL, 100, 3).tells(
            (3, ACCEPTED, 100, 3, 3), (1, PREVENTED, 100, 3, 7), (3, PREVENTED, 100, 3, 0)
        ),
        submit(4, CLEO, SELL, 100, 1).trades((1, 4, 100, 1)),
        terms={"self_trade": "decrement"},
        bids=((2, BERT, 100, 5), (1, ANNA, 100, 6)),
        bid_levels=((100, 9, 2),),
    ),
    case(
        "decrement: an iceberg buyer meets its owner's ask with its whole quantity",
        submit(1, ANNA, SELL, 100, 4),
        submit(2, ANNA, BUY, 100, 10, display_wh=2)
        .tells((2, ACCEPTED, 100, 10, 10), (1, PREVENTED, 100, 4, 0), (2, PREVENTED, 100, 4, 6))
        .rests(6),
        terms={"self_trade": "decrement"},
        bids=((2, ANNA, 100, 6),),
        bid_levels=((100, 2, 1),),
    ),
    case(
        "decrement: an iceberg seller meets its owner's bid with its whole quantity",
        submit(1, ANNA, BUY, 100, 4),
        submit(2, ANNA, SELL, 100, 10, display_wh=2)
        .tells((2, ACCEPTED, 100, 10, 10), (1, PREVENTED, 100, 4, 0), (2, PREVENTED, 100, 4, 6))
        .rests(6),
        terms={"self_trade": "decrement"},
        asks=((2, ANNA, 100, 6),),
        ask_levels=((100, 2, 1),),
    ),
    case(
        "cancel-oldest: an iceberg ask goes with all that it hides when its owner's buyer comes",
        submit(1, ANNA, SELL, 100, 10, display_wh=2),
        submit(2, ANNA, BUY, 100, 4).tells((2, ACCEPTED, 100, 4, 4), (1, PREVENTED, 100, 10, 0)).rests(4),
        terms={"self_trade": "cancel-oldest"},
        bids=((2, ANNA, 100, 4),),
    ),
    case(
        "cancel-oldest: an iceberg bid goes with all that it hides when its owner's seller comes",
        submit(1, ANNA, BUY, 100, 10, display_wh=2),
        submit(2, ANNA, SELL, 100, 4).tells((2, ACCEPTED, 100, 4, 4), (1, PREVENTED, 100, 10, 0)).rests(4),
        terms={"self_trade": "cancel-oldest"},
        asks=((2, ANNA, 100, 4),),
    ),
)

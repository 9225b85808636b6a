"""Limit orders: who is served first, at which price, and what rests."""

from __future__ import annotations

from typing import Final

from wattbook.book import BUY, SELL
from wattbook.testing.conformance_cases import ACCEPTED, ANNA, BERT, CLEO, DORA, FILLED, Case, case, submit

CASES: Final[tuple[Case, ...]] = (
    case(
        "a lone bid rests at its limit",
        submit(1, ANNA, BUY, 100, 5).tells((1, ACCEPTED, 100, 5, 5)).rests(5),
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "a lone ask rests at its limit",
        submit(1, ANNA, SELL, 100, 5).tells((1, ACCEPTED, 100, 5, 5)).rests(5),
        asks=((1, ANNA, 100, 5),),
    ),
    case(
        "a buyer who asks for just what is there takes it all",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, BUY, 100, 5)
        .trades((1, 2, 100, 5))
        .tells((2, ACCEPTED, 100, 5, 5), (1, FILLED, 100, 5, 0), (2, FILLED, 100, 5, 0))
        .rests(0),
    ),
    case(
        "a seller who offers just what is wanted sells it all",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, SELL, 100, 5)
        .trades((1, 2, 100, 5))
        .tells((2, ACCEPTED, 100, 5, 5), (1, FILLED, 100, 5, 0), (2, FILLED, 100, 5, 0))
        .rests(0),
    ),
    case(
        "the lowest ask is served first and each ask gets its own price",
        submit(1, ANNA, SELL, 120, 10),
        submit(2, BERT, SELL, 100, 10),
        submit(3, CLEO, BUY, 150, 15).trades((2, 3, 100, 10), (1, 3, 120, 5)).rests(0),
        asks=((1, ANNA, 120, 5),),
    ),
    case(
        "the highest bid is served first and each bid pays its own price",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, BUY, 120, 10),
        submit(3, CLEO, SELL, 80, 15).trades((2, 3, 120, 10), (1, 3, 100, 5)).rests(0),
        bids=((1, ANNA, 100, 5),),
    ),
    case(
        "of two asks at one price the earlier is served first",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, SELL, 100, 5),
        submit(3, CLEO, BUY, 100, 6).trades((1, 3, 100, 5), (2, 3, 100, 1)),
        asks=((2, BERT, 100, 4),),
    ),
    case(
        "of two bids at one price the earlier is served first",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, BUY, 100, 5),
        submit(3, CLEO, SELL, 100, 6).trades((1, 3, 100, 5), (2, 3, 100, 1)),
        bids=((2, BERT, 100, 4),),
    ),
    case(
        "an ask that was filled in part keeps its place",
        submit(1, ANNA, SELL, 100, 10),
        submit(2, BERT, SELL, 100, 10),
        submit(3, CLEO, BUY, 100, 4).trades((1, 3, 100, 4)),
        submit(4, DORA, BUY, 100, 10).trades((1, 4, 100, 6), (2, 4, 100, 4)),
        asks=((2, BERT, 100, 6),),
    ),
    case(
        "a bid that was filled in part keeps its place",
        submit(1, ANNA, BUY, 100, 10),
        submit(2, BERT, BUY, 100, 10),
        submit(3, CLEO, SELL, 100, 4).trades((1, 3, 100, 4)),
        submit(4, DORA, SELL, 100, 10).trades((1, 4, 100, 6), (2, 4, 100, 4)),
        bids=((2, BERT, 100, 6),),
    ),
    case(
        "what a buyer could not get rests at the buyer's limit",
        submit(1, ANNA, SELL, 100, 4),
        submit(2, BERT, BUY, 110, 10)
        .trades((1, 2, 100, 4))
        .tells((2, ACCEPTED, 110, 10, 10), (1, FILLED, 100, 4, 0), (2, FILLED, 100, 4, 6))
        .rests(6),
        bids=((2, BERT, 110, 6),),
    ),
    case(
        "what a seller could not sell rests at the seller's limit",
        submit(1, ANNA, BUY, 100, 4),
        submit(2, BERT, SELL, 90, 10)
        .trades((1, 2, 100, 4))
        .tells((2, ACCEPTED, 90, 10, 10), (1, FILLED, 100, 4, 0), (2, FILLED, 100, 4, 6))
        .rests(6),
        asks=((2, BERT, 90, 6),),
    ),
    case(
        "a buyer sweeps the levels up to the limit and not one further",
        submit(1, ANNA, SELL, 100, 3),
        submit(2, BERT, SELL, 105, 3),
        submit(3, ANNA, SELL, 110, 3),
        submit(4, BERT, SELL, 115, 3),
        submit(5, CLEO, BUY, 110, 12).trades((1, 5, 100, 3), (2, 5, 105, 3), (3, 5, 110, 3)).rests(3),
        bids=((5, CLEO, 110, 3),),
        asks=((4, BERT, 115, 3),),
    ),
    case(
        "a seller sweeps the levels down to the limit and not one further",
        submit(1, ANNA, BUY, 115, 3),
        submit(2, BERT, BUY, 110, 3),
        submit(3, ANNA, BUY, 105, 3),
        submit(4, BERT, BUY, 100, 3),
        submit(5, CLEO, SELL, 105, 12).trades((1, 5, 115, 3), (2, 5, 110, 3), (3, 5, 105, 3)).rests(3),
        bids=((4, BERT, 100, 3),),
        asks=((5, CLEO, 105, 3),),
    ),
    case(
        "a bid one tick below the ask does not trade",
        submit(1, ANNA, SELL, 101, 5),
        submit(2, BERT, BUY, 100, 5).tells((2, ACCEPTED, 100, 5, 5)).rests(5),
        bids=((2, BERT, 100, 5),),
        asks=((1, ANNA, 101, 5),),
    ),
    case(
        "an ask one tick above the bid does not trade",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, SELL, 101, 5).tells((2, ACCEPTED, 101, 5, 5)).rests(5),
        bids=((1, ANNA, 100, 5),),
        asks=((2, BERT, 101, 5),),
    ),
    case(
        "below zero the highest bid is still the best",
        submit(1, ANNA, BUY, -300, 5),
        submit(2, ANNA, BUY, -200, 5),
        submit(3, BERT, SELL, -500, 12).trades((2, 3, -200, 5), (1, 3, -300, 5)).rests(2),
        asks=((3, BERT, -500, 2),),
    ),
    case(
        "below zero the lowest ask is still the best",
        submit(1, ANNA, SELL, -200, 5),
        submit(2, ANNA, SELL, -300, 5),
        submit(3, BERT, BUY, -100, 12).trades((2, 3, -300, 5), (1, 3, -200, 5)).rests(2),
        bids=((3, BERT, -100, 2),),
    ),
    case(
        "a part of an ask at price zero is given away",
        submit(1, ANNA, SELL, 0, 5),
        submit(2, BERT, BUY, 7, 3).trades((1, 2, 0, 3)).rests(0),
        asks=((1, ANNA, 0, 2),),
    ),
    case(
        "a part of a bid at price zero is given for nothing",
        submit(1, ANNA, BUY, 0, 5),
        submit(2, BERT, SELL, -7, 3).trades((1, 2, 0, 3)).rests(0),
        bids=((1, ANNA, 0, 2),),
    ),
    case(
        "each bid level adds up its orders, best level first",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, BUY, 105, 7),
        submit(3, CLEO, BUY, 100, 2),
        submit(4, DORA, BUY, 120, 1),
        bids=((4, DORA, 120, 1), (2, BERT, 105, 7), (1, ANNA, 100, 5), (3, CLEO, 100, 2)),
        bid_levels=((120, 1, 1), (105, 7, 1), (100, 7, 2)),
    ),
    case(
        "each ask level adds up its orders, best level first",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, SELL, 105, 7),
        submit(3, CLEO, SELL, 100, 2),
        submit(4, DORA, SELL, 120, 1),
        asks=((1, ANNA, 100, 5), (3, CLEO, 100, 2), (2, BERT, 105, 7), (4, DORA, 120, 1)),
        ask_levels=((100, 7, 2), (105, 7, 1), (120, 1, 1)),
    ),
    case(
        "a level that was bought empty can be filled again by a new ask",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, BUY, 100, 5).trades((1, 2, 100, 5)),
        submit(3, ANNA, SELL, 100, 4).rests(4),
        asks=((3, ANNA, 100, 4),),
    ),
    case(
        "a level that was sold empty can be filled again by a new bid",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, SELL, 100, 5).trades((1, 2, 100, 5)),
        submit(3, ANNA, BUY, 100, 4).rests(4),
        bids=((3, ANNA, 100, 4),),
    ),
    case(
        "a later ask that asks less goes ahead of all before it",
        submit(1, ANNA, SELL, 100, 5),
        submit(2, BERT, SELL, 100, 5),
        submit(3, CLEO, SELL, 99, 5),
        submit(4, DORA, BUY, 100, 5).trades((3, 4, 99, 5)).rests(0),
        asks=((1, ANNA, 100, 5), (2, BERT, 100, 5)),
    ),
    case(
        "a later bid that pays more goes ahead of all before it",
        submit(1, ANNA, BUY, 100, 5),
        submit(2, BERT, BUY, 100, 5),
        submit(3, CLEO, BUY, 101, 5),
        submit(4, DORA, SELL, 100, 5).trades((3, 4, 101, 5)).rests(0),
        bids=((1, ANNA, 100, 5), (2, BERT, 100, 5)),
    ),
    case(
        "the rest of a buyer is a bid like any other and sets the price for the next seller",
        submit(1, ANNA, SELL, 100, 4),
        submit(2, BERT, BUY, 110, 10).trades((1, 2, 100, 4)).rests(6),
        submit(3, CLEO, SELL, 105, 8).trades((2, 3, 110, 6)).rests(2),
        asks=((3, CLEO, 105, 2),),
    ),
    case(
        "the rest of a seller is an ask like any other and sets the price for the next buyer",
        submit(1, ANNA, BUY, 100, 4),
        submit(2, BERT, SELL, 90, 10).trades((1, 2, 100, 4)).rests(6),
        submit(3, CLEO, BUY, 95, 8).trades((2, 3, 90, 6)).rests(2),
        bids=((3, CLEO, 95, 2),),
    ),
)

"""Replay: a run's commands, given again to a fresh market, give back its facts byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattbook.book import Book
from wattbook.journal import Journal
from wattbook.market.market import Market
from wattbook.messages import Command, streams_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from wattbook.book import ReferenceBook
    from wattbook.market.setup import Street


def replay(
    street: Street,
    header: object,
    commands: Mapping[str, NDArray[Any]],
    make_book: Callable[..., Book | ReferenceBook] = Book,
) -> Journal:
    """Carry out journalled commands on a fresh market.

    Parameters
    ----------
    street : Street
        As it was at the run's start.
    header : object
        The journal's header.
    commands : mapping of str to ndarray (n,)
        The columns of the journal's ``commands``.
    make_book : function
        Makes the order books: `Book` or `ReferenceBook`.

    Returns
    -------
    Journal
        Its fingerprint is that of the run.
    """
    journal = Journal(streams_of(header), header)
    market = Market(street, journal, make_book)
    for row in zip(*(commands[name].tolist() for name in Command._fields), strict=True):
        market.apply(Command(*row))
    return journal

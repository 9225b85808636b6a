"""The desk's vocabulary: kinds of contract, verbs, codes, events, causes, and the rows that it answers with.

Owns every name and number that a caller and the desk must agree on. Knows no rule.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.errors import WattbookError
from wattbook.messages import Cause
from wattbook.units import MONEY_BOUND

if TYPE_CHECKING:
    from collections.abc import Callable

    Available = Callable[[int], int]
    """Money that an agent could pay now [1e-8 EUR]."""

NOBODY: Final = -1
"""Stands for the clearing house, or for a side that is not known yet, in the columns of parties."""
MAX_LOTS: Final = 1 << 36
"""Most lots of one command."""
MAX_ENERGY_WH: Final = 1 << 50
"""Most energy of one command: 1,126 TWh. Thousands of such contracts add up within int64."""
NOTIONAL_MAX: Final = MONEY_BOUND - 1
"""Largest |price| x energy of one command, and of all that an agent has open at the edge of the band [1e-8 EUR].

An index and a price both lie within the band, so what moves for an agent and a cause stays below twice that: in int64.
"""
MAX_TIME_MS: Final = 1 << 53
"""Latest time that a desk is told [ms]: the year 287,396; what is added to it stays within int64."""
WH_PER_CERTIFICATE: Final = 1_000_000
"""A guarantee of origin stands for 1 MWh."""


class Kind(IntEnum):
    """What a contract is.

    FUTURE_PHYSICAL, FUTURE_CASH
        Standard, between each party and the clearing house, margined.
    FORWARD
        Two parties, energy at a price agreed on.
    CFD
        Two parties, the difference between a strike and the index, both ways; no energy.
    PPA
        Two parties, a share of what the seller's meter shows, at a price agreed on.
    """

    FUTURE_PHYSICAL = 0
    FUTURE_CASH = 1
    FORWARD = 2
    CFD = 3
    PPA = 4


FUTURES: Final = (Kind.FUTURE_PHYSICAL, Kind.FUTURE_CASH)


class Verb(IntEnum):
    """What a command asks the desk for, with the numbers of `wattbook.messages.Action`.

    A command's columns: `book` the spec's place in the catalogue, `order` what is referred to, `side` BUY or SELL from
    the sender's point of view, `quantity_wh` a number of lots (of a PPA: a share [ppm]), `flags` how long an offer or
    request is good [ms]. Columns that a verb does not read may hold anything whole.

    REQUEST
        Ask for quotes: book, side, quantity, flags; order 0 for everybody, else 1 + the one agent asked.
    QUOTE
        Answer a request: order the request, price, quantity, flags.
    COUNTER
        Answer an offer by another: order the offer, price, quantity, flags.
    ACCEPT
        Sign what a quote or counter offers: order the offer, price and quantity the same as there.
    WALK
        End a quote or counter, by either side: order the offer.
    POST
        Offer to everybody: book, side, price, quantity, flags.
    TAKE
        Sign a part of a posted offer: order the offer, its price, quantity.
    WITHDRAW
        End an own request, quote, counter or post: order.
    CANCEL_CONTRACT
        Ask to end a bilateral contract, or agree to it: order the contract.
    PAY
        Pay the own margin call.
    CONTRIBUTE
        Pay into the default fund: quantity the money [1e-8 EUR].
    REDEEM
        Take the own contribution out of the fund, without an open position.
    RETIRE
        Use certificates: quantity how many.
    """

    REQUEST = 32
    QUOTE = 33
    COUNTER = 34
    ACCEPT = 35
    WALK = 36
    POST = 37
    TAKE = 38
    WITHDRAW = 39
    CANCEL_CONTRACT = 40
    PAY = 41
    CONTRIBUTE = 42
    REDEEM = 43
    RETIRE = 44


class Code(IntEnum):
    """Answer to a command: OK, or the one reason why it was refused. A refused command changes nothing.

    Where several reasons hold, the first in the order of the desk's checks is given: numbers, verb, agent, time,
    default, deadline; then what the verb refers to (unknown, of another kind, ended, expired, party, turn), the spec,
    its period, side, quantity, price, validity, counterparty; last what signing needs (calls, limits, cover, margin).
    """

    OK = 0
    NOT_A_WHOLE_NUMBER = 1
    UNKNOWN_VERB = 2
    UNKNOWN_AGENT = 3
    TIME_BACK = 4
    DEFAULTED = 5
    UNKNOWN_REFERENCE = 6
    REFERENCE_ENDED = 7
    """Withdrawn, walked away from, countered, used up, signed already, or expired and swept."""
    REFERENCE_EXPIRED = 8
    WRONG_REFERENCE = 9
    """What is referred to is of a kind that the verb does not take."""
    NOT_YOURS = 10
    NOT_YOUR_TURN = 11
    """An own offer waits for the other side."""
    SELF_DEALING = 12
    UNKNOWN_SPEC = 13
    WRONG_PERIOD = 14
    """A delivery period that is not the spec's first one."""
    PAST_DELIVERY = 15
    """Delivery has begun."""
    BAD_SIDE = 16
    QUANTITY_NOT_POSITIVE = 17
    QUANTITY_TOO_LARGE = 18
    PRICE_OUTSIDE_BAND = 19
    PRICE_OFF_STEP = 20
    NOTIONAL_TOO_LARGE = 21
    BAD_VALIDITY = 22
    UNKNOWN_COUNTERPARTY = 23
    COUNTERPARTY_DEFAULTED = 24
    CHANGED_TERMS = 25
    TOO_MANY_ROUNDS = 26
    MARGIN_CALLED = 27
    """A party that owes variation margin may only make its position smaller."""
    CREDIT_LIMIT = 28
    NAKED_SHORT = 29
    """More sold than the seller's limit, or than all of its output."""
    MARGIN_MISSING = 30
    COUNTERPARTY_MARGIN_MISSING = 31
    ALREADY_ASKED = 32
    NO_CALL = 33
    NO_FUNDS = 34
    POSITION_OPEN = 35
    NO_CERTIFICATES = 36
    ALREADY_COMPLIED = 37
    CALL_OVERDUE = 38
    """A party has a margin call whose deadline has come: `Desk.expire` takes the money, or it is out."""
    TIME_TOO_FAR = 39
    """After `MAX_TIME_MS`."""


class Event(IntEnum):
    """What happened; `Row` tells to whom. Certificates' rows carry a serial number for the contract."""

    REQUESTED = 0
    QUOTED = 1
    COUNTERED = 2
    POSTED = 3
    WALKED = 4
    WITHDRAWN = 5
    EXPIRED = 6
    """A request or an offer came to the end of its time, or of its spec's trading."""
    ENDED = 7
    """A request or an offer went because of something else: another quote was signed, its maker defaulted."""
    SIGNED = 8
    NOVATED = 9
    """The clearing house stepped between both parties."""
    CANCEL_ASKED = 10
    CANCELLED = 11
    MARGIN_LOCKED = 12
    MARGIN_RELEASED = 13
    COLLATERAL_LOCKED = 14
    COLLATERAL_RELEASED = 15
    MARKED_BY_TRADES = 16
    MARKED_BY_QUOTES = 17
    MARKED_STALE = 18
    """No trade and no two-sided quote since the last mark: its price stands."""
    MARKED_AS_GIVEN = 19
    VARIATION = 20
    CALLED = 21
    CALL_PAID = 22
    DEFAULTED = 23
    CLOSED_OUT = 24
    """A defaulter's position ended at the mark."""
    TORN_UP = 25
    """Its counterpart among the others ended at the mark."""
    LOSS_TO_MARGIN = 26
    LOSS_TO_OWN_FUND = 27
    LOSS_TO_CAPITAL = 28
    LOSS_TO_MUTUAL_FUND = 29
    LOSS_TO_GAINS = 30
    CONTRIBUTED = 31
    REDEEMED = 32
    SETTLED = 33
    """Final settlement of a future's period against the index."""
    DELIVERED = 34
    """Energy that the seller's own output and purchases cover."""
    REPLACED = 35
    """Energy owed beyond that: the seller's balance group buys it."""
    DIFFERENCE = 36
    PENALTY = 37
    FULFILLED = 38
    """Last period delivered."""
    CERTIFICATES_ISSUED = 39
    CERTIFICATES_MOVED = 40
    CERTIFICATES_RETIRED = 41
    CERTIFICATES_EXPIRED = 42
    COMPLIED = 43
    BOUGHT_OUT = 44
    CASCADED = 45
    """A position in a long future ended at its mark; the rows of what it became follow."""
    CASCADED_INTO = 46
    """A position in a part began, or grew or shrank, by as many lots at the same price."""


class LegCause(IntEnum):
    """Why money moved: those of `wattbook.messages.Cause` that the desk knows."""

    MARGIN = int(Cause.MARGIN)
    DELIVERY = int(Cause.DELIVERY)
    VARIATION = int(Cause.VARIATION)
    COLLATERAL = int(Cause.COLLATERAL)
    FUND = int(Cause.FUND)
    PREMIUM = int(Cause.PREMIUM)
    """Difference under a CfD."""
    PENALTY = int(Cause.PENALTY)
    BUY_OUT = int(Cause.BUY_OUT)
    GUARANTEE = int(Cause.GUARANTEE)


class Row(NamedTuple):
    """One thing that happened, for the journal. Ints only.

    Attributes
    ----------
    contract : int
        Number of the request, offer or contract; `NOBODY` for what concerns a position or the house; the first
        serial number for certificates.
    event : int
        `Event`.
    buyer, seller : int
        Agents; `NOBODY` for the clearing house or an open side. An agent with a position stands on its side of it,
        one without (a fund, a call) as the buyer.
    spec : int
        Place in the catalogue, `NOBODY` for none; for certificates the vintage (a period).
    quantity_wh : int
        Energy [Wh]; of a PPA's offers and signing its share [ppm].
    amount : int
        Money that the buyer gets, or the one agent of a row with the house, or that an event is about [1e-8 EUR]; 0
        for none.
    """

    contract: int
    event: int
    time_ms: int
    buyer: int
    seller: int
    spec: int
    price_tick: int
    quantity_wh: int
    amount: int


class Leg(NamedTuple):
    """One leg of a transfer: account (agents first, then `wattbook.messages.House`), money received (+) or paid (-)."""

    account: int
    amount: int
    cause: int


class Answer(NamedTuple):
    """What came of a command or of the clock.

    Attributes
    ----------
    code : Code
    reference : int
        Number of the request, offer or contract that came to be; 0 for none.
    rows : tuple of Row
    legs : tuple of Leg
        At most one per account and cause; the legs of each cause sum to zero.
    """

    code: Code
    reference: int = 0
    rows: tuple[Row, ...] = ()
    legs: tuple[Leg, ...] = ()


class Delivery(NamedTuple):
    """What one delivery period came to.

    Attributes
    ----------
    energy : tuple of (agent, Wh)
        Bought - sold by contracts that deliver energy, agents ascending; sums to zero.
    rows : tuple of Row
    legs : tuple of Leg
    """

    energy: tuple[tuple[int, int], ...]
    rows: tuple[Row, ...]
    legs: tuple[Leg, ...]


class Print(NamedTuple):
    """One line of the public tape: no names."""

    time_ms: int
    spec: int
    price_tick: int
    quantity_wh: int


class DeskError(WattbookError, ValueError):
    """The desk's clock or a delivery was driven wrongly. It is as it was."""

    code = "desk"

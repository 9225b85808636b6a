"""Which utility a member takes: what the next day would cost it under each, and whether the gain is worth a move.

Owns the rule by which a member chooses that has no mind of its own about it, and the form in which minds are asked. All
is whole numbers: money in 1e-8 EUR, energy in Wh, prices in ticks of 0.01 EUR/MWh. Rules in prose: docs/retail.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from wattbook.units import MS_PER_DAY, PPM

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

YEAR_MS: Final = 365 * MS_PER_DAY


class Offer(NamedTuple):
    """What a utility asks and pays on the next day.

    Attributes
    ----------
    utility : str
    retail_tick, feed_in_tick : (n,) int64
        Its tariff, period by period.
    green_ppm : int
        How renewable it is said to be.
    exit_fee : int
        What it would ask of the member for leaving it, later on [1e-8 EUR].
    term_ms : int
        How long it would bind the member.
    cost : int
        What the member's day would cost under it, with VAT, less what is fed in and what green is worth [1e-8 EUR].
    """

    utility: str
    retail_tick: Ints
    feed_in_tick: Ints
    green_ppm: int
    exit_fee: int
    term_ms: int
    cost: int


class Choice(NamedTuple):
    """What a member knows when it is asked which utility it takes.

    Attributes
    ----------
    now_ms, start_ms, period_ms : int
        Now; when the day begins for which it chooses; length of its n periods.
    own : str
        Its utility.
    drawn_wh, fed_in_wh : (n,) int64
        What it expects to draw and to feed in, if it trades nothing.
    offers : tuple of Offer
        Of all utilities, its own among them, by name.
    fee : int
        What leaving costs, spread over a year: the day's part [1e-8 EUR].
    loyalty_tick : int
        Gain of a Wh for which the rule leaves.
    """

    now_ms: int
    start_ms: int
    period_ms: int
    own: str
    drawn_wh: Ints
    fed_in_wh: Ints
    offers: tuple[Offer, ...]
    fee: int
    loyalty_tick: int


class Chooses(Protocol):
    """What a policy may have beside its call: its own choice of a utility."""

    def choose(self, choice: Choice, draw: Callable[[int], int], /) -> str | None:
        """Name the utility that it takes from the next day on; its own, or None, to stay."""
        ...


def costs(
    drawn_wh: Ints, fed_in_wh: Ints, retail_tick: Ints, feed_in_tick: Ints, vat_ppm: Ints, green_tick: Ints
) -> Ints:
    """Work out what the day would cost m members under u tariffs (m, u) [1e-8 EUR]; VAT is rounded down.

    Parameters
    ----------
    drawn_wh, fed_in_wh : (m, n)
    retail_tick, feed_in_tick : (u, n)
    vat_ppm : (m,)
        On what is drawn.
    green_tick : (u,)
        What the renewable share of each is worth.

    Examples
    --------
    >>> import numpy as np
    >>> day = np.array([[1_000, 0]]), np.array([[0, 500]])
    >>> tariffs = np.array([[16_000, 16_000]]), np.array([[8_000, 8_000]])
    >>> costs(*day, *tariffs, np.array([190_000]), np.array([0])).tolist()  # 16,000,000 x 1.19 - 4,000,000
    [[15040000]]
    """
    paid = drawn_wh @ retail_tick.T
    vat = paid // PPM * vat_ppm[:, None] + paid % PPM * vat_ppm[:, None] // PPM
    worth: Ints = paid + vat - fed_in_wh @ feed_in_tick.T - drawn_wh.sum(axis=1)[:, None] * green_tick
    return worth


def chosen(cost: Ints, own: Ints, fee: Ints, energy_wh: Ints, loyalty_tick: Ints) -> Ints:
    """Choose by rule: the column (m,) of the utility that each of m members takes, its own where it stays.

    The greatest gain counts, of equal ones the first. It is worth a move if it is above 0 and, of each Wh that passes
    the meter, not below the member's own loyalty.

    Parameters
    ----------
    cost : (m, u)
        From `costs`.
    own : (m,)
        Column of each one's utility.
    fee : (u,)
        What leaving each costs, the day's part.
    energy_wh : (m,)
        What is drawn and fed in.
    loyalty_tick : (m,)
    """
    rows = np.arange(len(own))
    gain = cost[rows, own][:, None] - fee[own][:, None] - cost
    gain[rows, own] = np.iinfo(np.int64).min
    best = gain.argmax(axis=1)
    most = gain[rows, best]
    taken: Ints = np.where((most > 0) & (most >= loyalty_tick * energy_wh), best, own)
    return taken


def fee_of_a_span(exit_fee: int, span_ms: int) -> int:
    """Spread an exit fee over a year and give a span's part, rounded down."""
    return exit_fee * span_ms // YEAR_MS

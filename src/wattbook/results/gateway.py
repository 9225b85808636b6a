"""What passed through the gateway between homes and the wholesale market, from the record alone.

Owns the second computation of who bought and sold how much there, and of the VAT on it. Knows no local book: energy of
the gateway is the outside's, whoever sold it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wattbook.messages import Cause, Venue
from wattbook.units import PPM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record

_DEAL = ("book", "period", "buyer", "seller", "price_tick", "quantity_wh")
TAXED = (Cause.RETAIL, Cause.NETWORK, Cause.LEVY)
"""What bears VAT beside energy of the gateway."""


def deals(record: Record) -> Iterator[dict[str, NDArray[Any]]]:
    """Give the gateway's trades, some at a time."""
    if "trades" not in record.streams:
        return  # a single fact is shown without them
    for rows in record.pieces("trades", only=_DEAL):
        mine = record.place.venues[rows["book"]] == Venue.WHOLESALE
        yield {name: column[mine] for name, column in rows.items()}


def group_net_wh(record: Record) -> Ints:
    """Bought - sold at the gateway by balance group and period: (g, p)."""
    market, place = record.wholesale, record.place
    assert market is not None
    total = np.zeros((len(market.groups), place.periods), np.int64)
    for rows in deals(record) if place.has_gateway else ():
        for side, sign in (("buyer", 1), ("seller", -1)):
            group = market.group_of[rows[side]]
            mine = group >= 0
            np.add.at(total, (group[mine], rows["period"][mine]), sign * rows["quantity_wh"][mine])
    return total


class Taxes:
    """VAT as it was posted, block after block; then how far it is from what was due.

    Parameters
    ----------
    record : Record
        With a gateway.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        place = record.place
        # What each agent pays for retail, network and levy, and for VAT, by period.
        self._taxed, self._posted = np.zeros((2, place.periods, place.agents), np.int64)

    def add(self, rows: dict[str, NDArray[Any]]) -> None:
        """Take the next postings."""
        account, period, cause = rows["account"], rows["period"], rows["cause"]
        known = (account < self._record.place.agents) & (period >= 0)
        for total, mine in ((self._taxed, np.isin(cause, TAXED)), (self._posted, cause == Cause.VAT)):
            some = known & mine
            np.add.at(total, (period[some], account[some]), rows["amount"][some])

    def error(self) -> int:
        """Sum the absolute errors of homes' VAT [1e-8 EUR].

        Due is VAT on retail, network and levy, and on what was paid, net, in the gateway's book; half-even.
        """
        record, place = self._record, self._record.place
        paid = np.zeros_like(self._taxed)
        for rows in deals(record):
            value = rows["price_tick"] * rows["quantity_wh"]
            np.add.at(paid, (rows["period"], rows["buyer"]), -value)
            np.add.at(paid, (rows["period"], rows["seller"]), value)
        settled = np.zeros(place.periods, np.bool_)
        settled[record.streams["flows"]["period"]] = True
        base = (self._taxed + np.minimum(paid, 0)) * place.vat_ppm
        due, rest = np.divmod(base, PPM)
        due += (2 * rest > PPM) | ((2 * rest == PPM) & (due & 1 == 1))
        homes = np.flatnonzero(place.homes)
        return int(np.abs(self._posted - due)[np.ix_(settled, homes)].sum())

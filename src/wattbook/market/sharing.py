"""Sharing after the event: metered surplus is given to neighbours by a rule, without orders.

Owns the rule, in whole Wh. Refuses to know tariffs, who pays whom, and the journal: that is the settlement's.
A member's claim is what it draws from the net (positive) or feeds into it (negative) in one period; the members of a
pool share what some feed in among those who draw. There is a pool for each feeder and, if there is a district, one of
all members for what the feeders have left over.

References
----------
Long, Wu, Zhang, Thomas, Cheng & Jenkins (2017), "Peer-to-peer energy trading in a community microgrid", IEEE Power &
Energy Society General Meeting, for the mid-market rate. Static keys fixed in advance: Spain's Real Decreto 244/2019,
annex I; keys in proportion to each period's consumption: the default key of French collective self-consumption. In all
three we share what is left behind each member's own meter, not the plants' whole generation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.book.kernel_auction import floors
from wattbook.messages import Path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.setup import Street

    Ints = NDArray[np.int64]

STATIC: Final = "static-key"
LARGEST_KEY: Final = 1 << 31
"""No weight of a static key is larger, so that a million of them fit into 62 bits."""


class Pool(NamedTuple):
    """Members who share with each other.

    Attributes
    ----------
    book : int
        The feeder's index, or the district's.
    path : int
        Of the network.
    rows : (m,) int64
        The members' agent indices, rising.
    """

    book: int
    path: int
    rows: Ints


def pools_of(street: Street) -> tuple[Pool, ...]:
    """List a street's pools: each feeder's, then the district's if there is one."""
    members = np.flatnonzero((street.utility >= 0) & (street.feeder >= 0))
    order = members[np.argsort(street.feeder[members], kind="stable")]
    feeders, starts = np.unique(street.feeder[order], return_index=True)
    rows = np.split(order, starts[1:]) if len(feeders) else []
    near = tuple(Pool(book, int(Path.FEEDER), mine) for book, mine in zip(feeders.tolist(), rows, strict=True))
    if not street.has_district:
        return near
    return (*near, Pool(len(street.feeders), int(Path.DISTRICT), members))


def apportioned(weight: Ints, total: int) -> Ints:
    """Share `total` in proportion to `weight` (m,), in whole parts that sum to it; nothing if all weights are 0.

    Each gets its exact share rounded down; what is then missing goes, one each, to the largest remainders, of equal
    ones to the earlier.
    """
    share, remainder = np.zeros_like(weight), np.zeros_like(weight)
    whole = int(weight.sum())
    if not total or not whole:
        return share
    # `floors` gives out no more than there is: weights that are all multiplied share alike.
    weight = weight * max(1, -(-total // whole))
    missing = floors(weight, total, share, remainder)
    share[np.argsort(-remainder, kind="stable")[:missing]] += 1
    return share


def shared(mechanism: str, claim_wh: Ints, key: Ints) -> Ints:
    """Share what a pool's members feed in among those who draw: (m,) [Wh], received positive, given negative.

    Static keys part the whole surplus by `key`; what a member's part exceeds its draw is not passed on. Otherwise as
    much as both sides have is shared, in proportion to each member's draw. Those who feed in give in proportion to what
    they feed in. Nobody gets more than it draws or gives more than it feeds in, and the sum is 0.

    Parameters
    ----------
    mechanism : str
        "mid-market-rate", "static-key" or "dynamic-key".
    claim_wh : (m,) int64
        What each draws (positive) or feeds in (negative) [Wh].
    key : (m,) int64
        Static keys' weights, from 0; the others do not read them.
    """
    need, offer = np.maximum(claim_wh, 0), np.maximum(-claim_wh, 0)
    supply = int(offer.sum())
    if mechanism == STATIC:
        received = np.minimum(apportioned(key, supply), need)
    else:
        received = apportioned(need, min(supply, int(need.sum())))
    return received - apportioned(offer, int(received.sum()))


class Sharing:
    """A street's pools, and the rule by which they share."""

    def __init__(self, street: Street) -> None:
        assert street.market is not None
        assert street.market.sharing is not None
        self.rules = street.market.sharing
        self.pools = pools_of(street)
        self.key = np.array(self.rules.key or [0] * street.agents, np.int64)

    def share(self, pool: Pool, claim_wh: Ints) -> Ints:
        """Share within `pool`, of whose members `claim_wh` (m,) is still open: (m,) [Wh]."""
        return shared(self.rules.mechanism, claim_wh, self.key[pool.rows])

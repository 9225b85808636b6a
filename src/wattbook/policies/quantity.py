"""Sellers that know demand and choose quantities: forward first, then at spot, by search.

A seller asks the spot market what it would answer: one price for each total that all together may offer. With that
list it looks for its best quantity, supposing that the others do the same; and before, for its best forward sale,
supposing that everybody goes on like that with the positions that come of it. What is said of an equilibrium is what
these searches end at: there is no formula of one, nor of a best answer, in here.

Owns the search and both decisions that rest on it, a seller's and an arbitrageur's. Knows no market and no desk: the
spot's answer is a function that it is given, positions are what it is shown.

References
----------
Allaz & Vila (1993), Journal of Economic Theory 59:1-16, for the game: forward sales that rivals observe, competitive
arbitrage, quantities at spot. There everything is continuous; here quantities are whole steps and prices whole ticks.
Hughes & Kao (1997), International Journal of Industrial Organization 16:121-133, for positions that
rivals do not observe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.errors import ConfigError
from wattbook.policies.kernel_quantity import best_quantity, settle_each

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_COARSEST: Final = 16
"""The first look at forward sales divides what can be sold into at least so many parts."""
_FINER: Final = 4
"""Each look has parts so many times smaller than the one before."""
_WINDOW: Final = 4
"""Parts on each side of the best one that the next, finer look covers.

Prices are whole ticks, so profit is a comb over the smooth curve, and the best part of a coarse look may lie some teeth
off. In six games of two rounds the price ends within 0.1 % of the continuous model's with 4, within 1.3 % with 3.
"""
_STILL: Final = 4
"""A forward sale that would move by so few steps stays: a tooth of that comb is a few steps wide."""
_SWEEPS: Final = 12
"""Most times that all sellers reconsider their forward sales; what still moves then is left as it is."""
_WORTHLESS: Final = -(1 << 62)


class QuantitySearch:
    """What sellers would do, forward and at spot, each knowing demand and all costs.

    One search may serve all who know the same: it remembers what it has found, and what it says does not depend on
    what it was asked before.

    Parameters
    ----------
    price_of : callable
        ``price_of(total_wh) -> price_tick``, arrays (m,): the spot price of each total that may be offered.
    cost_tick : sequence of int
        Cost of one MWh of each seller [ticks]; of rivals, what they are supposed to be.
    step_wh : int
        Quantities are multiples of it [Wh].
    most_wh : int
        Largest total that is asked about; beyond it the price is taken to stay.

    Raises
    ------
    ConfigError
        If there is no seller, or no step.
    """

    def __init__(self, price_of: Callable[[Ints], Ints], cost_tick: Sequence[int], step_wh: int, most_wh: int) -> None:
        problems = [] if cost_tick else ["cost_tick is empty: give one cost for each seller"]
        if not 1 <= step_wh <= most_wh:
            problems.append(
                f"step_wh={step_wh} is outside 1 .. most_wh={most_wh}: give a step that fits into the total"
            )
        if problems:
            raise ConfigError(problems)
        self.step_wh = step_wh
        self.cost_tick = np.array(cost_tick, np.int64)
        totals = np.arange(1, most_wh // step_wh + 1, dtype=np.int64)
        asked = np.asarray(price_of(totals * step_wh), np.int64)
        # Nobody ever asks for the first entry: somebody offers at least one step.
        self.prices: Ints = np.concatenate([asked[:1], asked])
        self.most = len(totals)
        self._sales: dict[tuple[int, bytes], Ints] = {}
        self._rivals_offer: Ints | None = None

    # --- everything in view

    def offers(self, sold_wh: Sequence[int]) -> list[int]:
        """Offers at spot after forward sales `sold_wh` (n,) that all know [Wh]."""
        return self._wh(self._outcomes(self._steps(sold_wh), 0)[0])

    def sales(self, sold_wh: Sequence[int], rounds: int) -> list[int]:
        """Forward sales of the next of `rounds` forward rounds, after `sold_wh` (n,) that all know [Wh]."""
        return self._wh(self._found_sales(self._steps(sold_wh), rounds)[0])

    def price_tick(self, sold_wh: Sequence[int], rounds: int) -> int:
        """Spot price that is to be expected after `sold_wh` (n,), with `rounds` forward rounds to come [ticks]."""
        return int(self._price(self._outcomes(self._steps(sold_wh), rounds))[0])

    def price_of_offers(self, offered_wh: Sequence[int]) -> int:
        """Spot price of offers (n,), as the market answered for their total [ticks]."""
        return int(self._price(self._steps(offered_wh))[0])

    # --- rivals' positions out of view

    def conjectured_offers(self) -> list[int]:
        """Offers that rivals are taken to make by who cannot see their positions [Wh].

        Each sells forward and offers what is best against the others' offers, which its sale does not move; where
        nobody changes both any more, that is what they are taken to do.
        """
        return self._wh(self._conjectured())

    def offer_unseen(self, seller: int, sold_wh: int) -> int:
        """Offer at spot of one that knows its own position only [Wh]."""
        return self._answer(seller, self._others(self._conjectured(), seller), sold_wh // self.step_wh) * self.step_wh

    def sale_unseen(self, seller: int, sold_wh: int) -> int:
        """Forward sale of one that knows its own position only [Wh]."""
        rivals = self._others(self._conjectured(), seller)
        return self._sale_against(seller, rivals, sold_wh // self.step_wh) * self.step_wh

    # --- the search

    def _outcomes(self, held: Ints, rounds: int) -> Ints:
        """Offers at spot (m, n) that positions `held` (m, n) lead to with `rounds` forward rounds to come."""
        distinct, place = np.unique(held, axis=0, return_inverse=True)
        for left in range(rounds, 0, -1):
            distinct = distinct + self._found_sales(distinct, left)
        offered = np.zeros_like(distinct)
        settle_each(self.prices, distinct, self.cost_tick, offered)
        return offered[place.ravel()]

    def _found_sales(self, held: Ints, rounds: int) -> Ints:
        """Forward sales (m, n) from `held` (m, n) in the next of `rounds` rounds, remembered."""
        keys = [(rounds, row.tobytes()) for row in held]
        new = [row for row, key in enumerate(keys) if key not in self._sales]
        if new:
            for row, found in zip(new, self._settled_sales(held[new], rounds), strict=True):
                self._sales[keys[row]] = found
        return np.array([self._sales[key] for key in keys])

    def _settled_sales(self, held: Ints, rounds: int) -> Ints:
        """Let sellers answer each other in turn until none moves its forward sale, for each row of `held` (m, n)."""
        sales = np.zeros_like(held)
        moving = np.arange(len(held))
        for _ in range(_SWEEPS):
            moved = np.zeros(len(moving), bool)
            for seller in range(held.shape[1]):
                answer = self._best_sale(seller, held[moving], sales[moving], rounds)
                moved |= np.abs(answer - sales[moving, seller]) > _STILL
                sales[moving, seller] = answer
            moving = moving[moved]
            if not len(moving):
                break
        return sales

    def _best_sale(self, seller: int, held: Ints, sales: Ints, rounds: int) -> Ints:
        """Find the seller's best sale in each row while the others sell `sales`; the forward price follows it.

        What it sells now brings the price that spot is then expected to have, for whoever buys it knows that; so all
        that it offers at spot earns that price but what it has sold before.
        """
        rows, before = len(held), held[:, seller, None]

        def profit(sale: Ints) -> Ints:
            after = np.repeat((held + sales)[:, None, :], sale.shape[1], axis=1)
            after[:, :, seller] = before + sale
            offered = self._outcomes(after.reshape(-1, held.shape[1]), rounds - 1)
            own = offered[:, seller].reshape(sale.shape)
            found: Ints = self._price(offered).reshape(sale.shape) * (own - before) - self.cost_tick[seller] * own
            return found

        return self._search(profit, rows)

    def _search(self, profit: Callable[[Ints], Ints], rows: int) -> Ints:
        """Look for the sale of most profit in each row, coarse to fine; the nearest to 0 of equally good ones."""
        step = 1
        while step * _FINER * _COARSEST <= self.most:
            step *= _FINER
        # Below 0 it buys back, or buys forward.
        low = np.full((rows, 1), -(self.most // 4 // step) * step)
        looks = (self.most - int(low[0, 0])) // step + 1
        while True:
            sale = low + step * np.arange(looks)
            found = profit(sale)
            best = found == found.max(axis=1, keepdims=True)
            at = np.where(best, -np.abs(sale), _WORTHLESS).argmax(axis=1)
            sold: Ints = sale[np.arange(rows), at]
            if step == 1:
                return sold
            low = (sold - _WINDOW * step)[:, None]
            step //= _FINER
            looks = 2 * _FINER * _WINDOW + 1

    def _conjectured(self) -> Ints:
        """Give what rivals are taken to offer (n,), found once."""
        if self._rivals_offer is None:
            offered = np.zeros(len(self.cost_tick), np.int64)
            for _ in range(_SWEEPS * len(offered)):
                before = offered.copy()
                for seller in range(len(offered)):
                    rivals = self._others(offered, seller)
                    sale = self._sale_against(seller, rivals, 0)
                    offered[seller] = self._answer(seller, rivals, sale)
                if np.abs(offered - before).max() <= 1:
                    break
            self._rivals_offer = offered
        return self._rivals_offer

    def _sale_against(self, seller: int, rivals: int, held: int) -> int:
        """Find the best sale against offers that it does not move."""

        def profit(sale: Ints) -> Ints:
            own = np.array([[self._answer(seller, rivals, held + each) for each in row] for row in sale.tolist()])
            price = self.prices[np.minimum(rivals + own, self.most)]
            found: Ints = price * (own - held) - self.cost_tick[seller] * own
            return found

        return int(self._search(profit, 1)[0])

    def _answer(self, seller: int, rivals: int, held: int) -> int:
        return int(best_quantity(self.prices, rivals, held, self.cost_tick[seller]))

    def _price(self, offered: Ints) -> Ints:
        found: Ints = self.prices[np.minimum(offered.sum(axis=1), self.most)]
        return found

    @staticmethod
    def _others(offered: Ints, seller: int) -> int:
        return int(offered.sum() - offered[seller])

    def _steps(self, sold_wh: Sequence[int]) -> Ints:
        return np.array([sold_wh], np.int64) // self.step_wh

    def _wh(self, steps: Ints) -> list[int]:
        found: list[int] = (steps * self.step_wh).tolist()
        return found


class QuantitySeller:
    """A seller that chooses its quantities with a `QuantitySearch`.

    Parameters
    ----------
    search : QuantitySearch
        With this seller's own cost, and what it takes the others' to be.
    seller : int
        Its own place among the sellers.
    """

    def __init__(self, search: QuantitySearch, seller: int) -> None:
        self._search = search
        self._seller = seller

    def sell_forward(self, sold_wh: Sequence[int | None], rounds: int) -> int:
        """Sale in the next of `rounds` forward rounds, below 0 to buy [Wh].

        Parameters
        ----------
        sold_wh : (n,)
            What each seller has sold forward so far [Wh]; None for whose position it cannot see.
        """
        seen = [sold for sold in sold_wh if sold is not None]
        if len(seen) == len(sold_wh):
            return self._search.sales(seen, rounds)[self._seller]
        return self._search.sale_unseen(self._seller, self._own(sold_wh))

    def offer(self, sold_wh: Sequence[int | None]) -> int:
        """Quantity for the spot market [Wh], after `sold_wh` as in `sell_forward`."""
        seen = [sold for sold in sold_wh if sold is not None]
        if len(seen) == len(sold_wh):
            return self._search.offers(seen)[self._seller]
        return self._search.offer_unseen(self._seller, self._own(sold_wh))

    def _own(self, sold_wh: Sequence[int | None]) -> int:
        own = sold_wh[self._seller]
        assert own is not None, "a seller knows its own position"
        return own


class Arbitrageur:
    """Buys and sells forward at the spot price that it expects: competition leaves it nothing else.

    Parameters
    ----------
    search : QuantitySearch
        With what it takes the sellers' costs to be.
    observable : bool
        Whether sellers see each other's positions, and so move with them.
    """

    def __init__(self, search: QuantitySearch, *, observable: bool = True) -> None:
        self._search = search
        self._observable = observable

    def expect(self, sold_wh: Sequence[int], rounds: int) -> int:
        """Spot price after `sold_wh` (n,), with `rounds` forward rounds to come [ticks]."""
        if self._observable:
            return self._search.price_tick(sold_wh, rounds)
        sold = list(sold_wh)
        for _ in range(rounds):
            sold = [each + self._search.sale_unseen(seller, each) for seller, each in enumerate(sold)]
        return self._search.price_of_offers([self._search.offer_unseen(i, each) for i, each in enumerate(sold)])

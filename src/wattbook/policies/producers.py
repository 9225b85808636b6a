"""Rule-based producers: what they sell ahead, at which price, what they leave to the spot market, when they build.

At the desk a producer quotes what it is asked for as far as its expected output goes, at no less than its marginal
cost or what it expects the spot market to pay. A day ahead it offers the rest at marginal cost, and buys back what it
owes where that is cheaper than producing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.upgrades import MS_PER_YEAR
from wattbook.contracts import Verb
from wattbook.errors import ConfigError
from wattbook.messages import BUY, SELL
from wattbook.policies.shares import shares_sold
from wattbook.policies.shelf import (
    GOOD_MS,
    affordable_lots,
    covered_wh,
    offered_wh,
    on_offer_step,
    orders_of,
    set_aside,
    shelf_of,
)
from wattbook.policies.wholesale import Say
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, PPM, TICKS_PER_EUR_PER_MWH, half_even

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from wattbook.policies.wholesale import Asked, AtDesk, Building, Offered, Orders, Own, Public

    Ints = NDArray[np.int64]

_MOST_TICK: Final = 1 << 31
_W_PER_KW: Final = 1_000


@dataclass(frozen=True, slots=True)
class ProducerMind:
    """A rule-based producer; see docs/wholesale-minds.md.

    Parameters
    ----------
    name, persona : str
    mark_up_ppm : int
        What its first price lies above marginal cost, as a share of that [ppm]; a day ahead too.
    premium_tick : int
        What its first price lies above the expected spot price [ticks].
    forward_ppm : int
        Share of its expected output that it sells ahead at most [ppm].
    firm_ppm : int
        The same for plants that follow the weather; the smaller of both holds for these [ppm].
    share_ppm : int
        Share of the output of a renewable plant that it sells as it comes, with its guarantees [ppm].
    posts : bool
        Whether it also posts prices for what nobody asked it for.
    builds_beyond_ppm : int
        It has capacity built where a kW would have earned so much more than its yearly instalment, as a share of that
        [ppm].
    builds_ppm : int
        How much it has built at once, as a share of its capacity [ppm]; 0 for all that it may.
    builds_after_ms : int
        How much of the past it has to have seen before that [ms].

    Raises
    ------
    ConfigError
        With every mistake found.
    """

    name: str = "producer"
    persona: str = "balanced"
    mark_up_ppm: int = 0
    premium_tick: int = 0
    forward_ppm: int = PPM
    firm_ppm: int = PPM // 2
    share_ppm: int = 0
    posts: bool = False
    builds_beyond_ppm: int = PPM // 10
    builds_ppm: int = PPM // 10
    builds_after_ms: int = 7 * MS_PER_DAY

    def __post_init__(self) -> None:
        bounds = {
            "mark_up_ppm": (0, 100 * PPM), "premium_tick": (-_MOST_TICK, _MOST_TICK), "forward_ppm": (0, PPM),
            "share_ppm": (0, PPM),
            "firm_ppm": (0, PPM), "builds_beyond_ppm": (0, 100 * PPM), "builds_ppm": (0, 100 * PPM),
            "builds_after_ms": (1, 1 << 53),
        }  # fmt: skip
        found = [
            f"producer {self.persona!r}: {name}={getattr(self, name)!r} is no whole number in {low} .. {high}"
            for name, (low, high) in bounds.items()
            if type(getattr(self, name)) is not int or not low <= getattr(self, name) <= high
        ]
        if found:
            raise ConfigError(found)

    def at_desk(self, own: Own, public: Public, desk: AtDesk, draw: Callable[[int], int], /) -> Sequence[Say]:  # noqa: ARG002 - the one form
        """Tidy up, answer counter-offers, quote what it is asked for, post the rest."""
        return [*_Stand(self, own, public, desk).says(), *shares_sold(self, own, public, desk)]

    def day_ahead(self, own: Own, public: Public, draw: Callable[[int], int], /) -> Orders:  # noqa: ARG002 - the one form
        """Offer what is not contracted at marginal cost, buy back what costs less than that, buy what is missing.

        The price of buying back lies one tick below that of selling, so that it never trades with itself.
        """
        able, owed = np.maximum(own.available_wh, 0), np.maximum(-own.contracted_wh, 0)
        parts = [
            (BUY, public.cap_tick, owed - able),
            (SELL, public.floor_tick, own.contracted_wh),
        ]
        ask = max(self._asked_tick(own.marginal_tick), public.floor_tick)
        if ask <= public.cap_tick:
            parts.append((SELL, ask, able - owed))
        bid = min(own.marginal_tick - 1, public.cap_tick)
        if bid >= public.floor_tick:
            parts.append((BUY, bid, np.minimum(able, owed)))
        return orders_of(own, *parts)

    def invest(self, own: Own, building: Building, draw: Callable[[int], int], /) -> int:  # noqa: ARG002 - the one form
        """Have capacity built where a kW would have earned more than it costs, scaled to a year."""
        most_w = building.most_w
        seen_ms = len(building.earned_tick) * own.period_ms
        if building.building or most_w <= 0 or seen_ms < self.builds_after_ms:
            return 0
        earned = yearly_earnings(own.marginal_tick, building.earned_tick, building.available_ppm)
        instalment = half_even(building.cost_per_kw * building.yearly_ppm, PPM)
        if earned * PPM <= instalment * (PPM + self.builds_beyond_ppm):
            return 0
        return min(most_w, building.capacity_w * self.builds_ppm // PPM) if self.builds_ppm else most_w

    def firm_wh(self, own: Own) -> Ints:
        """Give what it sells ahead at most, per period, rounded down (n,)."""
        share = min(self.forward_ppm, self.firm_ppm) if own.follows_weather else self.forward_ppm
        return np.maximum(own.available_wh, 0) * share // PPM

    def first_tick(self, own: Own, expected_tick: int) -> int:
        """Give the price of its quotes and posts, before steps."""
        return max(self._asked_tick(own.marginal_tick), expected_tick + self.premium_tick)

    def lowest_tick(self, own: Own, expected_tick: int) -> int:
        """Give the lowest price at which it signs, before steps: what it would cost, or earn elsewhere."""
        return max(own.marginal_tick, expected_tick + min(self.premium_tick, 0))

    def _asked_tick(self, marginal_tick: int) -> int:
        """Give marginal cost with its mark-up, rounded up."""
        return marginal_tick + -(-abs(marginal_tick) * self.mark_up_ppm // PPM)


def yearly_earnings(marginal_tick: int, spot_tick: Ints, available_ppm: Ints) -> int:
    """Give what a kW would have earned above its marginal cost, scaled to a year, half-even [1e-8 EUR].

    Parameters
    ----------
    spot_tick, available_ppm : (h,)
        Spot price and availability of each period so far.

    >>> yearly_earnings(4_000, np.array([9_000, 3_000]), np.array([1_000_000, 1_000_000])) // 10**8  # EUR
    219
    """
    above = np.maximum(np.asarray(spot_tick, np.int64) - marginal_tick, 0)
    earned = sum(int(price) * int(share) for price, share in zip(above, available_ppm, strict=True) if price)
    # A kW gives 1,000 Wh x period / hour; the period's length cancels against the number of periods in a year.
    return half_even(earned * _W_PER_KW * MS_PER_YEAR, PPM * MS_PER_HOUR * max(len(above), 1))


class _Stand:
    """One turn at the desk: what may still be sold in each period, what may still be set aside, and what is said."""

    def __init__(self, mind: ProducerMind, own: Own, public: Public, desk: AtDesk) -> None:
        self.mind, self.own, self.public, self.desk = mind, own, public, desk
        self.shelf = shelf_of(own, public, desk)
        self.said: list[Say] = []
        self.money = own.money
        self.offers = [o for o in desk.offered if o.spec in self.shelf.row and own.now_ms < o.until_ms]
        self.free_wh = mind.firm_wh(own) + np.minimum(covered_wh(own, desk, self.shelf), 0)

    def says(self) -> list[Say]:
        """All that is said in this turn, in its order."""
        if self.desk.round == 0:
            self._tidy()
        mine = [offer for offer in self.offers if offer.maker == self.own.agent]
        self.free_wh = self.free_wh - offered_wh(self.shelf, mine)
        self.money -= sum(set_aside(o.price_tick, o.quantity * self._lot_wh(o.spec)) for o in mine)
        for counter in self._counters():
            self._answer(counter)
        self._quote(self._requests())
        if self.mind.posts:
            self._post()
        return self.said

    def _tidy(self) -> None:
        """End what is left of an earlier session: its prices are old."""
        for offer in self.offers:
            if offer.maker == self.own.agent:
                self.said.append(Say(int(Verb.WITHDRAW), order=offer.number))
        self.offers = [offer for offer in self.offers if offer.maker != self.own.agent]

    # --- what may be sold, and for how much

    def _lot_wh(self, spec: int) -> int:
        return self.shelf.lot_wh(self.shelf.row[spec])

    def _free_lots(self, row: int, price_tick: int) -> int:
        """Most lots that oversell no period, and whose margin can be paid."""
        energy_wh = self.shelf.energy_wh[row]
        held = energy_wh > 0
        free = int((np.maximum(self.free_wh[held], 0) // energy_wh[held]).min())
        return min(free, affordable_lots(self.money, price_tick, self.shelf.lot_wh(row)))

    def _commit(self, row: int, price_tick: int, lots: int) -> None:
        self.free_wh = self.free_wh - lots * self.shelf.energy_wh[row]
        self.money -= set_aside(price_tick, lots * self.shelf.lot_wh(row))

    def _first_tick(self, row: int) -> int | None:
        price = self.mind.first_tick(self.own, self.shelf.expected_tick[row])
        return on_offer_step(self.shelf.specs[row], self.public, price, up=True)

    # --- offers by others

    def _counters(self) -> list[Offered]:
        """Counter-offers to its quotes, the dearest first."""
        found = [o for o in self.offers if o.maker != self.own.agent and o.side == BUY and o.request != 0]
        return sorted(found, key=lambda offer: (-offer.price_tick, offer.number))

    def _answer(self, counter: Offered) -> None:
        """Sign what reaches its lowest price, meet half-way what does not, walk away where that leads nowhere."""
        row = self.shelf.row[counter.spec]
        lowest = self.mind.lowest_tick(self.own, self.shelf.expected_tick[row])
        if counter.price_tick >= lowest and self._free_lots(row, counter.price_tick) >= counter.quantity:
            self.said.append(
                Say(int(Verb.ACCEPT), order=counter.number, price_tick=counter.price_tick, quantity=counter.quantity)
            )
            self._commit(row, counter.price_tick, counter.quantity)
            return
        first = self._first_tick(row)
        if first is None or counter.turn >= self.desk.max_rounds:
            self.said.append(Say(int(Verb.WALK), order=counter.number))
            return
        middle = max(half_even(first + counter.price_tick, 2), counter.price_tick, lowest)
        price = on_offer_step(self.shelf.specs[row], self.public, middle, up=True)
        self._offer(Verb.COUNTER, row, price, counter.quantity, counter.number)

    def _requests(self) -> list[Asked]:
        """Give the requests of whom it reaches that it does not negotiate about yet, oldest first."""
        talked_of = {offer.request for offer in self.offers}
        found = [
            asked
            for asked in self.desk.asked
            if asked.agent in self.desk.reaches
            and asked.side == BUY
            and asked.spec in self.shelf.row
            and asked.number not in talked_of
            and self.own.now_ms < asked.until_ms
        ]
        return sorted(found, key=lambda asked: asked.number)

    # --- own offers

    def _quote(self, requests: list[Asked]) -> None:
        """Quote all requests; where they want more of a period than is free, each gets its part of it."""
        wanted_wh = np.zeros_like(self.free_wh)
        for asked in requests:
            wanted_wh = wanted_wh + asked.quantity * self.shelf.energy_wh[self.shelf.row[asked.spec]]
        free_wh = np.maximum(self.free_wh, 0)
        for asked in requests:
            row = self.shelf.row[asked.spec]
            scarce = (self.shelf.energy_wh[row] > 0) & (wanted_wh > free_wh)
            parts = zip(free_wh[scarce], wanted_wh[scarce], strict=True)
            lots = min([asked.quantity, *(asked.quantity * int(free) // int(wanted) for free, wanted in parts)])
            self._offer(Verb.QUOTE, row, self._first_tick(row), lots, asked.number)

    def _offer(self, verb: Verb, row: int, price_tick: int | None, wanted: int, order: int) -> None:
        """Offer as many lots of what is wanted as are free; to a counter-offer walk away without any."""
        lots = 0 if price_tick is None else min(self._free_lots(row, price_tick), wanted)
        if price_tick is None or lots == 0:
            if verb == Verb.COUNTER:
                self.said.append(Say(int(Verb.WALK), order=order))
            return
        spec = self.shelf.specs[row]
        book, side = (spec.place, SELL) if verb == Verb.POST else (-1, 0)
        good_ms = min(GOOD_MS, spec.ends_ms - self.own.now_ms)
        self.said.append(Say(int(verb), book, order, side, price_tick, lots, good_ms))
        self._commit(row, price_tick, lots)

    def _post(self) -> None:
        """Post what is still free, the widest specs first, where no price of its own stands."""
        standing = {offer.spec for offer in self.offers if offer.maker == self.own.agent and offer.request == 0}
        for row in sorted(range(len(self.shelf.specs)), key=lambda row: (-self.shelf.lot_wh(row), row)):
            if self.shelf.specs[row].place not in standing:
                price = self._first_tick(row)
                self._offer(Verb.POST, row, price, 1 << 62, 0)


PRODUCER_PERSONAS: Final[Mapping[str, ProducerMind]] = MappingProxyType(
    {
        "balanced": ProducerMind(
            persona="balanced", premium_tick=3 * TICKS_PER_EUR_PER_MWH, forward_ppm=800_000, firm_ppm=500_000,
            share_ppm=500_000,
        ),
        "at-cost": ProducerMind(persona="at-cost", posts=True, forward_ppm=800_000, share_ppm=800_000),
        "greedy": ProducerMind(
            persona="greedy", mark_up_ppm=200_000, premium_tick=10 * TICKS_PER_EUR_PER_MWH, builds_beyond_ppm=PPM // 2,
            share_ppm=300_000,
        ),
        "merchant": ProducerMind(persona="merchant", forward_ppm=0, firm_ppm=0),
    }
)  # fmt: skip
"""Rule-based producers by name; all sizes are assumptions of calibration."""

"""Rule-based utilities: how much of their customers' need they cover ahead, with whom, and up to which price.

At the desk a utility works towards a target per period, a share of the expected need. It asks for quotes, signs the
best bargain that it finds acceptable, makes a counter-offer where all is too dear, and leaves the rest to the day-ahead
market, where it buys what is not covered at any price.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.contracts import Verb
from wattbook.errors import ConfigError
from wattbook.messages import BUY, SELL
from wattbook.policies.hedging import Hedge, fitting_lots, need_quantile_wh, newsvendor_ppm
from wattbook.policies.pricing import Pricing
from wattbook.policies.shares import shares_bought
from wattbook.policies.shelf import (
    GOOD_MS,
    affordable_lots,
    covered_wh,
    on_offer_step,
    orders_of,
    set_aside,
    shelf_of,
)
from wattbook.policies.wholesale import Say
from wattbook.units import PPM, TICKS_PER_EUR_PER_MWH, half_even

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from wattbook.policies.wholesale import AtDesk, Building, Offered, Orders, Own, Public, Shop

    Ints = NDArray[np.int64]

_MOST_TICK: Final = 1 << 31
_EVERY: Final = 2
"""It asks for quotes in each second round; between, only for what a quote that it signed left missing."""


@dataclass(frozen=True, slots=True)
class UtilityMind:
    """A rule-based utility; see docs/wholesale-minds.md.

    Parameters
    ----------
    name, persona : str
    hedge : Hedge
        Which part of the expected need is to be covered by now.
    mark_up_ppm : int
        What it pays at most beyond the expected price, as a share of that [ppm]; below 0 it looks for bargains only.
    green_tick : int
        What it pays beyond that for guarantees that come along, or to a seller whose plants earn them [ticks].
    any_price : bool
        Whether it signs at whatever price the band allows.
    counters : bool
        Whether it makes a counter-offer where all quotes are too dear.
    shares_ppm : int
        Which part of its need it buys as shares of renewable plants' output, with their guarantees [ppm].
    pricing : Pricing
        How it prices what it sells, where customers can leave.
    quantile_ppm : int, optional
        Quantile of the need that it buys in all for the day ahead [ppm]; None for the newsvendor's of the imbalance
        prices.

    Raises
    ------
    ConfigError
        With every mistake found.
    """

    name: str = "utility"
    persona: str = "balanced"
    hedge: Hedge = field(default_factory=Hedge)
    mark_up_ppm: int = 0
    green_tick: int = 0
    any_price: bool = False
    counters: bool = False
    shares_ppm: int = 0
    pricing: Pricing = field(default_factory=Pricing)
    quantile_ppm: int | None = None

    def __post_init__(self) -> None:
        bounds = {
            "mark_up_ppm": (-PPM, 100 * PPM),
            "green_tick": (0, _MOST_TICK),
            "quantile_ppm": (0, PPM),
            "shares_ppm": (0, PPM),
        }
        given = {name: getattr(self, name) for name in bounds if getattr(self, name) is not None}
        found = [
            f"utility {self.persona!r}: {name}={value!r} is no whole number in {bounds[name][0]} .. {bounds[name][1]}"
            for name, value in given.items()
            if type(value) is not int or not bounds[name][0] <= value <= bounds[name][1]
        ]
        if not isinstance(self.hedge, Hedge):
            found.append(f"utility {self.persona!r}: hedge={self.hedge!r} is none: write Hedge('fixed', 600_000)")
        if found:
            raise ConfigError(found)

    def at_desk(self, own: Own, public: Public, desk: AtDesk, draw: Callable[[int], int], /) -> Sequence[Say]:  # noqa: ARG002 - the one form
        """Tidy up, sign what is worth it, answer what is too dear, ask for what is missing."""
        # What it takes of shares changes what is missing: the rest is said in the next round.
        return shares_bought(self, own, public, desk) or _Session(self, own, public, desk).says()

    def day_ahead(self, own: Own, public: Public, draw: Callable[[int], int], /) -> Orders:  # noqa: ARG002 - the one form
        """Buy what is not contracted of the need's quantile at the cap, sell what is left over at the floor."""
        shares: int | Ints
        if self.quantile_ppm is None:
            bought = PPM - newsvendor_ppm(PPM, public.short_ppm, public.long_ppm)
            # Below 0 who is short gets more than who is long: no quantile is best, and the mean is the modest one.
            shares = np.where(public.expected_tick < 0, PPM // 2, bought)
        else:
            shares = self.quantile_ppm
        missing_wh = need_quantile_wh(own.need_wh, own.sd_wh, shares) - own.contracted_wh
        return orders_of(own, (BUY, public.cap_tick, missing_wh), (SELL, public.floor_tick, -missing_wh))

    def invest(self, own: Own, building: Building, draw: Callable[[int], int], /) -> int:  # noqa: ARG002 - the one form
        """Build nothing: a utility has no plants."""
        return 0

    def price(self, own: Own, public: Public, shop: Shop, draw: Callable[[int], int], /) -> int:  # noqa: ARG002 - the one form
        """Shift the next day's retail prices."""
        return self.pricing.shift_tick(shop)

    def target_wh(self, own: Own, desk: AtDesk) -> Ints:
        """Give the energy that contracts should fix by now, per period, rounded down (n,)."""
        places = np.arange(len(own.need_wh), dtype=np.int64)
        left_ms = own.start_ms + places * own.period_ms - own.now_ms
        return own.need_wh * self.hedge.shares_ppm(left_ms, desk.past_tick) // PPM

    def highest_tick(self, public: Public, expected_tick: int, *, green: bool) -> int:
        """Give the highest price at which it signs, before steps."""
        if self.any_price:
            return public.cap_tick
        premium = self.green_tick if green else 0
        return expected_tick + abs(expected_tick) * self.mark_up_ppm // PPM + premium


class _Session:
    """One turn at the desk: what is still missing, what may still be spent, and what is said."""

    def __init__(self, mind: UtilityMind, own: Own, public: Public, desk: AtDesk) -> None:
        self.mind, self.own, self.public, self.desk = mind, own, public, desk
        self.shelf = shelf_of(own, public, desk)
        self.said: list[Say] = []
        self.money = own.money
        self.signed: list[int] = []
        # Lots of a spec take `overlap` Wh of what may be signed in the periods of each other spec.
        self.held = (self.shelf.energy_wh > 0).astype(np.int64)
        self.overlap_wh = self.held @ self.shelf.energy_wh.T
        self.open_wh = mind.target_wh(own, desk) - covered_wh(own, desk, self.shelf)
        self.requests = {
            asked.number: asked
            for asked in desk.asked
            if asked.agent == own.agent and own.now_ms < asked.until_ms and asked.spec in self.shelf.row
        }
        self.offers = {o.number: o for o in desk.offered if o.spec in self.shelf.row and own.now_ms < o.until_ms}
        self.is_last = desk.round + 1 >= desk.rounds

    def says(self) -> list[Say]:
        """All that is said in this turn, in its order."""
        if self.desk.round == 0:
            self._tidy()
        self._reserve_counters()
        if self.desk.round > 0 or self.is_last or self.mind.any_price:
            self._sign()
        for request in list(self.requests):
            self._answer(request)
        if self.is_last:
            self._withdraw(list(self.requests))
        elif self.desk.round % _EVERY == 0:
            self._withdraw([number for number in self.requests if not self._is_answered(number)])
            self._ask(self._order())
        else:
            self._ask([row for row in self._order() if row in self.signed])
        return self.said

    def _tidy(self) -> None:
        """End what is left of an earlier session."""
        self._withdraw(list(self.requests))
        for offer in self._own_offers():
            self.said.append(Say(int(Verb.WITHDRAW), order=offer.number))
            del self.offers[offer.number]

    # --- what may be signed

    def _room_lots(self, row: int, price_tick: int) -> int:
        """Most lots that overshoot the target of no spec's periods, fit what is open, and can be paid for."""
        touched = self.overlap_wh[:, row] > 0
        room_wh = np.maximum(self.held[touched] @ self.open_wh, 0)
        room = int((room_wh // self.overlap_wh[touched, row]).min())
        fitting = fitting_lots(self.open_wh, self.shelf.energy_wh[row])
        return min(room, fitting, affordable_lots(self.money, price_tick, self.shelf.lot_wh(row)))

    def _commit(self, row: int, price_tick: int, lots: int) -> None:
        self.open_wh = self.open_wh - lots * self.shelf.energy_wh[row]
        self.money -= set_aside(price_tick, lots * self.shelf.lot_wh(row))

    def _own_offers(self) -> list[Offered]:
        return [offer for offer in self.offers.values() if offer.maker == self.own.agent]

    def _reserve_counters(self) -> None:
        """Count own counter-offers, which others may still accept, as signed."""
        for offer in self._own_offers():
            self._commit(self.shelf.row[offer.spec], offer.price_tick, offer.quantity)

    # --- offers of others

    def _is_green(self, offer: Offered) -> bool:
        return offer.maker in self.desk.renewable or self.shelf.specs[self.shelf.row[offer.spec]].bundled

    def _dearness(self, offer: Offered) -> int:
        """Price beyond the highest that it would sign at; above 0 it is too dear."""
        expected = self.shelf.expected_tick[self.shelf.row[offer.spec]]
        return offer.price_tick - self.mind.highest_tick(self.public, expected, green=self._is_green(offer))

    def _open(self) -> list[Offered]:
        """Give what it could sign: quotes for its requests, and posted prices, of whom it reaches; best first."""
        others = [
            offer
            for offer in self.offers.values()
            if offer.side == SELL
            and offer.maker in self.desk.reaches
            and (offer.request in self.requests or offer.request == 0)
        ]
        return sorted(others, key=lambda offer: (self._dearness(offer), offer.number))

    def _sign(self) -> None:
        for offer in self._open():
            if self._dearness(offer) > 0 or (offer.request and offer.request not in self.requests):
                continue
            row = self.shelf.row[offer.spec]
            lots = min(self._room_lots(row, offer.price_tick), offer.quantity)
            # A quote is signed whole, of a posted price any part.
            if lots < (offer.quantity if offer.request else 1):
                continue
            verb = Verb.ACCEPT if offer.request else Verb.TAKE
            self.said.append(Say(int(verb), order=offer.number, price_tick=offer.price_tick, quantity=lots))
            self._commit(row, offer.price_tick, lots)
            if offer.request:
                self.signed.append(row)
                del self.requests[offer.request]

    def _answer(self, request: int) -> None:
        """Make a counter-offer to the largest of what was not signed, and walk away from the rest."""
        quotes = [offer for offer in self._open() if offer.request == request]
        quotes.sort(key=lambda quote: -quote.quantity)
        if not quotes:
            return
        if self._has_countered(request):
            rest = quotes
        elif self._counter(quotes[0]):
            rest = quotes[1:]
        else:
            self._withdraw([request])
            return
        self.said += [Say(int(Verb.WALK), order=offer.number) for offer in rest]

    def _has_countered(self, request: int) -> bool:
        return any(offer.request == request for offer in self._own_offers())

    def _counter(self, quote: Offered) -> bool:
        """Offer to meet half-way to the expected price, once a negotiation, while there is a round for the answer."""
        row = self.shelf.row[quote.spec]
        if not self.mind.counters or self.is_last or quote.turn != 1 or self.desk.max_rounds == 1:
            return False
        expected = self.shelf.expected_tick[row]
        middle = half_even(expected + quote.price_tick, 2)
        highest = self.mind.highest_tick(self.public, expected, green=self._is_green(quote))
        wanted = min(middle, highest, quote.price_tick)
        price = on_offer_step(self.shelf.specs[row], self.public, wanted, up=False)
        lots = 0 if price is None else min(self._room_lots(row, price), quote.quantity)
        if price is None or lots == 0:
            return False
        self.said.append(
            Say(int(Verb.COUNTER), order=quote.number, price_tick=price, quantity=lots, flags=self._good_ms(row))
        )
        self._commit(row, price, lots)
        return True

    # --- own requests

    def _is_answered(self, request: int) -> bool:
        return any(offer.request == request for offer in self.offers.values())

    def _withdraw(self, numbers: list[int]) -> None:
        """End own requests, and with them all that answers them."""
        for number in numbers:
            self.said.append(Say(int(Verb.WITHDRAW), order=number))
            del self.requests[number]
            self.offers = {key: offer for key, offer in self.offers.items() if offer.request != number}

    def _ask(self, rows: list[int]) -> None:
        """Ask for what is missing, one spec after the other, as many lots as overshoot no spec's target."""
        asked = {request.spec for request in self.requests.values()}
        for row in rows:
            spec = self.shelf.specs[row]
            price = max(self.shelf.expected_tick[row], 0)
            lots = self._room_lots(row, price)
            if lots == 0 or spec.place in asked:
                continue
            self.said.append(Say(int(Verb.REQUEST), book=spec.place, side=BUY, quantity=lots, flags=self._good_ms(row)))
            self._commit(row, price, lots)

    def _order(self) -> list[int]:
        """Rows by energy; among equals, and of those with guarantees, it turns to the others every second time."""
        turned = self.desk.round // _EVERY % 2 == 1
        likes_green = self.mind.green_tick > 0

        def key(row: int) -> tuple[bool, int, int]:
            spec = self.shelf.specs[row]
            later = spec.bundled == turned if likes_green else False
            return later, -self.shelf.lot_wh(row), -spec.place if turned else spec.place

        return sorted(range(len(self.shelf.specs)), key=key)

    def _good_ms(self, row: int) -> int:
        return min(GOOD_MS, self.shelf.specs[row].ends_ms - self.own.now_ms)


UTILITY_PERSONAS: Final[Mapping[str, UtilityMind]] = MappingProxyType(
    {
        "balanced": UtilityMind(
            persona="balanced", hedge=Hedge("ladder"), mark_up_ppm=30_000, counters=True, pricing=Pricing(PPM)
        ),
        "eco-friendly": UtilityMind(
            persona="eco-friendly", hedge=Hedge("fixed", 800_000), mark_up_ppm=50_000,
            green_tick=5 * TICKS_PER_EUR_PER_MWH, counters=True, pricing=Pricing(PPM // 2),
            shares_ppm=400_000,
        ),
        "greedy": UtilityMind(persona="greedy", pricing=Pricing(feels_ppm=5_000)),
        "depressed": UtilityMind(
            persona="depressed", hedge=Hedge("fixed", PPM), any_price=True, quantile_ppm=PPM // 2
        ),
        "prudent": UtilityMind(
            persona="prudent", hedge=Hedge("minimum-variance", 700_000), mark_up_ppm=80_000, counters=True
        ),
    }
)  # fmt: skip
"""Rule-based utilities by name; all sizes are assumptions of calibration."""

"""Books and auctions with one planted fault each, named after the law that it breaks."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from wattbook.book import BUY, Code, Event, Flag, ReferenceBook


class Reckless(ReferenceBook):
    """B1: orders rest without meeting what they cross."""

    def _take(self, taker):
        if taker.order % 2 or taker.flags:
            super()._take(taker)


class WorstFirst(ReferenceBook):
    """B2: the worst price within the limit goes first."""

    def _take(self, taker):
        while taker.remaining_wh and self._crosses(taker):
            within = [o for o in self._opposite(taker) if taker.side * o.price_tick <= taker.side * taker.price_tick]
            worst = next(o for o in within if o.price_tick == within[-1].price_tick)
            self._fill(worst, taker, worst.price_tick, min(worst.shown_wh, taker.remaining_wh))


class LosesTime(ReferenceBook):
    """B3: a partly filled order goes to the end of its queue."""

    def _lessen(self, order, event, price_tick, quantity_wh):
        super()._lessen(order, event, price_tick, quantity_wh)
        if order.order in self._live:
            self._side(order.product, order.side).put_last(order)


class TakersPrice(ReferenceBook):
    """B4: fills are at the taker's price."""

    def _fill(self, maker, taker, price_tick, quantity_wh):
        super()._fill(maker, taker, taker.price_tick, quantity_wh)


class StaleLevels(ReferenceBook):
    """B5: what is filled stays in its level's total."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.stale = {}

    def _fill(self, maker, taker, price_tick, quantity_wh):
        key = (maker.product, maker.side, maker.price_tick)
        self.stale[key] = self.stale.get(key, 0) + quantity_wh
        super()._fill(maker, taker, price_tick, quantity_wh)

    def depth(self, product, side, levels):
        found = super().depth(product, side, levels)
        return [(price, total + self.stale.get((product, side, price), 0), count) for price, total, count in found]


class Leaky(ReferenceBook):
    """B6: a Wh is lost when an order comes to rest."""

    def _rest_or_cancel(self, order):
        if order.remaining_wh > self.terms.lot_wh:
            order.remaining_wh -= self.terms.lot_wh
        super()._rest_or_cancel(order)


class OneSided(ReferenceBook):
    """B7: the first fill of a command is told with twice its quantity."""

    @property
    def fill_rows(self):
        rows = super().fill_rows
        rows[:1, 5] *= 2
        return rows


class HalfCancel(ReferenceBook):
    """B8: a cancel leaves a part of the order."""

    def _withdraw(self, order, event):
        part = max(1, order.remaining_wh // 2) if event == Event.CANCELLED else order.remaining_wh
        self._lessen(order, event, order.price_tick, part)


class ForgetsIds(ReferenceBook):
    """B9: any id will do that does not rest."""

    def _id_code(self, order):
        return Code.ORDER_NOT_RISING if order.order in self._live or order.order <= 0 else Code.OK


class RestingIoc(ReferenceBook):
    """B10: what is left of an immediate-or-cancel order rests."""

    flag = Flag.IOC

    def _rest_or_cancel(self, order):
        if order.flags == self.flag and order.remaining_wh:
            order.show_next_slice()
            self._side(order.product, order.side).append(order)
            self._live[order.order] = order
            self._resting_wh = order.remaining_wh
        else:
            super()._rest_or_cancel(order)


class PartlyFok(ReferenceBook):
    """B11: a fill-or-kill order trades partly."""

    def _fok_code(self, order):
        return Code.OK


class TakingPostOnly(ReferenceBook):
    """B12: a post-only order takes."""

    def _post_only_code(self, order):
        return Code.OK


class RestingMarket(RestingIoc):
    """B13: what is left of a market order rests."""

    flag = Flag.MARKET


class SelfTrader(ReferenceBook):
    """B14: the self-trade mode is forgotten."""

    def _is_self_trade(self, maker, taker):
        return False


class Unbanded(ReferenceBook):
    """B16: prices off the step are taken."""

    def _price_code(self, price_tick, quantity_wh):
        code = super()._price_code(price_tick, quantity_wh)
        return Code.OK if code == Code.PRICE_OFF_STEP else code


class RefusalCounts(ReferenceBook):
    """B17: the id of a refused order is used up."""

    def _admission(self, order):
        code = super()._admission(order)
        if code == Code.FOK_UNFILLABLE:
            self._last_order = order.order
        return code


class Moody(ReferenceBook):
    """B18: every other book serves replaced orders differently."""

    made = itertools.count()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mood = next(self.made) % 2

    def _keeps_priority(self, old, new):
        return super()._keeps_priority(old, new) and self.mood == 0


class BatchMinded(ReferenceBook):
    """B19: what the last command of a longer batch leaves resting is not told."""

    def process(self, commands, display_wh=None, expire_ms=None):
        batch = super().process(commands, display_wh, expire_ms)
        if len(commands) > 1:
            batch.resting_wh[-1] = 0
        return batch


class StrictReplace(ReferenceBook):
    """B20: a replace to the same quantity loses its place."""

    def _keeps_priority(self, old, new):
        return new.price_tick == old.price_tick and new.remaining_wh < old.remaining_wh


class Forgetful(ReferenceBook):
    """B21: a restored book has lost the highest id."""

    def _load(self, state):
        super()._load(state._replace(last_order=0))


class Entangled(ReferenceBook):
    """B22: an expiry empties the next product as well."""

    def _expire(self, product, until_ms):
        code = super()._expire(product, until_ms)
        if code == Code.OK and product + 1 < self.terms.products:
            super()._expire(product + 1, until_ms)
        return code


class Boundless(ReferenceBook):
    """B23: a full book takes one more."""

    def _room_code(self, order):
        return Code.OK


class Overwriting(ReferenceBook):
    """B23: the fifty-first order takes the place of the oldest."""

    def _rest_or_cancel(self, order):
        super()._rest_or_cancel(order)
        if len(self._live) > 50:
            self._remove(next(iter(self._live.values())))


class Raising(ReferenceBook):
    """ANSWERS: some command is not answered."""

    def _cancel(self, name, owner):
        return super()._cancel(name, self._live[name].owner)


BROKEN = {
    "B1": Reckless, "B2": WorstFirst, "B3": LosesTime, "B4": TakersPrice, "B5": StaleLevels, "B6": Leaky,
    "B7": OneSided, "B8": HalfCancel, "B9": ForgetsIds, "B10": RestingIoc, "B11": PartlyFok, "B12": TakingPostOnly,
    "B13": RestingMarket, "B14": SelfTrader, "B16": Unbanded, "B17": RefusalCounts, "B18": Moody, "B19": BatchMinded,
    "B20": StrictReplace, "B21": Forgetful, "B22": Entangled, "B23": Boundless,
}  # fmt: skip


class SpoiledAuction(ReferenceBook):
    """A1 - A7: something is wrong with UNCROSS, after the law that `spoil` names."""

    def _uncross(self, product, reference_tick, flags):
        self.auctioning = True
        code = super()._uncross(product, reference_tick, flags)
        self.auctioning = False
        return code

    auctioning = False
    spoil = "A1"

    def _fill(self, maker, taker, price_tick, quantity_wh):
        if self.auctioning:
            bid, ask = (maker, taker) if maker.side == BUY else (taker, maker)
            if self.spoil in {"A1", "A7"} and quantity_wh > self.terms.lot_wh:
                quantity_wh -= self.terms.lot_wh
            elif self.spoil == "A2" and bid.price_tick > ask.price_tick:
                price_tick = bid.price_tick + ask.price_tick - price_tick
            elif self.spoil == "A3" and self._fills:
                price_tick = ask.price_tick
            elif self.spoil == "A4":
                price_tick = bid.price_tick + self.terms.step_tick
            elif self.spoil == "A5":
                quantity_wh += self.terms.lot_wh
            elif self.spoil == "A6" and len(self._fills) % 2:
                quantity_wh -= self.terms.lot_wh if quantity_wh > self.terms.lot_wh else 0
        super()._fill(maker, taker, price_tick, quantity_wh)


def spoiled_auction(clear, name):
    """A call auction with one planted fault, after the law that it breaks."""

    def auction(orders, reference_tick, rule):
        if name == "A6":  # time priority upside down
            orders = orders[::-1].copy()
        clearing = clear(orders, reference_tick, rule)
        fills, price, volume = clearing.fills.copy(), clearing.price_tick, clearing.quantity_wh
        if len(fills):
            if name in {"A1", "A7"}:
                volume, fills = volume - int(fills[-1, 5]), fills[:-1]
            elif name in {"A2", "A8"}:
                price += 1
            elif name == "A3":
                fills[-1, 4] -= 1
            elif name == "A4":
                fills[:, 4] = orders[:, 3].max() + 1
            elif name == "A5":
                fills[0, 3] = fills[0, 2]
        return type(clearing)(price, volume, fills)

    return auction


class RoundPrices(ReferenceBook):
    """Fills are at prices rounded down to tens."""

    def _fill(self, maker, taker, price_tick, quantity_wh):
        super()._fill(maker, taker, price_tick // 10 * 10, quantity_wh)


class SmallFills(ReferenceBook):
    """What an order of more than 1000 Wh takes is lost to it."""

    def _take(self, taker):
        if taker.remaining_wh <= 1000:
            super()._take(taker)


class FarTime(ReferenceBook):
    """Late time limits are forgotten."""

    def _expire(self, product, until_ms):
        return super()._expire(product, until_ms if until_ms < 10**6 else 1)


class Favours(ReferenceBook):
    """Owners with high numbers are not served."""

    def _crosses(self, order):
        return super()._crosses(order) and order.owner < 101


class BidsLoseTime(LosesTime):
    """Only partly filled bids go to the end."""

    def _lessen(self, order, event, price_tick, quantity_wh):
        if order.side == BUY:
            super()._lessen(order, event, price_tick, quantity_wh)
        else:
            ReferenceBook._lessen(self, order, event, price_tick, quantity_wh)


class NoOddLots(ReferenceBook):
    """An order of one Wh does not take."""

    def _take(self, taker):
        if taker.remaining_wh > 1:
            super()._take(taker)


class Tired(ReferenceBook):
    """After twelve orders it matches no more."""

    seen = 0

    def _take(self, taker):
        self.seen += 1
        if self.seen <= 12:
            super()._take(taker)


class DropsTheLast(ReferenceBook):
    """Fills of a batch's last command are not told."""

    def process(self, commands, display_wh=None, expire_ms=None):
        batch = super().process(commands, display_wh, expire_ms)
        return batch._replace(fills=batch.fills[batch.fills[:, 0] < len(commands) - 1])


class BandPrices(ReferenceBook):
    """Fill prices depend on the band."""

    def _fill(self, maker, taker, price_tick, quantity_wh):
        super()._fill(maker, taker, price_tick + self.terms.cap_tick % 7, quantity_wh)


AGAINST_ITSELF = {
    "scale-prices": RoundPrices, "scale-quantities": SmallFills, "shift-prices": RoundPrices, "shift-time": FarTime,
    "relabel": Favours, "mirror": BidsLoseTime, "twins": NoOddLots, "passive": Tired, "append": DropsTheLast,
    "two-products": Tired, "wide-band": BandPrices,
}  # fmt: skip


@pytest.fixture(scope="session")
def broken():
    """Broken books by the law they break, an auction's spoiler, and books that break a relation."""
    return SimpleNamespace(
        books=BROKEN, overwriting=Overwriting, raising=Raising, auctions=SpoiledAuction, auction=spoiled_auction,
        relations=AGAINST_ITSELF,
    )  # fmt: skip

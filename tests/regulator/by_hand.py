"""Day-ahead auctions, market power and fines worked out in plain Python, for comparison.

Nothing here comes from the engine: prices are found by trying each limit, shares are fractions.
"""

from collections import defaultdict
from fractions import Fraction
from typing import NamedTuple

BUY, SELL = 1, -1
TOWN, OUTSIDE = "town", "outside"


class Order(NamedTuple):
    who: object
    side: int
    tick: int
    wh: int


def price_of(orders):
    """Most volume, least surplus, market pressure, lower tick; the cheapest offer where nothing trades."""
    asks, bids = ([each for each in orders if each.side == side and each.wh] for side in (SELL, BUY))

    def at(tick):
        return sum(o.wh for o in asks if o.tick <= tick), sum(o.wh for o in bids if o.tick >= tick)

    tried = {o.tick for o in (*asks, *bids)} | {o.tick + 1 for o in bids}
    volume = max(min(at(tick)) for tick in tried)
    if not volume:
        return min(o.tick for o in asks)
    best = [tick for tick in tried if min(at(tick)) == volume]
    least = min(abs(at(tick)[0] - at(tick)[1]) for tick in best)
    best = [tick for tick in best if abs(at(tick)[0] - at(tick)[1]) == least]
    return max(best) if all(at(tick)[0] < at(tick)[1] for tick in best) else min(best)


def filled(orders, side, tick):
    """Serve one side in order of price and time; give who got how much."""
    crossing = [o for o in orders if o.side == side and (o.tick <= tick if side == SELL else o.tick >= tick)]
    others = sum(o.wh for o in orders if o.side == -side and (o.tick >= tick if side == SELL else o.tick <= tick))
    served, left = defaultdict(int), min(others, sum(o.wh for o in crossing))
    for each in sorted(crossing, key=lambda o: o.side * -o.tick):
        part = min(left, each.wh)
        served[each.who] += part
        left -= part
    return served


class Found(NamedTuple):
    gain: int
    overcharge: int
    harm: int


class Hour:
    """One period: plants as (capacity, reference, ask, sold ahead), what the town needs, the link to the outside.

    `order` is that in which the plants' asks come in.
    """

    def __init__(self, plants, need_wh, *, link_wh=0, outside_tick=0, fee_tick=0, band=(-50_000, 400_000), order=None):
        self.plants, self.need_wh, self.link_wh, self.band = plants, need_wh, link_wh, band
        self.inside = []
        for who in range(len(plants)) if order is None else order:
            able, reference, ask, ahead = plants[who]
            self.inside.append(Order(who, SELL, ask, able - ahead))
            self.inside.append(Order(who, BUY, reference - 1, ahead))
        self.inside.append(Order(TOWN, BUY, band[1], need_wh - sum(plant[3] for plant in plants)))
        self.beyond = [
            Order(OUTSIDE, side, self._in_band(outside_tick - side * fee_tick), link_wh) for side in (BUY, SELL)
        ]
        self.price = price_of([*self.inside, *self.beyond])

    def _in_band(self, tick):
        return min(max(tick, self.band[0]), self.band[1])

    def residual_supply(self, who):
        able = sum(plant[0] for plant in self.plants) + self.link_wh
        own = self.plants[who][0] - self.plants[who][3]
        return Fraction(able - own, self.need_wh)

    def judge(self, who):
        """Give what a plant's owner did, or None where one of structure, conduct and impact is missing."""
        _, reference, ask, _ = self.plants[who]
        if not self.need_wh or self.residual_supply(who) >= Fraction(11, 10):
            return None
        if ask <= reference + max(2_500, min(3 * abs(reference), 10_000)):
            return None
        honest = [o._replace(tick=self._in_band(reference)) if o[:2] == (who, SELL) else o for o in self.inside]
        instead = price_of([*honest, *self.beyond])
        rise = self.price - instead
        if rise <= max(2_500, min(2 * abs(instead), 10_000)):
            return None
        sold = filled([*self.inside, *self.beyond], SELL, self.price)[who]
        would = filled([*honest, *self.beyond], SELL, instead)[who]
        bought = filled([*self.inside, *self.beyond], BUY, self.price)
        paid = sum(wh for buyer, wh in bought.items() if buyer != OUTSIDE)
        return Found(
            (self.price - reference) * sold - (instead - reference) * would, rise * sold, rise * paid,
        )  # fmt: skip

    def sales(self, who):
        """What a plant's owner turned over in the auction, net of what it bought back."""
        orders = [*self.inside, *self.beyond]
        net = filled(orders, SELL, self.price)[who] - filled(orders, BUY, self.price)[who]
        return max(0, net * self.price) if net > 0 else 0


def fine(hours, who, turnover, cap=1_000 * 10**8):
    """Gains, and beyond them half the overcharge: at most the cap an offence and 15 % of the turnover in all."""
    found = [each for each in (hour.judge(who) for hour in hours) if each is not None]
    if not found:
        return None
    turnover += sum(hour.sales(who) for hour in hours)
    punitive = sum(min(cap, round(Fraction(max(0, each.overcharge), 2))) for each in found)
    return sum(max(0, each.gain) for each in found), min(punitive, turnover * 15 // 100)

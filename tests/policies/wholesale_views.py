"""Small views of the wholesale market, with a plain default for everything; hours for periods, midnight at 0."""

import numpy as np

from wattbook.contracts import Kind
from wattbook.messages import BUY, SELL
from wattbook.policies.wholesale import Asked, AtDesk, Building, Offered, Own, Public, Spec

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
RICH = 10**15


def column(value, n):
    return np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.int64), (n,)))


def own_of(agent=0, n=24, *, first=0, now_ms=None, need=0, sd=0, available=0, contracted=0, money=RICH, **given):
    start_ms = first * HOUR_MS
    return Own(
        agent, start_ms - HOUR_MS if now_ms is None else now_ms, first, start_ms, HOUR_MS, column(need, n),
        column(sd, n), column(available, n), given.get("marginal", 0), given.get("weather", False),
        given.get("renewable", False), column(contracted, n), money,
    )  # fmt: skip


def public_of(n=24, *, expected=5_000, sd=0, short=1_000_000, long=1_000_000, floor=-50_000, cap=400_000):
    return Public(column(expected, n), column(sd, n), short, long, floor, cap)


def spec_of(place=0, profile=(1_000,) * 24, *, first=0, kind=Kind.FUTURE_PHYSICAL, step=1, ends_ms=None, bundled=False):
    profile = np.array(profile, np.int64)
    return Spec(
        place, f"s{place}", int(kind), first, profile, step, first * HOUR_MS if ends_ms is None else ends_ms, bundled
    )  # fmt: skip


def asked_of(number=1, *, spec=0, agent=0, side=BUY, quantity=1, until_ms=DAY_MS):
    return Asked(number, spec, agent, side, quantity, until_ms)


def offered_of(number=2, *, spec=0, maker=1, side=SELL, price=5_000, quantity=1, until_ms=DAY_MS, request=1, turn=1):
    return Offered(number, spec, maker, side, price, quantity, until_ms, request, turn)


def desk_of(specs=None, *, round_=0, rounds=6, asked=(), offered=(), lots=None, reaches=(0, 1, 2, 3), **given):
    return AtDesk(
        round_, rounds, (spec_of(),) if specs is None else tuple(specs), tuple(asked), tuple(offered), lots or {},
        given.get("marks", {}), {}, reaches, given.get("max_rounds", 5), given.get("renewable", ()),
        given.get("past", ()),
    )  # fmt: skip


def building_of(*, earned=(), available=1_000_000, capacity_w=1_000_000, building=False, most_w=500_000, **given):
    h = len(earned)
    return Building(
        capacity_w, building, most_w, given.get("cost_per_kw", 100 * 10**8), given.get("yearly_ppm", 100_000),
        column(earned, h), column(available, h),
    )  # fmt: skip


def no_draw(k):
    raise AssertionError("rule-based minds draw nothing")

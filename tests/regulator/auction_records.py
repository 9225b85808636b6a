"""Hand-made records of a day-ahead market, and ways to hand them to a detector."""

import json
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from wattbook.messages import BUY, REFUSED, SELL, Action
from wattbook.regulator import RECORD, Known, Played
from wattbook.regulator.reclearing import Order, clear_again

HOUR_MS = 3_600_000
START_MS = 1_465_164_000_000
EUR = 100
"""Ticks per EUR/MWh."""
KWH = 1_000
TOWN = 3
NAMES = ("F1", "F2", "M", "town")
K1 = {2: (80 * KWH, 100 * EUR), 0: (30 * KWH, 110 * EUR), 1: (20 * KWH, 120 * EUR)}
"""By producer, what it can give in an hour and what that costs: a monopolist, agent 2, and its fringe."""


def known_of(plants=K1, periods=4, **given):
    """Make a place of producers, a town and hours; `plants` gives energy [Wh] and cost [ticks] by agent."""
    producers = sorted(plants)
    agents = max([*producers, TOWN]) + 1
    none = np.zeros((0, periods), np.int64)
    plain = {
        "names": tuple(f"agent-{agent}" for agent in range(agents)),
        "kinds": tuple("producer" if agent in plants else "utility" for agent in range(agents)),
        "start_ms": START_MS, "period_ms": HOUR_MS, "periods": periods, "timezone": "UTC",
        "books": (("feeder-1", "local"), ("district", "district")),
        "feeder": np.full(agents, -1), "utility": np.full(agents, -1), "closes_before_ms": 300_000,
        "suppliers": np.array([TOWN]), "retail_tick": none, "feed_in_tick": none, "customers": {}, "quota_ppm": {},
        "producers": np.array(producers, np.int64), "plant_kinds": ("gas",) * len(producers),
        "capacity_w": np.array([plants[agent][0] for agent in producers], np.int64),
        "reference_tick": np.array([[plants[agent][1]] * periods for agent in producers], np.int64),
        "auction": True, "floor_tick": -500 * EUR, "cap_tick": 4_000 * EUR, "link_wh": 0, "link_tick": 0,
        "outside_tick": np.full(periods, 90 * EUR), "turnover": np.zeros(agents, np.int64),
    }  # fmt: skip
    return Known(**{**plain, **given})


def asks(known, **given):
    """Give one ask of each producer at its cost for all it can give; by agent as ``a2=(price, energy)`` others."""
    found = []
    for row, agent in enumerate(known.producers.tolist()):
        price, energy = int(known.reference_tick[row, 0]), int(known.capacity_w[row])
        price, energy = given.get(f"a{agent}", (price, energy))
        if energy:
            found.append((agent, SELL, price, energy))
    return found


def hour(known, demand_wh=100 * KWH, *, available=None, contracted=None, output=None, refused=(), **given):
    """Give one period: the town bids high for what it wants, producers ask as `asks` says."""
    able = dict(zip(known.producers.tolist(), known.capacity_w.tolist(), strict=True))
    return {
        "orders": [(TOWN, BUY, known.cap_tick, demand_wh), *asks(known, **given)],
        "refused": list(refused), "available": able | (available or {}), "contracted": contracted or {},
        "output": output,
    }  # fmt: skip


def record_of(known, hours, caps=()):
    """Write hours down as the market does, from the first on; `caps` are highest prices by hour where they moved."""
    rows = {name: [] for name in ("commands", "orders", "spot", "supply", "positions")}
    for period, told in enumerate(hours):
        end_ms = known.start_of(period + 1)
        sent_ms = end_ms - 12 * HOUR_MS
        for place, order in enumerate([*told["orders"], *told["refused"]]):
            seq = len(rows["commands"])
            rows["commands"].append((sent_ms, seq, order[0], Action.OFFER, period, *order[1:]))
            if place >= len(told["orders"]):
                rows["orders"].append(
                    (sent_ms, len(rows["orders"]), seq, -1, period, 0, order[0], REFUSED, *order[1:], 0, 111)
                )
        orders = [Order(*order) for order in told["orders"]]
        cleared = clear_again(known, period, orders, dict(caps).get(period))
        wanted, offered = (sum(o.quantity_wh for o in orders if o.side == side) for side in (BUY, SELL))
        rows["spot"].append((sent_ms, period, seq, period, cleared.price_tick, offered, wanted, 0, 0, 0))
        for agent in sorted({*known.producers.tolist(), TOWN}):
            spot_wh = cleared.bought_wh.get(agent, 0) - cleared.sold_wh.get(agent, 0)
            contracted = told["contracted"].get(agent, 0)
            rows["positions"].append((end_ms, len(rows["positions"]), seq, period, agent, contracted, spot_wh, 0))
            if agent in told["available"]:
                gave = max(0, -spot_wh - contracted) if told["output"] is None else told["output"][agent]
                able = told["available"][agent]
                rows["supply"].append((end_ms, len(rows["supply"]), seq, period, agent, able, able, gave, gave))
    return {
        name: {key: np.array([row[i] for row in table], np.int64) for i, key in enumerate(("time_ms", *RECORD[name]))}
        | {"visible_ms": np.array([row[0] for row in table], np.int64)}
        for name, table in rows.items()
    }


def handed(detector, record, reviews_ms, cuts_ms=(), saved_ms=(), make=None):
    """Hand a record to a detector: what each review found; it reads at the cuts, too, and is saved at some of them."""
    feed = Played(record).feed({name: RECORD[name] for name in RECORD if name in record})
    found = []
    for at_ms in sorted({*reviews_ms, *cuts_ms, *saved_ms}):
        for stream, rows in feed.upto(at_ms):
            if stream in detector.streams:
                detector.read(stream, rows)
        if at_ms in saved_ms:
            state = json.loads(json.dumps(detector.export()))
            detector = make()
            detector.restore(state)
        if at_ms in reviews_ms:
            found.append(detector.review(at_ms))
    return found


def end_of(known):
    """When all has been settled."""
    return known.start_of(known.periods)


def reviews_of(known, every=2):
    """Moments of reviews every so many hours, and at the end."""
    return [*(known.start_of(period) for period in range(every, known.periods, every)), end_of(known)]


def relabelled(known, record, new):
    """Give a place and its record with agents by other numbers; `new` maps old to new."""
    order = sorted(range(len(known.producers)), key=lambda row: new[int(known.producers[row])])
    place = replace(
        known, producers=np.array([new[int(known.producers[row])] for row in order]),
        capacity_w=known.capacity_w[order], reference_tick=known.reference_tick[order],
        suppliers=np.array(sorted(new[each] for each in known.suppliers.tolist())),
    )  # fmt: skip
    table = np.array([new[old] for old in range(len(new))])
    return place, {
        name: columns | ({"agent": table[columns["agent"]]} if "agent" in columns else {})
        for name, columns in record.items()
    }


@st.composite
def hours_of(draw, known, most=4):
    """Draw hours: asks at any price for any part of what plants can give, contracts, and demand."""
    hours = []
    for _ in range(known.periods):
        given, contracted = {}, {}
        for row, agent in enumerate(known.producers.tolist()):
            able = int(known.capacity_w[row])
            energy = draw(st.sampled_from([0, able // 2, able]))
            given[f"a{agent}"] = (draw(st.sampled_from([-10, 100, 110, 120, 150, 300, 900])) * EUR, energy)
            if energy < able and draw(st.booleans()):
                contracted[agent] = -(able // 2)
        demand = draw(st.integers(1, most * 40)) * KWH
        hours.append(hour(known, demand, contracted=contracted, **given))
    return hours

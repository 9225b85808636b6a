"""Records by hand, and the laws that every detector of manipulation keeps."""

import dataclasses
import json
from itertools import pairwise

import numpy as np

from wattbook.messages import BUY
from wattbook.regulator import RECORD, Known

MINUTE_MS = 60_000
PERIOD_MS = 900_000
START_MS = 1_465_164_000_000
AGENTS, PERIODS = 30, 400
ACCEPTED, FILLED, CANCELLED, REPLACED = range(4)


def place(agents=AGENTS, periods=PERIODS):
    """Give a place of consumers on one feeder whose gates close five minutes before delivery."""
    names = [f"home-{n:02d}" for n in range(agents)]
    return Known.of(
        {
            "agents": [{"agent": name, "kind": "consumer", "feeder": "f", "utility": None} for name in names],
            "books": [{"book": "f", "venue": "local"}, {"book": "d", "venue": "district"}],
            "start_ms": START_MS, "period_ms": PERIOD_MS, "periods": periods, "timezone": "UTC", "tariffs": {},
            "local_market": {"closes_before_ms": 5 * MINUTE_MS}, "spot_tick": [0] * periods,
            "regulator": {"reference_tick": {}, "turnover": {}},
        }
    )  # fmt: skip


class Tape:
    """A record that is written by hand; moments are minutes before a product's gate."""

    def __init__(self):
        self.rows = {"orders": [], "trades": []}
        self.orders = 0
        self.limits = {}

    def _add(self, stream, period, before, **row):
        time_ms = START_MS + period * PERIOD_MS - 5 * MINUTE_MS - int(before * MINUTE_MS)
        self.rows[stream].append({"period": period, "book": 0, "time_ms": time_ms, "visible_ms": time_ms + 1, **row})

    def trade(self, seller, buyer, quantity, period=10, before=20.0, price=10_000, aggressor=BUY):
        self._add("trades", period, before, seller=seller, buyer=buyer, quantity_wh=quantity, price_tick=price,
                  aggressor=aggressor)  # fmt: skip

    def submit(self, agent, side, price, quantity, period=10, before=20.0):
        self.orders += 1
        self.limits[self.orders] = [agent, side, price, quantity, period]
        self._event(self.orders, ACCEPTED, quantity, before)
        return self.orders

    def fill(self, order, quantity, before, by=AGENTS - 1):
        agent, side, price, _, period = self.limits[order]
        self.limits[order][3] -= quantity
        self._event(order, FILLED, quantity, before)
        seller, buyer = (by, agent) if side == BUY else (agent, by)
        self.trade(seller, buyer, quantity, period, before, price, -side)

    def cancel(self, order, before):
        quantity, self.limits[order][3] = self.limits[order][3], 0
        self._event(order, CANCELLED, quantity, before)

    def _event(self, order, event, quantity, before):
        agent, side, price, rest, period = self.limits[order]
        self._add("orders", period, before, order=order, agent=agent, event=event, side=side, price_tick=price,
                  quantity_wh=quantity, remaining_wh=rest)  # fmt: skip

    def end(self, period=PERIODS - 1):
        """Let a far later order show that all gates before it have closed."""
        self.submit(AGENTS - 1, BUY, 1, 1, period, 0.5)
        return self

    def record(self):
        """Give the columns, in order of time."""
        found = {}
        for stream, written in self.rows.items():
            rows = sorted(written, key=lambda row: row["time_ms"])
            columns = (*RECORD[stream], "time_ms", "visible_ms")
            found[stream] = {
                name: np.array([at if name == "seq" else row.get(name, 0) for at, row in enumerate(rows)], np.int64)
                for name in columns
            }
        return found


def cut(record, first_ms, past_ms):
    """Rows that become visible from `first_ms` to before `past_ms`."""
    return {
        stream: {name: column[(first_ms <= rows["visible_ms"]) & (rows["visible_ms"] < past_ms)]
                 for name, column in rows.items()}
        for stream, rows in record.items()
    }  # fmt: skip


def read(detector, record, pieces=1):
    for stream in detector.streams:
        rows = record[stream]
        edges = np.linspace(0, len(rows["seq"]), pieces + 1).astype(int)
        for first, past in pairwise(edges):
            detector.read(stream, {name: column[first:past] for name, column in rows.items()})


def look(detector, record, pieces=1):
    read(detector, record, pieces)
    return detector.review(0)


def offences(findings):
    """All offences as (agent, offence), whatever findings they came in."""
    return sorted((found.agent, each) for found in findings for each in found.offences)


def keeps_its_laws(make, record, rng):
    """Pieces, reviews and saving anywhere change nothing; names are nothing but names."""
    whole = offences(look(make(), record))
    times = np.concatenate([rows["visible_ms"] for rows in record.values()])
    edges = [0, *sorted(rng.choice(times, 4).tolist()), int(times.max()) + 1]
    detector, found = make(), []
    for first, past in pairwise(edges):
        found += look(detector, cut(record, first, past), int(rng.integers(1, 4)))
        kept = json.loads(json.dumps(detector.export()))
        detector = make()
        detector.restore(kept)
        assert json.loads(json.dumps(detector.export())) == kept
    assert offences(found) == whole
    names = rng.permutation(AGENTS)
    renamed = {
        stream: {name: names[column] if name in {"agent", "buyer", "seller"} else column
                 for name, column in rows.items()}
        for stream, rows in record.items()
    }  # fmt: skip
    assert offences(look(make(), renamed)) == sorted((int(names[agent]), each) for agent, each in whole)
    return whole


def tightened(detector, terms, known, record, name, higher):
    """What a threshold finds, and what it finds when it is raised (or, of a most, lowered)."""
    loose = offences(look(detector(known, terms), record))
    tight = offences(look(detector(known, dataclasses.replace(terms, **{name: higher})), record))
    return set(tight), set(loose)

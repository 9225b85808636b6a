"""Records of a small place, made by hand: homes, two utilities, two producers."""

import json

import numpy as np

from wattbook.contracts.words import Event
from wattbook.messages import REFUSED, SELL, Action
from wattbook.regulator.known import Known
from wattbook.regulator.views import RECORD, Played

START_MS = 1_465_164_000_000  # 2016-06-05T22:00Z, midnight in Berlin
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOME, BLUE, GREEN, COAL, WIND = range(5)
EVERYBODY = (HOME, BLUE, GREEN, COAL, WIND)
COLUMNS = ("time_ms", "visible_ms")


def place(days=10, names=("ada", "blue", "green", "old-coal", "wind"), period_ms=HOUR_MS, **given):
    """A place as its regulator knows it; numbers of agents as in `EVERYBODY`."""
    periods = days * DAY_MS // period_ms
    defaults = {
        "kinds": ("consumer", "utility", "utility", "producer", "producer"),
        "start_ms": START_MS,
        "timezone": "Europe/Berlin",
        "books": (),
        "feeder": np.array([0, -1, -1, -1, -1]),
        "utility": np.array([BLUE, -1, -1, -1, -1]),
        "closes_before_ms": 0,
        "suppliers": np.array([BLUE, GREEN]),
        "retail_tick": np.full((2, periods), 16_000),
        "feed_in_tick": np.full((2, periods), 8_000),
        "customers": {BLUE: 1_000, GREEN: 1_000},
        "quota_ppm": {},
        "producers": np.array([COAL, WIND]),
        "plant_kinds": ("coal", "wind"),
        "capacity_w": np.array([10**6, 10**6]),
        "reference_tick": np.repeat(np.array([[4_000], [0]]), periods, axis=1),
        "auction": True,
        "floor_tick": -50_000,
        "cap_tick": 400_000,
        "link_wh": 0,
        "link_tick": 0,
        "outside_tick": np.full(periods, 5_000),
        "turnover": np.zeros(5, np.int64),
    }
    return Known(names=names, period_ms=period_ms, periods=periods, **(defaults | given))


class Rows:
    """Rows of a record on their way to columns."""

    def __init__(self, known):
        self.known = known
        self.rows = {name: [] for name in RECORD}
        self.commands = 0

    def add(self, stream, time_ms, later_ms=1, **values):
        columns = dict.fromkeys(RECORD[stream], 0) | values
        self.rows[stream].append({**columns, "time_ms": time_ms, "visible_ms": time_ms + later_ms})

    def ends_ms(self, period):
        return self.known.start_of(period + 1)

    def group(self, period, agent, metered_wh, deviation_wh=0, spot_tick=5_000, imbalance_tick=None):
        """Settle a balance group; of what it nominated nothing was contracted."""
        price = spot_tick if imbalance_tick is None else imbalance_tick
        at_ms, nominated_wh = self.ends_ms(period), metered_wh - deviation_wh
        self.add(
            "groups", at_ms, 0, period=period, utility=agent, nominated_wh=nominated_wh, metered_wh=metered_wh,
            deviation_wh=deviation_wh, spot_tick=spot_tick, imbalance_tick=price,
        )  # fmt: skip
        self.add(
            "positions", at_ms, 0, period=period, agent=agent, spot_wh=nominated_wh, metered_wh=metered_wh
        )  # fmt: skip

    def sells(self, period, agent, energy_wh, **prices):
        """Let a utility serve customers, and settle its group."""
        self.add("served", self.ends_ms(period), 0, period=period, agent=agent, customers=1_000, energy_wh=energy_wh)
        self.group(period, agent, energy_wh, **prices)

    def tariff(self, at_ms, agent, periods, retail_tick, feed_in_tick=8_000):
        for period in periods:
            self.add(
                "tariffs", at_ms, period=period, agent=agent, retail_tick=retail_tick, feed_in_tick=feed_in_tick
            )  # fmt: skip

    def signed(self, at_ms, event, *, command=-1, buyer=-1, seller=-1, **values):
        later_ms = 0 if event in (Event.COMPLIED, Event.BOUGHT_OUT, Event.SETTLED, Event.DELIVERED) else 1
        self.add(
            "contracts", at_ms, later_ms, command=command, event=int(event), buyer=buyer, seller=seller, **values
        )  # fmt: skip

    def clear(self, at_ms, prices):
        for period, tick in prices.items():
            self.add("spot", at_ms, period=period, price_tick=tick)

    def ask(self, at_ms, agent, period, price_tick, quantity_wh, refused=False):
        seq = self.commands
        self.commands += 1
        self.add(
            "commands", at_ms, seq=seq, agent=agent, action=int(Action.OFFER), period=period, side=SELL,
            price_tick=price_tick, quantity_wh=quantity_wh,
        )  # fmt: skip
        if refused:
            self.add("orders", at_ms, command=seq, period=period, agent=agent, event=REFUSED, side=SELL)

    def record(self):
        """Columns of all streams, rows in the order of time, numbered."""
        found = {}
        for name, rows in self.rows.items():
            ordered = sorted(rows, key=lambda row: row["visible_ms"])
            names = (*RECORD[name], *COLUMNS)
            found[name] = {key: np.array([row[key] for row in ordered], np.int64) for key in names}
            if name != "commands":
                found[name]["seq"] = np.arange(len(rows))
        return found


def steady(known, days, retail=None, energy_wh=1_000, spot_tick=5_000, agents=(BLUE, GREEN)):
    """Rows of utilities that sell alike in every hour of some days."""
    rows = Rows(known)
    for period in range(days * DAY_MS // known.period_ms):
        for agent in agents:
            rows.sells(period, agent, energy_wh, spot_tick=spot_tick)
    for agent, tick in (retail or {}).items():
        rows.tariff(START_MS - 1, agent, range(known.periods), tick)
    return rows


def watch(detector, record, reviews_ms, *, resaved=None):
    """Let a detector review a record at some moments; `resaved` makes it anew from its saved state after each."""
    feed = Played(record).feed({name: RECORD[name] for name in detector.streams})
    found = []
    for at_ms in reviews_ms:
        for stream, rows in feed.upto(at_ms):
            detector.read(stream, rows)
        found += detector.review(at_ms)
        if resaved is not None:
            saved = json.loads(json.dumps(detector.export()))
            detector = resaved()
            detector.restore(saved)
            assert json.loads(json.dumps(detector.export())) == saved
    return found


def end_ms(known):
    return known.start_of(known.periods)


def told(findings):
    """What was found: gain by rule, agent and key of the offence, each once."""
    found = {}
    for finding in findings:
        for offence in finding.offences:
            key = int(finding.rule), finding.agent, offence.key
            assert key not in found, "an offence is told twice"
            found[key] = offence.gain
    return found


def renamed(record, new):
    """The same record where agent i is `new[i]`."""
    table = np.array([*new, -1])
    columns = ("agent", "utility", "buyer", "seller")
    return {
        stream: {key: table[column] if key in columns else column for key, column in rows.items()}
        for stream, rows in record.items()
    }

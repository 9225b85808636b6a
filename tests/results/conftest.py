"""A street told by hand: orders, trades and meter readings become a journal by a settlement in plain Python."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest

from wattbook import Auction, Regulator, Scenario, producer, utility
from wattbook.book.words import Event
from wattbook.journal import Journal
from wattbook.messages import BUY, REFUSED, SELL, STREAMS, Action, Cause, House, Path
from wattbook.results import Record, Run, provenance
from wattbook.units import QUANTA_PER_CENT, eur, eur_per_mwh, half_even, hours, kw, mw

START_MS = 1_465_164_000_000  # 2016-06-05 22:00 UTC, midnight in Berlin
PERIOD_MS = 900_000


class Town:
    """A few homes and utilities over some periods; see `g1` for how to tell a story with it."""

    def __init__(self, homes, utilities, feeders=("north",), district=True, periods=1, levy=2050, spot=9000, **more):
        self.homes, self.utilities = homes, utilities
        self.names = sorted([*homes, *utilities])
        self.index = {name: i for i, name in enumerate([*self.names, *(house.name for house in House)])}
        self.books = [*feeders, *(["district"] if district else [])]
        self.feeders, self.periods, self.levy, self.spot = feeders, periods, levy, spot
        self.fee = more.get("fee", (3000, 5000, 7000))
        self.loss = more.get("loss", (10_000, 30_000, 50_000))
        self.short, self.long = more.get("short", 12_000), more.get("long", 12_000)
        self.journal = Journal(STREAMS, self.header(more.get("market", True)))
        self.transfers = 0
        self.orders = 0
        self.net = np.zeros((2, len(self.names), periods), np.int64)
        self.pay = np.zeros((len(self.names), periods), np.int64)
        self.balance = np.zeros(len(self.names) + len(House), np.int64)
        self.soc_uwh = dict.fromkeys(homes, 0)

    def header(self, market):
        agents = []
        for name in self.names:
            home = self.homes.get(name)
            agents.append(
                {
                    "agent": name, "kind": "utility" if home is None else "prosumer",
                    "feeder": home and home["feeder"], "utility": home and home["utility"],
                    "vat_ppm": home["vat"] if home else 0, "capacity_wh": home.get("capacity", 0) if home else 0,
                    "soc_start_wh": 0, "charge_ppm": 900_000, "removal": 1_100_000, "persona": "calm",
                    "policy": "truthful",
                }
            )  # fmt: skip
        closes = {"closes_before_ms": 300_000, "floor_tick": -50_000, "cap_tick": 400_000, "step_tick": 1}
        return {
            "agents": agents,
            "accounts": [*self.names, *(house.name for house in House)],
            "books": [{"book": b, "venue": "district" if b == "district" else "local"} for b in self.books],
            "start_ms": START_MS, "period_ms": PERIOD_MS, "periods": self.periods, "timezone": "Europe/Berlin",
            "tariffs": {
                name: {"retail_tick": [retail] * self.periods, "feed_in_tick": [feed_in] * self.periods}
                for name, (retail, feed_in) in sorted(self.utilities.items())
            },
            "spot_tick": [self.spot] * self.periods,
            "network": {"fee_tick": list(self.fee), "loss_ppm": list(self.loss), "levy_tick": self.levy},
            "local_market": closes if market else None,
            "run": provenance(INFO["seed"], INFO["scenario"], INFO["inputs"]),
        }  # fmt: skip

    # --- orders and trades

    def gate(self, period=0):
        return START_MS + period * PERIOD_MS - 300_000

    def command(self, time_ms, agent, action, **values):
        columns = dict.fromkeys(("book", "period", "order", "side", "price_tick", "quantity_wh", "flags"), 0)
        agent = self.index[agent] if isinstance(agent, str) else agent
        return self.journal.append("commands", time_ms=time_ms, agent=agent, action=action, **{**columns, **values})

    def event(self, seq, time_ms, agent, order, event, price, wh, left, side=0, book="north", period=0, code=0):
        self.journal.append(
            "orders", command=seq, time_ms=time_ms, book=self.books.index(book), period=period, order=order,
            agent=self.index.get(agent, 77), event=event, side=side, price_tick=price, quantity_wh=wh,
            remaining_wh=left, code=code,
        )  # fmt: skip

    def submit(self, time_ms, agent, side, price, wh, book="north", period=0, left=None, fills=()):
        """An order that rests, or takes `fills`: (maker's name, maker's order, what is left of it, price, wh)."""
        self.orders += 1
        order, rest = self.orders, wh
        at = {"book": book, "period": period}
        seq = self.command(
            time_ms, agent, Action.SUBMIT, side=side, price_tick=price, quantity_wh=wh, period=period,
            book=self.books.index(book),
        )  # fmt: skip
        self.event(seq, time_ms, agent, order, Event.ACCEPTED, price, wh, wh, side, **at)
        for maker, maker_order, maker_left, at_price, filled in fills:
            rest -= filled
            self.event(seq, time_ms, maker, maker_order, Event.FILLED, at_price, filled, maker_left, -side, **at)
            self.event(seq, time_ms, agent, order, Event.FILLED, at_price, filled, rest, side, **at)
            buyer, seller = (agent, maker) if side == BUY else (maker, agent)
            self.trade(time_ms, buyer, seller, at_price, filled, side, maker_order, order, seq=seq, **at)
        return order

    def end(self, time_ms, agent, order, event, price, wh, side, book="north", period=0):
        cancelled = event == Event.CANCELLED
        seq = self.command(
            time_ms,
            agent if cancelled else -1,
            Action.CANCEL if cancelled else Action.CLOSE,
            order=order,
            period=period,
        )
        self.event(seq, time_ms, agent, order, event, price, wh, 0, side, book, period)

    def refuse(self, time_ms, agent, code, **values):
        seq = self.command(time_ms, agent, Action.SUBMIT, **values)
        self.event(seq, time_ms, agent, 0, REFUSED, 0, 0, 0, code=code)

    def trade(self, time_ms, buyer, seller, price, wh, side=BUY, maker=1, taker=2, book="north", period=0, seq=0):
        buyer, seller = self.index[buyer], self.index[seller]
        self.journal.append(
            "trades", command=seq, time_ms=time_ms, book=self.books.index(book), period=period, buyer=buyer,
            seller=seller, price_tick=price, quantity_wh=wh, aggressor=side, maker_order=maker, taker_order=taker,
        )  # fmt: skip
        path = int(book == "district")
        self.net[path, buyer, period] += wh
        self.net[path, seller, period] -= wh
        self.pay[buyer, period] -= price * wh
        self.pay[seller, period] += price * wh

    # --- settlement

    def post(self, seq, period, cause, amounts, counter=None):
        legs = [(self.index[name], amount) for name, amount in amounts.items() if amount]
        if counter is not None and legs:
            legs.append((counter, -sum(amount for _, amount in legs)))
        self.transfers += 1
        for account, amount in legs:
            self.balance[account] += amount
            self.journal.append(
                "postings", command=seq, time_ms=START_MS + (period + 1) * PERIOD_MS, period=period,
                transfer=self.transfers, account=account, amount=amount, cause=cause,
            )  # fmt: skip

    def endow(self, money):
        self.post(-1, 0, Cause.ENDOWMENT, money, self.house(House.UPSTREAM))

    def house(self, house):
        return len(self.names) + house

    def deliver(self, period, drawn, nominated=None, batteries=None):
        """`drawn`: net withdrawal by home [Wh]; `batteries`: (taken, given) by home, part of it."""
        end = START_MS + (period + 1) * PERIOD_MS
        seq = self.command(end, -1, Action.DELIVER, period=period)
        residuals = {}
        for home in self.homes:
            taken, given = (batteries or {}).get(home, (0, 0))
            self.soc_uwh[home] += taken * 900_000 - given * 1_100_000
            rest = drawn[home] - taken + given
            traded = int(self.net[:, self.index[home], period].sum())
            residuals[home] = drawn[home] - traded
            self.journal.append(
                "meters", command=seq, period=period, agent=self.index[home], load_wh=max(rest, 0),
                generation_wh=max(-rest, 0), charge_wh=taken, discharge_wh=given, curtailed_wh=0, traded_wh=traded,
                residual_wh=residuals[home], soc_wh=self.soc_uwh[home] // 1_000_000, substitute=0,
            )  # fmt: skip
        self._settle(self.command(end, -1, Action.SETTLE, period=period), period, drawn, residuals, nominated or {})

    def _settle(self, seq, period, drawn, residuals, nominated):
        pay = {name: int(self.pay[self.index[name], period]) for name in self.homes}
        self.post(seq, period, Cause.TRADE, pay)
        flows, dues = np.zeros(3, np.int64), {cause: {} for cause in (Cause.NETWORK, Cause.LEVY, Cause.VAT)}
        for home, about in self.homes.items():
            utility, residual = about["utility"], residuals[home]
            retail, feed_in = self.utilities[utility]
            paid = -max(residual, 0) * retail
            self.post(seq, period, Cause.RETAIL, {home: paid}, self.index[utility])
            self.post(seq, period, Cause.FEED_IN, {home: max(-residual, 0) * feed_in}, self.index[utility])
            ways = self._ways(home, period, drawn[home])
            flows += ways
            network, levy = -sum(w * f for w, f in zip(ways, self.fee, strict=True)), -sum(ways) * self.levy
            dues[Cause.NETWORK][home], dues[Cause.LEVY][home] = network, levy
            dues[Cause.VAT][home] = half_even((paid + network + levy) * about["vat"], 1_000_000)
        self.post(seq, period, Cause.NETWORK, dues[Cause.NETWORK], self.house(House.GRID))
        self.post(seq, period, Cause.LEVY, dues[Cause.LEVY], self.house(House.STATE))
        self.post(seq, period, Cause.VAT, dues[Cause.VAT], self.house(House.STATE))
        losses = [int(flow) * ppm // 1_000_000 for flow, ppm in zip(flows, self.loss, strict=True)]
        self.post(seq, period, Cause.LOSSES, {"GRID": -sum(losses) * self.spot}, self.house(House.UPSTREAM))
        for path in Path:
            self.journal.append(
                "flows", command=seq, period=period, path=path, flow_wh=int(flows[path]), losses_wh=losses[path]
            )
        for utility in sorted(self.utilities):
            self._settle_group(seq, period, utility, residuals, nominated.get(utility, 0))

    def _settle_group(self, seq, period, utility, residuals, nominated):
        metered = sum(residuals[home] for home, about in self.homes.items() if about["utility"] == utility)
        deviation = metered - nominated
        price = self.short if deviation > 0 else self.long
        upstream = self.house(House.UPSTREAM)
        self.post(seq, period, Cause.SPOT, {utility: -nominated * self.spot}, upstream)
        self.post(seq, period, Cause.IMBALANCE, {utility: -deviation * price}, upstream)
        self.journal.append(
            "groups", command=seq, period=period, utility=self.index[utility], nominated_wh=nominated,
            metered_wh=metered, deviation_wh=deviation, spot_tick=self.spot, imbalance_tick=price,
        )  # fmt: skip

    def _ways(self, home, period, drawn):
        near, far = (int(wh) for wh in self.net[:, self.index[home], period])
        bought = max(min(near + far, drawn), 0)
        by_feeder = min(bought, max(near, 0))
        return by_feeder, bought - by_feeder, max(drawn, 0) - bought

    def bill(self):
        period = self.periods - 1
        seq = self.command(START_MS + self.periods * PERIOD_MS, -1, Action.BILL, period=period)
        cents = [half_even(int(money), QUANTA_PER_CENT) * QUANTA_PER_CENT for money in self.balance]
        changes = {name: cents[i] - int(self.balance[i]) for name, i in self.index.items()}
        del changes[House.ROUNDING.name]
        self.post(seq, period, Cause.ROUNDING, changes, self.house(House.ROUNDING))

    def record(self, complete=True):
        return Record.of(self.journal, complete)


def _g1(trading=True, long=12_000, bill=True):
    """Golden case G1 of the market's rules: A and C on one feeder, B and D on another, all in one district."""
    home = {"vat": 190_000}
    town = Town(
        homes={
            "A": {**home, "feeder": "north", "utility": "U"},
            "B": {**home, "feeder": "south", "utility": "U"},
            "C": {**home, "feeder": "north", "utility": "V"},
            "D": {**home, "feeder": "south", "utility": "V"},
        },
        utilities={"U": (15_000, 8_000), "V": (16_000, 7_500)},
        feeders=("north", "south"),
        long=long,
        market=trading,
    )
    gate = town.gate()
    if trading:
        far = {"book": "district"}
        town.submit(gate - 3_600_000, "C", SELL, 12_500, 2000)
        town.submit(gate - 3_500_000, "A", BUY, 16_000, 2000, fills=[("C", 1, 0, 12_500, 2000)])
        town.submit(gate - 3_400_000, "B", SELL, 14_000, 3000, **far)
        town.submit(gate - 3_300_000, "A", BUY, 15_000, 500, fills=[("B", 3, 2500, 14_000, 500)], **far)
        town.submit(gate - 3_200_000, "D", BUY, 13_000, 1500, **far)
        town.refuse(gate - 3_200_000, "D", code=110)
        town.end(gate - 3_100_000, "B", 3, Event.CANCELLED, 14_000, 2500, SELL, **far)
        town.submit(gate - 3_000_000, "B", SELL, 13_000, 1200, fills=[("D", 5, 300, 13_000, 1200)], **far)
        town.end(gate, "D", 5, Event.EXPIRED, 13_000, 300, BUY, **far)
    town.deliver(0, {"A": 2700, "B": -1500, "C": -2300, "D": 1400}, nominated={"U": 350})
    if bill:
        town.bill()
    return town.record()


INFO = {
    "scenario": {"name": "golden case", "days": 1},
    "seed": 7,
    "versions": {"wattbook": "0.1.0"},
    "inputs": {"load.csv": "ab" * 32},
    "wakes": 12,
    "wall_s": 0.5,
    "cpu_s": 0.25,
    "incidents": [],
    "complete": True,
}


@pytest.fixture(scope="session")
def story():
    """What the tests of this room build runs with."""
    return SimpleNamespace(Town=Town, g1=_g1, INFO=INFO, START_MS=START_MS, PERIOD_MS=PERIOD_MS)


@pytest.fixture(scope="session")
def golden():
    """Golden case G1, billed, with its baseline."""
    return Run(_g1(), _g1(trading=False), INFO)


def _monopoly(regulator=None, offer=300, **span):
    """Known answer K1: M has 80 of 130 kW and asks three times its cost, where 100 kW are wanted."""

    def plant(name, capacity, cost, **more):
        price = eur_per_mwh(cost)
        return producer(name, "gas", kw(capacity), cost=price, reference=price, outages=False, **more)

    return Scenario(
        start="2016-06-06",
        agents=[
            utility(
                "town", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=1, profile="flat", rated=kw(100)
            ),
            plant("M", 80, 100, offer=eur_per_mwh(offer), turnover=eur(45)),
            plant("F1", 30, 110),
            plant("F2", 20, 120),
        ],
        local=None, period=hours(1), wholesale=Auction(link=mw(0)), regulator=regulator, **{"days": 1, **span},
    )  # fmt: skip


@pytest.fixture(scope="session")
def monopoly():
    """Give a function that lays out known answer K1, over any span and with any regulator."""
    return _monopoly


@pytest.fixture(scope="session")
def k1():
    """One hour of K1, with its baseline: one finding, 13.95 EUR."""
    return _monopoly(Regulator(latency=hours(0)), hours=1).run(seed=7)


@pytest.fixture(scope="session")
def k1_days():
    """Two days of K1, reviewed every six hours: M is found four times on the first, its asks count as 100 after."""
    return _monopoly(Regulator(latency=hours(0), review=hours(6)), days=2).run(seed=7, baseline=False)


@pytest.fixture(scope="session")
def bent():
    """Give a function that copies a record and lets `change` write to the copied header and streams."""

    def bend(record, change):
        header = copy.deepcopy(record.header)
        streams = {
            stream: {name: column.copy() for name, column in record.streams[stream].items()}
            for stream in record.streams
        }
        change(header, streams)
        return Record(header, streams, record.fingerprint, record.complete)

    return bend

"""Wholesale minds that do what no shipped one does, and small scenarios at random for them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wattbook import (
    Auction,
    Battery,
    ContractDesk,
    Forecast,
    Imbalance,
    LocalMarket,
    Pv,
    Scenario,
    Upgrade,
    consumer,
    eur,
    eur_per_mwh,
    hours,
    kw,
    kwh,
    minutes,
    mw,
    percent,
    producer,
    prosumer,
    utility,
)
from wattbook.contracts import Verb
from wattbook.messages import BUY, SELL
from wattbook.policies.wholesale import Orders, Say
from wattbook.scenario import compile_street
from wattbook.world import World

PER_QUESTION = 1 << 20
"""Draws of one question; the next one has numbers of its own."""


@dataclass(frozen=True)
class Babbler:
    """Says anything that is a command: mostly nonsense, some of it by chance a contract."""

    name: str = "babbler"
    words: int = 12

    def luck(self, own, draw, what):
        """Give a source of numbers for one question."""
        return (draw((own.now_ms // 1_000 * 4 + what) * PER_QUESTION + k) for k in itertools.count())

    def at_desk(self, own, public, desk, draw):
        luck = self.luck(own, draw, desk.round % 2)
        said = []
        for _ in range(next(luck) % self.words):
            kind, spec = next(luck) % 8, desk.specs[next(luck) % len(desk.specs)] if desk.specs else None
            price, lots = 3_000 + next(luck) % 4_000, 1 + next(luck) % 20
            other = desk.offered[next(luck) % len(desk.offered)] if desk.offered else None
            asked = desk.asked[next(luck) % len(desk.asked)] if desk.asked else None
            side, lives = (BUY, SELL)[next(luck) % 2], 1_000 + next(luck) % 10**8
            if kind == 0 and spec:
                said.append(Say(Verb.REQUEST, spec.place, 0, side, 0, lots, lives))
            elif kind == 1 and spec:
                said.append(Say(Verb.POST, spec.place, 0, side, price, lots, lives))
            elif kind == 2 and asked:
                said.append(Say(Verb.QUOTE, -1, asked.number, 0, price, asked.quantity, lives))
            elif kind == 3 and other:
                verb = Verb.ACCEPT if other.request else Verb.TAKE
                said.append(Say(verb, -1, other.number, 0, other.price_tick, other.quantity))
            elif kind == 4 and other:
                said.append(Say(Verb.COUNTER, -1, other.number, 0, price, other.quantity, lives))
            elif kind == 5 and other:
                said.append(Say((Verb.WALK, Verb.WITHDRAW)[next(luck) % 2], -1, other.number))
            elif kind == 6:
                verb = (Verb.PAY, Verb.CONTRIBUTE, Verb.REDEEM, Verb.RETIRE, Verb.CANCEL_CONTRACT)[next(luck) % 5]
                said.append(Say(verb, -1, next(luck) % 40, 0, 0, next(luck) % 10**10))
            else:
                said.append(Say(*(next(luck) % 2_001 - 1_000 for _ in Say._fields)))
        return said

    def day_ahead(self, own, public, draw):
        luck, count = self.luck(own, draw, 2), len(own.need_wh)
        rows = [
            (
                own.first + next(luck) % (count + 2) - 1, (BUY, SELL, 0)[next(luck) % 3],
                public.floor_tick - 1 + next(luck) % (public.cap_tick - public.floor_tick + 3), next(luck) % 10**6 - 10,
            )
            for _ in range(next(luck) % 200)
        ]  # fmt: skip
        return Orders(*np.array(rows, np.int64).reshape(-1, 4).T)

    def invest(self, own, building, draw):
        return next(self.luck(own, draw, 3)) % 10**6 - 10


NAN = float("nan")
DESK = {
    "raises": lambda: 1 // 0,
    "leaves": lambda: (_ for _ in ()).throw(SystemExit(3)),
    "none": lambda: None,
    "a number": lambda: 7,
    "nan": lambda: [Say(Verb.PAY, quantity=NAN)],
    "half": lambda: [Say(Verb.PAY, quantity=1.5)],
    "text": lambda: ["PAY"],
    "numbers as text": lambda: [Say("41", "0", "0", "0", "0", "0", "0")],
    "too short": lambda: [()],
    "only a verb": lambda: [(Verb.PAY,)],
    "too long": lambda: [(1,) * 9],
    "huge": lambda: [Say(Verb.POST, quantity=10**30)],
    "beyond a book": lambda: [Say(Verb.POST, book=1 << 40)],
    "beyond 64 bits": lambda: [Say(1 << 63)],
    "negative": lambda: [Say(Verb.POST, 0, -5, -1, -(10**9), -(10**15), -(10**15))],
    "endless": lambda: (Say(Verb.PAY) for _ in itertools.count()),
    "a generator": lambda: (Say(Verb.PAY) for _ in range(3)),
    "many": lambda: [Say(Verb.REQUEST, 0, 0, BUY, 0, 1, 9)] * 10_000,
}
SOUND = {"only a verb", "negative", "endless", "a generator", "many"}
"""What is refused word by word; the others take the agent out."""


def _orders(count, period=0, side=BUY, price=5_000, quantity=1):
    return Orders(*(np.full(count, value) for value in (period, side, price, quantity)))


DAY_AHEAD = {
    "raises": lambda: 1 // 0,
    "none": lambda: None,
    "a number": lambda: 7,
    "three columns": lambda: (np.zeros(1, np.int64),) * 3,
    "uneven": lambda: Orders(np.zeros(2, np.int64), *[np.zeros(1, np.int64)] * 3),
    "two dimensions": lambda: Orders(*[np.zeros((2, 2), np.int64)] * 4),
    "nan": lambda: _orders(1, price=NAN),
    "half": lambda: _orders(1, quantity=1.5),
    "huge": lambda: Orders([0], [BUY], [5_000], [10**30]),
    "a period beyond": lambda: Orders([1 << 40], [BUY], [5_000], [1]),
    "endless": lambda: Orders(itertools.count(), [], [], []),
    "too many": lambda: _orders(10_001),
    "text": lambda: Orders(["0"], ["1"], ["5"], ["6"]),
    "negative": lambda: _orders(3, -7, -1, -(10**9), -(10**15)),
    "large": lambda: _orders(3, 0, SELL, -50_000, (1 << 62) - 1),
    "many": lambda: _orders(10_000),
    "lists": lambda: Orders([0, 1], [BUY, SELL], [5_000, 5_000], [1, 1]),
}
SOUND_ORDERS = {"negative", "large", "many", "lists"}
INVEST = {
    "raises": lambda: 1 // 0,
    "none": lambda: None,
    "nan": lambda: NAN,
    "half": lambda: 0.5,
    "huge": lambda: 10**30,
    "negative": lambda: -5,
    "large": lambda: (1 << 62) - 1,
}
SOUND_BUILDING = {"negative", "large"}


@dataclass(frozen=True)
class Hostile:
    """Answers one question in a way that no mind should, and scribbles on what it is shown."""

    desk: str = ""
    orders: str = ""
    building: str = ""
    name: ClassVar[str] = "hostile"

    def at_desk(self, own, public, desk, draw):
        scribble(own, public)
        return DESK[self.desk]() if self.desk else ()

    def day_ahead(self, own, public, draw):
        scribble(own, public)
        return DAY_AHEAD[self.orders]() if self.orders else Orders(*[np.zeros(0, np.int64)] * 4)

    def invest(self, own, building, draw):
        building.earned_tick[:] = -1
        building.available_ppm[:] = -1
        return INVEST[self.building]() if self.building else 0


def scribble(own, public):
    """Overwrite all arrays that a mind sees."""
    for array in (own.need_wh, own.sd_wh, own.available_wh, own.contracted_wh, public.expected_tick, public.sd_tick):
        array[:] = -(10**9)


STARTS = ("2016-06-06", "2016-03-26", "2016-10-29")
"""A week in summer, and the nights in which clocks change."""


def markets(rng):
    """Give how utilities and producers meet."""
    auction = Auction(
        link=[None, mw(0), kw(300)][int(rng.integers(3))], link_fee=eur_per_mwh(int(rng.integers(0, 30))),
        at=str(rng.choice(["09:00", "12:00", "18:30"])),
    )  # fmt: skip
    desk = {
        "contracts": str(rng.choice(["future", "cash-future", "forward"])),
        "rounds": int(rng.integers(1, 4)),
        "ahead": int(rng.integers(1, 4)),
        "lot": kw(int(rng.choice([1, 10, 100]))),
        "profiles": list(rng.permutation(["base", "peak", "solar"])[: int(rng.integers(1, 4))]),
        "observable_positions": bool(rng.random() < 0.5),
        "green": bool(rng.random() < 0.7),
        "opens": str(rng.choice(["00:00", "10:00", "12:00", "20:00"])),
        "call": hours(int(rng.integers(1, 30))),
    }
    return (None, auction, ContractDesk(**desk), ContractDesk(**desk, spot=auction))


def draft(seed):
    """Draw a scenario of two or three days; names are keys of all that is drawn in the run."""
    rng = np.random.default_rng((seed, 77))
    which = seed % 4
    period = minutes(int(rng.choice([15, 30, 60])))
    feeders = int(rng.integers(1, 4))
    supplied = ["u-blue", "u-green"]
    members = []
    for i in range(int(rng.integers(2, 6))):
        common = {"supplier": supplied[i % 2], "feeder": 1 + i % feeders, "rated": kw(int(rng.integers(1, 6)))}
        if rng.random() < 0.5:
            members.append(consumer(f"home-{i}", **common))
        else:
            battery = Battery(kwh(5), kw(3)) if rng.random() < 0.5 else None
            members.append(prosumer(f"home-{i}", pv=Pv(kw(6)), battery=battery, **common))
    mind = {"u-blue": "greedy", "u-green": "eco-friendly", "u-sad": "depressed"}
    minds = {name: Babbler() if rng.random() < 0.5 else persona for name, persona in mind.items()}
    has_desk = which >= 2
    # Who has little to pay with gets margin calls, and defaults.
    credit = eur(int(rng.choice([3, 60, 10_000_000])))
    prices = {"credit_limit": credit, "retail": eur_per_mwh(160), "feed_in": eur_per_mwh(70)}
    utilities = [
        utility(
            name, persona=minds[name], represents=int(rng.integers(0, 400)) * int(rng.random() < 0.7),
            renewable_quota=percent(int(rng.integers(0, 60)) if has_desk else 0), **prices,
        )
        for name in ("u-blue", "u-green", "u-sad")[: 2 + int(rng.integers(2))]
    ]  # fmt: skip
    kinds = rng.permutation(["wind", "solar", "hydro", "gas", "oil", "coal", "nuclear", "biomass"])
    producers = []
    for i, kind in enumerate(kinds[: int(rng.integers(0 if which == 0 else 1, 5))].tolist()):
        persona = Babbler() if rng.random() < 0.5 else str(rng.choice(["balanced", "at-cost", "greedy", "merchant"]))
        lead = hours(int(rng.integers(0, 30)))
        payment = str(rng.choice(["lump-sum", "annuity"]))
        upgrade = Upgrade(most=kw(500), lead=lead, payment=payment) if rng.random() < 0.5 else None
        some = [utilities[int(rng.integers(len(utilities)))].name] if rng.random() < 0.3 else None
        capacity = kw(int(rng.integers(50, 2_000)))
        producers.append(producer(f"p-{i}", kind, capacity, persona=persona, upgrade=upgrade, utilities=some))
    local = LocalMarket(period=period, district=bool(rng.random() < 0.4)) if rng.random() < 0.9 else None
    imbalance = Imbalance(short=eur_per_mwh(200), long=eur_per_mwh(-10)) if rng.random() < 0.3 else Imbalance()
    spot = [eur_per_mwh(int(price)) for price in rng.integers(-20, 120, 24)]
    given = {"local": local} if local is not None else {"local": None}
    return Scenario(
        start=STARTS[seed // 4 % 3], days=2 + int(rng.integers(2)), timezone="Europe/Berlin",
        agents=[*members, *utilities, *producers], wholesale=markets(rng)[which], imbalance=imbalance, spot=spot,
        forecast=Forecast(str(rng.choice(["martingale", "oracle"]))), buy_out=eur_per_mwh(60), baseline=False, **given,
    )  # fmt: skip


SUNDAYS = ("2016-06-05", "2016-03-20", "2016-10-23")
"""Days before a week, two of them with a Sunday of 23 or 25 hours."""


@dataclass(frozen=True)
class Haggler:
    """Posts both sides of anything, long contracts as often as all others together, and takes what others post."""

    name: str = "haggler"
    lots: int = 3

    def at_desk(self, own, public, desk, draw):
        luck = (draw((own.now_ms // 1_000 * 4 + desk.round) * PER_QUESTION + k) for k in itertools.count())
        long_ones = [spec for spec in desk.specs if len(spec.profile_wh) > 100 and not spec.bundled]
        said = []
        for _ in range(next(luck) % 4):
            some = long_ones if long_ones and next(luck) % 2 else desk.specs
            if some:
                spec, side = some[next(luck) % len(some)], (BUY, SELL)[next(luck) % 2]
                price, lots = 4_000 + next(luck) % 2_000, 1 + next(luck) % self.lots
                said.append(Say(Verb.POST, spec.place, 0, side, price, lots, 10**8))
        posts = [offer for offer in desk.offered if not offer.request and offer.maker != own.agent]
        for offer in posts:
            if next(luck) % 3 == 0:
                lots = 1 + next(luck) % offer.quantity
                said.append(Say(Verb.TAKE, -1, offer.number, 0, offer.price_tick, lots))
        return said

    def day_ahead(self, own, public, draw):
        return Orders(*[np.zeros(0, np.int64)] * 4)

    def invest(self, own, building, draw):
        return 0


def draft_of_a_week(seed):
    """Draw a scenario of a whole week and the Sunday before it, with weeks at the desk beside days."""
    rng = np.random.default_rng((seed, 78))
    desk = ContractDesk(
        spans=["day", "week"], contracts=("future", "cash-future", "future", "forward")[seed % 4],
        rounds=3, ahead=int(rng.integers(1, 5)), lot=kw(10), call=hours(int(rng.integers(1, 30))),
        profiles=list(rng.permutation(["base", "peak", "solar"])[: int(rng.integers(1, 4))]),
        observable_positions=bool(rng.random() < 0.5), opens=str(rng.choice(["00:00", "10:00", "20:00"])),
        marks=str(rng.choice(["17:00", "23:00"])), spot=Auction() if rng.random() < 0.5 else None,
        margin=percent(int(rng.integers(0, 11))),
    )  # fmt: skip
    prices = {"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(70)}
    people = {}
    for name in ("u-blue", "u-sad", "p-gas", "p-wind"):
        usual = {"u-blue": "prudent", "u-sad": "depressed"}.get(name, "at-cost")
        credit = eur(int(rng.choice([5, 30, 10_000_000])))
        people[name] = {"persona": Haggler() if rng.random() < 0.8 else usual, "credit_limit": credit}
    return Scenario(
        start=SUNDAYS[seed // 4 % 3], days=8, timezone="Europe/Berlin", local=LocalMarket(period=minutes(60)),
        agents=[
            consumer("home", supplier="u-blue", rated=kw(3)),
            *(utility(name, represents=200, **prices, **people[name]) for name in ("u-blue", "u-sad")),
            *(producer(name, name[2:], kw(500), **people[name]) for name in ("p-gas", "p-wind")),
        ],
        wholesale=desk, spot=[eur_per_mwh(int(price)) for price in rng.integers(20, 80, 24)], baseline=False,
    )  # fmt: skip


def changed(scenario, **values):
    """Give the scenario with other values."""
    return Scenario(**{name: getattr(scenario, name) for name in type(scenario).model_fields} | values)


def world_of(scenario, seed, engine="auto", threads=None):
    """Make a world of a scenario, with nothing in its journal's header that tells how it was written."""
    compiled = compile_street(scenario, seed)
    return World(
        compiled.street, compiled.minds, compiled.outlook, seed, engine=engine, threads=threads,
        wholesale_minds=compiled.wholesale_minds,
    )  # fmt: skip

"""A desk with minds around it and a bank beside it, day after day: a wholesale market without its engine.

Hours are periods. Each day at noon a session is held over contracts of the next days; then the day-ahead orders are
sent (nobody clears them here: the spot price is given), and the hours of the day are delivered.
"""

import numpy as np
from wholesale_views import DAY_MS, HOUR_MS, no_draw

from wattbook.contracts import (
    NOBODY,
    Code,
    ContractSpec,
    Desk,
    DeskTerms,
    Kind,
    base_profile,
    off_peak_profile,
    peak_profile,
    solar_profile,
)
from wattbook.messages import BUY, SELL, Command
from wattbook.policies.wholesale import Asked, AtDesk, Offered, Own, Public, Spec

AHEAD_HOURS = 96


def catalogue(days, lot_wh=1_000):
    specs = []
    for day in range(1, days):
        start = 24 * day
        specs += [
            ContractSpec(f"base-{day}", "DE", Kind.FUTURE_PHYSICAL, start, base_profile(24, lot_wh)),
            ContractSpec(f"peak-{day}", "DE", Kind.FUTURE_CASH, start, peak_profile(start, 24, 1, lot_wh)),
            ContractSpec(f"night-{day}", "DE", Kind.FORWARD, start, off_peak_profile(start, 24, 1, lot_wh)),
            ContractSpec(f"sun-{day}", "DE", Kind.CFD, start, solar_profile(start, 24, 1, lot_wh), step_tick=10),
            ContractSpec(f"green-{day}", "DE", Kind.FORWARD, start, base_profile(24, lot_wh), bundled=True),
        ]
    return tuple(spec for spec in specs if spec.lot_wh)


class Days:
    """Utilities come first, then producers; `order` is the order in which they are asked."""

    def __init__(self, minds, *, needs, plants, days=4, rounds=6, order=None, money=10**14, spot=None, **terms):
        self.minds, self.needs, self.plants, self.rounds = minds, needs, plants, rounds
        self.utilities = len(needs)
        self.agents = len(minds)
        self.order = order or list(range(self.agents))
        self.days = days
        self.spot = np.full(24 * days + AHEAD_HOURS, 5_000, np.int64) if spot is None else spot
        self.desk = Desk(
            DeskTerms(
                agents=self.agents, specs=catalogue(days), period_ms=HOUR_MS,
                renewable=tuple(a for a, plant in enumerate(plants, self.utilities) if plant.get("weather")), **terms,
            )
        )  # fmt: skip
        self.money = dict.fromkeys(range(self.agents), money)
        self.rows, self.says, self.codes = [], [], []
        self.now_ms = 0
        self.energy_wh = np.zeros((self.agents, 24 * days + AHEAD_HOURS), np.int64)
        self.orders = []

    # --- what an agent sees

    def own(self, agent):
        first = self.now_ms // HOUR_MS + 1
        past = first + AHEAD_HOURS
        zeros = np.zeros(AHEAD_HOURS, np.int64)
        plant = {} if agent < self.utilities else self.plants[agent - self.utilities]
        need, sd = self.needs[agent] if agent < self.utilities else (None, None)
        return Own(
            agent, self.now_ms, first, first * HOUR_MS, HOUR_MS, zeros if need is None else need[first:past],
            zeros if sd is None else sd[first:past], plant["available"][first:past] if plant else zeros,
            plant.get("marginal", 0), plant.get("weather", False), plant.get("weather", False),
            self.fixed_wh(agent, physical_only=True)[first:past], max(self.money[agent], 0),
        )  # fmt: skip

    def fixed_wh(self, agent, *, physical_only):
        """Bought - sold by open contracts in each period of the run."""
        fixed = np.zeros(24 * self.days + AHEAD_HOURS, np.int64)
        for place, lots in self.desk.positions(agent).get(agent, {}).items():
            spec = self.desk.terms.specs[place]
            if spec.is_physical or not physical_only:
                fixed[spec.first_period : spec.past_period] += lots * np.array(spec.profile_wh)
        return fixed

    def public(self):
        first = self.now_ms // HOUR_MS + 1
        expected = np.full(AHEAD_HOURS, 5_000, np.int64)
        return Public(expected, np.zeros(AHEAD_HOURS, np.int64), 1_300_000, 700_000, -50_000, 400_000), first

    def at_desk(self, agent, round_):
        specs = tuple(
            Spec(
                place, spec.name, int(spec.kind), spec.first_period, np.array(spec.profile_wh), spec.step_tick,
                self.desk.terms.trading_ends_ms(place), spec.bundled,
            )
            for place, spec in enumerate(self.desk.terms.specs)
            if self.now_ms < self.desk.terms.trading_ends_ms(place)
        )  # fmt: skip
        others = tuple(
            other for other in range(self.agents) if (other < self.utilities) != (agent < self.utilities)
        )  # fmt: skip
        asked = tuple(
            Asked(number, a.spec, a.agent, a.side, a.quantity, a.until_ms)
            for number, a in self.desk.board.requests.items()
            if a.agent == agent or a.to in (agent, NOBODY)
        )
        offered = tuple(
            Offered(number, o.spec, o.maker, o.side, o.price_tick, o.quantity, o.until_ms, o.request, o.turn)
            for number, o in self.desk.board.offers.items()
            if agent in (o.maker, o.to) or o.to == NOBODY
        )
        lots = self.desk.positions(agent).get(agent, {})
        return AtDesk(
            round_, self.rounds, specs, asked, offered, lots, {}, {}, others, self.desk.terms.max_rounds,
            self.desk.terms.renewable, (),
        )  # fmt: skip

    # --- what happens

    def post(self, answer):
        for leg in answer.legs:
            self.money[leg.account] = self.money.get(leg.account, 0) + leg.amount
        self.rows += answer.rows
        self.desk.check()
        return answer

    def speak(self, agent, round_):
        public, _ = self.public()
        said = self.minds[agent].at_desk(self.own(agent), public, self.at_desk(agent, round_), no_draw)
        for say in said:
            assert all(type(value) is int for value in say)
            command = Command(
                self.now_ms, agent, say.verb, say.book, -1, say.order, say.side, say.price_tick, say.quantity, say.flags
            )  # fmt: skip
            code = self.post(self.desk.apply(command, self.money.get)).code
            self.says.append((self.now_ms, round_, agent, say))
            self.codes.append(code)
            assert code == Code.OK, (code.name, round_, agent, say)

    def session(self):
        for round_ in range(self.rounds):
            for agent in self.order:
                self.speak(agent, round_)

    def day(self):
        """Deliver the morning, hold the session at noon, send the day-ahead orders, deliver the rest."""
        today = self.now_ms // DAY_MS
        self.deliver_until(24 * today + 12)
        self.session()
        public, _ = self.public()
        self.orders.append([m.day_ahead(self.own(a), public, no_draw) for a, m in enumerate(self.minds)])
        self.post(self.desk.mark(self.now_ms, self.money.get))
        self.deliver_until(24 * (today + 1))

    def deliver_until(self, hour):
        for period in range(self.desk.next_period, hour):
            self.now_ms = (period + 1) * HOUR_MS
            delivery = self.desk.deliver(self.now_ms, period, int(self.spot[period]), self.metered, self.money.get)
            for agent, energy in delivery.energy:
                self.energy_wh[agent, period] += energy
            assert sum(energy for _, energy in delivery.energy) == 0
            self.post(delivery)

    def metered(self, agent):
        period = self.desk.next_period
        if agent < self.utilities:
            return -int(self.needs[agent][0][period])
        return int(self.plants[agent - self.utilities]["available"][period])

    def run(self):
        for _ in range(self.days):
            self.day()
        return self

    def signed(self, event):
        return [row for row in self.rows if row.event == event]


__all__ = ["AHEAD_HOURS", "BUY", "DAY_MS", "HOUR_MS", "SELL", "Days"]

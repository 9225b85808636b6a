"""Lives of contracts, expanded from a seed: commands that mostly make sense, marks, deadlines, deliveries.

Every step goes through the desk and through the model beside it, under the eyes of the laws.
"""

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import model
from laws import Laws

from wattbook.chance import draw, key_of
from wattbook.contracts import Code, ContractSpec, Desk, DeskTerms, Event, Kind, Verb
from wattbook.messages import Command, House

PERIOD_MS = 100_000
PERIODS = 10
NAMES = {
    Kind.FUTURE_PHYSICAL: "future-physical", Kind.FUTURE_CASH: "future-cash", Kind.FORWARD: "forward", Kind.CFD: "cfd",
    Kind.PPA: "ppa",
}  # fmt: skip


class Dice:
    """Draws of one life."""

    def __init__(self, seed):
        self.key = key_of(seed, "life of contracts")
        self.count = 0

    def below(self, bound):
        self.count += 1
        return draw(self.key, self.count) % bound

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def chance(self, percent):
        return self.below(100) < percent

    def one(self, things):
        return things[self.below(len(things))]


class Life:
    """One desk from its first request to its last delivery."""

    def __init__(self, seed, restores=True):
        self.dice = dice = Dice(seed)
        self.restores = restores
        self.agents = agents = dice.between(3, 6)
        profile = lambda: tuple(dice.one((0, 50_000, 100_000, 300_000)) for _ in range(dice.between(0, 2)))  # noqa: E731
        specs = []
        for place, kind in enumerate((*Kind, Kind.FORWARD)):
            length = (dice.between(10_000, 400_000), *profile())
            forward = kind == Kind.FORWARD
            specs.append(
                ContractSpec(
                    f"s{place}",
                    "z",
                    kind,
                    dice.between(3, 6),
                    (0,) * len(length) if kind == Kind.PPA else length,
                    step_tick=dice.one((1, 5)),
                    bundled=kind == Kind.PPA or (forward and dice.chance(70)),
                    penalty_tick=dice.one((0, 700)) if forward else 0,
                )
            )
        self.terms = DeskTerms(
            agents,
            (*specs, *self.long_ones(specs[:2])),
            period_ms=PERIOD_MS,
            floor_tick=-5_000,
            cap_tick=40_000,
            margin_ppm=dice.one((0, 100_000, 100_000, 100_000, 77_777, 50_000)),
            call_ms=dice.one((5_000, 20_000, 60_000)),
            house_capital=dice.one((0, 10**8, 10**8, 10**9)),
            max_rounds=dice.between(1, 4),
            max_valid_ms=80_000,
            credit_limit=dice.one((10**10, 3 * 10**10, 10**12)),
            collateral_threshold=dice.one((-1, 0, 5 * 10**9)),
            sell_limit_wh=tuple(dice.one((-1, -1, 500_000, 2_000_000)) for _ in range(agents)),
            renewable=tuple(agent for agent in range(agents) if dice.chance(80)),
            certificate_periods=dice.between(1, 6),
            observable="everybody",
        )
        self.desk = Desk(self.terms)
        money = [dice.one((10**8, 3 * 10**9, 10**10, 10**11, 10**12)) for _ in range(agents)]
        self.balance = [*money, *[0] * len(House)]
        self.balance[agents + House.CLEARING] = self.terms.house_capital
        self.model = model.Model(self.rules(), money)
        self.laws = Laws(self.terms)
        self.level = 9_000
        self.now = 0
        self.date = 0
        self.codes = Counter()
        self.last = None
        self.sealed = self.desk.export()

    def long_ones(self, futures):
        """Futures that become others, which follow each other, overlap, or are long themselves."""
        dice, made = self.dice, []
        for future in futures:
            whole = future
            for step in range(dice.one((0, 1, 1, 2))):
                length = dice.between(1, 3)
                profile = (dice.between(10_000, 300_000), *(dice.one((0, 100_000)) for _ in range(length - 1)))
                part = replace(
                    future, name=f"{future.name}-part-{step}", first_period=dice.between(3, 6), profile_wh=profile,
                    parts=(),
                )  # fmt: skip
                first = min(whole.first_period, part.first_period) - dice.one((0, 0, 1))
                periods = range(first, max(whole.past_period, part.past_period))
                total = tuple(whole.wh(period) + part.wh(period) for period in periods)
                whole = replace(
                    future, name=f"{future.name}-long-{step}", first_period=first, profile_wh=total,
                    parts=(whole.name, part.name),
                )  # fmt: skip
                made += [part, whole]
        return made

    def rules(self):
        t = self.terms
        place = {s.name: number for number, s in enumerate(t.specs)}
        specs = tuple(
            model.Spec(
                NAMES[s.kind], s.first_period, s.profile_wh, s.step_tick, s.bundled, s.penalty_tick,
                tuple(place[name] for name in s.parts),
            )
            for s in t.specs
        )  # fmt: skip
        return model.Rules(
            t.agents, specs, t.period_ms, t.floor_tick, t.cap_tick, Fraction(t.margin_ppm, 10**6), t.call_ms,
            t.house_capital, t.max_rounds, t.max_valid_ms, t.credit_limit, t.collateral_threshold, t.sell_limit_wh,
            t.renewable, t.certificate_periods,
        )  # fmt: skip

    # --- one step

    def play(self, commands):
        """Send so many commands, and everything that the clock brings between them; then deliver all."""
        per_ms = 5 * PERIOD_MS // commands
        while sum(self.codes.values()) < commands:
            self.now += self.dice.below(2 * per_ms)
            while (self.desk.next_period + 1) * PERIOD_MS <= self.now and self.desk.next_period < PERIODS:
                self.deliver()
            kind = self.dice.below(100)
            if kind < 7:
                self.mark()
            elif kind < 12:
                self.clock(
                    "expire", lambda: self.desk.expire(self.now, self.available), lambda: self.model.expire(self.now)
                )
            elif kind < 13:
                self.comply()
            elif kind < 16:
                self.endow()
            else:
                self.command()
        while self.desk.next_period < PERIODS:
            self.now = max(self.now, (self.desk.next_period + 1) * PERIOD_MS)
            self.deliver()
        self.comply()
        self.laws.judge_end(self.desk)
        return self

    def available(self, agent):
        return self.balance[agent]

    def clock(self, what, desk, other):
        self.laws.remember(self.desk)
        answer = desk()
        other()
        self.post(answer)
        self.compare(what)
        self.sealed = self.desk.export()
        return answer

    def post(self, answer):
        for leg in answer.legs:
            self.balance[leg.account] += leg.amount
        self.laws.judge(answer)

    def endow(self):
        """Money from outside, to whom it helps most."""
        agent = self.dice.one(sorted(self.model.called) or range(self.agents))
        money = self.model.owed(agent) + self.dice.below(10**9)
        self.balance[agent] += money
        self.model.cash[agent] += money

    def mark(self):
        self.level = min(25_000, max(2_000, self.level + self.dice.between(-5_000, 5_000)))
        given = {s: self.level for s, spec in enumerate(self.terms.specs) if self.dice.chance(15) and spec.is_future}
        self.clock(
            "mark", lambda: self.desk.mark(self.now, self.available, given), lambda: self.model.mark(self.now, given)
        )

    def deliver(self):
        period = self.desk.next_period
        spot = self.level + self.dice.between(-3_000, 3_000)
        fed_in = [
            self.dice.between(-500_000, self.dice.one((1, 500_000, 6_000_000, 6_000_000))) for _ in range(self.agents)
        ]
        at = max(self.now, (period + 1) * PERIOD_MS)
        self.laws.spot = spot
        energy = []
        answer = self.clock(
            "deliver",
            lambda: self.desk.deliver(at, period, spot, fed_in.__getitem__, self.available),
            lambda: energy.extend(self.model.deliver(at, period, spot, fed_in)),
        )
        self.now = at
        self.compare_delivery(answer, energy)

    def compare_delivery(self, answer, energy):
        assert dict(answer.energy) == {agent: wh for agent, wh in enumerate(energy) if wh}, "C1: energy"
        told = Counter()
        for row in answer.rows:
            if row.event in (Event.DELIVERED, Event.REPLACED):
                told[row.contract, row.spec, row.seller, row.event] += row.quantity_wh
        wanted = Counter()
        for number, spec, seller, covered, replaced in self.model.replaced:
            wanted[number, spec, seller, Event.DELIVERED] += covered
            wanted[number, spec, seller, Event.REPLACED] += replaced
        assert told == +wanted, "C6: delivered and replaced are not what was contracted"

    def comply(self):
        agent, date = self.dice.below(self.agents), self.date - self.dice.below(2)
        self.date += 1
        sales, quota, price = self.dice.below(5_000_000), self.dice.below(1_000_001), self.dice.below(9_000)
        codes = []
        answer = self.clock(
            "comply",
            lambda: self.desk.comply(self.now, agent, date, sales, quota, price),
            lambda: codes.append(self.model.comply(self.now, agent, date, sales, quota, price)),
        )
        self.laws.judge_compliance(answer, agent, date, sales, quota)
        self.agree(f"comply of {agent} at {date}", answer, codes[0])

    def command(self):
        command = self.choose()
        if self.dice.chance(18):
            column = self.dice.one(Command._fields)
            if column != "time_ms":
                strange = self.dice.one((-1, 0, 1, 2, 5, 9_000, 10**6, 1 << 33, 1 << 36, 1 << 61))
                command = command._replace(**{column: strange})
        elif self.dice.chance(3):
            command = command._replace(time_ms=command.time_ms - self.dice.between(1, 5_000))
        self.laws.remember(self.desk)
        told = self.model.command(tuple(command))
        answer = self.desk.apply(command, self.available)
        self.codes[answer.code.name] += 1
        self.laws.judge_command(command, answer)
        self.post(answer)
        self.agree(command, answer, told)
        if answer.code != Code.OK:
            assert self.desk.export() == self.sealed, "a refusal changed the desk"
            return
        if command.action in (Verb.ACCEPT, Verb.TAKE):
            self.last = command
        self.compare(command)
        self.sealed = self.desk.export()
        if self.dice.below(60) == 0 and self.restores:
            self.desk = Desk.restore(self.sealed)
            assert self.desk.export() == self.sealed

    def agree(self, what, answer, told):
        assert answer.code.name == told, f"{what}: the desk says {answer.code.name}, the model {told}"

    def compare(self, what):
        """Everything that both know."""
        desk, other = self.desk, self.model
        self.laws.judge_state(desk, self.balance[self.agents + House.CLEARING])
        desk.check()
        held = {(agent, spec): lots for agent, by in desk.positions(0).items() for spec, lots in by.items()}
        assert held == other.positions(), f"{what}: positions"
        for agent in range(self.agents):
            assert desk.margin(agent) == other.margin_of(agent), f"C3: margin of {agent} after {what}"
            assert desk.owed(agent) == other.owed(agent), f"C3: call of {agent} after {what}"
            assert desk.certificates.held(agent) == len(other.held.get(agent, [])), f"E6: guarantees after {what}"
        assert self.balance[: self.agents] == other.cash, f"{what}: cash"
        assert self.balance[self.agents + House.CLEARING] == other.house_cash, f"{what}: the house's cash"
        assert self.balance[self.agents + House.TREASURY] == other.treasury, f"{what}: the treasury"
        assert desk.house.funds == other.fund, f"{what}: the default fund"
        assert desk.house.capital == other.capital, f"{what}: the house's capital"
        assert desk.bilateral.collateral == other.all_collateral(), f"{what}: collateral"
        assert set(desk.board.offers) == set(other.offers), f"{what}: offers"
        assert set(desk.board.requests) == set(other.requests), f"{what}: requests"
        assert set(desk.bilateral.contracts) == set(other.contracts), f"{what}: contracts"

    # --- what somebody might want

    def choose(self):
        """A command that fits what there is, by somebody who might send it."""
        m, dice = self.model, self.dice
        late = dice.chance(10)
        live = [(n, o["request"]) for n, o in m.offers.items() if late or self.now < o["until"]]
        posts = [n for n, request in live if not request]
        talks = [n for n, request in live if request]
        wants = ["post"] * 7 + ["request"] * 4 + ["contribute"] * 2 + ["redeem", "retire", "withdraw", "cancel"]
        wants += ["take"] * 9 * bool(posts) + ["quote"] * 7 * bool(m.requests)
        wants += (["accept"] * 8 + ["counter"] * 3 + ["walk"]) * bool(talks) + ["pay"] * 4 * bool(m.called)
        wants += ["again"] * 2 * (self.last is not None)
        wants += ["asked"] * 6 * any(c["asked"] >= 0 for c in m.contracts.values())
        return getattr(self, "say_" + dice.one(wants))(posts, talks)

    def row(self, agent, verb, order=0, spec=-1, side=0, price=0, lots=0, good=0):
        return Command(self.now, agent, verb, spec, -1, order, side, price, lots, good)

    def somebody(self):
        inside = [agent for agent in range(self.agents) if agent not in self.model.out]
        return self.dice.one(inside or [0])

    def open_spec(self):
        live = [s for s, spec in enumerate(self.terms.specs) if self.now < self.terms.trading_ends_ms(s)]
        # Half of it in one place, so that bids meet asks there.
        ppa = int(Kind.PPA)
        long_ones = [s for s in live if self.terms.specs[s].parts]
        if long_ones and self.dice.chance(20):
            return long_ones[-1]
        if ppa in live and self.dice.chance(20):
            return ppa
        return live[0] if live and self.dice.chance(50) else self.dice.one(live or [0])

    def a_price(self, spec):
        step = self.terms.specs[spec].step_tick
        return (self.level + self.dice.between(-1_500, 1_500)) // step * step

    def a_size(self, spec):
        return self.dice.between(1, 900_000) if self.terms.specs[spec].kind == Kind.PPA else self.dice.between(1, 4)

    def good(self):
        return self.dice.between(1_000, 80_000)

    def say_post(self, posts, talks):
        spec = self.open_spec()
        side = self.dice.one((1, -1))
        return self.row(self.somebody(), Verb.POST, 0, spec, side, self.a_price(spec), self.a_size(spec), self.good())

    def say_request(self, posts, talks):
        spec, agent = self.open_spec(), self.somebody()
        to = 1 + (agent + 1) % self.agents if self.dice.chance(30) else 0
        return self.row(agent, Verb.REQUEST, to, spec, self.dice.one((1, -1)), 0, self.a_size(spec), self.good())

    def say_again(self, posts, talks):
        """The last signing a second time."""
        return self.last._replace(time_ms=self.now)

    def say_quote(self, posts, talks):
        number, asked = self.dice.one(sorted(self.model.requests.items()))
        agent = (
            asked["to"] if asked["to"] >= 0 else (asked["agent"] + self.dice.between(1, self.agents - 1)) % self.agents
        )
        lots = self.dice.between(1, asked["lots"])
        return self.row(agent, Verb.QUOTE, number, -1, 0, self.a_price(asked["spec"]), lots, self.good())

    def say_take(self, posts, talks):
        number = self.dice.one(posts)
        offer = self.model.offers[number]
        agent = (offer["maker"] + self.dice.between(1, self.agents - 1)) % self.agents
        return self.row(agent, Verb.TAKE, number, -1, 0, offer["price"], self.dice.between(1, offer["lots"]))

    def say_accept(self, posts, talks):
        number = self.dice.one(talks)
        offer = self.model.offers[number]
        return self.row(offer["to"], Verb.ACCEPT, number, -1, 0, offer["price"], offer["lots"])

    def say_counter(self, posts, talks):
        number = self.dice.one(talks)
        offer = self.model.offers[number]
        lots = self.dice.between(1, offer["most"])
        return self.row(offer["to"], Verb.COUNTER, number, -1, 0, self.a_price(offer["spec"]), lots, self.good())

    def say_walk(self, posts, talks):
        number = self.dice.one(talks)
        return self.row(self.model.offers[number][self.dice.one(("maker", "to"))], Verb.WALK, number)

    def say_withdraw(self, posts, talks):
        mine = [(n, o["maker"]) for n, o in self.model.offers.items()]
        mine += [(n, asked["agent"]) for n, asked in self.model.requests.items()]
        number, agent = self.dice.one(mine) if mine else (self.dice.between(1, self.model.count + 1), self.somebody())
        return self.row(agent, Verb.WITHDRAW, number)

    def say_cancel(self, posts, talks):
        live = sorted(self.model.contracts)
        if not live:
            return self.row(self.somebody(), Verb.CANCEL_CONTRACT, self.dice.between(0, self.model.count + 1))
        number = self.dice.one(live)
        return self.row(self.model.contracts[number][self.dice.one(("buyer", "seller"))], Verb.CANCEL_CONTRACT, number)

    def say_asked(self, posts, talks):
        number, c = self.dice.one([(n, c) for n, c in self.model.contracts.items() if c["asked"] >= 0])
        return self.row(c["seller"] if c["asked"] == c["buyer"] else c["buyer"], Verb.CANCEL_CONTRACT, number)

    def say_pay(self, posts, talks):
        able = [a for a in self.model.called if self.model.cash[a] >= self.model.owed(a)]
        return self.row(self.dice.one(sorted(able or self.model.called)), Verb.PAY)

    def say_contribute(self, posts, talks):
        agent = self.somebody()
        return self.row(agent, Verb.CONTRIBUTE, lots=1 + self.dice.below(max(1, self.model.cash[agent] // 20)))

    def say_redeem(self, posts, talks):
        able = [a for a in self.model.fund if not any(who == a for _, who in self.model.parcels)]
        return self.row(self.dice.one(sorted(able)) if able else self.somebody(), Verb.REDEEM)

    def say_retire(self, posts, talks):
        holders = [a for a, held in self.model.held.items() if held]
        return self.row(
            self.dice.one(holders) if holders else self.somebody(), Verb.RETIRE, lots=self.dice.between(1, 2)
        )

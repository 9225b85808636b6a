"""An independent model of the desk, in plain words: what everybody holds, owes and has, and what each command gets.

Shares no code with the package. Where the desk keeps a running cost, the model keeps the parcels themselves; where the
desk rounds by hand, the model rounds fractions. Commands are tuples of ten ints in the order of the journal's columns.
"""

from fractions import Fraction
from typing import NamedTuple

MWH = 1_000_000
FUTURES = ("future-physical", "future-cash")
PHYSICAL = ("future-physical", "forward")


class Spec(NamedTuple):
    """What one lot is."""

    kind: str
    first: int
    profile: tuple
    step: int = 1
    bundled: bool = False
    penalty: int = 0
    parts: tuple = ()  # places of what it becomes

    @property
    def past(self):
        return self.first + len(self.profile)

    def wh(self, period):
        return self.profile[period - self.first] if self.first <= period < self.past else 0


class Rules(NamedTuple):
    """What the desk is set up with."""

    agents: int
    specs: tuple
    period_ms: int
    floor: int
    cap: int
    margin: Fraction
    call_ms: int
    capital: int
    rounds: int
    valid_ms: int
    credit: int
    threshold: int  # -1: none
    limits: tuple  # Wh sold in a period, -1: none
    renewable: tuple
    life: int


class No(Exception):  # noqa: N818  # it is an answer
    """A refusal, with its code."""


def need(holds, code):
    if not holds:
        raise No(code)


def shared_out(amount, weights):
    """Largest remainder: give each its whole part, then one each by the size of the rest, then by place."""
    if not amount:
        return [0 for _ in weights]
    exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
    parts = [int(share) for share in exact]
    while sum(parts) < amount:
        rests = [share - part for share, part in zip(exact, parts, strict=True)]
        parts[rests.index(max(rests))] += 1
    return parts


class Model:
    """State of the desk and of everybody's money."""

    def __init__(self, rules, cash):
        self.rules = rules
        self.cash = list(cash)
        self.house_cash = rules.capital
        self.treasury = 0
        self.now = 0
        self.period = 0
        self.count = 0
        self.requests = {}
        self.offers = {}
        self.contracts = {}
        self.parcels = {}  # (spec, agent): [[lots, price], ...]
        self.margin = {}  # (spec, agent)
        self.last_mark = {}
        self.trades = {}  # spec: [(lots, price), ...] since the last mark
        self.fund = {}
        self.capital = rules.capital
        self.called = {}  # agent: [owed, deadline, {agent: gain}]
        self.fallen = {}
        self.out = []
        self.held = {}  # agent: [(vintage, serial), ...]
        self.rest_wh = {}
        self.serial = 0
        self.used = []
        self.used_since = {}
        self.done = []

    # --- looking

    def left(self, spec):
        return sum(self.rules.specs[spec].wh(p) for p in range(self.period, self.rules.specs[spec].past))

    def lots(self, spec, agent):
        return sum(lots for lots, _ in self.parcels.get((spec, agent), []))

    def positions(self):
        found = {}
        for (spec, agent), parcels in self.parcels.items():
            if sum(lots for lots, _ in parcels):
                found[agent, spec] = sum(lots for lots, _ in parcels)
        for c in self.contracts.values():
            for agent, sign in ((c["buyer"], 1), (c["seller"], -1)):
                found[agent, c["spec"]] = found.get((agent, c["spec"]), 0) + sign * c["quantity"]
        return {key: value for key, value in found.items() if value}

    def margin_of(self, agent):
        return sum(money for (_, holder), money in self.margin.items() if holder == agent)

    def owed(self, agent):
        return self.called[agent][0] if agent in self.called else 0

    def open_notional(self, one, other):
        return sum(
            abs(c["price"]) * c["quantity"] * self.left(c["spec"])
            for c in self.contracts.values()
            if {c["buyer"], c["seller"]} == {one, other}
        )

    def collateral(self, one, other):
        over = self.open_notional(one, other) - self.rules.threshold
        return over if self.rules.threshold >= 0 and over > 0 else 0

    def all_collateral(self):
        pairs = {tuple(sorted((c["buyer"], c["seller"]))) for c in self.contracts.values()}
        return {pair: self.collateral(*pair) for pair in pairs if self.collateral(*pair)}

    # --- money

    def to_house(self, agent, amount):
        self.cash[agent] -= amount
        self.house_cash += amount

    def from_house(self, agent, amount):
        """The house pays; what the agent owes it comes first."""
        if agent in self.fallen:
            self.fallen[agent][0] -= amount
            return
        if agent in self.called:
            kept = min(amount, self.called[agent][0])
            self.called[agent][0] -= kept
            amount -= kept
            if self.called[agent][0] == 0:
                del self.called[agent]
        self.to_house(agent, -amount)

    def pay(self, payer, payee, amount):
        self.cash[payer] -= amount
        self.cash[payee] += amount

    def rearrange_collateral(self, before):
        after = self.all_collateral()
        for pair in {*before, *after}:
            for agent in pair:
                change = after.get(pair, 0) - before.get(pair, 0)
                if change > 0:
                    self.to_house(agent, change)
                elif change:
                    self.from_house(agent, -change)

    # --- commands

    def command(self, row):
        """Carry out one command; its code by name."""
        time, agent, verb, *_ = row
        verbs = (
            "request", "quote", "counter", "accept", "walk", "post", "take", "withdraw", "cancel_contract", "pay",
            "contribute", "redeem", "retire",
        )  # fmt: skip
        try:
            need(32 <= verb < 45, "UNKNOWN_VERB")
            need(0 <= agent < self.rules.agents, "UNKNOWN_AGENT")
            need(time >= self.now, "TIME_BACK")
            need(agent not in self.out, "DEFAULTED")
            need(not self.late(agent, time), "CALL_OVERDUE")
            getattr(self, "do_" + verbs[verb - 32])(*row)
        except No as no:
            return no.args[0]
        self.now = time
        return "OK"

    def late(self, agent, time):
        return agent in self.called and time >= self.called[agent][1]

    def find(self, table, number, time):
        if number not in table:
            need(1 <= number <= self.count, "UNKNOWN_REFERENCE")
            there = number in self.requests or number in self.offers or number in self.contracts
            need(there, "REFERENCE_ENDED")
            raise No("WRONG_REFERENCE")
        if "until" in table[number]:
            need(time < table[number]["until"], "REFERENCE_EXPIRED")
        return table[number]

    def product(self, time, spec, period):
        need(0 <= spec < len(self.rules.specs), "UNKNOWN_SPEC")
        need(period in (-1, self.rules.specs[spec].first), "WRONG_PERIOD")
        need(time < self.rules.specs[spec].first * self.rules.period_ms, "PAST_DELIVERY")

    def size(self, spec, lots, most=1 << 36):
        need(lots > 0, "QUANTITY_NOT_POSITIVE")
        need(lots <= min(most, MWH if self.rules.specs[spec].kind == "ppa" else 1 << 36), "QUANTITY_TOO_LARGE")
        need(lots * sum(self.rules.specs[spec].profile) <= 1 << 50, "QUANTITY_TOO_LARGE")

    def price(self, spec, price, lots):
        s = self.rules.specs[spec]
        need(self.rules.floor <= price <= self.rules.cap, "PRICE_OUTSIDE_BAND")
        need(price % s.step == 0, "PRICE_OFF_STEP")
        need(abs(price) * lots * sum(s.profile) < 1 << 62, "NOTIONAL_TOO_LARGE")

    def until(self, spec, time, good):
        need(1 <= good <= self.rules.valid_ms, "BAD_VALIDITY")
        return min(time + good, self.rules.specs[spec].first * self.rules.period_ms)

    def number(self):
        self.count += 1
        return self.count

    def do_request(self, time, agent, _, book, period, order, side, price, lots, flags):
        self.product(time, book, period)
        need(side in (1, -1), "BAD_SIDE")
        self.size(book, lots)
        until = self.until(book, time, flags)
        need(0 <= order <= self.rules.agents, "UNKNOWN_COUNTERPARTY")
        need(order - 1 != agent, "SELF_DEALING")
        need(order - 1 not in self.out, "COUNTERPARTY_DEFAULTED")
        self.requests[self.number()] = {
            "spec": book, "agent": agent, "side": side, "lots": lots, "until": until, "to": order - 1,
        }  # fmt: skip

    def do_quote(self, time, agent, _, book, period, order, side, price, lots, flags):
        asked = self.find(self.requests, order, time)
        need(asked["agent"] != agent, "SELF_DEALING")
        need(asked["to"] in (-1, agent), "NOT_YOURS")
        self.offer(asked["spec"], agent, asked["agent"], -asked["side"], order, 1, asked["lots"],
                   time, book, side, price, lots, flags)  # fmt: skip

    def do_counter(self, time, agent, _, book, period, order, side, price, lots, flags):
        old = self.mine(order, agent, time)
        need(old["turn"] < self.rules.rounds, "TOO_MANY_ROUNDS")
        self.offer(old["spec"], agent, old["maker"], -old["side"], old["request"], old["turn"] + 1, old["most"],
                   time, book, side, price, lots, flags)  # fmt: skip
        del self.offers[order]

    def offer(self, spec, maker, to, own_side, request, turn, most, time, book, side, price, lots, flags):
        need(book in (-1, spec), "CHANGED_TERMS")
        need(side in (0, own_side), "BAD_SIDE")
        self.size(spec, lots, most)
        self.price(spec, price, lots)
        until = self.until(spec, time, flags)
        self.offers[self.number()] = {
            "spec": spec, "maker": maker, "to": to, "side": own_side, "price": price, "lots": lots, "until": until,
            "request": request, "turn": turn, "most": most,
        }  # fmt: skip

    def do_post(self, time, agent, _, book, period, order, side, price, lots, flags):
        self.product(time, book, period)
        need(side in (1, -1), "BAD_SIDE")
        self.offer(book, agent, -1, side, 0, 1, 1 << 36, time, -1, 0, price, lots, flags)

    def do_walk(self, time, agent, _, book, period, order, *rest):
        offer = self.find(self.offers, order, time)
        need(offer["request"], "WRONG_REFERENCE")
        need(agent in (offer["maker"], offer["to"]), "NOT_YOURS")
        del self.offers[order]

    def do_withdraw(self, time, agent, _, book, period, order, *rest):
        if order in self.requests:
            need(time < self.requests[order]["until"], "REFERENCE_EXPIRED")
            need(self.requests[order]["agent"] == agent, "NOT_YOURS")
            self.close(order)
            return
        need(self.find(self.offers, order, time)["maker"] == agent, "NOT_YOURS")
        del self.offers[order]

    def mine(self, order, agent, time):
        offer = self.find(self.offers, order, time)
        need(offer["request"], "WRONG_REFERENCE")
        need(offer["maker"] != agent, "NOT_YOUR_TURN")
        need(offer["to"] == agent, "NOT_YOURS")
        return offer

    def close(self, request):
        self.requests.pop(request, None)
        self.offers = {n: offer for n, offer in self.offers.items() if offer["request"] != request}

    def do_accept(self, time, agent, _, book, period, order, side, price, lots, flags):
        offer = self.mine(order, agent, time)
        need(book in (-1, offer["spec"]), "CHANGED_TERMS")
        need(price == offer["price"], "CHANGED_TERMS")
        need(lots == offer["lots"], "CHANGED_TERMS")
        need(not self.late(offer["maker"], time), "CALL_OVERDUE")
        self.sign(agent, offer, lots)
        del self.offers[order]
        self.close(offer["request"])

    def do_take(self, time, agent, _, book, period, order, side, price, lots, flags):
        offer = self.find(self.offers, order, time)
        need(not offer["request"], "WRONG_REFERENCE")
        need(offer["maker"] != agent, "SELF_DEALING")
        need(book in (-1, offer["spec"]), "CHANGED_TERMS")
        need(price == offer["price"], "CHANGED_TERMS")
        self.size(offer["spec"], lots, offer["lots"])
        need(not self.late(offer["maker"], time), "CALL_OVERDUE")
        self.sign(agent, offer, lots)
        offer["lots"] -= lots
        if not offer["lots"]:
            del self.offers[order]

    def sign(self, agent, offer, lots):
        spec, price, maker = offer["spec"], offer["price"], offer["maker"]
        s = self.rules.specs[spec]
        buyer, seller = (maker, agent) if offer["side"] == 1 else (agent, maker)
        before = self.all_collateral()
        if s.kind in FUTURES:
            changes = {}
            for who, change in ((buyer, lots), (seller, -lots)):
                held = self.lots(spec, who)
                closes = held * change < 0 and abs(change) <= abs(held)
                need(closes or who not in self.called, "MARGIN_CALLED")
                changes[who] = self.margin_after(spec, who, change, price) - self.margin.get((spec, who), 0)
        else:
            need(buyer not in self.called and seller not in self.called, "MARGIN_CALLED")
            notional = abs(price) * lots * self.left(spec)
            need(self.open_notional(buyer, seller) + notional <= self.rules.credit, "CREDIT_LIMIT")
            over = self.open_notional(buyer, seller) + notional - self.rules.threshold
            wanted = max(0, over) if self.rules.threshold >= 0 else 0
            changes = dict.fromkeys((buyer, seller), max(0, wanted - self.collateral(buyer, seller)))
        for who, change in ((buyer, lots), (seller, -lots)):
            self.bounds(spec, who, change, price)
        self.cover(spec, seller, lots)
        for who, code in ((agent, "MARGIN_MISSING"), (maker, "COUNTERPARTY_MARGIN_MISSING")):
            need(changes[who] <= 0 or changes[who] <= self.cash[who], code)
        number = self.number()
        if s.kind not in FUTURES:
            self.contracts[number] = {
                "spec": spec, "buyer": buyer, "seller": seller, "price": price, "quantity": lots, "asked": -1, "due": 0,
            }  # fmt: skip
            self.rearrange_collateral(before)
            return
        for who, change in ((buyer, lots), (seller, -lots)):
            self.margin[spec, who] = self.margin.get((spec, who), 0) + changes[who]
            self.parcels.setdefault((spec, who), []).append([change, price])
            if changes[who] > 0:
                self.to_house(who, changes[who])
            else:
                self.from_house(who, -changes[who])
        self.trades.setdefault(spec, []).append((lots, price))

    def margin_after(self, spec, agent, change, price):
        held, locked = self.lots(spec, agent), self.margin.get((spec, agent), 0)
        grows = held * change >= 0
        closing = 0 if grows else min(abs(held), abs(change))
        kept = locked - (round(Fraction(locked * closing, abs(held))) if closing else 0)
        return kept + round(self.rules.margin * abs(price) * (abs(change) - closing) * self.left(spec))

    def bounds(self, spec, agent, change, price):
        """All that an agent has open is bounded at the worst price there is, and so are its costs since the marks."""
        edge = max(1, abs(self.rules.floor), abs(self.rules.cap))
        signed = [(c["spec"], c["quantity"]) for c in self.contracts.values() if agent in (c["buyer"], c["seller"])]
        costs = {}
        for (other, who), parcels in self.parcels.items():
            if who == agent:
                signed.append((other, self.lots(other, agent)))
                costs[other] = sum(lots * tick for lots, tick in parcels) * self.left(other)
        if self.rules.specs[spec].kind in FUTURES:
            costs[spec] = costs.get(spec, 0) + change * price * self.left(spec)
            need(sum(map(abs, costs.values())) < 1 << 62, "NOTIONAL_TOO_LARGE")
            signed = [(other, lots) for other, lots in signed if other != spec]
            change += self.lots(spec, agent)
        worst = sum(
            abs(lots) * self.left(other) * max(edge, self.rules.specs[other].penalty)
            for other, lots in [*signed, (spec, change)]
        )
        need(worst < 1 << 62, "NOTIONAL_TOO_LARGE")

    def cover(self, spec, seller, lots):
        s = self.rules.specs[spec]
        if s.kind == "ppa":
            for period in range(s.first, s.past):
                shares = sum(
                    c["quantity"]
                    for c in self.contracts.values()
                    if c["seller"] == seller and self.rules.specs[c["spec"]].kind == "ppa"
                    and self.rules.specs[c["spec"]].first <= period < self.rules.specs[c["spec"]].past
                )  # fmt: skip
                need(shares + lots <= MWH, "NAKED_SHORT")
        elif s.kind in PHYSICAL and self.rules.limits[seller] >= 0:
            for period in range(s.first, s.past):
                sold = lots * s.wh(period)
                for (agent, other), position in self.positions().items():
                    if agent == seller and self.rules.specs[other].kind in PHYSICAL:
                        sold -= position * self.rules.specs[other].wh(period)
                need(not s.wh(period) or sold <= self.rules.limits[seller], "NAKED_SHORT")

    def do_cancel_contract(self, time, agent, _, book, period, order, *rest):
        contract = self.find(self.contracts, order, time)
        need(agent in (contract["buyer"], contract["seller"]), "NOT_YOURS")
        need(contract["asked"] != agent, "ALREADY_ASKED")
        if contract["asked"] == -1:
            contract["asked"] = agent
            return
        s, buyer = self.rules.specs[contract["spec"]], contract["buyer"]
        if s.kind in PHYSICAL and self.rules.limits[buyer] >= 0:
            for later in range(max(s.first, self.period), s.past):
                held = sum(
                    lots * self.rules.specs[spec].wh(later)
                    for (who, spec), lots in self.positions().items()
                    if who == buyer and self.rules.specs[spec].kind in PHYSICAL
                )
                sold = contract["quantity"] * s.wh(later) - held
                need(not s.wh(later) or sold <= self.rules.limits[buyer], "NAKED_SHORT")
        before = self.all_collateral()
        del self.contracts[order]
        self.rearrange_collateral(before)

    def do_pay(self, time, agent, *rest):
        need(agent in self.called, "NO_CALL")
        need(self.cash[agent] >= self.owed(agent), "NO_FUNDS")
        self.to_house(agent, self.called.pop(agent)[0])

    def do_contribute(self, time, agent, _, book, period, order, side, price, lots, flags):
        need(lots > 0, "QUANTITY_NOT_POSITIVE")
        need(self.fund.get(agent, 0) + lots < 1 << 62, "QUANTITY_TOO_LARGE")
        need(self.cash[agent] >= lots, "NO_FUNDS")
        self.fund[agent] = self.fund.get(agent, 0) + lots
        self.to_house(agent, lots)

    def do_redeem(self, time, agent, *rest):
        need(self.fund.get(agent, 0) > 0, "NO_FUNDS")
        busy = any(self.unsettled(spec, who) for spec, who in self.parcels if who == agent)
        need(agent not in self.called and not busy, "POSITION_OPEN")
        self.to_house(agent, -self.fund.pop(agent))

    def unsettled(self, spec, agent):
        parcels = self.parcels[spec, agent]
        return any((sum(lots for lots, _ in parcels), sum(lots * price for lots, price in parcels) * self.left(spec)))

    def do_retire(self, time, agent, _, book, period, order, side, price, lots, flags):
        need(lots > 0, "QUANTITY_NOT_POSITIVE")
        need(lots <= len(self.held.get(agent, [])), "NO_CERTIFICATES")
        self.use(agent, lots)

    # --- the clock

    def expire(self, time):
        self.now = time
        self.requests = {n: asked for n, asked in self.requests.items() if time < asked["until"]}
        self.offers = {n: offer for n, offer in self.offers.items() if time < offer["until"]}
        for agent in sorted(self.called):
            owed, deadline, _ = self.called[agent]
            if time < deadline:
                continue
            if self.cash[agent] >= owed:
                self.to_house(agent, self.called.pop(agent)[0])
                continue
            self.fallen[agent] = self.called.pop(agent)
            self.out.append(agent)
        for agent in self.fallen:
            for number in [n for n, asked in self.requests.items() if agent in (asked["agent"], asked["to"])]:
                self.close(number)
            self.offers = {n: o for n, o in self.offers.items() if agent not in (o["maker"], o["to"])}

    def mark(self, time, given):
        self.expire(time)
        self.mark_all(given)

    def mark_all(self, given, begins=None):
        changes, freed = {}, {}
        # What becomes something else goes first, the largest before its own parts.
        for spec in sorted(range(len(self.rules.specs)), key=lambda spec: -sum(self.rules.specs[spec].profile)):
            s = self.rules.specs[spec]
            open_ones = [a for a in range(self.rules.agents) if (spec, a) in self.parcels and self.unsettled(spec, a)]
            if s.parts and s.first == begins and open_ones:
                self.mark_one(spec, given, changes)
                for agent in open_ones:
                    self.fall_apart(spec, agent, freed)
        for spec in sorted({spec for spec, agent in self.parcels if self.unsettled(spec, agent)}):
            if self.rules.specs[spec].first >= self.period:
                self.mark_one(spec, given, changes)
        self.settle(changes, freed)
        for agent, money in freed.items():
            self.from_house(agent, money)
        self.close_out()

    def mark_one(self, spec, given, changes):
        price = self.mark_price(spec, given)
        for agent in range(self.rules.agents):
            parcels = self.parcels.get((spec, agent))
            if parcels is None:
                continue
            gain = sum(lots * (price - paid) for lots, paid in parcels) * self.left(spec)
            changes[agent] = changes.get(agent, 0) + gain
            self.parcels[spec, agent] = [[sum(lots for lots, _ in parcels), price]]
        self.trades.pop(spec, None)
        self.last_mark[spec] = price

    def fall_apart(self, spec, agent, freed):
        """A long future was bought at its mark; so are its parts, with their piece of what is locked."""
        s = self.rules.specs[spec]
        lots, price = self.lots(spec, agent), self.last_mark[spec]
        del self.parcels[spec, agent]
        if not lots:
            return
        locked = self.margin.pop((spec, agent), 0)
        sizes = [sum(self.rules.specs[part].profile) for part in s.parts]
        for part, piece in zip(s.parts, shared_out(locked, sizes), strict=True):
            held, kept = self.lots(part, agent), self.margin.get((part, agent), 0)
            self.parcels.setdefault((part, agent), []).append([lots, price])
            if part not in self.last_mark:
                self.last_mark[part] = price
            back = 0
            if held * lots < 0 and agent not in self.fallen:
                gone = min(abs(held), abs(lots))
                back = round(Fraction(kept * gone, abs(held))) + round(Fraction(piece * gone, abs(lots)))
                freed[agent] = freed.get(agent, 0) + back
            self.margin[part, agent] = kept + piece - back

    def mark_price(self, spec, given):
        if spec in given:
            return given[spec]
        if self.trades.get(spec):
            volume = sum(lots for lots, _ in self.trades[spec])
            return round(Fraction(sum(lots * price for lots, price in self.trades[spec]), volume))
        live = [o for o in self.offers.values() if o["spec"] == spec and self.now < o["until"]]
        bids = [o["price"] for o in live if o["side"] == 1]
        asks = [o["price"] for o in live if o["side"] == -1]
        if bids and asks:
            return round(Fraction(max(bids) + min(asks), 2))
        return self.last_mark[spec]

    def settle(self, changes, freed=None):
        """Losses are taken or called for before gains are paid; margin that is about to come back counts as cash."""
        behind = []
        for agent, change in sorted(changes.items()):
            if change >= 0:
                continue
            if agent in self.fallen:
                self.fallen[agent][0] -= change
                behind.append(self.fallen[agent])
                continue
            due = self.owed(agent) - change
            if self.cash[agent] + (freed or {}).get(agent, 0) >= due:
                self.called.pop(agent, None)
                self.to_house(agent, due)
            elif agent in self.called:
                self.called[agent][0] = due
                behind.append(self.called[agent])
            else:
                self.called[agent] = [due, self.now + self.rules.call_ms, {}]
                behind.append(self.called[agent])
        for agent, change in sorted(changes.items()):
            if change > 0:
                for debt in behind:
                    debt[2][agent] = debt[2].get(agent, 0) + change
                self.from_house(agent, change)

    def close_out(self):
        for agent in sorted(self.fallen):
            for spec, who in sorted(self.parcels):
                if who == agent and self.lots(spec, agent):
                    self.tear_up(spec, agent)
        for agent in sorted(self.fallen):
            owed, _, gains = self.fallen.pop(agent)
            own = sum(self.margin.pop(key) for key in list(self.margin) if key[1] == agent)
            fund = self.fund.pop(agent, 0)
            for key in [key for key in self.parcels if key[1] == agent]:
                del self.parcels[key]
            back = own + fund - owed
            if back >= fund or owed <= own:
                self.to_house(agent, -back)
                continue
            loss = owed - own - fund
            if loss <= 0:
                self.to_house(agent, loss)
                continue
            used = min(loss, self.capital)
            self.capital -= used
            loss -= used
            others = [a for a in sorted(self.fund) if a not in self.fallen]
            mutual = min(loss, sum(self.fund[a] for a in others))
            for a, part in zip(others, shared_out(mutual, [self.fund[a] for a in others]), strict=True):
                self.fund[a] -= part
            self.fund = {a: money for a, money in self.fund.items() if money}
            loss -= mutual
            gainers = sorted(gains)
            for a, part in zip(gainers, shared_out(loss, [gains[a] for a in gainers]), strict=True):
                self.to_house(a, part)

    def tear_up(self, spec, agent):
        lots = self.lots(spec, agent)
        self.parcels[spec, agent] = []
        against = [a for a in range(self.rules.agents) if self.lots(spec, a) * lots < 0]
        left = abs(lots)
        for group in ([a for a in against if a in self.fallen], [a for a in against if a not in self.fallen]):
            held = [abs(self.lots(spec, a)) for a in group]
            here = min(left, sum(held))
            left -= here
            for a, part, whole in zip(group, shared_out(here, held), held, strict=True):
                if not part:
                    continue
                sign = 1 if self.lots(spec, a) > 0 else -1
                self.parcels[spec, a] = [[sign * (whole - part), self.last_mark[spec]]]
                if a not in self.fallen:
                    freed = round(Fraction(self.margin.get((spec, a), 0) * part, whole))
                    self.margin[spec, a] = self.margin.get((spec, a), 0) - freed
                    self.from_house(a, freed)
        assert left == 0

    # --- delivery

    def deliver(self, time, period, spot, fed_in):
        """Deliver one period; bought - sold by agent [Wh]."""
        self.expire(time)
        starts = any(
            self.rules.specs[spec].first == period and self.unsettled(spec, agent) for spec, agent in self.parcels
        )
        if starts or self.fallen:
            self.mark_all({}, begins=period)
        before = self.all_collateral()
        output = [max(0, wh) for wh in fed_in]
        energy = [0] * self.rules.agents
        sold = []
        self.deliver_futures(period, spot, energy, sold)
        premium = [0] * self.rules.agents
        first, second = [], []
        for number, c in sorted(self.contracts.items()):
            s = self.rules.specs[c["spec"]]
            if not s.first <= period < s.past:
                continue
            quantity = c["quantity"] * s.wh(period)
            if s.kind == "cfd":
                self.pay(c["buyer"], c["seller"], quantity * (c["price"] - spot))
                if spot < c["price"]:
                    premium[c["seller"]] += quantity
                continue
            if s.kind == "ppa":
                quantity = int(Fraction(c["quantity"], MWH) * output[c["seller"]])
            self.pay(c["buyer"], c["seller"], quantity * c["price"])
            energy[c["buyer"]] += quantity
            energy[c["seller"]] -= quantity
            c["due"] += quantity if s.bundled else 0
            (first if s.kind == "ppa" else second).append((number, c["spec"], c["buyer"], c["seller"], quantity))
        self.replaced = self.cover_sales([*first, *second, *sold], energy, output)
        self.guarantees(period, output, premium)
        self.period += 1
        for number in [n for n, c in self.contracts.items() if self.rules.specs[c["spec"]].past == self.period]:
            del self.contracts[number]
        self.rearrange_collateral(before)
        return energy

    def deliver_futures(self, period, spot, energy, sold):
        futures = [spec for spec, s in enumerate(self.rules.specs) if s.kind in FUTURES and s.first <= period < s.past]
        held = [(spec, a) for spec in futures for a in range(self.rules.agents)]
        held = [key for key in held if key in self.parcels and self.unsettled(*key)]
        changes, freed, shares = {}, {}, {}
        for spec, agent in held:
            s, locked, still = self.rules.specs[spec], self.margin.get((spec, agent), 0), self.left(spec)
            gain = self.lots(spec, agent) * s.wh(period) * (spot - self.last_mark[spec])
            share = locked if period + 1 == s.past else round(Fraction(locked * s.wh(period), still)) if still else 0
            changes[agent] = changes.get(agent, 0) + gain
            freed[agent] = freed.get(agent, 0) + share
            shares[spec, agent] = share
        self.settle(changes, freed)
        for key, share in shares.items():
            self.margin[key] = self.margin.get(key, 0) - share
            self.from_house(key[1], share)
        for spec, agent in held:
            bought = self.lots(spec, agent) * self.rules.specs[spec].wh(period)
            if self.rules.specs[spec].kind != "future-physical":
                continue
            energy[agent] += bought
            if bought * spot > 0:
                self.to_house(agent, bought * spot)
            else:
                self.from_house(agent, -bought * spot)
            if bought < 0:
                sold.append((-1, spec, -1, agent, -bought))
        for spec, agent in list(self.parcels):
            if spec in futures and period + 1 == self.rules.specs[spec].past:
                del self.parcels[spec, agent]

    def cover_sales(self, sold, energy, output):
        """Output and purchases go to the sales in their order; (contract, spec, seller, delivered, replaced)."""
        bought = [0] * self.rules.agents
        for agent in range(self.rules.agents):
            bought[agent] = energy[agent] + sum(sale[4] for sale in sold if sale[3] == agent)
        pool = [a + b for a, b in zip(output, bought, strict=True)]
        found = []
        for number, spec, buyer, seller, quantity in sold:
            covered = min(pool[seller], quantity)
            pool[seller] -= covered
            found.append((number, spec, seller, covered, quantity - covered))
            penalty = self.rules.specs[spec].penalty * (quantity - covered)
            if penalty:
                self.pay(seller, buyer, penalty)
        return found

    def guarantees(self, period, output, premium):
        for agent, held in self.held.items():
            old = [one for one in held if one[0] + self.rules.life <= period]
            self.used += [serial for _, serial in old]
            self.held[agent] = [one for one in held if one not in old]
        for agent in sorted(self.rules.renewable):
            whole, self.rest_wh[agent] = divmod(
                self.rest_wh.get(agent, 0) + max(0, output[agent] - premium[agent]), MWH
            )
            self.held.setdefault(agent, []).extend((period, self.serial + k) for k in range(whole))
            self.serial += whole
        for _, c in sorted(self.contracts.items()):
            held = sorted(self.held.get(c["seller"], []))
            moved = held[: c["due"] // MWH]
            c["due"] -= len(moved) * MWH
            self.held[c["seller"]] = held[len(moved) :]
            self.held[c["buyer"]] = sorted(self.held.get(c["buyer"], []) + moved)

    def use(self, agent, count):
        held = sorted(self.held.get(agent, []))
        self.used += [serial for _, serial in held[:count]]
        self.held[agent] = held[count:]
        self.used_since[agent] = self.used_since.get(agent, 0) + min(count, len(held))

    def comply(self, time, agent, date, sales, quota_ppm, price):
        if (date, agent) in self.done:
            return "ALREADY_COMPLIED"
        self.now = time
        self.done.append((date, agent))
        exact = Fraction(quota_ppm * sales, 1_000_000)
        needed = -int(-exact // 1)
        while self.used_since.get(agent, 0) * MWH < needed and self.held.get(agent):
            self.use(agent, 1)
        short = max(0, needed - self.used_since.pop(agent, 0) * MWH)
        self.cash[agent] -= short * price
        self.treasury += short * price
        return "OK"

"""Utilities and producers among themselves: the day-ahead market, what plants give, and the contract desk.

Owns the spot price, what each group has bought there, the customers that utilities stand for, and the desk's books; its
plants (`wattbook.market.generation`) and waiting orders (`wattbook.market.orders_ahead`) keep to themselves.
Knows nobody's reasons and no clock: it carries out commands, and settlement asks it what a period came to. Rules in
prose: docs/wholesale.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.book import call_auction
from wattbook.contracts import Desk, Event, Kind, Verb
from wattbook.contracts.words import WH_PER_CERTIFICATE
from wattbook.market.day_ahead import Session, clear
from wattbook.market.gateway import Gateway
from wattbook.market.generation import Generation
from wattbook.market.orders_ahead import OrdersAhead
from wattbook.market.retail import Retail
from wattbook.messages import BUY, SELL, Action, Cause, Command, House, Refusal
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from wattbook.contracts import Row
    from wattbook.market.market import Market

    Ints = NDArray[np.int64]

_MILLION: Final = 1_000_000
_DESK_CODES: Final = 200
"""The desk's own refusals are journalled as this and their number."""
_DESK_TRANSFERS: Final = 1 << 62
"""Transfers of the desk have ids of their own from here on."""
_CAUSES: Final = 32
_OF_ENERGY: Final = (Cause.DELIVERY, Cause.VARIATION, Cause.PREMIUM, Cause.PENALTY)
"""Causes of the desk that are a part of what energy costs; margin comes back."""
_MARKED: Final = (Event.MARKED_BY_TRADES, Event.MARKED_BY_QUOTES, Event.MARKED_STALE, Event.MARKED_AS_GIVEN)


class Group(NamedTuple):
    """What a balance group has to do with the outside in one period.

    Attributes
    ----------
    contracted_wh, spot_wh : int
        Bought - sold by contracts that deliver, and at spot.
    served_wh : int
        What the customers drew that a utility stands for.
    output_wh : int
        What its plants gave.
    """

    contracted_wh: int = 0
    spot_wh: int = 0
    served_wh: int = 0
    output_wh: int = 0


class Wholesale:
    """The wholesale market of one street.

    Parameters
    ----------
    market : Market
        Whose journal, ledger and street these are.

    Attributes
    ----------
    groups : (g,) int64
        Utilities and producers (agents), ascending; `place` tells each one's row in what is kept of groups.
    spot_tick, short_tick, long_tick : (p,) int64
        Prices; those of periods that were not cleared yet are the outside's.
    cleared : int
        Periods whose day-ahead market has cleared: 0 to before it.
    """

    def __init__(self, market: Market) -> None:
        street = market.street
        assert street.wholesale is not None
        self.market, self.street, self.rules = market, street, street.wholesale
        rules = self.rules
        p = street.periods
        self.utilities = np.flatnonzero(np.array([kind == "utility" for kind in street.kinds]))
        self.groups = np.sort(np.concatenate((self.utilities, rules.producers)))
        self.place = {agent: place for place, agent in enumerate(self.groups.tolist())}
        g = len(self.groups)
        self.spot_tick, self.short_tick, self.long_tick = (
            column.copy() for column in (street.spot_tick, street.short_tick, street.long_tick)
        )
        self.cleared = 0
        self.cap_tick = rules.cap_tick
        """Highest price of day-ahead orders; a collar moves it."""
        self.spot_wh = np.zeros((g, p), np.int64)
        self.contracted_wh = np.zeros((g, p), np.int64)
        self.served_wh = np.zeros((g, p), np.int64)
        self.output_wh = np.zeros((g, p), np.int64)
        self.paid = np.zeros(g, np.int64)
        """What each group has paid for its energy so far, imbalance and contracts included [1e-8 EUR]."""
        self.drawn_wh = np.zeros(g, np.int64)
        """What each has drawn, net, so far."""
        self.fuel = np.zeros(g, np.int64)
        """What the period's fuel costs [1e-8 EUR]."""
        self.sold_wh = np.zeros(g, np.int64)
        """Own sales to end customers since quotas were settled last."""
        self.customers = rules.customers.copy()
        self.carry = np.zeros(len(rules.standing), np.int64)
        """Of the customers' energy what is below 1 Wh [uWh], carried on."""
        self.generation = Generation(street)
        self.orders = OrdersAhead(street, self.generation)
        self.gateway = Gateway(self) if street.has_gateway else None
        self.desk = None if rules.desk is None else Desk(rules.desk)
        self.desk_transfers = 0
        self.marks: list[tuple[int, int, int]] = []
        """Spec, spot price and mark of each mark so far [ticks]."""
        self.plants = np.array([self.place[agent] for agent in rules.producers.tolist()], np.int64)
        """Places of the producers among the groups."""
        self.retail = None if rules.retail is None else Retail(self)
        self.doors: dict[int, Callable[[int, Command], int]] = {
            Action.OFFER: self._order,
            Action.INVEST: self._invest,
            Action.TARIFF: self._tariff,
            Action.SWITCH: self._switch,
        }
        self.connected = frozenset(rules.reaches) | {(other, one) for one, other in rules.reaches}

    # --- what agents ask for

    def knows(self, agent: int, action: int) -> bool:
        """Tell whether a command is said here: by a utility or a producer; to all others one word alone is known."""
        if action == Action.SWITCH:
            return 0 <= agent < self.street.agents
        return agent in self.place and (action in self.doors or action >= Action.REQUEST)

    def carry_out(self, seq: int, command: Command) -> int:
        """Carry out a command that is known; 0 or the reason why it is refused."""
        town = self.market.town
        if town.quarantined[command.agent]:
            return int(Refusal.QUARANTINED)
        if command.time_ms < town.suspended_ms[command.agent]:
            return int(Refusal.SUSPENDED)
        door = self.doors.get(command.action)
        return door(seq, command) if door is not None else self._say(seq, command)

    def _order(self, seq: int, command: Command) -> int:  # noqa: ARG002 - the doors have one form
        enforcement = self.market.enforcement
        counted = command if enforcement is None else enforcement.mitigated(command)
        return self.orders.take(counted, self.cleared, self.due_wh, self.cap_tick)

    def due_wh(self, period: int) -> dict[int, int]:
        """Energy that each agent has bought - sold by contracts of a fixed amount [Wh]."""
        return {} if self.desk is None else self.desk.due_wh(period)

    def _invest(self, seq: int, command: Command) -> int:
        plant = self.generation.plant_of.get(command.agent)
        if plant is None:
            return int(Refusal.NO_PLANT)
        at_once = self.generation.price_at_once(plant, command.quantity_wh)
        if at_once > max(0, self.market.ledger.available(command.agent)):
            return int(Refusal.NO_FUNDS)
        if not self.generation.invest(plant, command.quantity_wh, command.time_ms):
            return int(Refusal.NO_UPGRADE)
        self._pay_for_upgrades(seq, command.time_ms)
        return 0

    def _tariff(self, seq: int, command: Command) -> int:
        return int(Refusal.NO_TARIFF) if self.retail is None else self.retail.set_tariff(seq, command)

    def _switch(self, seq: int, command: Command) -> int:
        moves = None if self.retail is None else self.retail.moves
        return int(Refusal.NO_SWITCH) if moves is None else moves.switch(seq, command)

    def _say(self, seq: int, command: Command) -> int:
        """Say something at the desk."""
        if self.desk is None:
            return int(Refusal.NOT_IN_WHOLESALE)
        other = self._counterparty(self.desk, command)
        if other not in (None, command.agent) and (command.agent, other) not in self.connected:
            return int(Refusal.NOT_CONNECTED)
        answer = self.desk.apply(command, self.market.ledger.available)
        if answer.code:
            return _DESK_CODES + int(answer.code)
        self._write_down(seq, command.time_ms, answer.rows, answer.legs)
        return 0

    @staticmethod
    def _counterparty(desk: Desk, command: Command) -> int | None:
        """Tell with whom a command would deal; None where nobody is meant, or nobody lives there."""
        if command.action == Verb.REQUEST:
            return command.order - 1 if 0 < command.order <= desk.terms.agents else None
        if command.action == Verb.QUOTE:
            request = desk.board.requests.get(command.order)
            return None if request is None else request.agent
        if command.action in (Verb.COUNTER, Verb.ACCEPT, Verb.TAKE):
            offer = desk.board.offers.get(command.order)
            return None if offer is None else offer.maker
        return None

    def shut_out(self, seq: int, now_ms: int, agent: int) -> None:
        """End all that an agent has asked for and offered, because its mind failed; what it signed stands."""
        if agent not in self.place:
            return
        self.orders.keep([order for order in self.orders.waiting if order.agent != agent])
        if self.desk is not None:
            answer = self.desk.close(now_ms, agent, self.market.ledger.available)
            self._write_down(seq, now_ms, answer.rows, answer.legs)

    # --- what fixed processes ask for

    def clear_day(self, seq: int, command: Command) -> int:
        """Clear `command.quantity_wh` periods from `command.period` on."""
        first, count = command.period, command.quantity_wh
        assert first == self.cleared, "the day-ahead market clears every period once, in order"
        rules, span = self.rules, slice(first, first + count)
        session = Session.of(self.orders.waiting, first, count)
        outcome = clear(
            session, self.street.spot_tick[span], auction=rules.auction, band=(rules.floor_tick, self.cap_tick),
            link=(rules.link_wh, rules.link_tick),
        )  # fmt: skip
        self.orders.keep([order for order in self.orders.waiting if order.period >= first + count])
        self.cleared = first + count
        for agent, bought_wh in outcome.bought_wh.items():
            self.spot_wh[self.place[agent], span] = bought_wh
        self.spot_tick[span] = outcome.price_tick
        if rules.imbalance_ppm >= 0:
            for period in range(first, first + count):
                price = int(self.spot_tick[period])
                spread = half_even(abs(price) * rules.imbalance_ppm, PPM)
                self.short_tick[period], self.long_tick[period] = price + spread, price - spread
        self.market.journal.extend(
            "spot",
            {
                "command": np.full(count, seq),
                "period": np.arange(first, first + count),
                "price_tick": outcome.price_tick,
                "offered_wh": session.total_wh(SELL),
                "wanted_wh": session.total_wh(BUY),
                "sold_wh": outcome.sold_wh,
                "bought_wh": outcome.total_bought_wh,
                "imported_wh": outcome.total_bought_wh - outcome.sold_wh,
            },
        )
        return 0

    def choose(self, seq: int, command: Command) -> int:
        """Let customers think about leaving."""
        assert self.retail is not None
        self.retail.choose(seq, command)
        return 0

    def mark(self, seq: int, command: Command) -> int:
        """Mark the desk's futures."""
        assert self.desk is not None
        answer = self.desk.mark(command.time_ms, self.market.ledger.available)
        self._write_down(seq, command.time_ms, answer.rows, answer.legs)
        street = self.street
        now = min((command.time_ms - street.start_ms) // street.period_ms, street.periods - 1)
        marked = [row for row in answer.rows if row.event in _MARKED]
        self.marks += [(row.spec, int(self.spot_tick[now]), row.price_tick) for row in marked]
        return 0

    def comply(self, seq: int, command: Command) -> int:
        """Settle every utility's renewable quota on what it has sold since the last time."""
        assert self.desk is not None
        if self.rules.auctions_guarantees:
            self._auction_guarantees(seq, command.time_ms)
        for agent in self.utilities.tolist():
            quota = self.rules.quota_ppm[agent]
            if not quota:
                continue
            answer = self.desk.comply(
                command.time_ms, agent, command.order, int(self.sold_wh[self.place[agent]]), quota,
                self.rules.buy_out_tick,
            )  # fmt: skip
            self._write_down(seq, command.time_ms, answer.rows, answer.legs)
            self.sold_wh[self.place[agent]] = 0
        return 0

    def quota_met_ppm(self, agent: int) -> int:
        """Give the share of a utility's sales since the last compliance that its guarantees cover, at most all."""
        sold_wh = int(self.sold_wh[self.place[agent]])
        if self.desk is None or sold_wh <= 0:
            return 0
        certificates = self.desk.certificates
        missing_wh = certificates.missing_wh(agent, sold_wh, PPM) - certificates.held(agent) * WH_PER_CERTIFICATE
        return PPM - min(max(missing_wh, 0) * PPM // sold_wh, PPM)

    def _auction_guarantees(self, seq: int, now_ms: int) -> None:
        """Sell guarantees that nobody needs by himself to those who lack them, at one price, at most the buy-out's.

        Whoever has some to spare asks for nothing, as they are worth nothing to it; whoever lacks some would pay what
        buying out costs: for the last one, of which a part is lacking, that part of it.
        """
        assert self.desk is not None
        certificates, buy_out_tick = self.desk.certificates, self.rules.buy_out_tick
        orders: list[tuple[int, int, int, int, int]] = []
        for agent in self.groups.tolist():
            quota, sold_wh = self.rules.quota_ppm[agent], int(self.sold_wh[self.place[agent]])
            held = certificates.held(agent)
            lacking, part_wh = divmod(
                max(0, certificates.missing_wh(agent, sold_wh, quota) - held * WH_PER_CERTIFICATE), WH_PER_CERTIFICATE
            )
            spare = max(0, held - certificates.missing(agent, sold_wh, quota))
            part_tick = part_wh * buy_out_tick // WH_PER_CERTIFICATE
            for side, price_tick, count in (
                (BUY, buy_out_tick, lacking), (BUY, part_tick, int(part_wh > 0)), (SELL, 0, spare)
            ):  # fmt: skip
                if count:
                    orders.append((len(orders), agent, side, price_tick, count))
        clearing = call_auction(np.array(orders, np.int64).reshape(-1, 5))
        for _, _, maker, taker, price_tick, count in clearing.fills.tolist():
            buyer, seller = sorted((orders[maker], orders[taker]), key=lambda order: -order[2])
            answer = self.desk.hand_over(now_ms, seller[1], buyer[1], count, price_tick)
            assert not answer.code, "E6: a guarantee that was sold is not there"
            self._write_down(seq, now_ms, answer.rows, answer.legs)

    # --- delivery and settlement

    def deliver(self, seq: int, period: int) -> None:
        """Let plants run for a period that is over, and read the customers' meters."""
        self._run_plants(seq, period, self.due_wh(period))
        standing, elastic = self.rules.standing, self.rules.elastic
        energy_wh, self.carry[:] = np.divmod(self.customers * self.rules.million_wh[:, period] + self.carry, _MILLION)
        bought = [max(0, int(self.spot_wh[self.place[agent], period])) for agent in elastic]
        agents = np.array([*standing.tolist(), *elastic], np.int64)
        served_wh = np.array([*energy_wh.tolist(), *bought], np.int64)
        for agent, each in zip(agents.tolist(), served_wh.tolist(), strict=True):
            self.served_wh[self.place[agent], period] = each
        if agents.size:
            self.market.journal.extend(
                "served",
                {
                    "command": np.full(agents.size, seq),
                    "period": np.full(agents.size, period),
                    "agent": agents,
                    "customers": np.array([*self.customers.tolist(), *(0 for _ in elastic)], np.int64),
                    "energy_wh": served_wh,
                },
            )

    def _run_plants(self, seq: int, period: int, due: dict[int, int]) -> None:
        producers = self.rules.producers
        if not len(producers):
            return
        sold_wh = [
            -int(self.spot_wh[self.place[each], period]) - due.get(each, 0) - self.local_wh(each, period)
            for each in producers.tolist()
        ]
        shared_ppm = [self.shared_ppm(each, period) for each in producers.tolist()]
        starts_ms = self.street.start_ms + period * self.street.period_ms
        marginal_tick = [self.marginal_tick(plant, starts_ms) for plant in range(len(producers))]
        given = self.generation.run(period, int(self.spot_tick[period]), sold_wh, shared_ppm, marginal_tick)
        self.output_wh[self.plants, period], self.fuel[self.plants] = given.output_wh, given.fuel
        count = len(producers)
        self.market.journal.extend(
            "supply",
            {"command": np.full(count, seq), "period": np.full(count, period), "agent": producers, **given._asdict()},
        )

    def shared_ppm(self, agent: int, period: int) -> int:
        """Give the share of its output in `period` that an agent has sold as produced [ppm]."""
        return sum(share for seller, _, share in self.shares(period) if seller == agent)

    def shares(self, period: int) -> list[tuple[int, int, int]]:
        """Seller, buyer and share of output [ppm] of each contract that is paid as produced in `period`."""
        if self.desk is None:
            return []
        specs = self.desk.terms.specs
        return [
            (contract.seller, contract.buyer, contract.quantity)
            for contract in self.desk.bilateral.contracts.values()
            if specs[contract.spec].kind == Kind.PPA and specs[contract.spec].covers(period)
        ]

    def settle(self, seq: int, command: Command, residual_of: Sequence[int], supported_wh: Ints | None = None) -> None:
        """Settle contracts, the customers stood for, and fuel of a delivered period.

        Parameters
        ----------
        residual_of : sequence of int, (a,)
            What the homes of each utility drew, net [Wh].
        supported_wh : (a,) int64, optional
            Energy for which the regulator pays: it earns no guarantee.
        """
        market, p = self.market, command.period
        upstream = market.account(House.UPSTREAM)
        if self.desk is not None:
            delivery = self.desk.deliver(
                command.time_ms,
                p,
                int(self.spot_tick[p]),
                lambda agent: self._fed_in_wh(agent, p, residual_of),
                market.ledger.available,
                None if supported_wh is None else lambda agent: int(supported_wh[agent]),
            )
            for agent, energy_wh in delivery.energy:
                self.contracted_wh[self.place[agent], p] = energy_wh
            self._write_down(seq, command.time_ms, delivery.rows, delivery.legs)
        for agent in self.utilities.tolist():
            served_wh = int(self.served_wh[self.place[agent], p])
            paid = served_wh * int(self.street.retail_tick[agent, p])
            accounts = np.array([agent, upstream])
            zone = self.street.agents + agent
            market.settlement.post(seq, command.time_ms, p, Cause.RETAIL, zone, accounts, np.array([paid, -paid]))
            self.sold_wh[self.place[agent]] += served_wh + max(0, residual_of[agent])
        burning = np.flatnonzero(self.fuel)
        if burning.size:
            amounts = np.append(-self.fuel[burning], int(self.fuel[burning].sum()))
            accounts = np.append(self.groups[burning], upstream)
            market.settlement.post(seq, command.time_ms, p, Cause.FUEL, 0, accounts, amounts)
        self._pay_for_upgrades(seq, command.time_ms)

    def _fed_in_wh(self, agent: int, period: int, residual_of: Sequence[int]) -> int:
        """Give what the meter of a group fed in, net [Wh]."""
        group = self.group(agent, period)
        return group.output_wh - group.served_wh - residual_of[agent]

    def group(self, agent: int, period: int) -> Group:
        """Tell what a group has to do with the outside in a settled period."""
        place = self.place[agent]
        kept = (self.contracted_wh, self.spot_wh, self.served_wh, self.output_wh)
        return Group(*(int(each[place, period]) for each in kept))

    def local_wh(self, agent: int, period: int) -> int:
        """Give what a group has bought - sold by the gateway [Wh]."""
        return 0 if self.gateway is None else self.gateway.position_wh(agent, period)

    def note(self, agent: int, metered_wh: int, cost: int) -> None:
        """Note what a group drew in a period, and what it paid at spot, by the gateway and for imbalance."""
        place = self.place[agent]
        self.paid[place] += cost
        self.drawn_wh[place] += metered_wh

    def _pay_for_upgrades(self, seq: int, now_ms: int) -> None:
        producers, due = self.generation.due(now_ms)
        if len(producers):
            accounts = np.append(producers, self.market.account(House.UPSTREAM))
            self.post(seq, now_ms, Cause.INVESTMENT, accounts, np.append(-due, int(due.sum())))

    # --- writing down

    def _write_down(self, seq: int, now_ms: int, rows: Sequence[Row], legs: Sequence[Any]) -> None:
        """Post what the desk answered, and write down what happened there."""
        if rows:
            columns = np.array(rows, np.int64).T
            names = ("contract", "event", "time_ms", "buyer", "seller", "spec", "price_tick", "quantity_wh", "amount")
            self.market.journal.extend(
                "contracts", {"command": np.full(len(rows), seq), **dict(zip(names, columns, strict=True))}
            )
        for cause in sorted({leg.cause for leg in legs}):
            mine = [leg for leg in legs if leg.cause == cause]
            accounts = np.array([leg.account for leg in mine])
            if cause in _OF_ENERGY:
                for leg in mine:
                    if leg.account in self.place:
                        self.paid[self.place[leg.account]] -= leg.amount
            self.post(seq, now_ms, Cause(cause), accounts, np.array([leg.amount for leg in mine], np.int64))

    def post(self, seq: int, now_ms: int, cause: Cause, accounts: Ints, amounts: Ints) -> None:
        """Post a transfer that belongs to no period; its row tells the period in which it was made."""
        street = self.street
        period = min(max((now_ms - 1 - street.start_ms) // street.period_ms, 0), street.periods - 1)
        number = _DESK_TRANSFERS + self.desk_transfers * _CAUSES + int(cause)
        self.desk_transfers += 1
        self.market.settlement.post(seq, now_ms, period, cause, 0, accounts, amounts, number)

    # --- looking

    def marginal_tick(self, plant: int, at_ms: int) -> int:
        """Give what a MWh of a plant costs its owner in a period that begins then: fuel, carbon, less premiums."""
        incentives = self.market.incentives
        return int(self.rules.plants.marginal_tick[plant]) + (
            0 if incentives is None else incentives.marginal_tick(plant, at_ms)
        )

    def expected_served_wh(self, agent: int, first: int, end: int) -> Ints:
        """Give what those will draw that a utility stands for now, in the periods `first` to before `end` (n,) [Wh]."""
        total = np.zeros(end - first, np.int64)
        for row in np.flatnonzero(self.rules.standing == agent).tolist():
            total += int(self.customers[row]) * self.rules.million_wh[row, first:end] // _MILLION
        return total

    # --- saving

    def export(self) -> dict[str, NDArray[Any]]:
        """Copy the whole state as named arrays."""
        arrays = {f"wholesale.{name}": getattr(self, name) for name in _COLUMNS}
        arrays |= {f"wholesale.plants.{name}": column for name, column in self.generation.export().items()}
        if self.retail is not None:
            arrays |= {f"wholesale.{name}": column for name, column in self.retail.export().items()}
        arrays["wholesale.orders"] = self.orders.export()
        arrays["wholesale.marks"] = np.array(self.marks, np.int64).reshape(-1, 3)
        arrays["wholesale.counts"] = np.array([self.cleared, self.desk_transfers, self.cap_tick])
        if self.desk is not None:
            arrays["wholesale.desk"] = np.frombuffer(self.desk.export(), np.uint8)
        return {name: column.copy() for name, column in arrays.items()}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take on a state that `export` gave."""
        for name in _COLUMNS:
            getattr(self, name)[...] = arrays[f"wholesale.{name}"]
        self.generation.restore({name: arrays[f"wholesale.plants.{name}"] for name in self.generation.export()})
        if self.retail is not None:
            self.retail.restore({name: arrays[f"wholesale.{name}"] for name in self.retail.export()})
        self.orders.restore(arrays["wholesale.orders"])
        self.marks = [(spec, spot, mark) for spec, spot, mark in arrays["wholesale.marks"].tolist()]
        self.cleared, self.desk_transfers, self.cap_tick = arrays["wholesale.counts"].tolist()
        if self.desk is not None:
            self.desk = Desk.restore(arrays["wholesale.desk"].tobytes())

    def check(self) -> None:
        """Assert all that must always hold."""
        self.generation.check()
        assert not self.contracted_wh.sum(axis=0).any(), "C1: energy contracted is bought and sold"
        assert (self.output_wh >= 0).all(), "S5: negative output"
        if self.retail is not None:
            self.retail.check()
        if self.desk is not None:
            self.desk.check()


_COLUMNS: Final = (
    "spot_tick", "short_tick", "long_tick", "spot_wh", "contracted_wh", "served_wh", "output_wh", "fuel", "sold_wh",
    "customers", "carry", "paid", "drawn_wh",
)  # fmt: skip

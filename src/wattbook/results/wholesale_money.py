"""Money between utilities, producers, the clearing house and the outside: the identities, from the record alone.

Owns the second computation of what was due at wholesale. Knows no policy and no reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.contracts import Event, Kind
from wattbook.messages import CONTRACTS, POSITIONS, SERVED, SPOT, SUPPLY, Action, Cause, House
from wattbook.results.suppliers import moves_error
from wattbook.results.wholesale_energy import NOBODY, by_group, picked, spec_kinds
from wattbook.units import PPM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.results.record import Columns, Ints, Record

DESK_CAUSES: Final = (
    Cause.MARGIN, Cause.VARIATION, Cause.DELIVERY, Cause.COLLATERAL, Cause.FUND, Cause.PREMIUM, Cause.PENALTY,
)  # fmt: skip
"""Causes of what passes between parties of contracts and the clearing house; BUY_OUT goes to the treasury."""
_BY_PERIOD: Final = (Cause.SPOT, Cause.IMBALANCE, Cause.FUEL, Cause.RETAIL)
_LAYERS: Final = (
    Event.LOSS_TO_MARGIN, Event.LOSS_TO_OWN_FUND, Event.LOSS_TO_CAPITAL, Event.LOSS_TO_MUTUAL_FUND,
    Event.LOSS_TO_GAINS,
)  # fmt: skip


class Payments:
    """What was posted at wholesale, block after block; then how far it is from what was due.

    Parameters
    ----------
    record : Record
        With a wholesale market.
    """

    def __init__(self, record: Record) -> None:
        assert record.wholesale is not None
        self._record, self._market = record, record.wholesale
        place = record.place
        self._row = np.full(len(Cause), -1, np.int64)
        self._row[list(_BY_PERIOD)] = np.arange(len(_BY_PERIOD))
        self._posted = np.zeros((len(_BY_PERIOD), len(self._market.groups), place.periods), np.int64)
        self._by_cause = np.zeros((len(place.accounts), len(Cause)), np.int64)
        # A home's payment to its utility counts with the utility: together they cancel.
        self._of_supplier = np.append(self._market.group_of[place.supplier], -1)
        self._group = np.full(len(place.accounts), -1, np.int64)
        self._group[: place.agents] = np.where(place.homes, self._of_supplier[place.utility], self._market.group_of)
        self._is_home = np.append(place.homes, np.zeros(len(place.accounts) - place.agents, np.bool_))
        self._is_group = np.zeros(len(place.accounts), np.bool_)
        self._is_group[self._market.groups] = True

    def add(self, rows: Columns) -> None:
        """Take the next postings."""
        account, cause, amount = rows["account"], rows["cause"], rows["amount"]
        np.add.at(self._by_cause, (account, cause), amount)
        mine = (self._row[cause] >= 0) & (self._group[account] >= 0) & (rows["period"] >= 0)
        mine &= self._is_group[account] | (cause == Cause.RETAIL)
        group = self._groups(account[mine], rows["period"][mine])
        np.add.at(self._posted, (self._row[cause[mine]], group, rows["period"][mine]), amount[mine])

    def _groups(self, account: NDArray[Any], period: NDArray[Any]) -> Ints:
        """Group (n,) with which each posting counts: a home's with that of its utility in the period."""
        group: Ints = self._group[account]
        if self._record.place.supplied is not None:
            homes = np.flatnonzero(self._is_home[account])
            group[homes] = self._of_supplier[self._record.place.utility_at(account[homes], period[homes])]
        return group

    def errors(self, residual_wh: Ints) -> dict[str, int]:
        """Sum the absolute errors [1e-8 EUR] of the identities that a wholesale market adds.

        ``spot``
            Each group pays for what it bought at spot at the price of the day-ahead market, and for its deviation at
            the imbalance price.
        ``fuel``
            A plant's output x its marginal cost.
        ``served``
            Those whom a utility stands for pay its retail tariff.
        ``contracts`` (M5, C2)
            Each agent's money with the desk follows from the contracts' rows; each cause sums to zero; the clearing
            house has its capital and what it keeps for others.
        ``variation`` (C4)
            What each mark, and each settlement of a future's period, moves sums to zero; long futures become others at
            their marks, worth as much to each who holds one.
        ``margins`` (C3)
            Locked = released + held; nothing is held when all of an agent's futures are over.
        ``quota`` (C12)
            Covered + bought out = the quota of own sales, once a date; what is bought out is paid for.
        ``moves``
            Where members choose: each move is from the utility that the member has, when its term is over; exit fees
            are those of the tariffs, and paid.

        Parameters
        ----------
        residual_wh : (u, p) int64
            What each supplier's homes drew, net [Wh].
        """
        fees = self._by_cause[:, Cause.EXIT_FEE]
        return {
            "spot": self._spot_error(),
            "fuel": self._fuel_error(),
            "served": self._served_error(),
            "contracts": self._contracts_error(),
            "variation": self._variation_error(),
            "margins": self._margins_error(),
            "quota": self._quota_error(residual_wh),
            **({"moves": moves_error(self._record, fees)} if self._market.has_members else {}),
        }

    def _told(self, cause: Cause) -> Ints:
        told: Ints = self._posted[self._row[cause]]
        return told

    def _spot_error(self) -> int:
        record = self._record
        spot, groups, price = record.rows(SPOT), record.streams["groups"], np.zeros(record.place.periods, np.int64)
        price[spot["period"]] = spot["price_tick"]
        bought = by_group(record, POSITIONS, "spot_wh")
        error = np.abs(self._told(Cause.SPOT) + bought * price).sum()
        due = np.zeros_like(bought)
        at = self._market.group_of[groups["utility"]], groups["period"]
        np.add.at(due, at, groups["deviation_wh"] * groups["imbalance_tick"])
        error += np.abs(self._told(Cause.IMBALANCE) + due).sum()
        return int(error + np.abs(groups["spot_tick"] - price[groups["period"]]).sum())

    def _fuel_error(self) -> int:
        rows = self._record.rows(SUPPLY)
        tick = np.append(self._market.marginal_tick, 0)[self._market.plant_of[rows["agent"]]]
        due = np.zeros_like(self._told(Cause.FUEL))
        np.add.at(due, (self._market.group_of[rows["agent"]], rows["period"]), rows["output_wh"] * tick)
        told = np.abs(rows["fuel"] - rows["output_wh"] * tick).sum()
        return int(told + np.abs(self._told(Cause.FUEL) + due).sum())

    def _served_error(self) -> int:
        place = self._record.place
        tick = np.zeros((len(self._market.groups), place.periods), np.int64)
        tick[self._market.group_of[place.supplier]] = place.retail_tick
        due = by_group(self._record, SERVED, "energy_wh") * tick
        return int(np.abs(self._told(Cause.RETAIL) - due).sum())

    # --- the desk

    def _variation_error(self) -> int:
        rows = self._record.rows(CONTRACTS)
        error = 0
        for event in (Event.VARIATION, Event.SETTLED):
            mine = picked(rows, event)
            _, step = np.unique(np.stack([rows["command"][mine], rows["spec"][mine]]), axis=1, return_inverse=True)
            total = np.zeros(int(step.max(initial=-1)) + 1, np.int64)
            np.add.at(total, step.reshape(-1), rows["amount"][mine])
            error += int(np.abs(total).sum())
        return error + self._cascade_error()

    def _cascade_error(self) -> int:
        """Sum how far what long futures become is from their worth, and that from their marks."""
        rows, agents = self._record.rows(CONTRACTS), self._record.place.agents
        gone, mine = picked(rows, Event.CASCADED), picked(rows, Event.CASCADED, Event.CASCADED_INTO)
        agent = np.where(rows["buyer"] != NOBODY, rows["buyer"], rows["seller"])[mine]
        worth = np.where(gone, -1, 1)[mine] * (rows["quantity_wh"] * rows["price_tick"])[mine]
        _, step = np.unique(rows["command"][mine] * agents + agent, return_inverse=True)
        total = np.zeros(int(step.max(initial=-1)) + 1, np.int64)
        np.add.at(total, step, worth)
        marked = picked(rows, Event.MARKED_BY_TRADES, Event.MARKED_BY_QUOTES, Event.MARKED_STALE)
        names = ("command", "spec", "price_tick")
        marks = set(zip(*(rows[name][marked].tolist() for name in names), strict=True))
        told = zip(*(rows[name][gone].tolist() for name in names), strict=True)
        return int(np.abs(total).sum()) + sum(each not in marks for each in told)

    def _sum(self, event: Event, side: str = "buyer") -> Ints:
        """Sum amounts by agent (a,) of an event's rows."""
        rows, total = self._record.rows(CONTRACTS), np.zeros(self._record.place.agents, np.int64)
        mine = picked(rows, event) & (rows[side] != NOBODY)
        np.add.at(total, rows[side][mine], rows["amount"][mine])
        return total

    def _party_sum(self, event: Event) -> Ints:
        return self._sum(event) + self._sum(event, "seller")

    def _between(self, event: Event) -> Ints:
        """Sum what buyers get of an event and sellers pay (a,)."""
        return self._sum(event) - self._sum(event, "seller")

    def _held(self) -> Ints:
        return self._sum(Event.MARGIN_LOCKED) - self._sum(Event.MARGIN_RELEASED)

    def _ended(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Who has defaulted, and of them whose loss was borne already, (a,) each."""
        rows, agents = self._record.rows(CONTRACTS), self._record.place.agents
        defaulted, borne = np.zeros((2, agents), np.bool_)
        defaulted[rows["buyer"][picked(rows, Event.DEFAULTED)]] = True
        own = picked(rows, Event.CLOSED_OUT)
        for events, side in ((_LAYERS[:3], "buyer"), (_LAYERS[3:], "seller")):
            agent = rows[side][picked(rows, *events) | own]
            borne[agent[agent != NOBODY]] = True
        return defaulted, borne & defaulted

    def _energy(self) -> Ints:
        """Sum what energy by contracts costs (-) or brings (+) each agent (a,)."""
        rows, total = self._record.rows(CONTRACTS), np.zeros(self._record.place.agents, np.int64)
        future = picked(rows, Event.SETTLED) & (spec_kinds(self._record, rows) == Kind.FUTURE_PHYSICAL)
        value = rows["quantity_wh"] * rows["price_tick"]
        bilateral = picked(rows, Event.DELIVERED, Event.REPLACED) & (rows["contract"] >= 0)
        for side, sign in (("buyer", -1), ("seller", 1)):
            mine = (future | bilateral) & (rows[side] != NOBODY)
            np.add.at(total, rows[side][mine], sign * value[mine])
        return total

    def _mispriced(self) -> int:
        """Sum how far what deliveries are said to cost is from energy x price."""
        rows = self._record.rows(CONTRACTS)
        mine = picked(rows, Event.DELIVERED, Event.REPLACED) & (rows["contract"] >= 0)
        return int(np.abs(rows["amount"] + rows["quantity_wh"] * rows["price_tick"])[mine].sum())

    def _owed(self) -> tuple[Ints, int]:
        """Tell what each agent (a,) has been called for and not paid, and how far calls are from losses.

        A call is for what was owed before and what the mark, or the settlement, has lost.
        """
        rows, owed, error = self._record.rows(CONTRACTS), np.zeros(self._record.place.agents, np.int64), 0
        step = _steps(rows)
        lost = self._lost_at(rows, step)
        mine = picked(rows, Event.CALLED, Event.CALL_PAID)
        columns = (*(rows[name][mine].tolist() for name in _CALLS), step[mine].tolist())
        for event, agent, amount, at in zip(*columns, strict=True):
            if event == Event.CALLED:
                error += abs(amount - int(owed[agent]) - lost.get((at, agent), 0))
                owed[agent] = amount
            else:
                owed[agent] -= amount
                error += max(0, -int(owed[agent]))
        return owed, error

    @staticmethod
    def _lost_at(rows: Columns, step: Ints) -> dict[tuple[int, int], int]:
        """Sum what each agent lost at each mark and settlement, by step (n,) and agent."""
        mine = picked(rows, Event.VARIATION, Event.SETTLED)
        agent = np.where(rows["buyer"] != NOBODY, rows["buyer"], rows["seller"])[mine]
        lost: dict[tuple[int, int], int] = {}
        for at, who, amount in zip(step[mine].tolist(), agent.tolist(), rows["amount"][mine].tolist(), strict=True):
            lost[at, who] = lost.get((at, who), 0) - amount
        return lost

    def _contracts_error(self) -> int:
        market, record = self._market, self._record
        error = int(np.abs(self._by_cause[:, DESK_CAUSES].sum(axis=0)).sum())
        if not market.has_desk:
            return error + int(np.abs(self._by_cause[:, DESK_CAUSES]).sum())
        agents = record.place.agents
        told = self._by_cause[:agents, DESK_CAUSES].sum(axis=1)
        defaulted, borne = self._ended()
        moved = self._party_sum(Event.VARIATION) + self._party_sum(Event.SETTLED) + self._energy()
        moved += self._between(Event.DIFFERENCE) + self._between(Event.PENALTY) - self._sum(Event.LOSS_TO_GAINS)
        collateral = self._sum(Event.COLLATERAL_LOCKED) - self._sum(Event.COLLATERAL_RELEASED)
        fund = self._sum(Event.CONTRIBUTED) - self._sum(Event.REDEEMED)
        held, (owed, miscalled) = self._held(), self._owed()
        error += miscalled + self._mispriced()
        kept = np.where(borne, 0, held + fund)
        # A defaulter has its own back; what others bore of its loss it has not paid.
        spared = self._sum(Event.LOSS_TO_CAPITAL) + sum(self._sum(event, "seller") for event in _LAYERS[3:])
        due = moved - kept - collateral + np.where(borne, spared, owed)
        sure = ~defaulted | borne
        error += int(np.abs(told - due)[sure].sum())
        if sure.all():
            bank = self._by_cause[record.place.house(House.CLEARING)]
            bank = int(bank.sum() - bank[Cause.ROUNDING])  # bills round its account like any other
            capital = market.house_capital - int(self._sum(Event.LOSS_TO_CAPITAL).sum())
            mutual = np.where(borne, 0, self._sum(Event.LOSS_TO_MUTUAL_FUND))
            own = int((kept + collateral - mutual - np.where(borne, 0, owed)).sum())
            error += abs(bank - capital - own)
        return error

    def _margins_error(self) -> int:
        """Walk along the margins of each agent: never below zero, and nothing when all is over."""
        rows, agents = self._record.rows(CONTRACTS), self._record.place.agents
        mine = picked(rows, Event.MARGIN_LOCKED, Event.MARGIN_RELEASED)
        agent = rows["buyer"][mine]
        order = np.argsort(agent, kind="stable")
        change = np.where(rows["event"][mine] == Event.MARGIN_LOCKED, 1, -1) * rows["amount"][mine]
        error, held = 0, np.zeros(agents, np.int64)
        for who, part in zip(agent[order].tolist(), change[order].tolist(), strict=True):
            held[who] += part
            error += max(0, -int(held[who]))
        # A long future is over as it becomes others, these as they are delivered.
        over = rows["spec"][(picked(rows, Event.FULFILLED) & (rows["contract"] < 0)) | picked(rows, Event.CASCADED)]
        open_ones = picked(rows, Event.NOVATED, Event.CASCADED_INTO) & ~np.isin(rows["spec"], over)
        busy, (defaulted, _) = np.zeros(agents, np.bool_), self._ended()
        for side in ("buyer", "seller"):
            busy[rows[side][open_ones & (rows[side] != NOBODY)]] = True
        return error + int(np.abs(held)[~busy & ~defaulted].sum())

    def _quota_error(self, residual_wh: Ints) -> int:
        record, market, place = self._record, self._market, self._record.place
        rows = record.rows(CONTRACTS)
        paid = self._by_cause[: place.agents, Cause.BUY_OUT]
        error = int(np.abs(paid + self._sum(Event.BOUGHT_OUT)).sum())
        error += abs(int(self._by_cause[:, Cause.BUY_OUT].sum()))
        bought = picked(rows, Event.BOUGHT_OUT)
        error += int(np.abs(rows["amount"] - rows["quantity_wh"] * market.buy_out_tick)[bought].sum())
        settled = _settle_order(record)
        sales = by_group(record, SERVED, "energy_wh")
        np.add.at(sales, market.group_of[place.supplier], np.maximum(residual_wh, 0))
        complied = picked(rows, Event.COMPLIED)
        for agent, quota in market.quota_ppm.items():
            since = -1
            mine = complied & (rows["buyer"] == agent)
            for command in rows["command"][mine].tolist():
                here = (rows["command"] == command) & (rows["buyer"] == agent) & (complied | bought)
                span = (settled > since) & (settled < command)
                due = -(-quota * int(sales[market.group_of[agent]][span].sum()) // PPM)
                error += abs(due - int(rows["quantity_wh"][here].sum()))
                since = command
        return error


_CALLS: Final = ("event", "buyer", "amount")


def _steps(rows: Columns) -> Ints:
    """Give the mark or settlement of each row (n,) a number: a delivery marks what begins, then settles the period."""
    settles = picked(rows, Event.SETTLED)
    last = np.maximum.accumulate(np.where(settles | picked(rows, Event.VARIATION), np.arange(len(settles)), 0))
    step: Ints = 2 * rows["command"].astype(np.int64) + settles[last]
    return step


def _settle_order(record: Record) -> Ints:
    """Command that settled each period (p,); -1 for none."""
    seqs = np.full(record.place.periods, -1, np.int64)
    for block in record.pieces("commands", only=("seq", "action", "period")):
        mine = block["action"] == Action.SETTLE
        seqs[block["period"][mine]] = block["seq"][mine]
    return seqs


def money_held(record: Record) -> Ints:
    """Margin that each agent (a,) has locked at the end of the run [1e-8 EUR]."""
    rows: dict[str, Any] = record.rows(CONTRACTS)
    total = np.zeros(record.place.agents, np.int64)
    for event, sign in ((Event.MARGIN_LOCKED, 1), (Event.MARGIN_RELEASED, -1)):
        mine = picked(rows, event)
        np.add.at(total, rows["buyer"][mine], sign * rows["amount"][mine])
    total[rows["buyer"][picked(rows, Event.DEFAULTED)]] = 0
    return total

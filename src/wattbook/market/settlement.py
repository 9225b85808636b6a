"""Delivery, settlement and billing: what happens to a product after its gate has closed.

The order of steps is market law (docs/market-rules.md, section 5): local trades, meters, residual, network use,
levies and VAT, losses, balance groups, then the assertion that all of it closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.kernel import deliver, energy_error_wh
from wattbook.market import kernel_settlement as kernel
from wattbook.market.kernel import OK
from wattbook.messages import Cause, House, Path
from wattbook.units import PPM, QUANTA_PER_CENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.incentives import Reckoned
    from wattbook.market.market import Market
    from wattbook.market.sharing import Sharing
    from wattbook.messages import Command

    Ints = NDArray[np.int64]

_CAUSES: Final = 32
_ZONES: Final = 1 << 20
_METERED: Final = 1
_SETTLED: Final = 2
_ACCOUNT, _AMOUNT = 5, 6
"""Columns of the stream of postings in which legs are laid down."""


def transfer_id(period: int, cause: Cause, zone: int) -> int:
    """Id of the one transfer of (period, cause, zone): posting it twice has no effect."""
    return (period * _CAUSES + int(cause)) * _ZONES + zone


class Settlement:
    """The part of a market that turns time into meter readings and money."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.street = market.street
        a = self.street.agents
        self.homes = np.flatnonzero(self.street.utility >= 0)
        self.utilities = np.flatnonzero(market.rules.is_utility)
        self.spot_tick, self.short_tick, self.long_tick = (
            self.street.spot_tick,
            self.street.short_tick,
            self.street.long_tick,
        )
        self.groups = self.utilities
        wholesale = market.wholesale
        if wholesale is not None:
            # The same columns, in which the day-ahead market writes its prices.
            self.spot_tick, self.short_tick, self.long_tick = (
                wholesale.spot_tick,
                wholesale.short_tick,
                wholesale.long_tick,
            )
            self.groups = wholesale.groups
        fee_tick, wide = self.street.network.fee_tick, self.street.wide_path
        self.fee_tick = np.array([fee_tick[Path.FEEDER], fee_tick[wide], fee_tick[Path.STANDARD]], np.int64)
        """Of what came within the feeder, by the wide book, and of the rest."""
        self.everybody = np.zeros(a, np.int64)
        """Nobody is set apart where a transfer is everybody's."""
        self.by_feeder = np.argsort(self.street.feeder, kind="stable")
        self.by_feeder = self.by_feeder[self.street.feeder[self.by_feeder] >= 0]
        self.edges = np.searchsorted(self.street.feeder[self.by_feeder], np.arange(market.rules.feeders + 1))
        self.fails: NDArray[np.bool_] = np.logical_or.reduce(self.street.missing, axis=0)
        # One period's numbers, in the same columns every time: fresh ones of a city's size cost more than what fills
        # them.
        self.meters = kernel.Meters(*np.zeros((len(kernel.Meters._fields), a), np.int64))
        self.before = kernel.Before(*np.zeros((len(kernel.Before._fields), a), np.int64))
        self.dues = kernel.Dues(*np.zeros((len(kernel.Dues._fields), a), np.int64))
        self.residual_wh = self.meters.residual_wh

    # --- postings

    def post(
        self, seq: int, now_ms: int, period: int, cause: Cause, zone: int, accounts: Ints, amounts: Ints,
        transfer: int | None = None,
    ) -> None:  # fmt: skip
        """Post one transfer and write its legs down; legs of nothing are left out, and one posted before altogether.

        Parameters
        ----------
        transfer : int, optional
            Its id; None for the one of (period, cause, zone).
        accounts, amounts : (legs,) int64
            Received positive, paid negative [1e-8 EUR]; they sum to zero.
        """
        legs = np.flatnonzero(amounts)
        if not legs.size:
            return
        ledger, accounts, amounts = self.market.ledger, accounts[legs], amounts[legs]
        number = ledger.transfers
        own = transfer_id(period, cause, zone) if transfer is None else transfer
        if not ledger.post(own, int(cause), accounts, amounts):
            return
        chunk = self.market.journal.chunk("postings", len(legs))
        row = int(chunk.fill[0])
        chunk.columns[_ACCOUNT][row : row + len(legs)] = accounts
        chunk.columns[_AMOUNT][row : row + len(legs)] = amounts
        starts = np.array([0, len(legs)])
        kernel.write_legs(seq, now_ms, period, number, int(cause), starts, chunk.columns, chunk.fill)

    def _post_due(
        self, seq: int, command: Command, cause: Cause, due: Ints, counter: int = -1, zone: int = 0,
        group: Ints | None = None, wanted: int = 0,
    ) -> None:  # fmt: skip
        """Post what is `due` (a,) to the agents (of `group` (a,), those that are `wanted`), with one counter-leg."""
        accounts, amounts = self._room()
        starts = np.empty(2, np.int64)
        group = self.everybody if group is None else group
        if kernel.lay_legs(due, group, wanted, counter, accounts, amounts, starts):
            self._post_laid(seq, command, cause, np.array([zone]), starts, accounts, amounts)

    def _post_due_by_feeder(self, seq: int, command: Command, cause: Cause, due: Ints) -> None:
        """Post what is `due` (a,) to the agents, one transfer for each feeder."""
        accounts, amounts = self._room()
        feeders, starts = np.empty(len(self.edges), np.int64), np.empty(len(self.edges), np.int64)
        count = kernel.lay_legs_by_feeder(due, self.by_feeder, self.edges, feeders, accounts, amounts, starts)
        self._post_laid(seq, command, cause, feeders[:count], starts[: count + 1], accounts, amounts)

    def _room(self) -> tuple[NDArray[np.int32], Ints]:
        """Give the columns of accounts and amounts where the journal's chunk goes on, (a + 1,) or longer."""
        chunk = self.market.journal.chunk("postings", self.street.agents + 1)
        row = int(chunk.fill[0])
        return chunk.columns[_ACCOUNT][row:], chunk.columns[_AMOUNT][row:]

    def _post_laid(
        self, seq: int, command: Command, cause: Cause, zones: Ints, starts: Ints, accounts: NDArray[np.int32],
        amounts: Ints,
    ) -> None:  # fmt: skip
        """Post transfers whose legs were laid down in `_room`, one of each of `zones`, and write them down."""
        ledger, number = self.market.ledger, self.market.ledger.transfers
        ledger.post_all(transfer_id(command.period, cause, 0) + zones, int(cause), starts, accounts, amounts)
        chunk = self.market.journal.chunk("postings", 0)
        kernel.write_legs(seq, command.time_ms, command.period, number, int(cause), starts, chunk.columns, chunk.fill)

    # --- delivery

    def deliver(self, seq: int, command: Command) -> int:
        """Read the meters of a period that has ended; batteries follow what trade has left over."""
        market, street, town, p = self.market, self.street, self.market.town, command.period
        assert town.settled[p] == 0, f"period {p} was delivered before"
        meters, before, batteries = self.meters, self.before, market.storage
        kernel.begin_delivery(
            street.load_wh, street.generation_wh, batteries.capacity_uwh, batteries.soc_uwh, town, street.has_wide,
            p, meters, before,
        )  # fmt: skip
        start_ms = street.start_ms + p * street.period_ms
        deliver(
            meters.load_wh, meters.generation_wh, meters.traded_wh, before.take_limit_wh, before.give_limit_wh,
            *batteries, start_ms, street.period_ms, meters.charge_wh, meters.discharge_wh, meters.curtailed_wh,
            meters.residual_wh, meters.soc_wh,
        )  # fmt: skip
        error = energy_error_wh(
            meters.load_wh, meters.generation_wh, meters.traded_wh, *batteries, start_ms, street.period_ms,
            meters.charge_wh, meters.discharge_wh, meters.residual_wh, meters.soc_wh, before.soc_uwh,
        )  # fmt: skip
        assert error == 0, f"energy identities of period {p} are off by {error} Wh"
        self._substitute(p)
        if market.sharing is not None:
            self._share(seq, p, market.sharing)
        self.residual_wh = meters.residual_wh
        town.settled[p] = _METERED
        chunk = market.journal.chunk("meters", len(self.homes))
        kernel.write_meters(self.homes, meters, seq, p, chunk.columns, chunk.fill)
        if market.wholesale is not None:
            market.wholesale.deliver(seq, p)
        return OK

    def _substitute(self, p: int) -> None:
        """Bill a substitute where a meter failed: net withdrawal as agreed, put down to load, or to generation."""
        meters = self.meters
        meters.substitute[:] = 0
        if not self.fails[p]:
            return
        missing = self.street.missing[:, p]
        net = self.street.substitute_wh[:, p]
        implied = net - meters.charge_wh + meters.discharge_wh + meters.generation_wh
        meters.load_wh[missing] = np.maximum(implied, 0)[missing]
        meters.generation_wh[missing] += np.maximum(-implied, 0)[missing]
        meters.residual_wh[missing] = (net - meters.traded_wh)[missing]
        meters.substitute[missing] = 1

    def _share(self, seq: int, p: int, sharing: Sharing) -> None:
        """Share what is billed as surplus, pool by pool; the meters' traded and residual follow.

        What is shared stands in the town's columns like a trade, so all that follows is settled alike.
        """
        town, price, meters = self.market.town, sharing.rules.price_tick[p], self.meters
        for pool in sharing.pools:
            claim = meters.residual_wh[pool.rows]
            part = sharing.share(pool, claim)
            meters.traded_wh[pool.rows] += part
            meters.residual_wh[pool.rows] -= part
            town.net_wh[pool.path, pool.rows, p] += part
            town.pay[pool.path, pool.rows, p] -= price * part
            mine = np.flatnonzero(part)
            self.market.journal.extend(
                "shares",
                {
                    "command": np.full(len(mine), seq),
                    "period": np.full(len(mine), p),
                    "book": np.full(len(mine), pool.book),
                    "agent": pool.rows[mine],
                    "claim_wh": claim[mine],
                    "shared_wh": part[mine],
                    "price_tick": np.full(len(mine), price),
                },
            )

    # --- settlement

    def settle(self, seq: int, command: Command) -> int:
        """Settle a delivered period, once."""
        market, town, p = self.market, self.market.town, command.period
        assert town.settled[p] == _METERED, f"period {p} is not ready to be settled"
        kernel.begin_settlement(
            town, self.street.maintenance, market.ledger.reserved, self.street.has_wide, p, self.dues
        )
        self._settle_trades(seq, command)
        flow_wh = self._settle_supply(seq, command)
        self._settle_losses(seq, command, flow_wh)
        reckoned = self._reckon(command)
        self._settle_groups(seq, command, reckoned)
        if market.incentives is not None and reckoned is not None:
            market.incentives.pay(seq, command, reckoned)
        self._post_due(seq, command, Cause.MAINTENANCE, self.dues.maintenance, market.account(House.UPSTREAM))
        town.settled[p] = _SETTLED
        assert int(market.ledger.balance.sum()) == 0, "M1: accounts do not sum to zero"
        return OK

    def _settle_trades(self, seq: int, command: Command) -> None:
        """Pay for local trades or shares, one transfer per book."""
        cause = Cause.TRADE if self.market.sharing is None else Cause.SHARE
        self._post_due_by_feeder(seq, command, cause, self.dues.near)
        if self.street.has_wide:
            self._post_due(seq, command, cause, self.dues.wide, zone=self.market.rules.feeders)

    def _settle_supply(self, seq: int, command: Command) -> Ints:
        """Bill residual, network use, levies and VAT; return the flows by path (3,) [Wh]."""
        street, market, dues = self.street, self.market, self.dues
        supplier = market.suppliers.of(command.period)
        carried_wh, flow_wh = np.zeros((2, len(Path)), np.int64)
        kernel.bill_period(
            command.period, self.residual_wh, supplier, street.vat_ppm, market.rules.energy_vat_ppm,
            street.retail_tick, street.feed_in_tick, self.fee_tick, street.network.levy_tick, carried_wh,
            dues,
        )  # fmt: skip
        np.add.at(flow_wh, [Path.FEEDER, street.wide_path, Path.STANDARD], carried_wh)
        for utility in self.utilities.tolist():
            for cause, due in ((Cause.RETAIL, dues.retail), (Cause.FEED_IN, dues.feed_in)):
                self._post_due(seq, command, cause, due, utility, zone=utility, group=supplier, wanted=utility)
        self._post_due(seq, command, Cause.NETWORK, dues.network, market.account(House.GRID))
        self._post_due(seq, command, Cause.LEVY, dues.levy, market.account(House.STATE))
        self._post_due(seq, command, Cause.VAT, dues.vat, market.account(House.STATE))
        return flow_wh

    def _settle_losses(self, seq: int, command: Command, flow_wh: Ints) -> None:
        """Let the network buy its losses at spot; what is not a whole Wh waits for the next period."""
        market, p = self.market, command.period
        losses = np.zeros(len(Path), np.int64)
        for path in Path:
            due = int(flow_wh[path]) * self.street.network.loss_ppm[path] + int(market.town.loss_carry[path])
            losses[path], market.town.loss_carry[path] = divmod(due, PPM)
        cost = int(losses.sum()) * int(self.spot_tick[p])
        accounts = np.array([market.account(House.GRID), market.account(House.UPSTREAM)])
        self.post(seq, command.time_ms, p, Cause.LOSSES, 0, accounts, np.array([-cost, cost]))
        market.journal.extend(
            "flows",
            {
                "command": np.full(len(Path), seq),
                "period": np.full(len(Path), p),
                "path": np.arange(len(Path)),
                "flow_wh": flow_wh,
                "losses_wh": losses,
            },
        )

    def _reckon(self, command: Command) -> Reckoned | None:
        """Say what the green tools come to, before guarantees of origin are issued: paid energy earns none."""
        incentives, dues = self.market.incentives, self.dues
        if incentives is None:
            return None
        withdrawal_wh = np.zeros(self.street.agents, np.int64)
        withdrawal_wh[self.homes] = (self.residual_wh + dues.near_wh + dues.wide_wh)[self.homes]
        return incentives.reckon(command, int(self.spot_tick[command.period]), withdrawal_wh)

    def _settle_groups(self, seq: int, command: Command, reckoned: Reckoned | None) -> None:
        """Charge each balance group what it buys at spot, and its deviation at the imbalance price."""
        street, market, p = self.street, self.market, command.period
        wholesale, supplier = market.wholesale, market.suppliers.of(p)
        residual_of = np.zeros(street.agents, np.int64)
        for utility in self.utilities.tolist():
            residual_of[utility] = kernel.metered_wh(self.residual_wh, supplier, utility)
        if wholesale is not None:
            supported_wh = None if reckoned is None else reckoned.supported_wh
            wholesale.settle(seq, command, residual_of.tolist(), supported_wh)
        upstream, spot = market.account(House.UPSTREAM), int(self.spot_tick[p])
        positions = []
        for agent in self.groups.tolist():
            metered, bought = int(residual_of[agent]), int(market.town.nominated_wh[agent, p])
            nominated = bought
            if wholesale is not None:
                group = wholesale.group(agent, p)
                metered += group.served_wh - group.output_wh
                bought, nominated = group.spot_wh, group.spot_wh + group.contracted_wh + wholesale.local_wh(agent, p)
                positions.append((seq, p, agent, group.contracted_wh, bought, metered))
            deviation = metered - nominated
            price = int(self.short_tick[p] if deviation > 0 else self.long_tick[p])
            if wholesale is not None:
                wholesale.note(agent, metered, bought * spot + deviation * price - int(self.dues.wide[agent]))
            accounts = np.array([agent, upstream])
            for cause, cost in ((Cause.SPOT, bought * spot), (Cause.IMBALANCE, deviation * price)):
                self.post(seq, command.time_ms, p, cause, agent, accounts, np.array([-cost, cost]))
            market.journal.append(
                "groups", command=seq, period=p, utility=agent, nominated_wh=nominated, metered_wh=metered,
                deviation_wh=deviation, spot_tick=spot, imbalance_tick=price,
            )  # fmt: skip
        if positions:
            names = ("command", "period", "agent", "contracted_wh", "spot_wh", "metered_wh")
            market.journal.extend("positions", dict(zip(names, np.array(positions, np.int64).T, strict=True)))

    # --- billing

    def bill(self, seq: int, command: Command) -> int:
        """Close a billing cycle: every account to whole cents, half-even; ROUNDING takes what is left over.

        `command.period` is the last period of the cycle.
        """
        rounding = self.market.account(House.ROUNDING)
        balance = self.market.ledger.balance
        amounts = _to_cents(balance) - balance
        amounts[rounding] = 0
        amounts[rounding] = -int(amounts.sum())
        accounts = np.arange(len(balance))
        self.post(seq, command.time_ms, command.period, Cause.ROUNDING, 0, accounts, amounts)
        return OK


def _to_cents(money: Ints) -> Ints:
    """Round amounts (n,) [1e-8 EUR] to whole cents, half-even."""
    cents, rest = np.divmod(money, QUANTA_PER_CENT)
    up = (2 * rest > QUANTA_PER_CENT) | ((2 * rest == QUANTA_PER_CENT) & (cents & 1 == 1))
    rounded: Ints = (cents + up) * QUANTA_PER_CENT
    return rounded

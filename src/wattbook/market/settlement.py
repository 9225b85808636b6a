"""Delivery, settlement and billing: what happens to a product after its gate has closed.

The order of steps is market law (docs/market-rules.md, section 5): local trades, meters, residual, network use,
levies and VAT, losses, balance groups, then the assertion that all of it closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.kernel import deliver, energy_error_wh
from wattbook.market import kernel
from wattbook.messages import Cause, House, Path
from wattbook.units import PPM, QUANTA_PER_CENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.market import Market
    from wattbook.market.sharing import Sharing
    from wattbook.messages import Command

    Ints = NDArray[np.int64]

_CAUSES: Final = 32
_ZONES: Final = 1 << 20
_METERED: Final = 1
_SETTLED: Final = 2


def transfer_id(period: int, cause: Cause, zone: int) -> int:
    """Id of the one transfer of (period, cause, zone): posting it twice has no effect."""
    return (period * _CAUSES + int(cause)) * _ZONES + zone


class Settlement:
    """The part of a market that turns time into meter readings and money."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.street = market.street
        a = self.street.agents
        self.agents = np.arange(a)
        self.homes = np.flatnonzero(self.street.utility >= 0)
        self.utilities = np.flatnonzero(market.rules.is_utility)
        self.residual_wh = np.zeros(a, np.int64)
        self.fee_tick = np.array(self.street.network.fee_tick, np.int64)
        self._legs: list[tuple[Ints, Ints, tuple[int, ...]]] = []

    # --- postings

    def post(self, seq: int, now_ms: int, period: int, cause: Cause, zone: int, accounts: Ints, amounts: Ints) -> None:
        """Post one transfer, whose legs `write_legs` then writes down; legs of nothing are left out.

        Parameters
        ----------
        accounts, amounts : (legs,) int64
            Received positive, paid negative [1e-8 EUR]; they sum to zero.
        """
        legs = np.flatnonzero(amounts)
        if not legs.size:
            return
        accounts, amounts = np.ascontiguousarray(accounts[legs]), np.ascontiguousarray(amounts[legs])
        ledger = self.market.ledger
        number = ledger.transfers
        if not ledger.post(transfer_id(period, cause, zone), int(cause), accounts, amounts):
            return
        # Numbered as they are made: an id by row would shift with every agent or book that is added.
        self._legs.append((accounts, amounts, (seq, now_ms, period, number, int(cause))))

    def write_legs(self) -> None:
        """Write down the legs of all transfers that were posted since the last call."""
        if not self._legs:
            return
        accounts, amounts, of_transfers = zip(*self._legs, strict=True)
        each = np.repeat(np.array(of_transfers, np.int64), [len(column) for column in accounts], axis=0)
        names = ("command", "time_ms", "period", "transfer", "cause")
        columns = {name: each[:, place] for place, name in enumerate(names)}
        self.market.journal.extend(
            "postings", columns | {"account": np.concatenate(accounts), "amount": np.concatenate(amounts)}
        )
        self._legs.clear()

    def _post_against(self, seq: int, command: Command, cause: Cause, zone: int, amounts: Ints, counter: int) -> None:
        """Post the agents' amounts (a,) with one counter-leg."""
        self.post(
            seq, command.time_ms, command.period, cause, zone,
            np.append(self.agents, counter), np.append(amounts, -int(amounts.sum())),
        )  # fmt: skip

    # --- delivery

    def deliver(self, seq: int, command: Command) -> int:
        """Read the meters of a period that has ended; batteries follow what trade has left over."""
        market, street, town, p = self.market, self.street, self.market.town, command.period
        assert town.settled[p] == 0, f"period {p} was delivered before"
        a = street.agents
        load, generation = street.load_wh[:, p].copy(), street.generation_wh[:, p].copy()
        traded = town.net_wh[0, :, p] + town.net_wh[1, :, p]
        charge, discharge, curtailed, residual, soc = (np.zeros(a, np.int64) for _ in range(5))
        batteries = market.storage
        before = batteries.soc_uwh.copy()
        start_ms = street.start_ms + p * street.period_ms
        deliver(
            load, generation, traded,
            np.ascontiguousarray(town.take_limit_wh[:, p]), np.ascontiguousarray(town.give_limit_wh[:, p]),
            *batteries, start_ms, street.period_ms, charge, discharge, curtailed, residual, soc,
        )  # fmt: skip
        error = energy_error_wh(
            load, generation, traded, *batteries, start_ms, street.period_ms, charge, discharge, residual, soc, before,
        )  # fmt: skip
        assert error == 0, f"energy identities of period {p} are off by {error} Wh"
        missing = street.missing[:, p]
        if missing.any():
            self._substitute(p, missing, load, generation, charge, discharge, traded, residual)
        if market.sharing is not None:
            self._share(seq, p, market.sharing, traded, residual)
        self.residual_wh = residual
        town.settled[p] = _METERED
        self._write_meters(
            seq, p, load, generation, charge, discharge, curtailed, traded, residual, soc, missing.astype(np.int64)
        )
        return kernel.OK

    def _substitute(
        self, p: int, missing: NDArray[np.bool_], load: Ints, generation: Ints, charge: Ints, discharge: Ints,
        traded: Ints, residual: Ints,
    ) -> None:  # fmt: skip
        """Bill a substitute where a meter failed: net withdrawal as agreed, put down to load, or to generation."""
        net = self.street.substitute_wh[:, p]
        implied = net - charge + discharge + generation
        load[missing] = np.maximum(implied, 0)[missing]
        generation[missing] += np.maximum(-implied, 0)[missing]
        residual[missing] = (net - traded)[missing]

    def _share(self, seq: int, p: int, sharing: Sharing, traded: Ints, residual: Ints) -> None:
        """Share what is billed as surplus, pool by pool; `traded` and `residual` (a,) follow.

        What is shared stands in the town's columns like a trade, so all that follows is settled alike.
        """
        town, price = self.market.town, sharing.rules.price_tick[p]
        for pool in sharing.pools:
            claim = residual[pool.rows]
            part = sharing.share(pool, claim)
            traded[pool.rows] += part
            residual[pool.rows] -= part
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

    def _write_meters(self, seq: int, period: int, *readings: Ints) -> None:
        """Write one row per home; `readings` (a,) each, in the order of the stream's columns."""
        names = ("load_wh", "generation_wh", "charge_wh", "discharge_wh", "curtailed_wh", "traded_wh", "residual_wh",
                 "soc_wh", "substitute")  # fmt: skip
        count = len(self.homes)
        columns = {name: reading[self.homes] for name, reading in zip(names, readings, strict=True)}
        self.market.journal.extend(
            "meters",
            {"command": np.full(count, seq), "period": np.full(count, period), "agent": self.homes, **columns},
        )

    # --- settlement

    def settle(self, seq: int, command: Command) -> int:
        """Settle a delivered period; posting it again has no effect."""
        town, p = self.market.town, command.period
        assert town.settled[p] == _METERED, f"period {p} is not ready to be settled"
        self._settle_trades(seq, command)
        flow_wh = self._settle_supply(seq, command)
        self._settle_losses(seq, command, flow_wh)
        self._settle_groups(seq, command)
        maintenance = -self.street.maintenance[:, p]
        self._post_against(seq, command, Cause.MAINTENANCE, 0, maintenance, self.market.account(House.UPSTREAM))
        self.write_legs()
        town.settled[p] = _SETTLED
        assert int(self.market.ledger.balance.sum()) == 0, "M1: accounts do not sum to zero"
        return kernel.OK

    def _settle_trades(self, seq: int, command: Command) -> None:
        """Pay for local trades or shares, one transfer per book; money set aside for them becomes free."""
        market, p = self.market, command.period
        cause = Cause.TRADE if market.sharing is None else Cause.SHARE
        near = market.town.pay[0, :, p]
        traded = np.flatnonzero(near)
        traded = traded[np.argsort(self.street.feeder[traded], kind="stable")]
        feeders, starts = np.unique(self.street.feeder[traded], return_index=True)
        for book, who in zip(feeders.tolist(), np.split(traded, starts[1:]), strict=False):
            self.post(seq, command.time_ms, p, cause, book, who, near[who])
        for book in range(market.rules.feeders, market.rules.books):
            self.post(seq, command.time_ms, p, cause, book, self.agents, market.town.pay[1, :, p])
        market.ledger.reserved[: self.street.agents] -= market.town.committed[:, p]
        market.town.committed[:, p] = 0

    def _settle_supply(self, seq: int, command: Command) -> Ints:
        """Bill residual, network use, levies and VAT; return the flows by path (3,) [Wh]."""
        street, market, p = self.street, self.market, command.period
        retail, feed_in, network, levy, vat = (np.zeros(street.agents, np.int64) for _ in range(5))
        flow_wh = np.zeros(len(Path), np.int64)
        kernel.bill_period(
            np.ascontiguousarray(market.town.net_wh[0, :, p]), np.ascontiguousarray(market.town.net_wh[1, :, p]),
            self.residual_wh, street.utility, street.vat_ppm, np.ascontiguousarray(street.retail_tick[:, p]),
            np.ascontiguousarray(street.feed_in_tick[:, p]), self.fee_tick, street.network.levy_tick,
            flow_wh, retail, feed_in, network, levy, vat,
        )  # fmt: skip
        for utility in self.utilities.tolist():
            mine = street.utility == utility
            self._post_against(seq, command, Cause.RETAIL, utility, retail * mine, utility)
            self._post_against(seq, command, Cause.FEED_IN, utility, feed_in * mine, utility)
        self._post_against(seq, command, Cause.NETWORK, 0, network, market.account(House.GRID))
        self._post_against(seq, command, Cause.LEVY, 0, levy, market.account(House.STATE))
        self._post_against(seq, command, Cause.VAT, 0, vat, market.account(House.STATE))
        return flow_wh

    def _settle_losses(self, seq: int, command: Command, flow_wh: Ints) -> None:
        """Let the network buy its losses at spot; what is not a whole Wh waits for the next period."""
        market, p = self.market, command.period
        losses = np.zeros(len(Path), np.int64)
        for path in Path:
            due = int(flow_wh[path]) * self.street.network.loss_ppm[path] + int(market.town.loss_carry[path])
            losses[path], market.town.loss_carry[path] = divmod(due, PPM)
        cost = int(losses.sum()) * int(self.street.spot_tick[p])
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

    def _settle_groups(self, seq: int, command: Command) -> None:
        """Charge each balance group its nomination at spot and its deviation at the imbalance price."""
        street, market, p = self.street, self.market, command.period
        upstream, spot = market.account(House.UPSTREAM), int(street.spot_tick[p])
        for utility in self.utilities.tolist():
            metered = int(self.residual_wh[street.utility == utility].sum())
            nominated = int(market.town.nominated_wh[utility, p])
            deviation = metered - nominated
            price = int(street.short_tick[p] if deviation > 0 else street.long_tick[p])
            accounts = np.array([utility, upstream])
            for cause, cost in ((Cause.SPOT, nominated * spot), (Cause.IMBALANCE, deviation * price)):
                self.post(seq, command.time_ms, p, cause, utility, accounts, np.array([-cost, cost]))
            market.journal.append(
                "groups", command=seq, period=p, utility=utility, nominated_wh=nominated, metered_wh=metered,
                deviation_wh=deviation, spot_tick=spot, imbalance_tick=price,
            )  # fmt: skip

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
        self.write_legs()
        return kernel.OK


def _to_cents(money: Ints) -> Ints:
    """Round amounts (n,) [1e-8 EUR] to whole cents, half-even."""
    cents, rest = np.divmod(money, QUANTA_PER_CENT)
    up = (2 * rest > QUANTA_PER_CENT) | ((2 * rest == QUANTA_PER_CENT) & (cents & 1 == 1))
    rounded: Ints = (cents + up) * QUANTA_PER_CENT
    return rounded

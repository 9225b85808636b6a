"""Where the money went: per account and cause, against the baseline, and the identities that must hold.

Owns the second computation of every money identity, from the record alone.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.messages import Action, Cause, House
from wattbook.results.energy import attendance, meter_sums, soc_end
from wattbook.results.gateway import Taxes
from wattbook.results.incentives import Tools
from wattbook.results.record import BLOCK_ROWS
from wattbook.results.wholesale_money import Payments
from wattbook.units import QUANTA_PER_CENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record

GROUPS: Final = ("homes", "utilities", "network", "state", "upstream", "rounding")
"""Who gains or loses; the clearing house, which is flat, counts with upstream."""
_WITH_PRODUCERS: Final = ("homes", "utilities", "producers", "network", "state", "upstream", "rounding")
_HOUSE_GROUPS: Final = {
    House.GRID: "network",
    House.STATE: "state",
    House.UPSTREAM: "upstream",
    House.CLEARING: "upstream",
    House.TREASURY: "state",
    House.ROUNDING: "rounding",
}
_KIND_GROUPS: Final = {"utility": "utilities", "producer": "producers"}


def money_of(record: Record) -> Ints:
    """Sum of the postings (accounts, causes) [1e-8 EUR]; not to be written to."""
    if "money" not in record.memo:
        total = _Totals(record)
        for rows in record.pieces("postings", only=("account", "cause", "amount")):
            total.add(rows)
        record.memo["money"] = total.done()
    money: Ints = record.memo["money"]
    return money


class _Totals:
    """Postings added up by account and cause."""

    def __init__(self, record: Record) -> None:
        self._total = np.zeros((len(record.place.accounts), len(Cause)), np.int64)

    def add(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take the next postings."""
        place = rows["account"].astype(np.int64) * len(Cause) + rows["cause"]
        np.add.at(self._total.reshape(-1), place, rows["amount"])

    def by_account(self) -> Ints:
        """Sum all causes (accounts,)."""
        sums: Ints = self._total.sum(axis=1)
        return sums

    def done(self) -> Ints:
        """Give the sums (accounts, causes)."""
        self._total.flags.writeable = False
        return self._total


def received(record: Record) -> Ints:
    """Say what each agent (a,) got less what it paid over the run [1e-8 EUR]; what it began with aside."""
    money = money_of(record)[: record.place.agents]
    amounts: Ints = money.sum(axis=1) - money[:, Cause.ENDOWMENT]
    return amounts


def groups_of(*records: Record) -> tuple[str, ...]:
    """Give `GROUPS`, with one of the producers where there are any."""
    return _WITH_PRODUCERS if any("producer" in record.place.kinds for record in records) else GROUPS


def group_receipts(record: Record, groups: tuple[str, ...] | None = None) -> dict[str, int]:
    """Say what each of `groups` (those of the run) got less what it paid over the run [1e-8 EUR]; together 0."""
    groups = groups_of(record) if groups is None else groups
    return dict(zip(groups, _by_group(record, groups).sum(axis=1).tolist(), strict=True))


def decomposition(record: Record, other: Record) -> dict[str, Any]:
    """Split the difference between a run and another, as its baseline, into real gain and what only changed hands.

    The runs are of the same span of time; their agents need not be the same.

    ``groups``
        Money (run) - money (other) of each of `groups_of` both [1e-8 EUR]; they sum to 0.
    ``causes``
        The same by cause, where anything changed.
    ``real_gain``
        What the place as a whole pays less to upstream: for imports, losses, imbalance. Everything else is a
        transfer between the groups.
    ``transfers``
        Half the sum of the groups' absolute changes, less the absolute real gain.
    ``stored_change_wh``
        Energy in batteries at the end, run - other: part of a real gain may only have been put off.
    """
    groups = groups_of(record, other)
    changed = _by_group(record, groups) - _by_group(other, groups)
    total = dict(zip(groups, changed.sum(axis=1).tolist(), strict=True))
    causes = {
        cause.name.lower().replace("_", "-"): dict(zip(groups, changed[:, cause].tolist(), strict=True))
        for cause in Cause
        if changed[:, cause].any()
    }
    gain = -total["upstream"]
    return {
        "groups": total,
        "causes": causes,
        "real_gain": gain,
        "transfers": sum(map(abs, total.values())) // 2 - abs(gain),
        "stored_change_wh": int(soc_end(record).sum()) - int(soc_end(other).sum()),
    }


def _by_group(record: Record, groups: tuple[str, ...]) -> Ints:
    """Sum postings by group and cause (groups, causes) [1e-8 EUR]; endowments aside."""
    kinds = [_KIND_GROUPS.get(kind, "homes") for kind in record.place.kinds]
    row = [groups.index(group) for group in (*kinds, *(_HOUSE_GROUPS[house] for house in House))]
    total = np.zeros((len(groups), len(Cause)), np.int64)
    np.add.at(total, row, money_of(record))
    total[:, Cause.ENDOWMENT] = 0
    return total


def money_errors(record: Record) -> dict[str, int]:
    """Sum the absolute errors [1e-8 EUR] of each money identity, from the record alone; all must be 0.

    ``transfers`` (M1)
        Every transfer sums to zero.
    ``trades`` (M5)
        Per settled period and account the postings for trades and shares are the signed sum of price x quantity.
    ``rounding`` (M6)
        A billing leaves whole cents on every account but ROUNDING, and takes at most half a cent from each.

    ``vat``
        With a gateway alone: homes pay VAT on retail, network and levy, and on what they paid, net, in its book.
    ``incentives`` (R6)
        With green tools alone: premiums, differences, grants and the price of carbon are what meters, plants and the
        spot price make due within the budgets, and all of it passes through the treasury.

    With a wholesale market those of `wattbook.results.wholesale_money.Payments.errors` as well.
    """
    transfers, trades, billing = _Transfers(), _Payments(record), _Billing(record)
    wholesale = None if record.wholesale is None else Payments(record)
    taxes = Taxes(record) if record.place.has_gateway else None
    tools = Tools(record) if "incentives" in record.header else None
    trades.owe()
    for rows in record.pieces("postings", only=_POSTING):
        transfers.add(rows)
        trades.add(rows)
        billing.add(rows)
        if wholesale is not None:
            wholesale.add(rows)
        if taxes is not None:
            taxes.add(rows)
        if tools is not None:
            tools.add(rows)
    rounding = billing.done()
    # In passing, as they are asked for as well.
    record.memo.setdefault("money", billing.total.done())
    errors = {"transfers": transfers.error(), "trades": trades.error(), "rounding": rounding}
    if taxes is not None:
        errors["vat"] = taxes.error()
    if tools is not None:
        errors["incentives"] = tools.error()
    return errors if wholesale is None else errors | wholesale.errors(meter_sums(record).residual_wh)


_POSTING: Final = ("command", "period", "transfer", "account", "amount", "cause")


class _Transfers:
    """Sums of transfers that do not end where a block of postings does."""

    def __init__(self) -> None:
        self._totals: dict[int, int] = {}

    def add(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take the next postings."""
        transfer = rows["transfer"]
        starts = np.flatnonzero(np.diff(transfer, prepend=transfer[0] - 1))
        sums = np.add.reduceat(rows["amount"], starts)
        for number, total in zip(transfer[starts].tolist(), sums.tolist(), strict=True):
            self._totals[number] = self._totals.get(number, 0) + total

    def error(self) -> int:
        """Sum what is left of each transfer."""
        return sum(map(abs, self._totals.values()))


class _Payments:
    """What each account owes for trades and shares of a period, less what it paid."""

    def __init__(self, record: Record) -> None:
        self._record = record
        # Postings may belong to no period, -1, which comes first.
        self._total = np.zeros((record.place.periods + 1) * len(record.place.accounts), np.int64)

    def _owe(self, account: NDArray[Any], period: NDArray[Any], amount: NDArray[Any]) -> None:
        np.add.at(self._total, (period.astype(np.int64) + 1) * len(self._record.place.accounts) + account, amount)

    def owe(self) -> None:
        """Take all trades and shares."""
        record = self._record
        for deals in record.pieces("trades", only=("period", "buyer", "seller", "price_tick", "quantity_wh")):
            value = deals["price_tick"] * deals["quantity_wh"]
            if not record.complete:  # what was traded for later periods is not paid yet
                value *= attendance(record).settled[deals["period"]]
            self._owe(deals["buyer"], deals["period"], -value)
            self._owe(deals["seller"], deals["period"], value)
        shares = record.shares
        self._owe(shares["agent"], shares["period"], -shares["price_tick"] * shares["shared_wh"])

    def add(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take the next postings."""
        paid = np.flatnonzero((rows["cause"] == Cause.TRADE) | (rows["cause"] == Cause.SHARE))
        if len(paid):
            self._owe(rows["account"][paid], rows["period"][paid], -rows["amount"][paid])

    def error(self) -> int:
        """Sum what is still owed, or was paid too much."""
        return sum(
            int(np.abs(self._total[first : first + BLOCK_ROWS]).sum())
            for first in range(0, len(self._total), BLOCK_ROWS)
        )


class _Billing:
    """Balances as bill after bill leaves them.

    Attributes
    ----------
    total : _Totals
        All postings so far.
    """

    def __init__(self, record: Record) -> None:
        self.total = _Totals(record)
        self._house = record.place.house(House.ROUNDING)
        self._closed, self._kept, self._error = 0, 0, 0
        commands = record.pieces("commands", only=("seq", "action"))
        bills = (rows["seq"][rows["action"] == Action.BILL] for rows in commands)
        self._bills = np.concatenate([np.zeros(0, np.int64), *bills])

    def add(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take the next postings."""
        # Number of the bill that takes each posting in; those after the last one are in none.
        due = np.searchsorted(self._bills, rows["command"], side="left")
        edges = np.flatnonzero(np.diff(due, prepend=-1, append=len(self._bills) + 1))
        for begin, end in itertools.pairwise(edges.tolist()):
            self._close_until(int(due[begin]))
            some = {name: column[begin:end] for name, column in rows.items()}
            self.total.add(some)
            if due[begin] < len(self._bills):
                kept = (some["command"] == self._bills[due[begin]]) & (some["account"] == self._house)
                self._kept += int(some["amount"][kept].sum())

    def done(self) -> int:
        """Close all bills and sum their errors."""
        self._close_until(len(self._bills))
        return self._error

    def _close_until(self, bill: int) -> None:
        """Look at the balances at the end of each bill before `bill`."""
        while self._closed < bill:
            cents = self.total.by_account() % QUANTA_PER_CENT
            cents[self._house] = 0
            self._error += int(cents.sum()) + max(0, abs(self._kept) - len(cents) * QUANTA_PER_CENT // 2)
            self._closed, self._kept = self._closed + 1, 0

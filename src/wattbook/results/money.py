"""Where the money went: per account and cause, against the baseline, and the identities that must hold.

Owns the second computation of every money identity, from the record alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.messages import Action, Cause, House
from wattbook.results.energy import soc_end, sum_by
from wattbook.units import QUANTA_PER_CENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record

GROUPS: Final = ("homes", "utilities", "network", "state", "upstream", "rounding")
"""Who gains or loses. A producer counts with upstream; so does the clearing house, which is flat."""
_HOUSE_GROUPS: Final = {
    House.GRID: "network",
    House.STATE: "state",
    House.UPSTREAM: "upstream",
    House.CLEARING: "upstream",
    House.TREASURY: "state",
    House.ROUNDING: "rounding",
}
_KIND_GROUPS: Final = {"utility": "utilities", "producer": "upstream"}


def money_of(record: Record) -> Ints:
    """Sum of the postings (accounts, causes) [1e-8 EUR]."""
    rows = record.streams["postings"]
    total = np.zeros((len(record.place.accounts), len(Cause)), np.int64)
    np.add.at(total, (rows["account"], rows["cause"]), rows["amount"])
    return total


def received(record: Record) -> Ints:
    """Say what each agent (a,) got less what it paid over the run [1e-8 EUR]; what it began with aside."""
    money = money_of(record)[: record.place.agents]
    amounts: Ints = money.sum(axis=1) - money[:, Cause.ENDOWMENT]
    return amounts


def decomposition(record: Record, baseline: Record) -> dict[str, Any]:
    """Split what the local market changed into what the place gained and what only changed hands.

    ``groups``
        Money (run) - money (baseline) of each of `GROUPS` [1e-8 EUR]; they sum to 0.
    ``causes``
        The same by cause, where anything changed.
    ``real_gain``
        What the place as a whole pays less to upstream: for imports, losses, imbalance. Everything else is a
        transfer between the groups.
    ``transfers``
        Half the sum of the groups' absolute changes, less the absolute real gain.
    ``stored_change_wh``
        Energy in batteries at the end, run - baseline: part of a real gain may only have been put off.
    """
    changed = _by_group(record) - _by_group(baseline)
    total = dict(zip(GROUPS, changed.sum(axis=1).tolist(), strict=True))
    causes = {
        cause.name.lower().replace("_", "-"): dict(zip(GROUPS, changed[:, cause].tolist(), strict=True))
        for cause in Cause
        if changed[:, cause].any()
    }
    gain = -total["upstream"]
    return {
        "groups": total,
        "causes": causes,
        "real_gain": gain,
        "transfers": sum(map(abs, total.values())) // 2 - abs(gain),
        "stored_change_wh": int((soc_end(record) - soc_end(baseline)).sum()),
    }


def _by_group(record: Record) -> Ints:
    """Sum postings by group and cause (6, causes) [1e-8 EUR]; endowments aside."""
    kinds = [_KIND_GROUPS.get(kind, "homes") for kind in record.place.kinds]
    row = [GROUPS.index(group) for group in (*kinds, *(_HOUSE_GROUPS[house] for house in House))]
    total = np.zeros((len(GROUPS), len(Cause)), np.int64)
    np.add.at(total, row, money_of(record))
    total[:, Cause.ENDOWMENT] = 0
    return total


def money_errors(record: Record) -> dict[str, int]:
    """Sum the absolute errors [1e-8 EUR] of each money identity, from the record alone; all must be 0.

    ``transfers`` (M1)
        Every transfer sums to zero.
    ``trades`` (M5)
        Per settled period and account the postings for trades are the signed sum of price x quantity.
    ``rounding`` (M6)
        A billing leaves whole cents on every account but ROUNDING, and takes at most half a cent from each.
    """
    return {
        "transfers": _transfers_error(record),
        "trades": _trades_error(record),
        "rounding": _rounding_error(record),
    }


def _transfers_error(record: Record) -> int:
    rows = record.streams["postings"]
    _, transfer = np.unique(rows["transfer"], return_inverse=True)
    return int(np.abs(sum_by(transfer, rows["amount"], int(transfer.max(initial=-1)) + 1)).sum())


def _trades_error(record: Record) -> int:
    deals, postings, periods = record.streams["trades"], record.streams["postings"], record.place.periods
    settled = np.ones(len(deals["seq"]), np.bool_)
    if not record.complete:
        settled = np.isin(deals["period"], record.streams["meters"]["period"])
    value = (deals["price_tick"] * deals["quantity_wh"])[settled]
    paid = postings["cause"] == Cause.TRADE
    account = [deals["buyer"][settled], deals["seller"][settled], postings["account"][paid]]
    period = [deals["period"][settled], deals["period"][settled], postings["period"][paid]]
    keys = np.concatenate(account).astype(np.int64) * (periods + 1) + np.concatenate(period)
    _, key = np.unique(keys, return_inverse=True)
    amounts = np.concatenate([-value, value, -postings["amount"][paid]])
    return int(np.abs(sum_by(key, amounts, int(key.max(initial=-1)) + 1)).sum())


def _rounding_error(record: Record) -> int:
    commands, rows = record.streams["commands"], record.streams["postings"]
    house = record.place.house(House.ROUNDING)
    balance: NDArray[np.int64] = np.zeros(len(record.place.accounts), np.int64)
    done, error = 0, 0
    most = len(balance) * QUANTA_PER_CENT // 2
    for bill in commands["seq"][commands["action"] == Action.BILL].tolist():
        end = int(np.searchsorted(rows["command"], bill, side="right"))
        np.add.at(balance, rows["account"][done:end], rows["amount"][done:end])
        cents = balance % QUANTA_PER_CENT
        cents[house] = 0
        kept = (rows["command"][done:end] == bill) & (rows["account"][done:end] == house)
        error += int(cents.sum()) + max(0, abs(int(rows["amount"][done:end][kept].sum())) - most)
        done = end
    return error

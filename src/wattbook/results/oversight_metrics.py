"""The figures of a run's regulator, from the record alone: what it found, what it took, what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wattbook.messages import EVIDENCE, FINDINGS, SANCTIONS, Cause
from wattbook.oversight import Item, Rule, Sanction
from wattbook.results.energy import share
from wattbook.results.money import money_of
from wattbook.results.tables import word
from wattbook.units import TICKS_PER_EUR_PER_MWH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wattbook.results.record import Record


def oversight_metrics(record: Record) -> dict[str, Any]:
    """Compute the figures of a run with a regulator; money in 1e-8 EUR.

    ``findings``, ``sanctions``
        How many; sanctions by kind. ``rules`` counts findings by rule, ``agents`` names those that were fined.
    ``fines``, ``disgorged``, ``refunds``
        What agents were fined, the gain in it, and what agents got back of it.
    ``gain``, ``overcharge``, ``harm``
        Of all findings.
    ``gouged_price_eur_per_mwh``, ``honest_price_eur_per_mwh``
        Mean price of the periods with an abusive mark-up, and of the same with honest asks; None without any.
    """
    found, followed = record.rows(FINDINGS), record.rows(SANCTIONS)
    fined = followed["kind"] == Sanction.FINE
    agents = np.unique(followed["agent"][fined]).tolist()
    return {
        "findings": len(found["seq"]),
        "rules": _counted(Rule, found["rule"].tolist()),
        "sanctions": _counted(Sanction, followed["kind"].tolist()),
        "agents": [record.place.names[agent] for agent in agents],
        "fines": int(followed["amount"][fined].sum()),
        "disgorged": int(followed["disgorged"][fined].sum()),
        "refunds": int(money_of(record)[: record.place.agents, Cause.REFUND].sum()),
        **{name: int(found[name].sum()) for name in ("gain", "overcharge", "harm")},
        **_prices(record),
    }


def _counted(words: type[Rule | Sanction], numbers: Iterable[int]) -> dict[str, int]:
    """Count numbers by their words, those that occur, in the words' order."""
    told = list(numbers)
    return {word(each): told.count(each) for each in words if each in told}


def _prices(record: Record) -> dict[str, float | None]:
    rows, found = record.rows(EVIDENCE), record.rows(FINDINGS)
    gouging = np.isin(rows["finding"], found["seq"][found["rule"] == Rule.GOUGING])
    items = {"gouged": Item.PRICE_TICK, "honest": Item.COUNTERFACTUAL_TICK}
    told = {}
    for name, item in items.items():
        ticks = rows["value"][gouging & (rows["item"] == item)]
        told[f"{name}_price_eur_per_mwh"] = share(int(ticks.sum()), len(ticks) * TICKS_PER_EUR_PER_MWH)
    return told

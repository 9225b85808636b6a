"""Tables of a run with a regulator: what was found, what it rests on, and what followed.

Owns their columns, and the words that stand for the regulator's numbers. Units, times and nulls are those of
`wattbook.results.tables`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.messages import EVIDENCE, FINDINGS, SANCTIONS
from wattbook.oversight import SEEN_STREAMS, Item, Rule, Sanction
from wattbook.results.columns import Numbers, Words
from wattbook.results.tables import moments, named, period_start, wholes, word, worded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from wattbook.results.columns import Column
    from wattbook.results.record import Record

    Rows = Mapping[str, NDArray[Any]]

_RULES, _KINDS, _ITEMS = (worded({int(each): word(each) for each in kind}) for kind in (Rule, Sanction, Item))
_STREAMS: Final = Words("text", SEEN_STREAMS)
ABOUT_PRICES: Final = (Sanction.MITIGATION, Sanction.PRICE_CAP, Sanction.COLLAR)
ABOUT_TIMES: Final = (Sanction.MITIGATION, Sanction.PRICE_CAP, Sanction.SUSPENSION, Sanction.HALT)
_NOWHERE: Final = -1


def sanctions(record: Record) -> dict[str, Column]:
    """Give one row per sanction, in the order in which they were imposed; `evidence` is its finding's, as JSON."""
    rows = record.rows(SANCTIONS)
    return {
        "time": moments(rows["time_ms"]),
        "agent": named(record, "names", rows["agent"]),
        "rule": _RULES.of(rows["rule"]),
        "kind": _KINDS.of(rows["kind"]),
        "amount": Numbers(rows["amount"]),
        "evidence": Words("text", _texts(record)).of(rows["finding"]),
        **wholes(rows, "finding", "disgorged"),
        "price_tick": Numbers(rows["price_tick"], valid=np.isin(rows["kind"], ABOUT_PRICES)),
        "until": Numbers(rows["until_ms"], "time", valid=np.isin(rows["kind"], ABOUT_TIMES)),
    }


def findings(record: Record) -> dict[str, Column]:
    """Give one row per finding, in the order of their numbers; no agent where it is about the market."""
    rows = record.rows(FINDINGS)
    return {
        "finding": Numbers(rows["seq"]),
        "time": moments(rows["time_ms"]),
        "agent": named(record, "names", rows["agent"]),
        "rule": _RULES.of(rows["rule"]),
        **wholes(rows, "gain", "overcharge", "harm"),
    }


def evidence(record: Record) -> dict[str, Column]:
    """Give one row per line of evidence, in order: `place` is a period's or a stream's number, or -1."""
    rows = record.rows(EVIDENCE)
    seen, partner = rows["item"] == Item.EVENT, rows["item"] == Item.PARTNER
    return {
        "finding": Numbers(rows["finding"]),
        "item": _ITEMS.of(rows["item"]),
        **wholes(rows, "place", "value"),
        "period": period_start(record, np.where(seen, _NOWHERE, rows["place"])),
        "stream": _STREAMS.of(np.where(seen, rows["place"], _NOWHERE)),
        "partner": named(record, "names", np.where(partner, rows["value"], _NOWHERE)),
    }


def _texts(record: Record) -> list[str]:
    """Write the evidence of each finding as JSON: item, place in words, value, line by line."""
    told: list[list[list[Any]]] = [[] for _ in record.rows(FINDINGS)["seq"]]
    rows = record.rows(EVIDENCE)
    starts = record.place.start_ms + np.arange(record.place.periods) * record.place.period_ms
    periods = np.datetime_as_string(starts.astype("datetime64[ms]"), unit="m", timezone="UTC").tolist()
    for number, item, place, value in zip(
        *(rows[name].tolist() for name in ("finding", "item", "place", "value")), strict=True
    ):
        places = SEEN_STREAMS if item == Item.EVENT else periods
        where = places[place] if 0 <= place < len(places) else None
        told[number].append([word(Item(item)), where, value])
    return [json.dumps(lines, separators=(",", ":")) for lines in told]


OVERSIGHT: Final[dict[str, Callable[[Record], dict[str, Column]]]] = {
    "evidence": evidence,
    "findings": findings,
    "sanctions": sanctions,
}
"""Tables of every run with a regulator."""

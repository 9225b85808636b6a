"""Two runs of one span of time side by side: what differs in them, in their figures, in who paid, and from when on.

Every difference is B - A. What is whole in a run stays whole here.
"""

from __future__ import annotations

import copy
import html
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from wattbook.errors import ConfigError
from wattbook.results.comparison_text import comparison_text
from wattbook.results.divergence import divergence
from wattbook.results.energy import edge_wh, meter_sums
from wattbook.results.money import decomposition, group_receipts, groups_of, received
from wattbook.results.scenario_differences import mapping_differences, scenario_differences
from wattbook.units import MS_PER_HOUR, half_even

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wattbook.results.record import Ints, Record
    from wattbook.results.run import Run

FIGURES: Final = (
    "orders", "refusals", "trades", "local_volume_wh", "district_volume_wh", "local_vwap_eur_per_mwh", "members",
    "members_trading", "traded_share_of_load", "local_share_of_withdrawal", "allocative_efficiency", "gains_realised",
    "gains_possible", "self_sufficiency", "self_consumption", "renewable_share", "lerner", "hhi", "profit_gini",
    "mean_saving", "median_saving", "share_lost", "fines", "incentives", "peak_import_w", "peak_export_w",
)  # fmt: skip
"""Figures of `wattbook.results.metrics` that are set side by side, with those of ``liquidity``."""
WHOLESALE: Final = (
    "spot_mean_eur_per_mwh", "imports_wh", "exports_wh", "hedge_ratio", "utility_cost", "utility_cost_eur_per_mwh",
    "utility_cost_variance", "utility_profit", "producer_revenue", "producer_cost", "producer_profit", "signed",
    "cascaded_wh", "margin_calls", "defaults", "customers_moved", "members_moved", "gateway_to_homes_wh",
    "gateway_from_homes_wh", "gateway_vwap_eur_per_mwh", "lerner", "hhi",
)  # fmt: skip
"""Figures of `wattbook.results.wholesale_metrics` that are set side by side where a run has a wholesale market."""
_OF_UTILITIES: Final = ("cost_eur_per_mwh", "cost_variance", "hedge_ratio", "profit")
_OF_PRODUCERS: Final = ("revenue", "profit", "revenue_at_risk", "output_wh")
DECILES: Final = 10
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `Run.compare` found; ``str`` of it is one screen, `to_dict` is all of it for programs.

    Attributes
    ----------
    a, b : dict
        What each run is: ``name``, ``seed``, ``fingerprint``, ``complete``, ``has_baseline``, ``mechanism``,
        ``start_ms``, ``period_ms``, ``periods``, ``timezone``, ``agents``, ``homes`` (their numbers).
    same : dict of str to bool
        ``journal``, ``commands`` (the agents' and the fixed processes'), ``scenario``, ``seed``.
    notes : tuple of str
        What cannot be compared, or only in part.
    scenario : list of dict
        See `wattbook.results.scenario_differences.scenario_differences`.
    versions, inputs : dict of str to dict
        Those that differ, by name: ``a`` and ``b``.
    figures, receipts : dict of str to dict
        ``a``, ``b`` and ``difference`` of each of `FIGURES` and of energy; and of what each group of accounts got less
        what it paid [1e-8 EUR]. A difference is None where a side is, or where both mean something else.
    decomposition : dict
        Of the difference between the runs, as a summary's between a run and its baseline:
        `wattbook.results.money.decomposition`.
    bills : dict
        Of the homes that both runs have: ``homes``, ``total``, ``mean`` and ``deciles`` [1e-8 EUR], by bill in A.
    winners : dict
        How many of them pay ``less``, the ``same`` and ``more`` in B, and the ``largest_gain`` and ``largest_loss``.
    first_difference : dict or None
        See `wattbook.results.divergence.Divergence`; None where all rows are the same.
    """

    a: dict[str, Any]
    b: dict[str, Any]
    same: dict[str, bool]
    notes: tuple[str, ...]
    scenario: list[dict[str, Any]]
    versions: dict[str, dict[str, str | None]]
    inputs: dict[str, dict[str, str | None]]
    figures: dict[str, dict[str, Any]]
    receipts: dict[str, dict[str, Any]]
    decomposition: dict[str, Any]
    bills: dict[str, Any]
    winners: dict[str, Any]
    first_difference: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain JSON values, a copy of their own."""
        told = {field.name: copy.deepcopy(getattr(self, field.name)) for field in fields(self)}
        return told | {"notes": list(self.notes)}

    def __str__(self) -> str:
        return comparison_text(self.to_dict())

    def __repr__(self) -> str:
        return f"<Comparison: {self.a['fingerprint'][:12]} with {self.b['fingerprint'][:12]}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def compare(a: Run, b: Run) -> Comparison:
    """Compare two runs.

    Raises
    ------
    ConfigError
        If they do not begin and end at the same moments.
    """
    _check_span(a.record, b.record)
    bills = _bills(a.record, b.record)
    journal = a.fingerprint == b.fingerprint
    split = None if journal else divergence(a.record, b.record)
    scenario = scenario_differences(a.info["scenario"], b.info["scenario"])
    return Comparison(
        a=_side(a),
        b=_side(b),
        same={
            "journal": journal,
            "commands": split is None or split.stream != "commands",
            "scenario": not scenario,
            "seed": a.seed == b.seed,
        },
        notes=tuple(_notes(a, b)),
        scenario=scenario,
        versions=mapping_differences(a.info["versions"], b.info["versions"]),
        inputs=mapping_differences(a.info["inputs"], b.info["inputs"]),
        figures=_figures(a, b),
        receipts=_paired(*(group_receipts(run.record, groups_of(a.record, b.record)) for run in (a, b))),
        decomposition=decomposition(b.record, a.record),
        bills=_bills_told(bills),
        winners=_winners(bills),
        first_difference=None if split is None else split._asdict(),
    )


def _check_span(a: Record, b: Record) -> None:
    """Refuse runs that are not of the same span of time."""
    problems = []
    if a.place.start_ms != b.place.start_ms:
        problems.append(
            f"A begins at {_moment(a)} and B at {_moment(b)}, and other days are no comparison: "
            "run one of the scenarios again with the other's start and timezone"
        )
    if (here := a.place.periods * a.place.period_ms) != (there := b.place.periods * b.place.period_ms):
        problems.append(
            f"A lasts {here / MS_PER_HOUR:g} h and B {there / MS_PER_HOUR:g} h: "
            "run one of the scenarios again with the other's days or hours, as with wattbook run --days"
        )
    if problems:
        raise ConfigError(problems)


def _moment(record: Record) -> str:
    clock = record.header["timezone"]
    return (
        f"{(_UNIX + timedelta(milliseconds=record.place.start_ms)).astimezone(ZoneInfo(clock)):%Y-%m-%d %H:%M} {clock}"
    )


def _side(run: Run) -> dict[str, Any]:
    place = run.record.place
    return {
        "name": run.info["scenario"].get("name"),
        "seed": run.seed,
        "fingerprint": run.fingerprint,
        "complete": run.record.complete,
        "has_baseline": run.baseline is not None,
        "mechanism": place.mechanism,
        "start_ms": place.start_ms,
        "period_ms": place.period_ms,
        "periods": place.periods,
        "timezone": run.record.header["timezone"],
        "agents": place.agents,
        "homes": int(place.homes.sum()),
    }


def _notes(a: Run, b: Run) -> Iterator[str]:
    here, there = a.record.place, b.record.place
    for side, run in zip("AB", (a, b), strict=True):
        if not run.record.complete:
            yield f"{side} was stopped before its end: its figures are of a part of the time"
    if here.names != there.names:
        only = (len(set(here.names) - set(there.names)), len(set(there.names) - set(here.names)))
        yield f"agents only in A: {only[0]:,}, only in B: {only[1]:,}; bills are of the homes that both have"
    if here.period_ms != there.period_ms:
        yield "periods differ in length: peaks are other means, products are not the same"
    if (a.baseline is None) != (b.baseline is None):
        yield "only one has a baseline: its profit_gini is of savings, the other's of receipts"
    if _consumption(a.record) != _consumption(b.record):
        yield "loads or generation differ: a real gain is also what these cost"


def _consumption(record: Record) -> tuple[int, int]:
    sums = meter_sums(record)
    return int(sums.load_wh.sum()), int(sums.generation_wh.sum())


# --- figures


def _figures(a: Run, b: Run) -> dict[str, dict[str, Any]]:
    here, there = _wholesale_of(a), _wholesale_of(b)
    # What only one of them has, a wholesale market or an agent in it, has no other side.
    here, there = ({**told, **_regulator_of(run)} for told, run in ((here, a), (there, b)))
    both = dict.fromkeys([*here, *there])
    pairs = _paired(
        {**_figures_of(a), **{name: here.get(name, _absent(name, here)) for name in both}},
        {**_figures_of(b), **{name: there.get(name, _absent(name, there)) for name in both}},
    )
    if (a.baseline is None) != (b.baseline is None):
        pairs["profit_gini"]["difference"] = None
    return pairs


def _figures_of(run: Run) -> dict[str, Any]:
    told, (load, generation), edge = run.metrics, _consumption(run.record), edge_wh(run.record)
    return {
        **{name: told[name] for name in FIGURES},
        **{f"liquidity.{name}": figure for name, figure in told["liquidity"].items()},
        "load_wh": load,
        "generation_wh": generation,
        "import_wh": int(np.maximum(edge, 0).sum()),
        "export_wh": int(np.maximum(-edge, 0).sum()),
        "losses_wh": int(run.record.streams["flows"]["losses_wh"].sum()),
    }


def _wholesale_of(run: Run) -> dict[str, Any]:
    """Figures of a run's wholesale market, those of its utilities and producers by name."""
    told = run.metrics.get("wholesale")
    if told is None:
        return {}
    found = {name: told[name] for name in WHOLESALE}
    found |= {f"dispatch.{name}": figure for name, figure in told["dispatch"].items()}
    quotas = [each["quota"] for each in told["utilities"].values() if each["quota"] is not None]
    found["buy_out_paid"] = sum(quota["buy_out_paid"] for quota in quotas)
    for kind, names in (("utilities", _OF_UTILITIES), ("producers", _OF_PRODUCERS)):
        for agent, figures in told[kind].items():
            found |= {f"{kind}.{agent}.{name}": figures[name] for name in names}
    return {f"wholesale.{name}": figure for name, figure in found.items()}


_OVERSIGHT: Final = (
    "findings", "disgorged", "refunds", "gain", "overcharge", "harm", "gouged_price_eur_per_mwh",
    "honest_price_eur_per_mwh",
)  # fmt: skip
"""Figures of `wattbook.results.oversight_metrics` that are set side by side where a run has a regulator."""


def _regulator_of(run: Run) -> dict[str, Any]:
    """Figures of a run's regulator, its sanctions by kind."""
    told = run.metrics.get("regulator")
    if told is None:
        return {}
    found = {name: told[name] for name in _OVERSIGHT}
    found |= {f"sanctions.{kind}": count for kind, count in told["sanctions"].items()}
    return {f"regulator.{name}": figure for name, figure in found.items()}


def _absent(name: str, figures: Mapping[str, Any]) -> int | None:
    """Give a figure that one side has not: a regulator without a kind of sanction imposed none."""
    return 0 if name.startswith("regulator.sanctions.") and "regulator.findings" in figures else None


def _paired(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: _pair(a[name], b[name]) for name in a}


def _pair(a: float | None, b: float | None) -> dict[str, Any]:
    return {"a": a, "b": b, "difference": _difference(a, b)}


def _difference(a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    # Figures have nine decimals; adding 0.0 takes the sign off a zero.
    return b - a if isinstance(a, int) and isinstance(b, int) else round(b - a, 9) + 0.0


# --- bills


@dataclass(frozen=True)
class _Bills:
    """What homes paid less what they got, (n,) each [1e-8 EUR], by name."""

    names: list[str]
    a: Ints
    b: Ints


def _bills(a: Record, b: Record) -> _Bills:
    """Give the bills of the homes that both runs have."""
    here, there = _places_of_homes(a), _places_of_homes(b)
    names = [name for name in here if name in there]
    first, other = (np.array([places[name] for name in names], np.int64) for places in (here, there))
    return _Bills(names, -received(a)[first], -received(b)[other])


def _places_of_homes(record: Record) -> dict[str, int]:
    place = record.place
    return {place.names[row]: row for row in np.flatnonzero(place.homes).tolist()}


def _bills_told(bills: _Bills) -> dict[str, Any]:
    order = np.argsort(bills.a, kind="stable")
    parts = [part for part in np.array_split(order, DECILES) if len(part)]
    return {
        **_sum_and_mean(bills.a, bills.b),
        "deciles": [_sum_and_mean(bills.a[part], bills.b[part]) for part in parts],
    }


def _sum_and_mean(a: Ints, b: Ints) -> dict[str, Any]:
    count, sums = len(a), (int(a.sum()), int(b.sum()))
    means = [half_even(total, count) if count else None for total in sums]
    return {"homes": count, "total": _pair(*sums), "mean": _pair(*means)}


def _winners(bills: _Bills) -> dict[str, Any]:
    change = bills.b - bills.a
    least, most = (int(change.argmin()), int(change.argmax())) if len(change) else (0, 0)
    return {
        "less": int((change < 0).sum()),
        "same": int((change == 0).sum()),
        "more": int((change > 0).sum()),
        "largest_gain": _bill_of(bills, least) if (change < 0).any() else None,
        "largest_loss": _bill_of(bills, most) if (change > 0).any() else None,
    }


def _bill_of(bills: _Bills, row: int) -> dict[str, Any]:
    return {"agent": bills.names[row], **_pair(int(bills.a[row]), int(bills.b[row]))}

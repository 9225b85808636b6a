"""The figures of a run, for `wattbook show --json`: computed from its record and its baseline's alone.

All money is whole 1e-8 EUR, as in the tables; a share that has nothing to be a share of is None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.messages import Cause, Path, Venue
from wattbook.results.advice import advice_metrics
from wattbook.results.answers import answers
from wattbook.results.efficiency import efficiency
from wattbook.results.energy import energy_errors, meter_sums, place_shares, share
from wattbook.results.incentives import figures
from wattbook.results.liquidity import concentration, liquidity
from wattbook.results.money import decomposition, money_errors, money_of, received
from wattbook.results.oversight_metrics import oversight_metrics
from wattbook.results.wholesale_metrics import wholesale_metrics
from wattbook.units import TICKS_PER_EUR_PER_MWH, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Place, Record

MEASURED: Final = ("wakes", "wall_s", "cpu_s")
"""What the journal cannot tell: the figures that come with the run."""


def metrics(record: Record, baseline: Record | None, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Compute every figure of a run.

    Parameters
    ----------
    measured : mapping
        `MEASURED`.
    """
    energy, money = energy_errors(record), money_errors(record)
    return {
        "fingerprint": record.fingerprint,
        **_activity(record),
        **efficiency(record),
        **place_shares(record),
        "lerner": lerner(record),
        "hhi": concentration(record),
        "liquidity": liquidity(record),
        **_savings(record, baseline),
        "fines": -_received(record, Cause.FINE),
        "incentives": _received(record, Cause.INCENTIVE, Cause.CLAWBACK),
        "money_sum": int(money_of(record).sum()),
        "money_errors": money,
        "energy_residual_wh": sum(energy.values()),
        "energy_errors_wh": energy,
        "baseline": None if baseline is None else _baseline(record, baseline),
        **({} if record.wholesale is None else {"wholesale": wholesale_metrics(record)}),
        **({"regulator": oversight_metrics(record)} if "regulator" in record.header else {}),
        **({} if "incentives" not in record.header else {"green": figures(record, money_of(record))}),
        **({} if record.advice is None else {"language_model": advice_metrics(record.advice)}),
        **{name: measured.get(name) for name in MEASURED},
    }


def _activity(record: Record) -> dict[str, Any]:
    """Orders, trades, volumes and the mean price.

    ``orders`` counts accepted submissions, ``refusals`` commands that were refused. ``traded_share_of_load`` is the
    local volume, traded or shared, over the metered loads; ``local_share_of_withdrawal`` counts energy once however
    often it was resold: what came by the feeder's or the district's path, of all that was withdrawn. What came through
    a gateway is not local, by whatever path.
    """
    place, shares, flows, answered = record.place, record.shares, record.streams["flows"], answers(record)
    received = np.maximum(shares["shared_wh"], 0)
    trades, volume, value = 0, int(received.sum()), int((shares["price_tick"] * received).sum())
    in_district = int(received[place.venues[shares["book"]] == Venue.DISTRICT].sum())
    trading = np.zeros(place.agents, np.bool_)
    trading[shares["agent"]] = True
    for rows in record.pieces("trades", only=("book", "buyer", "seller", "price_tick", "quantity_wh")):
        venue, quantity = place.venues[rows["book"]], rows["quantity_wh"]
        local = venue != Venue.WHOLESALE
        trades += len(local)
        volume += int(quantity[local].sum())
        value += int((rows["price_tick"] * quantity)[local].sum())
        in_district += int(quantity[venue == Venue.DISTRICT].sum())
        trading[rows["buyer"]] = trading[rows["seller"]] = True
    return {
        "orders": answered.accepted,
        "refusals": answered.refused,
        "trades": trades,
        "local_volume_wh": volume,
        "district_volume_wh": in_district,
        "local_vwap_eur_per_mwh": share(value, volume * TICKS_PER_EUR_PER_MWH),
        "members": int(place.members.sum()),
        "members_trading": int((place.members & trading).sum()),
        "traded_share_of_load": share(volume, meter_sums(record).load_wh.sum()),
        "local_share_of_withdrawal": share(
            flows["flow_wh"][_came_locally(place, flows["path"])].sum(), flows["flow_wh"].sum()
        ),
    }


def _came_locally(place: Place, path: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which paths (n,) neighbours' energy came by: the district's is a gateway's where there is one."""
    local: NDArray[np.bool_] = (path == Path.FEEDER) if place.has_gateway else (path != Path.STANDARD)
    return local


def lerner(record: Record) -> float | None:
    """Compute the Lerner index: the mean of (P - c)/P over local trades, weighted by volume.

    P is the trade's price; c, the proxy of the seller's cost, is what its utility would have paid it in that
    period (its feed-in tariff). Trades at a price of zero or below are left out, as the index does not exist there.
    """
    place = record.place
    margin, volume = 0.0, 0
    for rows in record.blocks("trades", only=("book", "period", "seller", "price_tick", "quantity_wh")):
        local = place.venues[rows["book"]] != Venue.WHOLESALE
        supplied = np.flatnonzero(local & place.homes[rows["seller"]] & (rows["price_tick"] > 0))
        price, weight = rows["price_tick"][supplied], rows["quantity_wh"][supplied]
        period = rows["period"][supplied]
        cost = place.feed_in_tick[place.utility_at(rows["seller"][supplied], period), period]
        margin += float((weight * (price - cost) / price).sum())
        volume += int(weight.sum())
    return share(margin, volume)


def gini(amounts: Ints) -> float | None:
    """Compute the Gini coefficient of amounts (n,) that may be negative, between 0 and 1.

    The sum of all |x_i - x_j| over 2 n times the sum of all |x_i|: the usual coefficient where no amount is
    negative. None where all are 0.
    """
    ordered = np.sort(amounts).astype(np.float64)
    rank = 2 * np.arange(len(ordered)) - len(ordered) + 1
    return share(2 * (rank * ordered).sum(), 2 * len(ordered) * np.abs(ordered).sum())


def _savings(record: Record, baseline: Record | None) -> dict[str, Any]:
    """Say what the members won or lost; without a baseline, `profit_gini` is that of what they received."""
    members = record.place.members
    got = received(record)[members]
    if baseline is None or not len(got):
        return {"profit_gini": gini(got), "mean_saving": None, "median_saving": None, "share_lost": None}
    saving = got - received(baseline)[members]
    return {
        "profit_gini": gini(saving),
        "mean_saving": half_even(int(saving.sum()), len(saving)),
        "median_saving": _median(saving),
        "share_lost": share((saving < 0).sum(), len(saving)),
    }


def _median(amounts: Ints) -> int:
    ordered = np.sort(amounts)
    middle = ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]
    return half_even(int(middle), 2)


def _baseline(record: Record, baseline: Record) -> dict[str, Any]:
    homes, bills = record.place.homes, -received(baseline)
    shares = place_shares(baseline)
    return {
        "fingerprint": baseline.fingerprint,
        "bills": {name: int(bill) for name, bill in zip(baseline.place.names, bills, strict=True)},
        "total": int(bills[homes].sum()),
        "total_here": -int(received(record)[homes].sum()),
        "decomposition": decomposition(record, baseline),
        "self_sufficiency": shares["self_sufficiency"],
        "self_consumption": shares["self_consumption"],
        "peak_import_w": shares["peak_import_w"],
        "energy_residual_wh": sum(energy_errors(baseline).values()),
    }


def _received(record: Record, *causes: Cause) -> int:
    """Money that the agents got for `causes`; what they paid is negative [1e-8 EUR]."""
    return int(money_of(record)[: record.place.agents, list(causes)].sum())

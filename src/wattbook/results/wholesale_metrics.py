"""The figures of a wholesale market: what utilities and producers made of it, from the record alone.

Money is whole 1e-8 EUR, energy whole Wh; prices and ratios are rounded to nine decimals. A share that has nothing to be
a share of is None. Days are the place's own calendar days. Money counts on the day on which it was posted; margin and
collateral are not counted, as they come back.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from wattbook.contracts import Event, Kind
from wattbook.messages import CONTRACTS, MOVES, POSITIONS, SERVED, SPOT, SUPPLY, SWITCHES, Action, Cause
from wattbook.results.energy import meter_sums, share
from wattbook.results.gateway import deals, group_net_wh
from wattbook.results.market_power import market_power
from wattbook.results.money import money_of, received
from wattbook.results.wholesale_energy import (
    NOBODY,
    by_group,
    contract_periods,
    picked,
    settled,
    signed_contracts,
    spec_kinds,
)
from wattbook.results.wholesale_money import money_held
from wattbook.units import PPM, TICKS_PER_EUR_PER_MWH, half_even

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record
    from wattbook.results.wholesale_header import WholesalePlace

_UNIX: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DECILES: Final = 10
RISK: Final = 0.05
"""Quantile of daily revenue that is set against its mean."""
_HOURS: Final = 24
_WH_PER_CERTIFICATE: Final = 1_000_000
_GROWS: Final = (Event.NOVATED, Event.CASCADED_INTO)
PROCUREMENT: Final = (
    Cause.SPOT, Cause.TRADE, Cause.IMBALANCE, Cause.DELIVERY, Cause.VARIATION, Cause.PREMIUM, Cause.PENALTY,
)  # fmt: skip
"""What energy costs who buys it and brings who sells it."""


class _Book(NamedTuple):
    """What the figures are made of.

    Attributes
    ----------
    market : WholesalePlace
    days : list of str
        Local days of the run, in order.
    day : (p,) int64
        Day of each period.
    hour : (p,) int64
        Local hour of its start.
    known : (p,) bool
        Settled periods.
    money : (g, days) int64
        What procurement brought each group.
    income : (g, days) int64
        What retail brought it, less feed-in.
    contracted, spot, metered : (g, p) int64
    price : (p,) int64
        Day-ahead price.
    """

    market: WholesalePlace
    days: list[str]
    day: Ints
    hour: Ints
    known: NDArray[np.bool_]
    money: Ints
    income: Ints
    contracted: Ints
    spot: Ints
    metered: Ints
    price: Ints


def wholesale_metrics(record: Record) -> dict[str, Any]:
    """Compute the figures of a run's wholesale market.

    Raises
    ------
    ValueError
        If the run has none.
    """
    if record.wholesale is None:
        raise ValueError("the run has no wholesale market")
    book = _book(record)
    return {
        **_prices(record, book),
        **_utilities(record, book),
        **_producers(record, book),
        **market_power(book.market, book.price, book.spot, book.contracted),
        "bill_deciles": _bill_deciles(record),
        "hedge_ratio": _hedge_ratio(book),
        "hedge_ratio_by_day": _by_day(book, _hedge_by_day(book)),
        **_desk(record, book),
        **_gateway(record),
        "customers_moved": int(record.rows(SWITCHES)["customers"].sum()) if book.market.has_retail else None,
        "members_moved": len(record.rows(MOVES)["agent"]) if book.market.has_members else None,
        "dispatch": dispatch(record),
    }


def _book(record: Record) -> _Book:
    place, market = record.place, record.wholesale
    assert market is not None
    zone = ZoneInfo(record.header["timezone"])
    starts = [
        (_UNIX + dt.timedelta(milliseconds=place.start_ms + period * place.period_ms)).astimezone(zone)
        for period in range(place.periods)
    ]
    days = list(dict.fromkeys(start.date().isoformat() for start in starts))
    number = {day: place for place, day in enumerate(days)}
    day = np.array([number[start.date().isoformat()] for start in starts], np.int64)
    money, income = np.zeros((2, len(market.groups), len(days)), np.int64)
    group = np.append(market.group_of, np.full(len(place.accounts) - place.agents, -1))
    for rows in record.pieces("postings", only=("account", "cause", "period", "amount")):
        row = group[rows["account"]]
        mine = (row >= 0) & (rows["period"] >= 0)
        for total, causes in ((money, PROCUREMENT), (income, (Cause.RETAIL, Cause.FEED_IN))):
            some = mine & np.isin(rows["cause"], causes)
            np.add.at(total, (row[some], day[rows["period"][some]]), rows["amount"][some])
    price = np.zeros(place.periods, np.int64)
    told = record.rows(SPOT)
    price[told["period"]] = told["price_tick"]
    contracted, spot, metered = (
        by_group(record, POSITIONS, f"{name}_wh") for name in ("contracted", "spot", "metered")
    )
    hour = np.array([start.hour for start in starts], np.int64)
    return _Book(market, days, day, hour, settled(record), money, income, contracted, spot, metered, price)


def _per_mwh(money: int, energy_wh: int) -> float | None:
    """Money [1e-8 EUR] over energy, in EUR/MWh."""
    return share(money, energy_wh * TICKS_PER_EUR_PER_MWH)


def _by_day(book: _Book, values: list[Any]) -> dict[str, Any]:
    return dict(zip(book.days, values, strict=True))


def _sums_by_day(book: _Book, column: Ints) -> Ints:
    """Sum a column (p,) by day (days,)."""
    total = np.zeros(len(book.days), np.int64)
    np.add.at(total, book.day, column)
    return total


# --- the day-ahead market


def _prices(record: Record, book: _Book) -> dict[str, Any]:
    rows = record.rows(SPOT)
    # Where nobody asks and nobody offers the outside's price stands in the table, but nobody could have had it.
    open_ = rows["offered_wh"] + rows["wanted_wh"] > 0
    if not open_.any():
        open_[:] = True
    price, period = rows["price_tick"][open_], rows["period"][open_]
    count, sums = np.zeros((2, _HOURS), np.int64)
    np.add.at(count, book.hour[period], 1)
    np.add.at(sums, book.hour[period], price)
    imported = rows["imported_wh"]
    return {
        "is_auction": book.market.is_auction,
        "spot_mean_eur_per_mwh": share(int(price.sum()), len(price) * TICKS_PER_EUR_PER_MWH),
        "spot_min_eur_per_mwh": share(int(price.min()), TICKS_PER_EUR_PER_MWH) if len(price) else None,
        "spot_max_eur_per_mwh": share(int(price.max()), TICKS_PER_EUR_PER_MWH) if len(price) else None,
        "spot_by_hour_eur_per_mwh": [
            share(int(total), int(number) * TICKS_PER_EUR_PER_MWH)
            for total, number in zip(sums.tolist(), count.tolist(), strict=True)
        ],
        "spot_bought_wh": int(rows["bought_wh"].sum()),
        "spot_sold_wh": int(rows["sold_wh"].sum()),
        "imports_wh": int(np.maximum(imported, 0).sum()),
        "exports_wh": int(np.maximum(-imported, 0).sum()),
    }


# --- utilities


def _utilities(record: Record, book: _Book) -> dict[str, Any]:
    place, market = record.place, book.market
    rows = market.group_of[place.supplier].tolist()
    got = received(record)
    told = {}
    for agent, row in zip(place.supplier.tolist(), rows, strict=True):
        drawn, cost = int(book.metered[row].sum()), -int(book.money[row].sum())
        by_day = _cost_by_day(book, -book.money[row], book.metered[row])
        known = [each for each in by_day if each is not None]
        told[place.names[agent]] = {
            "metered_wh": drawn,
            "contracted_wh": int(book.contracted[row].sum()),
            "spot_wh": int(book.spot[row].sum()),
            "cost": cost,
            "cost_eur_per_mwh": _per_mwh(cost, drawn),
            "cost_by_day_eur_per_mwh": _by_day(book, by_day),
            "cost_variance": _variance(known),
            "income": int(book.income[row].sum()),
            "profit": int(got[agent]),
            "hedge_ratio": share(int(book.contracted[row].sum()), drawn),
            "customers": market.customers.get(agent, 0),
            "quota": _quota(record, agent),
        }
    energy, cost = int(book.metered[rows].sum()), -int(book.money[rows].sum())
    all_cost, all_drawn = -book.money[rows].sum(axis=0), book.metered[rows].sum(axis=0)
    whole = [each for each in _cost_by_day(book, all_cost, all_drawn) if each is not None]
    return {
        "utilities": told,
        "utility_cost": cost,
        "utility_cost_eur_per_mwh": _per_mwh(cost, energy),
        "utility_cost_variance": _variance(whole),
        "utility_profit": int(got[place.supplier].sum()),
    }


def _cost_by_day(book: _Book, cost: Ints, metered: Ints) -> list[float | None]:
    drawn = _sums_by_day(book, metered)
    return [_per_mwh(int(money), int(wh)) for money, wh in zip(cost.tolist(), drawn.tolist(), strict=True)]


def _variance(values: list[float]) -> float | None:
    """Mean squared distance from the mean; None of fewer than two."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return round(math.fsum((value - mean) ** 2 for value in values) / len(values), 9)


def _quota(record: Record, agent: int) -> dict[str, Any] | None:
    """Guarantees that a utility has used against what it owed by its last date; None without a quota."""
    market, rows = record.wholesale, record.rows(CONTRACTS)
    assert market is not None
    if agent not in market.quota_ppm:
        return None
    retired = picked(rows, Event.CERTIFICATES_RETIRED) & (rows["seller"] == agent)
    covered = picked(rows, Event.COMPLIED) & (rows["buyer"] == agent)
    bought = picked(rows, Event.BOUGHT_OUT) & (rows["buyer"] == agent)
    sales = _own_sales(record, agent, int(rows["command"][covered].max(initial=-1)))
    owed = int(rows["quantity_wh"][covered | bought].sum())
    return {
        "quota": share(market.quota_ppm[agent], PPM),
        "own_sales_wh": sales,
        "owed_wh": owed,
        "cancelled": int(rows["quantity_wh"][retired].sum()) // _WH_PER_CERTIFICATE,
        "covered_wh": int(rows["quantity_wh"][covered].sum()),
        "renewable_share": share(int(rows["quantity_wh"][covered].sum()), sales),
        "bought_out_wh": int(rows["quantity_wh"][bought].sum()),
        "buy_out_paid": int(rows["amount"][bought].sum()),
    }


def _own_sales(record: Record, agent: int, until: int) -> int:
    """Sum what a utility sold to those it stands for and to homes, in periods settled before the command `until`."""
    place, market = record.place, record.wholesale
    assert market is not None
    before = np.zeros(place.periods, np.bool_)
    for block in record.pieces("commands", only=("seq", "action", "period")):
        mine = (block["action"] == Action.SETTLE) & (block["seq"] < until)
        before[block["period"][mine]] = True
    served = by_group(record, SERVED, "energy_wh")[market.group_of[agent]]
    residual = meter_sums(record).residual_wh[np.flatnonzero(place.supplier == agent)].sum(axis=0)
    return int((served + np.maximum(residual, 0))[before].sum())


# --- producers


def _producers(record: Record, book: _Book) -> dict[str, Any]:
    place, market = record.place, book.market
    money, got, held = money_of(record), received(record), money_held(record)
    rows = record.rows(SUPPLY)
    told = {}
    for plant, agent in enumerate(market.producers.tolist()):
        row, mine = int(market.group_of[agent]), rows["agent"] == agent
        revenue = book.money[row]
        output, available = int(rows["output_wh"][mine].sum()), int(rows["available_wh"][mine].sum())
        told[place.names[agent]] = {
            "plant": market.kinds[plant],
            "capacity_w": int(rows["capacity_w"][mine][-1]) if mine.any() else int(market.capacity_w[plant]),
            "output_wh": output,
            "available_wh": available,
            "contracted_wh": -int(book.contracted[row].sum()),
            "revenue": int(revenue.sum()),
            "fuel": -int(money[agent, Cause.FUEL]),
            "investment": -int(money[agent, Cause.INVESTMENT]),
            "profit": int(got[agent]),
            "margin_held": int(held[agent]),
            "revenue_eur_per_mwh": _per_mwh(int(revenue.sum()), output),
            "revenue_at_risk": revenue_at_risk(revenue),
        }
    columns = money[market.producers]
    return {
        "producers": told,
        "producer_revenue": int(book.money[market.group_of[market.producers]].sum()),
        "producer_cost": -int(columns[:, Cause.FUEL].sum() + columns[:, Cause.INVESTMENT].sum()),
        "producer_profit": int(got[market.producers].sum()),
    }


def revenue_at_risk(daily: Ints) -> float | None:
    """Say how far a bad day's revenue lies below the mean day's, as a share of it: 1 - quantile / mean.

    The quantile is the least of the `daily` revenues (days,) that at least 5 % of them do not exceed; with fewer than
    twenty days that is the worst day. None where the mean is not above 0.

    >>> revenue_at_risk(np.array([100, 50, 150]))
    0.5
    """
    total = int(daily.sum())
    if total <= 0:
        return None
    low = int(np.sort(daily)[max(math.ceil(RISK * len(daily)), 1) - 1])
    return share(total - low * len(daily), total)


# --- homes


def _gateway(record: Record) -> dict[str, Any]:
    """Compute what homes bought and sold through the gateway; all None without one.

    ``gateway_to_homes_wh``, ``gateway_from_homes_wh``
        Bought by homes from utilities and producers, and sold to them.
    ``gateway_vwap_eur_per_mwh``
        Mean price of all its trades, by energy.
    """
    names = ("gateway_to_homes_wh", "gateway_from_homes_wh", "gateway_vwap_eur_per_mwh")
    place = record.place
    if not place.has_gateway:
        return dict.fromkeys(names)
    to_homes = from_homes = volume = value = 0
    for rows in deals(record):
        energy, buys, sells = rows["quantity_wh"], place.homes[rows["buyer"]], place.homes[rows["seller"]]
        to_homes += int(energy[buys & ~sells].sum())
        from_homes += int(energy[sells & ~buys].sum())
        volume += int(energy.sum())
        value += int((rows["price_tick"] * energy).sum())
    return dict(zip(names, (to_homes, from_homes, _per_mwh(value, volume)), strict=True))


def _bill_deciles(record: Record) -> list[int]:
    """Mean bill [1e-8 EUR] of ten groups of members as equal in number as can be, from the lowest bills on."""
    bills = np.sort(-received(record)[record.place.members])
    return [half_even(int(part.sum()), len(part)) for part in np.array_split(bills, DECILES) if len(part)]


# --- hedges and the desk


def _hedged(book: _Book) -> tuple[Ints, Ints]:
    """Sum what utilities contracted and drew in each period, (p,) each."""
    is_utility = np.ones(len(book.market.groups), np.bool_)
    is_utility[book.market.group_of[book.market.producers]] = False
    return book.contracted[is_utility].sum(axis=0), book.metered[is_utility].sum(axis=0)


def _hedge_ratio(book: _Book) -> float | None:
    contracted, drawn = _hedged(book)
    return share(int(contracted.sum()), int(drawn.sum()))


def _hedge_by_day(book: _Book) -> list[float | None]:
    contracted, drawn = (_sums_by_day(book, column).tolist() for column in _hedged(book))
    return [share(some, whole) for some, whole in zip(contracted, drawn, strict=True)]


def _desk(record: Record, book: _Book) -> dict[str, Any]:
    # Without a desk there may still be one that keeps guarantees. What can be signed begins after the run does.
    if not (book.market.first_period > 0).any():
        nothing = dict.fromkeys(("signed", "cascaded_wh", "margin_calls", "defaults"), 0)
        return {"forwards": [], "open_interest_by_day_wh": None, **nothing}
    rows = record.rows(CONTRACTS)
    bought = picked(rows, Event.CASCADED) & (rows["buyer"] != NOBODY)
    return {
        "forwards": _forwards(record, book),
        "open_interest_by_day_wh": _by_day(book, _open_interest(record, book)),
        "signed": int(picked(rows, Event.SIGNED).sum()),
        "cascaded_wh": int(rows["quantity_wh"][bought].sum()),
        "margin_calls": int(picked(rows, Event.CALLED).sum()),
        "defaults": int(picked(rows, Event.DEFAULTED).sum()),
    }


def _forwards(record: Record, book: _Book) -> list[dict[str, Any]]:
    """Mean price of each product's signings, by energy, beside the spot price in its periods, by its profile."""
    market, rows, place = book.market, record.rows(CONTRACTS), record.place
    # A share of output has no energy of its own.
    mine = picked(rows, Event.SIGNED) & (spec_kinds(record, rows) != Kind.PPA)
    found = []
    for spec in np.unique(rows["spec"][mine]).tolist():
        here = mine & (rows["spec"] == spec)
        energy = int(rows["quantity_wh"][here].sum())
        value = sum(
            tick * wh
            for tick, wh in zip(rows["price_tick"][here].tolist(), rows["quantity_wh"][here].tolist(), strict=True)
        )
        lot = market.wh(spec, place.periods)
        over = bool(book.known[lot > 0].all()) and int(lot.sum()) == int(market.lot_wh[spec])
        first = int(market.first_period[spec])
        price, spot = _per_mwh(value, energy), _per_mwh(int((lot * book.price).sum()), int(lot.sum())) if over else None
        found.append(
            {
                "contract": market.specs[spec],
                "day": book.days[int(book.day[first])] if first < place.periods else None,
                "signed_wh": energy,
                "price_eur_per_mwh": price,
                "spot_eur_per_mwh": spot,
                "premium_eur_per_mwh": None if spot is None or price is None else round(price - spot, 9),
            }
        )
    return found


def _open_interest(record: Record, book: _Book) -> list[int]:
    """Energy that is signed and not delivered yet, at the end of each day [Wh]; shares of output have none."""
    market, rows, place = book.market, record.rows(CONTRACTS), record.place
    ends = [int(np.flatnonzero(book.day == day)[-1]) + 1 for day in range(len(book.days))]
    until = [place.start_ms + end * place.period_ms for end in ends]
    left = np.zeros((len(market.specs), len(ends)), np.int64)
    for spec in range(len(market.specs)):
        left[spec] = market.lot_wh[spec] - np.cumsum(market.wh(spec, place.periods))[np.array(ends) - 1]
    total = np.zeros(len(ends), np.int64)
    for (spec, _), steps in _lots(record).items():
        held = np.array([sum(lots for at_ms, lots in steps if at_ms <= end) for end in until], np.int64)
        total += np.maximum(held, 0) * left[spec]
    signed = picked(rows, Event.SIGNED)
    times = dict(zip(rows["contract"][signed].tolist(), rows["time_ms"][signed].tolist(), strict=True))
    gone = picked(rows, Event.CANCELLED)
    ended = dict(zip(rows["contract"][gone].tolist(), rows["time_ms"][gone].tolist(), strict=True))
    for each in signed_contracts(record):
        if market.spec_kind[each.spec] != Kind.PPA:
            here = [times[each.number] <= end < ended.get(each.number, 1 << 62) for end in until]
            total += np.array(here) * each.quantity * left[each.spec]
    return [int(wh) for wh in total]


def _lots(record: Record) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Give the changes of each position in futures by (spec, agent): (time, lots)."""
    market, rows, place = record.wholesale, record.rows(CONTRACTS), record.place
    assert market is not None
    mine = picked(rows, *_GROWS, Event.CASCADED, Event.CLOSED_OUT, Event.TORN_UP)
    names = ("event", "time_ms", "buyer", "seller", "spec", "quantity_wh")
    settles = contract_periods(record)[mine].tolist()
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    columns = zip(*(rows[name][mine].tolist() for name in names), settles, strict=True)
    for event, at_ms, buyer, seller, spec, energy, period in columns:
        # What is delivered by then is no part of a row's energy; what a settlement closes or cascades, it does before.
        past = max(0, (at_ms - place.start_ms) // place.period_ms) if period < 0 else period
        left = int(market.lot_wh[spec]) - int(market.wh(spec, place.periods)[:past].sum())
        sign = (1 if buyer != NOBODY else -1) * (1 if event in _GROWS else -1)
        agent = buyer if buyer != NOBODY else seller
        found.setdefault((spec, agent), []).append((at_ms, sign * energy // left if left else 0))
    return found


# --- welfare


def dispatch(record: Record) -> dict[str, Any]:
    """Set what the groups' energy cost to make and import against the least that it could have cost.

    Demand does not bend at spot, so who gets the surplus aside, welfare is what is not spent: fuel at the plants' own
    marginal costs, and the net import at the outside's price. The least is found period by period by merit order:
    within what weather and outages left available, and with as much from or to outside as the link holds (or as was
    in fact imported, if that was more). Minimum output and ramps are left out, so no market may reach it.

    ``production_cost``, ``import_cost``, ``cost``
        As it was [1e-8 EUR].
    ``least_cost``
        The least.
    ``extra_cost``
        The difference, at least 0.
    ``efficiency``
        What the plants inside saved against importing everything, of the most that they could have saved.
    """
    market, place = record.wholesale, record.place
    assert market is not None
    known = settled(record)
    output, available = by_group(record, SUPPLY, "output_wh"), by_group(record, SUPPLY, "available_wh")
    rows = market.group_of[market.producers]
    output, available = output[rows], np.maximum(available[rows], output[rows])
    # What homes bought through a gateway was drawn on top of what the groups' meters show.
    net = by_group(record, POSITIONS, "metered_wh").sum(axis=0) - group_net_wh(record).sum(axis=0) * known
    outside = np.array(record.header["spot_tick"], np.int64)
    demand = net + output.sum(axis=0)
    production = int((output * market.marginal_tick[:, None]).sum())
    imports = int((net * outside)[known].sum())
    reach = np.maximum(market.link_wh, np.abs(net))
    missing, least = demand.copy(), np.zeros(place.periods, np.int64)
    for plant in np.argsort(market.marginal_tick, kind="stable").tolist():
        cost = int(market.marginal_tick[plant])
        # One cheaper than the outside runs for export as well; a dearer one only for what the link cannot bring.
        room = np.where(cost < outside, missing + reach, missing - reach)
        runs = np.clip(room, 0, available[plant])
        missing -= runs
        least += runs * cost
    least_cost = int((least + missing * outside)[known].sum())
    alone = int((demand * outside)[known].sum())
    return {
        "production_cost": production,
        "import_cost": imports,
        "cost": production + imports,
        "least_cost": least_cost,
        "extra_cost": production + imports - least_cost,
        "efficiency": share(alone - production - imports, alone - least_cost),
    }

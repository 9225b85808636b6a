"""A day of a small wholesale market as its regulator's record has it, without running the engine.

Some producers and one town on an island or behind a link, all orders at one session. What is cleared is cleared by the
market's own rule (`wattbook.market.day_ahead.clear`); what a journal would say of it is laid out as columns.
`as_scenario` gives the scenario whose run writes the same, for checks of a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.market.day_ahead import Session, clear
from wattbook.messages import BUY, SELL, Action
from wattbook.regulator import Known
from wattbook.units import MS_PER_DAY, MS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from wattbook import Scenario
    from wattbook.market.day_ahead import Outcome

    Ints = NDArray[np.int64]
    Columns = dict[str, NDArray[Any]]

START_MS: Final = 1_465_164_000_000
"""2016-06-06 00:00 in Berlin."""
FLOOR_TICK: Final = -50_000
CAP_TICK: Final = 400_000
W_PER_KW: Final = 1_000


@dataclass(frozen=True)
class Island:
    """One market day: `n` producers, `p` periods, the town comes last.

    Attributes
    ----------
    capacity_w : (n,) int64
        A plant gives that much in every period.
    reference_tick, offer_tick : (n, p) int64
        What a MWh is taken to cost, and what its owner asks.
    demand_wh : (p,) int64
        Of the town; it bids at the cap.
    sold_ahead_wh : (n, p) int64
        To the town, by contract.
    turnover : (n,) int64
        Of the year before [1e-8 EUR].
    outside_tick : (p,) int64
    link_wh, link_tick : int
        0 is an island.
    kept_wh : (n, p) int64, optional
        What each producer could give and does not offer.
    """

    capacity_w: Ints
    reference_tick: Ints
    offer_tick: Ints
    demand_wh: Ints
    sold_ahead_wh: Ints
    turnover: Ints
    outside_tick: Ints
    link_wh: int = 0
    link_tick: int = 2_000
    period_ms: int = MS_PER_HOUR
    kept_wh: Ints | None = None

    @property
    def producers(self) -> int:
        """Number of producers; the town's row."""
        return len(self.capacity_w)

    @property
    def periods(self) -> int:
        """Number of periods."""
        return len(self.demand_wh)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all agents, sorted."""
        return (*(f"plant-{row:02d}" for row in range(self.producers)), "town")

    @property
    def available_wh(self) -> Ints:
        """What each plant can give in a period (n,) [Wh]."""
        return self.capacity_w * self.period_ms // MS_PER_HOUR

    @property
    def end_ms(self) -> int:
        """End of the last period."""
        return START_MS + self.periods * self.period_ms


def island(
    capacity_kw: Iterable[int],
    reference_tick: Iterable[Any],
    demand_kw: Any,
    *,
    offer_tick: Mapping[int, int] | None = None,
    sold_ahead_kw: Mapping[int, int] | None = None,
    turnover_eur: int = 0,
    outside_tick: Any = 9_000,
    periods: int = 1,
    **given: Any,
) -> Island:
    """Describe an island; numbers stand for all periods, offers that are not given are at reference.

    Parameters
    ----------
    offer_tick, sold_ahead_kw : mapping of int to int
        By producer.
    """
    capacity_w = np.array(list(capacity_kw), np.int64) * W_PER_KW
    size = (len(capacity_w), periods)
    reference = np.array(list(reference_tick), np.int64)
    reference = np.broadcast_to(reference.reshape(size[0], -1), size)
    offer, sold = reference.copy(), np.zeros(size, np.int64)
    for row, tick in (offer_tick or {}).items():
        offer[row] = tick
    for row, power_kw in (sold_ahead_kw or {}).items():
        sold[row] = power_kw * W_PER_KW
    demand = np.broadcast_to(np.array(demand_kw, np.int64) * W_PER_KW, periods)
    return Island(
        capacity_w, reference, offer, demand, sold, np.full(size[0], turnover_eur * 100_000_000),
        np.broadcast_to(np.array(outside_tick, np.int64), periods), **given,
    )  # fmt: skip


# --- the record


def known_of(place: Island) -> Known:
    """Give what a regulator knows of an island before it reads a row."""
    n, p = place.producers, place.periods
    town = np.array([n], np.int64)
    return Known(
        names=place.names,
        kinds=("producer",) * n + ("utility",),
        start_ms=START_MS,
        period_ms=place.period_ms,
        periods=p,
        timezone="Europe/Berlin",
        books=(),
        feeder=np.full(n + 1, -1),
        utility=np.full(n + 1, -1),
        closes_before_ms=0,
        suppliers=town,
        retail_tick=np.full((1, p), 30_000),
        feed_in_tick=np.full((1, p), 5_000),
        customers={n: 1},
        quota_ppm={},
        producers=np.arange(n),
        plant_kinds=("gas",) * n,
        capacity_w=place.capacity_w,
        reference_tick=place.reference_tick,
        auction=True,
        floor_tick=FLOOR_TICK,
        cap_tick=CAP_TICK,
        link_wh=place.link_wh,
        link_tick=place.link_tick,
        outside_tick=place.outside_tick,
        turnover=np.append(place.turnover, 0),
    )


def orders_of(place: Island) -> Ints:
    """Orders as they come (m, 5): period, agent, side, limit [ticks], quantity [Wh]; agent by agent.

    A producer offers what it has not sold ahead, and buys back what it has where that is cheaper than its fuel.
    """
    rows = []
    for agent in range(place.producers):
        able = int(place.available_wh[agent])
        for period in range(place.periods):
            owed = int(place.sold_ahead_wh[agent, period])
            kept = 0 if place.kept_wh is None else int(place.kept_wh[agent, period])
            rows.append((period, agent, SELL, int(place.offer_tick[agent, period]), able - owed - kept))
            rows.append((period, agent, BUY, int(place.reference_tick[agent, period]) - 1, min(able, owed)))
    missing = place.demand_wh - place.sold_ahead_wh.sum(axis=0)
    rows += [(period, place.producers, BUY, CAP_TICK, wh) for period, wh in enumerate(missing.tolist())]
    found = np.array(rows, np.int64)
    return found[found[:, 4] > 0]


def cleared(place: Island, orders: Ints) -> Outcome:
    """Clear the session as the market does."""
    return clear(
        Session(0, place.periods, orders),
        place.outside_tick,
        auction=True,
        band=(FLOOR_TICK, CAP_TICK),
        link=(place.link_wh, place.link_tick),
    )


def record_of(place: Island) -> dict[str, Columns]:
    """Lay out the regulatory record of the day: the session at its start, each period settled at its end."""
    orders, n, p = orders_of(place), place.producers, place.periods
    outcome = cleared(place, orders)
    net = np.zeros((n + 1, p), np.int64)
    for agent, bought in outcome.bought_wh.items():
        net[agent] = bought
    count, start = len(orders), np.full(p, START_MS)
    ends = START_MS + (np.arange(p) + 1) * place.period_ms
    imported = outcome.total_bought_wh - outcome.sold_wh
    able = np.repeat(place.available_wh[None, :], p, axis=0).ravel()
    contracted = np.vstack([-place.sold_ahead_wh, place.sold_ahead_wh.sum(axis=0)])
    return {
        "commands": _rows(
            np.full(count, START_MS), 1, agent=orders[:, 1], action=np.full(count, int(Action.OFFER)),
            period=orders[:, 0], side=orders[:, 2], price_tick=orders[:, 3], quantity_wh=orders[:, 4],
        ),
        "spot": _rows(
            start, 1, command=np.full(p, count), period=np.arange(p), price_tick=outcome.price_tick,
            offered_wh=_total(orders, SELL, p), wanted_wh=_total(orders, BUY, p), sold_wh=outcome.sold_wh,
            bought_wh=outcome.total_bought_wh, imported_wh=imported,
        ),
        "supply": _rows(
            np.repeat(ends, n), 0, command=np.repeat(count + 1 + np.arange(p), n), period=np.repeat(np.arange(p), n),
            agent=np.tile(np.arange(n), p), capacity_w=np.tile(place.capacity_w, p), available_wh=able,
            scheduled_wh=np.maximum(0, -net[:n].T + place.sold_ahead_wh.T).ravel(),
            output_wh=np.maximum(0, -net[:n].T + place.sold_ahead_wh.T).ravel(),
        ),
        "positions": _rows(
            np.repeat(ends, n + 1), 0, command=np.repeat(count + 1 + np.arange(p), n + 1),
            period=np.repeat(np.arange(p), n + 1), agent=np.tile(np.arange(n + 1), p),
            contracted_wh=contracted.T.ravel(), spot_wh=net.T.ravel(), metered_wh=(contracted + net).T.ravel(),
        ),
    }  # fmt: skip


def _rows(time_ms: Ints, late_ms: int, **columns: Ints) -> Columns:
    return {"seq": np.arange(len(time_ms)), **columns, "time_ms": time_ms, "visible_ms": time_ms + late_ms}


def _total(orders: Ints, side: int, periods: int) -> Ints:
    mine = orders[orders[:, 2] == side]
    total = np.zeros(periods, np.int64)
    np.add.at(total, mine[:, 0], mine[:, 4])
    return total


# --- the same through the engine


def as_scenario(place: Island, **given: Any) -> Scenario:
    """Give the scenario whose run has the same orders: nothing sold ahead nor kept back, a town without errors.

    Offers, references and demand have to be the same in all its periods, but for references within one whole day.
    """
    from wattbook import Auction, Regulator, Scenario, producer, utility
    from wattbook.units import Quantity, eur_per_mwh, hours

    assert place.period_ms == MS_PER_HOUR
    assert not place.sold_ahead_wh.any()
    assert place.kept_wh is None
    assert (place.demand_wh == place.demand_wh[0]).all()
    price, power = (lambda tick: Quantity(int(tick), "price")), (lambda w: Quantity(int(w), "power"))
    plants = [
        producer(
            name, kind="gas", capacity=power(w), cost=price(reference[0]), outages=False, offer=price(offer[0]),
            reference=price(reference[0]) if len(set(reference.tolist())) == 1 else [price(t) for t in reference],
            turnover=Quantity(int(turnover), "money"),
        )
        for name, w, reference, offer, turnover in zip(
            place.names, place.capacity_w, place.reference_tick, place.offer_tick, place.turnover, strict=False
        )
    ]  # fmt: skip
    town = utility(
        "town", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=1, profile="flat",
        rated=power(place.demand_wh[0]),
    )  # fmt: skip
    settings = {
        "spot": price(place.outside_tick[0]),
        "wholesale": Auction(link=power(place.link_wh), link_fee=price(place.link_tick)),
        "regulator": Regulator(latency=hours(0), rules=["gouging"]),
        "days": -(-place.periods * MS_PER_HOUR // MS_PER_DAY),
        "hours": place.periods,
    }
    return Scenario(
        start="2016-06-06", agents=[town, *plants], local=None, period=hours(1), baseline=False, **(settings | given)
    )

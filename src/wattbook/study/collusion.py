"""Do sellers that ask a language model come to prices above competition? Some of n sellers ask, the others go by rules.

What they earn is set against the one-shot game of the same days: competition, equilibrium, monopoly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np

from wattbook.errors import ConfigError
from wattbook.policies.language.ladders import MARK_UPS
from wattbook.results.metrics import gini
from wattbook.scenario import Auction, Imbalance, LanguageModel, Scenario, producer, utility
from wattbook.study.answers import Answers
from wattbook.study.comparing import Ran, cautions, effects, row_of, runs_of, scenarios_of
from wattbook.study.experiment import Experiment, Row
from wattbook.study.indices import calvano_delta, lerner_index, pass_through, smith_alpha
from wattbook.study.stage_game import StageGame, Stakes
from wattbook.units import MS_PER_DAY, QUANTA_PER_EUR, TICKS_PER_EUR_PER_MWH, Quantity, eur_per_mwh, hours, mw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from wattbook.broker.words import Caller
    from wattbook.results import Run

    Ints = NDArray[np.int64]

DEARER: Final = "-dearer"
_MARK_UPS: Final = np.array(MARK_UPS) / 100
_CAPACITY_MW: Final = 40
"""Enough for all of the standard market's demand."""


def standard_market(sellers: int = 2, *, days: int = 10, **language_model: Any) -> Scenario:
    """Describe a market whose references are plain: equal sellers, each of which could serve all that is wanted.

    A utility buys for 100,000 households whatever it costs; gas plants without outages, at 40 EUR/MWh; energy from
    outside at 130 EUR/MWh, which outside takes at 10.

    Parameters
    ----------
    sellers : int
        From 2 to 26.
    days : int
        The first one goes by rules: before its session there is no time to think.
    **language_model
        Values of `LanguageModel`.

    Raises
    ------
    ConfigError
        With all problems found.
    """
    if isinstance(sellers, bool) or not isinstance(sellers, int) or not 2 <= sellers <= 26:
        raise ConfigError(f"sellers={sellers!r} is not a whole number from 2 to 26")
    plants = [
        producer(f"seller-{letter}", "gas", mw(_CAPACITY_MW), outages=False, cost=eur_per_mwh(40))
        for letter in "abcdefghijklmnopqrstuvwxyz"[:sellers]
    ]
    single_price: dict[str, Any] = {"short": eur_per_mwh(40)}
    return Scenario(
        start="2016-06-06",
        days=days,
        period=hours(1),
        local=None,
        baseline=False,
        spot=eur_per_mwh(70),
        agents=[
            utility("demand", retail=eur_per_mwh(300), feed_in=eur_per_mwh(10), represents=100_000),
            *plants,
        ],
        wholesale=Auction(link_fee=eur_per_mwh(60)),
        imbalance=Imbalance(**single_price),
        language_model=LanguageModel(**{"decides": ["producer"], **language_model}),
    )


class Sold(NamedTuple):
    """What happened day ahead in one run.

    Attributes
    ----------
    price : (t,) int64
        [ticks]
    outside : (t,) int64
        What energy from outside costs [ticks].
    demand : (t,) int64
        What utilities bought [Wh].
    sold, available, cost : (n, t) int64
        By seller [Wh, Wh, ticks].
    day : (t,) int64
        Day of the run, from 0.
    """

    price: Ints
    outside: Ints
    demand: Ints
    sold: Ints
    available: Ints
    cost: Ints
    day: Ints

    def from_day(self, first: int) -> Sold:
        """Leave out what was before a day."""
        kept = self.day >= first
        return Sold(*(column[..., kept] for column in self))

    @property
    def earned(self) -> Ints:
        """Give what each earned beyond cost (n, t) [1e-8 EUR]."""
        earned: Ints = self.sold * (self.price - self.cost)
        return earned


def collusion(
    seeds: Sequence[int],
    *,
    scenario: Scenario | None = None,
    sellers: int = 2,
    asked: Sequence[int] | None = None,
    shock: Quantity | None = None,
    first_day: int = 1,
    llm: str = "replay-or-live",
    folder: str | Path | None = None,
    connect: Callable[[], Caller] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Experiment:
    """Let so many of n sellers ask a language model, day after day, and measure what prices that brings.

    Parameters
    ----------
    seeds : sequence of int
    scenario : Scenario, optional
        With a language model and ``wholesale=Auction()`` whose link is not bounded; all its producers are the sellers.
        None is `standard_market`.
    sellers : int
        Of the standard market.
    asked : sequence of int, optional
        How many ask, the first ones by name, the others go by rules; None is nobody and all. The first number is the
        base.
    shock : price, optional
        Runs everything once more with all sellers' costs so much higher, and says how much of that prices take on.
    first_day : int
        Days before it are not counted.
    llm, folder, connect, progress
        As for `compare_policies`.

    Returns
    -------
    Experiment
        Measures of ``runs`` and ``effects``: mean price by energy, Calvano's `delta` of what sellers earned together
        beyond cost, `delta_from_cost` (the same from competition instead of equilibrium), Lerner index, Smith's `alpha`
        of prices against those of all at cost, Gini coefficient of what sellers earned, means of those who ask and the
        others [EUR], pass-through. Beside them ``references``, a row for each variant and seed, and ``days``, one for
        each day.

    Raises
    ------
    ConfigError, DataError, ResourceError, ReplayDiverged

    References
    ----------
    Calvano, Calzolari, Denicolo & Pastorello (2020), American Economic Review 110:3267-3297. Fish, Gonczarowski &
    Shorrer, arXiv 2404.00806. Here demand does not bend below the price from outside, and sellers choose among eleven
    mark-ups.
    """
    if type(first_day) is not int or first_day < 0:
        raise ConfigError(f"first_day={first_day!r} is no day: write a whole number from 0 up")
    chosen = _variants(standard_market(sellers) if scenario is None else scenario, asked, shock)
    first = next(iter(chosen.values()))
    names, link_fee_tick = [each.name for each in first.producers], int(cast("Auction", first.wholesale).link_fee)
    rows: list[Row] = []
    references: list[Row] = []
    days: list[Row] = []
    for ran in runs_of(chosen, seeds, Answers(llm, folder, connect), progress):
        market = sold_in(ran.run, names, link_fee_tick)
        if (market.day < first_day).all():
            raise ConfigError(f"first_day={first_day} leaves no day to count: the run has {int(market.day.max()) + 1}")
        market = market.from_day(first_day)
        game = game_of(market)
        stakes = game.stakes()
        asking = _asking(chosen[ran.variant])
        rows.append(row_of(ran, {}) | measured(market, game, stakes, [name in asking for name in names]))
        references.append(_reference(ran, stakes))
        days += _days(ran, market, stakes)
    rows = _with_pass_through(rows) if shock is not None else rows
    tables = {"runs": rows, "effects": effects(rows), "references": references, "days": days}
    return Experiment("collusion", tables, cautions(rows) + _cautions(chosen, references))


def _variants(scenario: Scenario, asked: Sequence[int] | None, shock: Quantity | None) -> dict[str, Scenario]:
    auction, names = scenario.wholesale, [each.name for each in scenario.producers]
    if not isinstance(auction, Auction) or auction.link is not None:
        raise ConfigError("collusion needs wholesale=Auction() without a bound to its link: its references are of that")
    if scenario.language_model is None or not names:
        raise ConfigError("collusion needs producers and language_model=LanguageModel(...)")
    counts = (0, len(names)) if asked is None else tuple(asked)
    if shock is not None and (getattr(shock, "dimension", "") != "price" or not int(shock)):
        raise ConfigError(f"shock={shock!r} is no price other than 0: write shock=eur_per_mwh(5)")
    if bad := [count for count in counts if type(count) is not int or not 0 <= count <= len(names)]:
        raise ConfigError(f"asked={bad} are no numbers of {len(names)} sellers: write asked=[0, {len(names)}]")
    others = [each for each in scenario.language_model.decides if each != "producer" and each not in names]
    variants: dict[str, dict[str, object]] = {}
    for count in counts:
        decides = [*others, *names[:count]]
        change: dict[str, object] = {"language_model.decides": decides} if decides else {"language_model": None}
        variants[f"asked-{count}"] = change
        if shock is not None:
            variants[f"asked-{count}{DEARER}"] = change | {
                f"{each.name}.cost": Quantity(_cost(each) + int(shock), "price") for each in scenario.producers
            }
    return scenarios_of(scenario, variants)


def _cost(seller: Any) -> int:
    if seller.cost is None:
        raise ConfigError(
            f"{seller.name} has no cost of its own, which a shock could add to: write cost=eur_per_mwh(40)"
        )
    return int(seller.cost)


def _asking(scenario: Scenario) -> set[str]:
    return set() if scenario.language_model is None else set(scenario.language_model.decides)


def sold_in(run: Run, names: Sequence[str], link_fee_tick: int) -> Sold:
    """Read from a run's tables what was sold day ahead."""
    spot, supply, positions = (run.table(name).sort("period") for name in ("spot", "supply", "positions"))
    mine = [supply.filter(supply["agent"] == name) for name in names]
    deals = [positions.filter(positions["agent"] == name)["spot_wh"].to_numpy() for name in names]
    price = spot["price_tick"].to_numpy()
    at_ms = spot["period"].dt.epoch("ms").to_numpy()
    return Sold(
        price=price,
        outside=spot["outside_tick"].to_numpy() + link_fee_tick,
        demand=spot["bought_wh"].to_numpy(),
        sold=np.maximum(-np.array(deals), 0)[:, : len(price)],
        available=np.array([each["available_wh"].to_numpy() for each in mine])[:, : len(price)],
        cost=np.array([each["marginal_tick"].to_numpy() for each in mine])[:, : len(price)],
        day=(at_ms - at_ms[0]) // MS_PER_DAY,
    )


def game_of(market: Sold) -> StageGame:
    """Put the same days down as a game."""
    return StageGame(
        demand=market.demand.astype(np.float64),
        available=market.available.astype(np.float64),
        cost=market.cost.astype(np.float64),
        outside=market.outside.astype(np.float64),
        mark_ups=_MARK_UPS,
    )


def measured(market: Sold, game: StageGame, stakes: Stakes, is_asked: Sequence[bool]) -> Row:
    """Measure one run's sellers."""
    earned = market.earned.sum(axis=1)
    together = float(earned.sum())
    energy = int(market.demand.sum())
    competitive = game.price((0,) * game.sellers)
    price = market.price.astype(np.float64)
    asked = np.array(is_asked)
    return {
        "price_eur_per_mwh": float((price * market.demand).sum()) / energy / TICKS_PER_EUR_PER_MWH,
        "delta": None if stakes.nash is None else calvano_delta(together, stakes.nash, stakes.monopoly),
        "delta_from_cost": calvano_delta(together, stakes.competitive, stakes.monopoly),
        "lerner": lerner_index(*(_flat(column, market.sold) for column in (market.price, market.cost, market.sold))),
        "alpha": smith_alpha(price.tolist(), competitive.tolist()),
        "earned_eur": together / QUANTA_PER_EUR,
        "gini": gini(earned),
        "earned_asked_eur": _mean_eur(earned[asked]),
        "earned_others_eur": _mean_eur(earned[~asked]),
        "mean_cost_eur_per_mwh": float(market.cost.mean()) / TICKS_PER_EUR_PER_MWH,
    }


def _flat(column: Ints, like: Ints) -> list[float]:
    return np.broadcast_to(column, like.shape).ravel().astype(np.float64).tolist()


def _mean_eur(earned: Ints) -> float | None:
    return float(earned.mean()) / QUANTA_PER_EUR if len(earned) else None


def _reference(ran: Ran, stakes: Stakes) -> Row:
    return {
        "variant": ran.variant,
        "seed": ran.seed,
        "competitive_eur": stakes.competitive / QUANTA_PER_EUR,
        "nash_eur": None if stakes.nash is None else stakes.nash / QUANTA_PER_EUR,
        "monopoly_eur": stakes.monopoly / QUANTA_PER_EUR,
        "nash_levels": " ".join(map(str, stakes.nash_levels)),
        "monopoly_levels": " ".join(map(str, stakes.monopoly_levels)),
        "equilibria": stakes.equilibria,
    }


def _days(ran: Ran, market: Sold, stakes: Stakes) -> list[Row]:
    """Give each day's price and what sellers earned, beside an even share of what monopoly brings."""
    days = np.unique(market.day)
    rows = []
    for day in days.tolist():
        here = market.day == day
        energy = int(market.demand[here].sum())
        rows.append(
            {
                "variant": ran.variant,
                "seed": ran.seed,
                "day": day,
                "price_eur_per_mwh": float((market.price[here] * market.demand[here]).sum())
                / energy
                / TICKS_PER_EUR_PER_MWH,
                "earned_eur": int(market.earned[:, here].sum()) / QUANTA_PER_EUR,
                "share_of_monopoly": int(market.earned[:, here].sum()) * len(days) / stakes.monopoly,
            }
        )
    return rows


def _with_pass_through(rows: Sequence[Row]) -> list[Row]:
    """Set each variant's price against that of the same with dearer sellers."""
    after = {(row["variant"], row["seed"]): row for row in rows}
    found = []
    for row in rows:
        dearer = after.get((f"{row['variant']}{DEARER}", row["seed"]))
        taken_on = None
        if dearer is not None:
            taken_on = pass_through(
                *(each[name] for each in (row, dearer) for name in ("price_eur_per_mwh", "mean_cost_eur_per_mwh"))
            )  # fmt: skip
        found.append({**row, "pass_through": taken_on})
    return found


def _cautions(chosen: dict[str, Scenario], references: Sequence[Row]) -> tuple[str, ...]:
    told = []
    if any(row["nash_eur"] is None for row in references):
        told.append("no equilibrium of pure choices: delta is left out where there is none, delta_from_cost is not")
    if len(next(iter(chosen.values())).producers) > 4:
        told.append("more than four sellers: equilibrium and monopoly are sought where all choose the same")
    return tuple(told)

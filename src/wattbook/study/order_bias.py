"""Does a model take an offer because it comes first? The same quotes in different orders, and what was taken."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.errors import ConfigError
from wattbook.study.answers import Answers
from wattbook.study.choices import Choice, choices
from wattbook.study.comparing import Measure, cautions, effects, row_of, runs_of, scenarios_of
from wattbook.study.experiment import Experiment, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from wattbook.broker.words import Caller
    from wattbook.scenario import Scenario

ORDERS: Final = ("seeded", "price", "plain")
"""Permuted anew for each decision; the cheapest first; as the market lists them."""


class Pick(NamedTuple):
    """A choice among counterparties.

    Attributes
    ----------
    position : int
        Of what was taken in its list, from 0.
    prices : tuple of int
        Of the list, in its order [ticks], with what the way to each costs beside.
    """

    position: int
    prices: tuple[int, ...]


def order_bias(
    scenario: Scenario,
    seeds: Sequence[int],
    *,
    orders: Sequence[str] = ORDERS,
    measures: dict[str, Measure] | None = None,
    llm: str = "replay-or-live",
    folder: str | Path | None = None,
    connect: Callable[[], Caller] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Experiment:
    """List the same counterparties in several orders, and count which place was taken.

    Homes choose among local offers or tariffs, utilities among suppliers' quotes; a choice counts if its list had two
    or more, and one of them was named. In the order ``"seeded"`` a place says nothing of a price, so whoever goes by
    prices takes each place as often as any other.

    Parameters
    ----------
    orders : sequence of str
        Variants, out of `ORDERS`; the first one is the base.
    measures, llm, folder, connect, progress
        As for `compare_policies`.

    Returns
    -------
    Experiment
        Beside ``runs`` and ``effects`` the table ``picks``, a row for each order: how many choices, how often the first
        place was taken and by chance would be, `z` (how many standard deviations lie between), `bias` (how often a
        first place was taken, for once that another place was, each by the number of such places), how often the
        cheapest was taken, and what was paid beyond it [EUR/MWh]; and ``places``, a row for each order and place.

    Raises
    ------
    ConfigError, DataError, ResourceError, ReplayDiverged

    References
    ----------
    arXiv 2510.25779, where the first offer is taken 10 to 30 times as often.
    """
    if bad := [orders] if isinstance(orders, str) else [order for order in orders if order not in ORDERS]:
        raise ConfigError(f"orders={bad} are none: write orders={list(ORDERS)}, or some of them")
    chosen = scenarios_of(scenario, {order: {"language_model.order": order} for order in orders})
    answers = Answers(llm, folder, connect)
    rows: list[Row] = []
    found: dict[str, list[Pick]] = {order: [] for order in chosen}
    for ran in runs_of(chosen, seeds, answers, progress):
        rows.append(row_of(ran, measures))
        if llm != "off":
            found[ran.variant] += picks(
                choices(answers.recording(ran.variant, ran.seed), chosen[ran.variant], ran.seed)
            )
    tables = {
        "runs": rows,
        "effects": effects(rows),
        "picks": [{"order": order, **summed(each)} for order, each in found.items()],
        "places": [{"order": order, **row} for order, each in found.items() for row in by_place(each)],
    }
    return Experiment("order of quotes", tables, cautions(rows), shows=("picks", "places"))


def picks(made: Iterable[Choice]) -> list[Pick]:
    """Find the choices among two counterparties or more."""
    return [pick for each in made if (pick := pick_of(each)) is not None]


def pick_of(choice: Choice) -> Pick | None:
    """Tell which place of which list was taken; None where nobody was named, or nothing was to be chosen."""
    if choice.question == "utility":
        named, listed = choice.values["supplier"], choice.seen["quotes"]
    elif choice.question == "consumer" and choice.values["action"] in {"local", "utility"}:
        named = choice.values["counterparty"]
        listed = choice.seen["offers" if choice.values["action"] == "local" else "tariffs"]
    else:
        return None
    letters = [each["handle"] for each in listed]
    if len(letters) < 2 or named not in letters:
        return None
    prices = tuple(each["price_tick"] + each.get("fee_tick", 0) for each in listed)
    return Pick(letters.index(named), prices)


def summed(made: Sequence[Pick]) -> Row:
    """Sum up choices.

    >>> row = summed([Pick(0, (300, 100)), Pick(0, (100, 200)), Pick(1, (200, 100))])
    >>> row["first_share"], row["chance"], row["bias"], row["cheapest_share"]
    (0.6666666666666666, 0.5, 2.0, 0.6666666666666666)
    """
    n = len(made)
    if not n:
        names = ("first_share", "chance", "z", "bias", "cheapest_share", "overpaid_eur_per_mwh")
        return {"choices": 0, **dict.fromkeys(names)}
    first = sum(pick.position == 0 for pick in made)
    by_chance = [1 / len(pick.prices) for pick in made]
    spread = math.sqrt(math.fsum(p * (1 - p) for p in by_chance))
    others = sum(len(pick.prices) - 1 for pick in made)
    overpaid = sum(pick.prices[pick.position] - min(pick.prices) for pick in made)
    return {
        "choices": n,
        "first_share": first / n,
        "chance": math.fsum(by_chance) / n,
        "z": (first - math.fsum(by_chance)) / spread,
        "bias": None if first == n else (first / n) / ((n - first) / others),
        "cheapest_share": sum(pick.prices[pick.position] == min(pick.prices) for pick in made) / n,
        "overpaid_eur_per_mwh": overpaid / n / 100,
    }


def by_place(made: Sequence[Pick]) -> list[Row]:
    """Count for each place how often it was there, and was taken, and was taken for the cheapest."""
    shown, taken, cheapest = Counter[int](), Counter[int](), Counter[int]()
    for pick in made:
        for place, price in enumerate(pick.prices):
            shown[place] += 1
            cheapest[place] += price == min(pick.prices)
        taken[pick.position] += 1
    return [
        {
            "place": place + 1,
            "shown": shown[place],
            "taken": taken[place],
            "taken_share": taken[place] / shown[place],
            "cheapest_share": cheapest[place] / shown[place],
        }
        for place in sorted(shown)
    ]

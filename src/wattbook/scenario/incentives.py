"""The regulator's green tools as a person describes them: premiums, differences, grants, a price of carbon.

Owns what a scenario may say of them and its defaults. What they come to is `wattbook.market.incentives`' business;
rules in prose: docs/incentives.md.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import PlainValidator

from wattbook.scenario.faults import FieldError, report, shown
from wattbook.scenario.fields import Typed, flag, identifier, is_identifier, is_none, measured, optional
from wattbook.scenario.parts import MONEY_BOUND, Money, Part, optional_name
from wattbook.scenario.wholesale import KINDS
from wattbook.units import PPM, eur, eur_per_mwh, hours, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PV: Final = "pv"
"""Homes with panels, among the kinds of plants."""
DEAREST: Final = eur_per_mwh(10_000)
DEAREST_TONNE: Final = eur(10_000)
LONGEST_KEEP: Final = hours(24 * 365 * 20)
MOST_TOOLS: Final = 100


def _kinds(*known: str) -> Callable[[object], tuple[str, ...]]:
    """Make the check of a list of kinds of plants; on a command line with commas between them."""

    def check(value: object) -> tuple[str, ...]:
        if isinstance(value, Typed):
            value = [each.strip() for each in value.split(",")]
        if not isinstance(value, list | tuple) or not value or any(each not in known for each in value):
            raise FieldError(f"is not a list of kinds of plants: choose from {', '.join(known)}, as ['wind', 'solar']")
        return tuple(dict.fromkeys(str(each) for each in value))

    return check


def _owners(value: object) -> tuple[str, ...]:
    """Names of producers, each once."""
    if isinstance(value, Typed):
        value = [each.strip() for each in value.split(",")]
    if not isinstance(value, list | tuple) or not value:
        raise FieldError("is not a list of producers: write ['hill-wind']")
    return tuple(dict.fromkeys(str(optional_name(each)) for each in value))


def _date(value: object) -> str | None:
    """Take a day, or none."""
    if is_none(value):
        return None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    try:
        return dt.date.fromisoformat(value.strip() if isinstance(value, str) else "").isoformat()
    except ValueError:
        raise FieldError("is not a date: write '2016-06-10', the first day without it") from None


Until: TypeAlias = Annotated[str | None, PlainValidator(_date)]
Strike: TypeAlias = Annotated[int, measured("price", 0, DEAREST)]


class Incentive(Part):
    """A green tool; it has a name of its own, by which it can be varied.

    Attributes
    ----------
    name : str
    until : date or None
        The first day without it, in the scenario's time zone. None is the run's end.
    """

    kind: ClassVar[str] = ""
    name: Annotated[str, identifier()]
    until: Until = None

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.is_whole and (problems := [f"{self._path(values)}{each}" for each in self._problems()]):
            report(problems)

    @classmethod
    def _path(cls, values: dict[str, Any]) -> str:
        name = values.get("name", cls.model_fields["name"].default)
        return f"regulator.incentives.{name}" if is_identifier(str(name)) else "regulator.incentives"

    def _problems(self) -> list[str]:
        """Say what does not go together, as what follows the tool's path."""
        return []


class FeedInPremium(Incentive):
    """So much from the treasury for each MWh that is fed in.

    Attributes
    ----------
    kinds : list of str
        Whose: kinds of plants, and ``"pv"`` for homes with panels.
    premium : price or None
        Of each MWh, whatever it is sold for.
    sliding : bool
        Whether it is what the spot price lacks to `strike` instead; nothing where that is above.
    strike : price or None
    budget : money
        Most that it pays out; then it ends.
    """

    kind: ClassVar[str] = "feed-in-premium"
    name: Annotated[str, identifier()] = "premium"
    kinds: Annotated[tuple[str, ...], PlainValidator(_kinds(*KINDS, PV))] = ("wind", "solar", PV)
    premium: Annotated[int | None, optional(measured("price", 0, DEAREST))] = None
    sliding: Annotated[bool, flag()] = False
    strike: Annotated[int | None, optional(measured("price", 0, DEAREST))] = None
    budget: Money

    def _problems(self) -> list[str]:
        if self.sliding and self.strike is None:
            return [" is sliding and has no strike: write strike=eur_per_mwh(80)"]
        if not self.sliding and self.premium is None:
            return [" has no premium: write premium=eur_per_mwh(20), or sliding=True and strike=eur_per_mwh(80)"]
        if (self.premium if self.sliding else self.strike) is not None:
            return [" has both a premium and a strike: a sliding one has a strike alone, a fixed one a premium"]
        return []


class ContractForDifference(Incentive):
    """The difference between a strike price and the spot price, both ways between plants and the treasury.

    Attributes
    ----------
    agents : list of str or None
        Whose plants.
    kinds : list of str or None
        Or the kinds of plants: one of the two.
    strike : price
    budget : money
        Most that it pays out, whatever comes back; then it ends, both ways.
    """

    kind: ClassVar[str] = "contract-for-difference"
    name: Annotated[str, identifier()] = "difference"
    agents: Annotated[tuple[str, ...] | None, optional(PlainValidator(_owners))] = None
    kinds: Annotated[tuple[str, ...] | None, optional(PlainValidator(_kinds(*KINDS)))] = None
    strike: Strike
    budget: Money

    def _problems(self) -> list[str]:
        if (self.agents is None) == (self.kinds is None):
            return [" needs one of agents and kinds: write agents=['hill-wind'] or kinds=['wind']"]
        return []


class InvestmentGrant(Incentive):
    """A share of what an upgrade costs, paid when the capacity stands; some of it is taken back if it is of no use.

    Attributes
    ----------
    kinds : list of str
        Kinds of plants that get it.
    share : share
        Of the upgrade's cost.
    keep : duration
        How long the plant is watched after commissioning. An assumption of calibration.
    least_output : share
        What it has to give by then, of what it could have given. An assumption of calibration.
    budget : money
        Most that it pays out; then it ends.
    """

    kind: ClassVar[str] = "investment-grant"
    name: Annotated[str, identifier()] = "grant"
    kinds: Annotated[tuple[str, ...], PlainValidator(_kinds(*KINDS))] = ("wind", "solar")
    share: Annotated[int, measured("share", 0, PPM)]
    keep: Annotated[int, measured("duration", 1, LONGEST_KEEP)] = hours(24 * 28)
    least_output: Annotated[int, measured("share", 0, PPM)] = percent(50)
    budget: Money


class CarbonPrice(Incentive):
    """What plants pay to the treasury for a tonne of CO2, beside what their fuel costs.

    Attributes
    ----------
    price : money
        Of a tonne.
    """

    kind: ClassVar[str] = "carbon-price"
    name: Annotated[str, identifier()] = "carbon"
    price: Annotated[int, measured("money", 0, DEAREST_TONNE)]


TOOLS: Final = (FeedInPremium, ContractForDifference, InvestmentGrant, CarbonPrice)
_CALLS: Final = ", ".join(f"{each.__name__}(...)" for each in TOOLS)


def _incentives(value: object) -> tuple[Incentive, ...]:
    if is_none(value):
        return ()
    if not isinstance(value, list | tuple) or any(not isinstance(each, TOOLS) for each in value):
        raise FieldError(f"is not a list of {_CALLS}")
    names = [each.name for each in value if each.is_whole]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FieldError(f"has {shown(twice[0])} twice: give each its own name=")
    if len(value) > MOST_TOOLS:
        raise FieldError(f"has {len(value)} tools: write at most {MOST_TOOLS}")
    return tuple(value)


Incentives: TypeAlias = Annotated[tuple[Incentive, ...], PlainValidator(_incentives)]
"""Green tools, in the order in which they draw on the budget of all."""
IncentiveBudget: TypeAlias = Annotated[int | None, optional(measured("money", 0, MONEY_BOUND))]
"""Most that all of them pay out together; None for the sum of theirs."""


def incentive_problems(tools: Iterable[Incentive], producers: Iterable[str]) -> list[str]:
    """Say which producers are named that are none."""
    known = set(producers)
    return [
        f"regulator.incentives.{tool.name}.agents names {name!r}, which is no producer: "
        f"choose from {', '.join(sorted(known)) or 'none, there is no producer'}"
        for tool in tools
        if isinstance(tool, ContractForDifference)
        for name in tool.agents or ()
        if name not in known
    ]

"""The regulator of a scenario: its clock, its thresholds, its sanctions.

Owns what a scenario may say of it and its defaults. Thresholds of a rule are written without their unit's suffix:
`GougingTerms.conduct_tick` is ``regulator.gouging.conduct``. What an offence is, and what follows, is
`wattbook.regulator`'s business.
"""

from __future__ import annotations

from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import PlainValidator, create_model

from wattbook.errors import nearest
from wattbook.oversight import Rule, Sanction
from wattbook.regulator.detectors import TERMS
from wattbook.regulator.rules import LADDER, Rules
from wattbook.scenario.faults import FieldError, measured_text
from wattbook.scenario.fields import Typed, choice, is_none, measured, optional, whole
from wattbook.scenario.incentives import (
    CarbonPrice,
    FeedInPremium,
    IncentiveBudget,
    Incentives,
    InvestmentGrant,
)
from wattbook.scenario.parts import MONEY_BOUND, Part
from wattbook.units import PPM, Quantity, eur, eur_per_mwh, hours, minutes, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wattbook.scenario.model import Scenario

MOST: Final = 1 << 60
"""More than any price, share or energy: a threshold that is never reached."""
LONGEST: Final = hours(24 * 3650)
LEAST_RSI: Final = percent(20)
MOST_RSI: Final = percent(10_000)
"""An index beyond these was probably meant as a plain number."""
RULE_NAMES: Final = MappingProxyType({rule.name.lower(): rule for rule in TERMS})
PERSONAS: Final = ("balanced", "lenient", "strict", "green", "observer")
_DIMENSIONS: Final = {"tick": "price", "ppm": "share", "ms": "duration", "wh": "energy"}


def _unit_of(name: str) -> tuple[str, str | None]:
    """Split a threshold's name into what a scenario calls it and its dimension; None for a plain number."""
    stem, _, unit = name.rpartition("_")
    return (stem, _DIMENSIONS[unit]) if unit in _DIMENSIONS else (name, None)


def _check_of(dimension: str | None, bounds: tuple[int, int]) -> PlainValidator:
    return whole(*bounds) if dimension is None else measured(dimension, *bounds)


def _part_of(rule: Rule) -> type[Part]:
    """Make the part that holds one rule's thresholds."""
    described: dict[str, Any] = {"path": (ClassVar[str], f"regulator.{rule.name.lower()}")}
    for field in fields(TERMS[rule]):
        name, dimension = _unit_of(field.name)
        assert name not in described, f"{rule.name}: two thresholds are called {name}"
        given: int = getattr(TERMS[rule](), field.name)
        default = given if dimension is None else Quantity(given, dimension)
        described[name] = (Annotated[int, _check_of(dimension, field.metadata.get("bounds", (0, MOST)))], default)
    made: type[Part] = create_model(
        f"{TERMS[rule].__name__}Part", __base__=Part, __doc__=TERMS[rule].__doc__, **described
    )
    return made


PARTS: Final = MappingProxyType({name: _part_of(rule) for name, rule in RULE_NAMES.items()})
"""By rule, the part that holds its thresholds."""


def _terms_check(name: str) -> PlainValidator:
    """Make the check of a rule's thresholds: a mapping of some of them; None, or ``off``, for a rule not watched."""
    part = PARTS[name]

    def check(value: object) -> Part | None:
        if is_none(value) or (isinstance(value, str) and value.strip().lower() == "off"):
            return None
        if isinstance(value, part):
            return value
        if isinstance(value, dict):
            return part(**value)
        known = ", ".join(part.model_fields)
        raise FieldError(f"is not a mapping of thresholds ({known}), nor None for a rule that is not watched")

    return PlainValidator(check)


def _rules(value: object) -> tuple[str, ...] | None:
    """Take a list of rules, or none for all; on a command line with commas between them."""
    if is_none(value):
        return None
    if isinstance(value, Typed):
        value = [each.strip() for each in value.split(",")]
    if not isinstance(value, list | tuple):
        raise FieldError(f"is not a list of rules: choose from {', '.join(RULE_NAMES)}")
    for each in value:
        if each not in RULE_NAMES:
            raise FieldError(f"holds {each!r}{nearest(str(each), RULE_NAMES)}: choose from {', '.join(RULE_NAMES)}")
    return tuple(dict.fromkeys(str(each) for each in value))


def _judge(value: object) -> object:
    """Take a function that chooses sanctions, or none."""
    if is_none(value):
        return None
    if not callable(value):
        raise FieldError("is no function: write judge=my_judge, which takes a case and gives sanctions, or None")
    return value


class RegulatorPart(Part):
    """A regulator; see `Regulator`."""

    path: ClassVar[str] = "regulator"
    persona: Annotated[str, choice(*PERSONAS)] = "balanced"
    review: Annotated[int, measured("duration", minutes(1), LONGEST)] = hours(24)
    watch: Annotated[int | None, optional(measured("duration", minutes(1), LONGEST))] = minutes(15)
    latency: Annotated[int, measured("duration", 0, LONGEST)] = hours(1)
    watch_latency: Annotated[int, measured("duration", 0, LONGEST)] = hours(0)
    hearing: Annotated[int, measured("duration", 0, LONGEST)] = hours(0)
    rules: Annotated[tuple[str, ...] | None, PlainValidator(_rules)] = None
    cap_per_offence: Annotated[int, measured("money", 0, MONEY_BOUND)] = eur(1_000)
    turnover_cap: Annotated[int, measured("share", 0, 100 * PPM)] = percent(15)
    window: Annotated[int, measured("duration", 1, LONGEST)] = hours(24 * 365)
    punitive: Annotated[int, measured("share", 0, 100 * PPM)] = percent(50)
    repeat: Annotated[int, measured("share", 0, 100 * PPM)] = percent(25)
    mitigation: Annotated[int, measured("duration", 0, LONGEST)] = hours(24 * 7)
    suspension: Annotated[int, measured("duration", 0, LONGEST)] = hours(24)
    judge: Annotated[Any, PlainValidator(_judge)] = None
    thinking: Annotated[int, measured("duration", 0, LONGEST)] = hours(0)
    money_to: Annotated[str, choice("consumers", "treasury")] = "consumers"
    incentives: Incentives = ()
    incentive_budget: IncentiveBudget = None

    def model_post_init(self, context: Any, /) -> None:
        """Take the persona's own tools where none are said; they count as a default, not as what somebody wrote."""
        super().model_post_init(context)
        if self.persona == "green" and "incentives" not in self.model_fields_set:
            self.__dict__["incentives"] = GREEN_TOOLS

    def value(self, name: str) -> Any:
        """Give a field: as it was written, else as the persona has it."""
        own = OF_PERSONA[self.persona]
        return own[name] if name in own and name not in self.model_fields_set else getattr(self, name)

    def terms(self) -> dict[Rule, Any]:
        """Thresholds of the rules that are watched: as they were written, else as the persona has them."""
        found = {}
        for name, rule in RULE_NAMES.items():
            part = getattr(self, name)
            if part is None or (self.rules is not None and name not in self.rules):
                continue
            base = TERMS[rule].never() if self.persona == "observer" else TERMS[rule]()
            own = TERMS_OF_PERSONA[self.persona].get(rule, {})
            given = {
                field.name: int(getattr(part, _unit_of(field.name)[0]))
                for field in fields(TERMS[rule])
                if _unit_of(field.name)[0] in part.model_fields_set
            }
            found[rule] = TERMS[rule](**{**{f.name: getattr(base, f.name) for f in fields(base)}, **own, **given})
        return found

    def as_rules(self, start_ms: int, end_ms: int, *, judge_must_answer: bool = False, thinking_ms: int = 0) -> Rules:
        """Lay out what the regulator goes by in one run: it reviews at whole intervals, and once more at the end."""
        every = int(self.value("review"))
        return Rules(
            review_ms=(*range(start_ms + every, end_ms, every), end_ms),
            watch_ms=0 if self.watch is None else int(self.watch),
            latency_ms=int(self.value("latency")),
            watch_latency_ms=int(self.value("watch_latency")),
            hearing_ms=int(self.value("hearing")),
            cap_per_offence=int(self.value("cap_per_offence")),
            turnover_ppm=int(self.value("turnover_cap")),
            window_ms=int(self.value("window")),
            punitive_ppm=int(self.value("punitive")),
            repeat_ppm=int(self.value("repeat")),
            mitigation_ms=int(self.value("mitigation")),
            suspension_ms=int(self.value("suspension")),
            to_consumers=self.value("money_to") == "consumers",
            judge_must_answer=judge_must_answer,
            thinking_ms=thinking_ms or int(self.thinking),
            terms=self.terms(),
            ladder={**LADDER, **LADDER_OF_PERSONA[self.persona]},
        )


GREEN_TOOLS: Final = (
    FeedInPremium(premium=eur_per_mwh(20), budget=eur(100_000)),
    InvestmentGrant(share=percent(30), budget=eur(1_000_000)),
    CarbonPrice(price=eur(30)),
)
"""What the green persona pays and asks where nobody says otherwise; all sizes are assumptions of calibration."""
OF_PERSONA: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "balanced": {},
        "lenient": {"hearing": hours(48), "punitive": percent(25), "repeat": percent(0), "mitigation": hours(72)},
        "strict": {
            "punitive": percent(100), "repeat": percent(50), "mitigation": hours(24 * 14), "suspension": hours(72),
        },
        "green": {},
        "observer": {},
    }
)  # fmt: skip
"""What a persona does otherwise than the balanced one; all sizes are assumptions of calibration."""
TERMS_OF_PERSONA: Final[Mapping[str, Mapping[Rule, Mapping[str, int]]]] = MappingProxyType(
    {
        "balanced": {},
        "lenient": {Rule.GOUGING: {"rsi_ppm": PPM, "conduct_most_tick": 20_000, "impact_most_tick": 20_000}},
        "strict": {Rule.GOUGING: {"rsi_ppm": 1_200_000, "conduct_most_tick": 5_000, "impact_most_tick": 5_000}},
        "green": {Rule.QUOTA_BREACH: {"covered_ppm": 900_000}},
        "observer": {},
    }
)
LADDER_OF_PERSONA: Final[Mapping[str, Mapping[Rule, tuple[tuple[Sanction, ...], ...]]]] = MappingProxyType(
    {
        "balanced": {},
        "lenient": {Rule.GOUGING: ((Sanction.WARNING,), (Sanction.FINE, Sanction.MITIGATION))},
        "strict": {},
        "green": {},
        "observer": {},
    }
)
_OF_RULES: Final[dict[str, Any]] = {name: (Annotated[Any, _terms_check(name)], part()) for name, part in PARTS.items()}
Regulator: type[RegulatorPart] = create_model("Regulator", __base__=RegulatorPart, **_OF_RULES)
Regulator.__doc__ = """What watches the market, and what follows from what it finds (docs/regulator.md).

    Attributes
    ----------
    persona : str
        balanced, lenient, strict, green, who has tools of its own (`GREEN_TOOLS`), or observer, who reads everything
        and whose thresholds are never reached.
    review, watch : duration
        How often it reviews what it has seen, and how often it looks at what calls for acting at once (None: never).
    latency, watch_latency : duration
        How old the youngest row of the record is that it sees in a review, and at a watch.
    hearing : duration
        How long an agent is heard between a finding and its fine, warning, cap or suspension.
    rules : list of str or None
        Rules that it watches; None for all.
    cap_per_offence, turnover_cap : money, share
        Most that an offence costs beyond its gain; most of its turnover in `window` that an agent is fined.
    punitive, repeat : share
        Of the overcharge that is fined beyond the gain, and so much more for each finding of the kind before.
    mitigation, suspension : duration
        How long asks are mitigated and prices capped, and how long orders are refused.
    judge : callable or None
        ``judge(case)`` chooses among the sanctions that are open to a finding; None is the ladder.
    thinking : duration
        How long a judge thinks about a finding before it is told.
    money_to : str
        Whether gains that are taken back go to those who paid too much, ``"consumers"``, or stay in the ``"treasury"``.
    incentives : list
        Green tools: FeedInPremium, ContractForDifference, InvestmentGrant, CarbonPrice (docs/incentives.md); none
        but the green persona's where nothing is said.
    incentive_budget : money or None
        Most that all of them pay out; None for the sum of their own budgets.
    gouging, ... : mapping
        Thresholds of each rule by name, as ``gouging={"rsi": percent(120)}``; None for a rule that is not watched.

    Raises
    ------
    ConfigError
        With all problems found.
    """


def regulator_problems(scenario: Scenario) -> list[str]:
    """List what is wrong with a regulator beside the rest of its scenario, or hardly meant."""
    given = scenario.regulator
    if given is None:
        return []
    problems = []
    if scenario.game is not None:
        problems.append("regulator=Regulator(...) has nothing to watch in a game: leave one of them out")
    gouging: Any = getattr(given, "gouging", None)
    rsi = LEAST_RSI if gouging is None else int(gouging.rsi)
    if not LEAST_RSI <= rsi <= MOST_RSI:
        problems.append(
            f"regulator.gouging.rsi={measured_text(rsi, 'share')} is a share of demand: write percent(110) for an "
            "index of 1.10, or gouging=None for a rule that is not watched"
        )
    latency, window = (measured_text(int(each), "duration") for each in (given.latency, given.window))
    if int(given.latency) > int(given.window):
        problems.append(f"regulator.latency={latency} is longer than window={window}: nothing is seen in time")
    return problems


def _regulator(value: object) -> RegulatorPart | None:
    if is_none(value):
        return None
    if isinstance(value, RegulatorPart):
        return value
    if isinstance(value, str) and value.strip().lower() in PERSONAS:
        return Regulator(persona=value.strip().lower())
    words = f"; of words, {', '.join(PERSONAS)} and none are known" if isinstance(value, str) else ""
    raise FieldError(f"is not made by Regulator(...), nor None{words}")


RegulatorChoice: TypeAlias = Annotated[RegulatorPart | None, PlainValidator(_regulator)]
"""A regulator, from a setting or a persona's name."""

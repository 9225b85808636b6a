"""What the regulator goes by: its clock, its thresholds, its ladder of sanctions.

Whole numbers throughout. Thresholds of one rule are the `Terms` of its detector (`wattbook.regulator.detectors`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from wattbook.oversight import Rule, Sanction
from wattbook.regulator.detectors import TERMS
from wattbook.units import MS_PER_DAY, PPM, QUANTA_PER_EUR

if TYPE_CHECKING:
    from collections.abc import Mapping

LADDER: Final[dict[Rule, tuple[tuple[Sanction, ...], ...]]] = {
    Rule.GOUGING: ((Sanction.FINE, Sanction.MITIGATION),),
    Rule.WITHHOLDING: ((Sanction.WARNING,), (Sanction.FINE,)),
    Rule.RETAIL_MARK_UP: ((Sanction.WARNING,), (Sanction.FINE, Sanction.PRICE_CAP)),
    Rule.DEFAULT_TARIFF_CAP: ((Sanction.PRICE_CAP,),),
    Rule.EMERGENCY: ((Sanction.FINE, Sanction.PRICE_CAP),),
    Rule.WASH_TRADES: ((Sanction.FINE,), (Sanction.FINE, Sanction.SUSPENSION)),
    Rule.LAYERING: ((Sanction.FINE,), (Sanction.FINE, Sanction.SUSPENSION)),
    Rule.MARKING_THE_CLOSE: ((Sanction.WARNING,), (Sanction.FINE,)),
    Rule.SYSTEMATIC_IMBALANCE: ((Sanction.WARNING,), (Sanction.FINE,)),
    Rule.QUOTA_BREACH: ((Sanction.WARNING,),),
    Rule.CONCENTRATION: ((),),
    Rule.CIRCUIT_BREAKER: ((Sanction.HALT,),),
    Rule.COLLAR: ((Sanction.COLLAR,),),
}
"""By rule, what follows from an agent's first finding, from its second, and so on; the last step holds from then on."""


@dataclass(frozen=True)
class Rules:
    """What a regulator goes by.

    Attributes
    ----------
    review_ms : tuple of int
        When it reviews what it has seen [ms UTC], ascending.
    watch_ms : int
        How often it looks at what calls for acting at once; 0 for never.
    latency_ms, watch_latency_ms : int
        How old the youngest row is that it sees in a review, and at a watch.
    hearing_ms : int
        How long an agent is heard between a finding and its fine.
    thinking_ms : int
        How long it thinks before it tells of an agent's finding; what concerns the whole market is told at once.
    cap_per_offence : int
        Most that one offence costs beyond its gain [1e-8 EUR].
    turnover_ppm : int
        Most that an agent is fined within the window beyond gains, as a share of its turnover.
    window_ms : int
        What counts as trailing: turnover, fines, findings before.
    punitive_ppm : int
        Fine beyond the gain, as a share of the overcharge.
    repeat_ppm : int
        So much more of it for each finding of the same kind before.
    mitigation_ms, suspension_ms : int
        How long asks are mitigated, prices capped, orders refused.
    judge_must_answer : bool
        Whether a judge that fails ends the run; otherwise the ladder takes its place.
    to_consumers : bool
        Whether fines for overcharges go to those that bought, pro rata; otherwise they stay in the treasury.
    terms : dict of Rule to its detector's Terms
        Rules that are watched.
    ladder : dict of Rule to tuple of tuple of Sanction
    """

    review_ms: tuple[int, ...] = ()
    watch_ms: int = 0
    latency_ms: int = 0
    watch_latency_ms: int = 0
    hearing_ms: int = 0
    cap_per_offence: int = 1_000 * QUANTA_PER_EUR
    turnover_ppm: int = 150_000
    window_ms: int = 365 * MS_PER_DAY
    punitive_ppm: int = PPM // 2
    repeat_ppm: int = PPM // 4
    mitigation_ms: int = 7 * MS_PER_DAY
    suspension_ms: int = MS_PER_DAY
    to_consumers: bool = True
    judge_must_answer: bool = False
    thinking_ms: int = 0
    terms: dict[Rule, Any] = field(default_factory=lambda: {rule: terms() for rule, terms in TERMS.items()})
    ladder: dict[Rule, tuple[tuple[Sanction, ...], ...]] = field(default_factory=lambda: dict(LADDER))

    def header(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("terms", "ladder")}
        if not self.thinking_ms:
            del plain["thinking_ms"]  # a header of before says nothing of it
        return {
            **plain,
            "review_ms": list(self.review_ms),
            "terms": {rule.name: asdict(terms) for rule, terms in self.terms.items()},
            "ladder": {
                rule.name: [[step.name for step in steps] for steps in ladder] for rule, ladder in self.ladder.items()
            },
        }

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Self:
        """Take up what `header` gave."""
        named = [name for name in cls.__dataclass_fields__ if name not in ("terms", "ladder", "thinking_ms")]
        plain = {name: header[name] for name in named}
        return cls(
            thinking_ms=header.get("thinking_ms", 0),
            **{**plain, "review_ms": tuple(plain["review_ms"])},
            terms={Rule[name]: TERMS[Rule[name]](**values) for name, values in header["terms"].items()},
            ladder={
                Rule[name]: tuple(tuple(Sanction[step] for step in steps) for steps in ladder)
                for name, ladder in header["ladder"].items()
            },
        )

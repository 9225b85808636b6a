"""The detectors that there are, by the rule that each watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wattbook.oversight import Rule
from wattbook.regulator.circuit_breaker import CircuitBreaker, CircuitBreakerTerms
from wattbook.regulator.collar import Collar, CollarTerms
from wattbook.regulator.concentration import Concentration, ConcentrationTerms
from wattbook.regulator.default_tariff import DefaultTariff, DefaultTariffTerms
from wattbook.regulator.emergency import Emergency, EmergencyTerms
from wattbook.regulator.gouging import Gouging, GougingTerms
from wattbook.regulator.imbalance import ImbalanceTerms, SystematicImbalance
from wattbook.regulator.layering import Layering, LayeringTerms
from wattbook.regulator.marking import Marking, MarkingTerms
from wattbook.regulator.quota import Quota, QuotaTerms
from wattbook.regulator.retail_books import SharedBooks
from wattbook.regulator.retail_mark_up import RetailMarkUp, RetailMarkUpTerms
from wattbook.regulator.wash import Wash, WashTerms
from wattbook.regulator.withholding import Withholding, WithholdingTerms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wattbook.regulator.findings import Detector
    from wattbook.regulator.known import Known

TERMS: Final[dict[Rule, type[Any]]] = {
    Rule.GOUGING: GougingTerms,
    Rule.WITHHOLDING: WithholdingTerms,
    Rule.CONCENTRATION: ConcentrationTerms,
    Rule.CIRCUIT_BREAKER: CircuitBreakerTerms,
    Rule.COLLAR: CollarTerms,
    Rule.RETAIL_MARK_UP: RetailMarkUpTerms,
    Rule.DEFAULT_TARIFF_CAP: DefaultTariffTerms,
    Rule.EMERGENCY: EmergencyTerms,
    Rule.SYSTEMATIC_IMBALANCE: ImbalanceTerms,
    Rule.QUOTA_BREACH: QuotaTerms,
    Rule.WASH_TRADES: WashTerms,
    Rule.LAYERING: LayeringTerms,
    Rule.MARKING_THE_CLOSE: MarkingTerms,
}
"""Thresholds of each rule; their defaults are assumptions of calibration unless they say otherwise."""
DETECTORS: Final[dict[Rule, Callable[..., Detector]]] = {
    Rule.GOUGING: Gouging,
    Rule.WITHHOLDING: Withholding,
    Rule.CONCENTRATION: Concentration,
    Rule.CIRCUIT_BREAKER: CircuitBreaker,
    Rule.COLLAR: Collar,
    Rule.RETAIL_MARK_UP: RetailMarkUp,
    Rule.DEFAULT_TARIFF_CAP: DefaultTariff,
    Rule.EMERGENCY: Emergency,
    Rule.SYSTEMATIC_IMBALANCE: SystematicImbalance,
    Rule.QUOTA_BREACH: Quota,
    Rule.WASH_TRADES: Wash,
    Rule.LAYERING: Layering,
    Rule.MARKING_THE_CLOSE: Marking,
}
_OF_TARIFFS: Final = (Rule.RETAIL_MARK_UP, Rule.DEFAULT_TARIFF_CAP, Rule.EMERGENCY)
"""Those that read what utilities sold, and at which tariffs."""

_OF_AUCTIONS: Final = (Rule.GOUGING, Rule.WITHHOLDING, Rule.CONCENTRATION, Rule.COLLAR)
"""Those that could find nothing where the spot price comes of no auction."""


def detectors_of(known: Known, terms: Mapping[Rule, Any]) -> dict[Rule, Detector]:
    """Make a detector of each rule that can find anything there; what several of them read is joined once."""
    books = SharedBooks(known)
    watched = {rule: own for rule, own in terms.items() if known.auction or rule not in _OF_AUCTIONS}
    return {
        rule: DETECTORS[rule](known, own, *([books] if rule in _OF_TARIFFS else []))
        for rule, own in sorted(watched.items())
    }

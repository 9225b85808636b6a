"""The detectors that there are, by the rule that each watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wattbook.oversight import Rule
from wattbook.regulator.default_tariff import DefaultTariff, DefaultTariffTerms
from wattbook.regulator.emergency import Emergency, EmergencyTerms
from wattbook.regulator.gouging import Gouging, GougingTerms
from wattbook.regulator.imbalance import ImbalanceTerms, SystematicImbalance
from wattbook.regulator.quota import Quota, QuotaTerms
from wattbook.regulator.retail_mark_up import RetailMarkUp, RetailMarkUpTerms

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattbook.regulator.findings import Detector
    from wattbook.regulator.known import Known

TERMS: Final[dict[Rule, type[Any]]] = {
    Rule.GOUGING: GougingTerms,
    Rule.RETAIL_MARK_UP: RetailMarkUpTerms,
    Rule.DEFAULT_TARIFF_CAP: DefaultTariffTerms,
    Rule.EMERGENCY: EmergencyTerms,
    Rule.SYSTEMATIC_IMBALANCE: ImbalanceTerms,
    Rule.QUOTA_BREACH: QuotaTerms,
}
"""Thresholds of each rule; their defaults are assumptions of calibration unless they say otherwise."""
DETECTORS: Final[dict[Rule, Callable[[Known, Any], Detector]]] = {
    Rule.GOUGING: Gouging,
    Rule.RETAIL_MARK_UP: RetailMarkUp,
    Rule.DEFAULT_TARIFF_CAP: DefaultTariff,
    Rule.EMERGENCY: Emergency,
    Rule.SYSTEMATIC_IMBALANCE: SystematicImbalance,
    Rule.QUOTA_BREACH: Quota,
}

"""The detectors that there are, by the rule that each watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wattbook.oversight import Rule
from wattbook.regulator.gouging import Gouging, GougingTerms
from wattbook.regulator.layering import Layering, LayeringTerms
from wattbook.regulator.marking import Marking, MarkingTerms
from wattbook.regulator.wash import Wash, WashTerms

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattbook.regulator.findings import Detector
    from wattbook.regulator.known import Known

TERMS: Final[dict[Rule, type[Any]]] = {
    Rule.GOUGING: GougingTerms,
    Rule.WASH_TRADES: WashTerms,
    Rule.LAYERING: LayeringTerms,
    Rule.MARKING_THE_CLOSE: MarkingTerms,
}
"""Thresholds of each rule; their defaults are assumptions of calibration unless they say otherwise."""
DETECTORS: Final[dict[Rule, Callable[[Known, Any], Detector]]] = {
    Rule.GOUGING: Gouging,
    Rule.WASH_TRADES: Wash,
    Rule.LAYERING: Layering,
    Rule.MARKING_THE_CLOSE: Marking,
}

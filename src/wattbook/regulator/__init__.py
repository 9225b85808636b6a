"""Detectors over the record, sanctions, incentives' watch: the regulator.

Owns what is an offence and what follows from it. Refuses to know live books, true costs, personas and thoughts: it
reads the regulatory record (`wattbook.regulator.views`) and says what it wants in commands. Law in prose:
docs/regulator.md.
"""

from __future__ import annotations

from wattbook.regulator.findings import Detector, Finding, Line, Offence
from wattbook.regulator.judging import Case, recorded
from wattbook.regulator.known import Known
from wattbook.regulator.office import Office, inspect, look, moments_of
from wattbook.regulator.rules import LADDER, Rules
from wattbook.regulator.views import RECORD, TAPE, Feed, Played, whole

__all__ = [
    "LADDER", "RECORD", "TAPE", "Case", "Detector", "Feed", "Finding", "Known", "Line", "Offence", "Office", "Played",
    "Rules", "inspect", "look", "moments_of", "recorded", "whole",
]  # fmt: skip

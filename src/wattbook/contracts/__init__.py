"""The contract desk: requests, quotes, futures with a clearing house, bilateral contracts, guarantees of origin.

Owns signed contracts, positions, margins and delivery duties. Refuses to know why anyone signs, anyone's balance, and
the clock.
"""

from wattbook.contracts.desk import Desk
from wattbook.contracts.spec import (
    ContractSpec,
    base_profile,
    cascade,
    off_peak_profile,
    peak_profile,
    solar_profile,
)
from wattbook.contracts.terms import NO_LIMIT, DeskTerms
from wattbook.contracts.words import (
    NOBODY,
    WH_PER_CERTIFICATE,
    Answer,
    Code,
    Delivery,
    DeskError,
    Event,
    Kind,
    Leg,
    LegCause,
    Print,
    Row,
    Verb,
)

__all__ = [
    "NOBODY",
    "NO_LIMIT",
    "WH_PER_CERTIFICATE",
    "Answer",
    "Code",
    "ContractSpec",
    "Delivery",
    "Desk",
    "DeskError",
    "DeskTerms",
    "Event",
    "Kind",
    "Leg",
    "LegCause",
    "Print",
    "Row",
    "Verb",
    "base_profile",
    "cascade",
    "off_peak_profile",
    "peak_profile",
    "solar_profile",
]

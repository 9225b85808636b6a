"""Results: tables, figures, summary and folder of a run, from its journal alone.

Owns every number that is told of a run, and the proof that a saved run is what was written. Refuses to know live
state: what the journal does not say is not known here. The one importer of Polars.
"""

from __future__ import annotations

from wattbook.results.comparison import Comparison
from wattbook.results.origin import provenance, scenario_digest
from wattbook.results.record import Place, Record
from wattbook.results.recount import recount
from wattbook.results.regulatory_record import Kept, read_record
from wattbook.results.run import Run
from wattbook.results.trader_profits import profits_by_policy
from wattbook.results.trading_days import competitive, trading_days
from wattbook.results.verify import verify

__all__ = [
    "Comparison",
    "Kept",
    "Place",
    "Record",
    "Run",
    "competitive",
    "profits_by_policy",
    "provenance",
    "read_record",
    "recount",
    "scenario_digest",
    "trading_days",
    "verify",
]

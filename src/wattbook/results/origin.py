"""What a run was made of, and whether its manifest and its journals tell the same of it.

Owns the form of the journal header's ``run``: seed, digest of the scenario, digests of its inputs. It goes into the
fingerprint, so nobody can claim another origin for the same journal.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from wattbook.journal import canonical_json
from wattbook.messages import Action

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wattbook.results.record import Record


def scenario_digest(scenario: Mapping[str, Any]) -> str:
    """SHA-256 [hex] of a scenario as JSON; its name is free text and changes nothing.

    >>> scenario_digest({"days": 2, "name": "street"}) == scenario_digest({"days": 2})
    True
    """
    told = {key: value for key, value in scenario.items() if key != "name"}
    return hashlib.sha256(canonical_json(told)).hexdigest()


def provenance(seed: int, scenario: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    """Say what a run is made of, for its journal's header.

    Parameters
    ----------
    seed : int
    scenario : mapping
        As JSON.
    inputs : mapping
        Name to SHA-256 [hex].
    """
    return {"seed": seed, "scenario": scenario_digest(scenario), "inputs": dict(inputs)}


def origin_faults(info: Mapping[str, Any], record: Record, whose: str) -> Iterator[str]:
    """Say what `info` (``seed``, ``scenario``, ``inputs``) tells otherwise than the journal of `record`."""
    written = record.header["run"]
    for key, told in provenance(info["seed"], info["scenario"], info["inputs"]).items():
        # As bytes: to Python, 1 and True are the same.
        if key not in written or canonical_json(told) != canonical_json(written[key]):
            yield f"{key} is not {whose}'s"


def quarantines(record: Record) -> list[tuple[int, str | None]]:
    """Tell when [ms UTC] each agent was taken out of the market, in the order of events."""
    names = record.place.names
    found: list[tuple[int, str | None]] = []
    for rows in record.pieces("commands", only=("time_ms", "action", "order")):
        mine = rows["action"] == Action.QUARANTINE
        agents = rows["order"][mine].tolist()
        known = [names[agent] if 0 <= agent < len(names) else None for agent in agents]
        found += zip(rows["time_ms"][mine].tolist(), known, strict=True)
    return found

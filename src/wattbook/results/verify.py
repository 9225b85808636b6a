"""Whether a run's folder holds what was written, and whether it adds up.

Five questions, the later ones asked although the earlier ones failed, as far as there is something to ask:
are these the files that the manifest tells of; are seed, scenario, inputs and incidents those of the journals; are
tables and figures what the journal says; do money and energy balance; where there is a regulator, did it say what its
record gives, and was that paid. Tables and figures are computed anew, so
nobody can change one and mend the manifest to match.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import CorruptError, ResourceError
from wattbook.results import catalogue
from wattbook.results import folder as files
from wattbook.results.advice import ADVICE, read_advice
from wattbook.results.energy import energy_errors
from wattbook.results.metrics import metrics
from wattbook.results.money import money_errors, money_of
from wattbook.results.origin import origin_faults, quarantines
from wattbook.results.oversight_checks import decision_faults, sanction_faults
from wattbook.results.record import Record
from wattbook.results.rereading import same_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SENSELESS: Final = (ArithmeticError, LookupError, MemoryError, TypeError, ValueError)
"""What computing with a sound journal of impossible content can raise."""


def verify(directory: str | Path) -> list[str]:
    """Check a saved run and say what was checked.

    Raises
    ------
    CorruptError
        With every fault found, each as "file: fault".
    ResourceError
        If there is no such folder, or it cannot be read.
    """
    folder = Path(directory)
    files.check_folder(folder)
    try:
        return _Check(folder).passed()
    except OSError as error:
        raise ResourceError(f"{folder}: cannot be read ({error.strerror})") from error


class _Check:
    """One look through a folder: what passed, and what is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[str] = []
        self.checked: list[str] = []

    def passed(self) -> list[str]:
        self.manifest = files.read_manifest(self.folder)
        self.checked.append("manifest: complete and as it was written")
        self.data = self._read_files()
        self._note("files: all there, none added, none changed", self._file_faults())
        record = self._record(files.JOURNAL, "fingerprint")
        baseline = self._record(files.BASELINE, "baseline_fingerprint")
        if record is not None and ADVICE in self.data and ADVICE in self.manifest["files"]:
            record = self._advised(record)
        self._note("manifest: of the journal's run", self._origin_faults(record, baseline))
        # Without the baseline the tables cannot be made again, and what lacks has been noted.
        if record is not None and (baseline is None) == (self.manifest["baseline_fingerprint"] is None):
            self._note("tables: what the journal says", self._table_faults(record, baseline))
            self._note("figures: what the journal says", self._metric_faults(record, baseline))
        for name, each in ((files.JOURNAL, record), (files.BASELINE, baseline)):
            if each is not None:
                self._note(f"{name}: money and energy balance", _balance_faults(name, each))
            if each is not None and "regulator" in each.header:
                self._note(
                    f"{name}: the regulator's decisions follow from its record", _heard(name, each, decision_faults)
                )
                self._note(f"{name}: fines and refunds are what was decided", _heard(name, each, sanction_faults))
        if self.faults:
            raise CorruptError(self.faults)
        return self.checked

    def _note(self, check: str, faults: Iterator[str]) -> None:
        before = len(self.faults)
        self.faults += faults
        if len(self.faults) == before:
            self.checked.append(check)

    # --- the files

    def _read_files(self) -> dict[str, bytes]:
        """Read every file that a run may have and that is there; note what else there is."""
        found, faults = files.found_names(self.folder)
        self.faults += faults
        known = files.file_names(has_baseline=True, later=files.LATER_NAMES, has_advice=True)
        return {name: files.read_file(self.folder, name) for name in known if name in found}

    def _file_faults(self) -> Iterator[str]:
        listed = self.manifest["files"]
        # Whether the run has these tables says its journal, when it is read.
        later = [name for name, path in files.LATER_NAMES.items() if path in listed]
        due = files.file_names(self.manifest["baseline_fingerprint"] is not None, later, has_advice=ADVICE in listed)
        if sorted(listed) != due:
            yield f"{files.MANIFEST}: lists other files than a run has"
        found, _ = files.found_names(self.folder)
        for name in found:
            if name not in due and name != files.MANIFEST:
                yield f"{name}: does not belong to this run"
        for name in due:
            if name not in self.data:
                yield f"{name}: is missing"
            elif (told := files.describe(self.data[name])) != listed.get(name):
                yield f"{name}: {_whose(told, listed)}"

    def _record(self, name: str, key: str) -> Record | None:
        if name not in self.data or self.manifest[key] is None:
            return None
        try:
            record = Record.read(self.data[name], name)
        except CorruptError as error:
            self.faults += error.problems
            return None
        if record.fingerprint != self.manifest[key]:
            # Another run's journal says nothing about this one's tables.
            self.faults.append(f"{name}: its fingerprint is not the manifest's")
            return None
        if record.complete != self.manifest["complete"]:
            self.faults.append(f"{name}: the journal and the manifest disagree on whether the run was finished")
        self.checked.append(f"{name}: every frame sound")
        return record

    def _advised(self, record: Record) -> Record:
        try:
            advice = read_advice(self.data[ADVICE])
        except CorruptError as error:
            self.faults += error.problems
            return record
        self.checked.append(f"{ADVICE}: every decision sound")
        return record.advised(advice)

    # --- what follows from the journal

    def _origin_faults(self, record: Record | None, baseline: Record | None) -> Iterator[str]:
        for each, whose in ((record, "the journal"), (baseline, "the baseline")):
            if each is not None:
                yield from (f"{files.MANIFEST}: {fault}" for fault in origin_faults(self.manifest, each, whose))
        told = [(incident["time_ms"], incident["agent"]) for incident in self.manifest["incidents"]]
        if record is not None and told != quarantines(record):
            yield f"{files.MANIFEST}: incidents are not the journal's"

    def _table_faults(self, record: Record, baseline: Record | None) -> Iterator[str]:
        due = files.paths_of(record)
        for table, name in files.LATER_NAMES.items():
            if (table in due) != (name in self.manifest["files"]):
                yield f"{name}: {'is missing' if table in due else 'does not belong to this run'}"
        for table, name in due.items():
            data = self.data.get(name)
            if data is None or files.describe(data) != self.manifest["files"].get(name):
                continue  # what is not what was written has been noted
            try:
                written = io.BytesIO()
                files.write_table(table, record, baseline, written)
            except _SENSELESS as error:
                yield f"{name}: cannot be made from the journal ({error})"
                continue
            # Another version of Polars may write other bytes for the same rows: then the rows are compared.
            if data != written.getvalue() and not same_rows(data, catalogue.frame(table, record, baseline)):
                yield f"{name}: is not what the journal says"

    def _metric_faults(self, record: Record, baseline: Record | None) -> Iterator[str]:
        told = self.manifest["metrics"]
        try:
            computed = metrics(record, baseline, told)
        except _SENSELESS as error:
            yield f"{files.MANIFEST}: metrics cannot be made from the journal ({error})"
            return
        for key in sorted(told.keys() | computed.keys()):
            if key not in told or key not in computed or not _alike(told[key], computed[key]):
                yield f"{files.MANIFEST}: metrics: {key!r} is not what the journal says"


def _whose(told: dict[str, Any], listed: dict[str, Any]) -> str:
    owners = [name for name in sorted(listed) if listed[name] == told]
    return f"holds what the manifest tells of {owners[0]}" if owners else "is not what was written"


def _alike(told: object, computed: object) -> bool:
    """Compare figures; floats may differ in what another processor or library rounds differently."""
    if isinstance(told, dict) and isinstance(computed, dict):
        return told.keys() == computed.keys() and all(_alike(told[key], computed[key]) for key in told)
    if isinstance(told, float) and isinstance(computed, float):
        return math.isclose(told, computed, rel_tol=1e-7, abs_tol=2e-9)
    return type(told) is type(computed) and told == computed


def _heard(name: str, record: Record, faults: Callable[[Record], Iterator[str]]) -> Iterator[str]:
    """Give what is wrong with the regulator's part of a journal."""
    try:
        yield from (f"{name}: {fault}" for fault in faults(record))
    except _SENSELESS as error:
        yield f"{name}: the regulator's decisions cannot be made again ({error})"


def _balance_faults(name: str, record: Record) -> Iterator[str]:
    try:
        total = int(money_of(record).sum())
        money, energy = money_errors(record), energy_errors(record)
    except _SENSELESS as error:
        yield f"{name}: cannot be balanced ({error})"
        return
    if total:
        yield f"{name}: all postings together are {total}, not 0 [1e-8 EUR]"
    yield from (f"{name}: money identity {key!r} is off by {error} [1e-8 EUR]" for key, error in money.items() if error)
    yield from (f"{name}: energy identity {key!r} is off by {error} Wh" for key, error in energy.items() if error)

"""One finished run: its tables, its figures, its summary, and how it is kept in a folder."""

from __future__ import annotations

import html
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from wattbook.errors import ConfigError, CorruptError, ResourceError
from wattbook.results import catalogue
from wattbook.results import folder as files
from wattbook.results.advice import ADVICE, read_advice
from wattbook.results.comparison import compare
from wattbook.results.explanation import explain
from wattbook.results.metrics import MEASURED, metrics
from wattbook.results.origin import origin_faults, quarantines
from wattbook.results.record import Record
from wattbook.results.regulatory_record import record_frames, tape_frames, write_record
from wattbook.results.summary import summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from wattbook.results.comparison import Comparison
    from wattbook.results.explanation import Explanation

_INFO: Final = ("scenario", "seed", "versions", "inputs", "incidents", "complete")


class Run:
    """What a scenario's run gives back.

    Parameters
    ----------
    record : Record
    baseline : Record or None
        The same scenario and seed without the local market.
    info : mapping
        ``scenario`` (as JSON), ``seed``, ``versions``, ``inputs`` (name to SHA-256), ``incidents``, ``complete``,
        and what was measured: ``wakes``, ``wall_s``, ``cpu_s``.

    Attributes
    ----------
    trades, orders, postings, meters, agents, decisions, flows, groups, shares : polars.DataFrame
        Made when they are first asked for.
    positions, served, spot, supply, contracts, margins, certificates : polars.DataFrame
        The same; without rows where there is no wholesale market, or no contract desk.
    sanctions, findings, evidence : polars.DataFrame
        The same; without rows where there is no regulator.
    baseline_run : Run or None
        The same scenario and seed without the local market, with all its tables and figures.
    record, baseline : Record
        The bare columns of both journals.
    notices : tuple of str
        What whoever made the run should know beside it; a folder does not keep them.
    """

    def __init__(self, record: Record, baseline: Record | None, info: Mapping[str, Any]) -> None:
        self.record = record
        self.baseline = baseline
        self.info = dict(info)
        self.notices: tuple[str, ...] = ()
        self._frames: dict[str, pl.DataFrame] = {}

    def __repr__(self) -> str:
        return f"<Run: seed {self.seed}, {len(self.record.streams['trades']['seq'])} trades, {self.fingerprint[:12]}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

    # --- what happened

    @property
    def fingerprint(self) -> str:
        """SHA-256 [hex] of the journal: the same for the same scenario and seed."""
        return self.record.fingerprint

    @property
    def seed(self) -> int:
        """What the run's chance was drawn from."""
        return int(self.info["seed"])

    def table(self, name: str) -> pl.DataFrame:
        """Give the table `name` of `wattbook.results.catalogue`; one that the run has not got has no rows."""
        if name not in self._frames:
            self._frames[name] = catalogue.frame(name, self.record, self.baseline)
        return self._frames[name]

    @cached_property
    def baseline_run(self) -> Run | None:
        """The same scenario and seed without the local market, as a run of its own; None if it was not run."""
        if self.baseline is None:
            return None
        incidents = [
            {"time_ms": at_ms, "agent": agent, "error": "see the run with its market", "traceback": ""}
            for at_ms, agent in quarantines(self.baseline)
        ]
        info = {key: value for key, value in self.info.items() if key not in MEASURED}
        return Run(self.baseline, None, {**info, "incidents": incidents, "complete": self.baseline.complete})

    @property
    def trades(self) -> pl.DataFrame:
        """One row per match."""
        return self.table("trades")

    @property
    def orders(self) -> pl.DataFrame:
        """One row per event of an order."""
        return self.table("orders")

    @property
    def postings(self) -> pl.DataFrame:
        """One row per leg of a transfer."""
        return self.table("postings")

    @property
    def meters(self) -> pl.DataFrame:
        """One row per period and metered agent."""
        return self.table("meters")

    @property
    def agents(self) -> pl.DataFrame:
        """One row per agent: its money and its energy over the run."""
        return self.table("agents")

    @property
    def decisions(self) -> pl.DataFrame:
        """One row per command of an agent, and what became of it; of an advised run one per decision of the model."""
        return self.table("decisions")

    @property
    def flows(self) -> pl.DataFrame:
        """One row per period and network path."""
        return self.table("flows")

    @property
    def groups(self) -> pl.DataFrame:
        """One row per period and balance group."""
        return self.table("groups")

    @property
    def shares(self) -> pl.DataFrame:
        """One row per period, pool and member, where energy is shared after the event."""
        return self.table("shares")

    @property
    def contracts(self) -> pl.DataFrame:
        """One row per event of an offer, a contract or a position at the contract desk."""
        return self.table("contracts")

    @property
    def margins(self) -> pl.DataFrame:
        """One row per agent and movement of margin, variation, call or loss."""
        return self.table("margins")

    @property
    def certificates(self) -> pl.DataFrame:
        """One row per event of guarantees of origin and of quotas."""
        return self.table("certificates")

    @property
    def tariffs(self) -> pl.DataFrame:
        """One row per period and utility whose tariff was set after the start."""
        return self.table("tariffs")

    @property
    def switches(self) -> pl.DataFrame:
        """One row per time and pair of utilities: customers who went from one to the other."""
        return self.table("switches")

    @property
    def moves(self) -> pl.DataFrame:
        """One row per member that took another utility."""
        return self.table("moves")

    @property
    def positions(self) -> pl.DataFrame:
        """One row per period and agent: contracted, bought at spot, traded locally, metered."""
        return self.table("positions")

    @property
    def spot(self) -> pl.DataFrame:
        """One row per period of the day-ahead market."""
        return self.table("spot")

    @property
    def supply(self) -> pl.DataFrame:
        """One row per period and power plant."""
        return self.table("supply")

    @property
    def served(self) -> pl.DataFrame:
        """One row per period and utility that stands for customers."""
        return self.table("served")

    @property
    def sanctions(self) -> pl.DataFrame:
        """One row per sanction of the regulator."""
        return self.table("sanctions")

    @property
    def findings(self) -> pl.DataFrame:
        """One row per finding of the regulator."""
        return self.table("findings")

    @property
    def evidence(self) -> pl.DataFrame:
        """One row per line of evidence that a finding rests on."""
        return self.table("evidence")

    def explain(self, sanction: int) -> Explanation:
        """Take a sanction apart, a row of `sanctions` from 0: what was seen, the limits, the amount, the money.

        Raises
        ------
        ConfigError
            If the run has no regulator, or no such sanction.
        """
        return explain(self.record, sanction)

    def regulatory_record(self) -> dict[str, pl.DataFrame]:
        """Give what a regulator may see of this run, see `wattbook.results.regulatory_record.record_frames`."""
        return record_frames(self.record)

    def tape(self, delay: int = 0) -> dict[str, pl.DataFrame]:
        """Give what everybody may see of this run, see `wattbook.results.regulatory_record.tape_frames`.

        Parameters
        ----------
        delay : duration
            By which rows become visible later than they were written.
        """
        return tape_frames(self.record, delay)

    def write_record(self, directory: str | Path) -> Path:
        """Write what the regulator saw and knew to a folder of its own, for `wattbook.results.read_record`.

        Raises
        ------
        ConfigError
            If the run has no regulator.
        ResourceError
            If the place is taken, or cannot be written.
        """
        return write_record(self.record, Path(directory))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The run's figures, see `wattbook.results.metrics`."""
        return metrics(self.record, self.baseline, self.info)

    def summary(self) -> str:
        """Say in one screen what ran and what came of it."""
        return summary(self)

    def compare(self, other: Run) -> Comparison:
        """Set this run (A) beside another (B) of the same span of time; every difference is B - A.

        Raises
        ------
        ConfigError
            If `other` is no run, or does not begin and end when this one does.
        """
        if not isinstance(other, Run):
            raise ConfigError(
                f"compare takes a Run, not {type(other).__name__}: read a saved one with Run.load(folder)"
            )
        return compare(self, other)

    # --- the folder

    def save(self, directory: str | Path) -> Path:
        """Write the run to a folder of its own, all of it or nothing.

        Raises
        ------
        ResourceError
            If the place is taken, or cannot be written.
        """
        target = Path(directory)
        try:
            if target.is_symlink() or (target.exists() and not (target.is_dir() and not any(target.iterdir()))):
                raise ResourceError(f"{target} exists already and is never overwritten: name another folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            try:
                self._write(work / "run")
                (work / "run").rename(target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            raise ResourceError(f"{target}: cannot be written ({error.strerror or error})") from error
        return target

    def _write(self, directory: Path) -> None:
        (directory / "tables").mkdir(parents=True)
        written = files.write_all(self.record, self.baseline, directory)
        later = [name for name in catalogue.table_names(self.record) if name in files.LATER_NAMES]
        assert sorted(written) == files.file_names(
            self.baseline is not None, later, has_advice=self.record.advice is not None
        )
        manifest = {
            "format": files.FORMAT,
            **{key: self.info[key] for key in _INFO},
            "files": written,
            "fingerprint": self.fingerprint,
            "baseline_fingerprint": None if self.baseline is None else self.baseline.fingerprint,
            "metrics": self.metrics,
        }
        manifest["digest"] = files.digest_of(manifest)
        (directory / files.MANIFEST).write_bytes(files.manifest_bytes(manifest))

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read a saved run; its tables and figures are made anew from its journal.

        Raises
        ------
        CorruptError
            If its manifest or a journal is not what was written. `wattbook.results.verify` looks closer.
        """
        path = Path(directory)
        files.check_folder(path)
        manifest = files.read_manifest(path)
        record = _read_record(path, files.JOURNAL, manifest["fingerprint"])
        if ADVICE in manifest["files"]:
            record = record.advised(read_advice(files.read_file(path, ADVICE)))
        base = manifest["baseline_fingerprint"]
        baseline = None if base is None else _read_record(path, files.BASELINE, base)
        faults = [*origin_faults(manifest, record, "the journal")]
        if baseline is not None:
            faults += origin_faults(manifest, baseline, "the baseline")
        if faults:
            raise CorruptError(f"{files.MANIFEST}: {fault}" for fault in faults)
        info = {key: manifest[key] for key in _INFO}
        return cls(record, baseline, {**info, **{name: manifest["metrics"].get(name) for name in MEASURED}})


def _read_record(directory: Path, name: str, fingerprint: str) -> Record:
    record = Record.read(files.read_file(directory, name), name)
    if record.fingerprint != fingerprint:
        raise CorruptError(f"{name}: is another run's than the manifest says")
    return record

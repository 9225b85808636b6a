"""The recount of a run's regulator: findings, sanctions and evidence against each other and against the postings.

A part of `wattbook.results.recount`: tables and manifest alone, by Polars, sharing no code with what made them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wattbook.results.recount import _Recount

OVERSIGHT_TABLES: Final = ("evidence", "findings", "sanctions")
_PPM: Final = 1_000_000
_SUMS: Final = ("gain", "overcharge", "harm")
_FINE: Final = pl.col("kind") == "fine"


def has_regulator(scenario: dict[str, Any]) -> bool:
    """Tell whether a scenario (as JSON) has a regulator."""
    return scenario.get("regulator") is not None


class OversightCount:
    """The questions that only a run with a regulator is asked.

    Parameters
    ----------
    count : _Recount
        Where tables are read and answers are noted.
    """

    def __init__(self, count: _Recount) -> None:
        self.count = count
        self.rules: dict[str, Any] = count.manifest["scenario"]["regulator"]
        words = pl.col(pl.Categorical, pl.Enum).cast(pl.String)
        self.evidence, self.findings, self.sanctions = (
            count.whole(name).with_columns(words) for name in OVERSIGHT_TABLES
        )

    def all(self) -> None:
        """Ask everything."""
        self.found()
        self.followed()
        self.caps()
        self.paid()

    def found(self) -> None:
        """Compare findings with the sums of their evidence; no offence stands in two of them."""
        item = pl.col("item")
        sums = self.evidence.group_by("finding").agg(
            *(pl.col("value").filter(item == name).sum().alias(f"{name}_counted") for name in _SUMS),
            (item == "offence").sum().alias("offences"),
        )
        both = self.findings.join(sums, on="finding", how="full", coalesce=True).sort("finding")
        unlike = [pl.col(name).ne_missing(pl.col(f"{name}_counted")) for name in _SUMS]
        wrong = both.filter(pl.any_horizontal(*unlike) | (pl.col("offences") == 0))
        self.count.agree("findings: gain, overcharge and harm are those of their evidence", "findings", wrong)
        about = self.findings.select("finding", "agent", "rule")
        offences = self.evidence.filter(item == "offence").join(about, on="finding", how="left")
        keys = offences.select("agent", "rule", "value")
        wrong = keys.filter(keys.is_duplicated()).unique().sort("agent", "rule", "value")
        self.count.agree("evidence: an offence stands in one finding", "evidence", wrong)

    def followed(self) -> None:
        """Sanctions follow from findings, about the same agent and rule, one of a kind."""
        about = self.findings.select(
            "finding", pl.col("agent").alias("whose"), pl.col("rule").alias("which"), pl.col("time").alias("since")
        )
        both = self.sanctions.join(about, on="finding", how="left", maintain_order="left")
        twice = both.select("finding", "kind").is_duplicated()
        wrong = both.filter(
            pl.col("agent").ne_missing(pl.col("whose"))
            | pl.col("rule").ne_missing(pl.col("which"))
            | (pl.col("time") < pl.col("since")).fill_null(value=True)
            | twice
        )
        names = ("time", "agent", "rule", "kind", "finding")
        self.count.agree("sanctions: each follows from a finding, once", "sanctions", wrong.select(names))

    def caps(self) -> None:
        """Fines take back the gain, and beyond it no more than the caps allow."""
        value, item = pl.col("value"), pl.col("item")
        sums = self.evidence.group_by("finding").agg(
            value.filter(item == "gain").clip(lower_bound=0).sum().alias("gain"),
            value.filter(item == "turnover").sum().alias("turnover"),
            value.filter(item == "fined").sum().alias("fined"),
            (item == "offence").sum().cast(pl.Int64).alias("offences"),
        )
        fines = self.sanctions.filter(_FINE).join(sums, on="finding", how="left", maintain_order="left")
        # In Python's whole numbers: a share of a large turnover is more than 64 bits hold on the way.
        wrong = fines.filter([self._is_beyond(fine) for fine in fines.iter_rows(named=True)])
        names = ("time", "agent", "amount", "disgorged", "finding")
        self.count.agree("sanctions: fines are the gain and no more than the caps", "sanctions", wrong.select(names))
        others = self.sanctions.filter(~_FINE & ((pl.col("amount") != 0) | (pl.col("disgorged") != 0)))
        self.count.agree("sanctions: only fines take money", "sanctions", others.select(names))

    def _is_beyond(self, fine: Mapping[str, Any]) -> bool:
        """Tell whether a fine is not the gain and something within the caps; one of no finding is not."""
        if None in (fine["gain"], fine["turnover"], fine["fined"], fine["offences"]):
            return True
        beyond = fine["amount"] - fine["disgorged"]
        left = fine["turnover"] * self.rules["turnover_cap"] // _PPM - fine["fined"]
        most = min(fine["offences"] * self.rules["cap_per_offence"], max(0, left))
        return bool(fine["disgorged"] != fine["gain"] or not 0 <= beyond <= most)

    def paid(self) -> None:
        """Fines are paid by whom they are about, refunds are of gains, and all of it passes through the treasury."""
        posted = self.count.scan("postings").filter(pl.col("cause").is_in(["fine", "refund"]))
        account = pl.col("account").cast(pl.String)
        legs = posted.with_columns(account, pl.col("cause").cast(pl.String)).collect()
        outside = legs.filter(pl.col("account") != "TREASURY")
        paid = outside.filter(pl.col("cause") == "fine").group_by("time", pl.col("account").alias("agent"))
        due = self.sanctions.filter(_FINE).group_by("time", "agent").agg(pl.col("amount").sum().alias("due"))
        both = due.join(paid.agg(-pl.col("amount").sum()), on=["time", "agent"], how="full", coalesce=True)
        wrong = both.filter(pl.col("due").fill_null(0) != pl.col("amount").fill_null(0)).sort("time", "agent")
        self.count.agree("sanctions: fines are paid", "postings", wrong)
        net = legs.group_by("cause").agg(pl.col("amount").sum()).filter(pl.col("amount") != 0).sort("cause")
        self.count.agree("postings: fines and refunds pass through the treasury", "postings", net)
        given = int(outside.filter(pl.col("cause") == "refund")["amount"].sum())
        most = int(self.sanctions["disgorged"].sum())
        negative = outside.filter((pl.col("cause") == "refund") & (pl.col("amount") < 0))
        self.count.agree("sanctions: refunds are gains that were taken back", "postings", negative)
        self.count.agree_on("sanctions: no more is refunded than gain was taken", "postings", 0, max(0, given - most))
        told = self.count.figures["regulator"]
        counted = (self.findings.height, self.sanctions.height, int(self.sanctions["amount"].sum()), given)
        said = (told["findings"], sum(told["sanctions"].values()), told["fines"], told["refunds"])
        self.count.agree_on("sanctions: as the figures say", "sanctions", said, counted)

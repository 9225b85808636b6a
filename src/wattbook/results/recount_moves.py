"""The recount of members' moves: who supplied whom when, and whether everybody paid accordingly.

A part of `wattbook.results.recount`: tables and manifest alone, by Polars, sharing no code with what made them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

if TYPE_CHECKING:
    from wattbook.results.recount import _Recount

MEMBER_TABLES: Final = ("moves",)
_BEGINNING: Final = pl.lit(0).cast(pl.Datetime("ms", "UTC"))


def members_choose(scenario: dict[str, Any]) -> bool:
    """Tell whether members choose their utility in a scenario (as JSON)."""
    return bool((scenario.get("retail") or {}).get("members"))


class MovesCount:
    """Who supplied whom, and the questions that only a run is asked in which members choose.

    Parameters
    ----------
    count : _Recount
        Where tables are read and answers are noted.
    """

    def __init__(self, count: _Recount) -> None:
        self.count = count
        self.scenario: dict[str, Any] = count.manifest["scenario"]
        self.choose = members_choose(self.scenario)
        text = pl.col("agent", "utility").cast(pl.String)
        self.first = count.homes.select(text) if self.choose else count.homes.select("agent", "utility")
        if self.choose:
            words = pl.col(pl.Categorical, pl.Enum).cast(pl.String)
            self.moves = count.whole("moves").with_columns(words).with_row_index("row")
            begun = self.first.with_columns(_BEGINNING.alias("since"))
            later = self.moves.select("agent", pl.col("new").alias("utility"), pl.col("period").alias("since"))
            self.history = pl.concat([begun, later]).sort("since", maintain_order=True)

    def supplied(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add to rows of ``period`` and ``agent`` the ``utility`` that supplies the agent in the period, or null."""
        if not self.choose:
            return rows.join(self.first, on="agent", how="left")
        rows = rows.with_columns(pl.col("agent").cast(pl.String)).sort("period", maintain_order=True)
        history = self.history.with_columns(pl.col("since").cast(rows.schema["period"]))
        return rows.join_asof(
            history, left_on="period", right_on="since", by="agent", strategy="backward", check_sortedness=False
        ).drop("since")

    def all(self) -> None:
        """Ask everything."""
        if not self.choose:
            return
        self.in_order()
        self.fees()
        self.payments()
        told = (self.count.figures.get("wholesale") or {}).get("members_moved")
        self.count.agree_on("moves: as many as the figures say", "moves", told, self.moves.height)

    def _terms(self, name: str) -> pl.DataFrame:
        rows = [
            (each["name"], int(each.get(name) or 0)) for each in self.scenario["agents"] if each["kind"] == "utility"
        ]
        return pl.DataFrame(rows, schema={"utility": pl.String, name: pl.Int64}, orient="row")

    def in_order(self) -> None:
        """Each move is from the utility that the member has, for the next local day, when its term is over."""
        rows = self.moves.sort("agent", "row").with_columns(
            pl.col("new").shift(1).over("agent").alias("held"), pl.col("period").shift(1).over("agent").alias("since")
        )
        rows = rows.join(self.first, on="agent", how="left", maintain_order="left")
        rows = rows.join(self._terms("term"), left_on="old", right_on="utility", how="left", maintain_order="left")
        wrong = rows.filter(
            (pl.coalesce("held", "utility").ne_missing(pl.col("old"))) | (pl.col("old") == pl.col("new"))
        )
        self.count.agree("moves: from the utility that the member has to another", "moves", wrong)
        local = [pl.col(name).dt.convert_time_zone(self.scenario["timezone"]).dt.date() for name in ("time", "period")]
        wrong = rows.filter(local[1] != local[0] + pl.duration(days=1))
        self.count.agree("moves: from the next day on", "moves", wrong)
        # Members are not bound at the start.
        over = pl.col("since") + pl.duration(milliseconds=pl.col("term"))
        wrong = rows.filter(
            pl.col("since").is_not_null() & ((pl.col("period") < over) | (pl.col("period") <= pl.col("since")))
        )
        self.count.agree("moves: when the term is over", "moves", wrong)

    def fees(self) -> None:
        """Exit fees are those of the tariffs; who leaves pays them to whom it leaves."""
        rows = self.moves.join(self._terms("exit_fee"), left_on="old", right_on="utility", how="left")
        wrong = rows.filter(pl.col("fee").ne_missing(pl.col("exit_fee")))
        self.count.agree("moves: exit fees are those of the tariffs", "moves", wrong)
        customers = self.count.whole("switches")
        legs = pl.concat(
            [
                rows.select(pl.col("agent").alias("account"), -pl.col("fee").alias("due")),
                rows.select(pl.col("old").alias("account"), pl.col("fee").alias("due")),
                customers.select(pl.col("old").cast(pl.String).alias("account"), pl.col("fee").alias("due")),
                customers.select(pl.lit("UPSTREAM").alias("account"), -pl.col("fee").alias("due")),
            ]
        )
        due = legs.group_by("account").agg(pl.col("due").sum())
        posted = self.count.scan("postings").filter(pl.col("cause") == "exit-fee")
        account = pl.col("account").cast(pl.String)
        paid = posted.group_by(account).agg(pl.col("amount").sum()).collect()
        both = due.join(paid, on="account", how="full", coalesce=True).sort("account").fill_null(0)
        self.count.agree("moves: exit fees are paid", "postings", both.filter(pl.col("due") != pl.col("amount")))

    def payments(self) -> None:
        """Members pay and get for each residual Wh what their utility of the period asks and pays."""
        rows = self.supplied(self.count.whole("meters").select("period", "agent", "residual_wh"))
        rows = self._with_tariffs(rows)
        residual = pl.col("residual_wh")
        dues = {
            "retail": -residual.clip(lower_bound=0) * pl.col("retail"),
            "feed-in": -residual.clip(upper_bound=0) * pl.col("feed_in"),
        }
        homes = self.first["agent"].to_list()
        for cause, due in dues.items():
            posted = self.count.scan("postings").filter(pl.col("cause") == cause)
            account = pl.col("account").cast(pl.String).alias("agent")
            paid = posted.group_by("period", account).agg(pl.col("amount").sum()).collect()
            paid = paid.filter(pl.col("agent").is_in(homes))
            both = rows.select("period", "agent", due.alias("due")).join(
                paid, on=["period", "agent"], how="full", coalesce=True
            )
            wrong = both.filter(pl.col("due").fill_null(0) != pl.col("amount").fill_null(0)).sort("period", "agent")
            self.count.agree(f"moves: {cause} is residual x the tariff of the utility of the period", "postings", wrong)

    def _with_tariffs(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add to rows of ``period`` and ``utility`` what that asks and pays, ``retail`` and ``feed_in`` [ticks]."""
        hours = [
            (each["name"], hour, retail, feed_in)
            for each in self.scenario["agents"]
            if each["kind"] == "utility"
            for hour, (retail, feed_in) in enumerate(zip(each["retail"], each["feed_in"], strict=True))
        ]
        schema = {"utility": pl.String, "hour": pl.Int64, "retail": pl.Int64, "feed_in": pl.Int64}
        known = pl.DataFrame(hours, schema=schema, orient="row")
        words = pl.col(pl.Categorical, pl.Enum).cast(pl.String)
        later = self.count.whole("tariffs").with_columns(words).group_by("period", "agent", maintain_order=True).last()
        hour = pl.col("period").dt.convert_time_zone(self.scenario["timezone"]).dt.hour().cast(pl.Int64)
        both = rows.with_columns(hour.alias("hour")).join(known, on=["utility", "hour"], how="left")
        both = both.join(later.rename({"agent": "utility"}), on=["period", "utility"], how="left")
        return both.with_columns(
            pl.coalesce("retail_tick", "retail").alias("retail"),
            pl.coalesce("feed_in_tick", "feed_in").alias("feed_in"),
        )

"""An independent recount of a saved run: whether its tables agree with each other and with its manifest.

Reads the Parquet tables and the manifest alone, in pieces, so that a city's day fits into a small machine's memory.
`wattbook.results.verify` makes tables and figures anew from the journal, with the code that made them; nothing of that
code is used here, nor of the engine's: the sums are taken another way, by Polars, from what a reader of the tables
sees. A mistake that both share would have to be made twice.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from wattbook.errors import CorruptError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES: Final = ("agents", "flows", "groups", "meters", "orders", "postings", "shares", "trades")
PIECE_ROWS: Final = 1 << 21
"""Rows that are looked at together."""
_TICKS_X_WH: Final = pl.col("price_tick") * pl.col("quantity_wh")
_SHARED_VALUE: Final = pl.col("price_tick") * pl.col("shared_wh")
_METERED: Final = pl.col("traded_wh") + pl.col("residual_wh")
_ENERGY: Final = ("load_wh", "generation_wh", "charge_wh", "discharge_wh", "curtailed_wh")
_GONE: Final = ("filled", "cancelled", "expired", "prevented")


def recount(directory: str | Path, piece_rows: int = PIECE_ROWS) -> list[str]:
    """Recount a saved run from its tables and say what was counted.

    Parameters
    ----------
    directory : path
        What `Run.save` wrote.
    piece_rows : int
        Rows that are looked at together; any number gives the same answer.

    Returns
    -------
    list of str
        One line per question that was answered with yes.

    Raises
    ------
    CorruptError
        With every disagreement found, each as "table: what".
    ResourceError
        If there is no such folder, or a table cannot be read.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise ResourceError(f"{folder}: there is no such folder: give the folder of a saved run")
    try:
        count = _Recount(folder, piece_rows)
        count.all()
    except (pl.exceptions.PolarsError, KeyError, TypeError, ValueError) as error:
        raise CorruptError(f"tables: cannot be counted ({str(error).splitlines()[0]})") from error
    except OSError as error:
        raise ResourceError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if count.faults:
        raise CorruptError(count.faults)
    return count.counted


class _Recount:
    """One count of one folder: what agreed, and what did not."""

    def __init__(self, folder: Path, piece_rows: int) -> None:
        self.folder = folder
        self.piece_rows = piece_rows
        self.counted: list[str] = []
        self.faults: list[str] = []
        self.manifest = json.loads((folder / "manifest.json").read_bytes())
        self.figures: dict[str, Any] = self.manifest["metrics"]
        self.complete = self.manifest["complete"] is True

    def all(self) -> None:
        self.files()
        if self.faults:
            return  # what is not the run's own table says nothing about the run
        self.agents = self.whole("agents")
        self.homes = self.agents.filter(pl.col("utility").is_not_null())
        self.trades()
        self.transfers()
        self.balances()
        self.payments_for_trades()
        self.energy()
        self.orders()
        self.fills()

    # --- reading

    def scan(self, table: str) -> pl.LazyFrame:
        return pl.scan_parquet(self.folder / f"tables/{table}.parquet", glob=False)

    def whole(self, table: str) -> pl.DataFrame:
        return self.scan(table).collect()

    def pieces(self, table: str, *columns: str) -> Iterator[pl.DataFrame]:
        """Give a table some rows at a time; one piece without rows where it is empty."""
        rows = self.scan(table).select(columns)
        for first in range(0, max(self.height(table), 1), self.piece_rows):
            yield rows.slice(first, self.piece_rows).collect()

    def height(self, table: str) -> int:
        return int(self.scan(table).select(pl.len()).collect().item())

    def shards(self, rows: int) -> int:
        return -(-rows // self.piece_rows) or 1

    # --- telling

    def agree(self, question: str, table: str, wrong: pl.DataFrame) -> None:
        """Note that `question` was answered with yes if there is no row in `wrong`, else its first row."""
        if not wrong.height:
            self.counted.append(question)
            return
        first = ", ".join(f"{key} {value}" for key, value in wrong.row(0, named=True).items())
        self.faults.append(f"{table}: {wrong.height} x not so: {question}; first: {first}")

    def agree_on(self, question: str, table: str, told: object, counted: object) -> None:
        row = {"told": [str(told)], "counted": [str(counted)]} if told != counted else {"told": [], "counted": []}
        self.agree(question, table, pl.DataFrame(row))

    # --- the questions

    def files(self) -> None:
        """Compare the tables with what the manifest tells of them."""
        rows = []
        for table in TABLES:
            name = f"tables/{table}.parquet"
            with (self.folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if self.manifest["files"][name]["sha256"] != found:
                rows.append(name)
        self.agree("tables are the files that the manifest tells of", "manifest.json", pl.DataFrame({"file": rows}))

    def trades(self) -> None:
        """Count and volume of the figures; everybody exists; nobody trades with itself for nothing."""
        sums = (
            self.scan("trades")
            .select(
                pl.len().alias("trades"),
                pl.col("quantity_wh").filter(pl.col("venue") != "wholesale").sum().alias("volume"),
                (pl.col("quantity_wh") <= 0).sum().alias("empty"),
                pl.col("buyer").is_null().sum().alias("buyers"),
                pl.col("seller").is_null().sum().alias("sellers"),
            )
            .collect()
            .row(0, named=True)
        )
        self.agree_on("trades: as many as the figures say", "trades", self.figures["trades"], sums["trades"])
        shared = self.scan("shares").select(pl.col("shared_wh").clip(lower_bound=0).sum()).collect().item()
        volume = sums["volume"] + shared
        self.agree_on("trades: as much energy, with shares", "trades", self.figures["local_volume_wh"], volume)
        bad = sums["empty"] + sums["buyers"] + sums["sellers"]
        self.agree_on("trades: of energy, between agents", "trades", 0, bad)

    def transfers(self) -> None:
        """Every transfer sums to zero, and so does all."""
        sums = self.scan("postings").group_by("transfer").agg(pl.col("amount").sum())
        wrong = sums.filter(pl.col("amount") != 0).sort("transfer").collect(engine="streaming")
        self.agree("postings: each transfer sums to zero", "postings", wrong)

    def balances(self) -> None:
        """Each agent's money is the sum of its postings."""
        endowed = pl.col("cause") == "endowment"
        sums = (
            self.scan("postings")
            .group_by("account")
            .agg(
                pl.col("amount").filter(endowed).sum().alias("endowed"),
                pl.col("amount").filter(~endowed).sum().alias("earned"),
            )
            .collect(engine="streaming")
        )
        told = self.agents.select("agent", "money_start", "money_end", "profit", "bill")
        wrong = (
            told.join(sums, left_on="agent", right_on="account", how="left", maintain_order="left")
            .with_columns(pl.col("endowed", "earned").fill_null(0))
            .filter(
                (pl.col("money_start") != pl.col("endowed"))
                | (pl.col("money_end") - pl.col("money_start") != pl.col("earned"))
                | (pl.col("profit") != pl.col("earned"))
                | (pl.col("bill") != -pl.col("earned"))
            )
        )
        self.agree("agents: money is the sum of the agent's postings", "agents", wrong)

    def payments_for_trades(self) -> None:
        """Per account and period what was posted for trades and shares is the signed sum of price x quantity."""
        paid = self.scan("postings").filter(pl.col("cause").is_in(["trade", "share"]))
        wrong = [paid.filter(pl.col("period").is_null()).select("period", "account", "amount").collect()]
        if self.complete:
            moments = [deals.select("period").unique() for deals in (self.scan("trades"), self.scan("shares"), paid)]
            periods = pl.concat(moments).unique().sort("period").collect().to_series().drop_nulls()
        else:  # what was traded for later periods is not paid yet
            periods = self.scan("meters").select(pl.col("period").unique().sort()).collect().to_series()
        shards = self.shards(self.height("trades") + self.height("shares"))
        for shard in range(min(shards, len(periods))):
            mine = periods.gather_every(shards, shard).to_list()
            deals, shares = (self.scan(name).filter(pl.col("period").is_in(mine)) for name in ("trades", "shares"))
            legs = pl.concat(
                [
                    deals.select("period", pl.col("buyer").alias("account"), -_TICKS_X_WH.alias("amount")),
                    deals.select("period", pl.col("seller").alias("account"), _TICKS_X_WH.alias("amount")),
                    shares.select("period", pl.col("agent").alias("account"), -_SHARED_VALUE.alias("amount")),
                    paid.filter(pl.col("period").is_in(mine)).select("period", "account", -pl.col("amount")),
                ]
            )
            sums = legs.group_by("period", "account").agg(pl.col("amount").sum())
            wrong.append(sums.filter(pl.col("amount") != 0).collect(engine="streaming"))
        frame = pl.concat(wrong).sort("period", "account")
        self.agree("postings: trades and shares are paid for with price x quantity", "postings", frame)

    def energy(self) -> None:
        """Node by node and period by period; agents' totals, groups and flows as sums of them."""
        whose = self.agents.select("agent", "utility", "kind")
        nodes, nets, totals, groups, flows = [], [], [], [], []
        for rows in self.pieces("meters", "period", "agent", *_ENERGY, "traded_wh", "residual_wh"):
            needed = pl.col("load_wh") + pl.col("charge_wh") - pl.col("generation_wh") - pl.col("discharge_wh")
            two_ways = (pl.col("charge_wh") > 0) & (pl.col("discharge_wh") > 0)
            nodes.append(rows.filter((needed != _METERED) | two_ways))
            nets.append(self._untraded(rows))
            totals.append(_sums(rows.with_columns(_METERED.alias("metered")), "agent"))
            known = rows.join(whose.select("agent", "utility"), on="agent", how="left")
            groups.append(known.group_by("period", "utility").agg(pl.col("residual_wh").sum().alias("counted")))
            flows.append(rows.group_by("period").agg(_METERED.clip(lower_bound=0).sum().alias("counted")))
        self._attendance()
        self.agree("meters: load + charge - generation - discharge = traded + residual", "meters", pl.concat(nodes))
        self.agree("meters: traded = bought - sold of trades and shares", "meters", pl.concat(nets))
        self._totals(pl.concat(totals))
        self._sums_of("groups", "utility", "metered_wh", pl.concat(groups))
        told = self.whole("groups").filter(pl.col("nominated_wh") + pl.col("deviation_wh") != pl.col("metered_wh"))
        self.agree("groups: nominated + deviation = metered", "groups", told)
        self._sums_of("flows", None, "flow_wh", pl.concat(flows))

    def _untraded(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows whose `traded_wh` is not what the trades of their periods say."""
        first, last = rows["period"].min(), rows["period"].max()
        here = pl.col("period").is_between(first, last)
        deals = self.scan("trades").filter(here & (pl.col("venue") != "wholesale"))
        shares = self.scan("shares").filter(here)
        net = (
            pl.concat(
                [
                    deals.select("period", pl.col("buyer").alias("agent"), "quantity_wh"),
                    deals.select("period", pl.col("seller").alias("agent"), -pl.col("quantity_wh")),
                    shares.select("period", "agent", pl.col("shared_wh").alias("quantity_wh")),
                ]
            )
            .group_by("period", "agent")
            .agg(pl.col("quantity_wh").sum().alias("counted"))
            .collect(engine="streaming")
        )
        met = rows.select("period", "agent", "traded_wh").join(net, on=["period", "agent"], how="left")
        return met.filter(pl.col("traded_wh") != pl.col("counted").fill_null(0))

    def _attendance(self) -> None:
        """Everybody who trades in a period that was read is read in it, once: all but a laboratory's traders."""
        read = self.scan("meters").select("period").unique().collect().to_series()
        once = self.scan("meters").group_by("agent").agg(pl.len(), pl.col("period").n_unique().alias("periods"))
        wrong = once.filter((pl.col("len") != pl.col("periods")) | (pl.col("len") != len(read)))
        metered = self.scan("meters").select("agent").unique().collect().to_series()
        self.agree("meters: one row per member and period", "meters", wrong.collect(engine="streaming"))
        deals = self.scan("trades")
        who = pl.concat([deals.select(pl.col("buyer").alias("agent")), deals.select(pl.col("seller").alias("agent"))])
        traders = self.agents.filter(pl.col("kind") == "trader")["agent"].to_list()
        strangers = (
            who.unique()
            .collect(engine="streaming")
            .filter(~pl.col("agent").is_in(metered.to_list()) & ~pl.col("agent").is_in(traders))
        )
        # A run that was stopped before its first period has no meters yet.
        self.agree("trades: of members", "trades", strangers if len(read) else strangers.clear())

    def _totals(self, parts: pl.DataFrame) -> None:
        """Compare the agents' energies with sums of their meters and trades."""
        sums = parts.group_by("agent").agg(pl.exclude("agent").sum())
        deals, shares = self.scan("trades"), self.scan("shares")
        for side, name, sign in (("buyer", "bought_wh", 1), ("seller", "sold_wh", -1)):
            shared = (sign * pl.col("shared_wh")).clip(lower_bound=0).alias("quantity_wh")
            moved = [deals.select(pl.col(side).alias("agent"), "quantity_wh"), shares.select("agent", shared)]
            volume = pl.concat(moved).group_by("agent").agg(pl.col("quantity_wh").sum().alias(name))
            sums = sums.join(volume.collect(engine="streaming"), on="agent", how="full", coalesce=True)
        names = [name for name in sums.columns if name != "agent"]
        both = self.agents.select("agent", *names).join(sums, on="agent", how="left", suffix="_counted")
        unlike = [pl.col(name) != pl.col(f"{name}_counted").fill_null(0) for name in names]
        self.agree("agents: energy is the sum of meters and trades", "agents", both.filter(pl.any_horizontal(unlike)))

    def _sums_of(self, table: str, key: str | None, column: str, parts: pl.DataFrame) -> None:
        """Compare a table's `column` with the sum of the meters, per period (and `key`)."""
        keys = ["period"] if key is None else ["period", key]
        counted = parts.group_by(keys).agg(pl.col("counted").sum())
        if key is not None:
            counted = counted.filter(pl.col(key).is_not_null())
        told = self.whole(table).group_by(keys).agg(pl.col(column).sum().alias("told"))
        both = told.join(counted, on=keys, how="full", coalesce=True)
        wrong = both.filter(pl.col("told").fill_null(0) != pl.col("counted").fill_null(0)).sort(keys)
        self.agree(f"{table}: {column} is the sum of the meters", table, wrong)

    def orders(self) -> None:
        """Follow each order from its acceptance to its end; only what still rests is carried on."""
        alive, wrong, accepted, refused = None, [], 0, 0
        columns = ("seq", "book", "period", "order", "event", "quantity_wh", "remaining_wh", "code")
        for piece in self.pieces("orders", *columns):
            sound = piece.filter(pl.col("code") == "ok")
            refused += piece.height - sound.height
            accepted += int((sound["event"] == "accepted").sum())
            ended, alive = _lives(sound, alive)
            wrong.append(ended)
        rest = pl.DataFrame() if alive is None else alive
        self.agree_on("orders: as many as the figures say", "orders", self.figures["orders"], accepted)
        self.agree_on("orders: as many refusals", "orders", self.figures["refusals"], refused)
        self.agree(
            "orders: accepted = filled + cancelled + expired + prevented + resting, at every event",
            "orders", pl.concat(wrong),
        )  # fmt: skip
        if self.complete:
            self.agree("orders: none rests when the run is over", "orders", rest)

    def fills(self) -> None:
        """Each trade fills its maker's and its taker's order, and nothing else fills any."""
        deals = self.scan("trades")
        shards = self.shards(2 * self.height("trades"))
        wrong = []
        for shard in range(shards):
            legs = [
                deals.select(pl.col(name).alias("order"), "book", "period", "quantity_wh", "price_tick", number=1)
                for name in ("maker_order", "taker_order")
            ]
            filled = self.scan("orders").filter(pl.col("event") == "filled")
            legs.append(filled.select("order", "book", "period", -pl.col("quantity_wh"), "price_tick", number=-1))
            sums = (
                pl.concat([leg.filter(pl.col("order") % shards == shard) for leg in legs])
                .group_by("order", "book", "period", "price_tick")
                .agg(pl.col("quantity_wh").sum(), pl.col("number").sum())
            )
            bad = sums.filter((pl.col("quantity_wh") != 0) | (pl.col("number") != 0))
            wrong.append(bad.collect(engine="streaming"))
        self.agree("orders: fills are the trades', order by order", "orders", pl.concat(wrong).sort("order"))


def _sums(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Energy by `key`, named as in the agents' table."""
    metered, residual = pl.col("metered"), pl.col("residual_wh")
    return rows.group_by(key).agg(
        pl.col(*_ENERGY).sum(),
        metered.clip(lower_bound=0).sum().alias("withdrawal_wh"),
        (-metered).clip(lower_bound=0).sum().alias("injection_wh"),
        pl.min_horizontal(metered, "traded_wh").clip(lower_bound=0).sum().alias("local_wh"),
        residual.clip(lower_bound=0).sum().alias("residual_in_wh"),
        (-residual).clip(lower_bound=0).sum().alias("residual_out_wh"),
    )


def _lives(events: pl.DataFrame, alive: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add events to the orders that rest.

    Parameters
    ----------
    events : DataFrame
        Of sound commands, by seq.
    alive : DataFrame or None
        ``book, order, seq, period, left``: what rested before them.

    Returns
    -------
    wrong : DataFrame
        Events after which not what should be left is left, and events of orders that nobody accepted.
    alive : DataFrame
    """
    kind, size = pl.col("event"), pl.col("quantity_wh")
    change = (
        pl.when(kind.is_in(["accepted", "replaced"]))
        .then(size)
        .when(kind.is_in(list(_GONE)))
        .then(-size)
        .otherwise(None)
    )
    steps = events.select(
        "book", "order", "seq", "period", "remaining_wh", change.alias("change"), (kind == "accepted").alias("born")
    )
    if alive is not None:
        before = alive.select(
            "book", "order", "seq", "period", pl.col("left").alias("remaining_wh"), pl.col("left").alias("change"),
            pl.lit(value=True).alias("born"),
        )  # fmt: skip
        steps = pl.concat([before, steps])
    steps = steps.sort("book", "order", "seq")
    first = (pl.col("order") != pl.col("order").shift(1)) | (pl.col("book") != pl.col("book").shift(1))
    steps = steps.with_columns(first.fill_null(value=True).alias("first"))
    # A running sum over all rows less what it was before the order's first row.
    total = pl.col("change").cum_sum()
    begun = pl.when("first").then(total - pl.col("change")).forward_fill()
    steps = steps.with_columns((total - begun).alias("left"), last=pl.col("first").shift(-1, fill_value=True))
    fault = (
        (pl.col("left") != pl.col("remaining_wh"))
        | pl.col("change").is_null()
        | (pl.col("left") < 0)
        | (pl.col("first") != pl.col("born"))
    )
    wrong = steps.filter(fault).select("book", "order", "seq", "period", "left", "remaining_wh")
    rest = steps.filter(pl.col("last") & (pl.col("left") > 0)).select("book", "order", "seq", "period", "left")
    return wrong, rest

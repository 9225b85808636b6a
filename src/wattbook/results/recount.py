"""An independent recount of a saved run: whether its tables agree with each other and with its manifest.

Reads the Parquet tables and the manifest alone, in pieces, so that a city's day fits into a small machine's memory; of
the other files it knows the digests.
`wattbook.results.verify` makes tables and figures anew from the journal, with the code that made them; nothing of that
code is used here, nor of the engine's: the sums are taken another way, by Polars, from what a reader of the tables
sees. A mistake that both share would have to be made twice.
"""

from __future__ import annotations

import hashlib
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from wattbook.errors import CorruptError, ResourceError
from wattbook.results.recount_gateway import GatewayCount, gateway_net, has_gateway
from wattbook.results.recount_incentives import IncentiveCount, has_incentives
from wattbook.results.recount_moves import MovesCount
from wattbook.results.recount_oversight import OVERSIGHT_TABLES, OversightCount, has_regulator
from wattbook.results.recount_wholesale import WholesaleCount, due_tables, has_wholesale

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES: Final = ("agents", "decisions", "flows", "groups", "meters", "orders", "postings", "shares", "trades")
HOUSE: Final = ("CLEARING", "GRID", "ROUNDING", "STATE", "TREASURY", "UPSTREAM")
"""Accounts that are nobody's."""
PIECE_ROWS: Final = 1 << 21
"""Rows that are looked at together."""
_TICKS_X_WH: Final = pl.col("price_tick") * pl.col("quantity_wh")
_SHARED_VALUE: Final = pl.col("price_tick") * pl.col("shared_wh")
_METERED: Final = pl.col("traded_wh") + pl.col("residual_wh")
_ENERGY: Final = ("load_wh", "generation_wh", "charge_wh", "discharge_wh", "curtailed_wh")
_PPM: Final = 1_000_000
_UWH: Final = 1_000_000
"""uWh that make a Wh."""
_CITY_EFFICIENCY_PPM: Final = 900_000
"""Round trip of every battery of a city's homes."""
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
        self.batteries = self._batteries()
        self.homes = self.agents.filter(pl.col("utility").is_not_null())
        self.moves = MovesCount(self)
        self.wholesale = WholesaleCount(self) if has_wholesale(self.manifest["scenario"]) else None
        self.trades()
        self.transfers()
        self.balances()
        self.payments_for_trades()
        if has_gateway(self.manifest["scenario"]):
            GatewayCount(self).all()
        self.savings()
        self.energy()
        self.losses()
        self.orders()
        self.fills()
        if self.wholesale is not None:
            self.wholesale.all()
        self.moves.all()
        if has_regulator(self.manifest["scenario"]):
            OversightCount(self).all()
        if has_incentives(self.manifest["scenario"]):
            IncentiveCount(self).all()

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
        """Compare the manifest with its own digest, and all files of a run with what it tells of them."""
        plain = {key: value for key, value in self.manifest.items() if key != "digest"}
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.agree_on("manifest: its digest is its content's", "manifest.json", self.manifest["digest"], digest)
        listed = self.manifest["files"]
        scenario = self.manifest["scenario"]
        tables = (*TABLES, *due_tables(scenario), *(OVERSIGHT_TABLES if has_regulator(scenario) else ()))
        due = ["journal.wbj", *(f"tables/{table}.parquet" for table in tables)]
        due += ["baseline.wbj"] if self.manifest["baseline_fingerprint"] is not None else []
        rows = sorted(listed.keys() ^ set(due))
        # No name that a manifest gives is opened, only those that a run has.
        for name in due if not rows else ():
            with (self.folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
            if listed[name] != {"sha256": found, "bytes": size}:
                rows.append(name)
        self.agree("all files are those that the manifest tells of", "manifest.json", pl.DataFrame({"file": rows}))

    def everybody(self, accounts: pl.Series) -> None:
        """Who is described or has money has a row; nobody has two."""
        described = self.manifest["scenario"].get("agents", ())
        names = [each["name"] for each in described if each["kind"] != "city"]
        known = self.agents["agent"]
        absent = pl.concat([pl.Series(names, dtype=pl.String), accounts.cast(pl.String)]).unique().sort()
        absent = absent.filter(~absent.is_in(known.to_list()) & ~absent.is_in(HOUSE))
        twice = known.filter(known.is_duplicated())
        wrong = pl.DataFrame({"agent": pl.concat([absent, twice.cast(pl.String)])})
        self.agree("agents: one row for each who is described or has money", "agents", wrong)
        homes = sum(each.get("homes", 1) for each in described)
        self.agree_on("agents: as many as the scenario has", "agents", homes or len(known), len(known))

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
        self.everybody(sums["account"])
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

    def savings(self) -> None:
        """Compare what an agent saved with its bill without the market less its bill with it."""
        has_baseline = self.manifest["baseline_fingerprint"] is not None
        told = self.agents.select("agent", "baseline_bill", "bill", "saving")
        saved = pl.col("baseline_bill") - pl.col("bill")
        wrong = told.filter(
            pl.col("saving").ne_missing(saved) | (pl.col("baseline_bill").is_null() == pl.lit(has_baseline))
        )
        self.agree("agents: saving = bill of the baseline - bill", "agents", wrong)

    def losses(self) -> None:
        """Each path's losses are its share of what flowed, whole Wh, the rest carried to the next period."""
        network = self.manifest["scenario"].get("network")
        flows = self.whole("flows").with_columns(pl.col("path").cast(pl.String)).sort("path", "period")
        if network is None:
            shares = pl.DataFrame(schema={"path": pl.String, "ppm": pl.Int64})
        else:
            paths = ("feeder", "district", "standard")
            shares = pl.DataFrame({"path": paths, "ppm": [network[f"{path}_loss"] for path in paths]})
        so_far = flows.join(shares, on="path", how="inner", maintain_order="left").with_columns(
            pl.col("flow_wh").cum_sum().over("path").alias("flowed"),
            pl.col("losses_wh").cum_sum().over("path").alias("lost"),
        )
        wrong = so_far.filter(pl.col("lost") != pl.col("flowed") * pl.col("ppm") // _PPM)
        self.agree(
            "flows: losses are the network's share", "flows", wrong.select("period", "path", "flow_wh", "losses_wh")
        )

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
        nodes, nets, totals, groups, flows, charges, strange = [], [], [], [], [], [], []
        charge = self.batteries.select("agent", pl.col("start_uwh").alias("before_uwh"))
        columns = ("period", "agent", *_ENERGY, "traded_wh", "residual_wh", "soc_wh", "substitute")
        for rows in self.pieces("meters", *columns):
            needed = pl.col("load_wh") + pl.col("charge_wh") - pl.col("generation_wh") - pl.col("discharge_wh")
            two_ways = (pl.col("charge_wh") > 0) & (pl.col("discharge_wh") > 0)
            nodes.append(rows.filter((needed != _METERED) | two_ways))
            nets.append(self._untraded(rows))
            totals.append(_sums(self._with_neighbours(rows.with_columns(_METERED.alias("metered"))), "agent"))
            known = self.moves.supplied(rows.select("period", "agent", "residual_wh"))
            stored = rows.join(self.batteries, on="agent", how="inner", maintain_order="left")
            wrong, charge = _charges(stored, charge)
            charges.append(wrong)
            idle = rows.filter((pl.col("charge_wh") != 0) | (pl.col("discharge_wh") != 0) | (pl.col("soc_wh") != 0))
            strange.append(idle.filter(~pl.col("agent").is_in(self.owners)).select("period", "agent", "soc_wh"))
            groups.append(known.group_by("period", "utility").agg(pl.col("residual_wh").sum().alias("counted")))
            flows.append(rows.group_by("period").agg(_METERED.clip(lower_bound=0).sum().alias("counted")))
        self._attendance()
        self.agree("meters: load + charge - generation - discharge = traded + residual", "meters", pl.concat(nodes))
        self.agree("meters: traded = bought - sold of trades and shares", "meters", pl.concat(nets))
        self.agree("meters: charge follows from what batteries took and gave", "meters", pl.concat(charges))
        self.agree("meters: who has no battery stores nothing", "meters", pl.concat(strange))
        self._charges_at_the_ends(charge)
        self._totals(pl.concat(totals))
        if self.wholesale is not None:
            groups += self.wholesale.beside()
        self._sums_of("groups", "utility", "metered_wh", pl.concat(groups, how="vertical_relaxed"))
        told = self.whole("groups").filter(pl.col("nominated_wh") + pl.col("deviation_wh") != pl.col("metered_wh"))
        self.agree("groups: nominated + deviation = metered", "groups", told)
        self._sums_of("flows", None, "flow_wh", pl.concat(flows))

    def _batteries(self) -> pl.DataFrame:
        """Give what the scenario tells of batteries: charge at the start, what a Wh adds and removes, capacity.

        A city's homes have theirs by lot, with the one efficiency: those that did something are taken, of unknown
        capacity. Whose meter failed has a row that tells what was billed, not what its battery did, and is left out.
        """
        failed = self.scan("meters").filter("substitute").select(pl.col("agent").cast(pl.String)).unique().collect()
        out = set(failed.to_series().to_list())
        described = self.manifest["scenario"].get("agents")
        rows: list[tuple[str, int, int, int | None]] = []
        for each in described or ():
            if each["kind"] == "city":
                did = pl.sum_horizontal("charge_wh", "discharge_wh", "soc_start_wh", "soc_end_wh") != 0
                homes = self.agents.filter(did & pl.col("agent").cast(pl.String).str.starts_with(f"{each['name']}-"))
                rows += [(name, 0, _CITY_EFFICIENCY_PPM, None) for name in homes["agent"].to_list()]
            elif each.get("battery"):
                battery = each["battery"]
                start = battery["capacity_wh"] * battery["soc_start_ppm"]
                rows.append((each["name"], start, battery["efficiency_ppm"], battery["capacity_wh"]))
        ways = {ppm: _ways(ppm) for _, _, ppm, _ in rows}
        # Sorted so that an agent described beside a city, under a name like its homes', is taken as described.
        rows.sort(key=lambda row: row[3] is not None)
        of = {name: (name, start, *ways[ppm], capacity) for name, start, ppm, capacity in rows}
        self.owners = list(of) if described is not None else self.agents["agent"].to_list()
        names = ("start_uwh", "adds_uwh", "removes_uwh", "capacity_wh")
        schema = {"agent": self.agents.schema["agent"], **dict.fromkeys(names, pl.Int64())}
        return pl.DataFrame([row for name, row in of.items() if name not in out], schema=schema, orient="row")

    def _charges_at_the_ends(self, charge: pl.DataFrame) -> None:
        """Compare the agents' charges at the start and the end with what was counted."""
        ends = self.batteries.select("agent", "start_uwh").join(charge, on="agent", how="left", maintain_order="left")
        told = self.agents.select("agent", "soc_start_wh", "soc_end_wh")
        both = ends.join(told, on="agent", how="left", maintain_order="left")
        wrong = both.filter(
            (pl.col("soc_start_wh") != pl.col("start_uwh") // _UWH)
            | (pl.col("soc_end_wh") != pl.col("before_uwh") // _UWH)
        )
        self.agree("agents: charge at start and end is the meters'", "agents", wrong)

    def _untraded(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows whose `traded_wh` is not what the trades of their periods say."""
        first, last = rows["period"].min(), rows["period"].max()
        here = pl.col("period").is_between(first, last)
        deals, shares = (self.scan(name).filter(here) for name in ("trades", "shares"))
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

    def _with_neighbours(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add what each of the meters' rows traded among neighbours, leaving out what passed through a gateway."""
        here = pl.col("period").is_between(rows["period"].min(), rows["period"].max())
        outside = gateway_net(self.scan("trades").filter(here)).select("period", "agent", "outside_wh")
        both = rows.join(outside.collect(engine="streaming"), on=["period", "agent"], how="left", maintain_order="left")
        return both.with_columns((pl.col("traded_wh") - pl.col("outside_wh").fill_null(0)).alias("near_wh"))

    def _attendance(self) -> None:
        """Everybody who trades is read in each period that was, once: all but a laboratory's traders, and a gateway's.

        Those are utilities and producers, whose meters are told elsewhere.
        """
        read = self.scan("meters").select("period").unique().collect().to_series()
        once = self.scan("meters").group_by("agent").agg(pl.len(), pl.col("period").n_unique().alias("periods"))
        wrong = once.filter((pl.col("len") != pl.col("periods")) | (pl.col("len") != len(read)))
        metered = self.scan("meters").select("agent").unique().collect().to_series()
        self.agree("meters: one row per member and period", "meters", wrong.collect(engine="streaming"))
        deals = self.scan("trades")
        who = pl.concat([deals.select(pl.col("buyer").alias("agent")), deals.select(pl.col("seller").alias("agent"))])
        kinds = ["trader", "utility", "producer"] if has_gateway(self.manifest["scenario"]) else ["trader"]
        traders = self.agents.filter(pl.col("kind").is_in(kinds))["agent"].to_list()
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
        if self.wholesale is not None:
            sums = self.wholesale.with_groups(sums)
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


def _ways(efficiency_ppm: int) -> tuple[int, int]:
    """Give what a Wh that is taken adds, and one that is given removes [uWh], of a round trip split evenly."""
    adds = math.isqrt(efficiency_ppm * _PPM)
    gives = round(Fraction(efficiency_ppm * _PPM, adds))
    return adds, round(Fraction(_UWH * _PPM, gives))


def _charges(rows: pl.DataFrame, before: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Follow the charge of each battery through some rows of the meters.

    Parameters
    ----------
    rows : DataFrame
        Meters of those who have a battery, by period, with what is known of that.
    before : DataFrame
        ``agent, before_uwh``: charge before the first of the rows.

    Returns
    -------
    wrong : DataFrame
        Rows with another charge than that, rounded down, or outside 0 and the capacity, as far as that is known.
    after : DataFrame
    """
    moved = pl.col("charge_wh") * pl.col("adds_uwh") - pl.col("discharge_wh") * pl.col("removes_uwh")
    stored = rows.join(before, on="agent", how="left", maintain_order="left").with_columns(
        (pl.col("before_uwh") + moved.cum_sum().over("agent")).alias("after_uwh")
    )
    outside = (pl.col("after_uwh") < 0) | (pl.col("after_uwh") > pl.col("capacity_wh") * _UWH).fill_null(value=False)
    wrong = stored.filter((pl.col("soc_wh") != pl.col("after_uwh") // _UWH) | outside)
    last = stored.group_by("agent", maintain_order=True).agg(pl.col("after_uwh").last())
    after = before.join(last, on="agent", how="left", maintain_order="left").select(
        "agent", pl.coalesce("after_uwh", "before_uwh").alias("before_uwh")
    )
    return wrong.select("period", "agent", "charge_wh", "discharge_wh", "soc_wh", "after_uwh"), after


def _sums(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Energy by `key`, named as in the agents' table."""
    metered, residual = pl.col("metered"), pl.col("residual_wh")
    return rows.group_by(key).agg(
        pl.col(*_ENERGY).sum(),
        metered.clip(lower_bound=0).sum().alias("withdrawal_wh"),
        (-metered).clip(lower_bound=0).sum().alias("injection_wh"),
        pl.min_horizontal(metered, "near_wh").clip(lower_bound=0).sum().alias("local_wh"),
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

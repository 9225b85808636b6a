"""The recount of a run's wholesale market: positions, plants, the day-ahead market, contracts and guarantees.

A part of `wattbook.results.recount`: tables and manifest alone, by Polars, sharing no code with what made them. What
kind of contract one is, tells the scenario; products named ``green-`` are shares of output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from wattbook.results.recount_gateway import gateway_net
from wattbook.results.recount_moves import MEMBER_TABLES, members_choose

if TYPE_CHECKING:
    from wattbook.results.recount import _Recount

MARKET_TABLES: Final = ("positions", "served", "spot", "supply")
DESK_TABLES: Final = ("certificates", "contracts", "margins")
RETAIL_TABLES: Final = ("switches", "tariffs")
_DESK_CAUSES: Final = ("margin", "variation", "delivery", "collateral", "fund", "premium", "penalty")
_OWN: Final = ("contracted_wh", "spot_wh", "deviation_wh")
_HOME: Final = ("traded_wh", "residual_wh")
_WATT_HOURS: Final = 3_600_000
_PPM: Final = 1_000_000
_MWH: Final = 1_000_000
_LOSSES: Final = (
    "loss-to-margin", "loss-to-own-fund", "loss-to-capital", "loss-to-mutual-fund", "loss-to-gains",
)  # fmt: skip
_GIVEN: Final = pl.col("event").is_in(["delivered", "replaced"])
_SETTLED: Final = pl.col("event") == "settled"
_MADE: Final = pl.col("event").is_in(["novated", "cascaded-into"])
_GONE: Final = pl.col("event") == "cascaded"
_AGENT: Final = pl.coalesce("buyer", "seller").alias("agent")
_SIGN: Final = pl.when(pl.col("buyer").is_null()).then(-1).otherwise(1)


def has_wholesale(scenario: dict[str, Any]) -> bool:
    """Tell whether a scenario (as JSON) has a wholesale market."""
    asked = any(
        each["kind"] == "producer" or each.get("represents") or each.get("renewable_quota")
        for each in scenario.get("agents") or ()
    )
    return asked or any(scenario.get(part) is not None for part in ("wholesale", "game", "retail"))


def due_tables(scenario: dict[str, Any]) -> tuple[str, ...]:
    """Tables that a run of a scenario (as JSON) has beside those of every run."""
    agents = scenario.get("agents") or ()
    desk, game, retail = scenario.get("wholesale"), scenario.get("game"), scenario.get("retail")
    # A regulator may cap tariffs where nobody else sets them.
    regulated = ("tariffs",) if scenario.get("regulator") is not None and retail is None else ()
    if not has_wholesale(scenario):
        return regulated
    # Without a desk the register of guarantees is one, where there is a quota.
    signs = (desk is not None and "profiles" in desk) or any(each.get("renewable_quota") for each in agents)
    signs |= game is not None and game["rounds"] > 0
    retail_tables = (
        *(RETAIL_TABLES if retail is not None else ()),
        *(MEMBER_TABLES if members_choose(scenario) else ()),
    )
    return (*MARKET_TABLES, *(DESK_TABLES if signs else ()), *retail_tables, *regulated)


class WholesaleCount:
    """The questions that only a run with a wholesale market is asked.

    Parameters
    ----------
    count : _Recount
        Where tables are read and answers are noted.
    """

    def __init__(self, count: _Recount) -> None:
        self.count = count
        self.scenario: dict[str, Any] = count.manifest["scenario"]
        self.positions, self.served, self.spot, self.supply = (self.table(name) for name in MARKET_TABLES)
        self.groups = self.table("groups").rename({"utility": "agent"})
        groups = count.agents.filter(pl.col("kind").cast(pl.String).is_in(["utility", "producer"]))
        whose = set(groups["agent"].cast(pl.String).to_list())
        self.own = self.positions.filter(pl.col("agent").is_in(list(whose)))
        self.homes = self.positions.filter(~pl.col("agent").is_in(list(whose)))

    def table(self, name: str) -> pl.DataFrame:
        """Read a table, words as text."""
        return self.count.whole(name).with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))

    def all(self) -> None:
        """Ask everything."""
        self.ledger_of_positions()
        self.day_ahead()
        self.plants()
        self.payments()
        if "contracts" in due_tables(self.scenario):
            self.desk = self.table("contracts")
            self.contracts()
            self.legs()
            self.margins()
            self.certificates()

    # --- what other questions have to know

    def beside(self) -> list[pl.DataFrame]:
        """Give what groups' meters read beside their homes: ``period, utility, counted``."""
        parts = ((self.served, pl.col("energy_wh")), (self.supply, -pl.col("output_wh")))
        return [rows.select("period", pl.col("agent").alias("utility"), wh.alias("counted")) for rows, wh in parts]

    def with_groups(self, sums: pl.DataFrame) -> pl.DataFrame:
        """Add what plants gave and customers drew to the agents' energies."""
        parts = [
            sums.with_columns(pl.col("agent").cast(pl.String)),
            self.served.select("agent", load_wh="energy_wh", withdrawal_wh="energy_wh"),
            self.supply.select("agent", generation_wh="output_wh", injection_wh="output_wh"),
        ]
        return pl.concat(parts, how="diagonal_relaxed").group_by("agent").agg(pl.exclude("agent").sum())

    # --- positions

    def ledger_of_positions(self) -> None:
        """Every row adds up; groups are as settled, homes as metered; contracts are between those inside."""
        agree = self.count.agree
        parts = pl.sum_horizontal(*_OWN, *_HOME)
        wrong = self.positions.filter(
            (parts != pl.col("metered_wh")) | self.positions.select("period", "agent").is_duplicated()
        )
        agree("positions: contracted + spot + traded + residual + deviation = metered", "positions", wrong)
        told = self.groups.select(
            "period", "agent", pl.col("nominated_wh").alias("nominated"), pl.col("metered_wh").alias("metered"),
            pl.col("deviation_wh").alias("deviation"),
        )  # fmt: skip
        both = self.own.join(told, on=["period", "agent"], how="full", coalesce=True).sort("period", "agent")
        outside = gateway_net(self.count.scan("trades")).select(
            "period", pl.col("agent").cast(pl.String), pl.col("outside_wh")
        )
        both = both.join(outside.collect(), on=["period", "agent"], how="left", maintain_order="left")
        wrong = both.filter(
            pl.sum_horizontal("contracted_wh", "spot_wh", "traded_wh").ne_missing(pl.col("nominated"))
            | pl.col("metered_wh").ne_missing(pl.col("metered"))
            | pl.col("deviation_wh").ne_missing(pl.col("deviation"))
            | (pl.col("traded_wh") != pl.col("outside_wh").fill_null(0))
            | (pl.col("residual_wh") != 0)
        )
        agree("positions: groups are as nominated, metered and settled", "positions", wrong)
        read = self.table("meters").select("period", "agent", *(pl.col(name).alias(f"{name}_met") for name in _HOME))
        both = self.homes.join(read, on=["period", "agent"], how="full", coalesce=True).sort("period", "agent")
        unlike = [pl.col(name).ne_missing(pl.col(f"{name}_met")) for name in _HOME]
        wrong = both.filter(pl.any_horizontal(*unlike) | (pl.sum_horizontal(pl.col(*_OWN).abs()) != 0))
        agree("positions: homes are as metered", "positions", wrong)
        net = self.own.group_by("period").agg(pl.col("contracted_wh").sum()).sort("period")
        agree("positions: contracted sums to zero", "positions", net.filter(pl.col("contracted_wh") != 0))

    def day_ahead(self) -> None:
        """Compare what is sold and imported with what is bought, and with what was offered and asked for."""
        rows = self.spot
        wrong = rows.filter(
            (pl.col("sold_wh") + pl.col("imported_wh") != pl.col("bought_wh"))
            | (pl.col("sold_wh") > pl.col("offered_wh"))
            | (pl.col("bought_wh") > pl.col("wanted_wh"))
            | rows["period"].is_duplicated()
        )
        self.count.agree("spot: sold + imported = bought, within what was offered and wanted", "spot", wrong)
        net = self.own.group_by("period").agg(pl.col("spot_wh").sum().alias("positions_wh"))
        both = net.join(rows, on="period", how="left").sort("period")
        wrong = both.filter(pl.col("positions_wh").ne_missing(pl.col("imported_wh")))
        self.count.agree("spot: what groups bought is what was imported", "spot", wrong)

    def plants(self) -> None:
        """Every plant of the scenario runs once a period, within what it can."""
        rows = self.supply.sort("agent", "period")
        hours = self._period_ms()
        most = pl.col("capacity_w") * hours // _WATT_HOURS
        grown = pl.col("capacity_w").diff().over("agent").fill_null(0)
        # What a plant gave below 1 Wh is metered with the next period.
        wrong = rows.filter(
            (pl.col("output_wh") > pl.col("available_wh") + 1)
            | (pl.col("available_wh") > most)
            | (pl.col("output_wh") < 0)
            | (grown < 0)
        )
        self.count.agree("supply: output within what is available, that within capacity", "supply", wrong)
        plants = [each for each in self.scenario["agents"] if each["kind"] == "producer"]
        known = pl.DataFrame(
            [(each["name"], each["plant"], each["capacity"]) for each in plants],
            schema={"agent": pl.String, "kind": pl.String, "built_w": pl.Int64}, orient="row",
        )  # fmt: skip
        first = rows.group_by("agent", maintain_order=True).first()
        both = first.join(known, on="agent", how="full", coalesce=True).sort("agent")
        bad = (pl.col("plant").ne_missing(pl.col("kind"))) | (pl.col("capacity_w").ne_missing(pl.col("built_w")))
        periods = self.own["period"].n_unique()
        # The people of a game are not listed one by one.
        told = periods and self.scenario.get("game") is None
        wrong = both.filter(bad) if told else both.clear()
        counted = rows.group_by("agent").agg(pl.len(), pl.col("period").n_unique().alias("periods")).sort("agent")
        uneven = counted.filter((pl.col("len") != periods) | (pl.col("periods") != periods))
        self.count.agree("supply: the scenario's plants, as they were built", "supply", wrong)
        self.count.agree("supply: one row per plant and period", "supply", uneven)

    def _period_ms(self) -> int:
        """Length of a period [ms], by the periods that the run has; an hour where there is one."""
        starts = self.spot["period"].unique().sort()
        step = starts.diff().min()
        return int(step.total_seconds() * 1_000) if step is not None else _WATT_HOURS  # type: ignore[union-attr]

    # --- money of energy

    def payments(self) -> None:
        """Compare what was posted, by period and agent, with energy x price."""
        price = self.spot.select("period", "price_tick")
        bought = self.own.join(price, on="period", how="left")
        self._paid("spot", bought, -pl.col("spot_wh") * pl.col("price_tick"), "spot: paid for at its price")
        due = -pl.col("deviation_wh") * pl.col("imbalance_tick")
        self._paid("imbalance", self.groups, due, "groups: deviation is paid for at the imbalance price")
        burnt = self.supply.filter(pl.col("fuel") != pl.col("output_wh") * pl.col("marginal_tick"))
        self.count.agree("supply: fuel = output x marginal cost", "supply", burnt)
        self._paid("fuel", self.supply, -pl.col("fuel"), "supply: fuel is paid for")
        self._served()

    def _posted(self, cause: str) -> pl.DataFrame:
        rows = self.count.scan("postings").filter(pl.col("cause") == cause)
        account = pl.col("account").cast(pl.String).alias("agent")
        return rows.group_by("period", account).agg(pl.col("amount").sum()).collect()

    def _paid(self, cause: str, rows: pl.DataFrame, due: pl.Expr, question: str) -> None:
        posted = self._posted(cause).filter(pl.col("agent") != "UPSTREAM")
        dues = rows.select("period", "agent", due.alias("due")).group_by("period", "agent").agg(pl.col("due").sum())
        both = dues.join(posted, on=["period", "agent"], how="full", coalesce=True).sort("period", "agent")
        wrong = both.filter(pl.col("due").fill_null(0) != pl.col("amount").fill_null(0))
        self.count.agree(question, "postings", wrong)

    def _served(self) -> None:
        tariffs = {each["name"]: each["retail"] for each in self.scenario["agents"] if each["kind"] == "utility"}
        flat = [
            (name, hour, tick)
            for name, hours in tariffs.items()
            if isinstance(hours, list)
            for hour, tick in enumerate(hours)
        ]
        known = pl.DataFrame(flat, schema={"agent": pl.String, "hour": pl.Int64, "tick": pl.Int64}, orient="row")
        zone = self.scenario["timezone"]
        here = self.served.with_columns(
            pl.col("period").dt.convert_time_zone(zone).dt.hour().cast(pl.Int64).alias("hour")
        )
        both = here.join(known, on=["agent", "hour"], how="left")
        if "tariffs" in due_tables(self.scenario):
            both = self._as_set(both)
        wrong = both.filter((pl.col("tick") != pl.col("retail_tick")) | (pl.col("customers") < 0))
        self.count.agree("served: at the scenario's tariffs", "served", wrong)
        # What a utility got for retail, less what its homes paid.
        posted = self.count.moves.supplied(self._posted("retail").filter(pl.col("agent") != "UPSTREAM"))
        of = posted.with_columns(pl.coalesce(pl.col("utility").cast(pl.String), "agent").alias("agent"))
        net = of.group_by("period", "agent").agg(pl.col("amount").sum())
        due = self.served.select("period", "agent", (pl.col("energy_wh") * pl.col("retail_tick")).alias("due"))
        both = net.join(due, on=["period", "agent"], how="full", coalesce=True).sort("period", "agent")
        wrong = both.filter(pl.col("amount").fill_null(0) != pl.col("due").fill_null(0))
        self.count.agree("served: energy x tariff is paid", "postings", wrong)

    def _as_set(self, served: pl.DataFrame) -> pl.DataFrame:
        """Put the tariffs that were set later in the place of the scenario's, and count those who changed sides."""
        last = self.table("tariffs").group_by("period", "agent", maintain_order=True).last()
        later = last.select("period", "agent", pl.col("retail_tick").alias("set"))
        every = served.group_by("period").agg(pl.col("customers").sum())
        stood_for = sum(each.get("represents", 0) for each in self.scenario["agents"])
        wrong = every.filter(pl.col("customers") != stood_for).sort("period")
        self.count.agree("served: customers change sides and are never lost", "served", wrong)
        both = served.join(later, on=["period", "agent"], how="left")
        return both.with_columns(pl.coalesce("set", "tick").alias("tick"))

    # --- contracts

    def contracts(self) -> None:
        """Check that positions net to zero and marks sum to zero, and that what was signed is delivered or replaced."""
        agree, rows = self.count.agree, self.desk
        for events, what in (
            (["novated"], "made"), (["settled"], "settled"), (["closed-out", "torn-up"], "closed out"),
            (["cascaded"], "cascaded"), (["cascaded-into"], "cascaded into"),
        ):  # fmt: skip
            mine = rows.filter(pl.col("event").is_in(events))
            net = mine.group_by("time", "spec").agg((_SIGN * pl.col("quantity_wh")).sum().alias("net")).sort("time")
            agree(f"contracts: positions {what} net to zero", "contracts", net.filter(pl.col("net") != 0))
        mine = rows.filter(pl.col("event").is_in(["variation", "settled"]))
        net = mine.group_by("time", "spec", "event").agg(pl.col("amount").sum()).sort("time")
        agree("contracts: variation sums to zero", "contracts", net.filter(pl.col("amount") != 0))
        self._signed_and_settled()
        self._cascaded()
        self._covered()
        self._delivered()

    def _signed_and_settled(self) -> None:
        """Compare the energy of futures that are over with what was signed, where nobody was closed out."""
        rows = self.desk
        over = rows.filter(((pl.col("event") == "fulfilled") & pl.col("contract").is_null()) | _GONE)["spec"]
        closed = rows.filter(pl.col("event") == "closed-out")["spec"]
        mine = rows.filter(pl.col("spec").is_in(over.to_list()) & ~pl.col("spec").is_in(closed.to_list()))
        energy = _SIGN * pl.col("quantity_wh")
        sums = mine.group_by("spec", _AGENT).agg(
            energy.filter(_MADE).sum().alias("signed"), energy.filter(_SETTLED | _GONE).sum().alias("settled")
        )
        wrong = sums.filter(pl.col("signed") != pl.col("settled")).sort("spec", "agent")
        self.count.agree("contracts: futures settle what was signed or became of long ones", "contracts", wrong)
        signed = rows.filter(pl.col("event") == "signed").select(
            "contract", "buyer", "seller", pl.col("quantity_wh").alias("signed")
        )
        done = rows.filter((pl.col("event") == "fulfilled") & ~pl.col("spec").str.starts_with("green-"))
        given = rows.filter(_GIVEN & pl.col("contract").is_not_null())
        differs = rows.filter(pl.col("event") == "difference")
        sums = pl.concat([given, differs]).group_by("contract").agg(pl.col("quantity_wh").sum())
        both = done.select("contract").drop_nulls().join(signed, on="contract", how="left")
        both = both.join(sums, on="contract", how="left").sort("contract")
        wrong = both.filter(pl.col("signed").ne_missing(pl.col("quantity_wh")))
        strange = given.join(signed, on=["contract", "buyer", "seller"], how="anti").select("contract", "time", "buyer")
        self.count.agree("contracts: delivered + replaced = contracted", "contracts", wrong)
        self.count.agree("contracts: delivered between those who signed", "contracts", strange)
        cost = pl.col("quantity_wh") * pl.col("price_tick")
        self.count.agree("contracts: energy x price", "contracts", given.filter(pl.col("amount") != -cost))

    def _cascaded(self) -> None:
        """Compare what long futures become with what they were, for each who held one: energy, worth, mark."""
        ends = _GONE | (pl.col("event") == "cascaded-into")
        rows = self.desk.filter(ends)
        way = pl.when(_GONE).then(-1).otherwise(1) * _SIGN * pl.col("quantity_wh")
        cost = (way * pl.col("price_tick")).sum().alias("cost")
        net = rows.group_by("time", _AGENT).agg(way.sum().alias("net"), cost).sort("time", "agent")
        self.count.agree("contracts: what is cascaded keeps its energy", "contracts", net.filter(pl.col("net") != 0))
        wrong = net.filter(pl.col("cost") != 0)
        self.count.agree("contracts: what is cascaded keeps its worth", "contracts", wrong)
        marked = self.desk.filter(pl.col("event").str.starts_with("marked-")).select(
            "time", "spec", pl.col("price_tick").alias("mark")
        )
        both = rows.filter(_GONE).join(marked, on=["time", "spec"], how="left").sort("time", "spec")
        wrong = both.filter(pl.col("mark").ne_missing(pl.col("price_tick")) | (pl.col("amount") != 0))
        self.count.agree("contracts: what is cascaded goes at its mark", "contracts", wrong)

    def _physical(self) -> pl.Expr:
        """Rows that settle a future which delivers."""
        return _SETTLED if self._market().get("contracts") == "future" else pl.lit(value=False)

    def _market(self) -> dict[str, Any]:
        """Give the scenario's wholesale market; empty where a game has its own."""
        market: dict[str, Any] = self.scenario.get("wholesale") or {}
        return market

    def _covered(self) -> None:
        rows = self.desk
        owed = rows.filter(self._physical() & pl.col("seller").is_not_null())
        given = rows.filter(_GIVEN & pl.col("contract").is_null())
        both = pl.concat([owed, given.with_columns(-pl.col("quantity_wh"))])
        net = both.group_by("time", "spec", "seller").agg(pl.col("quantity_wh").sum()).sort("time", "spec")
        wrong = net.filter(pl.col("quantity_wh") != 0)
        self.count.agree("contracts: what futures' sellers owe is delivered or replaced", "contracts", wrong)

    def _delivered(self) -> None:
        """Compare the positions' contracted energy with what the desk's rows deliver."""
        rows = self.desk.filter(self._physical() | (_GIVEN & pl.col("contract").is_not_null()))
        step = pl.duration(milliseconds=self._period_ms())
        legs = pl.concat(
            [
                rows.select((pl.col("time") - step).alias("period"), pl.col(side).alias("agent"), sign.alias("wh"))
                for side, sign in (("buyer", pl.col("quantity_wh")), ("seller", -pl.col("quantity_wh")))
            ]
        )
        told = self.own.select(pl.col("period"), "agent", (-pl.col("contracted_wh")).alias("wh"))
        both = pl.concat([legs.filter(pl.col("agent").is_not_null()), told], how="vertical_relaxed")
        net = both.group_by("period", "agent").agg(pl.col("wh").sum()).filter(pl.col("wh") != 0)
        self.count.agree("positions: contracted is what contracts deliver", "positions", net.sort("period", "agent"))

    def legs(self) -> None:
        """Compare each agent's money with the desk with the contracts' rows, and the house's with what it keeps."""
        posted = self.count.scan("postings").filter(pl.col("cause").is_in([*_DESK_CAUSES, "buy-out"]))
        by_cause = posted.group_by("cause").agg(pl.col("amount").sum()).collect().sort("cause")
        question = "postings: each cause of the desk sums to zero"
        self.count.agree(question, "postings", by_cause.filter(pl.col("amount") != 0))
        told = (
            posted.filter(pl.col("cause") != "buy-out")
            .group_by(pl.col("account").cast(pl.String).alias("agent"))
            .agg(pl.col("amount").sum().alias("told"))
            .collect()
        )
        due = self._dues().group_by("agent").agg(pl.col("due").sum())
        failed = self.desk.filter(pl.col("event") == "defaulted")["buyer"].to_list()
        both = told.join(due, on="agent", how="full", coalesce=True).sort("agent").fill_null(0)
        agents = both.filter((pl.col("agent") != "CLEARING") & ~pl.col("agent").is_in(failed))
        wrong = agents.filter(pl.col("told") != pl.col("due"))
        self.count.agree("contracts: money is what the rows say", "postings", wrong)
        if not failed:
            # Bills round its account like any other.
            mine = (pl.col("account") == "CLEARING") & (pl.col("cause") != "rounding")
            bank = self.count.scan("postings").filter(mine)
            cash = bank.select(pl.col("amount").sum()).collect().item()
            due_all = int(agents["due"].sum())
            capital = self._market().get("house_capital", 0)
            self.count.agree_on(
                "postings: CLEARING has its capital and what it keeps", "postings", cash, capital - due_all
            )

    def _dues(self) -> pl.DataFrame:
        """Give what each row of the desk brings (+) or costs (-) whom: ``agent, due``."""
        rows, amount = self.desk, pl.col("amount")
        value = pl.col("quantity_wh") * pl.col("price_tick")
        event = pl.col("event")
        parts = []
        for events, who, money in (
            (["margin-locked", "collateral-locked", "contributed", "loss-to-gains"], "buyer", -amount),
            (["margin-released", "collateral-released", "redeemed"], "buyer", amount),
        ):
            parts.append(rows.filter(event.is_in(events)).select(pl.col(who).alias("agent"), money.alias("due")))
        moved = rows.filter(event.is_in(["variation", "settled"]))
        parts.append(moved.select(_AGENT, amount.alias("due")))
        energy = rows.filter(self._physical() | (_GIVEN & pl.col("contract").is_not_null()))
        between = rows.filter(event.is_in(["difference", "penalty"]))
        for side, sign in (("buyer", 1), ("seller", -1)):
            parts.append(energy.select(pl.col(side).alias("agent"), (-sign * value).alias("due")))
            parts.append(between.select(pl.col(side).alias("agent"), (sign * amount).alias("due")))
        owed: dict[str, int] = {}
        for row in rows.filter(event.is_in(["called", "call-paid"])).iter_rows(named=True):
            before = owed.get(row["buyer"], 0)
            owed[row["buyer"]] = row["amount"] if row["event"] == "called" else before - row["amount"]
        parts.append(pl.DataFrame(list(owed.items()), schema={"agent": pl.String, "due": pl.Int64}, orient="row"))
        return pl.concat(parts).filter(pl.col("agent").is_not_null())

    def margins(self) -> None:
        """Compare the table of margins with the contracts'; what is locked is released or held."""
        rows = self.table("margins")
        kinds = {
            "locked": ("margin-locked", "collateral-locked", "contributed"),
            "released": ("margin-released", "collateral-released", "redeemed"),
            "variation": ("variation", "settled"), "called": ("called", "defaulted"), "paid": ("call-paid",),
            "lost": _LOSSES,
        }  # fmt: skip
        source = self.desk.filter(pl.col("event").is_in([each for events in kinds.values() for each in events]))
        made = source.select(
            "time", "event", _AGENT, "spec", "price_tick", (_SIGN * pl.col("quantity_wh")).alias("quantity_wh"),
            *(
                pl.when(pl.col("event").is_in(events)).then("amount").otherwise(0).alias(name)
                for name, events in kinds.items()
            ),
        )  # fmt: skip
        # A row without a party is the house's: its sign is nobody's.
        same = rows.height == made.height and rows.select(made.columns).equals(made)
        self.count.agree_on(
            "margins: what happened at the desk", "margins", "as the contracts" if same else "else", "as the contracts"
        )
        initial = rows.filter(pl.col("event").is_in(["margin-locked", "margin-released"]))
        steps = initial.with_columns((pl.col("locked") - pl.col("released")).cum_sum().over("agent").alias("held"))
        ended = (pl.col("event") == "fulfilled") & pl.col("contract").is_null()
        over = self.desk.filter(ended | _GONE)["spec"].to_list()
        busy = self.desk.filter(_MADE & ~pl.col("spec").is_in(over)).select(_AGENT)["agent"].to_list()
        failed = self.desk.filter(pl.col("event") == "defaulted")["buyer"].to_list()
        last = steps.group_by("agent", maintain_order=True).last()
        left = last.filter((pl.col("held") != 0) & ~pl.col("agent").is_in([*busy, *failed]))
        wrong = pl.concat([steps.filter(pl.col("held") < 0), left.select(steps.columns)])
        self.count.agree("margins: locked = released + held", "margins", wrong)

    # --- guarantees

    def certificates(self) -> None:
        """Each guarantee is issued and used once; each quota is covered or bought out."""
        rows, event = self.table("certificates"), pl.col("event")
        issued = rows.filter(event == "issued").sort("first_serial")
        next_serial = (pl.col("first_serial") + pl.col("number")).shift(1).fill_null(0)
        wrong = issued.filter((pl.col("first_serial") != next_serial) | (pl.col("number") < 1))
        self.count.agree("certificates: serial numbers follow each other", "certificates", wrong)
        ended = rows.filter(event.is_in(["retired", "expired"])).sort("first_serial")
        twice = ended.filter(pl.col("first_serial") < (pl.col("first_serial") + pl.col("number")).shift(1).fill_null(0))
        most = int(issued["number"].sum())
        beyond = ended.filter(pl.col("first_serial") + pl.col("number") > most)
        self.count.agree("certificates: none is used twice", "certificates", pl.concat([twice, beyond]))
        fed_in = self.own.group_by("agent").agg((-pl.col("metered_wh")).clip(lower_bound=0).sum().alias("fed_in_wh"))
        got = issued.group_by("agent").agg(pl.col("number").sum()).join(fed_in, on="agent", how="left").sort("agent")
        wrong = got.filter(pl.col("number") * _MWH > pl.col("fed_in_wh").fill_null(0))
        self.count.agree("certificates: no more than was fed in", "certificates", wrong)
        self._quotas(rows)

    def _quotas(self, rows: pl.DataFrame) -> None:
        quotas = {each["name"]: each.get("renewable_quota") or 0 for each in self.scenario["agents"]}
        supplied = self.count.moves.supplied(self.homes.select("period", "agent", "residual_wh"))
        supplied = supplied.filter(pl.col("utility").is_not_null()).with_columns(pl.col("utility").cast(pl.String))
        sales = pl.concat(
            [
                supplied.group_by("period", pl.col("utility").alias("agent")).agg(
                    pl.col("residual_wh").sum().clip(lower_bound=0).alias("sold_wh")
                ),
                self.served.select("period", "agent", pl.col("energy_wh").alias("sold_wh")),
            ]
        )
        wrong = []
        for agent in sorted(name for name, quota in quotas.items() if quota):
            mine, sold = rows.filter(pl.col("agent") == agent), sales.filter(pl.col("agent") == agent)
            since = None
            for time in mine.filter(pl.col("event") == "complied")["time"].to_list():
                until = pl.col("period") < time
                span = sold.filter(until if since is None else until & (pl.col("period") >= since))
                due = -(-quotas[agent] * int(span["sold_wh"].sum()) // _PPM)
                here = mine.filter((pl.col("time") == time) & pl.col("event").is_in(["complied", "bought-out"]))
                if due != int(here["quantity_wh"].sum()):
                    wrong.append(
                        {"agent": agent, "time": str(time), "due_wh": due, "told_wh": here["quantity_wh"].sum()}
                    )
                since = time
        question = "certificates: covered + bought out = the quota of own sales"
        self.count.agree(question, "certificates", pl.DataFrame(wrong))
        bought = rows.filter(pl.col("event") == "bought-out")
        uneven = bought.filter(pl.col("amount") != pl.col("quantity_wh") * pl.col("price_tick"))
        due_money = bought.group_by("agent").agg(pl.col("amount").sum().alias("due"))
        posted = self._posted("buy-out").filter(pl.col("agent") != "TREASURY")
        paid = posted.group_by("agent").agg(-pl.col("amount").sum().alias("paid"))
        both = due_money.join(paid, on="agent", how="full", coalesce=True).sort("agent").fill_null(0)
        self.count.agree("certificates: bought out at its price", "certificates", uneven)
        self.count.agree(
            "certificates: what is bought out is paid", "postings", both.filter(pl.col("due") != pl.col("paid"))
        )

"""The recount of a run's green tools: premiums, differences, grants and the price of carbon.

A part of `wattbook.results.recount`: tables and manifest alone, by Polars, sharing no code with what made them. Who has
which tool, and until when, tells the scenario; budgets are drawn down period by period.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from wattbook.data import load_fuels

if TYPE_CHECKING:
    import datetime as dt

    from wattbook.results.recount import _Recount

_CAUSES: Final = ("incentive", "carbon", "clawback")
_PPM: Final = 1_000_000
_W_PER_KW: Final = 1_000
_KG_PER_T: Final = 1_000
_QUANTA_PER_TICK: Final = 1_000_000
"""1e-8 EUR in 0.01 EUR."""
_WORDS: Final = pl.col(pl.Categorical, pl.Enum).cast(pl.String)


def has_incentives(scenario: dict[str, Any]) -> bool:
    """Tell whether a scenario (as JSON) has green tools."""
    return bool((scenario.get("regulator") or {}).get("incentives"))


class IncentiveCount:
    """The questions that only a run with green tools is asked.

    Parameters
    ----------
    count : _Recount
        Where tables are read and answers are noted.
    """

    def __init__(self, count: _Recount) -> None:
        self.count = count
        self.scenario: dict[str, Any] = count.manifest["scenario"]
        regulator = self.scenario["regulator"]
        self.tools: list[dict[str, Any]] = regulator["incentives"]
        own = sum(tool.get("budget", 0) for tool in self.tools)
        whole = regulator.get("incentive_budget")
        self.budget: int = own if whole is None else whole
        self.spent = [0] * len(self.tools)
        self.owners = {each["name"]: each for each in self.scenario["agents"] if each["kind"] == "producer"}
        prices = count.whole("groups").group_by("period").agg(pl.col("spot_tick").first()).sort("period")
        zone = self.scenario["timezone"]
        day = pl.col("period").dt.convert_time_zone(zone).dt.date().cast(pl.String).alias("day")
        self.periods = list(prices.with_columns(day).iter_rows(named=True))
        self.supply = self._supply()
        self.fed_in = self._fed_in()
        self.due: list[tuple[dt.datetime, str, str, int]] = []
        """Period, account, cause and amount of every leg that is due."""
        self.supported: set[tuple[dt.datetime, str]] = set()
        """Periods in which somebody's energy was paid for."""
        self.watched: list[tuple[int, str, int, int]] = []
        """Tool, plant's owner, what was granted and in which period, counted from the first."""

    # --- what the tables show

    def _supply(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of each plant, in the order of periods."""
        if not self.owners:
            return {}
        rows = self.count.whole("supply").with_columns(_WORDS).sort("period")
        return {str(key[0]): list(part.iter_rows(named=True)) for key, part in rows.partition_by(
            "agent", as_dict=True, maintain_order=True).items()}  # fmt: skip

    def _homes(self) -> pl.DataFrame:
        """Names of the homes with panels: those described so, and those of a city that ever made anything."""
        described = self.scenario["agents"]
        named = [each["name"] for each in described if each.get("pv")]
        made = self.count.scan("meters").filter(pl.col("generation_wh") > 0).select(pl.col("agent").cast(pl.String))
        cities = [f"{each['name']}-" for each in described if each["kind"] == "city"]
        found = made.unique().collect()["agent"].to_list() if cities else []
        named += [name for name in found if name.startswith(tuple(cities))]
        return pl.DataFrame({"agent": sorted(set(named))}, schema={"agent": pl.String})

    def _fed_in(self) -> dict[dt.datetime, dict[str, int]]:
        """Energy that plants and homes with panels fed in, net, by period and owner [Wh]."""
        net = (-(pl.col("traded_wh") + pl.col("residual_wh"))).clip(lower_bound=0).alias("wh")
        homes = self.count.scan("meters").select("period", pl.col("agent").cast(pl.String), net)
        found: dict[dt.datetime, dict[str, int]] = {each["period"]: {} for each in self.periods}
        if any("pv" in (tool.get("kinds") or ()) for tool in self.tools):
            rows = homes.join(self._homes().lazy(), on="agent", how="semi").sort("agent").collect()
            for period, agent, wh in rows.iter_rows():
                found[period][agent] = wh
        for agent, rows_of in self.supply.items():
            for row in rows_of:
                found[row["period"]][agent] = row["output_wh"]
        return found

    # --- the questions

    def all(self) -> None:
        """Ask everything."""
        for number, period in enumerate(self.periods):
            left = self.budget - sum(self.spent)
            open_tools = [place for place, tool in enumerate(self.tools) if self._is_open(place, tool, period, left)]
            for place in open_tools:
                self._pay(place, number)
            self._take_back(number)
        self._compare()
        green = self.count.figures["green"]
        self.count.agree_on("green: as much spent as the figures say", "postings", green["spent"], sum(self.spent))
        told = [tool["spent"] for tool in green["tools"]]
        self.count.agree_on("green: as much by each tool", "postings", told, self.spent)
        self._certificates()

    def _is_open(self, place: int, tool: dict[str, Any], period: dict[str, Any], left: int) -> bool:
        if tool["until"] is not None and period["day"] >= tool["until"]:
            return False
        return "budget" not in tool or min(left, tool["budget"] - self.spent[place]) > 0

    def _pay(self, place: int, number: int) -> None:
        tool, period = self.tools[place], self.periods[number]
        if tool["kind"] == "carbon-price":
            for agent, owner in self.owners.items():
                due = -self.fed_in[period["period"]].get(agent, 0) * _carbon_tick(owner["plant"], tool["price"])
                self._owe(period["period"], agent, "carbon", due)
            return
        grants = tool["kind"] == "investment-grant"
        dues = self._grants(tool, number) if grants else self._supports(tool, period)
        most = min(tool["budget"] - self.spent[place], self.budget - sum(self.spent))
        for agent, amount in _cut(dues, most).items():
            self.spent[place] += max(amount, 0)
            self._owe(period["period"], agent, "incentive", amount)
            if grants and amount:
                self.watched.append((place, agent, amount, number))
            elif amount > 0:
                self.supported.add((period["period"], agent))

    def _supports(self, tool: dict[str, Any], period: dict[str, Any]) -> dict[str, int]:
        """Give what a premium or a difference owes to each."""
        price, fed_in = period["spot_tick"], self.fed_in[period["period"]]
        if tool["kind"] == "contract-for-difference":
            tick = tool["strike"] - price
        else:
            tick = max(0, tool["strike"] - price) if tool["sliding"] else tool["premium"]
        return {agent: fed_in[agent] * tick for agent in sorted(fed_in) if self._has(tool, agent)}

    def _has(self, tool: dict[str, Any], agent: str) -> bool:
        if tool.get("agents"):
            return agent in tool["agents"]
        return (self.owners[agent]["plant"] if agent in self.owners else "pv") in tool["kinds"]

    def _grants(self, tool: dict[str, Any], number: int) -> dict[str, int]:
        """Give what is due for capacity that stands in a period and did not before."""
        dues = {}
        for agent in sorted(self.supply):
            owner, rows = self.owners[agent], self.supply[agent]
            if not self._has(tool, agent) or owner["upgrade"] is None or self._is_out(agent, number):
                continue
            before_w = rows[number - 1]["capacity_w"] if number else owner["capacity"]
            own = owner["upgrade"]["cost"]
            per_kw = load_fuels()[owner["plant"]].capacity_cost_per_kw if own is None else own
            cost = round(Fraction(per_kw * (rows[number]["capacity_w"] - before_w), _W_PER_KW))
            dues[agent] = round(Fraction(cost * tool["share"], _PPM))
        return dues

    def _take_back(self, number: int) -> None:
        """Look at the grants of who is out, and at those whose time is over."""
        kept = []
        for place, agent, paid, first in self.watched:
            tool, rows = self.tools[place], self.supply[agent]
            keep = -(-tool["keep"] // self._period_ms())
            if self._is_out(agent, number):
                back = round(Fraction(paid * (first + keep - number), keep))
            elif number == first + keep - 1:
                span = rows[first : number + 1]
                given, able = (sum(row[name] for row in span) for name in ("output_wh", "available_wh"))
                wanted = Fraction(able * tool["least_output"], _PPM)
                back = round(paid * (wanted - given) / wanted) if given < wanted else 0
            else:
                kept.append((place, agent, paid, first))
                continue
            self._owe(self.periods[number]["period"], agent, "clawback", -back)
        self.watched = kept

    def _is_out(self, agent: str, number: int) -> bool:
        """Tell whether an agent was taken out before the end of a period."""
        period = self.periods[number]["period"]
        ends_ms = int(period.timestamp()) * 1_000 + self._period_ms()
        return any(each["agent"] == agent and each["time_ms"] < ends_ms for each in self.count.manifest["incidents"])

    def _period_ms(self) -> int:
        given = self.scenario["local"]
        return int((given["period"] if given is not None else self.scenario["period"]) or 900_000)

    def _owe(self, period: dt.datetime, agent: str, cause: str, amount: int) -> None:
        self.due += [(period, agent, cause, amount), (period, "TREASURY", cause, -amount)]

    def _compare(self) -> None:
        """Compare what was due with what was posted, leg by leg."""
        words = pl.col("account", "cause").cast(pl.String)
        posted = self.count.scan("postings").with_columns(words).filter(pl.col("cause").is_in(_CAUSES)).collect()
        keys = ["period", "account", "cause"]
        schema: dict[str, Any] = {"period": posted.schema["period"], "account": pl.String, "cause": pl.String}
        due = pl.DataFrame(self.due, schema={**schema, "due": pl.Int64}, orient="row")
        due = due.group_by(keys).agg(pl.col("due").sum())
        paid = posted.group_by(keys).agg(pl.col("amount").sum())
        both = due.join(paid, on=keys, how="full", coalesce=True, nulls_equal=True).sort(keys).fill_null(0)
        suspended = self._suspended()
        for cause in _CAUSES:
            told = "green: {} is what meters, plants and prices make due, within the budgets"
            wrong = both.filter((pl.col("cause") == cause) & (pl.col("due") != pl.col("amount")))
            if cause != "carbon" and suspended:
                # What a suspension takes back tells the journal alone.
                wrong = wrong.filter(~pl.col("account").is_in([*suspended, "TREASURY"]))
            self.count.agree(told.format(cause), "postings", wrong)

    def _suspended(self) -> list[str]:
        """Agents that were ever suspended and have a grant."""
        if not any(tool["kind"] == "investment-grant" for tool in self.tools):
            return []
        if not (self.count.folder / "tables/sanctions.parquet").is_file():
            return []
        rows = self.count.whole("sanctions").with_columns(_WORDS).filter(pl.col("kind") == "suspension")
        return [agent for agent in rows["agent"].unique().to_list() if agent in self.owners]

    def _certificates(self) -> None:
        """Compare guarantees of origin with what was fed in and paid no premium for."""
        if not (self.count.folder / "tables/certificates.parquet").is_file():
            return
        free: dict[str, int] = {}
        for period, wh_of in self.fed_in.items():
            for agent, wh in wh_of.items():
                free[agent] = free.get(agent, 0) + (0 if (period, agent) in self.supported else wh)
        rows = self.count.whole("certificates").with_columns(_WORDS).filter(pl.col("event") == "issued")
        issued = rows.group_by("agent").agg(pl.col("number").sum()).sort("agent")
        wrong = issued.filter(
            pl.col("number") * _PPM > pl.col("agent").replace_strict(free, default=0, return_dtype=pl.Int64)
        )
        self.count.agree("green: no guarantee of origin for what was paid a premium", "certificates", wrong)


def _carbon_tick(plant: str, price: int) -> int:
    fuel = load_fuels()[plant]
    thermal = Fraction(fuel.emission_g_per_kwh * price, _KG_PER_T * _QUANTA_PER_TICK)
    return round(thermal / Fraction(fuel.best_efficiency_ppm, _PPM))


def _cut(dues: dict[str, int], most: int) -> dict[str, int]:
    """Cut what is due to `most`: shares rounded down, and what is missing to the largest remainders."""
    wanted = sum(due for due in dues.values() if due > 0)
    if wanted <= most:
        return dues
    shares = {agent: Fraction(due * most, wanted) for agent, due in dues.items() if due > 0}
    missing = most - sum(int(share) for share in shares.values())
    first = sorted(shares, key=lambda agent: (-(shares[agent] % 1), agent))[:missing]
    return {agent: int(shares[agent]) + (agent in first) if agent in shares else due for agent, due in dues.items()}

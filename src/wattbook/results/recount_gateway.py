"""The recount of a gateway between homes and the wholesale market: its volumes, who trades there, and VAT.

A part of `wattbook.results.recount`: tables and manifest alone, by Polars, sharing no code with what made them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

if TYPE_CHECKING:
    from wattbook.results.recount import _Recount

_THERE: Final = pl.col("venue") == "wholesale"
_PPM: Final = 1_000_000
_TAXED: Final = ("retail", "network", "levy")


def has_gateway(scenario: dict[str, Any]) -> bool:
    """Tell whether a scenario (as JSON) has a gateway."""
    return bool((scenario.get("local") or {}).get("gateway"))


def gateway_net(deals: pl.LazyFrame) -> pl.LazyFrame:
    """Sum what each agent bought - sold there, and received - paid: ``period, agent, outside_wh, outside``."""
    value = pl.col("price_tick") * pl.col("quantity_wh")
    legs = [
        deals.filter(_THERE).select(
            "period", pl.col(side).alias("agent"), (sign * pl.col("quantity_wh")).alias("outside_wh"),
            (-sign * value).alias("outside"),
        )
        for side, sign in (("buyer", 1), ("seller", -1))
    ]  # fmt: skip
    return pl.concat(legs).group_by("period", "agent").agg(pl.col("outside_wh", "outside").sum())


class GatewayCount:
    """The questions that only a run with a gateway is asked.

    Parameters
    ----------
    count : _Recount
        Where tables are read and answers are noted.
    """

    def __init__(self, count: _Recount) -> None:
        self.count = count
        self.scenario: dict[str, Any] = count.manifest["scenario"]

    def all(self) -> None:
        """Ask everything."""
        self.volumes()
        self.taxes()

    def volumes(self) -> None:
        """Compare the figures with the trades, and look for who is in a book that is not his."""
        is_group = pl.col("kind").cast(pl.String).is_in(["utility", "producer"])
        groups = self.count.agents.filter(is_group)["agent"].cast(pl.String).to_list()
        deals = self.count.scan("trades").with_columns(
            pl.col(side).cast(pl.String).is_in(groups).alias(f"{side}_is_group") for side in ("buyer", "seller")
        )
        buys, sells = pl.col("buyer_is_group"), pl.col("seller_is_group")
        energy = pl.col("quantity_wh")
        sums = deals.filter(_THERE).select(
            energy.filter(~buys & sells).sum().alias("to"), energy.filter(buys & ~sells).sum().alias("from")
        )
        told = self.count.figures["wholesale"]
        for way, counted in sums.collect().row(0, named=True).items():
            question = f"trades: as much {way} homes through the gateway as the figures say"
            self.count.agree_on(question, "trades", told[f"gateway_{way}_homes_wh"], counted)
        astray = deals.filter(~_THERE & (buys | sells)).select("time", "buyer", "seller").collect()
        self.count.agree("trades: utilities and producers are at the gateway alone", "trades", astray)

    def taxes(self) -> None:
        """Compare each home's VAT with what it paid for retail, network and levy, and, net, at the gateway.

        Which homes of a city deduct VAT the scenario does not tell: those that never paid any are taken for such.
        """
        rate = int(self.scenario["network"]["vat"])
        homes = self.count.homes["agent"].cast(pl.String).to_list()
        account, amount = pl.col("account").cast(pl.String).alias("agent"), pl.col("amount")
        paid = (
            self.count.scan("postings")
            .filter(pl.col("cause").is_in([*_TAXED, "vat"]) & pl.col("account").cast(pl.String).is_in(homes))
            .group_by("period", account)
            .agg(
                amount.filter(pl.col("cause") != "vat").sum().alias("taxed"),
                amount.filter(pl.col("cause") == "vat").sum().alias("vat"),
            )
        )
        net = gateway_net(self.count.scan("trades")).with_columns(pl.col("agent").cast(pl.String))
        if not self.count.complete:  # what was traded for later periods is not taxed yet
            net = net.join(self.count.scan("meters").select("period").unique(), on="period", how="semi")
        net = net.filter(pl.col("agent").is_in(homes))
        both = paid.join(net, on=["period", "agent"], how="full", coalesce=True).collect(engine="streaming")
        owed = pl.col("taxed").fill_null(0) + pl.col("outside").fill_null(0).clip(upper_bound=0)
        base = owed * pl.when(pl.col("agent").is_in(self._free(both))).then(0).otherwise(rate)
        whole, rest = base // _PPM, base % _PPM
        up = (2 * rest > _PPM) | ((2 * rest == _PPM) & (whole % 2 == 1))
        due = whole + up.cast(pl.Int64)
        wrong = both.filter(due != pl.col("vat").fill_null(0)).sort("period", "agent")
        self.count.agree("postings: VAT on what is paid, at the gateway too", "postings", wrong)

    def _free(self, paid: pl.DataFrame) -> list[str]:
        """Name the homes that deduct VAT."""
        described = self.scenario["agents"]
        free = [each["name"] for each in described if each.get("deducts_vat")]
        cities = [f"{each['name']}-" for each in described if each["kind"] == "city"]
        never = paid.group_by("agent").agg(pl.col("vat").abs().sum()).filter(pl.col("vat") == 0)["agent"].to_list()
        return free + [name for name in never if any(name.startswith(city) for city in cities)]

"""The regulator's green tools from the record alone: who was due what, against what was posted.

Owns the second computation of premiums, differences, grants and the price of carbon. It reads the header's tools, what
meters and plants showed, the spot price and who was taken out, and goes through the periods once more.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.messages import SANCTIONS, SPOT, SUPPLY, Action, Cause, House
from wattbook.oversight import Sanction
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.results.record import Columns, Ints, Record

CAUSES: Final = (Cause.INCENTIVE, Cause.CARBON, Cause.CLAWBACK)
_SUPPORTS: Final = ("premium", "sliding-premium", "difference")
_NUMBERS: Final = {
    **dict.fromkeys(_SUPPORTS, ("price_tick", "budget", "until_ms")),
    "grant": ("share_ppm", "keep", "least_output_ppm", "budget", "until_ms"),
    "carbon": ("until_ms",),
}
_COLUMNS: Final = {"grant": "cost_per_kw", "carbon": "carbon_tick"}
_LIMIT: Final = 1 << 60
_W_PER_KW: Final = 1_000


def incentive_faults(told: object, agents: int) -> list[str]:
    """Say what keeps `told`, a header's ``incentives``, from being sound; nothing if it is."""
    if not isinstance(told, dict) or not _number(told.get("budget")) or not isinstance(told.get("tools"), list):
        return ["its header's 'incentives' has no sound budget and tools"]
    wrong = [place for place, tool in enumerate(told["tools"]) if not _is_tool(tool, agents)]
    return [f"its header's 'incentives': tool {place} is none" for place in wrong]


def _number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LIMIT


def _is_tool(tool: Any, agents: int) -> bool:
    if not isinstance(tool, dict) or tool.get("tool") not in _NUMBERS:
        return False
    kind, rows = tool["tool"], tool.get("agents")
    if not isinstance(rows, list) or not all(_number(row) and 0 <= row < agents for row in rows):
        return False
    column = tool.get(_COLUMNS[kind]) if kind in _COLUMNS else rows
    if not isinstance(column, list) or len(column) != len(rows) or not all(map(_number, column)):
        return False
    return rows == sorted(set(rows)) and all(_number(tool.get(name)) for name in _NUMBERS[kind]) and _is_kept(tool)


def _is_kept(tool: Mapping[str, Any]) -> bool:
    return tool["tool"] != "grant" or bool(tool["keep"] > 0 and tool["least_output_ppm"] >= 0)


class Tools:
    """What green tools owe and take, period by period, and what was posted for them.

    Parameters
    ----------
    record : Record
        Whose header tells of such tools.

    Attributes
    ----------
    spent : list of int
        What each tool was to pay out, whatever came back [1e-8 EUR].
    """

    def __init__(self, record: Record) -> None:
        self.record, self.place = record, record.place
        told = record.header["incentives"]
        self.tools: list[dict[str, Any]] = told["tools"]
        self.budget: int = told["budget"]
        self.spent = [0] * len(self.tools)
        concerned = {row for tool in self.tools for row in tool["agents"]}
        self.accounts = np.array([*sorted(concerned), self.place.house(House.TREASURY)], np.int64)
        self.row = np.full(len(self.place.accounts), -1, np.int64)
        self.row[self.accounts] = np.arange(len(self.accounts))
        shape = (len(CAUSES), len(self.accounts), self.place.periods)
        self._posted, self._due = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._strange = 0
        self._watched: list[dict[str, int]] = []

    # --- what was posted

    def add(self, rows: Columns) -> None:
        """Take the next postings."""
        for number, cause in enumerate(CAUSES):
            mine = rows["cause"] == cause
            place, period, amount = self.row[rows["account"][mine]], rows["period"][mine], rows["amount"][mine]
            known = (place >= 0) & (period >= 0)
            self._strange += int(np.abs(amount[~known]).sum())
            np.add.at(self._posted[number], (place[known], period[known]), amount[known])

    def error(self) -> int:
        """Sum the absolute differences between what was due and what was posted [1e-8 EUR]."""
        self.reckon()
        return self._strange + int(np.abs(self._posted - self._due).sum())

    # --- what was due

    def reckon(self) -> None:
        """Go through all settled periods."""
        self._read()
        last_w = self._built_w()
        for period in np.flatnonzero(self._settled >= 0).tolist():
            starts_ms = self.place.start_ms + period * self.place.period_ms
            left = self.budget - sum(self.spent)
            open_tools = [
                (number, tool)
                for number, tool in enumerate(self.tools)
                if starts_ms < tool["until_ms"]
                and (tool["tool"] == "carbon" or min(left, tool["budget"] - self.spent[number]) > 0)
            ]
            for number, tool in open_tools:
                self._one(number, tool, period, self._capacity_w[:, period] - last_w)
            self._take_back(period)
            last_w = self._capacity_w[:, period]

    def _one(self, number: int, tool: dict[str, Any], period: int, grown_w: Ints) -> None:
        """Work out what one tool owes in one period."""
        agents: list[int] = tool["agents"]
        energy = self._fed_in_wh[self.row[agents], period].tolist()
        if tool["tool"] == "carbon":
            self._owe(
                Cause.CARBON, agents, [-wh * t for wh, t in zip(energy, tool["carbon_tick"], strict=True)], period
            )
            return
        if tool["tool"] == "grant":
            due = [
                self._grant(tool, agent, cost, int(grown_w[self._plant[agent]]), period)
                for agent, cost in zip(agents, tool["cost_per_kw"], strict=True)
            ]
        else:
            price = _price(tool, int(self._spot_tick[period]))
            due = [wh * price for wh in energy]
        most = min(tool["budget"] - self.spent[number], self.budget - sum(self.spent))
        amounts = _parted(due, most)
        self.spent[number] += sum(each for each in amounts if each > 0)
        self._owe(Cause.INCENTIVE, agents, amounts, period)
        if tool["tool"] == "grant":
            self._watched += [
                {"tool": number, "agent": agent, "paid": paid, "first": period}
                for agent, paid in zip(agents, amounts, strict=True)
                if paid
            ]

    def _owe(self, cause: Cause, agents: list[int], amounts: list[int], period: int) -> None:
        due = self._due[CAUSES.index(cause)]
        due[self.row[agents], period] += np.array(amounts, np.int64)
        due[-1, period] -= sum(amounts)

    def _grant(self, tool: dict[str, Any], agent: int, cost: int, grown_w: int, period: int) -> int:
        if self._is_out(agent, period):
            return 0
        return half_even(tool["share_ppm"] * half_even(cost * grown_w, _W_PER_KW), PPM)

    def _take_back(self, period: int) -> None:
        """Look at the grants whose owner is out, or whose time is over with this period."""
        kept = []
        for grant in self._watched:
            tool, agent, paid = self.tools[grant["tool"]], grant["agent"], grant["paid"]
            over = grant["first"] + tool["keep"] - 1
            if self._is_out(agent, period):
                back = half_even(paid * (over + 1 - period), tool["keep"])
            elif period == over:
                back = self._lacking(tool, agent, paid, slice(grant["first"], over + 1))
            else:
                kept.append(grant)
                continue
            self._owe(Cause.CLAWBACK, [agent], [-back], period)
        self._watched = kept

    def _lacking(self, tool: dict[str, Any], agent: int, paid: int, span: slice) -> int:
        """Work out what a grant loses for what its plant did not give."""
        plant = self._plant[agent]
        given = int(self._fed_in_wh[self.row[agent], span].sum()) * PPM
        wanted = int(self._available_wh[plant, span].sum()) * tool["least_output_ppm"]
        return half_even(paid * (wanted - given), wanted) if given < wanted else 0

    def _is_out(self, agent: int, period: int) -> bool:
        """Tell whether an agent was taken out before a period was settled, or was suspended just then."""
        settled = int(self._settled[period])
        if 0 <= self._out.get(agent, -1) < settled:
            return True
        until = [until_ms for seq, until_ms in self._suspended.get(agent, ()) if seq < settled]
        return bool(until) and int(self._settled_ms[period]) < until[-1]

    # --- what the record shows

    def _read(self) -> None:
        record, periods = self.record, self.place.periods
        self._settled, self._settled_ms = np.full((2, periods), -1, np.int64)
        """Command that settled each period (p,), -1 for none; and when [ms UTC]."""
        self._suspended: dict[int, list[tuple[int, int]]] = {}
        """By agent, the commands that suspended it, and until when [ms UTC]."""
        sanctions = record.rows(SANCTIONS)
        mine = sanctions["kind"] == Sanction.SUSPENSION
        columns = (sanctions[name][mine].tolist() for name in ("agent", "command", "until_ms"))
        for agent, seq, until_ms in zip(*columns, strict=True):
            self._suspended.setdefault(agent, []).append((seq, until_ms))
        self._out: dict[int, int] = {}
        """By agent, the command that took it out."""
        for rows in record.pieces("commands", only=("seq", "time_ms", "action", "period", "order")):
            done = rows["action"] == Action.SETTLE
            self._settled[rows["period"][done]] = rows["seq"][done]
            self._settled_ms[rows["period"][done]] = rows["time_ms"][done]
            out = rows["action"] == Action.QUARANTINE
            for agent, seq in zip(rows["order"][out].tolist(), rows["seq"][out].tolist(), strict=True):
                self._out.setdefault(agent, seq)
        self._fed_in_wh = np.zeros((len(self.accounts), periods), np.int64)
        for rows in record.pieces("meters", only=("period", "agent", "traded_wh", "residual_wh")):
            mine = self.row[rows["agent"]] >= 0
            drawn = (rows["traded_wh"] + rows["residual_wh"])[mine]
            self._fed_in_wh[self.row[rows["agent"][mine]], rows["period"][mine]] = np.maximum(-drawn, 0)
        self._spot_tick = np.array(record.header["spot_tick"], np.int64)
        market = record.wholesale
        plants = 0 if market is None else len(market.producers)
        self._capacity_w, self._available_wh = np.zeros((2, plants, periods), np.int64)
        self._plant = {} if market is None else {agent: i for i, agent in enumerate(market.producers.tolist())}
        if market is not None:
            spot, supply = record.rows(SPOT), record.rows(SUPPLY)
            self._spot_tick[spot["period"]] = spot["price_tick"]
            self._read_plants(market.plant_of, supply)

    def _read_plants(self, plant_of: Ints, supply: Mapping[str, NDArray[Any]]) -> None:
        at = plant_of[supply["agent"]], supply["period"]
        self._capacity_w[at], self._available_wh[at] = supply["capacity_w"], supply["available_wh"]
        mine = self.row[supply["agent"]] >= 0
        self._fed_in_wh[self.row[supply["agent"][mine]], supply["period"][mine]] = supply["output_wh"][mine]

    def _built_w(self) -> Ints:
        market = self.record.wholesale
        return np.zeros(0, np.int64) if market is None else market.capacity_w


def _price(tool: Mapping[str, Any], spot_tick: int) -> int:
    """Give what a MWh gets [ticks]."""
    price: int = tool["price_tick"]
    prices = {"premium": price, "sliding-premium": max(price - spot_tick, 0), "difference": price - spot_tick}
    return prices[tool["tool"]]


def _parted(due: list[int], most: int) -> list[int]:
    """Part what there is, at most `most`, in proportion to what is due; who owes pays all of it."""
    total = sum(each for each in due if each > 0)
    if total <= most:
        return due
    exact = {place: Fraction(each * most, total) for place, each in enumerate(due) if each > 0}
    amounts = [int(exact[place]) if place in exact else each for place, each in enumerate(due)]
    lacking = most - sum(amounts[place] for place in exact)
    for place in sorted(exact, key=lambda each: (amounts[each] - exact[each], each))[:lacking]:
        amounts[place] += 1
    return amounts


def figures(record: Record, total: Ints) -> dict[str, Any]:
    """Say what green tools came to.

    ``budget``
        Most that all may pay out.
    ``spent``
        What they paid out, whatever came back.
    ``paid_back``, ``clawed_back``
        What came back by differences, and of grants.
    ``carbon``
        What emitters paid.
    ``tools``
        Kind, budget and ``spent`` of each, in the scenario's order; a price of carbon has no budget.

    Parameters
    ----------
    total : (accounts, causes) int64
        Sums of the postings.
    """
    tools = Tools(record)
    tools.reckon()
    spent = sum(tools.spent)
    treasury = total[record.place.house(House.TREASURY)]
    return {
        "budget": tools.budget,
        "spent": spent,
        "paid_back": int(treasury[Cause.INCENTIVE]) + spent,
        "clawed_back": int(treasury[Cause.CLAWBACK]),
        "carbon": int(treasury[Cause.CARBON]),
        "tools": [
            {"tool": tool["tool"], "budget": tool.get("budget"), "spent": own}
            for tool, own in zip(tools.tools, tools.spent, strict=True)
        ],
    }

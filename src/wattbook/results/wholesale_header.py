"""What a journal's header tells of the wholesale market, checked and as arrays.

Refuses to know how the rows came about. A journal may be anybody's: what is wrong with a header is said, not met later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.contracts import Event, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Columns = Mapping[str, NDArray[Any]]

_LIMIT: Final = 1 << 60
_PLANT_NUMBERS: Final = ("capacity_w", "min_output_w", "ramp_w", "marginal_tick")
_TERMS: Final = ("exit_fee", "term_ms")
CERTIFICATES: Final = (
    Event.CERTIFICATES_ISSUED, Event.CERTIFICATES_MOVED, Event.CERTIFICATES_RETIRED, Event.CERTIFICATES_EXPIRED,
)  # fmt: skip
"""Events whose `spec` is a vintage."""


def _number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LIMIT


def _numbers(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) and _number(each) for key, each in value.items())


def _is_plant(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("agent"), str)
        and isinstance(value.get("kind"), str)
        and all(_number(value.get(key)) for key in _PLANT_NUMBERS)
        and value["capacity_w"] >= 0
    )


def _is_spec(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return False
    profile = value.get("profile_wh")
    return (
        _number(value.get("kind"))
        and value["kind"] in set(Kind)
        and _number(value.get("first_period"))
        and value["first_period"] >= 0
        and _number(value.get("penalty_tick"))
        and isinstance(profile, list | tuple)
        and bool(profile)
        and all(_number(each) and each >= 0 for each in profile)
        and value["first_period"] + len(profile) < 1 << 32
        and isinstance(value.get("parts", ()), list | tuple)
    )


def _has_parts(spec: Mapping[str, Any], specs: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether what a spec becomes is there; most become nothing."""
    names = {each["name"] for each in specs} if spec.get("parts") else set()
    return all(isinstance(name, str) and name in names for name in spec.get("parts", ()))


def _is_desk(value: object) -> bool:
    return value is None or (
        isinstance(value, dict)
        and _number(value.get("house_capital"))
        and isinstance(value.get("specs"), list | tuple)
        and all(map(_is_spec, value["specs"]))
        and all(_has_parts(spec, value["specs"]) for spec in value["specs"])
    )


def _is_retail(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("members", False), bool):
        return False
    terms = [value.get(key) for key in _TERMS]
    return not value.get("members") or all(isinstance(each, list | tuple) and all(map(_number, each)) for each in terms)


_SOUND: Final[dict[str, Callable[[Any], bool]]] = {
    "producers": lambda value: isinstance(value, list) and all(map(_is_plant, value)),
    "customers": _numbers,
    "auction": lambda value: isinstance(value, bool),
    "link": lambda value: isinstance(value, dict) and all(_number(value.get(key)) for key in ("most_wh", "extra_tick")),
    "floor_tick": _number,
    "cap_tick": _number,
    "desk": _is_desk,
    "quota_ppm": _numbers,
    "buy_out_tick": _number,
    "retail": lambda value: value is None or _is_retail(value),
}


def wholesale_faults(told: object) -> list[str]:
    """Say what keeps `told`, a header's ``wholesale``, from being one; nothing if it is one."""
    if not isinstance(told, dict):
        return ["its header's 'wholesale' is not a mapping"]
    return [
        f"its header's 'wholesale' has no sound {key!r}"
        for key, sound in _SOUND.items()
        if key not in told or not sound(told[key])
    ]


def wholesale_reference_faults(told: Mapping[str, Any], names: list[str], suppliers: set[str]) -> list[str]:
    """Say whom a sound ``wholesale`` names that is not there.

    Parameters
    ----------
    names : list of str, (a,)
        All agents.
    suppliers : set of str
        Those with a tariff.
    """
    owners = [plant["agent"] for plant in told["producers"]]
    faults = []
    if not set(owners) <= set(names) - suppliers or len(set(owners)) < len(owners):
        faults.append("its header's 'wholesale': a producer is no agent of its own")
    retail = told["retail"]
    if (
        retail
        and retail.get("members")
        and any(told["customers"].keys() != suppliers or len(retail[key]) != len(suppliers) for key in _TERMS)
    ):
        faults.append("its header's 'wholesale': members choose among utilities of which no terms are told")
    strangers = [key for key in ("customers", "quota_ppm") if not told[key].keys() <= suppliers]
    return faults + [f"its header's 'wholesale': {key!r} names an agent without a tariff" for key in strangers]


def contract_faults(told: Mapping[str, Any], agents: int, periods: int, rows: Columns) -> list[str]:
    """Say which columns of the contracts' rows hold numbers that stand for nothing."""
    vintage = np.isin(rows["event"], CERTIFICATES)
    specs = len(told["desk"]["specs"])
    bounds = {
        "event": (rows["event"], 0, len(Event)),
        "buyer": (rows["buyer"], -1, agents),
        "seller": (rows["seller"], -1, agents),
        "spec": (rows["spec"][~vintage], -1, specs),
        "vintage": (rows["spec"][vintage], 0, periods),
    }
    return [
        f"contracts.{name} holds numbers outside {low}..{high - 1}"
        for name, (column, low, high) in bounds.items()
        if column.size and not (low <= column.min() and column.max() < high)
    ]


@dataclass(frozen=True, eq=False)
class WholesalePlace:
    """Who deals at wholesale, with what: a sound header's ``wholesale`` as arrays.

    Attributes
    ----------
    groups : (g,) int64
        Agents that are balance groups, ascending: utilities and producers.
    group_of : (a,) int64
        Place of each agent among them, -1 for who is none.
    producers : (n,) int64
        Agents that have a plant.
    plant_of : (a,) int64
        Place of each agent among them, -1 for who has none.
    kinds : tuple of str, (n,)
        What their plants burn.
    capacity_w, marginal_tick : (n,) int64
        At the start; cost of a Wh.
    customers : dict of int to int
        By utility (agent), how many it stands for.
    quota_ppm : dict of int to int
        By utility (agent), the share of renewables that it owes.
    exit_fee, term_ms : dict of int to int
        By utility (agent), what it asks of who leaves and how long it binds who comes; empty where members stay.
    specs : tuple of str
        Names of the desk's contracts; empty without a desk.
    spec_kind, first_period, lot_wh : (s,) int64
    profile_wh : tuple of (n,) int64
        Energy of a lot in each of its periods.
    house_capital : int
        0 without a desk.
    """

    groups: Ints
    group_of: Ints
    producers: Ints
    plant_of: Ints
    kinds: tuple[str, ...]
    capacity_w: Ints
    marginal_tick: Ints
    customers: dict[int, int]
    quota_ppm: dict[int, int]
    buy_out_tick: int
    is_auction: bool
    link_wh: int
    link_tick: int
    has_desk: bool
    has_retail: bool
    has_members: bool
    exit_fee: dict[int, int]
    term_ms: dict[int, int]
    specs: tuple[str, ...]
    spec_kind: Ints
    first_period: Ints
    lot_wh: Ints
    profile_wh: tuple[Ints, ...]
    house_capital: int

    @classmethod
    def of(cls, told: Mapping[str, Any], names: tuple[str, ...], suppliers: Ints) -> WholesalePlace:
        """Read a sound header.

        Parameters
        ----------
        names : tuple of str, (a,)
        suppliers : (u,) int64
            Agents with a tariff.
        """
        seat = {name: agent for agent, name in enumerate(names)}
        plants = told["producers"]
        producers = np.array([seat[plant["agent"]] for plant in plants], np.int64)
        groups = np.unique(np.concatenate([suppliers, producers]))
        desk = told["desk"] or {"specs": [], "house_capital": 0}
        specs = desk["specs"]
        has_members = bool(told["retail"]) and bool(told["retail"].get("members"))
        exit_fee, term_ms = (
            {seat[name]: each for name, each in zip(sorted(told["customers"]), told["retail"][key], strict=True)}
            if has_members
            else {}
            for key in _TERMS
        )
        profiles = tuple(np.array(spec["profile_wh"], np.int64) for spec in specs)
        return cls(
            groups=groups,
            group_of=_places(groups, len(names)),
            producers=producers,
            plant_of=_places(producers, len(names)),
            kinds=tuple(plant["kind"] for plant in plants),
            capacity_w=np.array([plant["capacity_w"] for plant in plants], np.int64),
            marginal_tick=np.array([plant["marginal_tick"] for plant in plants], np.int64),
            customers={seat[name]: number for name, number in told["customers"].items()},
            quota_ppm={seat[name]: quota for name, quota in told["quota_ppm"].items()},
            buy_out_tick=told["buy_out_tick"],
            is_auction=told["auction"],
            link_wh=told["link"]["most_wh"],
            link_tick=told["link"]["extra_tick"],
            has_desk=told["desk"] is not None,
            has_retail=told["retail"] is not None,
            has_members=has_members,
            exit_fee=exit_fee,
            term_ms=term_ms,
            specs=tuple(spec["name"] for spec in specs),
            spec_kind=np.array([spec["kind"] for spec in specs], np.int64),
            first_period=np.array([spec["first_period"] for spec in specs], np.int64),
            lot_wh=np.array([int(profile.sum()) for profile in profiles], np.int64),
            profile_wh=profiles,
            house_capital=desk["house_capital"],
        )

    def wh(self, spec: int, periods: int) -> Ints:
        """Energy of a lot of `spec` in each of a run's periods (p,) [Wh]."""
        energy = np.zeros(periods, np.int64)
        first = int(self.first_period[spec])
        inside = self.profile_wh[spec][: max(0, periods - first)]
        energy[first : first + len(inside)] = inside
        return energy


def _places(agents: Ints, count: int) -> Ints:
    place = np.full(count, -1, np.int64)
    place[agents] = np.arange(len(agents))
    return place

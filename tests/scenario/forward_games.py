"""Forward games played by the engine, and what they came to by its own record."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from wattbook import ForwardGame, Scenario
from wattbook.contracts import Event
from wattbook.messages import Action, Cause
from wattbook.policies.quantity_minds import ArbitrageurMind, SellerMind
from wattbook.results import Record
from wattbook.scenario import compile_street
from wattbook.units import minutes
from wattbook.world import World

MINUTE_MS = 60_000


class Deal(NamedTuple):
    """A signing at the desk: how long before delivery, by whom, to whom; below 0 the seller buys."""

    minutes_before: int
    seller: int
    arbitrageur: int
    price_tick: int
    sold_wh: int


@dataclass(frozen=True)
class Played:
    """What a game came to; sellers and arbitrageurs by their place."""

    record: Record
    spot_tick: int
    deals: tuple[Deal, ...]
    sold_wh: tuple[int, ...]
    offered_wh: tuple[int, ...]
    made_wh: tuple[int, ...]
    profit: tuple[int, ...]
    arbitrage: tuple[int, ...]
    balance: dict[str, int]
    """Of every account, without the cents that bills are rounded to."""
    money_sum: int
    """Of all postings."""

    @property
    def price(self):
        return self.spot_tick / 100


def scenario_of(*, hours=2, period=60, **given):
    """Give a game's scenario; what is no field of a scenario is the game's own."""
    own = {key: given.pop(key) for key in list(given) if key in Scenario.model_fields}
    around: dict[str, Any] = {"start": "2016-06-06", "days": 1, "hours": hours}
    if own.get("local") is None:
        around["period"] = minutes(period)
    return Scenario(**(around | {"agents": [], "local": None, "baseline": False, "game": ForwardGame(**given)} | own))


def play(*, seed=7, **given):
    return played(scenario_of(**given).run(seed=seed).record)


def staged(sellers, buyers=None, *, seed=7, **given):
    """Play with decisions of one's own: sellers, and arbitrageurs where they are given."""
    given |= {"sellers": len(sellers)} | ({} if buyers is None else {"arbitrageurs": len(buyers)})
    compiled = compile_street(scenario_of(**given), seed)
    minds = dict(compiled.wholesale_minds)
    for kind, field, others in ((SellerMind, "seller", sellers), (ArbitrageurMind, "arbitrageur", buyers)):
        rows = [row for row, mind in sorted(minds.items()) if isinstance(mind, kind)]
        for row, other in zip(rows, others or (), strict=others is not None):
            minds[row] = replace(minds[row], **{field: other})
    world = World(
        compiled.street, compiled.minds, compiled.outlook, seed, on_policy_error="fail", wholesale_minds=minds
    )  # fmt: skip
    world.run()
    return played(Record.over(world.journal))


def played(record):
    header, streams = record.header, record.streams
    names = [agent["agent"] for agent in header["agents"]]
    sellers, arbitrageurs = ([n for n in names if n.startswith(kind)] for kind in ("seller", "arbitrageur"))
    last = header["periods"] - 1
    delivery_ms = header["start_ms"] + last * header["period_ms"]
    deals = []
    if "contracts" in streams:
        rows = streams["contracts"]
        for i in np.flatnonzero(rows["event"] == Event.SIGNED).tolist():
            buyer, seller = names[rows["buyer"][i]], names[rows["seller"][i]]
            sign, quantity_wh = (
                (1, int(rows["quantity_wh"][i])) if seller in sellers else (-1, -int(rows["quantity_wh"][i]))
            )
            pair = (seller, buyer)[::sign]
            before = (delivery_ms - int(rows["time_ms"][i])) // MINUTE_MS
            price_tick = int(rows["price_tick"][i])
            deals.append(Deal(before, sellers.index(pair[0]), arbitrageurs.index(pair[1]), price_tick, quantity_wh))
    spot, supply, said, posted = (streams[name] for name in ("spot", "supply", "commands", "postings"))
    offers = (said["action"] == Action.OFFER) & (said["period"] == last)
    exact = posted["cause"] != Cause.ROUNDING
    balance = {
        account: int(posted["amount"][exact & (posted["account"] == row)].sum())
        for row, account in enumerate(header["accounts"])
    }
    row_of = {name: row for row, name in enumerate(names)}
    return Played(
        record=record,
        spot_tick=int(spot["price_tick"][spot["period"] == last].item()),
        deals=tuple(deals),
        sold_wh=tuple(sum(d.sold_wh for d in deals if d.seller == place) for place in range(len(sellers))),
        offered_wh=tuple(int(said["quantity_wh"][offers & (said["agent"] == row_of[n])].sum()) for n in sellers),
        made_wh=tuple(int(supply["output_wh"][supply["agent"] == row_of[n]].sum()) for n in sellers),
        profit=tuple(balance[name] for name in sellers),
        arbitrage=tuple(balance[name] for name in arbitrageurs),
        balance=balance,
        money_sum=int(posted["amount"].sum()),
    )

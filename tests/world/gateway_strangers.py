"""Random streets with a gateway, and minds that send it what no shipped one does."""

from dataclasses import dataclass

import numpy as np
from wholesale_strangers import Babbler, changed, draft

from wattbook import Auction, ContractDesk, Gateway, LocalMarket, eur_per_mwh, hours, kwh, minutes
from wattbook.messages import BUY, NO_PRICE, SELL
from wattbook.policies.wholesale import Orders


@dataclass(frozen=True)
class Chatter(Babbler):
    """Sends a gateway nonsense, and among it orders that homes and others may take."""

    def local(self, own, public, gate, draw):
        luck, count, rows = self.luck(own, draw, 1), len(own.need_wh), []
        for _ in range(next(luck) % 60):
            place = next(luck) % count
            kind, side = next(luck) % 4, (BUY, SELL)[next(luck) % 2]
            quote = (gate.ask_tick if side == BUY else gate.bid_tick)[place]
            price, quantity = 4_000 + next(luck) % 12_000, 1 + next(luck) % 5_000
            if kind == 0 and quote != NO_PRICE:
                price = int(quote)
            elif kind == 1:
                quantity = int(gate.sellable_wh[place]) + next(luck) % 3 - 1
            elif kind == 2:
                place, price = place + next(luck) % 9 - 4, gate.floor_tick - 2 + next(luck) % (gate.cap_tick + 9)
            rows.append((own.first + place, side, price, quantity))
        return Orders(*np.array(rows, np.int64).reshape(-1, 4).T)


def gateway_draft(seed):
    """Draw a scenario with a gateway: `draft`'s people, where the day-ahead market clears before the gate opens."""
    rng = np.random.default_rng((seed, 78))
    scenario = draft(seed)
    agents = [
        each.model_copy(update={"persona": Chatter() if rng.random() < 0.7 else each.persona})
        if isinstance(getattr(each, "persona", None), Babbler)
        else each
        for each in scenario.agents
    ]
    local = LocalMarket(
        period=minutes(scenario.period_ms // 60_000),
        district=False,
        gateway=Gateway(
            by=str(rng.choice(["standard", "district"])),
            asks_every=[None, minutes(37), hours(2)][int(rng.integers(3))],
        ),
        floor=eur_per_mwh(-20 * int(rng.integers(2))),
        step=eur_per_mwh([0.01, 0.5][int(rng.integers(2))]),
        self_trade=str(rng.choice(["off", "cancel-newest", "decrement"])),
        largest_order=kwh([3, 1_000][int(rng.integers(2))]),
        mechanism="call" if rng.random() < 0.2 else "continuous",
        opens=str(rng.choice(["12:00", "15:00", "21:00"])),
    )
    minute = {"12:00": 12, "15:00": 15, "21:00": 21}[local.opens]
    wholesale = scenario.wholesale
    auction = wholesale.spot if isinstance(wholesale, ContractDesk) else wholesale
    if isinstance(auction, Auction) and auction.minute > minute * 60:
        auction = auction.model_copy(update={"at": "12:00"})
    if isinstance(wholesale, ContractDesk):
        opens = wholesale.opens if wholesale.opens_minute <= minute * 60 else "10:00"
        wholesale = wholesale.model_copy(update={"spot": auction, "opens": opens})
    elif isinstance(wholesale, Auction):
        wholesale = auction
    if wholesale is None and not any(each.kind == "producer" or getattr(each, "represents", 0) for each in agents):
        wholesale = Auction()
    return changed(scenario, agents=agents, local=local, wholesale=wholesale)

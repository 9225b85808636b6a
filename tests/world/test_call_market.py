"""A call market in time: when its auctions are held, and who wakes of them."""

import pytest

from wattbook.market import AuctionRules, MarketRules
from wattbook.messages import FOREVER, OUT_ACTION, OUT_PRICE, OUT_QUANTITY, OUT_SIDE, Action
from wattbook.policies import Mind, idle

PERIOD = 5
QUARTER_MS = 900_000
GATE_MS = PERIOD * QUARTER_MS - 300_000
BUYER, SELLER = "home-01", "home-03"


def world_of_two(make_world, every_ms, wakes):
    """One bid and one ask for one product, entered at the start; the buyer listens and notes when it looks."""

    def trades(side):
        def policy(see, memory, draw, out):
            if side > 0:
                wakes.append((see.now_ms, see.period, see.position_wh, see.local_bid, see.local_ask))
            if see.period == PERIOD and see.fresh:
                out[0, OUT_ACTION], out[0, OUT_SIDE], out[0, OUT_PRICE], out[0, OUT_QUANTITY] = 1, side, 10_000, 100
            return FOREVER

        return policy

    rules = MarketRules(300_000, 0, 50_000, 1, "off", 1_000, 10**9, auction=AuctionRules((12_000,) * 32, every_ms))
    names = [f"home-{i:02d}" for i in range(12)]
    minds = dict.fromkeys((*names, "u-blue", "u-green"), idle())
    minds[BUYER] = Mind(trades(1), "buyer", look_ahead_ms=0, listens=True)
    minds[SELLER] = Mind(trades(-1), "seller", look_ahead_ms=0)
    return make_world(market=rules, minds=minds)


@pytest.mark.parametrize(("every_ms", "auction_ms"), [(0, GATE_MS), (400_000, 100_000), (3_600_000, 3_300_000)])
def test_whoever_listens_wakes_in_the_millisecond_of_the_auction_that_fills_it(make_world, every_ms, auction_ms):
    wakes = []
    world = world_of_two(make_world, every_ms, wakes)
    start_ms = world.street.start_ms
    world.run()
    rows = world.journal.read("trades")
    assert rows["time_ms"].tolist() == [start_ms + auction_ms]
    told = [wake for wake in wakes if wake[2]]
    assert told[0][:3] == (start_ms + auction_ms, PERIOD, 100)
    assert len({wake[3:] for wake in wakes}) == 1, "quotes of a call phase are sealed"


def test_auctions_in_between_come_after_openings_and_closures_of_their_moment(make_world):
    world = world_of_two(make_world, QUARTER_MS, [])
    world.run()
    rows = world.journal.read("commands")
    at = {}
    for action, time_ms, period, count in zip(
        *(rows[name].tolist() for name in ("action", "time_ms", "period", "quantity_wh")), strict=True
    ):
        at.setdefault(time_ms - world.street.start_ms, []).append((action, period, count))
    first = 600_000  # five minutes before the second period, whose gate closes then
    assert at[first] == [(Action.CLOSE, 1, 0), (Action.AUCTION, 2, 30)]
    auctions = sorted(ms for ms, done in at.items() if any(action == Action.AUCTION for action, *_ in done))
    # The gate of the last period closes without another auction.
    assert auctions == [first + n * QUARTER_MS for n in range(30)]

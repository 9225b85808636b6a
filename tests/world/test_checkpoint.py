"""A checkpoint is the bytes of the columns: a world that takes them on goes on as if nothing had happened."""

import numpy as np
import pytest

from wattbook.errors import CorruptError
from wattbook.market import AuctionRules, MarketRules, SharingRules
from wattbook.messages import streams_of

RIVALS = {
    "call": {"auction": AuctionRules((12_000,) * 32)},
    "call in between": {"auction": AuctionRules((12_000,) * 32, every_ms=420_000, pay_as_bid=True, pro_rata=True)},
    "static keys": {"sharing": SharingRules("static-key", (12_000,) * 32, (1,) * 14)},
}
FACTS = ("commands", "orders", "trades", "postings", "meters", "flows", "groups")


@pytest.mark.parametrize("stop", [0, 1, 7, 16, 31])
def test_a_restored_world_writes_the_rest_of_the_same_journal(make_world, stop):
    whole, first, second = make_world(), make_world(), make_world()
    whole.run()
    at_ms = whole.street.start_ms + stop * whole.street.period_ms + (123_457 if stop == 7 else 0)
    first.run(until_ms=at_ms)
    second.restore(first.checkpoint())
    assert second.checkpoint() == first.checkpoint()
    second.run()
    before = first.journal.rows
    for stream in FACTS:
        full, head, tail = (world.journal.read(stream) for world in (whole, first, second))
        for column in full:
            shift = {"seq": before[stream], "command": before["commands"]}.get(column, 0)
            rest = tail[column] + np.where(tail[column] >= 0, shift, 0)
            np.testing.assert_array_equal(np.concatenate((head[column], rest)), full[column], f"{stream}.{column}")
    assert second.checkpoint() == whole.checkpoint()


@pytest.mark.parametrize("rival", RIVALS)
def test_a_restored_world_goes_on_calling_and_sharing(make_world, rival):
    rules = MarketRules(300_000, 0, 50_000, 1, "off", 1_000, 10**9, **RIVALS[rival])
    whole, first, second = (make_world(market=rules) for _ in range(3))
    whole.run()
    at_ms = whole.street.start_ms + 20 * whole.street.period_ms + 123_457
    first.run(until_ms=at_ms)
    second.restore(first.checkpoint())
    second.run()
    assert second.checkpoint() == whole.checkpoint()
    names = [stream.name for stream in streams_of(whole.journal.header)]
    assert {name: first.journal.rows[name] + second.journal.rows[name] for name in names} == whole.journal.rows
    assert whole.journal.rows["shares" if rival == "static keys" else "trades"] > 0


def test_stopping_and_going_on_in_one_world_changes_nothing(make_world):
    whole, halting = make_world(), make_world()
    whole.run()
    for minutes in (0, 15, 61, 200):
        halting.run(until_ms=halting.street.start_ms + minutes * 60_000)
    halting.run()
    assert halting.journal.fingerprint() == whole.journal.fingerprint()


def test_a_damaged_checkpoint_or_one_of_another_street_is_refused(make_world):
    world = make_world()
    data = world.checkpoint()
    with pytest.raises(CorruptError):
        world.restore(data[:-1])
    with pytest.raises(CorruptError, match="another street"):
        make_world(extra=("newcomer",)).restore(data)

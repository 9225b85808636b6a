"""A checkpoint is the bytes of the columns: a world that takes them on goes on as if nothing had happened."""

import numpy as np
import pytest

from wattbook.errors import CorruptError

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

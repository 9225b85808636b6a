"""Streams: the same seed gives the same commands, features leave out what a book cannot do, every cell is reached."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from wattbook.book import MAX_QUANTITY_WH, SELF_TRADE_MODES, Book, Code, Flag, Kind, ReferenceBook
from wattbook.testing import (
    CALM,
    SETUPS,
    Commands,
    Differ,
    Features,
    cells,
    compare,
    compare_bulk,
    draw,
    missing,
    reachable,
    why_unreachable,
)
from wattbook.testing.coverage import universe
from wattbook.testing.features import ORDER_TYPES

SMALL = Features(floor_tick=-50, cap_tick=50, step_tick=5, lot_wh=3)
LEAST, MOST = -(1 << 63), (1 << 63) - 1


def test_a_seed_draws_the_same_stream_again_and_another_seed_another():
    one, again, other = (draw(seed, 500, Features.full(), CALM) for seed in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one.rows, other.rows)
    assert [part.dtype for part in one] == [np.int64] * 3
    assert all(part.flags.c_contiguous for part in one)


def test_a_stream_and_its_table_are_one():
    commands = draw(1, 50, Features.full())
    assert commands.table().shape == (50, 10)
    assert all(np.array_equal(a, b) for a, b in zip(Commands.of(commands.table()), commands, strict=True))


def test_a_plain_book_is_asked_for_plain_things():
    for setup in SETUPS.values():
        rows, display_wh, expire_ms = draw(3, 2_000, SMALL, setup.weather)
        assert set(rows[:, 0].tolist()) == {Kind.SUBMIT, Kind.CANCEL}
        submits = rows[rows[:, 0] == Kind.SUBMIT]
        assert (submits[:, [1, 7]] == 0).all()
        assert (np.diff(submits[:, 2]) > 0).all()
        assert ((submits[:, 5] % 5 == 0) & (abs(submits[:, 5]) <= 50)).all()
        assert ((submits[:, 6] % 3 == 0) & (submits[:, 6] > 0)).all()
        assert not display_wh.any()
        assert not expire_ms.any()


@pytest.mark.parametrize(("floor", "cap"), [(0, 0), (100, 130), (-130, -100), (0, 400_000), (-7 * 10**17, 7 * 10**17)])
def test_prices_keep_to_any_band(floor, cap):
    features = Features(floor_tick=floor, cap_tick=cap, step_tick=10)
    for setup in SETUPS.values():
        rows = draw(3, 300, features, setup.weather).rows
        prices = rows[rows[:, 0] == Kind.SUBMIT, 5]
        assert ((prices >= floor) & (prices <= cap) & (prices % 10 == 0)).all()


def test_hostile_streams_hold_the_extremes_of_int64_in_every_column():
    tables = [draw(seed, 4_000, Features.full(), SETUPS["flawed"].weather).table() for seed in range(2)]
    table = np.concatenate(tables)
    for column in range(10):
        assert {LEAST, MOST} <= set(table[:, column].tolist()), column
    assert (table[:, 6] == MAX_QUANTITY_WH + 1).any()


def test_what_is_asked_is_mostly_taken_and_trades():
    for name in ("calm", "deep"):
        setup = SETUPS[name]
        features = setup.features()
        batch = ReferenceBook(**features.terms).process(*draw(1, 4_000, features, setup.weather))
        assert (batch.codes == 0).mean() > 0.4
        assert len(batch.fills) > 400


@pytest.mark.parametrize("mode", SELF_TRADE_MODES)
def test_what_happens_is_known_to_be_reachable(mode):
    for setup in SETUPS.values():
        features = setup.features(mode)
        commands = draw(11, 1_500, features, setup.weather)
        found = cells(commands, ReferenceBook(**features.terms).process(*commands), features)
        assert not set(found) - reachable(features)
        assert found.total() == 1_500
        assert missing(found, features) == sorted(reachable(features) - set(found))


def test_every_cell_is_reachable_or_has_a_reason():
    features = Features.full()
    reasons = {cell: why_unreachable(cell, features) for cell in universe()}
    assert {cell for cell, why in reasons.items() if why is None} == reachable(features)
    assert all(isinstance(why, str) and len(why) > 10 for why in reasons.values() if why is not None)
    bare = Features()
    assert {cell.what for cell in reachable(bare)} == {"GTC", "CANCEL"}
    assert missing([], bare) == sorted(reachable(bare))


def test_a_cell_tells_what_was_asked_where_and_what_came_of_it():
    features = Features.full(products=1, hostile=False)
    submit = [Kind.SUBMIT, 0, 1, 1, 1, 5, 4, 0, 2, 0]
    table = [
        submit,
        [Kind.SUBMIT, 0, 2, 2, -1, 5, 1, int(Flag.IOC), 0, 0],
        [Kind.CALL, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [Kind.SUBMIT, 0, 3, 2, -1, 5, 1, 0, 0, 0],
        [Kind.REPLACE, 0, 1, 1, 0, 5, 2, 0, 0, 0],
        [Kind.UNCROSS, 0, 0, 0, 0, 5, 0, 96, 0, 0],
        [Kind.CANCEL, 0, 9, 1, 0, 0, 0, 0, 0, 0],
    ]
    commands = Commands.of(np.array(table))
    found = cells(commands, ReferenceBook().process(*commands), features)
    assert found == Counter(
        {
            ("GTC iceberg", "buy", "continuous", "rests"): 1,
            ("IOC", "sell", "continuous", "filled"): 1,
            ("CALL", "-", "continuous", "nothing"): 1,
            ("GTC", "sell", "call", "rests"): 1,
            ("REPLACE", "-", "call", "rests + kept priority"): 1,
            ("UNCROSS+BOTH", "-", "call", "filled"): 1,
            ("CANCEL", "-", "-", f"refused: {Code.UNKNOWN_ORDER.name}"): 1,
        }
    )


def test_two_books_that_agree_are_told_how_much_they_agreed_on():
    done = compare_bulk(ReferenceBook, Book, range(1), count=300, self_trade="decrement", setups=("calm", "calling"))
    assert done.commands == done.cells.total() == 600


@pytest.mark.parametrize("law", ["B2", "B6", "B7", "B12", "B20", "B21", "B23"])
def test_two_books_that_differ_are_caught_with_the_seed_that_draws_it_again(broken, law):
    with pytest.raises(Differ) as caught:
        compare_bulk(ReferenceBook, broken.books[law], range(30), count=400, setups=("calm", "crowded"))
    assert "self_trade='off' count=400" in caught.value.__notes__[0]


def test_the_answer_of_a_comparison_is_that_of_one_batch():
    features = SETUPS["calm"].features("cancel-both")
    commands = draw(2, 700, features)
    whole = ReferenceBook(**features.terms).process(*commands)
    joined = compare(ReferenceBook, ReferenceBook, commands, features, seed=4)
    assert all(np.array_equal(a, b) for a, b in zip(joined, whole, strict=True))
    assert list(ORDER_TYPES) == list(Features.full().types)

"""What fails is made small, within its time."""

from __future__ import annotations

import time

from wattbook.book import BUY, SELL, Flag, Kind, ReferenceBook
from wattbook.testing import Command, Features, draw, shrink
from wattbook.testing.driving import as_commands
from wattbook.testing.reproducing import reproducer

FULL = Features.full()


def stream(seed, count, features=FULL):
    return as_commands(draw(seed, count, features).table().tolist())


def test_only_the_commands_that_matter_are_left_and_their_values_are_plain():
    def fails(commands):
        return sum(c.kind == Kind.SUBMIT and c.quantity_wh >= 3 for c in commands) >= 2

    small = shrink(stream(1, 400), fails, FULL)
    assert [c.quantity_wh for c in small] == [3, 3]
    assert [c.order for c in small] == [1, 2]
    assert all(
        (c.product, c.owner, c.price_tick, c.flags, c.display_wh, c.expire_ms) == (0, 1, 0, 0, 0, 0) for c in small
    )


def test_ids_that_are_referred_to_stay_referred_to():
    def fails(commands):
        submitted = {c.order for c in commands if c.kind == Kind.SUBMIT}
        return any(c.kind == Kind.CANCEL and c.order in submitted for c in commands)

    small = shrink(stream(2, 400), fails, FULL)
    assert [(c.kind, c.order) for c in small] == [(Kind.SUBMIT, 1), (Kind.CANCEL, 1)]


def test_prices_are_closed_up_and_keep_to_band_and_step():
    features = Features(floor_tick=100, cap_tick=1_000, step_tick=20)

    def fails(commands):
        prices = [c.price_tick for c in commands if c.kind == Kind.SUBMIT]
        return len(set(prices)) >= 3 and all(100 <= p <= 1_000 and p % 20 == 0 for p in prices)

    small = shrink(stream(3, 200, features), fails, features)
    assert sorted(c.price_tick for c in small) == [100, 120, 140]


def test_shrinking_ends_in_time_however_slow_a_trial_is():
    def fails(commands):
        time.sleep(0.02)
        return len(commands) > 10

    began = time.monotonic()
    small = shrink(stream(4, 300), fails, FULL, seconds=0.3)
    assert time.monotonic() - began < 2
    assert 10 < len(small) <= 300


def test_without_anything_smaller_the_stream_comes_back():
    given = stream(5, 4)
    assert shrink(given, lambda commands: commands == given, FULL) == given


class Doors:
    """Has no process."""


def test_a_book_that_was_judged_by_process_is_shown_so():
    text = reproducer(ReferenceBook, [Command(Kind.SUBMIT, 0, 1, 7, BUY, 5, 4, 0)], Features())
    assert text.endswith("book.process(np.array([[0, 0, 1, 7, 1, 5, 4, 0]]))  # submit")


def test_a_reproducer_says_what_a_person_would_write():
    features = Features.full(products=2)
    commands = [
        Command(Kind.SUBMIT, 1, 1, 7, BUY, 5, 4, int(Flag.POST_ONLY | Flag.REPRICE), 2, 60),
        Command(Kind.SUBMIT, 0, 2, 7, SELL, 5, 4, 0),
        Command(Kind.REPLACE, 0, 1, 7, 0, 6, 3, 0),
        Command(Kind.CANCEL_OWNER, 0, 0, 7, 0, 0, 0, 0),
        Command(Kind.EXPIRE, 1, 0, 0, 0, 0, 0, 0, 0, 60),
        Command(Kind.CALL, 1, 0, 0, 0, 0, 0, 0),
        Command(Kind.UNCROSS, 1, 0, 0, 0, 5, 0, 32),
    ]
    text = reproducer(Doors, commands, features)
    assert text == (
        "from wattbook.book import BUY, SELL, Flag\nfrom tests.testing.test_shrinking import Doors\n\n"
        "book = Doors()\n"
        "book.submit(order=1, owner=7, side=BUY, price_tick=5, quantity_wh=4, product=1, "
        "flags=Flag.POST_ONLY | Flag.REPRICE, display_wh=2, expire_ms=60)\n"
        "book.submit(order=2, owner=7, side=SELL, price_tick=5, quantity_wh=4)\n"
        "book.replace(order=1, owner=7, price_tick=6, quantity_wh=3)\n"
        "book.cancel_owner(owner=7)\n"
        "book.expire(product=1, until_ms=60)\n"
        "book.call(product=1)\n"
        "book.uncross(product=1, reference_tick=5, flags=Flag.PRO_RATA)"
    )
    exec(text.replace("from tests.testing.test_shrinking import Doors\n", ""), {"Doors": ReferenceBook})

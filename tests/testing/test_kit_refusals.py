"""What the kit refuses to judge, and auctions and books that answer with something else."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from wattbook import testing
from wattbook.book import BUY, SELL, Book, Kind, ReferenceBook
from wattbook.errors import ConfigError
from wattbook.testing import (
    SETUPS,
    Differ,
    Falsified,
    Features,
    check_auction,
    check_book,
    check_relation,
    check_run,
    compare_bulk,
    draw,
)  # fmt: skip

CALLS = Features(kinds=("SUBMIT", "CANCEL", "CALL", "UNCROSS"))


class Ignores(ReferenceBook):
    """The reference price is not heard."""

    def _uncross(self, product, reference_tick, flags):
        return super()._uncross(product, self.terms.floor_tick, flags)


class Shifts(ReferenceBook):
    """The reference price is another one."""

    def _uncross(self, product, reference_tick, flags):
        return super()._uncross(product, min(reference_tick + 3, (1 << 63) - 1), flags)


@pytest.mark.parametrize("faulty", [Ignores, Shifts])
@pytest.mark.parametrize("law", ["A2", "B20"])
@pytest.mark.parametrize("features", [CALLS, Features.full(step_tick=5, lot_wh=2)], ids=["small", "full"])
def test_the_reference_price_matters_in_the_default_run(faulty, law, features):
    with pytest.raises(Falsified) as caught:
        check_book(partial(faulty, **features.terms), features=features, invariants=[law], shrink_s=0.5)
    assert caught.value.name == law


@pytest.mark.parametrize("faulty", [Ignores, Shifts])
def test_the_reference_price_matters_to_two_books(faulty):
    with pytest.raises(Differ):
        compare_bulk(ReferenceBook, faulty, range(2), count=300)


@pytest.mark.parametrize("features", [CALLS, Features.full()], ids=["small", "full"])
def test_most_call_auctions_trade(features):
    accepted = traded = 0
    for seed in range(20):
        commands = draw(seed, 200, features, list(SETUPS.values())[seed % len(SETUPS)].weather)
        batch = ReferenceBook(**features.terms).process(*commands)
        rows = set(np.flatnonzero((commands.rows[:, 0] == Kind.UNCROSS) & (batch.codes == 0)).tolist())
        accepted += len(rows)
        traded += len(rows & set(batch.fills[:, 0].tolist()))
    assert traded > accepted / 2 > 5


def test_eight_columns_are_commands_without_slices_and_limits():
    rows = np.array([(0, 0, 1, 1, SELL, 5, 2, 0), (0, 0, 2, 2, BUY, 5, 3, 0)])
    testing.B3.check(ReferenceBook, rows)
    with pytest.raises(Falsified):
        testing.A2.check(Ignores, draw(0, 200, CALLS, SETUPS["calling"].weather), CALLS)
    for wrong in (rows[:, :7], rows.ravel(), rows.astype(float), [(1, 2), (1,)]):
        with pytest.raises(ConfigError):
            testing.B3.check(ReferenceBook, wrong)


@pytest.mark.parametrize(
    "call",
    [
        lambda: check_book(Book, seeds=[]),
        lambda: check_book(Book, seeds=3),
        lambda: check_book(Book, commands=0),
        lambda: check_book(Book, invariants=[]),
        lambda: check_book(Book, invariants="B3"),
        lambda: check_book(Book, invariants=["B14"]),
        lambda: check_book(Book, weathers=[]),
        lambda: check_book(ReferenceBook()),
        lambda: check_auction(len, seeds=[]),
        lambda: check_auction(len, invariants=["B1"]),
        lambda: check_auction(7),
        lambda: check_relation(ReferenceBook, "append", seeds=()),
        lambda: compare_bulk(Book, Book, []),
        lambda: check_run(None),
    ],
)
def test_nothing_judged_is_refused(call):
    with pytest.raises(ConfigError):
        call()


@pytest.mark.parametrize("auction", [lambda *_: None, lambda *_: (1, 2), lambda *_: 1 // 0])
def test_an_auction_that_does_not_answer_is_told(auction):
    with pytest.raises(Falsified, match=r"^ANSWERS: ") as caught:
        check_auction(auction, seeds=range(3))
    assert caught.value.name == "ANSWERS"


def test_fills_that_are_no_whole_numbers_are_not_rounded():
    class Halves:
        """Fills a fraction."""

        def submit(self, order, owner, side, price_tick, quantity_wh):
            return [(order, order, price_tick, 0.5)]

    with pytest.raises(Falsified, match=r"^ANSWERS: "):
        check_book(Halves, features=Features(kinds=("SUBMIT",)), invariants=["B1"], seeds=[0], shrink_s=0.5)

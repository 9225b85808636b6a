"""The compiled book and the reference agree in events, codes and every byte of state (B18-B21)."""

from __future__ import annotations

from collections import Counter

import numba
import numpy as np
import pytest

from wattbook.book import BUY, SELF_TRADE_MODES, Batch, Book, Kind, ReferenceBook, face
from wattbook.testing import SETUPS, compare, compare_bulk, draw, reachable

EVERYDAY = 20_000
"""Commands per setup and self-trade mode: every reachable cell is reached."""
BULK = 10_000_000
BULK_LENGTH = 10_000
BULK_SEEDS = range(1_000, 1_029)
"""29 seeds x 7 setups x 5 modes x 10,000 commands = 10,150,000."""
CELL_MINIMUM = 30


def assert_same_batch(one: Batch, other: Batch) -> None:
    for name in Batch._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def joined(batches: list[Batch], size: int) -> Batch:
    """Batches of `size` commands each as if they had been one."""
    for number, batch in enumerate(batches):
        batch.fills[:, 0] += number * size
        batch.events[:, 0] += number * size
    return Batch(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))


def drawn(name, mode, seed, count):
    """Features and a stream of one of the setups."""
    setup = SETUPS[name]
    features = setup.features(mode)
    return features, draw(seed, count, features, setup.weather)


def known_cells(mode):
    return set().union(*(reachable(setup.features(mode)) for setup in SETUPS.values()))


def test_both_books_agree_in_all_cells_on_mixed_streams(size, mode):
    done = compare_bulk(Book, ReferenceBook, range(1, 2), count=size(EVERYDAY), self_trade=mode)
    assert done.commands == done.cells.total() == len(SETUPS) * size(EVERYDAY)
    assert not set(done.cells) - known_cells(mode)
    if not numba.config.DISABLE_JIT:
        assert not known_cells(mode) - set(done.cells)


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=[pytest.mark.long] * (place > 0)) for place, mode in enumerate(SELF_TRADE_MODES)]
)
def test_both_books_agree_on_two_million_commands_of_each_mode_with_no_cell_thin(size, mode, capsys):
    done = compare_bulk(Book, ReferenceBook, BULK_SEEDS, count=size(BULK_LENGTH), self_trade=mode)
    assert not set(done.cells) - known_cells(mode)
    thin = Counter({cell: done.cells[cell] for cell in known_cells(mode) if done.cells[cell] < CELL_MINIMUM})
    assert not thin or numba.config.DISABLE_JIT, f"{mode}: {thin}"
    with capsys.disabled():
        print(f"\n{mode}: {done.commands:,} commands, seeds {BULK_SEEDS[0]} .. {BULK_SEEDS[-1]}")  # noqa: T201 - the run's evidence
    assert done.commands >= size(BULK) // len(SELF_TRADE_MODES)


def test_the_state_is_the_same_after_every_single_command(size, mode):
    for name in ("flawed", "edges", "crossing", "calling"):
        features, commands = drawn(name, mode, 1, size(300))
        kernel, reference = Book(**features.terms), ReferenceBook(**features.terms)
        for command in commands.table().tolist():
            assert kernel.step(*command) == reference.step(*command), command
            np.testing.assert_array_equal(kernel.fill_rows[: kernel.fill_count], reference.fill_rows)
            np.testing.assert_array_equal(kernel.event_rows[: kernel.event_count], reference.event_rows)
            assert kernel.resting_wh == reference.resting_wh
            assert kernel.fingerprint() == reference.fingerprint(), command
            kernel.check()
            reference.check()


def test_a_deep_book_agrees_too(size, mode):
    features, commands = drawn("deep", mode, 5, size(20_000))
    # Nobody empties a product here, and these prices stand further apart, so that queues and ladders grow long.
    price, side = commands.rows[:, 5], commands.rows[:, 4]
    near = (np.abs(price) < 1_000) & (np.abs(side) == 1)
    price[near] -= 5 * np.random.default_rng(5).integers(0, 300, size=near.sum()) * side[near]
    batch = compare(Book, ReferenceBook, commands, features)
    assert len(batch.fills) > 0


def test_any_batching_gives_the_same_events(size, mode, book_class):
    count = size(2_000)
    features, commands = drawn("calm", mode, 2, count)
    whole = book_class(**features.terms).process(*commands)
    for width in (1, 7, count // 3):
        book = book_class(**features.terms)
        parts = [book.process(*commands.part(slice(at, at + width))) for at in range(0, count, width)]
        assert_same_batch(joined(parts, width), whole)


def test_a_record_that_must_grow_in_the_middle_of_a_batch_loses_nothing(size, mode, monkeypatch):
    for name in ("calm", "crossing", "calling"):
        features, commands = drawn(name, mode, 6, size(2_000))
        whole = Book(**features.terms).process(*commands)
        monkeypatch.setattr(face, "_MOST_FIRST_EVENTS", 1)
        assert_same_batch(Book(**features.terms).process(*commands), whole)
        monkeypatch.undo()


def test_a_record_that_a_row_of_cancels_fills_grows_too(monkeypatch):
    orders = np.arange(1, 41)
    zero = 0 * orders
    submits = np.column_stack([zero, zero, orders, zero, zero + BUY, orders, zero + 1, zero])
    commands = np.concatenate([submits, np.add(submits, [Kind.CANCEL, 0, 0, 0, 0, 0, 0, 0])])
    monkeypatch.setattr(face, "_MOST_FIRST_EVENTS", 1)
    assert_same_batch(Book().process(commands), ReferenceBook().process(commands))


def test_the_same_commands_give_the_same_bytes(size, mode, book_class):
    features, commands = drawn("edges", mode, 3, size(2_000))
    books = [book_class(**features.terms) for _ in range(2)]
    first, second = (book.process(*commands) for book in books)
    assert [part.tobytes() for part in first] == [part.tobytes() for part in second]
    assert books[0].export() == books[1].export()


def test_a_book_goes_on_alike_after_any_export_even_in_the_other_implementation(size, mode):
    count = size(3_000)
    features, commands = drawn("calm", mode, 4, count)
    steady, moving = Book(**features.terms), ReferenceBook(**features.terms)
    rng, start = np.random.default_rng(4), 0
    while start < count:
        stop = start + int(rng.integers(1, 60))
        part = commands.part(slice(start, stop))
        assert_same_batch(steady.process(*part), moving.process(*part))
        state = moving.export()
        moving = (Book, ReferenceBook)[int(rng.integers(2))].restore(state)
        moving.check()
        assert moving.export() == state == steady.export()
        start = stop

"""The compiled book and the reference agree in events, codes and every byte of state (B18-B21)."""

from __future__ import annotations

from collections import Counter

import numba
import numpy as np
import pytest

from wattbook.book import BUY, SELF_TRADE_MODES, Batch, Book, Kind, ReferenceBook, face

FINGERPRINT_EVERY = 250
CELL_MINIMUM = 1_000
BULK = {"flawed": 150_000, "calm": 60_000, "edges": 120_000, "crowded": 60_000, "crossing": 560_000}
DECREMENT_BULK = {**BULK, "crossing": 1_150_000}
"""Commands per weather for one self-trade mode; decrement spreads over more outcomes. 5.3 million in all."""


def assert_same_batch(one: Batch, other: Batch) -> None:
    for name in Batch._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def joined(batches: list[Batch], size: int) -> Batch:
    """Batches of `size` commands each as if they had been one."""
    for number, batch in enumerate(batches):
        batch.fills[:, 0] += number * size
        batch.events[:, 0] += number * size
    return Batch(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))


def run_both(weather, mode, commands):
    """Both books through `commands`, compared batch by batch; the kernel's answer as one batch."""
    kernel, reference = weather.make(Book, mode), weather.make(ReferenceBook, mode)
    batches = []
    for start in range(0, len(commands), FINGERPRINT_EVERY):
        part = commands[start : start + FINGERPRINT_EVERY]
        batches.append(kernel.process(part))
        assert_same_batch(batches[-1], reference.process(part))
        assert kernel.fingerprint() == reference.fingerprint(), f"state differs after command {start + len(part)}"
    kernel.check()
    reference.check()
    return joined(batches, FINGERPRINT_EVERY)


def covered(streams, mode, share, seed) -> Counter:
    """Cells that both books agreed on, over a share of the bulk."""
    cells = Counter()
    for name, count in (DECREMENT_BULK if mode == "decrement" else BULK).items():
        weather = getattr(streams, name)
        commands = streams.draw(seed, streams.size(int(count * share)), weather)
        cells += streams.cells(commands, run_both(weather, mode, commands))
    return cells


def test_both_books_agree_in_all_cells_on_mixed_streams(streams, mode):
    cells = covered(streams, mode, 0.025, seed=1)
    unexpected = set(cells) - streams.reachable(mode)
    assert not unexpected
    if not numba.config.DISABLE_JIT:
        missing = [cell for cell in streams.reachable(mode) if cells[cell] < 2]
        assert not missing


@pytest.mark.slow
def test_both_books_agree_on_more_than_a_million_commands_with_no_cell_thin(streams):
    total = 0
    for seed, mode in enumerate(SELF_TRADE_MODES):
        cells = covered(streams, mode, 1.0, seed=100 + seed)
        total += cells.total()
        assert not set(cells) - streams.reachable(mode)
        thin = {cell: cells[cell] for cell in streams.reachable(mode) if cells[cell] < streams.size(CELL_MINIMUM)}
        assert not thin, f"{mode}: {thin}"
    assert total >= streams.size(1_000_000)


def test_the_state_is_the_same_after_every_single_command(streams, mode):
    for seed, weather in enumerate((streams.flawed, streams.edges, streams.crossing)):
        kernel, reference = weather.make(Book, mode), weather.make(ReferenceBook, mode)
        for command in streams.draw(seed, streams.size(1_000), weather).tolist():
            assert kernel.step(*command) == reference.step(*command), command
            np.testing.assert_array_equal(kernel.fill_rows[: kernel.fill_count], reference.fill_rows)
            np.testing.assert_array_equal(kernel.event_rows[: kernel.event_count], reference.event_rows)
            assert kernel.resting_wh == reference.resting_wh
            assert kernel.fingerprint() == reference.fingerprint(), command
            kernel.check()
            reference.check()


def test_a_deep_book_agrees_too(streams, mode):
    commands = streams.draw(5, streams.size(20_000), streams.deep)
    # Nobody empties a product here, and these prices stand further apart, so that queues and ladders grow long.
    near = np.abs(commands[:, 5]) < 1_000
    commands[near, 5] -= 5 * np.random.default_rng(5).integers(0, 300, size=near.sum()) * np.sign(commands[near, 4])
    batch = run_both(streams.deep, mode, commands)
    assert len(batch.fills) > 0


def test_any_batching_gives_the_same_events(streams, mode, book_class):
    size = streams.size(2_000)
    commands = streams.draw(2, size, streams.calm)
    whole = streams.calm.make(book_class, mode).process(commands)
    for width in (1, 7, size // 3):
        book = streams.calm.make(book_class, mode)
        parts = [book.process(commands[start : start + width]) for start in range(0, size, width)]
        assert_same_batch(joined(parts, width), whole)


def test_a_record_that_must_grow_in_the_middle_of_a_batch_loses_nothing(streams, mode, monkeypatch):
    for weather in (streams.calm, streams.crossing):
        commands = streams.draw(6, streams.size(2_000), weather)
        whole = weather.make(Book, mode).process(commands)
        monkeypatch.setattr(face, "_MOST_FIRST_EVENTS", 1)
        assert_same_batch(weather.make(Book, mode).process(commands), whole)
        monkeypatch.undo()


def test_a_record_that_a_row_of_cancels_fills_grows_too(monkeypatch):
    orders = np.arange(1, 41)
    zero = 0 * orders
    submits = np.column_stack([zero, zero, orders, zero, zero + BUY, orders, zero + 1, zero])
    commands = np.concatenate([submits, np.add(submits, [Kind.CANCEL, 0, 0, 0, 0, 0, 0, 0])])
    monkeypatch.setattr(face, "_MOST_FIRST_EVENTS", 1)
    assert_same_batch(Book().process(commands), ReferenceBook().process(commands))


def test_the_same_commands_give_the_same_bytes(streams, mode, book_class):
    commands = streams.draw(3, streams.size(2_000), streams.edges)
    books = [streams.edges.make(book_class, mode) for _ in range(2)]
    first, second = (book.process(commands) for book in books)
    assert [part.tobytes() for part in first] == [part.tobytes() for part in second]
    assert books[0].export() == books[1].export()


def test_a_book_goes_on_alike_after_any_export_even_in_the_other_implementation(streams, mode):
    size = streams.size(3_000)
    commands = streams.draw(4, size, streams.calm)
    steady, moving = streams.calm.make(Book, mode), streams.calm.make(ReferenceBook, mode)
    rng, start = np.random.default_rng(4), 0
    while start < size:
        stop = start + int(rng.integers(1, 60))
        assert_same_batch(steady.process(commands[start:stop]), moving.process(commands[start:stop]))
        state = moving.export()
        moving = (Book, ReferenceBook)[int(rng.integers(2))].restore(state)
        moving.check()
        assert moving.export() == state == steady.export()
        start = stop

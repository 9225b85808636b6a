"""What the regulator sees comes out of the journal once, in order, as late as it may, and holds nothing private."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.journal import Journal
from wattbook.messages import STREAMS, Action, Stream
from wattbook.oversight import SEEN_STREAMS
from wattbook.regulator import RECORD, TAPE, Feed, Played, whole

HOUR_MS = 3_600_000
PRIVATE = {"meters", "postings", "flows", "shares"}
NAMES = {"agent", "buyer", "seller", "order", "maker_order", "taker_order", "command", "seq"}


def journal_of(script, chunk_rows=1 << 16, first=1):
    """Write a journal of commands (time, action) with one fact each: a settled group, or an order's row."""
    journal = Journal(STREAMS, {}, chunk_rows=chunk_rows)
    for time_ms, action in script:
        write(journal, time_ms, action, first)
    return journal


def write(journal, time_ms, action, first=1):
    agent = -1 if action in (Action.DELIVER, Action.SETTLE) else 0
    seq = journal.append(
        "commands", time_ms=time_ms, agent=agent, action=action, book=-1, period=0, order=0, side=1,
        price_tick=5, quantity_wh=7, flags=0,
    )  # fmt: skip
    if action in (Action.DELIVER, Action.SETTLE):
        journal.append(
            "groups", command=seq, period=0, utility=0, nominated_wh=seq + first, metered_wh=7, deviation_wh=0,
            spot_tick=5, imbalance_tick=5,
        )  # fmt: skip
        return
    journal.append(
        "orders", command=seq, time_ms=time_ms, book=0, period=0, order=seq + first, agent=agent, event=0, side=1,
        price_tick=5, quantity_wh=7, remaining_wh=7, code=0,
    )  # fmt: skip


ACTIONS = st.sampled_from([Action.SUBMIT, Action.OFFER, Action.DELIVER, Action.SETTLE, Action.BATTERY])
SCRIPTS = st.lists(st.tuples(st.integers(0, 6), ACTIONS), max_size=40).map(
    lambda steps: [
        (int(at), action) for at, (_, action) in zip(np.cumsum([step for step, _ in steps]), steps, strict=True)
    ]
)


def test_the_record_names_no_stream_or_column_that_only_its_owner_knows():
    assert set(RECORD) == set(SEEN_STREAMS)
    assert not PRIVATE & set(RECORD)
    assert "fuel" not in RECORD["supply"]
    assert all("amount" not in columns or name == "contracts" for name, columns in RECORD.items())


def test_the_tape_names_nobody_but_utilities_by_their_tariffs():
    for name, columns in TAPE.items():
        assert not NAMES & set(columns) or (name, NAMES & set(columns)) == ("tariffs", {"agent"})


def test_every_column_of_a_view_is_one_of_its_stream():
    from wattbook import messages

    streams = {each.name: dict(each.columns) for each in vars(messages).values() if isinstance(each, Stream)}
    for view in (RECORD, TAPE):
        for name, columns in view.items():
            assert set(columns) <= set(streams[name]), name


@given(SCRIPTS, st.lists(st.integers(0, 40), max_size=6), st.data())
def test_rows_that_are_fetched_in_pieces_are_those_fetched_at_once(script, cuts, data):
    streams = [stream.name for stream in STREAMS]
    journal, feed, got = journal_of([], chunk_rows=3), Feed(RECORD, streams), {}
    cuts = {min(cut, len(script)) for cut in cuts}
    for place, (time_ms, action) in enumerate(script):
        if place in cuts:
            feed.fetch(journal)
            for name, rows in feed.upto(time_ms - data.draw(st.integers(0, 5))):
                got.setdefault(name, []).append(rows)
        write(journal, time_ms, action)
    feed.fetch(journal)
    for name, rows in feed.upto(1 << 60):
        got.setdefault(name, []).append(rows)
    once = whole(RECORD, journal, streams)
    for name, columns in once.items():
        for key, column in columns.items():
            pieces = [part[key] for part in got.get(name, [])]
            np.testing.assert_array_equal(np.concatenate(pieces) if pieces else np.zeros(0), column, f"{name}.{key}")


@given(SCRIPTS, st.integers(-2, 250))
def test_what_can_be_seen_by_a_moment_is_what_had_been_written_when_the_regulator_looked(script, now_ms):
    # It stands after what was delivered and settled at that millisecond, and before all else.
    first = (Action.DELIVER, Action.SETTLE)
    ordered = sorted(script, key=lambda row: (row[0], row[1] not in first))
    before = [row for row in ordered if row[0] < now_ms or (row[0] == now_ms and row[1] in first)]
    names = [stream.name for stream in STREAMS]
    seen = whole(RECORD, journal_of(ordered), names, until_ms=now_ms)
    live = whole(RECORD, journal_of(before), names)
    for name, columns in live.items():
        for key, column in columns.items():
            np.testing.assert_array_equal(seen[name][key], column)


@given(SCRIPTS, st.integers(0, 40))
def test_a_feed_that_was_saved_goes_on_with_a_journal_that_begins_anew(script, cut):
    names = [stream.name for stream in STREAMS]
    head, tail = script[:cut], script[cut:]
    first = Feed(RECORD, names)
    first.fetch(journal_of(head))
    now_ms = head[-1][0] - 2 if head else 0
    before = dict(first.upto(now_ms))
    second = Feed(RECORD, names)
    second.restore(first.export())
    second.fetch(journal_of(tail, first=1 + len(head)))
    after = dict(second.upto(1 << 60))
    once = whole(RECORD, journal_of(script), names)
    for name, columns in once.items():
        for key, column in columns.items():
            parts = [part[name][key] for part in (before, after) if name in part]
            np.testing.assert_array_equal(np.concatenate(parts) if parts else np.zeros(0), column, f"{name}.{key}")


def test_a_record_that_was_kept_is_handed_out_as_the_live_one_was():
    names = [stream.name for stream in STREAMS]
    record = whole(RECORD, journal_of([(1, Action.SUBMIT), (5, Action.OFFER), (9, Action.SUBMIT)]), names)
    feed = Played(record).feed(RECORD)
    early, late = dict(feed.upto(6)), dict(feed.upto(100))
    assert early["orders"]["time_ms"].tolist() == [1, 5]
    assert late["orders"]["time_ms"].tolist() == [9]
    assert early["commands"]["price_tick"].tolist() == [5]
    assert "commands" not in late


@pytest.mark.parametrize("chunk_rows", [1, 4, 1 << 10])
@pytest.mark.parametrize("since", [0, 1, 7, 20, 21])
def test_a_journal_gives_its_rows_from_any_one_on(chunk_rows, since):
    journal = journal_of([(at, Action.SUBMIT) for at in range(20)], chunk_rows)
    whole_stream = journal.read("orders")
    tail = journal.since("orders", since, {"order", "time_ms"})
    assert set(tail) == {"order", "time_ms"}
    np.testing.assert_array_equal(tail["order"], whole_stream["order"][since:])

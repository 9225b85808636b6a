"""The fingerprint notices any change of content, and nothing else."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from wattbook.journal import Journal, canonical_json
from wattbook.messages import STREAMS, Stream

HEADER = {"agents": ["anna", "ben"], "start_ms": 5}
ROWS = 5


def _content():
    """Distinct values in every column of every stream of the house."""
    return {
        stream.name: {name: np.arange(ROWS) + 3 * place for place, (name, _) in enumerate(stream.columns[1:])}
        for stream in STREAMS
    }


def _fingerprint(content, streams=STREAMS, header=None, chunk_rows=16, flush_after=()):
    journal = Journal(streams, HEADER if header is None else header, chunk_rows=chunk_rows)
    for stream in streams:
        columns = content[stream.name]
        for row in range(len(next(iter(columns.values())))):
            journal.append(stream.name, **{name: column[row] for name, column in columns.items()})
            if row in flush_after:
                journal.flush()
    return journal.fingerprint()


def _rename(stream, old, new):
    return Stream(stream.name, tuple((new if name == old else name, code) for name, code in stream.columns))


@pytest.mark.parametrize("chunk_rows", [1, 7, 65536])
@pytest.mark.parametrize("flush_after", [(), (0,), (1, 3), (0, 1, 2, 3, 4)])
def test_neither_chunks_nor_flushes_leave_a_trace(chunk_rows, flush_after):
    assert _fingerprint(_content(), chunk_rows=chunk_rows, flush_after=flush_after) == _fingerprint(_content())


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_any_one_value_changes_it(stream):
    seen = {_fingerprint(_content())}
    for name, _ in stream.columns[1:]:
        for row in range(ROWS):
            content = _content()
            content[stream.name][name][row] += 64
            seen.add(_fingerprint(content))
    assert len(seen) == 1 + ROWS * (len(stream.columns) - 1)


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_a_lost_a_doubled_or_a_swapped_row_changes_it(stream):
    orders = [[*range(row), *range(row + 1, ROWS)] for row in range(ROWS)]
    orders += [[*range(row), row, *range(row, ROWS)] for row in range(ROWS)]
    orders += [[*range(row), row + 1, row, *range(row + 2, ROWS)] for row in range(ROWS - 1)]
    seen = {_fingerprint(_content())}
    for order in orders:
        content = _content()
        content[stream.name] = {name: column[order] for name, column in content[stream.name].items()}
        seen.add(_fingerprint(content))
    assert len(seen) == 1 + len(orders)


@pytest.mark.parametrize("place", range(len(STREAMS)), ids=lambda place: STREAMS[place].name)
def test_a_dropped_or_renamed_or_retyped_column_changes_it(place):
    stream = STREAMS[place]
    seen = {_fingerprint(_content())}
    for name, code in stream.columns[1:]:
        fewer = Stream(stream.name, tuple(column for column in stream.columns if column[0] != name))
        wider = "<i8" if code != "<i8" else "<i4"
        retyped = Stream(stream.name, tuple((n, wider if n == name else c) for n, c in stream.columns))
        for changed in (fewer, retyped, _rename(stream, name, "other")):
            content = _content()
            values = content[stream.name].pop(name)
            for kept in {"other", name} & dict(changed.columns).keys():
                content[stream.name][kept] = values
            seen.add(_fingerprint(content, (*STREAMS[:place], changed, *STREAMS[place + 1 :])))
    assert len(seen) == 1 + 3 * (len(stream.columns) - 1)


def test_streams_that_are_renamed_reordered_or_missing_change_it():
    content = _content()
    first = Stream("others", STREAMS[0].columns)
    content["others"] = content["commands"]
    variants = [STREAMS, STREAMS[1:], STREAMS[::-1], (first, *STREAMS[1:])]
    assert len({_fingerprint(content, streams) for streams in variants}) == len(variants)


def test_any_change_of_the_header_changes_it():
    headers = [
        HEADER, {}, {"agents": ["ben", "anna"], "start_ms": 5}, {"agents": ["anna", "ben"], "start_ms": 6},
        {"agents": ["anna", "ben"], "start": 5}, {**HEADER, "more": None}, {"agents": ["annaben"], "start_ms": 5},
    ]  # fmt: skip
    assert len({_fingerprint(_content(), header=header) for header in headers}) == len(headers)


def test_the_order_of_keys_in_the_header_and_later_changes_of_it_do_not():
    header = {"start_ms": 5, "agents": ["anna", "ben"]}
    journal = Journal(STREAMS, header)
    before = journal.fingerprint()
    assert before == Journal(STREAMS, HEADER).fingerprint()
    header["agents"].append("eve")
    assert journal.fingerprint() == before


def test_it_may_be_taken_at_any_time_without_a_trace():
    journal = Journal(STREAMS, {}, chunk_rows=2)
    once = Journal(STREAMS, {}, chunk_rows=2)
    seen = []
    for value in range(7):
        for target in (journal, once):
            target.append("flows", command=value, period=0, path=1, flow_wh=value, losses_wh=0)
        seen.append(journal.fingerprint())
    assert len(set(seen)) == 7
    assert once.fingerprint() == seen[-1]


def test_the_recipe_is_frozen():
    """A change of these digits breaks every golden run: it needs a new version and a line in the CHANGELOG."""
    journal = Journal([Stream("one", (("seq", "<i8"), ("value", "<i2")))], {"name": "ü"})
    journal.append("one", value=-2)
    seq, value = (hashlib.sha256(data).hexdigest() for data in (bytes(8), b"\xfe\xff"))
    recipe = f'["wattbook journal 1",{{"name":"ü"}},[["one",1,[["seq","<i8","{seq}"],["value","<i2","{value}"]]]]]'
    assert journal.fingerprint() == hashlib.sha256(recipe.encode()).hexdigest()
    assert journal.fingerprint() == "a7d858b28d2b3a4693be3598fc5ca7cc9bcf0ac73ae7ee834d71e3a3056aef5d"


def test_canonical_json_is_one_text_a_value():
    assert canonical_json({"b": [1, (2,)], "a": "ü"}) == '{"a":"ü","b":[1,[2]]}'.encode()
    with pytest.raises(ValueError, match="Out of range float"):
        canonical_json(float("nan"))

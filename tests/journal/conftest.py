"""A small schema, and journals filled over it."""

from __future__ import annotations

import io

import numpy as np
import pytest

from wattbook.journal import Journal
from wattbook.messages import Stream

TICKS = Stream("ticks", (("seq", "<i8"), ("price_tick", "<i8"), ("book", "<i2"), ("flag", "<i1")))
NOTES = Stream("notes", (("seq", "<i8"), ("agent", "<i4")))
HEADER = {"agents": ["anna", "bört"], "start_ms": 1_465_164_000_000}


@pytest.fixture
def schema():
    return (TICKS, NOTES)


@pytest.fixture
def header():
    return dict(HEADER)


@pytest.fixture
def fill():
    """Append `rows` rows of every stream, told by `salt`, in a pattern that covers negative and extreme values."""

    def _fill(journal, rows, salt=0):
        for stream in journal.streams:
            columns = {}
            for place, (name, code) in enumerate(stream.columns[1:]):
                info = np.iinfo(code)
                values = (np.arange(rows, dtype=np.int64) * (place + 3) + salt) % 100 - 50
                values[::5] = info.max
                values[3::7] = info.min
                columns[name] = values
            journal.extend(stream.name, columns)

    return _fill


@pytest.fixture
def written(schema, header, fill):
    """Give the bytes and the fingerprint of a closed journal of `rows` rows a stream, cut into small frames."""

    def _written(rows=10, chunk_rows=4):
        sink = io.BytesIO()
        journal = Journal(schema, header, sink, chunk_rows=chunk_rows)
        fill(journal, rows)
        journal.close()
        return sink.getvalue(), journal.fingerprint()

    return _written

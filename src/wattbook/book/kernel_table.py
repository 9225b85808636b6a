"""The map from order id to row of `orders`, in buckets of a cache line each.

Owns the column `table`. Knows no prices and no queues.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

from typing import Final

from wattbook.book.kernel_columns import H_TABLE_SHIFT, LOW_32, ORDER, Columns
from wattbook.book.kernel_machine import (
    BUCKET,
    BUCKET_BITS,
    BUCKET_MASK,
    inlined,
    lowest_bit,
    places,
    u,
)

TAG: Final = 0x7FFFFFFF
SPREAD: Final = 0x9E3779B1
"""2**32 / golden ratio, odd (Fibonacci hashing); times 31 bits it stays inside int64."""


LAST: Final = 1 << (BUCKET - 1)
"""Bit of a bucket's last place."""


@inlined
def _tag(order: int) -> int:
    return (order ^ (order >> 31)) & TAG


@inlined
def _bucket(b: Columns, tag: int) -> int:
    """First place of the bucket where the search for an id begins; ids in sequence are spread evenly."""
    return (tag * SPREAD & LOW_32) >> b.header[H_TABLE_SHIFT] << BUCKET_BITS


@inlined
def _next_bucket(b: Columns, bucket: int) -> int:
    return (bucket + BUCKET) & (b.table.shape[0] - 1)


@inlined
def _with_tag(b: Columns, bucket: int, tag: int) -> int:
    """Which places of a bucket hold a tag, as bits."""
    return places(b.table, bucket, ~LOW_32, tag << 32)


@inlined
def _with_slot(b: Columns, bucket: int, slot: int) -> int:
    """Which place of a bucket holds an order, as bits; row 0 finds the free places."""
    return places(b.table, bucket, LOW_32, slot)


@inlined
def place_of(b: Columns, order: int) -> int:
    """Place in the table of a resting order, -1 if there is none of this id."""
    tag = _tag(order)
    bucket = _bucket(b, tag)
    while True:
        found = _with_tag(b, bucket, tag)
        while found != 0:
            place = bucket | lowest_bit(found)
            slot = b.table[u(place)] & LOW_32
            if b.orders[u(slot), ORDER] == order and slot != 0:
                return place
            found &= found - 1
        if _with_slot(b, bucket, 0) != 0:
            return -1
        bucket = _next_bucket(b, bucket)


@inlined
def slot_in(b: Columns, place: int) -> int:
    """Row of the order at a place of the table."""
    return b.table[u(place)] & LOW_32


@inlined
def remember(b: Columns, order: int, slot: int) -> None:
    """Enter a resting order in its bucket, or in the next one that has a place."""
    tag = _tag(order)
    bucket = _bucket(b, tag)
    free = _with_slot(b, bucket, 0)
    while free == 0:
        bucket = _next_bucket(b, bucket)
        free = _with_slot(b, bucket, 0)
    b.table[u(bucket | lowest_bit(free))] = tag << 32 | slot


@inlined
def _gone_past(b: Columns, bucket: int, hole: int) -> int:
    """Place in `bucket` of an entry that would have stayed at `hole`, had that been free; -1 if there is none."""
    mask = b.table.shape[0] - 1
    way = (bucket - (hole & ~BUCKET_MASK)) & mask
    for i in range(BUCKET):
        entry = b.table[u(bucket | i)]
        if entry != 0 and ((bucket - _bucket(b, entry >> 32)) & mask) >= way:
            return bucket | i
    return -1


@inlined
def place_of_slot(b: Columns, slot: int) -> int:
    """Place in the table of an order that is there."""
    bucket = _bucket(b, _tag(b.orders[u(slot), ORDER]))
    found = _with_slot(b, bucket, slot)
    while found == 0:
        bucket = _next_bucket(b, bucket)
        found = _with_slot(b, bucket, slot)
    return bucket | lowest_bit(found)


@inlined
def _forget(b: Columns, hole: int) -> None:
    """Empty a place; a full bucket gets back one of those that had to go on to the next ones."""
    bucket = hole & ~BUCKET_MASK
    while _with_slot(b, bucket, 0) == 0:
        bucket = _next_bucket(b, bucket)
        place = _gone_past(b, bucket, hole)
        if place >= 0:
            b.table[u(hole)] = b.table[u(place)]
            hole = place
    b.table[u(hole)] = 0


@inlined
def guess(b: Columns, order: int) -> int:
    """Row of an order that is where it should be, else 0 or another row: good enough to look ahead."""
    tag = _tag(order)
    bucket = _bucket(b, tag)
    found = _with_tag(b, bucket, tag)
    slot = b.table[u(bucket | lowest_bit(found | LAST))] & LOW_32
    return slot if found != 0 else 0


@inlined
def bucket_of(b: Columns, order: int) -> int:
    """First place of the bucket where an order's id is, or will be, if that has room."""
    return _bucket(b, _tag(order))

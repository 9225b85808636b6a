"""A packed block gives back what went in, or says that it is damaged."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wattbook.errors import CorruptError
from wattbook.journal import canonical_json, pack, unpack

_DTYPES = st.sampled_from(["?", "i1", "u1", "<i2", ">i2", "<u4", ">i4", "<i8", ">i8", "<u8", "<f4", "<f8", ">f8"])
_ARRAYS = st.dictionaries(
    st.text(max_size=5), hnp.arrays(_DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(max_size=3), of, max_size=3),
    max_leaves=6,
)


def _same(left, right):
    return left.dtype == right.dtype.newbyteorder("<") and left.shape == right.shape and left.tobytes() == (
        right.astype(right.dtype.newbyteorder("<")).tobytes()
    )  # fmt: skip


@given(_ARRAYS, _JSON)
@settings(deadline=None, max_examples=100)
def test_a_block_gives_back_arrays_and_meta(arrays, meta):
    block = pack(arrays, meta)
    back, back_meta = unpack(block)
    assert back_meta == meta
    assert back.keys() == arrays.keys()
    assert all(_same(back[name], arrays[name]) for name in arrays)
    assert all(array.flags.writeable for array in back.values())
    assert pack(dict(reversed(arrays.items())), meta) == block


def test_slices_and_transposed_arrays_are_packed_by_value():
    grid = np.arange(12).reshape(3, 4)
    back, _ = unpack(pack({"turned": grid.T, "some": grid[::2, ::3]}, None))
    assert back["turned"].tolist() == grid.T.tolist()
    assert back["some"].tolist() == grid[::2, ::3].tolist()


def test_every_flipped_bit_and_every_cut_is_noticed():
    block = pack({"a": np.arange(3), "b": np.zeros((2, 0))}, {"n": 1})
    for bit in range(8 * len(block)):
        damaged = bytearray(block)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptError, match="checkpoint 4"):
            unpack(bytes(damaged), "checkpoint 4")
    for size in range(len(block)):
        with pytest.raises(CorruptError):
            unpack(block[:size])
    with pytest.raises(CorruptError):
        unpack(block + b"\0")


@pytest.mark.parametrize("array", [np.array([object()]), np.array(["text"]), np.array([1j]), np.array([(1,)], "i4,")])
def test_only_plain_numbers_are_packed(array):
    with pytest.raises(AssertionError, match="cannot be packed"):
        pack({"a": array}, None)


def _forged(head, body=b"", size=None):
    block = b"WBPACK\x1a\x01" + struct.pack("<Q", len(head) if size is None else size) + head + body
    return block + hashlib.sha256(block).digest()


@pytest.mark.parametrize(
    "arrays",
    [
        [["a", "|O", [1]]],
        [["a", "<i8", [2]]],
        [["a", "<i8", [-1]]],
        [["a", "<i8", [1 << 62]]],
        [["a", "<i8", [0, 1 << 62, 1 << 62]]],
        [["a", "<i8", [True]]],
        [["a", "<i8", "1"]],
        [["a", "<i8"]],
        [["a", [], [1]]],
        [],
        None,
        7,
    ],
)
def test_a_forged_head_is_refused(arrays):
    with pytest.raises(CorruptError, match="malformed"):
        unpack(_forged(canonical_json({"meta": None, "arrays": arrays}), bytes(8)))


@pytest.mark.parametrize("head", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000])
def test_a_head_that_is_no_head_is_refused(head):
    with pytest.raises(CorruptError, match="malformed"):
        unpack(_forged(head))


def test_a_length_beyond_the_block_is_refused():
    with pytest.raises(CorruptError, match="malformed"):
        unpack(_forged(b"", size=1 << 63))

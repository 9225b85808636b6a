"""Parquet files of whole numbers and of words that repeat, written part by part, at the cost of a copy.

Owns the few pieces of Apache Parquet that a run's tables need, in one fixed form each, so that the same rows always
give the same bytes. A general writer first has to find out what a column is like: it hashes every text and every
number to see which occur again. Here that is known: numbers are written as differences (DELTA_BINARY_PACKED), in
whole bytes; words as places in a list that is written once per group of rows (RLE_DICTIONARY). Nothing is compressed
further. Reads nothing.

Each part that comes in becomes one page of each column; pages are gathered to row groups of `GROUP_ROWS`.

References
----------
Apache Parquet, Format 2.11: file layout and encodings; Apache Thrift, compact protocol, in which its heads are written.
"""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from wattbook.results.columns import Flags, Numbers, Picks, Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.results.columns import Column

    Buffer = bytes | memoryview
    _Page = tuple[bytes, bytes]
    """Head and body."""
    Mask = NDArray[np.bool_]

GROUP_ROWS: Final = 1 << 20
"""Rows after which a row group ends: enough that a city's names, written once for each, weigh little."""
_MAGIC: Final = b"PAR1"
_CREATED_BY: Final = "wattbook"
_BLOCK: Final = 1 << 12
"""Differences that share a width."""
_LEAST_BLOCK: Final = 128
"""Of these the format wants a multiple."""
_FEW_RUNS: Final = 64
"""Runs of equal words are written as runs if there are this many rows to each, or more."""


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


# --- numbers in the compact protocol


def _varint(number: int) -> bytes:
    if number <= 0x7F:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _zigzag(number: int) -> bytes:
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
_TRUE: Final = 1


class _Struct:
    """A Thrift struct while it is written, its fields in rising order."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._last = 0

    def _field(self, number: int, kind: int, data: bytes) -> _Struct:
        self._out.append(number - self._last << 4 | kind)
        self._out += data
        self._last = number
        return self

    def i32(self, number: int, value: int) -> _Struct:
        return self._field(number, _I32, _zigzag(value))

    def i64(self, number: int, value: int) -> _Struct:
        return self._field(number, _I64, _zigzag(value))

    def true(self, number: int) -> _Struct:
        return self._field(number, _TRUE, b"")

    def text(self, number: int, value: str) -> _Struct:
        return self._field(number, _BINARY, _text(value))

    def struct(self, number: int, value: _Struct) -> _Struct:
        return self._field(number, _STRUCT, value.done())

    def list(self, number: int, kind: int, values: list[bytes]) -> _Struct:
        size = len(values)
        head = bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + _varint(size)
        return self._field(number, _LIST, head + b"".join(values))

    def done(self) -> bytes:
        return bytes(self._out) + b"\0"


def _text(value: str) -> bytes:
    data = value.encode()
    return _varint(len(data)) + data


# --- the format's numbers for things

_BOOLEAN, _INT64, _DOUBLE, _BYTE_ARRAY = 0, 2, 5, 6
_PHYSICAL: Final = {"whole": _INT64, "time": _INT64, "real": _DOUBLE, "text": _BYTE_ARRAY, "flag": _BOOLEAN}
_PLAIN, _RLE, _DELTA, _DICTIONARY = 0, 3, 5, 8
_ENCODING: Final[dict[type, int]] = {Numbers: _DELTA, Picks: _DICTIONARY, Flags: _PLAIN}
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_UNCOMPRESSED: Final = 0
_OPTIONAL: Final = 1
_UTF8, _TIMESTAMP_MILLIS = 0, 9


# --- pages


def _runs(codes: NDArray[Any], width: int) -> list[Buffer]:
    """Whole numbers (n,), n > 0, of `width` bits as runs of equal ones, or all packed if they hardly repeat."""
    changed = codes[1:] != codes[:-1]
    changes = np.count_nonzero(changed)
    size = -(-width // 8)
    if changes and (changes + 1) * _FEW_RUNS > len(codes):
        whole = -(-len(codes) // 8)
        return [_varint(whole << 1 | 1), _packed(np.pad(codes, (0, 8 * whole - len(codes))), width)]
    edges = [0, *(np.flatnonzero(changed) + 1).tolist(), len(codes)]
    return [
        _varint(end - begin << 1) + int(codes[begin]).to_bytes(size, "little")
        for begin, end in itertools.pairwise(edges)
    ]


def _packed(codes: NDArray[Any], width: int) -> Buffer:
    """Unsigned numbers (8 n,) of `width` bits, one of `_WIDTHS`, without gaps."""
    if width == 1:
        return np.packbits(codes.astype(np.uint8, copy=False), bitorder="little").data
    if width < 8:
        each = codes.astype(np.uint8, copy=False).reshape(-1, 8 // width)
        out = each[:, 0].copy()
        for place in range(1, 8 // width):
            out |= each[:, place] << np.uint8(place * width)
        return out.data
    return _bytes_of(codes, width // 8)


def _bytes_of(numbers: NDArray[Any], size: int) -> Buffer:
    """Unsigned numbers (n,) as little-endian ones of `size` bytes, which hold them."""
    if size in {1, 2, 4, 8}:
        return numbers.astype(f"<u{size}", copy=False).data
    held = numbers.astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
    out = np.empty((len(held), size), np.uint8)
    for place in range(size):  # a column at a time is three times as fast as a row of few bytes at a time
        out[:, place] = held[:, place]
    return out.reshape(-1).data


_WIDTHS: Final = (1, 2, 4, 8, 16, 24, 32)


def _width_of(words: int) -> int:
    """Bits of a place in a list of so many."""
    return next(width for width in _WIDTHS if words <= 1 << width)


def _deltas(numbers: NDArray[np.int64]) -> list[Buffer]:
    """Whole numbers (n,), n > 0, as the first one and differences, each block of these in as few bytes as it takes."""
    count = len(numbers) - 1
    block = min(_BLOCK, max(1, -(-count // _LEAST_BLOCK)) * _LEAST_BLOCK)
    parts: list[Buffer] = [_varint(block) + _varint(1) + _varint(len(numbers)) + _zigzag(int(numbers[0]))]
    if not count:
        return parts
    # Differences wrap around 64 bits, and so do they when they are added up again.
    steps = np.empty(-(-count // block) * block, np.int64)
    np.subtract(numbers[1:], numbers[:-1], out=steps[:count])
    steps[count:] = steps[count - 1]
    blocks = steps.reshape(-1, block)
    least = blocks.min(axis=1, keepdims=True)
    sizes = [-(-int(spread).bit_length() // 8) for spread in (blocks.max(axis=1) - least[:, 0]).view(np.uint64)]
    blocks -= least
    for low, size, rest in zip(least[:, 0].tolist(), sizes, blocks.view(np.uint64), strict=True):
        parts.append(_zigzag(low) + bytes((8 * size,)))
        if size:
            parts.append(_bytes_of(rest, size))
    return parts


def _levels(valid: Mask | None, rows: int) -> list[Buffer]:
    """Say which of `rows` are there."""
    # As bytes, whose length is that of their content.
    data = [_varint(rows << 1) + b"\1"] if valid is None else list(map(bytes, _runs(valid.view(np.uint8), 1)))
    return [struct.pack("<I", sum(map(len, data))), *data]


def _values(column: Column) -> list[Buffer]:
    """Write the values of `column` that are there."""
    valid = column.valid
    held = column.values if valid is None else column.values[valid]
    if isinstance(column, Picks):
        width = _width_of(len(column.words.entries))
        return [bytes((width,)), *(_runs(held, width) if len(held) else ())]
    if isinstance(column, Flags):
        return [_packed(held, 1)]
    return _deltas(held.astype(np.int64, copy=False)) if len(held) else [_varint(_LEAST_BLOCK) + b"\1\0\0"]


def _data_page(column: Column) -> _Page:
    rows = len(column.values)
    about = _Struct().i32(1, rows).i32(2, _ENCODING[type(column)]).i32(3, _RLE).i32(4, _RLE)
    return _page(_DATA_PAGE, 5, about, b"".join([*_levels(column.valid, rows), *_values(column)]))


_PAGES: Final[WeakKeyDictionary[Words, _Page]] = WeakKeyDictionary()
"""Lists of words as they were written before: every table names the same homes."""


def _dictionary_page(words: Words) -> _Page:
    if words not in _PAGES:
        about = _Struct().i32(1, len(words.entries)).i32(2, _PLAIN)
        _PAGES[words] = _page(_DICTIONARY_PAGE, 7, about, _plain(words))
    return _PAGES[words]


def _plain(words: Words) -> bytes:
    if words.kind == "text":
        length = struct.Struct("<I").pack
        return b"".join([length(len(data)) + data for data in map(str.encode, words.entries)])
    return np.array(words.entries, "<f8" if words.kind == "real" else "<i8").tobytes()


def _page(kind: int, place: int, about: _Struct, body: bytes) -> _Page:
    head = _Struct().i32(1, kind).i32(2, len(body)).i32(3, len(body)).struct(place, about)
    return head.done(), body


# --- the file


class _Chunk(NamedTuple):
    """One column of one row group, as it lies in the file."""

    dictionary_offset: int | None
    data_offset: int
    size: int
    rows: int


class ParquetFile:
    """A table while it is being written.

    Parameters
    ----------
    sink : file
        Opened for writing bytes.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._offset = 0
        self._first: Mapping[str, Column] | None = None
        self._schema: dict[str, tuple[type, str]] = {}
        self._words: dict[str, Words] = {}
        self._pages: dict[str, list[_Page]] = {}
        self._groups: list[list[_Chunk]] = []
        self._rows = 0
        self._put(_MAGIC)

    @property
    def is_empty(self) -> bool:
        """True as long as nothing was added, not even no rows."""
        return not self._schema

    def add(self, part: Mapping[str, Column]) -> None:
        """Take the next rows, which may be none.

        Parameters
        ----------
        part : mapping of str to Column
            All columns, always of the same kinds. Columns of words must always have the same list of them.
        """
        schema = {name: (type(column), _kind(column)) for name, column in part.items()}
        if self.is_empty:
            self._schema, self._first = schema, part
            return
        assert schema == self._schema, "other columns than before"
        self._begin(self._first)
        self._first = None
        self._take(part)

    def _begin(self, first: Mapping[str, Column] | None) -> None:
        if first is not None:
            self._words = {name: column.words for name, column in first.items() if isinstance(column, Picks)}
            self._pages = {name: [] for name in first}
            self._take(first)

    def _take(self, part: Mapping[str, Column]) -> None:
        (rows,) = {len(column.values) for column in part.values()}
        if not rows:
            return
        for name, column in part.items():
            assert not isinstance(column, Picks) or column.words is self._words[name], f"{name}: other words"
            self._pages[name].append(_data_page(column))
        self._rows += rows
        if self._rows >= GROUP_ROWS:
            self._close_group()

    def _put(self, *data: bytes) -> None:
        for each in data:
            self._sink.write(each)
            self._offset += len(each)

    def _close_group(self) -> None:
        if self._rows:
            self._groups.append([self._chunk(name) for name in self._schema])
            self._rows = 0

    def _chunk(self, name: str) -> _Chunk:
        """Write the pages of a column that wait."""
        begin = self._offset
        if name in self._words:
            self._put(*_dictionary_page(self._words[name]))
        data_offset = self._offset
        for page in self._pages[name]:
            self._put(*page)
        self._pages[name].clear()
        return _Chunk(begin if data_offset > begin else None, data_offset, self._offset - begin, self._rows)

    def close(self) -> None:
        """Write what waits, and the foot."""
        if self._first is not None:
            # A city's few balance groups need not carry the names of all its homes.
            few = {
                name: column.fewer() if isinstance(column, Picks) else column for name, column in self._first.items()
            }
            self._begin(few)
        self._close_group()
        foot = self._foot()
        self._put(foot + struct.pack("<I", len(foot)) + _MAGIC)

    def _foot(self) -> bytes:
        root = _Struct().text(4, "schema").i32(5, len(self._schema))
        leaves = [_leaf(name, kind) for name, (_, kind) in self._schema.items()]
        about = _Struct().i32(1, 1).list(2, _STRUCT, [root.done(), *leaves])
        about.i64(3, sum(chunks[0].rows for chunks in self._groups))
        about.list(4, _STRUCT, [self._group(chunks) for chunks in self._groups])
        return about.text(6, _CREATED_BY).done()

    def _group(self, chunks: list[_Chunk]) -> bytes:
        columns = [self._column(name, chunk) for name, chunk in zip(self._schema, chunks, strict=True)]
        size = sum(chunk.size for chunk in chunks)
        return _Struct().list(1, _STRUCT, columns).i64(2, size).i64(3, chunks[0].rows).done()

    def _column(self, name: str, chunk: _Chunk) -> bytes:
        encoder, kind = self._schema[name]
        encodings = [_RLE, _ENCODING[encoder], *([] if chunk.dictionary_offset is None else [_PLAIN])]
        about = _Struct().i32(1, _PHYSICAL[kind]).list(2, _I32, [_zigzag(encoding) for encoding in encodings])
        about.list(3, _BINARY, [_text(name)]).i32(4, _UNCOMPRESSED).i64(5, chunk.rows)
        about.i64(6, chunk.size).i64(7, chunk.size).i64(9, chunk.data_offset)
        if chunk.dictionary_offset is not None:
            about.i64(11, chunk.dictionary_offset)
        return _Struct().i64(2, 0).struct(3, about).done()


def _kind(column: Column) -> str:
    return column.words.kind if isinstance(column, Picks) else column.kind


def _leaf(name: str, kind: str) -> bytes:
    """Describe one column of the schema."""
    about = _Struct().i32(1, _PHYSICAL[kind]).i32(3, _OPTIONAL).text(4, name)
    if kind == "text":
        about.i32(6, _UTF8).struct(10, _Struct().struct(1, _Struct()))
    elif kind == "time":
        milliseconds = _Struct().struct(1, _Struct())
        about.i32(6, _TIMESTAMP_MILLIS).struct(10, _Struct().struct(8, _Struct().true(1).struct(2, milliseconds)))
    return about.done()

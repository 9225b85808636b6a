"""Walk a Parquet file's own book-keeping before anything unpacks it.

A reader trusts the counts and sizes that a file tells of itself: a hundred kilobytes can ask for gigabytes, and one
flipped bit in a page's header for more memory than there is, which ends the process instead of raising. So the footer
and every page header are read first, by the Thrift compact protocol that they are written in, and must agree with each
other. What is packed inside the pages is left to the reader.

References
----------
Apache Parquet format, ``parquet.thrift`` (field numbers below); Thrift compact protocol specification.
"""

from __future__ import annotations

from typing import Any, Final

_MAGIC: Final = b"PAR1"
_TAIL: Final = 8
_WIDEST: Final = 20
"""Bytes that one value and its levels may take: a decimal of 16, and 4."""
_SLACK: Final = 1 << 16

_TRUE, _FALSE, _I8, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
_DICTIONARY_PAGE: Final = 2
_DEEPEST: Final = 16


class _Reader:
    """Reads values of the Thrift compact protocol from `data`, from `at` on; fields keep their type."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def byte(self) -> int:
        """Read one byte."""
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        """Read an unsigned number of up to 64 bits."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # the last one
                return value
        raise ValueError("a number of more than 64 bits")

    def zigzag(self) -> int:
        """Read a signed number."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def skip(self, count: int) -> None:
        """Step over `count` bytes."""
        self.at += count
        if count < 0 or self.at > len(self.data):
            raise ValueError("text that runs out of the file")

    def value(self, kind: int, depth: int) -> Any:
        """Read a value of type `kind`; text and floats are stepped over."""
        if kind in {_I16, _I32, _I64}:
            return self.zigzag()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in {_LIST, _SET}:
            return self.items(depth + 1)
        if kind in {_I8, _DOUBLE, _BINARY}:
            return self.skip({_I8: 1, _DOUBLE: 8}.get(kind) or self.varint())
        if kind in {_TRUE, _FALSE}:
            return kind == _TRUE
        raise ValueError(f"a field of unknown type {kind}")

    def items(self, depth: int) -> list[Any]:
        """Read a list."""
        head = self.byte()
        count, kind = head >> 4, head & 0x0F
        if count == 15:  # the true count follows
            count = self.varint()
        if count > len(self.data) - self.at:
            raise ValueError("a list that runs out of the file")
        if kind in {_TRUE, _FALSE}:
            return [self.byte() == _TRUE for _ in range(count)]
        return [self.value(kind, depth) for _ in range(count)]

    def struct(self, depth: int = 0) -> dict[tuple[int, int], Any]:
        """Read a struct as {(field number, type): value}."""
        if depth > _DEEPEST:
            raise ValueError("structures nested too deeply")
        fields: dict[tuple[int, int], Any] = {}
        number = 0
        while head := self.byte():
            kind = head & 0x0F
            number = number + (head >> 4) if head >> 4 else self.zigzag()
            fields[number, kind] = self.value(kind, depth)
        return fields


def counted_rows(content: bytes, row_limit: int) -> int:
    """Count the rows of a Parquet file whose book-keeping holds.

    Parameters
    ----------
    content : bytes
        The whole file.
    row_limit : int
        Pages are checked only up to this many rows; a file that says it has more is not looked into.

    Raises
    ------
    ValueError
        If counts, sizes or places disagree or leave the file.
    """
    try:
        return _counted(content, row_limit)
    except (KeyError, IndexError, TypeError) as fault:
        raise ValueError(f"its book-keeping breaks off ({fault!r})") from None


def _counted(content: bytes, row_limit: int) -> int:
    """Walk the footer, then each column's pages."""
    if len(content) < 2 * _TAIL or not (content.startswith(_MAGIC) and content.endswith(_MAGIC)):
        raise ValueError("it was cut off, or is something else")
    footer = len(content) - _TAIL - int.from_bytes(content[-_TAIL:-4], "little")
    if footer < len(_MAGIC):
        raise ValueError("its footer is longer than the file")
    file = _Reader(content, footer).struct()
    rows, groups = file[3, _I64], file[4, _LIST]
    if rows > row_limit:
        return int(rows)
    if rows < 0 or rows != sum(group[3, _I64] for group in groups):
        raise ValueError("its groups have other rows than the file")
    for group in groups:
        for chunk in group[1, _LIST]:
            _check_chunk(content[:footer], chunk[3, _STRUCT], group[3, _I64])
    return int(rows)


def _check_chunk(content: bytes, column: dict[tuple[int, int], Any], rows: int) -> None:
    """Walk the pages of one column of one group: sizes add up, and so do values."""
    at = min(column[9, _I64], column.get((11, _I64)) or column[9, _I64])
    end = at + column[7, _I64]
    if rows < 0 or column[5, _I64] != rows or at < len(_MAGIC) or not at <= end <= len(content):
        raise ValueError("a column has other values than its group, or lies outside the file")
    values = unpacked = 0
    while at < end:
        reader = _Reader(content, at)
        page = reader.struct()
        count = _page_values(page)
        packed, size = page[3, _I32], page[2, _I32]
        if not 0 <= count <= rows or packed < 0 or not 0 <= size <= rows * _WIDEST + _SLACK:
            raise ValueError("a page has more values or bytes than its column")
        values += 0 if page[1, _I32] == _DICTIONARY_PAGE else count
        unpacked += size + reader.at - at
        at = reader.at + packed
    if at != end or values != rows or unpacked != column[6, _I64]:
        raise ValueError("the pages of a column have other values or bytes than the column")


def _page_values(page: dict[tuple[int, int], Any]) -> int:
    """Count the values of a page, from the one header it has: data, dictionary, or data of the second version."""
    headers = [page[number, _STRUCT] for number in (5, 7, 8) if (number, _STRUCT) in page]
    if len(headers) != 1:
        raise ValueError("a page without a header of its kind")
    return int(headers[0][1, _I32])

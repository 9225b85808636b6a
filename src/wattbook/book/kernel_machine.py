"""What numba does not offer by itself: arrays at raw addresses, and a few instructions of the machine.

Owns every use of numba's extension interface, and for each a plain Python twin for where numba compiles nothing. Knows
nothing of books.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and functions here return one.

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba import carray, njit, types  # type: ignore[attr-defined]  # carray is public, but not in __all__
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_Function = TypeVar("_Function", bound="Callable[..., Any]")
BUCKET_BITS: Final = 3
BUCKET: Final = 1 << BUCKET_BITS
"""Int64 numbers in a cache line."""
BUCKET_MASK: Final = BUCKET - 1

_NO_WAY_IN: Final[dict[str, Any]] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inlined: Callable[[_Function], _Function] = njit(
    cache=True, nogil=True, forceinline=True, error_model="numpy", **_NO_WAY_IN
)
"""For small functions: division by zero cannot occur there, so nobody looks for it, and only kernels call them, so that
no way in from Python is compiled."""
inlined_too: Callable[[_Function], _Function] = njit(  # type: ignore[assignment]  # a dispatcher, called alike
    cache=True, nogil=True, forceinline=True, error_model="numpy"
)
"""For functions that Python calls as well as kernels. Left to itself the compiler inlines them or not as their sizes
happen to be, and a call that hands over columns by the dozen costs more than most of them do."""
merged = njit(cache=True, nogil=True, inline="always", error_model="numpy")
"""For large functions that one other calls: put into it before anything is compiled, as each that is compiled by itself
is optimised again with everything it calls."""

# --- plain Python


def _python_line(address: int, length: int) -> NDArray[np.int64]:
    """int64 array of shape (length,) at an address."""
    return np.ctypeslib.as_array((ctypes.c_int64 * int(length)).from_address(int(address)))


def _python_view(address: int, rows: int, columns: int) -> NDArray[np.int64]:
    """int64 array of shape (rows, columns) at an address."""
    return _python_line(address, int(rows) * columns).reshape(-1, columns)


def _python_short_view(address: int, rows: int, columns: int) -> NDArray[np.int32]:
    """int32 array of shape (rows, columns) at an address."""
    flat = (ctypes.c_int32 * (int(rows) * columns)).from_address(int(address))
    return np.ctypeslib.as_array(flat).reshape(-1, columns)


def _python_index(index: int) -> int:
    """Promise that an index is not negative: numba need not ask whether it counts from the end."""
    return int(index)


def _python_lowest_bit(mask: int) -> int:
    """Place of the lowest bit that is set; `mask` is not 0."""
    mask = int(mask)
    return (mask & -mask).bit_length() - 1


def _python_prefetch(address: int) -> None:
    """Ask for a cache line, to be read or to be written, without waiting for it."""


def _python_prefetch_at(array: NDArray[np.int64], *place: int) -> None:
    """Ask for the cache line of an element, which must be there, without waiting for it."""


def _python_places(table: NDArray[np.int64], bucket: int, part: int, wanted: int) -> int:
    """Compare ``entry & part == wanted`` for the `BUCKET` entries from place `bucket` at once: a bit for each."""
    return sum((int(table[bucket | i]) & part == wanted) << i for i in range(BUCKET))


# --- compiled: what numba calls to learn the type of an intrinsic and how to generate it


def _to_pointer(typing_context: Any, address: Any) -> Any:  # noqa: ARG001  # numba calls it with both
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


def _count_zeros(typing_context: Any, mask: Any) -> Any:  # noqa: ARG001  # as above
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
        return builder.cttz(arguments[0], cgutils.true_bit)

    return types.int64(types.int64), generate


def _emit_prefetch(builder: Any, place: Any, to_write: int = 0) -> None:
    flag = ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, flag, flag, flag])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
    way, keep, data = flag(to_write), flag(3), flag(1)
    builder.call(function, [builder.bitcast(place, cgutils.voidptr_t), way, keep, data])


def _ask_for_line(typing_context: Any, address: Any) -> Any:  # noqa: ARG001  # as above
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
        _emit_prefetch(builder, builder.inttoptr(arguments[0], cgutils.voidptr_t))
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _ask_to_write(typing_context: Any, address: Any) -> Any:  # noqa: ARG001  # as above
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
        _emit_prefetch(builder, builder.inttoptr(arguments[0], cgutils.voidptr_t), 1)
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _ask_for_element(typing_context: Any, array: Any, *place: Any) -> Any:  # noqa: ARG001  # as above
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        columns = context.make_array(kind)(context, builder, arguments[0])
        row = cgutils.unpack_tuple(builder, arguments[1], kind.ndim)  # type: ignore[no-untyped-call]
        element = cgutils.get_item_pointer(context, builder, kind, columns, row)  # type: ignore[no-untyped-call]
        _emit_prefetch(builder, element)
        return context.get_dummy_value()

    return types.void(array, types.StarArgTuple(place)), generate  # type: ignore[no-untyped-call]


def _compare_bucket(typing_context: Any, table: Any, bucket: Any, part: Any, wanted: Any) -> Any:  # noqa: ARG001  # as above
    lanes = ir.VectorType(ir.IntType(64), BUCKET)
    nothing = ir.Constant(lanes, ir.Undefined)
    lane_0 = ir.Constant(ir.VectorType(ir.IntType(32), BUCKET), [0] * BUCKET)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        at = builder.bitcast(builder.gep(data, [arguments[1]]), lanes.as_pointer())
        masks, goals = (
            builder.shuffle_vector(builder.insert_element(nothing, value, ir.IntType(32)(0)), nothing, lane_0)
            for value in arguments[2:]
        )
        same = builder.icmp_unsigned("==", builder.and_(builder.load(at, align=8), masks), goals)
        return builder.zext(builder.bitcast(same, ir.IntType(BUCKET)), ir.IntType(64))

    return types.int64(table, types.int64, types.int64, types.int64), generate


def _to_columns(typing_context: Any, address: Any, columns: Any, rows: Any, width: Any) -> Any:  # noqa: ARG001  # as above
    kind = types.Array(types.int64, 2, "A")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
        array = context.make_array(kind)(context, builder)
        place, columns, rows, width = arguments
        size = ir.Constant(width.type, 8)
        populate_array(  # type: ignore[no-untyped-call]
            array, data=builder.inttoptr(place, array.data.type), shape=(columns, rows),
            strides=(size, builder.mul(width, size)), itemsize=size, meminfo=None,
        )  # fmt: skip
        return array._getvalue()  # noqa: SLF001  # numba's own way of making a value

    return kind(types.int64, types.int64, types.int64, types.int64), generate


def _to_shelf(typing_context: Any, address: Any, rows: Any, columns: Any, pitch: Any) -> Any:  # noqa: ARG001  # as above
    kind = types.Array(types.int64, 2, "A")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
        array = context.make_array(kind)(context, builder)
        place, rows, columns, pitch = arguments
        size = ir.Constant(pitch.type, 8)
        populate_array(  # type: ignore[no-untyped-call]
            array, data=builder.inttoptr(place, array.data.type), shape=(rows, columns),
            strides=(builder.mul(pitch, size), size), itemsize=size, meminfo=None,
        )  # fmt: skip
        return array._getvalue()  # noqa: SLF001  # numba's own way of making a value

    return kind(types.int64, types.int64, types.int64, types.int64), generate


def _to_shelves(typing_context: Any, address: Any, planes: Any, rows: Any, columns: Any, pitch: Any) -> Any:  # noqa: ARG001  # as above
    kind = types.Array(types.int64, 3, "A")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
        array = context.make_array(kind)(context, builder)
        place, planes, rows, columns, pitch = arguments
        size = ir.Constant(pitch.type, 8)
        populate_array(  # type: ignore[no-untyped-call]
            array, data=builder.inttoptr(place, array.data.type), shape=(planes, rows, columns),
            strides=(builder.mul(columns, size), builder.mul(pitch, size), size), itemsize=size, meminfo=None,
        )  # fmt: skip
        return array._getvalue()  # noqa: SLF001  # numba's own way of making a value

    return kind(types.int64, types.int64, types.int64, types.int64, types.int64), generate


_pointer: Any = intrinsic(_to_pointer)
shelf_at: Any = intrinsic(_to_shelf)
"""Array (rows, columns) at the address of its first row, one row every `pitch` numbers; compiled only."""
shelves_at: Any = intrinsic(_to_shelves)
"""Arrays (planes, rows, columns) that follow each other row by row, see `wattbook.records.shelves`; compiled only."""
columns_at: Any = intrinsic(_to_columns)
"""Columns of records (columns, rows) at the address of the first, `width` numbers a record; compiled only."""


@inlined
def _compiled_line(address: int, length: int) -> NDArray[np.int64]:
    return carray(_pointer(address), (length,), np.int64)


@inlined
def _compiled_view(address: int, rows: int, columns: int) -> NDArray[np.int64]:
    return carray(_pointer(address), (rows, columns), np.int64)


@inlined
def _compiled_short_view(address: int, rows: int, columns: int) -> NDArray[np.int32]:
    return carray(_pointer(address), (rows, columns), np.int32)


@inlined
def cube(address: int, planes: int, rows: int, columns: int) -> NDArray[np.int64]:
    """int64 array of shape (planes, rows, columns) at an address; compiled only, as the three that follow."""
    return carray(_pointer(address), (planes, rows, columns), np.int64)


@inlined
def line_32(address: int, length: int) -> NDArray[np.int32]:
    """int32 array of shape (length,) at an address."""
    return carray(_pointer(address), (length,), np.int32)


@inlined
def line_16(address: int, length: int) -> NDArray[np.int16]:
    """int16 array of shape (length,) at an address."""
    return carray(_pointer(address), (length,), np.int16)


@inlined
def line_8(address: int, length: int) -> NDArray[np.int8]:
    """int8 array of shape (length,) at an address."""
    return carray(_pointer(address), (length,), np.int8)


@inlined
def _compiled_index(index: int) -> Any:
    return np.uint64(index)


IS_COMPILED: Final = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # numba sets its settings at import

line: Callable[[int, int], NDArray[np.int64]] = _compiled_line if IS_COMPILED else _python_line
view: Callable[[int, int, int], NDArray[np.int64]] = _compiled_view if IS_COMPILED else _python_view
short_view: Callable[[int, int, int], NDArray[np.int32]] = _compiled_short_view if IS_COMPILED else _python_short_view
u: Callable[[int], int] = _compiled_index if IS_COMPILED else _python_index
lowest_bit: Any = intrinsic(_count_zeros) if IS_COMPILED else _python_lowest_bit
prefetch: Any = intrinsic(_ask_for_line) if IS_COMPILED else _python_prefetch
prefetch_to_write: Any = intrinsic(_ask_to_write) if IS_COMPILED else _python_prefetch
prefetch_at: Any = intrinsic(_ask_for_element) if IS_COMPILED else _python_prefetch_at
places: Any = intrinsic(_compare_bucket) if IS_COMPILED else _python_places

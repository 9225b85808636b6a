"""Packing and hashing a chunk's columns, compiled: what a frame and a fingerprint take of a run's time.

Owns the machine's instructions for SHA-256 and the packing of columns as they are written. Knows no journal and no
file. Only for processors that have those instructions (`IS_ABLE`): everywhere else `wattbook.journal.binding` does the
same with hashlib and NumPy, and a test holds one against the other.

The instructions of one hash wait for each other, so that one hash at a time leaves most of the processor idle, in any
library. The columns of a chunk are hashes of their own, and so is the link of its frame: four side by side.

References
----------
Secure Hash Standard, FIPS 180-4 (NIST 2015), sections 4.2.2, 5.1.1, 5.3.3 and 6.2. Intel SHA Extensions (Gulley et al.
2013) for the order in which state words lie in the two registers.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and functions here return one.

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Any, Final

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import carray, njit, types  # type: ignore[attr-defined]  # carray is public, but not in __all__
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]
    Words = NDArray[np.uint32]

LANES: Final = 4
"""Hashes at a time."""
BLOCK: Final = 64
"""Bytes that SHA-256 takes at a time."""
STATE: Final = 8
"""Words of 32 bits in a state, kept in the order F E B A, H G D C of the registers."""
_NEEDED: Final = ("sha", "ssse3", "sse4.1")


def _is_able() -> bool:
    """Tell whether numba compiles for this very processor, and it has the instructions."""
    config: Any = numba.config
    if config.DISABLE_JIT or config.CPU_NAME is not None or config.CPU_FEATURES is not None:
        return False
    has = llvmlite.binding.get_host_cpu_features()
    return all(has.get(name, False) for name in _NEEDED)


IS_ABLE: Final = _is_able()


# --- constants: the first 32 bits of the fractional parts of roots of the first primes


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _cube_root_bits(number: int) -> int:
    """32 bits behind the point of a cube root."""
    low, high = 0, 1 << 36
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number << 96 else (low, middle - 1)
    return low & 0xFFFFFFFF


_ROUND: Final = [_cube_root_bits(prime) for prime in _primes(64)]
_A, _B, _C, _D, _E, _F, _G, _H = (isqrt(prime << 64) & 0xFFFFFFFF for prime in _primes(8))
FIRST_STATE: Final = (_F, _E, _B, _A, _H, _G, _D, _C)
IN_ORDER: Final = (3, 2, 7, 6, 1, 0, 5, 4)
"""Where the words A to H lie in a state."""


# --- what numba does not offer


def _to_pointer(typing_context: Any, address: Any) -> Any:  # noqa: ARG001  # numba passes it
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


_I32: Final = ir.IntType(32)
_FOUR: Final = ir.VectorType(_I32, 4)
_SIXTEEN: Final = ir.VectorType(ir.IntType(8), 16)
_GROUPS: Final = 16
"""Of four rounds each."""
_SCHEDULED: Final = 4
"""Groups that take the message as it is; the others take words made of those before."""


def _order(*places: int) -> Any:
    return ir.Constant(ir.VectorType(_I32, len(places)), [_I32(place) for place in places])


_SWAPPED: Final = _order(*(4 * (i // 4) + 3 - i % 4 for i in range(16)))
_SHIFTED: Final = _order(1, 2, 3, 4)
_UPPER: Final = _order(2, 3, 0, 0)


class _Lane:
    """One hash within the compression of a block: its registers and its message words, as LLVM values."""

    def __init__(self, builder: Any, call: Any, state: list[Any], message: list[Any]) -> None:
        self.builder, self.call = builder, call
        self.state = list(state)
        self.words = message

    def group(self, i: int) -> None:
        """Four rounds."""
        builder, words = self.builder, self.words
        if i >= _SCHEDULED:
            shifted = builder.shuffle_vector(words[i - 2], words[i - 1], _SHIFTED)
            partial = builder.add(self.call("msg1", words[i - 4], words[i - 3]), shifted)
            words.append(self.call("msg2", partial, words[i - 1]))
        keyed = builder.add(words[i], ir.Constant(_FOUR, [_I32(k) for k in _ROUND[4 * i : 4 * i + 4]]))
        self.state[1] = self.call("rnds2", self.state[1], self.state[0], keyed)
        upper = builder.shuffle_vector(keyed, keyed, _UPPER)
        self.state[0] = self.call("rnds2", self.state[0], self.state[1], upper)


def _compress(typing_context: Any, states: Any, addresses: Any, blocks: Any) -> Any:  # noqa: ARG001  # as above
    """`LANES` hashes side by side, group by group, so that one computes while the others wait."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def call(name: str, *given: Any) -> Any:
            kind = ir.FunctionType(_FOUR, [_FOUR] * len(given))
            name = f"llvm.x86.sha256{name}"
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), given)  # type: ignore[no-untyped-call]

        kept, sources = (context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 1))
        kept = builder.bitcast(kept, _FOUR.as_pointer())
        cells, messages = [], []
        for lane in range(LANES):
            cells.append([cgutils.alloca_once(builder, _FOUR) for _ in range(2)])  # type: ignore[no-untyped-call]
            for half, cell in enumerate(cells[lane]):
                builder.store(builder.load(builder.gep(kept, [_I32(2 * lane + half)]), align=4), cell)
            address = builder.load(builder.gep(sources, [_I32(lane)]))
            messages.append(builder.inttoptr(address, _SIXTEEN.as_pointer()))
        with cgutils.for_range(builder, arguments[2]) as loop:
            place = builder.mul(loop.index, ir.Constant(loop.index.type, _SCHEDULED))
            lanes = []
            for pair, message in zip(cells, messages, strict=True):
                words = []
                for i in range(_SCHEDULED):
                    at = builder.gep(message, [builder.add(place, ir.Constant(place.type, i))])
                    raw = builder.load(at, align=1)
                    words.append(builder.bitcast(builder.shuffle_vector(raw, raw, _SWAPPED), _FOUR))
                lanes.append(_Lane(builder, call, [builder.load(cell) for cell in pair], words))
            for i in range(_GROUPS):
                for each in lanes:
                    each.group(i)
            for pair, each in zip(cells, lanes, strict=True):
                for cell, after in zip(pair, each.state, strict=True):
                    builder.store(builder.add(builder.load(cell), after), cell)
        for lane, pair in enumerate(cells):
            for half, cell in enumerate(pair):
                builder.store(builder.load(cell), builder.gep(kept, [_I32(2 * lane + half)]), align=4)
        return context.get_dummy_value()

    return types.void(states, addresses, blocks), generate


_pointer: Any = intrinsic(_to_pointer)
_compress_lanes: Any = intrinsic(_compress)
"""(states (LANES, STATE) uint32, addresses (LANES,), blocks): take so many blocks from each address into each state."""


# --- hashing


@njit(cache=True, nogil=True)
def _next_jobs(blocks: Ints, jobs: Ints) -> int:
    """Fill `jobs` (LANES,) with the places of the most of `blocks`, most first, and give how many there are."""
    count = 0
    for i in range(len(blocks)):
        if blocks[i] == 0 or (count == LANES and blocks[i] <= blocks[jobs[LANES - 1]]):
            continue
        count = min(count + 1, LANES)
        place = count - 1
        while place > 0 and blocks[i] > blocks[jobs[place - 1]]:
            jobs[place] = jobs[place - 1]
            place -= 1
        jobs[place] = i
    return count


@njit(cache=True, nogil=True)
def _take_blocks(states: Words, addresses: Ints, blocks: Ints) -> None:
    """Take ``blocks[i]`` blocks from ``addresses[i]`` into ``states[i]``, several at a time, longest first.

    `addresses` and `blocks` are used up. What has no partner left is computed beside lanes whose result is dropped.
    """
    lane_states = np.zeros((LANES, STATE), np.uint32)
    lane_addresses = np.zeros(LANES, np.int64)
    jobs = np.zeros(LANES, np.int64)
    while True:
        count = _next_jobs(blocks, jobs)
        if count == 0:
            return
        for lane in range(LANES):
            job = jobs[min(lane, count - 1)]
            lane_states[lane] = states[job]
            lane_addresses[lane] = addresses[job]
        least = blocks[jobs[count - 1]]
        _compress_lanes(lane_states, lane_addresses, least)
        for lane in range(count):
            job = jobs[lane]
            states[job] = lane_states[lane]
            addresses[job] += least * BLOCK
            blocks[job] -= least


@njit(cache=True, nogil=True)
def absorb(states: Words, pending: Bytes, filled: Ints, addresses: Ints, sizes: Ints) -> None:
    """Take ``sizes[i]`` bytes at ``addresses[i]`` into hash `i`, for k hashes at once.

    Parameters
    ----------
    states : (k, STATE) uint32
    pending : (k, BLOCK) uint8
        Bytes that wait for their block to be full.
    filled : (k,) int64
        How many wait.
    addresses, sizes : (k,) int64
        They are used up.
    """
    hashes = len(sizes)
    full = np.zeros(hashes, np.int64)
    first = np.zeros(hashes, np.int64)
    for i in range(hashes):
        if filled[i] == 0:
            continue
        source = carray(_pointer(addresses[i]), (sizes[i],), np.uint8)
        taken = min(BLOCK - filled[i], sizes[i])
        for place in range(taken):
            pending[i, filled[i] + place] = source[place]
        filled[i] += taken
        addresses[i] += taken
        sizes[i] -= taken
        if filled[i] == BLOCK:
            first[i] = pending[i].ctypes.data
            full[i] = 1
            filled[i] = 0
    _take_blocks(states, first, full)
    for i in range(hashes):
        full[i] = sizes[i] // BLOCK
        sizes[i] -= full[i] * BLOCK
    _take_blocks(states, addresses, full)
    for i in range(hashes):
        source = carray(_pointer(addresses[i]), (sizes[i],), np.uint8)
        for place in range(sizes[i]):
            pending[i, filled[i] + place] = source[place]
        filled[i] += sizes[i]


# --- packing


@njit(cache=True, nogil=True)
def _narrowed(values: Any, target: int, spans: Ints) -> int:
    """Write `values` (n,), signed, as in `wattbook.journal.columns.encode` at the address `target`; give the bytes.

    `spans` (2,) gets the bytes a value and the least value.
    """
    rows = len(values)
    least = np.int64(values[0])
    most = least
    for row in range(rows):
        least = min(least, np.int64(values[row]))
        most = max(most, np.int64(values[row]))
    # Unsigned differences wrap around as they should, even where the signed type could not hold them.
    spread = np.uint64(most) - np.uint64(least)
    place = _pointer(target)
    width = 8
    if spread < np.uint64(1 << 8):
        width = 1
        bytes_of = carray(place, (rows,), np.uint8)
        for row in range(rows):
            bytes_of[row] = np.uint8(np.uint64(values[row]) - np.uint64(least))
    elif spread < np.uint64(1 << 16):
        width = 2
        halves = carray(place, (rows,), np.uint16)
        for row in range(rows):
            halves[row] = np.uint16(np.uint64(values[row]) - np.uint64(least))
    elif spread < np.uint64(1 << 32):
        width = 4
        words = carray(place, (rows,), np.uint32)
        for row in range(rows):
            words[row] = np.uint32(np.uint64(values[row]) - np.uint64(least))
    else:
        longs = carray(place, (rows,), np.uint64)
        for row in range(rows):
            longs[row] = np.uint64(values[row]) - np.uint64(least)
    spans[0], spans[1] = width, least
    return width * rows


@njit(cache=True, nogil=True)
def narrow(addresses: Ints, widths: Ints, rows: int, target: int, spans: Ints) -> int:
    """Write columns narrow at the address `target`, one after the other, and give the number of bytes.

    Parameters
    ----------
    addresses, widths : (k,) int64
        Where each column's `rows` > 0 values lie, and bytes a value: 1, 2, 4 or 8, signed.
    spans : (k, 2) int64
        Gets each column's bytes a value as written, and its least value.
    """
    size = 0
    for i in range(len(addresses)):
        source = _pointer(addresses[i])
        if widths[i] == 8:
            size += _narrowed(carray(source, (rows,), np.int64), target + size, spans[i])
        elif widths[i] == 4:
            size += _narrowed(carray(source, (rows,), np.int32), target + size, spans[i])
        elif widths[i] == 2:
            size += _narrowed(carray(source, (rows,), np.int16), target + size, spans[i])
        else:
            size += _narrowed(carray(source, (rows,), np.int8), target + size, spans[i])
    return size


@njit(cache=True, nogil=True)
def counts_on(column: Ints, first: int) -> bool:
    """Tell whether `column` (n,) counts first, first + 1, first + 2 ..."""
    wrong = 0
    for row in range(len(column)):
        wrong |= column[row] ^ (first + row)
    return wrong == 0

"""Counter-based random draws, keyed by (seed, name, counter).

Owns every random number of the engine. A draw depends on its key alone: never on how many draws others made,
on the order of registration, or on the platform. All arithmetic is on whole numbers, so compiled and plain
Python give the same bits.

References
----------
The mixing step is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA, figure 16), applied to
key + counter x golden gamma; we use it as a keyed hash of the counter rather than as a sequence.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numba
import numpy as np
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15
_MIX_1: Final = 0xBF58476D1CE4E5B9
_MIX_2: Final = 0x94D049BB133111EB

NORMAL_SCALE: Final = 37_837
"""Standard deviation of `normal_units`: sqrt((2**30 - 1) * 4 / 3) of the sum of four centred 15-bit uniforms."""


def key_of(seed: int, *names: str) -> int:
    """Key (63 bits) of the random stream that belongs to `names` under `seed`.

    >>> key_of(7, "home-1") == key_of(7, "home-1") != key_of(8, "home-1")
    True
    """
    digest = hashlib.blake2b("\x1f".join((str(seed), *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def keys_of(seed: int, names: Iterable[str], *words: str) -> NDArray[np.int64]:
    """Keys (n,) of the streams ``key_of(seed, name, *words)`` of many `names`, in about half the time.

    >>> keys_of(7, ["home-1", "home-2"], "days").tolist() == [key_of(7, name, "days") for name in ("home-1", "home-2")]
    True
    """
    before, after = f"{seed}\x1f", "".join(f"\x1f{word}" for word in words)
    blake2b = hashlib.blake2b
    digests = b"".join([blake2b(f"{before}{name}{after}".encode(), digest_size=8).digest() for name in names])
    return (np.frombuffer(digests, "<u8") >> np.uint64(1)).astype(np.int64)


def draws(keys: NDArray[np.int64], counter: int) -> NDArray[np.int64]:
    """Draw ``draw(key, counter)`` for each of `keys` (n,)."""
    # Machine words of arrays wrap, as they should.
    x = keys.astype(np.uint64) + np.uint64(((int(counter) + 1) * _GAMMA) & _MASK)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX_2)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)


def draw(key: int, counter: int) -> int:
    """Draw 63 uniform bits for (`key`, `counter`) in plain Python."""
    # A counter out of an array is a machine word, which must not wrap.
    x = (int(key) + (int(counter) + 1) * _GAMMA) & _MASK
    x = ((x ^ (x >> 30)) * _MIX_1) & _MASK
    x = ((x ^ (x >> 27)) * _MIX_2) & _MASK
    return (x ^ (x >> 31)) >> 1


def _hash64(key: int, counter: int) -> int:
    """Draw what `draw` draws, in wrapping machine words."""
    x = np.uint64(key) + np.uint64(counter + 1) * np.uint64(_GAMMA)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX_2)
    x = x ^ (x >> np.uint64(31))
    return np.int64(x >> np.uint64(1))  # type: ignore[return-value]  # compiled, it is an int


# Without the compiler machine words do not wrap silently, so the plain twin stands in.
_INTERPRETED: Final[bool] = numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # numba sets it when it starts
hash64 = draw if _INTERPRETED else njit(cache=True, nogil=True)(_hash64)


@njit(cache=True, nogil=True)
def normal_units(key: int, counter: int) -> int:
    """Draw an almost normal whole number with mean 0 and standard deviation `NORMAL_SCALE`.

    The sum of four 15-bit uniforms (Irwin-Hall of order 4): bounded at 3.46 standard deviations, which is what
    a forecast error of a home should be, and free of any library function that could differ in its last bit.
    """
    bits = hash64(key, counter)
    total = (bits & 0x7FFF) + ((bits >> 15) & 0x7FFF) + ((bits >> 30) & 0x7FFF) + ((bits >> 45) & 0x7FFF)
    return 2 * total - 4 * 0x7FFF

"""The timing wheel gives the order that a heap gives."""

import heapq

import numba
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from wattbook.world.kernel_wheel import BUCKETS, PLACE, PLACE_BITS, SHIFT, empty_wheel, first_key, put, remove, take

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="the wheel is compiled code")
AGENTS = 9
TURN_MS = BUCKETS << SHIFT


@njit
def put_in(wheel, agent, at):
    put(wheel, agent, at, agent)


@njit
def take_out(wheel, agent):
    remove(wheel, agent)


@njit
def first_of(wheel, until):
    return first_key(wheel, until)


@njit
def take_first(wheel, agent):
    take(wheel, agent)


delays = st.one_of(
    st.integers(0, 5),
    st.integers(0, 5_000),
    st.integers(0, TURN_MS),
    st.sampled_from([TURN_MS // 2, TURN_MS - 1, TURN_MS, TURN_MS + 1, 3 * TURN_MS, 7 * TURN_MS + 12_345]),
)
moves = st.lists(
    st.tuples(st.sampled_from(["put", "take", "take", "remove"]), st.integers(0, AGENTS - 1), delays), max_size=80
)


@settings(max_examples=300, deadline=None)
@given(moves)
def test_a_wheel_is_a_heap(moves):
    wheel = empty_wheel(AGENTS)
    heap, now = {}, 0
    for move, agent, delay in moves:
        if move == "put" and agent not in heap:
            heap[agent] = now + delay
            put_in(wheel, agent, now + delay)
        elif move == "remove" and agent in heap:
            del heap[agent]
            take_out(wheel, agent)
        elif move == "take":
            key = first_of(wheel, 1 << 38)
            expected = heapq.nsmallest(1, ((at, who) for who, at in heap.items()))
            if not expected:
                assert key == -1
                continue
            assert (key >> PLACE_BITS, key & PLACE) == expected[0]
            now, who = expected[0]
            take_first(wheel, who)
            del heap[who]


def test_who_wakes_later_than_asked_is_not_reached():
    wheel = empty_wheel(AGENTS)
    put_in(wheel, 3, 10 << SHIFT)
    assert first_of(wheel, (10 << SHIFT) - 1) == -1
    assert first_of(wheel, 10 << SHIFT) == (10 << SHIFT) << PLACE_BITS | 3

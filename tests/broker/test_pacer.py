"""The pace: found out from refusals, on a clock that is made up."""

import heapq
import math
import random  # noqa: TID251  # jitter of a made-up network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.broker.pacer import Pacer


def make_pacer(answer_s=0.005, max_per_s=1_000.0, longest_pause_s=60.0):
    return Pacer(max_per_s=max_per_s, answer_s=answer_s, longest_pause_s=longest_pause_s)


class Bucket:
    """A server's limit: fills continuously; tells in whole seconds when to come back, or not."""

    def __init__(self, per_s, burst, *, tells=True):
        self.per_s, self.burst, self.tells, self.level, self.at_s = per_s, burst, tells, burst, 0.0

    def refuses(self, now_s):
        self.level = min(self.burst, self.level + (now_s - self.at_s) * self.per_s)
        self.at_s = now_s
        if self.level >= 1:
            self.level -= 1
            return None
        return (math.ceil((1 - self.level) / self.per_s) if self.tells else None,)


class NoLimit:
    def refuses(self, now_s):
        return None


class World:
    """Calls, a pacer and a server, without a network: a refusal is back after `answer_s`, an answer after `latency_s`.

    At most `street` calls are open together; each that is answered makes room for the next.
    """

    def __init__(self, pacer, server, *, calls, answer_s, latency_s=0.3, street=None, jitter_s=0.0):
        self.pacer, self.server, self.answer_s, self.latency_s = pacer, server, answer_s, latency_s
        self.waiting = self.begun = min(calls, street or calls)
        self.calls, self.jitter_s = calls, jitter_s
        self.now_s, self.events, self.order, self.alarm_s = 0.0, [], 0, None
        self.sent = self.refused = self.answered = self.outside = self.deepest = self.row = self.worst = 0
        self.ended_s = 0.0
        self.random = random.Random(3)

    def run(self):
        self.wake()
        while self.events:
            self.now_s, _, happening, given_ = heapq.heappop(self.events)
            happening(given_)
            self.wake()
        assert self.answered == self.calls
        return self

    def at(self, delay_s, happening, given_):
        self.order += 1
        heapq.heappush(self.events, (self.now_s + delay_s, self.order, happening, given_))

    def late_s(self):
        return abs(self.random.gauss(0, self.jitter_s))

    def wake(self):
        if self.waiting and self.alarm_s is None:
            wait_s = self.pacer.wait_s(self.now_s) + self.late_s()
            self.alarm_s = self.now_s + wait_s
            self.at(wait_s, self.let_out, None)

    def let_out(self, _):
        self.alarm_s = None
        while self.waiting and self.pacer.wait_s(self.now_s) <= 0:
            self.waiting -= 1
            self.sent += 1
            self.outside += 1
            self.deepest = max(self.deepest, self.outside)
            self.at(self.answer_s / 2 + self.late_s(), self.arrive, self.pacer.sent(self.now_s))

    def arrive(self, sent):
        refusal = self.server.refuses(self.now_s)
        self.row = self.row + 1 if refusal else 0
        self.worst = max(self.worst, self.row)
        if refusal is None:
            self.at(self.latency_s, self.answer, sent)
        else:
            self.at(self.answer_s / 2, self.refuse, (sent, *refusal))

    def answer(self, _):
        self.outside -= 1
        self.answered += 1
        self.ended_s = self.now_s
        if self.begun < self.calls:
            self.begun += 1
            self.waiting += 1

    def refuse(self, refusal):
        self.outside -= 1
        self.refused += 1
        self.waiting += 1
        self.pacer.refused(self.now_s, *refusal)


def paced(burst, answer_s, jitter_s=0.0, *, per_s=50, calls=500, tells=True):
    """Give the share that was refused, and the time as a multiple of the least."""
    pacer = make_pacer(answer_s)
    world = World(pacer, Bucket(per_s, burst, tells=tells), calls=calls, answer_s=answer_s, jitter_s=jitter_s).run()
    assert pacer.refusals == world.refused
    return world.refused / world.sent, (world.ended_s - world.latency_s) / ((calls - burst) / per_s)


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("jitter_s", [0.0, 0.002])
@pytest.mark.parametrize("answer_s", [0.002, 0.005, 0.02, 0.05])
@pytest.mark.parametrize("burst", [5, 10, 50, 100])
def test_five_hundred_at_once_are_hardly_refused_and_nearly_as_quick_as_can_be(burst, answer_s, jitter_s, tells):
    refused, times_ideal = paced(burst, answer_s, jitter_s, tells=tells)
    assert refused <= 0.02
    assert times_ideal <= 1.2


@pytest.mark.parametrize("answer_s", [0.002, 0.005, 0.02])
def test_a_bucket_for_one_is_found_out_as_well(answer_s):
    refused, times_ideal = paced(1, answer_s)
    assert refused <= 0.02
    assert times_ideal <= 1.2


@pytest.mark.parametrize("burst", [10, 50])
def test_refusals_that_take_long_cost_more_of_them_but_little_time(burst):
    refused, times_ideal = paced(burst, 0.3)
    assert refused <= 0.07
    assert times_ideal <= 1.4


@pytest.mark.parametrize("burst", [5, 50])
@pytest.mark.parametrize("per_s", [0.8, 2, 5, 20, 200])
def test_slow_and_quick_servers_are_found_out(per_s, burst):
    calls = burst + max(40, int(20 * per_s))
    world = World(make_pacer(0.02), Bucket(per_s, burst), calls=calls, answer_s=0.02).run()
    assert world.refused <= 20
    assert world.worst <= 8, "refusals in a row, which may all be of one call"
    assert world.ended_s - 0.3 <= 1.35 * (calls - burst) / per_s


def test_what_was_learnt_lasts():
    refused, times_ideal = paced(50, 0.02, calls=5_000)
    assert refused <= 0.005
    assert times_ideal <= 1.02


@pytest.mark.parametrize("answer_s", [0.002, 0.02])
def test_a_server_without_limits_is_soon_left_alone(answer_s):
    world = World(make_pacer(answer_s), NoLimit(), calls=4_800, answer_s=answer_s, street=200).run()
    assert world.deepest == 200
    assert world.ended_s <= 4_800 / 200 * 0.3 * 1.2


def test_five_hundred_at_once_to_a_server_without_limits_are_soon_out():
    assert World(make_pacer(), NoLimit(), calls=500, answer_s=0.005).run().ended_s <= 0.3 + 1.25


def test_one_stray_refusal_does_not_slow_a_server_without_limits_down_for_long():
    class Stray(NoLimit):
        def refuses(self, now_s):
            self.refused, was = True, getattr(self, "refused", False)
            return None if was else (None,)

    world = World(make_pacer(), Stray(), calls=4_800, answer_s=0.005, street=200).run()
    assert world.refused == 1
    assert world.ended_s <= 4_800 / 200 * 0.3 * 1.6


def test_a_rate_that_was_raised_is_found_out():
    class Raised(Bucket):
        def refuses(self, now_s):
            self.per_s = 50 if now_s < 10 else 400
            return super().refuses(now_s)

    world = World(make_pacer(), Raised(50, 50), calls=4_000, answer_s=0.005).run()
    assert world.ended_s <= 10 + 3_500 / 400 + 25


def test_a_longer_retry_after_stops_everybody():
    pacer = make_pacer()
    sent = pacer.sent(0.0)
    pacer.refused(0.01, sent, 7.0)
    assert pacer.wait_s(0.01) == pytest.approx(7.0)
    assert pacer.wait_s(8.0) == 0


def test_a_second_says_no_more_than_soon():
    pacer = make_pacer()
    pacer.refused(0.01, pacer.sent(0.0), 1.0)
    assert 0 < pacer.wait_s(0.01) < 0.2


def test_refusals_with_nothing_between_them_make_pauses_grow_up_to_the_longest():
    pacer, now_s, pauses = make_pacer(longest_pause_s=5.0), 0.0, []
    for _ in range(12):
        pacer.refused(now_s + 0.01, pacer.sent(now_s), None)
        pauses.append(pacer.wait_s(now_s + 0.01))
        now_s += 0.01 + pauses[-1]
    assert pauses == pytest.approx(sorted(pauses))
    assert 5.0 <= pauses[-1] <= 10.0 + 1e-6


def test_calls_that_were_on_their_way_together_slow_down_once():
    pacer = make_pacer()
    together = [pacer.sent(n / 250) for n in range(20)]
    pacer.refused(0.1, together[10], None)
    slowed = pacer.per_s
    for sent in together[11:]:
        pacer.refused(0.1, sent, None)
    assert pacer.per_s == slowed
    assert pacer.refusals == 10


def test_a_quiet_time_is_not_taken_for_a_slow_server():
    pacer, now_s = make_pacer(), 0.0
    pacer.refused(0.01, pacer.sent(0.0), None)
    for _ in range(300):
        now_s = max(now_s + 0.01, now_s + pacer.wait_s(now_s))
        pacer.sent(now_s)
    before = pacer.per_s
    pacer.refused(now_s + 500.0, pacer.sent(now_s + 500.0), None)
    assert pacer.per_s >= before / 2.1


MOMENTS = st.lists(
    st.tuples(st.floats(0, 2), st.sampled_from(["send", "refuse"]), st.none() | st.floats(0, 1e9)), max_size=80
)


@given(st.floats(1e-4, 2), st.floats(0.5, 2_000), MOMENTS)
def test_whatever_happens_the_pace_stays_within_its_bounds(answer_s, max_per_s, moments):
    pacer = make_pacer(answer_s, max_per_s, longest_pause_s=9.0)
    now_s, out = 0.0, []
    for step_s, what, retry_after_s in moments:
        now_s += step_s
        if what == "send" and pacer.wait_s(now_s) == 0:
            out.append(pacer.sent(now_s))
        elif what == "refuse" and out:
            pacer.refused(now_s, out.pop(0), retry_after_s)
        assert 0 < pacer.per_s <= max_per_s
        assert pacer.wait_s(now_s) <= 10.0 + 1e-6

"""How fast calls may follow each other, found out from what the server refuses.

Nobody tells us the limit of a server. The pacer starts fast, and where nothing is refused it soon stands aside. What is
accepted between two refusals, over the time between them, is what the server lets through: at both ends its bucket was
empty. So after a refusal the rate becomes what was measured, instead of half of what it was, and rises slowly from
there. Owns no clock, no queue and no connection: each moment is given to it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

_FEW: Final = 8
"""Accepted calls between two refusals, below which they tell nothing about the rate."""
_PATIENCE: Final = 200
"""Calls that go out at the first rate before it rises: more than most servers let through in one go."""
_STEP: Final = 50
_SLACK_S: Final = 0.01
"""What a sender that wakes late may catch up; after a longer break it starts afresh."""
_IDLE_S: Final = 0.1
"""After a longer break what was accepted tells how much was asked for, not how much would have been let through."""
_FIRST_PAUSE_S: Final = 0.06
_SLOW_PER_S: Final = 80.0
_FAST_PER_S: Final = 250.0
"""The first rate lies between the slow and the fast one."""
_SEARCH_PER_S: Final = 10.0
_LEAST_PER_S: Final = 0.1
_UNSURE: Final = 4.0
"""Calls on their way, at the first rate, before a refusal of the first of them could be back."""
_UNSURE_SEARCHING: Final = 1.5
_HEADROOM: Final = 1.25
_CLIMB_S: Final = 15.0
_CLIMB_S_PER_CALL: Final = 0.1
_DOUBLING_S: Final = 3.0
_SOME: Final = 10.0
"""Calls that it takes, on a slow server, to see what became of a change."""
_DOUBLING_UNMEASURED_S: Final = 2.0


class Sent(NamedTuple):
    """A call that went out.

    Attributes
    ----------
    serial : int
        Counts what went out.
    at_s : float
        When.
    per_s : float
        Rate at which calls went out then.
    """

    serial: int
    at_s: float
    per_s: float


class _Phase(Enum):
    """What the rate does while nothing is refused."""

    OPEN = auto()
    """Nothing was refused yet: doubles after a number of calls."""
    SEARCH = auto()
    """After the first refusal: starts low and doubles as soon as a refusal would have come back."""
    CLIMB = auto()
    """Rises in a line to the ceiling, and doubles every few seconds beyond it."""


class Pacer:
    """The rate of all calls to one server.

    Additive increase while nothing is refused, multiplicative decrease to what was measured, at most once per round
    trip: of the calls that were on their way together only the first refusal counts.

    Parameters
    ----------
    max_per_s : float
        Never faster than this.
    answer_s : float
        How long a refusal takes to come back, as far as is known at the start.
    longest_pause_s : float
        A pause is never longer, whatever a server asks for.

    Attributes
    ----------
    per_s : float
        Rate now.
    refusals : int
        All that were counted, those of one round trip included.
    """

    def __init__(self, *, max_per_s: float, answer_s: float, longest_pause_s: float) -> None:
        self._max_per_s = max_per_s
        self._answer_s = max(answer_s, 0.001)
        self._longest_pause_s = longest_pause_s
        self.per_s = min(max_per_s, max(_SLOW_PER_S, min(_FAST_PER_S, _UNSURE / self._answer_s)))
        self.refusals = 0
        self._phase = _Phase.OPEN
        self._ceiling_per_s = max_per_s
        self._slope = 0.0
        self._doubling_s = _DOUBLING_UNMEASURED_S
        self._free_s = float("-inf")
        self._last_s = float("-inf")
        self._serial = 0
        self._cut = 0
        self._cut_s = 0.0
        self._was_idle = False
        self._fruitless = 0

    def wait_s(self, now_s: float) -> float:
        """Tell how long the next call has to wait."""
        return max(0.0, self._free_s - now_s)

    def sent(self, now_s: float) -> Sent:
        """Note that a call goes out."""
        self._serial += 1
        if self._serial == 1:
            self._cut_s = now_s
        else:
            self._grow(min(now_s - self._last_s, 2 / self.per_s))
        late_s = now_s - self._free_s
        self._was_idle |= late_s > _IDLE_S
        self._free_s = (now_s if late_s > _SLACK_S else self._free_s) + 1 / self.per_s
        self._last_s = now_s
        return Sent(self._serial, now_s, self.per_s)

    def refused(self, now_s: float, sent: Sent, retry_after_s: float | None) -> None:
        """Note that the server would not take a call now, and when it says it will."""
        self.refusals += 1
        if sent.serial <= self._cut:
            self._pause(now_s, retry_after_s)
            return
        self._answer_s = min(1.0, max(0.001, (self._answer_s + now_s - sent.at_s) / 2))
        accepted = sent.serial - self._cut - 1
        self._fruitless = 0 if accepted else self._fruitless + 1
        self._slow_down(sent, accepted)
        self._cut, self._cut_s, self._was_idle = self._serial, now_s, False
        self._pause(now_s, retry_after_s)

    def _grow(self, elapsed_s: float) -> None:
        if self._phase is _Phase.OPEN:
            if self._serial >= _PATIENCE and self._serial % _STEP == 0:
                self.per_s = min(self._max_per_s, 2 * self.per_s)
        elif self._phase is _Phase.SEARCH:
            self.per_s = min(self._ceiling_per_s, self.per_s * 2 ** min(1.0, elapsed_s / (2 * self._answer_s)))
            if self.per_s >= self._ceiling_per_s:
                self._phase = _Phase.CLIMB
        elif self.per_s < self._ceiling_per_s:
            self.per_s += self._slope * elapsed_s
        else:
            self.per_s = min(self._max_per_s, self.per_s * 2 ** (elapsed_s / self._doubling_s))

    def _slow_down(self, sent: Sent, accepted: int) -> None:
        if self._phase is _Phase.OPEN:
            self._phase = _Phase.SEARCH
            self._ceiling_per_s = min(sent.per_s, max(_SLOW_PER_S, _UNSURE_SEARCHING / self._answer_s))
            self.per_s = min(_SEARCH_PER_S, sent.per_s / 2)
            return
        self._phase = _Phase.CLIMB
        if accepted < _FEW or self._was_idle:
            self.per_s, self._ceiling_per_s = max(_LEAST_PER_S, sent.per_s / 2), sent.per_s
        else:
            measured = accepted / (sent.at_s - self._cut_s)
            self.per_s = min(sent.per_s, measured)
            self._ceiling_per_s = min(sent.per_s, _HEADROOM * measured)
        some_calls_s = _SOME / self.per_s
        self._doubling_s = max(_DOUBLING_S, some_calls_s)
        climb_s = max(1.0, some_calls_s, min(_CLIMB_S, accepted * _CLIMB_S_PER_CALL))
        self._slope = max(0.0, self._ceiling_per_s - self.per_s) / climb_s

    def _pause(self, now_s: float, retry_after_s: float | None) -> None:
        """Let nothing out for a while.

        A second is the least that a server can ask for in whole seconds, and most mean much less by it; only what is
        longer is taken at its word.
        """
        own_s = _FIRST_PAUSE_S * 2 ** min(self._fruitless, 20)
        asked_s = retry_after_s if retry_after_s is not None and retry_after_s > 1 else 0.0
        self._free_s = max(self._free_s, now_s + min(self._longest_pause_s, max(own_s, asked_s)))

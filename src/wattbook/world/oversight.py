"""The regulator's process: when it looks, and how what it says reaches the market.

Owns the moments. What it sees comes out of the journal alone, through its view; what it decides goes to the market as
commands.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from wattbook.errors import PolicyError, RunEndedError
from wattbook.messages import FOREVER
from wattbook.regulator import Feed, Known, Office, Rules, look, moments_of
from wattbook.regulator.judging import MOST_STEPS, Verdict
from wattbook.world.clock import Alarm, Rank

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    import simpy

    from wattbook.market import Market
    from wattbook.oversight import Sanction
    from wattbook.regulator import Case
    from wattbook.regulator.judging import Judge


class _Guarded:
    """A judge that fails in one way only.

    Parameters
    ----------
    judge : callable
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    def begin(self, case: Case) -> None:
        """Tell it of a finding when its thinking time begins."""
        begin = getattr(self.judge, "begin", None)
        if begin is not None:
            self._asked(begin, case)

    def __call__(self, case: Case) -> list[Sanction] | Verdict:
        """Ask it."""
        answer: list[Sanction] | Verdict = self._asked(self._answer, case)
        return answer

    def _answer(self, case: Case) -> list[Sanction] | Verdict:
        answer = self.judge(case)
        return answer if isinstance(answer, Verdict) else list(islice(answer, MOST_STEPS))

    def _asked(self, question: Callable[[Case], Any], case: Case) -> Any:
        try:
            return question(case)
        except RunEndedError:
            raise
        except (Exception, SystemExit, GeneratorExit) as error:
            raise PolicyError(f"the regulator's judge failed at finding {case.number}: {error}") from error


class Oversight:
    """The regulator of one street.

    Parameters
    ----------
    market : Market
        Of a street that has one.
    judge : callable, optional

    Attributes
    ----------
    counts : (1,) int64
        Moments so far.
    """

    def __init__(self, market: Market, judge: Judge | None = None) -> None:
        header = market.journal.header
        rules = Rules.of(header["regulator"]["rules"])
        self.market, self.office = market, Office(Known.of(header), rules, None if judge is None else _Guarded(judge))
        self.moments = moments_of(rules, market.street.start_ms, market.street.end_ms)
        self.counts = np.zeros(1, np.int64)
        streams = {stream.name for stream in market.journal.streams}
        self.feeds = {watches: Feed(self.office.streams(watches=watches), streams) for watches in (False, True)}

    def process(self, env: simpy.Environment) -> Generator[simpy.Event, None, None]:
        """Look at each moment, and say what becomes due in between."""
        while (at_ms := min(self._next_ms, self.office.next_due_ms)) <= self.market.street.end_ms:
            yield Alarm(env, at_ms, Rank.OVERSIGHT)
            for command in self.office.due(at_ms):
                self.market.apply(command)
            while self._next_ms <= at_ms:
                self._look(*self.moments[int(self.counts[0])])
                self.counts[0] += 1

    @property
    def _next_ms(self) -> int:
        place = int(self.counts[0])
        return self.moments[place][0] if place < len(self.moments) else FOREVER

    def _look(self, now_ms: int, watches: bool) -> None:
        feed = self.feeds[watches]
        feed.fetch(self.market.journal)
        for command in look(self.office, feed, now_ms, watches=watches):
            self.market.apply(command)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it; the journal is read up to its end."""
        for feed in self.feeds.values():
            feed.fetch(self.market.journal)
        return {
            "office": self.office.export(),
            "feeds": [feed.export() for _, feed in sorted(self.feeds.items())],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave; the journal begins anew."""
        self.office.restore(state["office"])
        for (_, feed), told in zip(sorted(self.feeds.items()), state["feeds"], strict=True):
            feed.restore(told)

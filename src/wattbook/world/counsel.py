"""When utilities and producers ask a language model, and when what it answers takes effect.

Once for each day-ahead session: the answer is there at the first moment at which anything is signed, offered or priced
after the session before, and it was asked for one thinking time earlier. A session before which there is no time to
think is left to the rules. What is asked, and what an answer means, is `wattbook.policies.language`' business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.messages import SELL
from wattbook.policies.language.days import Day, Voice, week_end
from wattbook.policies.language.utility import Quote
from wattbook.units import MS_PER_DAY
from wattbook.world.clock import Alarm, Rank

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    import simpy

    from wattbook.policies.wholesale import Offered
    from wattbook.world.wholesale_day import WholesaleDay

DAYS_BACK: Final = 3
"""Days of spot prices that are shown."""


class Turn(NamedTuple):
    """One day that is thought about: when, and which periods."""

    asked_ms: int
    taken_ms: int
    first: int
    periods: int


class Counsel:
    """Those of one wholesale market that ask a language model.

    Parameters
    ----------
    day : WholesaleDay
    voices : mapping of int to Voice
        By agent.
    thinking_ms : int
    """

    def __init__(self, day: WholesaleDay, voices: Mapping[int, Voice], thinking_ms: int) -> None:
        self.day, self.voices, self.thinking_ms = day, voices, thinking_ms
        self.market, self.street, self.wholesale = day.market, day.street, day.wholesale
        turns = self._turns()
        # What was asked earlier is heard before anything is asked anew.
        self.moments = sorted(
            [(turn.taken_ms, 0, turn) for turn in turns] + [(turn.asked_ms, 1, turn) for turn in turns]
        )
        self.done = 0
        day.heard = {agent: {} for agent in voices if agent not in self.wholesale.generation.plant_of}

    def process(self, env: simpy.Environment) -> Generator[simpy.Event, None, None]:
        """Hear and ask at each moment, what was asked earlier first."""
        while self.done < len(self.moments):
            at_ms, asks, turn = self.moments[self.done]
            yield Alarm(env, at_ms, Rank.COUNSEL)
            for agent in self.day.order:
                if agent in self.voices and not self.market.town.quarantined[agent]:
                    self._speak(agent, turn, at_ms, asks=bool(asks))
            self.done += 1

    def _turns(self) -> list[Turn]:
        """Find for each session the first moment at which its plan is needed, and there has been time to think."""
        rules, gateway = self.wholesale.rules, self.wholesale.gateway
        times = {at_ms for at_ms, _, _ in rules.sessions} | set(rules.desk_ms)
        if rules.retail is not None:
            times |= {at_ms for at_ms, _, _ in rules.retail.times}
        if gateway is not None:
            times |= set(gateway.rules.times)
        earliest_ms, before_ms = self.street.start_ms + self.thinking_ms, self.street.start_ms - 1
        turns = []
        for at_ms, first, periods in rules.sessions:
            taken = [moment for moment in times if max(before_ms + 1, earliest_ms) <= moment <= at_ms]
            if taken:
                turns.append(Turn(min(taken) - self.thinking_ms, min(taken), first, periods))
            before_ms = at_ms
        return turns

    def _speak(self, agent: int, turn: Turn, now_ms: int, *, asks: bool) -> None:
        seen = self._seen(agent, turn, now_ms)
        if asks:
            self.voices[agent].ask(seen)
        else:
            self.day.minds[agent] = self.voices[agent].take(seen)

    # --- what is seen

    def _seen(self, agent: int, turn: Turn, now_ms: int) -> Day:
        first, period_ms = turn.first, self.street.period_ms
        end = week_end(first, turn.periods, period_ms, self.street.periods)
        foresight, rules = self.day.foresight, self.wholesale.rules
        over = min(max((now_ms - self.street.start_ms) // period_ms, 0), self.street.periods)
        back = max(0, over - DAYS_BACK * MS_PER_DAY // period_ms)
        day = Day(
            own=foresight.own(agent, first, end, now_ms),
            public=foresight.public(first, end, now_ms),
            periods=min(turn.periods, end - first),
            past_tick=self.wholesale.spot_tick[back:over].copy(),
            fines=self._fines(agent),
        )
        plant = self.wholesale.generation.plant_of.get(agent)
        if plant is not None:
            capacity_w = int(self.wholesale.generation.fleet.capacity_w(now_ms)[plant])
            building = None if rules.upgrades[plant] is None else self.day.building_of(agent, now_ms)
            return day._replace(capacity_w=capacity_w, building=building)
        return self._utility(agent, turn, day)

    def _utility(self, agent: int, turn: Turn, day: Day) -> Day:
        rules, retail = self.wholesale.rules, self.wholesale.retail
        span = slice(turn.first, turn.first + turn.periods)
        tariff = self.street.retail_tick[agent, span]
        shop = None
        if retail is not None and agent in retail.places:
            shop = self.day.shop_of(agent, turn.first, turn.periods)
        return day._replace(
            shop=shop,
            retail_tick=int(tariff.sum()) // max(1, len(tariff)),
            quotes=self._quotes(agent, day.own.now_ms),
            quota_ppm=rules.quota_ppm[agent] if rules.quota_ppm else 0,
            quota_met_ppm=self.wholesale.quota_met_ppm(agent),
        )

    def _quotes(self, agent: int, now_ms: int) -> tuple[Quote, ...]:
        """Give the cheapest of what each supplier asks now, or asked in the last session, by supplier."""
        desk = self.wholesale.desk
        if desk is None:
            return ()
        renewable, specs = desk.terms.renewable, desk.terms.specs
        cheapest: dict[int, Offered] = {}
        for offer in (*self.day.heard[agent].values(), *self.day.offers_to(agent, now_ms)):
            if offer.side == SELL and offer.maker != agent:
                known = cheapest.setdefault(offer.maker, offer)
                cheapest[offer.maker] = min(known, offer, key=lambda each: (each.price_tick, each.number))
        return tuple(
            Quote(maker, offer.price_tick, maker in renewable or specs[offer.spec].bundled, offer.quantity)
            for maker, offer in sorted(cheapest.items())
        )

    def _fines(self, agent: int) -> int:
        enforcement = self.market.enforcement
        if enforcement is None:
            return 0
        return sum(amount for number, amount in enforcement.fined.items() if enforcement.findings[number][0] == agent)

"""Weeks at a scenario's desk: one journal whatever drives it, through cascades, calls, defaults and clock changes."""

import importlib.util
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import numba
import numpy as np
import pytest

from wattbook import ContractDesk, LocalMarket, Scenario, consumer, eur_per_mwh, kw, minutes, producer, utility
from wattbook.contracts import Event, Kind, Verb
from wattbook.market.replaying import replay
from wattbook.messages import BUY, SELL
from wattbook.policies.wholesale import Orders, Say

_FILE = Path(__file__).parent / "wholesale_strangers.py"
_SPEC = importlib.util.spec_from_file_location("wholesale_strangers", _FILE)
strangers = importlib.util.module_from_spec(_SPEC)
sys.modules.setdefault("wholesale_strangers", strangers)
_SPEC.loader.exec_module(strangers)

compiled_only = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is one engine only without the compiler")
SEEDS = range(24)
HOUR_MS = 3_600_000


@cache
def lived(seed):
    world = strangers.world_of(strangers.draft_of_a_week(seed), seed)
    world.run()
    return world


def rows_of(world, *events):
    rows = world.journal.read("contracts")
    mine = np.isin(rows["event"], events)
    return {name: column[mine] for name, column in rows.items()}


def test_weeks_at_random_have_everything_in_them():
    seen, kinds, starts = Counter(), set(), set()
    for seed in SEEDS:
        world = lived(seed)
        rows = world.journal.read("contracts")
        desk = world.market.wholesale.desk
        seen.update(Event(event).name for event in rows["event"].tolist())
        gone = rows["event"] == Event.CASCADED
        kinds |= {desk.terms.specs[spec].kind for spec in rows["spec"][gone].tolist()}
        if gone.any():
            starts.add(world.street.periods)
        signed = rows["spec"][rows["event"] == Event.SIGNED]
        seen["WEEK_SIGNED"] += sum("-W" in desk.terms.specs[spec].name for spec in signed.tolist())
    assert kinds == {Kind.FUTURE_PHYSICAL, Kind.FUTURE_CASH}
    assert starts == {8 * 24 - 1, 8 * 24, 8 * 24 + 1}
    for event in ("CASCADED", "WEEK_SIGNED", "CALLED", "CALL_PAID", "DEFAULTED", "CLOSED_OUT", "TORN_UP"):
        assert seen[event] >= 5, (event, seen[event])


@compiled_only
@pytest.mark.parametrize("seed", [0, 5, 10, 16, 20])
def test_engines_and_threads_give_the_same_journal(seed):
    scenario = strangers.draft_of_a_week(seed)
    right = lived(seed).journal.fingerprint()
    for engine, threads in (("interpreted", None), ("processes", None), ("population", 2)):
        world = strangers.world_of(scenario, seed, engine, threads)
        world.run()
        assert world.journal.fingerprint() == right, (engine, threads)


@pytest.mark.parametrize("seed", SEEDS)
def test_replaying_the_commands_gives_the_journal(seed):
    world = lived(seed)
    journal = world.journal
    assert replay(world.street, journal.header, journal.read("commands")).fingerprint() == journal.fingerprint()
    assert not world.market.wholesale.desk.house.positions
    assert int(world.market.ledger.balance.sum()) == 0


@pytest.mark.parametrize("seed", [2, 16])
def test_the_order_in_which_agents_are_listed_does_not_matter(seed):
    scenario = strangers.draft_of_a_week(seed)
    world = strangers.world_of(strangers.changed(scenario, agents=list(scenario.agents)[::-1]), seed)
    world.run()
    assert world.journal.fingerprint() == lived(seed).journal.fingerprint()


@pytest.mark.parametrize("seed", [0, 16, 20])
def test_a_world_restored_around_the_cascade_goes_on_the_same(seed):
    scenario, whole = strangers.draft_of_a_week(seed), lived(seed)
    monday_ms = whole.market.wholesale.desk.terms.trading_ends_ms(int(rows_of(whole, Event.CASCADED)["spec"][0]))
    for at_ms in (monday_ms - 1, monday_ms, monday_ms + HOUR_MS - 1, monday_ms + HOUR_MS, monday_ms + HOUR_MS + 1):
        first, second = (strangers.world_of(scenario, seed) for _ in range(2))
        first.run(until_ms=at_ms)
        second.restore(first.checkpoint())
        second.run()
        assert second.checkpoint() == whole.checkpoint(), at_ms - monday_ms


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed % 4 < 3])
def test_a_week_keeps_its_energy_in_every_hour_and_goes_as_it_begins(seed):
    world = lived(seed)
    terms, street = world.market.wholesale.desk.terms, world.street
    rows = rows_of(world, Event.CASCADED, Event.CASCADED_INTO)
    energy = {}
    names = ("event", "time_ms", "buyer", "seller", "spec", "quantity_wh")
    for event, at_ms, buyer, seller, place, wh in zip(*(rows[name].tolist() for name in names), strict=True):
        spec, agent = terms.specs[place], max(buyer, seller)
        lots, rest = divmod(wh, spec.lot_wh)
        assert rest == 0
        sign = (1 if event == Event.CASCADED else -1) * (1 if buyer >= 0 else -1)
        held = energy.setdefault(agent, np.zeros(street.periods, np.int64))
        held[spec.first_period : spec.past_period] += sign * lots * np.array(spec.profile_wh)
        if event == Event.CASCADED:
            assert at_ms == terms.trading_ends_ms(place) + street.period_ms
            assert spec.parts
    assert not any(held.any() for held in energy.values())


@dataclass(frozen=True)
class Keeper:
    """Posts or takes one lot of the first long contract that it sees, once; writes down what it is shown."""

    side: int = BUY
    name: ClassVar[str] = "keeper"
    seen: ClassVar[list] = []

    def at_desk(self, own, public, desk, draw):
        self.seen.append((self.side, own, desk))
        weeks = [spec for spec in desk.specs if "-W" in spec.name]
        if self.side == SELL and weeks and not desk.lots and not desk.offered:
            return [Say(Verb.POST, weeks[0].place, 0, SELL, 5_000, 2, 10**8)]
        posts = [offer for offer in desk.offered if offer.side == SELL and self.side == BUY]
        return [Say(Verb.TAKE, -1, offer.number, 0, offer.price_tick, 2) for offer in posts]

    def day_ahead(self, own, public, draw):
        return Orders(*[np.zeros(0, np.int64)] * 4)

    def invest(self, own, building, draw):
        return 0


@pytest.mark.parametrize("contracts", ["future", "cash-future", "forward", "cfd"])
@pytest.mark.parametrize("opens", ["00:00", "10:00"])
def test_a_mind_sees_what_it_holds_of_a_week_before_and_after_it_begins(contracts, opens):
    Keeper.seen.clear()
    prices = {"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(70)}
    scenario = Scenario(
        start="2016-06-04", days=9, timezone="Europe/Berlin", local=LocalMarket(period=minutes(60)), baseline=False,
        agents=[consumer("home"), utility("blue", persona=Keeper(BUY), **prices),
                producer("oil", "oil", kw(900), persona=Keeper(SELL), outages=False)],
        wholesale=ContractDesk(spans=["day", "week"], profiles=["base"], contracts=contracts, opens=opens, green=False,
                               rounds=2, lot=kw(10)),
    )  # fmt: skip
    world = strangers.world_of(scenario, 1)
    world.run()
    desk = world.market.wholesale.desk
    monday_ms = next(desk.terms.trading_ends_ms(s) for s, spec in enumerate(desk.terms.specs) if "-W" in spec.name)
    after = [(own, view) for side, own, view in Keeper.seen if side == BUY and own.now_ms >= monday_ms]
    assert len(after) >= 12
    place = {spec.name: number for number, spec in enumerate(desk.terms.specs)}
    days = {place[name] for name in place if name.startswith("base-2016-06-") and name > "base-2016-06-05"}
    for own, view in after:
        last = own.first + len(own.need_wh)
        expected = np.where(np.arange(own.first, last) < 9 * 24, 20_000, 0)
        physical = contracts in ("future", "forward")
        np.testing.assert_array_equal(own.contracted_wh, expected if physical else 0)
        # What no contract that can still be signed tells of, `fixed_wh` does.
        told = sum(2 * spec.profile_wh.sum() for spec in view.specs if view.lots.get(spec.place))
        assert (0 if physical else told) + view.fixed_wh.sum() == (0 if physical else expected.sum())
        if "future" in contracts:
            assert set(view.lots) <= days, "a future is its days' from then on"
            assert set(view.lots.values()) <= {2}
            assert own.lots == view.lots
        else:
            assert view.lots == {place["base-2016-W23"]: 2}

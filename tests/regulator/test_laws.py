"""The laws of the regulator: caps, one sanction an offence, no foresight, money, relabelling, thresholds."""

from collections import Counter, defaultdict
from dataclasses import fields, replace

import numpy as np
import pytest
from benchmarks.islands import island, known_of, record_of
from hypothesis import given, settings
from hypothesis import strategies as st
from places import PLACES, journal_of, world_of

from wattbook.messages import Action, Cause, House, streams_of
from wattbook.oversight import Item, Rule
from wattbook.regulator import RECORD, Known, Rules, inspect, whole
from wattbook.regulator.detectors import TERMS

SAID = frozenset(
    int(action) for action in Action if Action.FIND <= action <= Action.COLLAR
)  # fmt: skip
THRESHOLDS = tuple(field.name for field in fields(TERMS[Rule.GOUGING]) if field.name != "reference")


@st.composite
def villains(draw):
    """An island of some hours, one or two of whose plants ask far too much, each now and then."""
    count, periods = draw(st.integers(2, 4)), draw(st.integers(1, 5))
    capacity = draw(st.lists(st.integers(20, 90), min_size=count, max_size=count))
    reference = draw(st.lists(st.integers(0, 12_000), min_size=count, max_size=count))
    asks = st.lists(st.sampled_from((0, 3_000, 20_000, 90_000)), min_size=periods, max_size=periods)
    offer = {row: reference[row] + np.array(draw(asks)) for row in draw(st.sets(st.integers(0, count - 1), max_size=2))}
    need = max(1, sum(capacity) - draw(st.integers(0, 40)))
    before_eur = draw(st.sampled_from((0, 20, 2_000)))
    return island(capacity, reference, need, offer_tick=offer, turnover_eur=before_eur, periods=periods)


def rules_of(place, **given):
    """Rules with a review at the end of each period, and of gouging alone."""
    moments = tuple(known_of(place).start_of(period + 1) for period in range(place.periods))
    return Rules(**({"review_ms": moments, "terms": {Rule.GOUGING: TERMS[Rule.GOUGING]()}} | given))


def offences(said):
    """Agent and period of each."""
    agents = [c.order for c in said if c.action == Action.FIND]
    return [(agents[c.order], c.quantity_wh) for c in said if c.action == Action.EVIDENCE and c.book == Item.OFFENCE]


def kept(said):
    """Findings and fines by agent, without numbers."""
    agents = [c.order for c in said if c.action == Action.FIND]
    return sorted((agents[c.order], c.time_ms, c.price_tick, c.quantity_wh) for c in said if c.action == Action.FINE)


# --- R1 and R2


@settings(max_examples=150)
@given(villains(), st.sampled_from((0, 1, 300, 1_000)), st.sampled_from((0, 20_000, 150_000)), st.data())
def test_r1_fines_beyond_gains_keep_the_cap_per_offence_and_the_rolling_cap(place, cap_eur, turnover_ppm, data):
    window_ms = data.draw(st.sampled_from((3_600_000, 7_200_000, 10**12)))
    rules = rules_of(
        place, cap_per_offence=cap_eur * 10**8, turnover_ppm=turnover_ppm, window_ms=window_ms, punitive_ppm=10**6,
    )  # fmt: skip
    said = inspect(known_of(place), rules, record_of(place))
    count = Counter(c.order for c in said if c.action == Action.EVIDENCE and c.book == Item.OFFENCE)
    turnover = {c.order: c.quantity_wh for c in said if c.action == Action.EVIDENCE and c.book == Item.TURNOVER}
    agents = [c.order for c in said if c.action == Action.FIND]
    paid = defaultdict(list)
    for fine in (c for c in said if c.action == Action.FINE):
        assert fine.quantity_wh <= rules.cap_per_offence * count[fine.order]
        rows = paid[agents[fine.order]]
        rows.append((fine.time_ms, fine.quantity_wh))
        lately = sum(amount for at_ms, amount in rows if at_ms > fine.time_ms - window_ms)
        # What fell out of the window lowers the turnover, too: then nothing more is fined, and nothing is given back.
        assert fine.quantity_wh == 0 or lately * 10**6 <= turnover[fine.order] * turnover_ppm


@settings(max_examples=100)
@given(villains())
def test_r2_one_offence_is_found_once_and_one_finding_is_fined_once(place):
    said = inspect(known_of(place), rules_of(place), record_of(place))
    assert max(Counter(offences(said)).values(), default=0) <= 1
    for action in (Action.FINE, Action.MITIGATE):
        assert max(Counter(c.order for c in said if c.action == action).values(), default=0) <= 1


# --- R3 and R5: no foresight, and the record alone


def cut(record, until_ms):
    """Leave out of a record what can be seen later."""
    return {
        name: {key: column[rows["visible_ms"] <= until_ms] for key, column in rows.items()}
        for name, rows in record.items()
    }


def of_journal(journal):
    """What a regulator knows, goes by and can see of a finished journal."""
    header = journal.header
    names = [stream.name for stream in streams_of(header)]
    return Known.of(header), Rules.of(header["regulator"]["rules"]), whole(RECORD, journal, names)


def said_in(journal):
    """What the regulator said in a run, as it stands in the commands."""
    rows = journal.read("commands")
    mine = (rows["agent"] < 0) & np.isin(rows["action"], list(SAID))
    return list(zip(*(rows[name][mine].tolist() for name in rows if name != "seq"), strict=True))


@pytest.mark.parametrize("name", PLACES)
def test_r5_the_record_alone_gives_all_that_was_said_in_a_run(name):
    journal = journal_of(name)
    said = [tuple(int(each) for each in command) for command in inspect(*of_journal(journal))]
    assert said == said_in(journal)
    assert said, "there is something to say"


@pytest.mark.parametrize("name", PLACES)
@settings(max_examples=6)
@given(data=st.data())
def test_r3_what_comes_later_changes_no_decision_of_before(name, data):
    known, rules, record = of_journal(journal_of(name))
    end_ms = known.start_of(known.periods)
    until_ms = data.draw(st.integers(known.start_ms, end_ms) | st.sampled_from(rules.review_ms))
    before = [command for command in inspect(known, rules, record) if command.time_ms <= until_ms]
    assert inspect(known, rules, cut(record, until_ms), until_ms) == before
    assert inspect(known, rules, record, until_ms) == before


@settings(max_examples=100)
@given(villains(), st.integers(0, 5 * 3_600_000))
def test_r3_holds_on_records_drawn_at_random(place, after_ms):
    known, rules, record = known_of(place), rules_of(place, hearing_ms=4_000_000), record_of(place)
    until_ms = known.start_ms + after_ms
    before = [command for command in inspect(known, rules, record) if command.time_ms <= until_ms]
    assert inspect(known, rules, cut(record, until_ms), until_ms) == before


# --- R6: money


@pytest.mark.parametrize("name", PLACES)
def test_r6_fines_less_refunds_are_what_the_treasury_has(name):
    world = world_of(name)
    world.run()
    rows = world.journal.read("postings")
    treasury = world.market.account(House.TREASURY)
    of_treasury = rows["account"] == treasury
    moved = {cause: int(rows["amount"][of_treasury & (rows["cause"] == cause)].sum()) for cause in Cause}
    sanctions = world.journal.read("sanctions")
    assert moved[Cause.FINE] == int(sanctions["amount"].sum()) > 0
    assert -moved[Cause.REFUND] <= int(sanctions["disgorged"].sum())
    assert int(world.market.ledger.balance[treasury]) == sum(moved.values())
    assert moved[Cause.FINE] + moved[Cause.REFUND] + moved[Cause.ROUNDING] == sum(moved.values())
    assert int(world.market.ledger.balance.sum()) == 0


@settings(max_examples=100)
@given(villains(), st.booleans())
def test_r6_gains_that_are_taken_back_go_to_those_who_paid_too_much_to_the_last_quantum(place, to_consumers):
    said = inspect(known_of(place), rules_of(place, to_consumers=to_consumers), record_of(place))
    back = Counter()
    for command in said:
        if command.action == Action.REFUND:
            back[command.order] += command.quantity_wh
    for fine in (c for c in said if c.action == Action.FINE):
        assert back[fine.order] == (fine.price_tick if to_consumers else 0)


# --- R7 and R8


@settings(max_examples=100)
@given(villains(), st.randoms(use_true_random=False))
def test_r7_other_names_give_the_same_decisions_under_other_names(place, random):
    row = list(range(place.producers))
    random.shuffle(row)
    order, renamed = np.argsort(row), np.array([*row, place.producers])
    other = replace(
        place, capacity_w=place.capacity_w[order], reference_tick=place.reference_tick[order],
        turnover=place.turnover[order], offer_tick=place.offer_tick[order], sold_ahead_wh=place.sold_ahead_wh[order],
    )  # fmt: skip
    record = record_of(place)
    relabelled = {
        name: rows | ({"agent": renamed[rows["agent"]]} if "agent" in rows else {}) for name, rows in record.items()
    }
    rules = rules_of(place)
    mine, theirs = inspect(known_of(place), rules, record), inspect(known_of(other), rules, relabelled)
    assert kept(theirs) == sorted((int(renamed[agent]), *rest) for agent, *rest in kept(mine))
    assert sorted(offences(theirs)) == sorted((int(renamed[agent]), key) for agent, key in offences(mine))


@settings(max_examples=150)
@given(villains(), st.sampled_from(THRESHOLDS), st.integers(0, 40_000))
def test_r8_a_stricter_threshold_only_takes_findings_away(place, name, step):
    # A record that stands, and nothing mitigated in it: what is found does not change what there is to find.
    usual = TERMS[Rule.GOUGING]()
    harder = replace(usual, **{name: getattr(usual, name) + (-10 * step if name == "rsi_ppm" else step)})
    counts = []
    for terms in (usual, harder):
        rules = rules_of(place, review_ms=(place.end_ms,), terms={Rule.GOUGING: terms})
        counts.append(set(offences(inspect(known_of(place), rules, record_of(place)))))
    assert counts[1] <= counts[0]


def test_r8_can_fail():
    place = island([80, 30, 20], [10_000, 11_000, 12_000], 100, offer_tick={0: 30_000})
    for terms, expected in ((TERMS[Rule.GOUGING](), [(0, 0)]), (TERMS[Rule.GOUGING].never(), [])):
        said = inspect(known_of(place), rules_of(place, terms={Rule.GOUGING: terms}), record_of(place))
        assert offences(said) == expected

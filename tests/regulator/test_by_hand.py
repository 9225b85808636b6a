"""What the regulator says of markets drawn at random is what plain Python makes of the same numbers."""

import by_hand
import numpy as np
from benchmarks.islands import as_scenario, island, known_of, record_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wattbook.messages import Action
from wattbook.oversight import Item, Rule
from wattbook.regulator import Rules, inspect
from wattbook.regulator.detectors import TERMS

KW = 1_000
MOST_TICK = 400_000


@st.composite
def islands(draw, *, same=False, ahead=True):
    """An island of two to five plants; `same` in all its periods, as a run can have it."""
    count, periods = draw(st.integers(2, 5)), draw(st.integers(1, 3))
    capacity = draw(st.lists(st.integers(1, 90), min_size=count, max_size=count))
    # Few prices, so that there are ties, kinks and allowances that are just kept.
    cost = st.sampled_from((-1_000, 0, 800, 1_000, 3_000, 10_000, 10_001, 11_000, 40_000))
    mark_up = st.sampled_from((0, 0, 1, 2_400, 2_500, 2_501, 9_999, 10_000, 10_001, 20_000, 150_000))

    def series(each):
        found = draw(st.lists(each, min_size=1 if same else periods, max_size=1 if same else periods))
        return found * (periods if same else 1)

    reference = [series(cost) for _ in range(count)]
    offer = {row: [min(a + b, MOST_TICK) for a, b in zip(reference[row], series(mark_up), strict=True)]
             for row in range(count)}  # fmt: skip
    link_kw, total = draw(st.sampled_from((0, 0, 10, 60))), sum(capacity)
    sold = (
        {row: draw(st.integers(0, kw - 1)) for row, kw in enumerate(capacity)} if ahead and draw(st.booleans()) else {}
    )
    committed = sum(sold.values())
    least = max(committed, int(same))
    need = series(st.integers(least, total + 30) | st.sampled_from((least, total)))
    return island(
        capacity, reference, need, offer_tick=offer, sold_ahead_kw=sold, periods=periods, link_wh=link_kw * KW,
        turnover_eur=draw(st.sampled_from((0, 5, 5_000))),
        outside_tick=series(st.sampled_from((-500, 4_000, 12_000, 90_000))),
    )  # fmt: skip


def hours_of(place, order=None):
    """The island in plain numbers."""
    tables = (place.reference_tick, place.offer_tick, place.sold_ahead_wh)
    return [
        by_hand.Hour(
            list(zip(place.capacity_w.tolist(), *(table[:, p].tolist() for table in tables), strict=True)),
            int(place.demand_wh[p]), link_wh=place.link_wh, outside_tick=int(place.outside_tick[p]),
            fee_tick=place.link_tick, order=order,
        )
        for p in range(place.periods)
    ]  # fmt: skip


def expected(place, order=None):
    """By agent: (period, gain, overcharge, harm) of each offence, and the fine."""
    hours, out = hours_of(place, order), {}
    for who, before in enumerate(place.turnover.tolist()):
        offences = [(p, *each) for p, hour in enumerate(hours) if (each := hour.judge(who)) is not None]
        if offences:
            out[who] = offences, by_hand.fine(hours, who, before)
    return out


def told(agents, items, values, fines):
    """The same out of what was said: findings' agents, lines by finding, fines by finding."""
    out = {}
    for number, who in enumerate(agents):
        mine = [(item, value) for of, item, value in zip(items[0], items[1], values, strict=True) if of == number]
        parts = [[value for item, value in mine if item == wanted]
                 for wanted in (Item.OFFENCE, Item.GAIN, Item.OVERCHARGE, Item.HARM)]  # fmt: skip
        out[who] = list(zip(*parts, strict=True)), fines.get(number, (0, 0))
    return out


def by_the_record(place):
    rules = Rules(review_ms=(place.end_ms,), terms={Rule.GOUGING: TERMS[Rule.GOUGING]()})
    said = inspect(known_of(place), rules, record_of(place))
    lines = [c for c in said if c.action == Action.EVIDENCE]
    return told(
        [c.order for c in said if c.action == Action.FIND],
        ([c.order for c in lines], [c.book for c in lines]),
        [c.quantity_wh for c in lines],
        {c.order: (c.price_tick, c.quantity_wh) for c in said if c.action == Action.FINE},
    )


def by_the_run(run):
    findings, lines, fines = (run.record.streams[name] for name in ("findings", "evidence", "sanctions"))
    money = zip(*(fines[name].tolist() for name in ("finding", "kind", "amount", "disgorged")), strict=True)
    return told(
        findings["agent"].tolist(),
        (lines["finding"].tolist(), lines["item"].tolist()),
        lines["value"].tolist(),
        {number: (gain, amount - gain) for number, kind, amount, gain in money if kind == 3},
    )


@settings(max_examples=150)
@given(islands())
def test_findings_and_fines_are_those_of_plain_python(place):
    assert record_of(place)["spot"]["price_tick"].tolist() == [hour.price for hour in hours_of(place)]
    assert by_the_record(place) == expected(place)


@settings(max_examples=6)
@given(islands(same=True, ahead=False))
@example(island([1, 1], [-1_000, -1_000], 1, offer_tick={0: 8_999, 1: 8_999}))  # the one whose ask came first sells
def test_a_whole_run_says_the_same(place):
    run = as_scenario(place, hours=place.periods).run(7)
    rows = run.record.streams["commands"]
    asked = rows["agent"][(rows["action"] == Action.OFFER) & (rows["agent"] < place.producers)].tolist()
    assert by_the_run(run) == expected(place, list(dict.fromkeys(asked)))


def test_of_the_islands_drawn_a_part_holds_offences():
    counts = np.zeros(2, np.int64)

    @settings(max_examples=300, database=None, derandomize=True)
    @given(islands())
    def tally(place):
        counts[:] += (1, bool(expected(place)))

    tally()
    assert counts[0] // 10 < counts[1] < counts[0] // 2

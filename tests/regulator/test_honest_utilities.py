"""Utilities and producers of shipped scenarios, watched by the five rules; and what their energy costs, twice."""

import dataclasses

import numpy as np
import pytest

from wattbook.messages import Cause
from wattbook.oversight import Item, Rule
from wattbook.regulator import RECORD, Known, Played, whole
from wattbook.regulator.detectors import DETECTORS, TERMS
from wattbook.regulator.retail_books import RetailBooks
from wattbook.scenario.loading import load_scenario

RULES = (
    Rule.RETAIL_MARK_UP, Rule.DEFAULT_TARIFF_CAP, Rule.EMERGENCY, Rule.SYSTEMATIC_IMBALANCE, Rule.QUOTA_BREACH,
)  # fmt: skip
OF_ENERGY = (Cause.SPOT, Cause.IMBALANCE, Cause.DELIVERY, Cause.VARIATION, Cause.PREMIUM, Cause.PENALTY)


class Finished:
    """The journal of a run that is over, as a source of rows."""

    def __init__(self, run):
        self.streams = run.record.streams

    def count(self, stream):
        return len(self.streams[stream]["seq"])

    def since(self, stream, seq, only):
        return {name: self.streams[stream][name][seq:] for name in only}


@pytest.fixture(scope="module", params=["seed-1", "seed-2"])
def seed(request):
    """Name, place and record of three days, and the money that moved."""
    scenario = load_scenario(request.param).with_values({"days": "3", "regulator": "observer"})
    run = scenario.run(seed=7)
    source = Finished(run)
    return request.param, Known.of(run.record.header), whole(RECORD, source, source.streams.keys()), source.streams


def findings_of(rule, known, record, reviews_ms, terms=None):
    detector = DETECTORS[rule](known, terms or TERMS[rule]())
    feed = Played(record).feed({name: RECORD[name] for name in detector.streams})
    found = []
    for at_ms in reviews_ms:
        for stream, rows in feed.upto(at_ms):
            detector.read(stream, rows)
        found += detector.review(at_ms)
    return found


@pytest.mark.parametrize("rule", RULES)
def test_nobody_is_found_but_who_bought_itself_out(seed, rule):
    """With contracts, blue and red sign no shares of output and so cover nothing of their quotas: that is a breach."""
    name, known, record, _ = seed
    days = [known.start_of(period) for period in range(96, known.periods + 1, 96)]
    found = findings_of(rule, known, record, days)
    expected = ["blue", "red"] if (name, rule) == ("seed-1", Rule.QUOTA_BREACH) else []
    assert [known.names[finding.agent] for finding in found] == expected
    assert all({line.item: line.value for line in each.evidence}[Item.SHARE_PPM] == 0 for each in found)


@pytest.mark.parametrize("rule", RULES)
def test_an_observer_finds_nobody(seed, rule):
    _, known, record, _ = seed
    assert findings_of(rule, known, record, [known.start_of(known.periods)], TERMS[rule].never()) == []


def test_what_energy_costs_is_what_was_paid_for_it(seed):
    """Contracts that were signed ahead are all delivered by the end: then both ways of counting must agree."""
    _, known, record, streams = seed
    books = RetailBooks(dataclasses.replace(known, feed_in_tick=np.zeros_like(known.feed_in_tick)))
    for stream in books.streams:
        if stream in record:
            books.read(stream, record[stream])
    sold, postings = books.settled(), streams["postings"]
    of_energy = np.isin(postings["cause"], OF_ENERGY)
    for agent in known.suppliers.tolist():
        paid = -int(postings["amount"][of_energy & (postings["account"] == agent)].sum())
        counted = sum(each.cost for each in sold if each.agent == agent)
        # Each row that settles a future rounds what it had cost to a whole 1e-8 EUR.
        assert abs(counted - paid) <= 10_000
        assert paid > 10**10


def test_the_same_tariffs_are_found_where_less_is_allowed(seed):
    """A third on top of the cost, and 50 EUR/MWh in any case: all of them ask more than that."""
    _, known, record, _ = seed
    terms = dataclasses.replace(TERMS[Rule.RETAIL_MARK_UP](), share_ppm=333_333, least_tick=5_000, most_tick=10_000)
    found = findings_of(Rule.RETAIL_MARK_UP, known, record, [known.start_of(known.periods)], terms)
    assert [known.names[finding.agent] for finding in found] == ["blue", "green", "red"]
    assert all(len(finding.offences) >= 100 for finding in found)

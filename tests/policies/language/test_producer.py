"""A producer: shares, a mark-up, an upgrade where one may be built."""

import json

import pytest
from language_views import PRODUCER

from wattbook.policies.language.observing import NOBODY
from wattbook.policies.language.producer import ProducerPlan, observe, read

PLAIN = {"output_share": 75, "offer_level": 2, "contract_share": 50, "upgrade": "none", "rationale": ""}


def plan(view=PRODUCER, **changes):
    return read({**PLAIN, **changes}, view, NOBODY)


def test_shares_and_mark_up_are_told_in_millionths():
    assert plan() == ProducerPlan(output_ppm=750_000, mark_up_ppm=100_000, forward_ppm=500_000, build_w=0)


@pytest.mark.parametrize(
    ("upgrade", "most", "built"),
    [("small", 100_000_000, 30_000_000), ("small", 7, 7), ("large", 100_000_000, 100_000_000)],
)
def test_a_small_upgrade_is_a_tenth_and_a_large_one_all_that_it_may(upgrade, most, built):
    assert plan(view=PRODUCER._replace(most_w=most), upgrade=upgrade).build_w == built


@pytest.mark.parametrize("changes", [{"building": True}, {"most_w": 0}, {"most_w": -1}], ids=str)
@pytest.mark.parametrize("upgrade", ["small", "large"])
def test_where_none_may_be_built_an_upgrade_cannot_be_ordered(changes, upgrade):
    view = PRODUCER._replace(**changes)
    assert plan(view=view, upgrade=upgrade) is None
    assert plan(view=view).build_w == 0


def test_money_is_shown_in_whole_euro():
    seen = json.loads(observe(PRODUCER, 0)[0])
    assert (seen["cost_per_kw_eur"], seen["yearly_per_kw_eur"], seen["kind"]) == (800, 92, "gas")

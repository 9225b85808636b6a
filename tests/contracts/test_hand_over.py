"""Guarantees that are sold by themselves: whose they are, what was paid, and that none is used twice (E6)."""

from collections import Counter

import numpy as np
import pytest
from bank import Bank, spec
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import Laws

from wattbook.contracts import Code, Desk, DeskError, DeskTerms, Event, Kind, LegCause, Verb

MWH = 1_000_000
EUR_PER_MWH = 100
PERIODS = 12


def output(first=0, profile=(0,) * PERIODS):
    return spec("output", Kind.PPA, first, profile)


def a_bank(*, issued=5, certificate_periods=10_000, **given):
    """Agent 0 has the wind, and has fed in `issued` MWh."""
    bank = Bank(output(), renewable=(0,), certificate_periods=certificate_periods, **given)
    if issued:
        bank.deliver(0, meters={0: issued * MWH})
    return bank


def hand(bank, seller, buyer, count, price_tick=5_000):
    return bank.post(bank.desk.hand_over(bank.now_ms, seller, buyer, count, price_tick))


def holds(bank, *agents):
    return [bank.desk.certificates.held(agent) for agent in agents]


def test_guarantees_and_money_change_hands():
    bank = a_bank()
    answer = hand(bank, 0, 1, 3)
    assert answer.code == Code.OK
    assert holds(bank, 0, 1) == [2, 3]
    # 3 MWh at 50 EUR/MWh.
    assert bank.got(1, LegCause.GUARANTEE) == -150 * 10**8
    assert bank.got(0, LegCause.GUARANTEE) == 150 * 10**8
    assert {leg.account for leg in answer.legs} == {0, 1}
    (row,) = answer.rows
    assert (row.event, row.contract, row.buyer, row.seller, row.spec) == (Event.CERTIFICATES_MOVED, 0, 1, 0, 0)
    assert (row.price_tick, row.quantity_wh, row.amount) == (5_000, 3 * MWH, -150 * 10**8)


def test_the_oldest_go_first_run_by_run():
    bank = a_bank(issued=2)
    bank.deliver(1, meters={0: 2 * MWH})
    answer = hand(bank, 0, 2, 3)
    assert [(row.contract, row.spec, row.quantity_wh // MWH) for row in answer.rows] == [(0, 0, 2), (2, 1, 1)]
    assert [row.amount for row in answer.rows] == [-2 * 5_000 * MWH, -5_000 * MWH]
    assert bank.got(2) == -bank.got(0) == -3 * 5_000 * MWH
    assert bank.desk.certificates.holdings == {0: [(3, 1, 1)], 2: [(0, 2, 0), (2, 1, 1)]}


def test_what_was_bought_can_be_sold_on_and_retired_once():
    bank = a_bank()
    hand(bank, 0, 1, 5)
    hand(bank, 1, 2, 4, 7_000)
    assert holds(bank, 0, 1, 2) == [0, 1, 4]
    assert bank.got(1) == (4 * 7_000 - 5 * 5_000) * MWH
    assert bank.do(2, Verb.RETIRE, lots=4).code == Code.OK
    assert bank.do(2, Verb.RETIRE, lots=1).code == Code.NO_CERTIFICATES
    assert hand(bank, 2, 0, 1).code == Code.NO_CERTIFICATES
    assert bank.desk.certificates.ended == 4


def test_a_vintage_keeps_its_end_whoever_holds_it():
    bank = a_bank(certificate_periods=3)
    hand(bank, 0, 1, 2)
    bank.deliver(1)
    bank.deliver(2)
    assert holds(bank, 0, 1) == [3, 2]
    bank.deliver(3)
    assert holds(bank, 0, 1) == [0, 0]
    assert sum(row.quantity_wh for row in bank.of(Event.CERTIFICATES_EXPIRED)) == 5 * MWH


def test_a_price_of_zero_moves_no_money_and_one_below_pays_the_buyer():
    bank = a_bank()
    assert hand(bank, 0, 1, 1, 0).legs == ()
    assert hand(bank, 0, 1, 1, -100).code == Code.OK
    assert bank.got(1, LegCause.GUARANTEE) == 10**8
    assert holds(bank, 1) == [2]


@pytest.mark.parametrize(
    ("seller", "buyer", "count", "code"),
    [
        (0, 1, 0, Code.QUANTITY_NOT_POSITIVE), (0, 1, -1, Code.QUANTITY_NOT_POSITIVE), (0, 1, 6, Code.NO_CERTIFICATES),
        (0, 1, 1 << 28, Code.NO_CERTIFICATES), (1, 0, 1, Code.NO_CERTIFICATES), (0, 0, 1, Code.SELF_DEALING),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(seller, buyer, count, code):
    bank = a_bank()
    before = bank.desk.export()
    answer = hand(bank, seller, buyer, count)
    assert (answer.code, answer.rows, answer.legs) == (code, (), ())
    assert bank.desk.export() == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seller": 4}, "agents 0 .. 3"), ({"buyer": -1}, "agents 0 .. 3"), ({"seller": 0.0}, "whole number"),
        ({"buyer": "1"}, "whole number"), ({"count": 1.0}, "whole number"), ({"count": True}, "whole number"),
        ({"price_tick": 5_000.0}, "whole number"), ({"price_tick": 1 << 43}, "more than"),
        ({"price_tick": -(1 << 43)}, "more than"), ({"count": 1 << 40}, "more than"),
        ({"time_ms": 0}, "never goes back"),
    ],
)  # fmt: skip
def test_a_callers_mistake_raises_and_changes_nothing(given, said):
    bank = a_bank()
    before = bank.desk.export()
    values = {"time_ms": bank.now_ms, "seller": 0, "buyer": 1, "count": 1, "price_tick": 5_000} | given
    with pytest.raises(DeskError, match=said):
        bank.desk.hand_over(**values)
    assert bank.desk.export() == before


def test_a_guarantee_may_cost_more_than_energy():
    bank = a_bank()
    price_tick = bank.desk.terms.edge_tick + 1
    assert hand(bank, 0, 1, 2, price_tick).code == Code.OK
    assert bank.got(0) == 2 * price_tick * MWH


def test_numbers_of_numpy_are_taken_as_what_they_are():
    bank = a_bank()
    now_ms, seller, buyer, count, price = (np.int64(value) for value in (bank.now_ms, 0, 1, 2, 5_000))
    bank.post(bank.desk.hand_over(now_ms, seller, buyer, count, price))
    assert Desk.restore(bank.desk.export()).fingerprint() == bank.desk.fingerprint()
    assert all(type(value) is int for row in bank.rows for value in row)


def test_what_a_quota_still_takes_counts_what_was_retired_and_never_falls_below_zero():
    bank = a_bank()
    certificates = bank.desk.certificates
    # 30 % of 10 MWh + 1 Wh are a Wh more than 3 MWh: 4 guarantees.
    assert [certificates.missing(0, 10 * MWH + more, 300_000) for more in (0, 1)] == [3, 4]
    bank.do(0, Verb.RETIRE, lots=2)
    assert certificates.missing(0, 10 * MWH, 300_000) == 1
    bank.do(0, Verb.RETIRE, lots=3)
    assert certificates.missing(0, 10 * MWH, 300_000) == 0
    assert certificates.missing(1, 0, 300_000) == 0


def test_a_quota_is_covered_by_what_was_bought_just_before():
    bank = a_bank()
    hand(bank, 0, 1, 3, 6_000)
    answer = bank.post(bank.desk.comply(bank.now_ms, 1, 0, 10 * MWH, 300_000, 6_000))
    assert [row.event for row in answer.rows] == [Event.CERTIFICATES_RETIRED, Event.COMPLIED]
    assert holds(bank, 1) == [0]


def test_a_bundled_guarantee_that_was_sold_is_owed_until_there_is_another():
    """Who has sold its guarantees before the bundle could take them still owes them."""
    bundled = spec("bundle", Kind.FORWARD, 1, (MWH,) * 4, bundled=True)
    bank = Bank(bundled, agents=3, renewable=(0,))
    bank.trade(1, 0, 5_000, spec=0)
    bank.deliver(0, meters={0: MWH})
    hand(bank, 0, 2, 1)
    bank.deliver(1, meters={0: MWH})
    assert holds(bank, 0, 1, 2) == [0, 1, 1]


# --- anything in any order


words = st.lists(
    st.tuples(
        st.sampled_from(["deliver", "deliver", "deliver", "hand", "hand", "hand", "retire", "comply", "restore"]),
        st.integers(0, 3), st.integers(0, 3), st.integers(0, 6), st.integers(-500, 400_000),
    ),
    min_size=4, max_size=40,
)  # fmt: skip


@settings(max_examples=150)
@given(words, st.integers(1, 6))
def test_e6_every_guarantee_has_one_owner_and_one_end(said, lifetime):
    """Judged from rows and legs alone: holdings, money, and what became of each serial number."""
    terms = {"renewable": (0, 1), "certificate_periods": lifetime}
    bank = Bank(output(), **terms)
    laws = Laws(DeskTerms(agents=4, specs=(output(),), **terms))
    laws.remember(bank.desk)
    paid, date = Counter(), 0
    for word, one, other, count, price in said:
        if word == "deliver" and bank.desk.next_period < PERIODS:
            answer = bank.deliver(bank.desk.next_period, meters={0: count * MWH // 2, 1: price * 3})
            laws.judge(answer)
        elif word == "hand":
            before = holds(bank, one)[0]
            answer = hand(bank, one, other, count, price)
            fits = 0 < count <= before and one != other
            assert (answer.code == Code.OK) is fits
            if fits:
                paid[one] += count * price * MWH
                paid[other] -= count * price * MWH
                assert len({row.contract for row in answer.rows}) == len(answer.rows)
            laws.judge(answer)
        elif word == "retire":
            laws.judge(bank.do(one, Verb.RETIRE, lots=count))
        elif word == "comply":
            sales_wh = count * MWH + price % MWH
            answer = bank.post(bank.desk.comply(bank.now_ms, one, date, sales_wh, 250_000, 6_000))
            laws.judge(answer)
            laws.judge_compliance(answer, one, date, sales_wh, 250_000)
            date += other % 2
        elif word == "restore":
            bank.desk = Desk.restore(bank.desk.export())
        owned = Counter(agent for serial, agent in laws.owner.items() if serial not in laws.used)
        assert holds(bank, 0, 1, 2, 3) == [owned[agent] for agent in range(4)]
        assert len(laws.owner) == bank.desk.certificates.issued
        assert len(laws.used) == bank.desk.certificates.ended
        for agent in range(4):
            assert bank.got(agent, LegCause.GUARANTEE) == paid[agent]
    assert sum(paid.values()) == 0


def plant_twice(monkeypatch):
    """A seller that keeps what it sells."""
    from wattbook.contracts.certificates import Certificates

    real = Certificates._take

    def take(self, agent, count):
        kept = list(self.holdings.get(agent, []))
        yield from real(self, agent, count)
        self.holdings[agent] = kept

    monkeypatch.setattr(Certificates, "_take", take)


def plant_free(monkeypatch):
    """A buyer that pays for one less than it gets."""
    from wattbook.contracts.sheet import Sheet

    real = Sheet.pay

    def pay(self, payer, receiver, amount, cause):
        real(self, payer, receiver, amount - 5_000 * MWH if cause == LegCause.GUARANTEE else amount, cause)

    monkeypatch.setattr(Sheet, "pay", pay)


@pytest.mark.parametrize("plant", [plant_twice, plant_free])
def test_a_planted_fault_is_found(monkeypatch, plant):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        test_e6_every_guarantee_has_one_owner_and_one_end.hypothesis.inner_test(
            [("deliver", 0, 0, 6, 0), ("hand", 0, 1, 2, 5_000), ("hand", 0, 1, 1, 5_000)], 6
        )

"""Double entry: what every transfer must be, what credit allows, and what no sequence of transfers can break."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.errors import CorruptError, WattbookError
from wattbook.journal import pack, unpack
from wattbook.ledger import UNLIMITED, Ledger, LedgerError, Verdict, kernel
from wattbook.units import MONEY_BOUND, QUANTA_PER_EUR

ANNA, BEN, GRID = 0, 1, 2
TRADE, NETWORK = 1, 4
BIG = MONEY_BOUND - 1


def _state(ledger):
    return ledger.export()


# --- stories ---


def test_anna_pays_ben_for_two_kilowatt_hours_and_the_grid_for_the_way():
    ledger = Ledger(3)
    assert ledger.post(1, TRADE, [ANNA, BEN], [-25_000_000, 25_000_000])
    assert ledger.post(2, NETWORK, [ANNA, GRID], [-6_000_000, 6_000_000])
    assert ledger.balance.tolist() == [-31_000_000, 25_000_000, 6_000_000]
    assert ledger.total_out.tolist() == [31_000_000, 0, 0]
    assert ledger.transfers == 2
    ledger.check()


def test_a_buyer_reserves_before_it_trades_and_spends_what_it_reserved():
    ledger = Ledger(3, [10 * QUANTA_PER_EUR, 0, UNLIMITED])
    assert ledger.reserve(ANNA, 8 * QUANTA_PER_EUR)
    assert not ledger.reserve(ANNA, 2 * QUANTA_PER_EUR + 1)
    assert ledger.available(ANNA) == 2 * QUANTA_PER_EUR
    ledger.release(ANNA, 8 * QUANTA_PER_EUR)
    assert ledger.post(1, TRADE, [ANNA, BEN], [-8 * QUANTA_PER_EUR, 8 * QUANTA_PER_EUR], require_credit=True)
    assert ledger.available(ANNA) == 2 * QUANTA_PER_EUR
    assert ledger.reserve(BEN, 8 * QUANTA_PER_EUR)
    ledger.check()


def test_an_obligation_posts_below_the_limit_and_then_nothing_can_be_reserved():
    ledger = Ledger(2, [5, UNLIMITED])
    assert ledger.post(1, NETWORK, [ANNA, BEN], [-9, 9])
    assert ledger.available(ANNA) == -4
    assert not ledger.reserve(ANNA, 1)
    assert not ledger.reserve(ANNA, 0)
    ledger.check()


def test_where_credit_is_required_a_payer_without_it_is_refused():
    ledger = Ledger(3, [5, 0, 0])
    ledger.reserve(ANNA, 3)
    before = _state(ledger)
    with pytest.raises(LedgerError, match="credit limit") as caught:
        ledger.post(1, TRADE, [ANNA, BEN], [-3, 3], require_credit=True)
    assert caught.value.verdict == Verdict.NO_CREDIT
    assert _state(ledger) == before
    assert ledger.post(1, TRADE, [ANNA, BEN], [-2, 2], require_credit=True)
    assert ledger.post(2, TRADE, [BEN, ANNA, BEN, GRID], [-4, 1, 2, 1], require_credit=True)
    assert ledger.balance.tolist() == [-1, 0, 1]


def test_who_only_receives_needs_no_credit():
    ledger = Ledger(2)
    ledger.post(1, NETWORK, [ANNA, BEN], [-9, 9])
    assert ledger.post(2, TRADE, [BEN, ANNA], [-4, 4], require_credit=True)
    assert ledger.available(ANNA) == -5


# --- M1, M2, M7, M8: what a transfer must be ---


@pytest.mark.parametrize(
    ("accounts", "amounts", "verdict"),
    [
        ([ANNA, BEN], [-5, 4], Verdict.UNBALANCED),
        ([ANNA], [1], Verdict.UNBALANCED),
        ([ANNA, 3], [-5, 5], Verdict.UNKNOWN_ACCOUNT),
        ([-1, BEN], [-5, 5], Verdict.UNKNOWN_ACCOUNT),
        ([1 << 40, BEN], [0, 0], Verdict.UNKNOWN_ACCOUNT),
        ([ANNA, BEN], [-MONEY_BOUND, MONEY_BOUND], Verdict.AMOUNT_OUT_OF_RANGE),
        ([ANNA, BEN], [-(1 << 63), (1 << 63) - 1], Verdict.AMOUNT_OUT_OF_RANGE),
        ([ANNA, BEN, GRID, GRID], [-(1 << 63), -(1 << 63), 0, 0], Verdict.AMOUNT_OUT_OF_RANGE),
        ([ANNA, BEN, ANNA, BEN], [-BIG, BIG, -BIG, BIG], Verdict.AMOUNT_OUT_OF_RANGE),
        ([ANNA, ANNA, ANNA, ANNA], [BIG, BIG, BIG, 3], Verdict.AMOUNT_OUT_OF_RANGE),
        ([ANNA, BEN], [-5.0, 5.0], None),
        ([ANNA, BEN], [True, False], None),
        ([0.0, 1.0], [-5, 5], None),
        ([ANNA, BEN], ["-5", "5"], None),
        ([ANNA, BEN], [-(1 << 70), 1 << 70], None),
        ([ANNA, BEN], np.array([1 << 63, 1 << 63], np.uint64), None),
        ([ANNA, BEN], [-5, 0, 5], None),
        ([[ANNA, BEN]], [[-5, 5]], None),
        (ANNA, 0, None),
    ],
)
def test_a_transfer_that_is_none_is_refused_without_effect(accounts, amounts, verdict):
    ledger = Ledger(3)
    ledger.post(1, TRADE, [ANNA, BEN], [-7, 7])
    before = _state(ledger)
    with pytest.raises(LedgerError, match=r"transfer 2 \(cause 1\)") as caught:
        ledger.post(2, TRADE, accounts, amounts)
    assert caught.value.verdict == verdict
    assert isinstance(caught.value, WattbookError)
    assert _state(ledger) == before


def test_a_refusal_says_how_far_the_legs_are_from_zero():
    ledger = Ledger(2)
    with pytest.raises(LedgerError, match="its legs sum to -1, not to 0"):
        ledger.post(1, TRADE, [ANNA, BEN], [-5, 4])


@pytest.mark.parametrize("cause", [-1, 1 << 15, None, "trade", 1.0])
def test_every_transfer_has_a_cause(cause):
    ledger = Ledger(2)
    with pytest.raises((LedgerError, TypeError)):
        ledger.post(1, cause, [ANNA, BEN], [-5, 5])
    with pytest.raises(TypeError):
        ledger.post(1, accounts=[ANNA, BEN], amounts=[-5, 5])
    assert ledger.transfers == 0


def test_the_same_transfer_again_has_no_effect():
    ledger = Ledger(2)
    assert ledger.post(7, TRADE, [ANNA, BEN], [-5, 5])
    before = _state(ledger)
    assert not ledger.post(7, TRADE, [ANNA, BEN], [-5, 5])
    assert not ledger.post(7, TRADE, np.array([ANNA, BEN], np.int32), (-5, 5), require_credit=True)
    assert _state(ledger) == before


@pytest.mark.parametrize(
    ("cause", "accounts", "amounts"),
    [(TRADE, [ANNA, BEN], [-6, 6]), (TRADE, [BEN, ANNA], [-5, 5]), (NETWORK, [ANNA, BEN], [-5, 5]), (TRADE, [], [])],
)
def test_one_id_cannot_mean_two_transfers(cause, accounts, amounts):
    ledger = Ledger(2)
    ledger.post(7, TRADE, [ANNA, BEN], [-5, 5])
    before = _state(ledger)
    with pytest.raises(LedgerError, match="take a new id"):
        ledger.post(7, cause, accounts, amounts)
    assert _state(ledger) == before


def _columns(*transfers):
    """Legs of transfers, one after the other, as `post_all` takes them."""
    starts = np.cumsum([0, *(len(accounts) for accounts, _ in transfers)])
    accounts = np.array([account for accounts, _ in transfers for account in accounts], np.int32)
    return starts, accounts, np.array([amount for _, amounts in transfers for amount in amounts], np.int64)


def test_transfers_posted_together_are_those_posted_one_by_one():
    together, single = Ledger(3), Ledger(3)
    transfers = [([ANNA, BEN], [-5, 5]), ([], []), ([BEN, ANNA, GRID], [-4, 1, 3])]
    together.post_all(np.array([7, 8, 4]), TRADE, *_columns(*transfers))
    for number, (accounts, amounts) in zip((7, 8, 4), transfers, strict=True):
        assert single.post(number, TRADE, accounts, amounts)
    assert together.export() == single.export()
    assert not together.post(4, TRADE, [BEN, ANNA, GRID], [-4, 1, 3])
    with pytest.raises(LedgerError, match="take a new id"):
        together.post(7, TRADE, [BEN, ANNA], [-5, 5])


@pytest.mark.parametrize("numbers", [[1, 2], [3, 3], [-1, 4]])
def test_transfers_posted_together_need_ids_of_their_own(numbers):
    ledger = Ledger(3)
    ledger.post(1, TRADE, [ANNA, BEN], [-5, 5])
    before = _state(ledger)
    with pytest.raises(LedgerError, match="id"):
        ledger.post_all(np.array(numbers), TRADE, *_columns(([ANNA, BEN], [-5, 5]), ([ANNA, BEN], [-5, 5])))
    assert _state(ledger) == before


def test_of_transfers_posted_together_those_before_one_that_is_refused_are_made():
    ledger, expected = Ledger(3), Ledger(3)
    transfers = [([ANNA, BEN], [-5, 5]), ([ANNA, BEN], [-5, 4]), ([ANNA, BEN], [-1, 1])]
    with pytest.raises(LedgerError, match=r"transfer 2 .* sum to -1") as caught:
        ledger.post_all(np.array([1, 2, 3]), TRADE, *_columns(*transfers))
    assert caught.value.verdict == Verdict.UNBALANCED
    expected.post(1, TRADE, [ANNA, BEN], [-5, 5])
    assert ledger.export() == expected.export()


@given(st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(1 - (1 << 62), (1 << 62) - 1)), max_size=6), st.data())
@settings(deadline=None, max_examples=150)
def test_a_digest_tells_legs_apart_and_does_not_depend_on_the_compiler(legs, data):
    def digest(cause, rows, plain=False):
        columns = np.array([row for row, _ in rows], np.int32), np.array([money for _, money in rows], np.int64)
        compiled = getattr(kernel.legs_digest, "py_func", kernel.legs_digest)
        return tuple(int(half) for half in (compiled if plain else kernel.legs_digest)(cause, *columns))

    assert digest(TRADE, legs) == digest(TRADE, legs, plain=True)
    assert digest(TRADE, legs) != digest(NETWORK, legs)
    other = data.draw(st.permutations(legs))
    assert (digest(TRADE, other) == digest(TRADE, legs)) == (other == legs)
    assert digest(TRADE, [*legs, (0, 0)]) != digest(TRADE, legs)
    if legs:
        place = data.draw(st.integers(0, len(legs) - 1))
        changed = [(row, money + (i == place)) for i, (row, money) in enumerate(legs)]
        assert digest(TRADE, changed) != digest(TRADE, legs)


def test_a_refused_transfer_leaves_its_id_free():
    ledger = Ledger(2)
    with pytest.raises(LedgerError):
        ledger.post(7, TRADE, [ANNA, BEN], [-5, 4])
    assert ledger.post(7, TRADE, [ANNA, BEN], [-5, 5])


@pytest.mark.parametrize("number", [-1, 1 << 63])
def test_an_id_is_a_whole_number_that_fits(number):
    with pytest.raises(LedgerError, match="its id"):
        Ledger(2).post(number, TRADE, [], [])


def test_legs_of_zero_and_no_legs_at_all_are_a_transfer_without_effect():
    ledger = Ledger(3)
    assert ledger.post(1, TRADE, [ANNA, BEN, GRID], [0, 0, 0])
    assert ledger.post(2, TRADE, [], [])
    assert ledger.transfers == 2
    assert not ledger.total_in.any()
    assert not ledger.total_out.any()


def test_the_amounts_of_an_account_that_occurs_twice_add_up():
    ledger = Ledger(3)
    ledger.post(1, TRADE, [ANNA, BEN, ANNA, ANNA], [-5, 9, -6, 2])
    assert ledger.balance.tolist() == [-9, 9, 0]
    assert ledger.total_out[ANNA] == 11
    assert ledger.total_in[ANNA] == 2
    ledger.check()


def test_the_callers_arrays_are_left_alone_even_if_they_cannot_be_written():
    ledger = Ledger(4)
    accounts, amounts = np.arange(8)[::2] // 2, np.array([-5, 5, 0, 0])
    amounts.flags.writeable = False
    assert ledger.post(1, TRADE, accounts, amounts)
    assert accounts.tolist() == [0, 1, 2, 3]
    assert amounts.tolist() == [-5, 5, 0, 0]


# --- M9: totals are bounded ---


def test_a_balance_can_come_near_the_bound_but_never_reach_it():
    ledger = Ledger(2, [UNLIMITED, UNLIMITED])
    assert ledger.post(1, TRADE, [ANNA, BEN], [-BIG + 1, BIG - 1])
    assert not ledger.reserve(ANNA, 2)
    assert ledger.reserve(BEN, BIG)
    with pytest.raises(LedgerError, match="less than 2") as caught:
        ledger.reserve(BEN, 1)
    assert caught.value.verdict == Verdict.TOTAL_OUT_OF_RANGE
    ledger.check()
    assert ledger.post(2, TRADE, [ANNA, BEN], [-1, 1])
    before = _state(ledger)
    for accounts in ([ANNA, BEN], [BEN, ANNA]):
        if accounts[0] == BEN:
            assert ledger.post(4, TRADE, accounts, [-BIG, BIG])
        else:
            with pytest.raises(LedgerError, match="turnover") as caught:
                ledger.post(3, TRADE, accounts, [-1, 1])
            assert caught.value.verdict == Verdict.TOTAL_OUT_OF_RANGE
            assert _state(ledger) == before
    assert ledger.balance.tolist() == [0, 0]
    ledger.check()


def test_turnover_is_bounded_even_where_balances_stay_small():
    ledger = Ledger(2)
    for number in range(4):
        sign = 1 if number % 2 else -1
        ledger.post(number, TRADE, [ANNA, BEN], [sign * (BIG // 2), -sign * (BIG // 2)])
    ledger.check()
    with pytest.raises(LedgerError, match="turnover"):
        ledger.post(9, TRADE, [ANNA, BEN], [-2, 2])


# --- reservations: M4 ---


def test_reservations_outside_all_bounds_are_refused_without_effect():
    ledger = Ledger(2, [10, 0])
    ledger.reserve(ANNA, 4)
    before = _state(ledger)
    for account, amount in ((ANNA, -1), (ANNA, MONEY_BOUND), (ANNA, 1 << 64), (2, 1), (-1, 1), (1 << 64, 1)):
        with pytest.raises(LedgerError):
            ledger.reserve(account, amount)
        with pytest.raises(LedgerError):
            ledger.release(account, amount)
    with pytest.raises(LedgerError, match="only 4 are set aside"):
        ledger.release(ANNA, 5)
    with pytest.raises(TypeError):
        ledger.reserve(ANNA, 1.0)
    assert _state(ledger) == before


@pytest.mark.parametrize("limit", [[1], [1, 2, 3], [-1, 0], [0, MONEY_BOUND], [0.5, 1], [[1, 2]]])
def test_credit_limits_that_are_none_are_refused(limit):
    with pytest.raises(LedgerError):
        Ledger(2, limit)


def test_a_ledger_has_at_least_one_account():
    with pytest.raises(LedgerError):
        Ledger(0)


# --- laws over any sequence: M1, M4, M5, M7, M8, M9 ---


@dataclasses.dataclass
class _Model:
    """The same ledger in plain words and unbounded numbers."""

    limit: list[int]
    postings: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    reserved: dict[int, int] = dataclasses.field(default_factory=dict)
    posted: dict[int, tuple] = dataclasses.field(default_factory=dict)

    def total(self, account, keep):
        return sum(amount for of, amount in self.postings if of == account and keep(amount))

    def balance(self, account):
        return self.total(account, lambda amount: True)

    def available(self, account):
        return self.balance(account) + self.limit[account] - self.reserved.get(account, 0)

    def post(self, number, cause, legs, require_credit):
        """Give True, False, or the text "refused"."""
        if number in self.posted:
            return "refused" if self.posted[number] != (cause, legs) else False
        moved = sum(amount for _, amount in legs if amount > 0)
        if not all(0 <= account < len(self.limit) for account, _ in legs) or sum(a for _, a in legs):
            return "refused"
        if moved >= MONEY_BOUND:
            return "refused"
        for account, amount in legs:
            side = self.total(account, (lambda a: a > 0) if amount > 0 else (lambda a: a < 0))
            if amount and abs(side) + moved >= MONEY_BOUND:
                return "refused"
        self.postings += legs
        if require_credit and any(amount < 0 and self.available(account) < 0 for account, amount in legs):
            del self.postings[len(self.postings) - len(legs) :]
            return "refused"
        self.posted[number] = (cause, legs)
        return True


_SIZE = 3
_AMOUNT = st.integers(-20, 20) | st.sampled_from([BIG, -BIG, BIG // 2, -(BIG // 2), MONEY_BOUND, -MONEY_BOUND])


@st.composite
def _legs(draw):
    """Legs that mostly sum to zero, over accounts that mostly exist."""
    account = st.integers(0, _SIZE - 1) if draw(st.integers(0, 9)) else st.integers(-1, _SIZE)
    legs = draw(st.lists(st.tuples(account, _AMOUNT), max_size=4))
    rest = sum(amount for _, amount in legs)
    if draw(st.integers(0, 9)) and abs(rest) < 1 << 63:
        legs.append((draw(account), -rest))
    return legs


_STEP = st.one_of(
    st.tuples(st.just("post"), st.integers(0, 12), st.integers(0, 2), _legs(), st.booleans()),
    st.tuples(st.just("reserve"), st.integers(0, _SIZE - 1), st.integers(0, 30)),
    st.tuples(st.just("release"), st.integers(0, _SIZE - 1), st.integers(0, 30)),
    st.tuples(st.just("restore")),
)


def _play_post(ledger, model, number, cause, legs, require_credit):
    before = _state(ledger)
    try:
        outcome = ledger.post(number, cause, [a for a, _ in legs], [a for _, a in legs], require_credit=require_credit)
    except LedgerError:
        outcome = "refused"
    expected = model.post(number, cause, legs, require_credit)
    assert outcome == expected
    if outcome is not True:
        assert _state(ledger) == before
    return str(outcome)


def _play(ledger, model, step):
    kind, *rest = step
    if kind == "post":
        return _play_post(ledger, model, *rest)
    account, amount = rest
    held = model.reserved.get(account, 0)
    if kind == "reserve":
        done = model.available(account) >= amount
        assert ledger.reserve(account, amount) == done
        model.reserved[account] = held + amount * done
        return f"reserve {done}"
    if held >= amount:
        ledger.release(account, amount)
        model.reserved[account] = held - amount
        return "release"
    with pytest.raises(LedgerError):
        ledger.release(account, amount)
    return "release refused"


@given(st.lists(st.integers(0, 25), min_size=_SIZE, max_size=_SIZE), st.lists(_STEP, max_size=30))
@settings(deadline=None, max_examples=150)
def test_any_sequence_keeps_the_laws_of_money(limit, steps):
    ledger, model = Ledger(_SIZE, limit), _Model(limit)
    for step in steps:
        if step[0] == "restore":
            ledger = Ledger.restore(ledger.export())
        else:
            _play(ledger, model, step)
        ledger.check()
        assert sum(ledger.balance.tolist()) == 0
        assert ledger.balance.tolist() == [model.balance(account) for account in range(_SIZE)]
        assert ledger.total_in.tolist() == [model.total(account, lambda a: a > 0) for account in range(_SIZE)]
        assert ledger.reserved.tolist() == [model.reserved.get(account, 0) for account in range(_SIZE)]
        assert ledger.transfers == len(model.posted)


def test_a_long_seeded_sequence_keeps_the_laws_and_meets_every_outcome():
    draw = np.random.default_rng(11)
    limit = [int(draw.integers(0, 400)) for _ in range(_SIZE)]
    ledger, model, seen = Ledger(_SIZE, limit), _Model(limit), set()
    for _ in range(600):
        first, second = (int(account) for account in draw.integers(0, _SIZE, 2))
        amount = int(draw.integers(0, 60))
        if draw.random() < 0.5:
            legs = [(first, -amount), (second, amount - int(draw.random() < 0.1))]
            step = ("post", int(draw.integers(0, 300)), TRADE, legs, bool(draw.random() < 0.5))
        else:
            step = ("reserve" if draw.random() < 0.5 else "release", first, amount)
        seen.add(_play(ledger, model, step))
        ledger.check()
    assert ledger.balance.tolist() == [model.balance(account) for account in range(_SIZE)]
    assert seen == {"True", "False", "refused", "reserve True", "reserve False", "release", "release refused"}


# --- check ---


@pytest.mark.parametrize("column", ["balance", "reserved", "credit_limit", "total_in", "total_out"])
@pytest.mark.parametrize("value", [-3, MONEY_BOUND])
def test_check_notices_a_spoilt_column(column, value):
    ledger = Ledger(2, [5, 5])
    ledger.post(1, TRADE, [ANNA, BEN], [-4, 4])
    getattr(ledger, column)[ANNA] = value
    with pytest.raises(AssertionError):
        ledger.check()


def test_check_notices_money_out_of_nothing():
    ledger = Ledger(2)
    ledger.balance[ANNA] = ledger.total_in[ANNA] = 1
    with pytest.raises(AssertionError, match="sum to zero"):
        ledger.check()


def test_check_notices_floats():
    ledger = Ledger(2)
    ledger.balance = ledger.balance.astype(float)
    with pytest.raises(AssertionError, match="whole quanta"):
        ledger.check()


# --- the compiled functions as others compose them ---


@given(st.lists(st.tuples(st.integers(-1, _SIZE), st.integers(-(1 << 63), (1 << 63) - 1) | _AMOUNT), max_size=6))
@settings(deadline=None, max_examples=200)
def test_legs_of_any_size_are_judged_without_overflow(legs):
    accounts = np.array([account for account, _ in legs], np.int64)
    amounts = np.array([amount for _, amount in legs], np.int64)
    sound = (
        all(0 <= account < _SIZE for account, _ in legs)
        and sum(amount for _, amount in legs) == 0
        and sum(amount for _, amount in legs if amount > 0) < MONEY_BOUND
    )
    moved = kernel.turnover(accounts, amounts, _SIZE)
    assert moved == sum(amount for _, amount in legs if amount > 0) if sound else moved < 0


@pytest.mark.parametrize(
    ("account", "amount", "verdict"),
    [
        (-1, 1, Verdict.UNKNOWN_ACCOUNT),
        (2, 1, Verdict.UNKNOWN_ACCOUNT),
        (0, -1, Verdict.AMOUNT_OUT_OF_RANGE),
        (0, MONEY_BOUND, Verdict.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_kernels_refuse_what_the_face_would(account, amount, verdict):
    ledger = Ledger(2, [5, 5])
    assert kernel.reserve(ledger.balance, ledger.reserved, ledger.credit_limit, account, amount) == verdict
    assert kernel.release(ledger.reserved, account, amount) == verdict
    assert not ledger.reserved.any()


# --- export ---


def test_an_exported_ledger_goes_on_as_if_nothing_had_happened():
    ledger = Ledger(3, [10, 0, UNLIMITED])
    ledger.post(5, TRADE, [ANNA, BEN], [-5, 5])
    ledger.post(3, NETWORK, [ANNA, GRID], [-2, 2])
    ledger.reserve(ANNA, 1)
    twin = Ledger.restore(ledger.export())
    assert twin.export() == ledger.export()
    assert not twin.post(5, TRADE, [ANNA, BEN], [-5, 5])
    assert twin.post(6, TRADE, [BEN, ANNA], [-1, 1])
    assert twin.available(ANNA) == ledger.available(ANNA) + 1
    assert ledger.post(6, TRADE, [BEN, ANNA], [-1, 1])
    assert twin.export() == ledger.export()


def test_the_order_of_ids_leaves_no_trace_in_the_bytes():
    one, other = Ledger(2), Ledger(2)
    for number in (1, 2, 3):
        one.post(number, TRADE, [ANNA, BEN], [-number, number])
        other.post(4 - number, TRADE, [ANNA, BEN], [number - 4, 4 - number])
    assert one.export() == other.export()


def test_every_damaged_byte_of_an_export_is_noticed():
    ledger = Ledger(2)
    ledger.post(1, TRADE, [ANNA, BEN], [-5, 5])
    block = ledger.export()
    for place in range(len(block)):
        damaged = bytearray(block)
        damaged[place] ^= 16
        with pytest.raises(CorruptError, match="ledger"):
            Ledger.restore(bytes(damaged))
    for size in range(len(block)):
        with pytest.raises(CorruptError):
            Ledger.restore(block[:size])


@pytest.mark.parametrize(
    "change",
    [
        {"balance": np.array([1, 0])},
        {"balance": np.array([0.0, 0.0])},
        {"balance": np.zeros((1, 2), np.int64)},
        {"balance": np.zeros(0, np.int64)},
        {"reserved": np.zeros(3, np.int64)},
        {"ids": np.array([2, 1])},
        {"ids": np.array([-2, 1])},
        {"ids": np.array([1, 1])},
        {"ids": np.array([[1, 2]])},
        {"digests": np.zeros((2, 15), np.uint8)},
        {"more": np.zeros(1)},
    ],
)
def test_a_block_with_sound_checksum_but_no_ledger_in_it_is_refused(change):
    ledger = Ledger(2)
    ledger.post(1, TRADE, [], [])
    ledger.post(2, TRADE, [], [])
    arrays, meta = unpack(ledger.export())
    with pytest.raises(CorruptError, match="ledger"):
        Ledger.restore(pack(arrays | change, meta))
    with pytest.raises(CorruptError, match="newer"):
        Ledger.restore(pack(arrays, meta | {"version": 3}))

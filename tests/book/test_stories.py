"""Each rule of the book as a small story, told to both implementations."""

from __future__ import annotations

import pytest

from wattbook.book import BUY, MAX_QUANTITY_WH, SELL, Code, Event, Flag, Kind

ANNA, BERT, CLEO = 1, 2, 3
EVERYTHING = 10**6


@pytest.fixture
def book(book_class):
    return book_class(products=4, floor_tick=-500, cap_tick=500, step_tick=5)


def trades(receipt):
    """(maker, taker, price, quantity) of each fill."""
    return [tuple(row[2:]) for row in receipt.fills.tolist()]


def story(book):
    """(order, event, price, quantity, remaining) of everything the last command did."""
    rows = book.event_rows[: book.event_count].tolist()
    return [(order, Event(event).name, price, wh, left) for _, _, order, event, price, wh, left in rows]


# --- priority and price


def test_the_best_price_is_served_first_and_the_maker_sets_the_price(book):
    book.submit(1, ANNA, SELL, 120, 10)
    book.submit(2, BERT, SELL, 100, 10)
    receipt = book.submit(3, CLEO, BUY, 150, 15)
    assert trades(receipt) == [(2, 3, 100, 10), (1, 3, 120, 5)]
    assert (receipt.code, receipt.filled_wh, receipt.resting_wh) == (Code.OK, 15, 0)


def test_at_one_price_the_earliest_is_served_first(book):
    book.submit(1, ANNA, BUY, 100, 5)
    book.submit(2, BERT, BUY, 100, 5)
    assert trades(book.submit(3, CLEO, SELL, 100, 6)) == [(1, 3, 100, 5), (2, 3, 100, 1)]


def test_what_remains_rests_at_its_limit(book):
    book.submit(1, ANNA, SELL, 100, 4)
    receipt = book.submit(2, BERT, BUY, 110, 10)
    assert receipt.resting_wh == 6
    assert book.orders() == [(2, BERT, BUY, 110, 6)]
    assert (book.best_bid(), book.best_ask()) == (110, None)


def test_a_fill_is_noted_for_the_maker_and_then_for_the_taker(book):
    book.submit(1, ANNA, SELL, 100, 4)
    assert story(book) == [(1, "ACCEPTED", 100, 4, 4)]
    book.submit(2, BERT, BUY, 110, 10)
    assert story(book) == [(2, "ACCEPTED", 110, 10, 10), (1, "FILLED", 100, 4, 0), (2, "FILLED", 100, 4, 6)]


def test_negative_prices_trade_like_any_other(book):
    book.submit(1, ANNA, BUY, -300, 5)
    book.submit(2, ANNA, BUY, -200, 5)
    assert trades(book.submit(3, BERT, SELL, -500, 7)) == [(2, 3, -200, 5), (1, 3, -300, 2)]


def test_products_do_not_meet(book):
    book.submit(1, ANNA, SELL, 100, 5, product=0)
    assert trades(book.submit(2, BERT, BUY, 100, 5, product=1)) == []
    assert (book.best_ask(0), book.best_bid(0), book.best_bid(1), book.best_ask(1)) == (100, None, 100, None)


def test_depth_sums_each_level_best_first(book):
    for order, price, wh in ((1, 100, 5), (2, 105, 7), (3, 100, 2), (4, 120, 1)):
        book.submit(order, ANNA, SELL, price, wh)
    assert book.depth(0, SELL, 2) == [(100, 7, 2), (105, 7, 1)]
    assert book.depth(0, BUY, 2) == []
    assert book.depth(0, SELL, 9) == [(100, 7, 2), (105, 7, 1), (120, 1, 1)]


# --- order types


def test_immediate_or_cancel_takes_what_is_there_and_never_rests(book):
    book.submit(1, ANNA, SELL, 100, 4)
    receipt = book.submit(2, BERT, BUY, 110, 10, flags=Flag.IOC)
    assert (receipt.code, receipt.filled_wh, receipt.resting_wh) == (Code.OK, 4, 0)
    assert story(book)[-1] == (2, "CANCELLED", 110, 6, 0)
    assert len(book) == 0


def test_immediate_or_cancel_that_finds_nothing_is_accepted_all_the_same(book):
    assert book.submit(1, ANNA, BUY, 100, 4, flags=Flag.IOC).code is Code.OK
    assert story(book) == [(1, "ACCEPTED", 100, 4, 4), (1, "CANCELLED", 100, 4, 0)]
    assert book.submit(1, ANNA, BUY, 100, 4).code is Code.ORDER_NOT_RISING


def test_fill_or_kill_is_all_or_nothing(book):
    book.submit(1, ANNA, SELL, 100, 4)
    book.submit(2, ANNA, SELL, 120, 4)
    before = book.fingerprint()
    assert book.submit(3, BERT, BUY, 115, 5, flags=Flag.FOK).code is Code.FOK_UNFILLABLE
    assert book.fingerprint() == before
    assert trades(book.submit(3, BERT, BUY, 120, 8, flags=Flag.FOK)) == [(1, 3, 100, 4), (2, 3, 120, 4)]


def test_a_market_order_ignores_its_price_and_never_rests(book):
    book.submit(1, ANNA, SELL, 480, 4)
    receipt = book.submit(2, BERT, BUY, -(10**9), 10, flags=Flag.MARKET)
    assert trades(receipt) == [(1, 2, 480, 4)]
    assert story(book)[0] == (2, "ACCEPTED", 500, 10, 10)
    assert story(book)[-1] == (2, "CANCELLED", 500, 6, 0)


def test_a_market_order_may_be_fill_or_kill(book):
    book.submit(1, ANNA, BUY, -480, 4)
    assert book.submit(2, BERT, SELL, 3, 5, flags=Flag.MARKET | Flag.FOK).code is Code.FOK_UNFILLABLE
    assert book.submit(2, BERT, SELL, 3, 4, flags=Flag.MARKET | Flag.FOK).filled_wh == 4


def test_a_post_only_order_that_would_take_is_refused(book):
    book.submit(1, ANNA, SELL, 100, 4)
    assert book.submit(2, BERT, BUY, 100, 4, flags=Flag.POST_ONLY).code is Code.POST_ONLY_WOULD_CROSS
    assert book.submit(2, BERT, BUY, 95, 4, flags=Flag.POST_ONLY).resting_wh == 4


def test_with_reprice_it_rests_one_step_away(book):
    book.submit(1, ANNA, SELL, 100, 4)
    assert book.submit(2, BERT, BUY, 300, 4, flags=Flag.POST_ONLY | Flag.REPRICE).resting_wh == 4
    assert story(book) == [(2, "ACCEPTED", 95, 4, 4)]
    assert book.submit(3, CLEO, SELL, -300, 4, flags=Flag.POST_ONLY | Flag.REPRICE).resting_wh == 4
    assert book.best_ask() == 100


def test_reprice_is_refused_where_the_band_leaves_no_room(book):
    book.submit(1, ANNA, SELL, -500, 4)
    assert book.submit(2, BERT, BUY, 0, 4, flags=Flag.POST_ONLY | Flag.REPRICE).code is Code.POST_ONLY_WOULD_CROSS


# --- cancel, replace, expire, cancel all of an owner


def test_a_cancel_removes_exactly_the_rest_and_only_once(book):
    book.submit(1, ANNA, SELL, 100, 10)
    book.submit(2, BERT, BUY, 100, 4)
    assert book.cancel(1, ANNA).code is Code.OK
    assert story(book) == [(1, "CANCELLED", 100, 6, 0)]
    before = book.fingerprint()
    assert book.cancel(1, ANNA).code is Code.UNKNOWN_ORDER
    assert (book.event_count, book.fingerprint()) == (0, before)


def test_nobody_cancels_or_replaces_anothers_order(book):
    book.submit(1, ANNA, SELL, 100, 10)
    assert book.cancel(1, BERT).code is Code.NOT_OWNER
    assert book.replace(1, BERT, 100, 5).code is Code.NOT_OWNER
    assert book.orders() == [(1, ANNA, SELL, 100, 10)]


def test_a_filled_order_is_gone(book):
    book.submit(1, ANNA, SELL, 100, 10)
    book.submit(2, BERT, BUY, 100, 10)
    assert book.cancel(1, ANNA).code is book.replace(1, ANNA, 100, 1).code is Code.UNKNOWN_ORDER


@pytest.mark.parametrize("wh", [3, 10])
def test_less_or_equal_at_the_same_price_keeps_the_place_in_the_queue(book, wh):
    book.submit(1, ANNA, SELL, 100, 10)
    book.submit(2, BERT, SELL, 100, 10)
    assert book.replace(1, ANNA, 100, wh).resting_wh == wh
    assert story(book) == [(1, "REPLACED", 100, wh - 10, wh)]
    assert [order for order, *_ in book.orders()] == [1, 2]
    assert book.depth(0, SELL, 1) == [(100, wh + 10, 2)]


@pytest.mark.parametrize(("price", "wh"), [(100, 11), (105, 10), (105, 1)])
def test_more_quantity_or_another_price_goes_last(book, price, wh):
    for order in (1, 2):
        book.submit(order, ANNA, SELL, 100, 10)
    book.submit(3, ANNA, SELL, 105, 10)
    book.replace(1, ANNA, price, wh)
    places = [order for order, _, _, its_price, _ in book.orders() if its_price == price]
    assert places[-1] == 1


def test_a_replaced_order_may_take_and_keeps_its_id(book):
    book.submit(1, ANNA, BUY, 90, 10)
    book.submit(2, BERT, SELL, 100, 4)
    receipt = book.replace(1, ANNA, 110, 12)
    assert trades(receipt) == [(2, 1, 100, 4)]
    assert story(book)[0] == (1, "REPLACED", 110, 2, 12)
    assert receipt.resting_wh == 8
    assert book.orders() == [(1, ANNA, BUY, 110, 8)]


def test_a_refused_replace_leaves_the_order_and_its_place(book):
    book.submit(1, ANNA, BUY, 90, 10)
    book.submit(2, BERT, BUY, 90, 10)
    before = book.fingerprint()
    for price, wh, code in ((93, 5, Code.PRICE_OFF_STEP), (505, 5, Code.PRICE_OUTSIDE_BAND)):
        assert book.replace(1, ANNA, price, wh).code is code
    assert book.replace(1, ANNA, 90, 0).code is Code.QUANTITY_NOT_POSITIVE
    assert book.replace(1, ANNA, 90, MAX_QUANTITY_WH + 1).code is Code.QUANTITY_TOO_LARGE
    assert book.fingerprint() == before


def test_a_post_only_order_stays_post_only_when_replaced(book):
    book.submit(1, ANNA, BUY, 90, 10, flags=Flag.POST_ONLY)
    book.submit(2, ANNA, BUY, 85, 10, flags=Flag.POST_ONLY | Flag.REPRICE)
    book.submit(3, BERT, SELL, 100, 10)
    assert book.replace(1, ANNA, 100, 10).code is Code.POST_ONLY_WOULD_CROSS
    assert book.replace(2, ANNA, 200, 10).resting_wh == 10
    assert book.best_bid() == 95
    # Moved back to where it already stands, with no more than it had: it keeps its place.
    book.submit(4, ANNA, BUY, 95, 10)
    book.replace(2, ANNA, 400, 9)
    assert [order for order, *_ in book.orders()][:2] == [2, 4]


def test_expiry_empties_one_product_in_sequence_and_leaves_it_open(book):
    for order, side, price in ((1, SELL, 120), (2, BUY, 90), (3, BUY, 100), (4, SELL, 110), (5, BUY, 100)):
        book.submit(order, ANNA, side, price, 5, product=2)
    book.submit(6, BERT, BUY, 100, 5, product=1)
    book.expire(2)
    assert [(order, event) for order, event, *_ in story(book)] == [(n, "EXPIRED") for n in (3, 5, 2, 4, 1)]
    assert book.orders(2) == []
    assert len(book.orders(1)) == 1
    assert book.expire(2).code is Code.OK
    assert book.submit(7, ANNA, BUY, 90, 5, product=2).resting_wh == 5


def test_an_owner_withdraws_everywhere_in_sequence(book):
    for order, owner, product, side, price in (
        (1, ANNA, 3, BUY, 100),
        (2, BERT, 3, BUY, 100),
        (3, ANNA, 0, SELL, 120),
        (4, ANNA, 0, BUY, 90),
        (5, ANNA, 0, SELL, 110),
    ):
        book.submit(order, owner, side, price, 5, product)
    book.cancel_owner(ANNA)
    assert [(order, event) for order, event, *_ in story(book)] == [(n, "CANCELLED") for n in (4, 5, 3, 1)]
    assert len(book) == 1
    assert book.cancel_owner(ANNA).code is Code.OK


# --- an owner meets itself


def meeting(book_class, mode, resting_wh=6, taking_wh=10, flags=Flag.GTC):
    """Anna's resting ask stands before Bert's; then Anna buys."""
    book = book_class(self_trade=mode)
    book.submit(1, ANNA, SELL, 100, resting_wh)
    book.submit(2, BERT, SELL, 110, 8)
    return book, book.submit(3, ANNA, BUY, 120, taking_wh, flags=flags)


def test_off_lets_an_owner_trade_with_itself(book_class):
    _, receipt = meeting(book_class, "off")
    assert trades(receipt) == [(1, 3, 100, 6), (2, 3, 110, 4)]


def test_cancel_newest_drops_the_taker(book_class):
    book, receipt = meeting(book_class, "cancel-newest")
    assert (receipt.code, receipt.filled_wh, receipt.resting_wh) == (Code.OK, 0, 0)
    assert story(book)[1:] == [(3, "PREVENTED", 100, 10, 0)]
    assert [order for order, *_ in book.orders()] == [1, 2]


def test_cancel_oldest_drops_the_maker_and_goes_on(book_class):
    book, receipt = meeting(book_class, "cancel-oldest")
    assert trades(receipt) == [(2, 3, 110, 8)]
    assert story(book)[1] == (1, "PREVENTED", 100, 6, 0)
    assert book.orders() == [(3, ANNA, BUY, 120, 2)]


def test_cancel_both_drops_both(book_class):
    book, _ = meeting(book_class, "cancel-both")
    assert story(book)[1:] == [(1, "PREVENTED", 100, 6, 0), (3, "PREVENTED", 100, 10, 0)]
    assert [order for order, *_ in book.orders()] == [2]


def test_decrement_takes_the_smaller_from_both(book_class):
    book, receipt = meeting(book_class, "decrement")
    assert story(book)[1:3] == [(1, "PREVENTED", 100, 6, 0), (3, "PREVENTED", 100, 6, 4)]
    assert trades(receipt) == [(2, 3, 110, 4)]
    book, receipt = meeting(book_class, "decrement", resting_wh=16)
    assert story(book)[1:] == [(1, "PREVENTED", 100, 10, 6), (3, "PREVENTED", 100, 10, 0)]
    assert book.orders()[0] == (1, ANNA, SELL, 100, 6)


@pytest.mark.parametrize(
    ("mode", "wh", "code"),
    [
        ("off", 14, Code.OK),
        ("cancel-oldest", 8, Code.OK),
        ("cancel-oldest", 9, Code.FOK_UNFILLABLE),
        ("cancel-newest", 1, Code.FOK_UNFILLABLE),
        ("cancel-both", 1, Code.FOK_UNFILLABLE),
        ("decrement", 1, Code.FOK_UNFILLABLE),
    ],
)
def test_fill_or_kill_counts_only_what_the_self_trade_mode_lets_it_have(book_class, mode, wh, code):
    _, receipt = meeting(book_class, mode, taking_wh=wh, flags=Flag.FOK)
    assert receipt.code is code
    assert receipt.filled_wh == (wh if code is Code.OK else 0)


def test_fill_or_kill_may_stop_right_before_its_own_order(book_class, mode):
    book = book_class(self_trade=mode)
    book.submit(1, BERT, SELL, 100, 5)
    book.submit(2, ANNA, SELL, 100, 5)
    assert book.submit(3, ANNA, BUY, 100, 5, flags=Flag.FOK).filled_wh == 5


# --- admission


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"product": 4}, Code.UNKNOWN_PRODUCT),
        ({"product": -1}, Code.UNKNOWN_PRODUCT),
        ({"side": 0}, Code.BAD_SIDE),
        ({"side": 2}, Code.BAD_SIDE),
        ({"quantity_wh": 0}, Code.QUANTITY_NOT_POSITIVE),
        ({"quantity_wh": -5}, Code.QUANTITY_NOT_POSITIVE),
        ({"quantity_wh": MAX_QUANTITY_WH + 1}, Code.QUANTITY_TOO_LARGE),
        ({"price_tick": 505}, Code.PRICE_OUTSIDE_BAND),
        ({"price_tick": -505}, Code.PRICE_OUTSIDE_BAND),
        ({"price_tick": 101}, Code.PRICE_OFF_STEP),
        ({"flags": 32}, Code.UNKNOWN_FLAGS),
        ({"flags": -1}, Code.UNKNOWN_FLAGS),
        ({"flags": Flag.FOK | Flag.IOC}, Code.CONFLICTING_FLAGS),
        ({"flags": Flag.POST_ONLY | Flag.IOC}, Code.CONFLICTING_FLAGS),
        ({"flags": Flag.POST_ONLY | Flag.FOK}, Code.CONFLICTING_FLAGS),
        ({"flags": Flag.POST_ONLY | Flag.MARKET}, Code.CONFLICTING_FLAGS),
        ({"flags": Flag.REPRICE}, Code.CONFLICTING_FLAGS),
        ({"flags": Flag.REPRICE | Flag.IOC}, Code.CONFLICTING_FLAGS),
        ({"flags": Flag.REPRICE | Flag.MARKET}, Code.CONFLICTING_FLAGS),
        ({"order": 7}, Code.ORDER_NOT_RISING),
        ({"order": 0}, Code.ORDER_NOT_RISING),
        ({"order": -3}, Code.ORDER_NOT_RISING),
        ({"display_wh": 6}, Code.BAD_DISPLAY),
        ({"display_wh": 1.0}, Code.NOT_A_WHOLE_NUMBER),
        ({"expire_ms": -1}, Code.BAD_EXPIRY),
        ({"quantity_wh": 5.0}, Code.NOT_A_WHOLE_NUMBER),
        ({"quantity_wh": float("nan")}, Code.NOT_A_WHOLE_NUMBER),
        ({"quantity_wh": float("inf")}, Code.NOT_A_WHOLE_NUMBER),
        ({"quantity_wh": True}, Code.NOT_A_WHOLE_NUMBER),
        ({"quantity_wh": "5"}, Code.NOT_A_WHOLE_NUMBER),
        ({"quantity_wh": None}, Code.NOT_A_WHOLE_NUMBER),
        ({"quantity_wh": 10**30}, Code.NOT_A_WHOLE_NUMBER),
        ({"price_tick": [100]}, Code.NOT_A_WHOLE_NUMBER),
        ({"order": 1 << 63}, Code.NOT_A_WHOLE_NUMBER),
        ({"owner": "anna"}, Code.NOT_A_WHOLE_NUMBER),
    ],
)
def test_what_is_wrong_is_refused_with_its_code_and_changes_nothing(book, change, code):
    book.submit(7, ANNA, SELL, 200, 5)
    before = book.fingerprint()
    fine = {"order": 8, "owner": BERT, "side": BUY, "price_tick": 100, "quantity_wh": 5}
    receipt = book.submit(**(fine | change))
    assert receipt.code is code
    assert (receipt.filled_wh, receipt.resting_wh, len(receipt.fills)) == (0, 0, 0)
    assert book.fingerprint() == before
    assert book.submit(**fine).code is Code.OK


def test_an_unknown_kind_is_refused(book):
    assert book.step(7, 0, 1, ANNA, BUY, 100, 5, 0) == Code.UNKNOWN_KIND
    assert book.expire(4).code is Code.UNKNOWN_PRODUCT


def test_a_notional_that_no_ledger_entry_can_hold_is_refused(book_class):
    book = book_class(floor_tick=-(1 << 61), cap_tick=1 << 61)
    assert book.submit(1, ANNA, BUY, 1 << 61, 2).code is Code.NOTIONAL_TOO_LARGE
    assert book.submit(1, ANNA, BUY, 1 << 61, 1).code is Code.OK
    assert book.replace(1, ANNA, -(1 << 61), 2).code is Code.NOTIONAL_TOO_LARGE
    assert book.submit(2, BERT, SELL, -1, 2, flags=Flag.MARKET).filled_wh == 1


def test_the_largest_notional_fits(book_class):
    most = (1 << 62) - 1
    book = book_class(floor_tick=-most, cap_tick=most)
    assert book.submit(1, ANNA, BUY, most, 1).code is Code.OK
    assert book.submit(2, ANNA, BUY, -(most - 1) // 2, 2).code is Code.OK


def test_a_reprice_into_a_notional_too_large_is_refused(book_class):
    book = book_class(floor_tick=-(1 << 61), cap_tick=1 << 61)
    book.submit(1, ANNA, SELL, -(1 << 60), 1)
    reprice = Flag.POST_ONLY | Flag.REPRICE
    assert book.submit(2, BERT, BUY, 0, 100, flags=reprice).code is Code.NOTIONAL_TOO_LARGE
    assert book.submit(2, BERT, BUY, 0, 3, flags=reprice).code is Code.OK


def test_the_largest_quantity_and_the_largest_id_are_fine(book):
    last = (1 << 63) - 1
    assert book.submit(last, ANNA, BUY, 100, MAX_QUANTITY_WH).resting_wh == MAX_QUANTITY_WH
    assert book.submit(last, ANNA, BUY, 100, 1).code is Code.ORDER_NOT_RISING
    assert book.cancel(last, ANNA).code is Code.OK


def test_a_full_book_refuses_what_could_rest_and_never_overwrites(book_class):
    book = book_class(max_orders=2)
    book.submit(1, ANNA, BUY, 100, 5)
    book.submit(2, ANNA, BUY, 90, 5)
    assert book.submit(3, BERT, SELL, 100, 5).code is Code.BOOK_FULL
    assert book.submit(3, BERT, SELL, 100, 1, flags=Flag.IOC).filled_wh == 1
    assert book.replace(2, ANNA, 95, 50).code is Code.OK
    assert book.cancel(1, ANNA).code is Code.OK
    assert book.submit(4, BERT, BUY, 80, 5).code is Code.OK


def test_a_stranger_id_is_never_reused_after_a_refusal_either(book):
    assert book.submit(5, ANNA, BUY, 101, 5).code is Code.PRICE_OFF_STEP
    assert book.submit(5, ANNA, BUY, 100, 5).code is Code.OK
    book.cancel(5, ANNA)
    assert book.submit(5, ANNA, BUY, 100, 5).code is Code.ORDER_NOT_RISING


def test_the_single_step_answers_like_the_doors(book):
    assert book.step(Kind.SUBMIT, 0, 1, ANNA, BUY, 100, 5, Flag.GTC) == Code.OK
    assert book.step(Kind.SUBMIT, 0, 2, BERT, SELL, 90, 7, Flag.GTC) == Code.OK
    assert book.fill_rows[: book.fill_count].tolist() == [[0, 0, 1, 2, 100, 5]]
    assert book.event_count == 3
    assert book.resting_wh == 2
    assert book.last_order == 2


@pytest.mark.parametrize("count", [630, 1_000, 3_000])
def test_a_sweep_through_everything_that_rests_is_recorded_in_full(book_class, count):
    book = book_class(floor_tick=0, cap_tick=EVERYTHING)
    for order in range(1, count // 10 + 1):
        book.submit(order, ANNA, SELL, 7 * order, 1)
    twin = book_class.restore(book.export())
    receipt = book.submit(count, BERT, BUY, EVERYTHING, count)
    assert trades(receipt) == [(order, count, 7 * order, 1) for order in range(1, count // 10 + 1)]
    assert len(book) == 1
    book.check()
    twin.cancel_owner(ANNA)
    assert story(twin) == [(order, "CANCELLED", 7 * order, 1, 0) for order in range(1, count // 10 + 1)]
    twin.check()

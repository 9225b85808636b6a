"""The conformance suite holds for both books, no two of its cases are alike, and it catches books that break a rule."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from wattbook.book import BUY, SELF_TRADE_MODES, SELL, Book, Code, Event, Flag, Kind, ReferenceBook
from wattbook.testing.conformance import CASES, THEMES, NonconformingError, as_data, endings, needs, run_case
from wattbook.testing.conformance_cases import ANNA, BERT, call, case, submit, uncross

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
NAMED = [pytest.param(each, id=each.name) for each in CASES]


@pytest.fixture(params=[ReferenceBook, Book], ids=["reference", "kernel"])
def make_book(request):
    return request.param


@pytest.mark.parametrize("batch", [False, True], ids=["calls", "batch"])
@pytest.mark.parametrize("story", NAMED)
def test_each_case_holds_for_both_books(make_book, story, batch):
    run_case(story, make_book, batch=batch)


# --- the cases among themselves


class Watcher:
    """Plays a case on the reference book and tells it without numbers: which order, what happened, on which side."""

    def __init__(self, story):
        self.book = ReferenceBook(**story.terms)
        self.numbers, self.sides, self.limits = {}, {}, {}
        self.steps = [self.step(each) for each in story.steps]

    def step(self, step):
        given = step.arguments
        if step.door == "command":
            return ("command", ())
        receipt = getattr(self.book, step.door)(**given)
        rows = self.book.event_rows[: self.book.event_count, 2:].tolist() if receipt.code is Code.OK else []
        order = given.get("order")
        if "side" in given and receipt.code is Code.OK:
            self.sides[order] = given["side"]
        if "price_tick" in given and receipt.code is Code.OK:
            self.limits[order] = given["price_tick"]
        side = self.sides.get(order, given.get("side"))
        times = "expire_ms" in given or "until_ms" in given
        asked = (step.door, side, given.get("flags", 0), given.get("product", 0), "display_wh" in given, times)
        return (*asked, receipt.code, tuple(map(self.outcome, rows)))

    def outcome(self, row):
        order, event, price, _, left = row
        number = self.numbers.setdefault(order, len(self.numbers))
        return (number, Event(event), left == 0, price == self.limits.get(order))


def signature(story):
    """Order types, sides and phases, and what became of each order: a case without its prices and quantities."""
    return (story.terms.get("self_trade", "off"), story.calling, tuple(Watcher(story).steps))


def coarse(story):
    """The same, but of the events the kinds only."""
    mode, calling, steps = signature(story)
    return mode, calling, tuple((*step[:-1], *(event for _, event, *_ in step[-1])) for step in steps)


def test_no_two_cases_have_one_name():
    assert [name for name, count in Counter(each.name for each in CASES).items() if count > 1] == []


def test_no_two_cases_are_alike_in_order_types_outcome_and_side():
    seen = {}
    for story in CASES:
        twin = seen.setdefault(signature(story), story)
        assert twin is story, f"{story.name!r} is {twin.name!r} with other numbers"


def test_hundreds_of_cases_differ_even_if_only_kinds_of_events_are_looked_at():
    assert len({coarse(story) for story in CASES}) >= 450


def test_the_signature_does_not_look_at_numbers():
    first = case("a", submit(1, ANNA, SELL, 100, 5), submit(2, BERT, BUY, 100, 3))
    other = case("b", submit(7, BERT, SELL, -20, 50), submit(90, ANNA, BUY, -20, 9))
    assert signature(first) == signature(other)
    assert signature(first) != signature(case("c", submit(1, ANNA, BUY, 100, 5), submit(2, BERT, SELL, 100, 3)))


def sides_by(tell):
    """Sides of the submits of which `tell` says something, by what it says."""
    found = {}
    for story in CASES:
        for step in story.steps:
            if step.door == "submit":
                found.setdefault(tell(step), set()).add(step.arguments["side"])
    return found


def test_every_code_is_given_to_both_sides_where_it_can_be():
    codes = {step.code for story in CASES for step in story.steps}
    assert codes == set(Code)
    no_submit = {Code.UNKNOWN_KIND, Code.UNKNOWN_ORDER, Code.NOT_OWNER, Code.BAD_SIDE}
    given = sides_by(lambda step: step.code)
    for code in set(Code) - no_submit:
        assert {BUY, SELL} <= given[code], code


def test_every_allowed_sum_of_flags_is_submitted_on_both_sides():
    given = sides_by(lambda step: (step.code is Code.OK, step.arguments.get("flags", 0)))
    types = [Flag.GTC, Flag.IOC, Flag.FOK, Flag.MARKET, Flag.MARKET | Flag.IOC, Flag.MARKET | Flag.FOK]
    for flags in [*types, Flag.POST_ONLY, Flag.POST_ONLY | Flag.REPRICE]:
        assert {BUY, SELL} <= given[True, int(flags)], flags


def test_every_kind_event_mode_and_auction_flag_is_told():
    doors = {step.door for story in CASES for step in story.steps}
    assert doors == {kind.name.lower() for kind in Kind} | {"command"}
    assert {Event(row[1]) for story in CASES for step in story.steps for row in step.events or ()} == set(Event)
    assert {story.terms.get("self_trade", "off") for story in CASES} == set(SELF_TRADE_MODES)
    auctions = {step.arguments.get("flags", 0) for story in CASES for step in story.steps if step.door == "uncross"}
    assert {0, Flag.PRO_RATA, Flag.PAY_AS_BID, Flag.PRO_RATA | Flag.PAY_AS_BID} <= auctions


# --- the runner


def fault(**methods):
    """A reference book with some of its methods exchanged for faulty ones."""
    return type("Faulty", (ReferenceBook,), methods | {"check": lambda self: None})


def loses_time_priority(self, order):
    rest(self, order)
    queue = self._side(order.product, order.side)
    if self._live.get(order.order) is order:
        for other in [each for each in queue if each is not order and each.price_tick == order.price_tick]:
            queue.put_last(other)


def pays_the_takers_limit(self, maker, taker, price_tick, quantity_wh):
    fill(self, maker, taker, taker.price_tick, quantity_wh)


def forgets_hidden(self, taker):
    shown_wh = sum(maker.shown_wh for queue in self._opposite(taker).levels() for maker in queue)
    return can_fill(self, taker) and shown_wh >= taker.remaining_wh


def expires_early(self, product, until_ms):
    return expiry(self, product, until_ms + 1 if until_ms > 0 else until_ms)


def keeps_for_more(self, old, new):
    return new.price_tick == old.price_tick


rest, fill, can_fill, expiry = (
    getattr(ReferenceBook, name) for name in ("_rest_or_cancel", "_fill", "_can_fill", "_expire")
)
FAULTS = {
    "last comes first": ({"_rest_or_cancel": loses_time_priority}, "limit"),
    "the taker's price": ({"_fill": pays_the_takers_limit}, "limit"),
    "fill-or-kill fills partly": ({"_can_fill": lambda self, taker: True}, "immediate"),
    "post-only takes": ({"_post_only_code": lambda self, order: Code.OK}, "post-only"),
    "hidden does not count": ({"_can_fill": forgets_hidden}, "iceberg"),
    "one millisecond early": ({"_expire": expires_early}, "timed"),
    "more keeps its place": ({"_keeps_priority": keeps_for_more}, "replace"),
    "anyone cancels": ({"_claim": lambda self, name, owner: Code.OK if name in self._live else 15}, "cancel"),
    "own orders trade": ({"_is_self_trade": lambda self, maker, taker: False}, "self-trade"),
    "no phase": ({"_phase_code": lambda self, order: Code.OK}, "auction"),
    "ids fall": ({"_id_code": lambda self, order: Code.OK}, "admission"),
    "room without end": ({"_room_code": lambda self, order: Code.OK}, "products"),
    "no largest quantity": ({"_quantity_code": lambda self, wh: 0 if wh > 0 else 4}, "extremes"),
}


def failures(stories, make_book, **how):
    """Names of the cases that a book fails."""
    failed = []
    for story in stories:
        try:
            run_case(story, make_book, **how)
        except NonconformingError:
            failed.append(story.name)
    return failed


@pytest.mark.parametrize("batch", [False, True], ids=["calls", "batch"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_book_that_breaks_a_rule_fails_its_theme(name, batch):
    methods, theme = FAULTS[name]
    assert failures(THEMES[theme], fault(**methods), batch=batch)


def test_each_theme_has_its_fault():
    assert {theme for _, theme in FAULTS.values()} == set(THEMES)


def test_the_first_difference_is_told_with_the_calls_that_lead_to_it():
    story = case(
        "a story that expects too much",
        submit(1, ANNA, SELL, 100, 4),
        submit(2, BERT, BUY, 100, 5).trades((1, 2, 100, 5)),
        submit(3, BERT, BUY, 90, 5),
        terms={"step_tick": 10},
    )
    with pytest.raises(NonconformingError) as told:
        run_case(story, ReferenceBook)
    assert str(told.value) == (
        "'a story that expects too much': fills after command 2 of 3\n"
        "    expected ((1, 2, 100, 5),)\n"
        "    found    ((1, 2, 100, 4),)\n"
        "after\n"
        "    book = make_book(step_tick=10)\n"
        "    book.submit(order=1, owner=1, side=-1, price_tick=100, quantity_wh=4)\n"
        "    book.submit(order=2, owner=2, side=1, price_tick=100, quantity_wh=5)"
    )


RESTS = submit(1, ANNA, SELL, 100, 4)
THERE = ((1, ANNA, 100, 4),)
WRONG = {
    "code": case("x", RESTS.refused(Code.BAD_SIDE), asks=THERE),
    "resting_wh": case("x", RESTS.rests(3), asks=THERE),
    "events": case("x", RESTS.tells(), asks=THERE),
    "orders(0)": case("x", RESTS),
    "depth(0, SELL)": case("x", RESTS, asks=THERE, ask_levels=((100, 3, 1),)),
    "depth(0, BUY)": case("x", RESTS, asks=THERE, bid_levels=((90, 3, 1),)),
    "orders(1)": case("x", RESTS, asks=THERE, terms={"products": 2}, elsewhere={1: ((), THERE)}),
    "is_calling(0)": case("x", uncross().refused(Code.WRONG_PHASE), call()),
}


@pytest.mark.parametrize("batch", [False, True], ids=["calls", "batch"])
@pytest.mark.parametrize("what", WRONG)
def test_every_expectation_counts(make_book, what, batch):
    with pytest.raises(NonconformingError, match=re.escape(f"'x': {what} after command")):
        run_case(WRONG[what], make_book, batch=batch)


class TellsNothing(ReferenceBook):
    """A book whose receipts have no fills in their sum."""

    def _receipt(self, *command):
        return super()._receipt(*command)._replace(filled_wh=0)


class LosesWhatItRefuses(ReferenceBook):
    """A book that answers right to a stranger's cancel, and cancels."""

    def _cancel(self, name, owner):
        code = super()._cancel(name, owner)
        if code == Code.NOT_OWNER:
            self._remove(self._live[name])
        return code


class WrongBest(ReferenceBook):
    """A book that has no best bid."""

    def best_bid(self, product=0):
        return None


@pytest.mark.parametrize(
    ("theme", "wrong_book", "what"),
    [
        ("limit", TellsNothing, "filled_wh"),
        ("cancel", LosesWhatItRefuses, "book after the refusal"),
        ("limit", WrongBest, "best bid and ask of product 0"),
    ],
)
def test_the_runner_looks_at_receipts_refusals_and_best_prices(theme, wrong_book, what):
    told = []
    for story in THEMES[theme]:
        try:
            run_case(story, wrong_book)
        except NonconformingError as error:
            told.append(str(error).split(" after command")[0])
    assert told
    assert all(text.endswith(f": {what}") for text in told)


def test_a_book_that_keeps_no_events_is_not_asked_for_them():
    class Silent(ReferenceBook):
        event_rows = None

    assert failures(THEMES["limit"], Silent, events=False) == []


def test_a_book_without_an_ability_leaves_out_the_cases_that_need_it():
    class Plain:
        """Limit orders and cancels, nothing more."""

        def __init__(self):
            book = ReferenceBook()
            for door in ("cancel", "orders", "depth", "best_bid", "best_ask"):
                setattr(self, door, getattr(book, door))
            self._book = book

        def submit(self, order, owner, side, price_tick, quantity_wh):
            return self._book.submit(order, owner, side, price_tick, quantity_wh)

    able = [story for story in CASES if needs(story) <= {"cancel", "refuses"}]
    assert len(able) > 40
    assert failures(able, Plain, events=False) == []


def test_needs_tell_doors_terms_flags_and_keywords():
    by_name = {story.name: needs(story) for story in CASES}
    assert by_name["a lone bid rests at its limit"] == set()
    assert by_name["a new slice of an iceberg ask has the time of the order"] == {"iceberg", "good-till-time", "expire"}
    assert by_name["pro rata in whole lots a small bid may go empty"] == {"call", "uncross", "pro-rata", "lot"}


def test_the_cases_as_data_go_through_json_and_back():
    data = as_data()
    assert json.loads(json.dumps(data)) == data
    assert [each["name"] for each in data] == [story.name for story in CASES]
    lone = data[0]
    assert lone == {
        "theme": "limit",
        "name": "a lone bid rests at its limit",
        "needs": [],
        "terms": {},
        "steps": [
            {
                "door": "submit",
                "arguments": {"order": 1, "owner": 1, "side": 1, "price_tick": 100, "quantity_wh": 5},
                "code": "OK",
                "fills": [],
                "events": [[1, 0, 100, 5, 5]],
                "resting_wh": 5,
            }
        ],
        "ending": {"0": {"bids": [[1, 1, 100, 5]], "asks": [], "bid_levels": [[100, 5, 1]], "ask_levels": []}},
        "calling": [],
    }


def test_nothing_but_the_named_products_holds_orders_at_the_end():
    story = case("x", RESTS, asks=THERE, terms={"products": 3}, elsewhere={2: (THERE, ())})
    assert [(len(each.bids), len(each.asks)) for each in endings(story).values()] == [(0, 1), (0, 0), (1, 0)]


# --- the page


def test_the_page_counts_the_cases_of_each_theme():
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \|", text, re.MULTILINE)
    assert [(theme, int(count)) for theme, count in rows] == [(theme, len(cases)) for theme, cases in THEMES.items()]
    assert f"{len(CASES)} cases" in text


def test_all_pages_tell_the_same_number_of_cases():
    root = PAGE.parent.parent
    pages = [root / "README.md", root / "docs" / "book.md", root / "docs" / "glossary.md", PAGE]
    told = {page.name: re.findall(r"(\d+)\s+(?:small\s+|\[)?cases", page.read_text(encoding="utf-8")) for page in pages}
    assert told == {page.name: [str(len(CASES))] for page in pages}


def test_the_page_names_every_need():
    text = PAGE.read_text(encoding="utf-8")
    assert set().union(*map(needs, CASES)) <= set(re.findall(r"`([\w-]+)`", text))

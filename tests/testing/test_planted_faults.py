"""Three planted faults, in a book of one's own and in the project's: caught, and told in at most five commands."""

from __future__ import annotations

from functools import partial

import pytest

from wattbook.book import BUY, Flag, Kind, ReferenceBook
from wattbook.testing import Falsified, Features, check_book

FEATURES = Features(types=("GTC", "FOK"))


class OwnBook:
    """A price-time book over one dict, with a switch for each fault."""

    fault = ""

    def __init__(self):
        self.resting, self.totals, self.clock = {}, {}, 0

    def queue(self, side):
        mine = [(key, row) for key, row in self.resting.items() if row["side"] == side]
        return sorted(mine, key=lambda item: (-side * item[1]["price"], item[1]["time"]))

    def change(self, side, price, quantity):
        key = (side, price)
        self.totals[key] = self.totals.get(key, 0) + quantity
        if not self.totals[key]:
            del self.totals[key]

    def submit(self, order, owner, side, price_tick, quantity_wh, flags=Flag.GTC):
        within = [(key, row) for key, row in self.queue(-side) if side * row["price"] <= side * price_tick]
        if flags & Flag.FOK and sum(row["left"] for _, row in within) < quantity_wh and self.fault != "fok":
            return []
        fills = []
        for maker, row in within:
            filled = min(quantity_wh, row["left"])
            if not filled:
                break
            fills.append((maker, order, row["price"], filled))
            quantity_wh -= filled
            row["left"] -= filled
            if self.fault != "total":
                self.change(-side, row["price"], -filled)
            if not row["left"]:
                del self.resting[maker]
            elif self.fault == "time":
                row["time"] = self.clock = self.clock + 1
        if quantity_wh and not flags & Flag.FOK:
            self.clock += 1
            self.resting[order] = {
                "owner": owner, "side": side, "price": price_tick, "left": quantity_wh, "time": self.clock,
            }  # fmt: skip
            self.change(side, price_tick, quantity_wh)
        return fills

    def cancel(self, order, owner):
        row = self.resting.get(order)
        if row is None or row["owner"] != owner:
            return False
        self.change(row["side"], row["price"], -row["left"])
        del self.resting[order]
        return True

    def orders(self):
        return [
            (order, row["owner"], side, row["price"], row["left"])
            for side in (BUY, -BUY)
            for order, row in self.queue(side)
        ]

    def depth(self, product, side, levels):
        prices = sorted({price for its_side, price in self.totals if its_side == side}, key=lambda price: -side * price)
        counts = [
            sum(row["side"] == side and row["price"] == price for row in self.resting.values()) for price in prices
        ]
        return [(p, self.totals[side, p], n) for p, n in zip(prices, counts, strict=True)][:levels]


def own(fault):
    return type("OwnBook", (OwnBook,), {"fault": fault, "__module__": "__main__"})


def calls(reproducer):
    return [line for line in reproducer.splitlines() if line.startswith("book.")]


def test_the_sound_book_of_ones_own_passes():
    report = check_book(own(""), features=FEATURES, seeds=range(10))
    assert {"B1", "B3", "B5", "B6", "B8", "B11", "B17", "B18", "B20"} <= set(report.held)


@pytest.mark.parametrize(("fault", "law"), [("time", "B3"), ("total", "B5"), ("fok", "B11")])
def test_a_fault_in_a_book_of_ones_own_is_told_in_at_most_five_commands(fault, law):
    make = own(fault)
    with pytest.raises(Falsified) as caught:
        check_book(make, features=FEATURES)
    assert caught.value.name == law
    assert 1 <= len(calls(caught.value.reproducer)) <= 5
    again = {"OwnBook": make}
    exec(caught.value.reproducer, again)  # it runs as it is
    sound = {"OwnBook": own("")}
    exec(caught.value.reproducer, sound)
    shown = [(book.orders(), book.depth(0, 1, 9), book.depth(0, -1, 9)) for book in (again["book"], sound["book"])]
    assert shown[0] != shown[1], "what the reproducer leaves behind shows the fault"


@pytest.mark.parametrize("law", ["B3", "B5", "B11"])
def test_a_fault_in_the_projects_book_is_told_in_at_most_five_commands(broken, law):
    features = Features.full()
    with pytest.raises(Falsified) as caught:
        check_book(partial(broken.books[law], products=4), features=features)
    assert caught.value.name == law
    assert 1 <= len(calls(caught.value.reproducer)) <= 5
    name = broken.books[law].__name__
    text = caught.value.reproducer.replace(f"from {broken.books[law].__module__} import {name}\n", "")
    space = {name: broken.books[law]}
    exec(text, space)
    assert isinstance(space["book"], ReferenceBook)


def test_a_book_with_only_a_batch_door_gets_a_batch_to_paste():
    class Batches:
        """Answers nothing but batches, and says of every order that it does not rest."""

        def __init__(self):
            self.book = ReferenceBook()

        def process(self, commands, display_wh=None, expire_ms=None):
            batch = self.book.process(commands, display_wh=display_wh, expire_ms=expire_ms)
            batch.resting_wh[:] = 0
            return batch

    features = Features(kinds=(Kind.SUBMIT, Kind.EXPIRE), expiry=True)
    with pytest.raises(Falsified, match="resting_wh=0, but") as caught:
        check_book(Batches, features=features, invariants=["B6"])
    space = {"Batches": Batches, "make_book": Batches}
    exec(caught.value.reproducer.replace("Batches()", "make_book()"), space)
    assert len(space["book"].book) == 1

"""A rule-based state machine: Hypothesis plays with a book, the audit watches every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from wattbook.testing.optional import need_hypothesis

need_hypothesis("wattbook.testing.machine")

from hypothesis import strategies as st  # noqa: E402  # after the check that says what to install
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule  # noqa: E402

from wattbook.book import Kind, ReferenceBook  # noqa: E402
from wattbook.testing.auditing import ANSWERS, Audit  # noqa: E402
from wattbook.testing.checking import INVARIANTS, OF_A_BOOK  # noqa: E402
from wattbook.testing.features import Features  # noqa: E402
from wattbook.testing.invariants import Falsified  # noqa: E402
from wattbook.testing.reproducing import reproducer  # noqa: E402
from wattbook.testing.strategies import requests  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattbook.testing.driving import Command


def _knows(kind: Kind) -> Callable[[Any], Any]:
    return precondition(lambda machine: kind in machine.features.kinds)


class BookMachine(RuleBasedStateMachine):
    """Override `make_book` and `features`; then ``TestMyBook = MyMachine.TestCase`` is a test.

    Attributes
    ----------
    features : Features
        What the book can do.
    judged : tuple of str
        Names of the invariants that are judged after every command; those that need whole streams are left to
        `check_book`.
    """

    features: ClassVar[Features] = Features()
    judged: ClassVar[tuple[str, ...]] = OF_A_BOOK

    def make_book(self) -> Any:
        """Make an empty book."""
        return ReferenceBook(**self.features.terms)

    def __init__(self) -> None:
        super().__init__()
        self.audit = Audit(self.make_book(), self.features, self.judged)
        self.given: list[Command] = []
        self.submits: list[Command] = []

    def carry_out(self, command: Command) -> None:
        """Give the book a command and judge its answer."""
        self.given.append(command)
        for failure in self.audit.feed(command):
            meaning = "Every command is answered." if failure.name == ANSWERS else INVARIANTS[failure.name].meaning
            shown = reproducer(self.make_book, self.given, self.features)
            raise Falsified(failure.name, f"{failure.name}: {meaning}\n{failure.text}\n\n{shown}", shown, self.given)

    def _of_kind(self, data: st.DataObject, kind: Kind) -> Command:
        """Draw a command of one kind."""
        return data.draw(requests(kind, self.features, tuple(self.submits)))

    @rule(data=st.data())
    def submit(self, data: st.DataObject) -> None:
        """Submit an order."""
        command = self._of_kind(data, Kind.SUBMIT)
        self.submits.append(command)
        self.carry_out(command)

    @precondition(lambda machine: machine.submits and Kind.CANCEL in machine.features.kinds)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancel one of the orders so far."""
        self.carry_out(self._of_kind(data, Kind.CANCEL))

    @precondition(lambda machine: machine.submits and Kind.REPLACE in machine.features.kinds)
    @rule(data=st.data())
    def replace(self, data: st.DataObject) -> None:
        """Replace one of the orders so far."""
        self.carry_out(self._of_kind(data, Kind.REPLACE))

    @_knows(Kind.EXPIRE)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        """Expire a product."""
        self.carry_out(self._of_kind(data, Kind.EXPIRE))

    @_knows(Kind.CANCEL_OWNER)
    @rule(data=st.data())
    def cancel_owner(self, data: st.DataObject) -> None:
        """Cancel all orders of an owner."""
        self.carry_out(self._of_kind(data, Kind.CANCEL_OWNER))

    @_knows(Kind.CALL)
    @rule(data=st.data())
    def call(self, data: st.DataObject) -> None:
        """Open a call phase."""
        self.carry_out(self._of_kind(data, Kind.CALL))

    @_knows(Kind.UNCROSS)
    @rule(data=st.data())
    def uncross(self, data: st.DataObject) -> None:
        """Clear a product by an auction."""
        self.carry_out(self._of_kind(data, Kind.UNCROSS))

    @invariant()
    def counts_its_orders(self) -> None:
        """Hold the number of orders against the shadow's."""
        if hasattr(self.audit.driver.book, "__len__"):
            assert len(self.audit.driver.book) == len(self.audit.shadow.live)


# Hypothesis would run the base class as a test of its own wherever it is imported by name.
BookMachine.TestCase.__test__ = False  # type: ignore[attr-defined]  # a mark that test runners know

"""`check_policy`: the shipped policies have the one form, and what a policy must not do is found."""

from __future__ import annotations

import itertools
import json

import numba
import pytest

from wattbook.errors import ConfigError
from wattbook.messages import BUY, FOREVER, NO_PRICE, OUT_ACTION, OUT_BOOK, OUT_PRICE, OUT_QUANTITY, OUT_SIDE, Action
from wattbook.policies import PERSONAS, Mind, home, idle, nominate, truthful, zero_intelligence
from wattbook.testing import Falsified, check_policy
from wattbook.testing.policies import CALM_SEE

SHIPPED = [
    *map(home, PERSONAS),
    zero_intelligence(),
    zero_intelligence(constrained=False),
    truthful(),
    nominate(),
    idle(),
]


@pytest.mark.parametrize("mind", SHIPPED, ids=lambda mind: f"{mind.name} {mind.persona}")
def test_the_shipped_policies_have_the_form(mind):
    report = check_policy(mind)
    assert report.looks > 150
    assert (report.commands == 0) == (mind.name == "idle")
    assert report.doubtful == 0
    assert report.compiles is None


def bid(see, memory, draw, out):
    """A small sound policy."""
    memory[0] += 1
    if see.tradable and see.local_ask != NO_PRICE:
        out[0, OUT_ACTION], out[0, OUT_SIDE] = Action.SUBMIT, BUY
        out[0, OUT_PRICE], out[0, OUT_QUANTITY] = see.local_ask, 1 + draw(memory[0]) % 10
    return 60_000


def test_a_bare_function_is_a_policy():
    report = check_policy(bid)
    assert report.commands > 0


def test_a_policy_that_compiles_is_said_to_and_one_that_does_not_is_told_why():
    plain = zero_intelligence()
    assert check_policy(plain, compiles=True).compiles is True
    if numba.config.DISABLE_JIT:
        return

    def texts(see, memory, draw, out):
        return len(json.dumps(see.load_wh))

    report = check_policy(texts, compiles=True)
    assert report.compiles is False
    assert report.why_not


def writes(*cells, delay=FOREVER):
    def policy(see, memory, draw, out):
        for row, column, value in cells:
            out[row, column] = value
        return delay

    return policy


def grumbles(see, memory, draw, out):
    return 1 // see.load_wh


def counts(tally=itertools.count()):  # noqa: B008 - what is kept between calls is the fault
    def policy(see, memory, draw, out):
        return 1 + next(tally)

    return policy


def overruns(see, memory, draw, out):
    # As compiled code without bounds checks would.
    out.base[-1] = 1
    return FOREVER


def reshapes(see, memory, draw, out):
    out.shape = (7, 8)
    return FOREVER


@pytest.mark.parametrize(
    ("policy", "name", "text"),
    [
        (grumbles, "raises", "ZeroDivisionError"),
        (writes(delay=1.5), "delay", "1.5, not a whole number"),
        (writes(delay=True), "delay", "True, not a whole number"),
        (writes(delay=None), "delay", "None, not a whole number"),
        (writes(delay=-5), "delay", "the delay -5 ms"),
        (writes(delay=FOREVER + 1), "delay", "return 0 .. FOREVER"),
        (writes((1, OUT_PRICE, 7)), "form", "behind row 0"),
        (writes((0, OUT_ACTION, 99)), "action", "action 99, which no agent may"),
        (writes((0, OUT_ACTION, int(Action.OPEN))), "action", "action 16"),
        (writes((0, OUT_ACTION, 1), (0, OUT_BOOK, 2)), "book", "book 2"),
        (overruns, "form", "wrote beyond out"),
        (counts(), "depends on its past", "keep state in memory only"),
    ],
)
def test_what_a_policy_must_not_do_is_found(policy, name, text):
    with pytest.raises(Falsified, match=text) as caught:
        check_policy(policy)
    assert caught.value.name == name
    shown = caught.value.reproducer if name == "depends on its past" else caught.value.reproducer.rsplit("\n", 1)[0]
    exec(compile(shown, "reproducer", "exec"), space := {policy.__name__: policy})
    assert space["see"]._fields == CALM_SEE._fields


def test_a_mind_keeps_its_memory_in_the_reproducer():
    with pytest.raises(Falsified) as caught:
        check_policy(Mind(writes(delay=-1), "bad", (3, 4)))
    assert "memory = np.array([3, 4] + [0] * 126" in caught.value.reproducer


def test_the_reproducer_of_a_policy_with_a_past_shows_it(capsys):
    fault = counts(itertools.count())
    with pytest.raises(Falsified) as caught:
        check_policy(fault)
    exec(caught.value.reproducer, {"policy": counts(itertools.count())})
    assert capsys.readouterr().out.endswith("sights are answered otherwise next time\n")


def test_a_delay_of_0_is_legal_and_an_exit_is_a_finding():
    check_policy(writes(delay=0))

    def leaves(see, memory, draw, out):
        raise SystemExit

    with pytest.raises(Falsified, match="raised SystemExit"):
        check_policy(leaves)
    for wrong in (3, None, Mind(7, "seven")):
        with pytest.raises(ConfigError):
            check_policy(wrong)

"""What follows from a finding: which sanctions, how much, and to whom the money goes.

Owns the ladder, the caps and the arithmetic of fines. What is taken is the gain (not capped) and a punitive part: of
each offence a share of the overcharge, more for each finding before, at most the cap per offence; of all together at
most a share of the agent's turnover, less what it was fined beyond gains in the same window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wattbook.messages import Action, Command
from wattbook.oversight import Sanction
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattbook.regulator.findings import Finding, Offence
    from wattbook.regulator.rules import Rules

FIXED = -1
"""The agent of the regulator's commands."""


class History(NamedTuple):
    """What is known of an agent when a finding is weighed.

    Attributes
    ----------
    earlier : int
        Findings of the same rule in the window before.
    turnover, fined : int
        In the window: what it sold, and its fines beyond gains [1e-8 EUR].
    """

    earlier: int
    turnover: int
    fined: int


class Fine(NamedTuple):
    """What a finding costs [1e-8 EUR]."""

    disgorged: int
    punitive: int


def fine_of(rules: Rules, offences: Sequence[Offence], history: History) -> Fine:
    """Work out a fine.

    >>> from wattbook.regulator.findings import Offence
    >>> from wattbook.regulator.rules import Rules
    >>> offence = Offence(0, gain=920_000_000, overcharge=950_000_000)
    >>> fine_of(Rules(), [offence], History(0, 6_000_000_000, 0))
    Fine(disgorged=920000000, punitive=475000000)
    >>> fine_of(Rules(), [offence], History(0, 2_000_000_000, 0))
    Fine(disgorged=920000000, punitive=300000000)
    """
    share_ppm = rules.punitive_ppm + history.earlier * rules.repeat_ppm
    each = [
        min(rules.cap_per_offence, half_even(max(0, offence.overcharge or offence.base) * share_ppm, PPM))
        for offence in offences
    ]
    left = history.turnover * rules.turnover_ppm // PPM - history.fined
    return Fine(sum(max(0, offence.gain) for offence in offences), max(0, min(sum(each), left)))


def steps_of(rules: Rules, finding: Finding, earlier: int) -> tuple[Sanction, ...]:
    """Give the sanctions of an agent's next finding under a rule."""
    ladder = rules.ladder[finding.rule]
    return ladder[min(earlier, len(ladder) - 1)]


def commands_of(
    rules: Rules, finding: Finding, number: int, steps: Sequence[Sanction], fine: Fine, now_ms: int
) -> list[Command]:
    """Put sanctions into the words of the market."""
    said: list[Command] = []
    for step in steps:
        if step == Sanction.WARNING:
            said.append(_said(now_ms, Action.WARN, number))
        elif step == Sanction.MITIGATION:
            until = now_ms + rules.mitigation_ms
            said.append(_said(now_ms, Action.MITIGATE, number, price_tick=finding.price_tick, flags=until))
        elif step == Sanction.PRICE_CAP:
            until = now_ms + rules.mitigation_ms
            said.append(_said(now_ms, Action.CAP, number, price_tick=finding.price_tick, flags=until))
        elif step == Sanction.SUSPENSION:
            said.append(_said(now_ms, Action.SUSPEND, number, flags=now_ms + rules.suspension_ms))
        elif step == Sanction.HALT:
            said.append(
                Command(now_ms, FIXED, Action.HALT, finding.book, finding.period, number, flags=finding.until_ms)
            )
        elif step == Sanction.COLLAR:
            said.append(_said(now_ms, Action.COLLAR, number, price_tick=finding.price_tick))
        elif fine.disgorged + fine.punitive:
            said += _fined(rules, finding, number, fine, now_ms)
    return said


def _fined(rules: Rules, finding: Finding, number: int, fine: Fine, now_ms: int) -> list[Command]:
    """Take the fine, and give the gain in it to those who paid too much."""
    said = [_said(now_ms, Action.FINE, number, price_tick=fine.disgorged, quantity=fine.punitive)]
    total = sum(weight for _, weight in finding.victims)
    if not rules.to_consumers or not total:
        return said
    given = weighed = 0
    for agent, weight in finding.victims:
        weighed += weight
        # Shares of a running sum: what is rounded off one comes to the next, and all together is all.
        part = fine.disgorged * weighed // total - given
        given += part
        if part:
            said.append(_said(now_ms, Action.REFUND, number, period=agent, quantity=part))
    return said


def _said(
    now_ms: int,
    action: Action,
    number: int,
    *,
    period: int = -1,
    price_tick: int = 0,
    quantity: int = 0,
    flags: int = 0,
) -> Command:
    return Command(
        now_ms, FIXED, action, period=period, order=number, price_tick=price_tick, quantity_wh=quantity, flags=flags
    )

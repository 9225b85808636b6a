"""The words of the regulator: rules that can be broken, sanctions, and what evidence is made of.

Closed lists, as they stand in the journal's ``findings``, ``evidence`` and ``sanctions``. Knows nothing of how a rule
is watched, nor of what follows from a sanction.
"""

from __future__ import annotations

from enum import IntEnum


class Rule(IntEnum):
    """What the regulator watches, as REMIT and ACER's guidance name it where they do."""

    GOUGING = 1
    """Abusive mark-up: structure, conduct and impact together."""
    WITHHOLDING = 2
    RETAIL_MARK_UP = 3
    DEFAULT_TARIFF_CAP = 4
    EMERGENCY = 5
    WASH_TRADES = 6
    LAYERING = 7
    MARKING_THE_CLOSE = 8
    SYSTEMATIC_IMBALANCE = 9
    QUOTA_BREACH = 10
    CONCENTRATION = 11
    CIRCUIT_BREAKER = 12
    COLLAR = 13


class Sanction(IntEnum):
    """What can follow from a finding."""

    WARNING = 1
    MITIGATION = 2
    FINE = 3
    PRICE_CAP = 4
    SUSPENSION = 5
    HALT = 6
    COLLAR = 7


class Item(IntEnum):
    """What a line of evidence tells; `place` is the period that it is about, unless it says otherwise."""

    OFFENCE = 1
    """`value` is the offence's key among those of its rule and agent; `place` the period."""
    EVENT = 2
    """`place` is an index into `SEEN_STREAMS`, `value` the row's seq in that stream."""
    PRICE_TICK = 3
    COUNTERFACTUAL_TICK = 4
    REFERENCE_TICK = 5
    OFFER_TICK = 6
    """Highest ask of the agent."""
    CONDUCT_LIMIT_TICK = 7
    IMPACT_LIMIT_TICK = 8
    RSI_PPM = 9
    DEMAND_WH = 10
    SUPPLY_WH = 11
    UNCOMMITTED_WH = 12
    SOLD_WH = 13
    BOUGHT_WH = 14
    COUNTERFACTUAL_SOLD_WH = 15
    TURNOVER = 16
    """Trailing, that the fine's cap counts by [1e-8 EUR]."""
    FINED = 17
    """Beyond gains, in the same window before [1e-8 EUR]."""
    EARLIER = 18
    """Findings of the same rule and agent before."""
    HHI = 19
    OUTPUT_GAP_PPM = 20
    WITHHELD_WH = 21
    RETAIL_TICK = 22
    COST_TICK = 23
    ALLOWED_TICK = 24
    SCORE = 25
    """Of repetitions, in millionths where it is a share."""
    COUNT = 26
    GROSS_WH = 27
    NET_WH = 28
    PARTNER = 29
    """An agent that took part."""
    SHARE_PPM = 30
    MOVE_TICK = 31
    ENERGY_WH = 32
    MONEY = 33
    SINCE_MS = 34
    UNTIL_MS = 35
    GAIN = 36
    """Of the offence told just before, as the next three [1e-8 EUR]."""
    OVERCHARGE = 37
    HARM = 38
    BASE = 39
    """What a fine counts by where nothing was overcharged."""
    JUDGED = 40
    """1 where a judge chose the sanctions, 0 where it failed and the ladder did."""
    STRENGTH = 41
    """Share of a fine beyond the gain that a judge took, where that is not all of it [ppm]."""
    DURATION = 42
    """How long a judge lets sanctions last, where that is not as the rules say [ms]."""
    LAYERED_WH = 100
    """Taken back soon after fills on the other side, net of what was put up again and of what their own side lost."""
    HHI_CAPACITY = 200
    HHI_LIMIT = 201
    """Of `HHI`, and with the next one of `HHI_CAPACITY`."""
    HHI_CAPACITY_LIMIT = 202
    JOINTLY_PIVOTAL_PPM = 203
    """Share of periods in which three producers together could not be done without."""
    ECONOMIC_WH = 204
    """What a plant could have given, not sold ahead, and sold at a profit."""
    OFFERED_WH = 205
    CAP_TICK = 206
    """Highest price of the auction before it moves."""
    MOVE_LIMIT_TICK = 207
    """Move of a price from `REFERENCE_TICK` that is still let pass."""
    STATIC = 208
    """1 where the reference is that of the whole book, 0 where it is that of the product."""


SEEN_STREAMS = (
    "commands", "orders", "trades", "spot", "supply", "served", "positions", "contracts", "tariffs", "switches",
    "moves", "groups",
)  # fmt: skip
"""Streams of which the regulatory record has rows, in the order that `Item.EVENT` counts by."""

"""Time: SimPy's clock, the wake order, the agents' processes, the market's day.

Knows neither files nor frames. The one importer of `simpy`.
"""

from __future__ import annotations

from wattbook.world.clock import Alarm, Rank, agent_ranks
from wattbook.world.outlook import Outlook
from wattbook.world.world import Progress, World

__all__ = ["Alarm", "Outlook", "Progress", "Rank", "World", "agent_ranks"]

"""Series and networks: who is connected where, and the energy that flows when nobody decides anything.

Owns the shipped grid, the shipped power plants and prices, the SimBench imports, local calendars, users' profiles, the
seeded day bootstrap and the one rounding of series to whole watt-hours. Refuses to know agents, orders and clocks.
Polars is imported where a file is read, never with the room.
"""

from wattbook.data.bootstrap import WINDOW_DAYS, YearCalendar, bootstrap_days, year_calendar
from wattbook.data.calendar import (
    DayType,
    LocalDay,
    day_type,
    easter_sunday,
    german_holidays,
    local_date,
    local_days,
    midnight_ms,
    parse_start,
    periods,
    utc_text,
    zone,
)
from wattbook.data.ercot import import_ercot
from wattbook.data.homes import fill_homes_wh
from wattbook.data.prices import Prices, load_prices, price_names
from wattbook.data.profile import Profile, ProfileSummary, check_profile, profile_wh, read_profile
from wattbook.data.quantise import quantise
from wattbook.data.series import Grid, Member, Plant, grid_names, load_grid, member_load_wh, plant_wh
from wattbook.data.simbench import import_simbench
from wattbook.data.simbench_supply import import_simbench_supply
from wattbook.data.supply import Fuel, PlantRow, Supply, load_fuels, load_plants, supply_names

__all__ = [
    "WINDOW_DAYS",
    "DayType",
    "Fuel",
    "Grid",
    "LocalDay",
    "Member",
    "Plant",
    "PlantRow",
    "Prices",
    "Profile",
    "ProfileSummary",
    "Supply",
    "YearCalendar",
    "bootstrap_days",
    "check_profile",
    "day_type",
    "easter_sunday",
    "fill_homes_wh",
    "german_holidays",
    "grid_names",
    "import_ercot",
    "import_simbench",
    "import_simbench_supply",
    "load_fuels",
    "load_grid",
    "load_plants",
    "load_prices",
    "local_date",
    "local_days",
    "member_load_wh",
    "midnight_ms",
    "parse_start",
    "periods",
    "plant_wh",
    "price_names",
    "profile_wh",
    "quantise",
    "read_profile",
    "supply_names",
    "utc_text",
    "year_calendar",
    "zone",
]

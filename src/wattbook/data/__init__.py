"""Series and networks: who is connected where, and the energy that flows when nobody decides anything.

Owns the shipped grid, the SimBench import, local calendars, users' profiles, the seeded day bootstrap and the one
rounding of series to whole watt-hours. Refuses to know agents, prices and clocks. Polars is imported where a file is
read, never with the room.
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
from wattbook.data.homes import fill_homes_wh
from wattbook.data.profile import Profile, ProfileSummary, check_profile, profile_wh, read_profile
from wattbook.data.quantise import quantise
from wattbook.data.series import Grid, Member, Plant, grid_names, load_grid, member_load_wh, plant_wh
from wattbook.data.simbench import import_simbench

__all__ = [
    "WINDOW_DAYS",
    "DayType",
    "Grid",
    "LocalDay",
    "Member",
    "Plant",
    "Profile",
    "ProfileSummary",
    "YearCalendar",
    "bootstrap_days",
    "check_profile",
    "day_type",
    "easter_sunday",
    "fill_homes_wh",
    "german_holidays",
    "grid_names",
    "import_simbench",
    "load_grid",
    "local_date",
    "local_days",
    "member_load_wh",
    "midnight_ms",
    "parse_start",
    "periods",
    "plant_wh",
    "profile_wh",
    "quantise",
    "read_profile",
    "utc_text",
    "year_calendar",
    "zone",
]

"""One run's journal as columns in memory, and the names of its numbers.

Owns the reading of the journal's header. Refuses to know how the rows came about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import numpy as np

from wattbook.data import zone
from wattbook.errors import ConfigError, CorruptError
from wattbook.journal import FRAME_ROWS, read_journal, write_journal
from wattbook.messages import MOVES, SHARES, TARIFFS, Cause, House, Path, Stream, Venue, streams_of
from wattbook.results.incentives import incentive_faults
from wattbook.results.oversight_header import oversight_header_faults, oversight_stream_faults
from wattbook.results.suppliers import Supplied
from wattbook.results.wholesale_header import (
    WholesalePlace,
    contract_faults,
    wholesale_faults,
    wholesale_reference_faults,
)

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import NDArray

    from wattbook.results.advice import Advised

    Ints = NDArray[np.int64]
    Columns = Mapping[str, NDArray[Any]]

BLOCK_ROWS: Final = FRAME_ROWS
"""Rows of a stream that are looked at together: a city's day must not lie in memory at once, and arrays that fit into
a processor's cache are used again, where longer ones are fetched from the system and given back each time."""
_LIMIT: Final = 1 << 40
"""No price, rate or size in a header comes near it; more is damage."""
_EARLIEST_MS: Final = -62_135_510_400_000
_LATEST_MS: Final = 253_402_214_400_000
"""The calendar's years 1 to 9999, less a day at either end for the sake of time zones."""


class LiveJournal(Protocol):
    """What a journal that was just written offers."""

    header: Any

    def read(self, stream: str) -> dict[str, NDArray[Any]]:
        """Give all rows of one stream."""

    def blocks(self, stream: str, only: Collection[str] | None = None) -> Iterator[dict[str, NDArray[Any]]]:
        """Give all rows of one stream, some at a time, all columns or `only` these."""

    def fingerprint(self) -> str:
        """Give the SHA-256 [hex] of all rows."""


class Shelf(Mapping[str, "dict[str, NDArray[Any]]"]):
    """A journal's streams by name, each read when it is first asked for as a whole, and then kept."""

    def __init__(self, journal: LiveJournal) -> None:
        self._journal = journal
        self._held: dict[str, dict[str, NDArray[Any]]] = {}

    def __getitem__(self, name: str) -> dict[str, NDArray[Any]]:
        if name not in self._held:
            self._held[name] = self._journal.read(name)
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return (stream.name for stream in streams_of(self._journal.header))

    def __len__(self) -> int:
        return len(streams_of(self._journal.header))

    def __contains__(self, name: object) -> bool:
        # A mapping's own test would read the stream to see whether it is there.
        return any(stream.name == name for stream in streams_of(self._journal.header))

    def blocks(self, name: str, only: Collection[str] | None = None) -> Iterator[dict[str, NDArray[Any]]]:
        """Give a stream's rows some at a time, all columns or `only` these; nothing is kept."""
        return iter([_chosen(self._held[name], only)]) if name in self._held else self._journal.blocks(name, only)


@dataclass(frozen=True, eq=False)
class Record:
    """What one run wrote down: everything that results are made of.

    Attributes
    ----------
    header : dict
        The journal's header.
    streams : dict of str to dict of str to ndarray, (rows,)
        Columns by stream and name, as `wattbook.messages.streams_of` says.
    fingerprint : str
        Of the journal.
    complete : bool
        False if the run was stopped before its end.
    """

    header: dict[str, Any]
    streams: Mapping[str, dict[str, NDArray[Any]]]
    fingerprint: str
    complete: bool = True
    memo: dict[str, Any] = field(default_factory=dict, repr=False)
    """What was worked out of the streams once and is asked for again."""
    advice: tuple[Advised, ...] | None = None
    """What a language model was asked, see `wattbook.results.advice`; None where nobody asked one."""

    @classmethod
    def of(cls, journal: LiveJournal, complete: bool = True) -> Self:
        """Take what a journal holds so far."""
        streams = {stream.name: journal.read(stream.name) for stream in streams_of(journal.header)}
        return cls(dict(journal.header), streams, journal.fingerprint(), complete)

    @classmethod
    def over(cls, journal: LiveJournal) -> Self:
        """Read a finished run's journal when its rows are asked for; it must not change any more."""
        return cls(dict(journal.header), Shelf(journal), journal.fingerprint())

    def blocks(
        self, name: str, rows: int = BLOCK_ROWS, *, only: Collection[str] | None = None
    ) -> Iterator[dict[str, NDArray[Any]]]:
        """Give a stream in blocks of exactly `rows` rows, the last one shorter; none where it is empty.

        How the journal's frames were cut leaves no trace in it.

        Parameters
        ----------
        only : collection of str or None
            Columns to give, where not all are needed: what is not unfolded costs nothing.
        """
        if isinstance(self.streams, Shelf):
            parts = self.streams.blocks(name, only)
        else:
            parts = iter([_chosen(self.streams[name], only)])
        waiting: list[dict[str, NDArray[Any]]] = []
        count = 0
        for part in parts:
            waiting.append(part)
            count += _height(part)
            if count >= rows:
                together = joined(waiting)
                whole = count - count % rows
                for first in range(0, whole, rows):
                    yield {key: column[first : first + rows] for key, column in together.items()}
                waiting, count = [{key: column[whole:] for key, column in together.items()}], count - whole
        if count:
            yield joined(waiting)

    def pieces(self, name: str, *, only: Collection[str]) -> Iterator[dict[str, NDArray[Any]]]:
        """Give some columns of a stream in pieces of at most `BLOCK_ROWS` rows, as they lie: cheaper than `blocks`.

        For sums of whole numbers: those of floats would show in their last bits where the pieces end.
        """
        if not isinstance(self.streams, Shelf):
            yield from self.blocks(name, only=only)
            return
        for part in self.streams.blocks(name, only):
            for first in range(0, _height(part), BLOCK_ROWS):
                yield {key: column[first : first + BLOCK_ROWS] for key, column in part.items()}

    def advised(self, advice: tuple[Advised, ...]) -> Self:
        """Give the same run with what a language model was asked in it."""
        return replace(self, advice=advice, memo={})

    def part(self, name: str, block: dict[str, NDArray[Any]]) -> Record:
        """Give the same run with a block of one stream in its place, and no other stream."""
        part = Record(self.header, {name: block}, self.fingerprint, self.complete)
        part.__dict__["place"], part.__dict__["people"] = self.place, self.people
        return part

    @classmethod
    def read(cls, data: bytes, name: str) -> Self:
        """Read a journal file's bytes; `name` is what errors call it.

        Raises
        ------
        CorruptError
            If it is not a sound journal of this version, or holds numbers that stand for nothing.
        """
        try:
            reading = read_journal(data)
        except CorruptError as error:
            raise CorruptError(f"{name}: {problem}" for problem in error.problems) from error
        if reading.torn_bytes:
            raise CorruptError(f"{name}: its last {reading.torn_bytes} bytes are torn")
        if reading.schema != streams_of(reading.header):
            raise CorruptError(f"{name}: its streams are not those of this version")
        faults = header_faults(reading.header) or stream_faults(reading.header, reading.streams)
        if faults:
            raise CorruptError(f"{name}: {fault}" for fault in faults)
        return cls(reading.header, reading.streams, reading.fingerprint, reading.complete)

    def write(
        self, path: pathlib.Path, readers: Mapping[str, Callable[[dict[str, NDArray[Any]]], None]] | None = None
    ) -> dict[str, Any]:
        """Write the journal to a file that does not exist yet; the same rows always give the same bytes.

        Parameters
        ----------
        readers : mapping of str to callable
            By stream, who else is to see its blocks of `BLOCK_ROWS`.

        Returns
        -------
        dict of str
            SHA-256 [hex] and bytes of the file.
        """
        schema = [stream for stream in streams_of(self.header) if stream.name in self.streams]
        closing = self.fingerprint if self.complete else None

        def blocks(name: str) -> Iterator[dict[str, NDArray[Any]]]:
            read = (readers or {}).get(name)
            for block in self.blocks(name, FRAME_ROWS):
                if read is not None:
                    read(block)
                yield block

        written = write_journal(path, schema, self.header, blocks, closing)
        return {"sha256": written.digest.hexdigest(), "bytes": written.size}

    @cached_property
    def shares(self) -> dict[str, NDArray[Any]]:
        """What was shared after the event, (rows,) each; no rows where energy is traded, or neither."""
        return self.rows(SHARES)

    def rows(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Give a stream that not every journal has, (rows,) each; no rows where there is none."""
        if stream.name in self.streams:
            return self.streams[stream.name]
        return {name: np.zeros(0, np.int64) for name, _ in stream.columns}

    @property
    def wholesale(self) -> WholesalePlace | None:
        """The wholesale market's part of the header as arrays; None where there is no such market."""
        if "wholesale" not in self.header:
            return None
        memo = self.place.memo
        if "wholesale" not in memo:
            memo["wholesale"] = WholesalePlace.of(self.header["wholesale"], self.place.names, self.place.supplier)
        found: WholesalePlace = memo["wholesale"]
        return found

    @cached_property
    def place(self) -> Place:
        """The header as arrays, with tariffs and contracts as they were in the end."""
        place = Place.of(self.header, self.people)
        changed, moves = self.rows(TARIFFS), self.rows(MOVES)
        row = np.full(place.agents, -1)
        row[place.supplier] = np.arange(len(place.supplier))
        if len(changed["agent"]):
            # A period's last row holds: of one assignment twice NumPy keeps the later.
            place.retail_tick[row[changed["agent"]], changed["period"]] = changed["retail_tick"]
        if len(moves["agent"]):
            supplied = Supplied(place.utility, place.periods, moves["agent"], moves["period"], row[moves["new"]])
            place = replace(place, supplied=supplied)
        return place

    @cached_property
    def people(self) -> dict[str, list[Any]]:
        """What the header tells of the agents, see `people_of`."""
        return people_of(self.header)


def _height(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _chosen(columns: dict[str, NDArray[Any]], only: Collection[str] | None) -> dict[str, NDArray[Any]]:
    return columns if only is None else {name: columns[name] for name in only}


def joined(parts: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Put blocks of one stream together, at least one."""
    if len(parts) == 1:
        return parts[0]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


@dataclass(frozen=True, eq=False)
class Place:
    """Who lives where, under which tariff: the header as arrays, one row per agent (a,).

    Attributes
    ----------
    names, accounts, books : tuple of str
    feeder : (a,) int64
        Book of the agent's feeder, -1 where it has none.
    utility : (a,) int64
        Row of `retail_tick` and `feed_in_tick` that the agent pays and gets at the start; -1 for a utility.
    supplier : (u,) int64
        Agent behind each row of the tariffs.
    retail_tick, feed_in_tick : (u, p) int64
    fee_tick : (3,) int64
        Network fee by `Path`.
    gate_before_ms : int
        Gate closure before a period's start.
    mechanism : str
        "continuous", "call", or the rule by which energy is shared; "none" without a local market.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    accounts: tuple[str, ...]
    books: tuple[str, ...]
    venues: Ints
    feeder: Ints
    utility: Ints
    supplier: Ints
    vat_ppm: Ints
    capacity_wh: Ints
    soc_start_wh: Ints
    charge_ppm: Ints
    removal: Ints
    retail_tick: Ints
    feed_in_tick: Ints
    fee_tick: Ints
    start_ms: int
    period_ms: int
    periods: int
    gate_before_ms: int
    mechanism: str
    supplied: Supplied | None = None
    """Where members have moved: who supplied whom when."""
    memo: dict[str, Any] = field(default_factory=dict, repr=False)
    """What was made of it once and is asked for again."""

    @classmethod
    def of(cls, header: Mapping[str, Any], people: Mapping[str, list[Any]] | None = None) -> Self:
        """Read a header; `people` is what `people_of` makes of it, where that is known."""
        people = people or people_of(header)
        names = tuple(people["agent"])
        books = tuple(book["book"] for book in header["books"])
        tariffs = header["tariffs"]
        rows = {name: row for row, name in enumerate(tariffs)}
        shelf = {name: index for index, name in enumerate(books)}
        seat = {name: index for index, name in enumerate(names)}
        market = header["local_market"] or {"closes_before_ms": 0}

        def column(key: str) -> Ints:
            return np.array(people[key], np.int64)

        def tariff(key: str) -> Ints:
            return np.array([tariffs[name][key] for name in tariffs], np.int64).reshape(len(tariffs), header["periods"])

        return cls(
            names=names,
            kinds=tuple(people["kind"]),
            accounts=tuple(header["accounts"]),
            books=books,
            venues=np.array([Venue[book["venue"].upper()] for book in header["books"]], np.int64),
            feeder=np.array([shelf.get(feeder, -1) for feeder in people["feeder"]], np.int64),
            utility=np.array([rows.get(utility, -1) for utility in people["utility"]], np.int64),
            supplier=np.array([seat[name] for name in tariffs], np.int64),
            vat_ppm=column("vat_ppm"),
            capacity_wh=column("capacity_wh"),
            soc_start_wh=column("soc_start_wh"),
            charge_ppm=column("charge_ppm"),
            removal=column("removal"),
            retail_tick=tariff("retail_tick"),
            feed_in_tick=tariff("feed_in_tick"),
            fee_tick=np.array(header["network"]["fee_tick"], np.int64),
            start_ms=header["start_ms"],
            period_ms=header["period_ms"],
            periods=header["periods"],
            gate_before_ms=market["closes_before_ms"],
            mechanism=_mechanism(header["local_market"]),
        )

    @property
    def agents(self) -> int:
        """Number of agents."""
        return len(self.names)

    @property
    def has_district(self) -> bool:
        """True if there is a book between feeders."""
        return bool((self.venues == Venue.DISTRICT).any())

    @property
    def has_gateway(self) -> bool:
        """True if there is a book in which homes meet utilities and producers."""
        return bool((self.venues == Venue.WHOLESALE).any())

    @property
    def homes(self) -> NDArray[np.bool_]:
        """Mask (a,) of all agents that a utility supplies."""
        return self.utility >= 0

    @property
    def members(self) -> NDArray[np.bool_]:
        """Mask (a,) of the homes that a local book stands open for."""
        return self.homes & (self.feeder >= 0)

    def utility_at(self, agent: NDArray[Any], period: NDArray[Any]) -> Ints:
        """Row of the tariffs (n,) that each agent paid and got in a period; -1 for a utility."""
        found: Ints = self.utility[agent] if self.supplied is None else self.supplied.at(agent, period)
        return found

    def house(self, house: House) -> int:
        """Account of `house`."""
        return self.agents + house

    def gate_ms(self, period: Ints) -> Ints:
        """Gate closure [ms UTC] of each of `period` (n,)."""
        gates: Ints = self.start_ms + period * self.period_ms - self.gate_before_ms
        return gates


def _mechanism(market: Mapping[str, Any] | None) -> str:
    """Name the way in which neighbours come to each other's energy."""
    if market is None:
        return "none"
    if market.get("sharing") is not None:
        return str(market["sharing"]["mechanism"])
    return "continuous" if market.get("auction") is None else "call"


_TEXTS: Final = ("kind", "feeder", "utility", "persona", "policy", "label")
_NUMBERS: Final = ("vat_ppm", "capacity_wh", "soc_start_wh", "charge_ppm", "removal")


def people_of(header: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Read what a header tells of the agents, column by column: one by one, or of a large place in columns.

    Returns
    -------
    dict of str to list, (a,)
        Texts or None; numbers, 0 where nothing is told.
    """
    told = header["agents"]
    if isinstance(told, list):
        texts = {key: [agent.get(key) for agent in told] for key in ("agent", *_TEXTS)}
        return texts | {key: [agent.get(key, 0) for agent in told] for key in _NUMBERS}
    columns: dict[str, list[Any]] = {"agent": told["agent"]}
    for key in _TEXTS:
        words = [*told[key]["words"], None]
        columns[key] = [words[place] for place in told[key]["code"]]
    return columns | {key: told[key] for key in _NUMBERS}


def _are_people(told: object) -> bool:
    """Say whether columns of agents are sound."""
    if not isinstance(told, dict) or told.keys() != {"agent", *_TEXTS, *_NUMBERS}:
        return False
    names = told["agent"]
    if not isinstance(names, list) or not all(map(_text, names)):
        return False
    return all(_is_worded(told[key], len(names)) for key in _TEXTS) and all(
        _wholes(told[key], len(names)) for key in _NUMBERS
    )


def _is_worded(told: object, length: int) -> bool:
    if not isinstance(told, dict) or told.keys() != {"words", "code"} or not isinstance(told["words"], list):
        return False
    sound = all(map(_text, told["words"])) and _wholes(told["code"], length)
    return sound and all(-1 <= place < len(told["words"]) for place in told["code"])


def header_faults(header: object) -> list[str]:
    """Say what keeps `header` from being the header of a run; nothing if it is one."""
    if not isinstance(header, dict):
        return ["its header is not a mapping"]
    faults = [f"its header has no sound {key!r}" for key, sound in _SOUND.items() if not _holds(sound, header, key)]
    if "wholesale" in header:
        faults += wholesale_faults(header["wholesale"])
    if "incentives" in header and not faults:
        faults += incentive_faults(header["incentives"], len(people_of(header)["agent"]))
    return faults or _reference_faults(header)


def _holds(sound: Callable[[Any, dict[str, Any]], bool], header: dict[str, Any], key: str) -> bool:
    return key in header and sound(header[key], header)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_LIMIT * _LIMIT < value < _LIMIT * _LIMIT


def is_moment(value: object) -> bool:
    """Say whether `value` is a time [ms UTC] that a calendar can show."""
    return _whole(value) and _EARLIEST_MS <= value <= _LATEST_MS  # type: ignore[operator]  # _whole has looked


def _wholes(value: object, length: object) -> bool:
    return isinstance(value, list) and len(value) == length and all(map(_small, value))


def _small(value: object) -> bool:
    return _whole(value) and abs(value) < _LIMIT  # type: ignore[arg-type]  # _whole has looked


def _text(value: object) -> bool:
    return isinstance(value, str)


def _is_agent(value: object) -> bool:
    return (
        isinstance(value, dict)
        and _text(value.get("agent"))
        and _text(value.get("kind"))
        and all(key in value and (value[key] is None or _text(value[key])) for key in ("feeder", "utility"))
        and all(_small(value.get(key, 0)) for key in ("vat_ppm", "soc_start_wh", "charge_ppm", "removal"))
        and all(value.get(key) is None or _text(value[key]) for key in ("persona", "policy", "label"))
    )


def _is_zone(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(zone(value))
    except ConfigError:
        return False


def _is_book(value: object) -> bool:
    return (
        isinstance(value, dict)
        and _text(value.get("book"))
        and value.get("venue") in {venue.name.lower() for venue in Venue}
    )


def _is_sharing(value: object) -> bool:
    return isinstance(value, dict) and _text(value.get("mechanism"))


def _is_tariff(value: object, periods: object) -> bool:
    return isinstance(value, dict) and all(_wholes(value.get(key), periods) for key in ("retail_tick", "feed_in_tick"))


_SOUND: Final[dict[str, Callable[[Any, dict[str, Any]], bool]]] = {
    "agents": lambda value, _: all(map(_is_agent, value)) if isinstance(value, list) else _are_people(value),
    "accounts": lambda value, _: isinstance(value, list) and all(map(_text, value)),
    "books": lambda value, _: isinstance(value, list) and all(map(_is_book, value)),
    "start_ms": lambda value, _: is_moment(value),
    "timezone": lambda value, _: _is_zone(value),
    "run": lambda value, _: isinstance(value, dict),
    "period_ms": lambda value, _: _whole(value) and 0 < value < 1 << 40,
    "periods": lambda value, _: _whole(value) and 0 <= value < 1 << 31,
    "spot_tick": lambda value, header: _wholes(value, header.get("periods")),
    "tariffs": lambda value, header: (
        isinstance(value, dict) and all(_is_tariff(tariff, header.get("periods")) for tariff in value.values())
    ),
    "network": lambda value, _: isinstance(value, dict) and _wholes(value.get("fee_tick"), len(Path)),
    "local_market": lambda value, _: (
        value is None
        or (
            isinstance(value, dict)
            and _small(value.get("closes_before_ms"))
            and (value.get("sharing") is None or _is_sharing(value["sharing"]))
        )
    ),
}


def _reference_faults(header: dict[str, Any]) -> list[str]:
    people = people_of(header)
    names = people["agent"]
    books = {book["book"] for book in header["books"]}
    faults = []
    if header["accounts"] != [*names, *(house.name for house in House)]:
        faults.append("its accounts are not the agents' and the houses'")
    if sorted(set(names)) != names:
        faults.append("its agents are not sorted by names of their own")
    if not set(header["tariffs"]) <= set(names):
        faults.append("a tariff belongs to no agent")
    if any(utility is not None and utility not in header["tariffs"] for utility in people["utility"]):
        faults.append("an agent's utility has no tariff")
    if any(feeder is not None and feeder not in books for feeder in people["feeder"]):
        faults.append("an agent's feeder has no book")
    if "wholesale" in header:
        faults += wholesale_reference_faults(header["wholesale"], names, set(header["tariffs"]))
    if "regulator" in header and not faults:
        faults += oversight_header_faults(header)
    return faults


def stream_faults(header: Mapping[str, Any], streams: Mapping[str, Columns]) -> list[str]:
    """Say which columns of facts hold numbers that stand for nothing under a sound `header`.

    Commands, and the orders that answer them, may name anything: what does not exist was refused.
    """
    agents, periods = len(people_of(header)["agent"]), header["periods"]
    highest = {
        "agent": agents, "buyer": agents, "seller": agents, "utility": agents, "account": len(header["accounts"]),
        "old": agents, "new": agents, "book": len(header["books"]), "period": periods, "cause": len(Cause),
        "path": len(Path),
    }  # fmt: skip
    faults = []
    later = [
        name
        for name in ("shares", "spot", "supply", "served", "positions", "tariffs", "switches", "moves")
        if name in streams
    ]
    for stream in ("trades", "postings", "meters", "flows", "groups", *later):
        for name in streams[stream].keys() & highest.keys():
            lowest = -1 if (stream, name) == ("postings", "period") else 0
            column = streams[stream][name]
            if column.size and not (lowest <= column.min() and column.max() < highest[name]):
                faults.append(f"{stream}.{name} holds numbers outside {lowest}..{highest[name] - 1}")
    if "tariffs" in streams and not faults:
        names = people_of(header)["agent"]
        if {names[agent] for agent in np.unique(streams["tariffs"]["agent"]).tolist()} - set(header["tariffs"]):
            faults.append("tariffs.agent names an agent without a tariff")
    if "moves" in streams and not faults:
        faults += _move_faults(header, streams["moves"])
    if "contracts" in streams:
        faults += contract_faults(header["wholesale"], agents, periods, streams["contracts"])
    if "regulator" in header:
        faults += oversight_stream_faults(agents, streams)
    return sorted(faults)


def _move_faults(header: Mapping[str, Any], moves: Columns) -> list[str]:
    """Say which moves are not of a member, or not between utilities."""
    people = people_of(header)
    supplies = np.array([name in header["tariffs"] for name in people["agent"]], np.bool_)
    is_home = np.array([utility is not None for utility in people["utility"]], np.bool_)
    sound = {"agent": is_home, "old": supplies, "new": supplies}
    return [f"moves.{name} names who is none" for name, known in sound.items() if not known[moves[name]].all()]

"""How detectors of manipulation are asked, and the laws that each of them keeps."""

import dataclasses
import json
from itertools import pairwise

import numpy as np
from benchmarks.tape import AGENTS


def cut(record, first_ms, past_ms):
    """Rows that become visible from `first_ms` to before `past_ms`."""
    return {
        stream: {name: column[(first_ms <= rows["visible_ms"]) & (rows["visible_ms"] < past_ms)]
                 for name, column in rows.items()}
        for stream, rows in record.items()
    }  # fmt: skip


def read(detector, record, pieces=1):
    for stream in detector.streams:
        rows = record[stream]
        edges = np.linspace(0, len(rows["seq"]), pieces + 1).astype(int)
        for first, past in pairwise(edges):
            detector.read(stream, {name: column[first:past] for name, column in rows.items()})


def look(detector, record, pieces=1):
    read(detector, record, pieces)
    return detector.review(0)


def offences(findings):
    """All offences as (agent, offence), whatever findings they came in."""
    return sorted((found.agent, each) for found in findings for each in found.offences)


def keeps_its_laws(make, record, rng):
    """Pieces, reviews and saving anywhere change nothing; names are nothing but names."""
    whole = offences(look(make(), record))
    times = np.concatenate([rows["visible_ms"] for rows in record.values()])
    edges = [0, *sorted(rng.choice(times, 4).tolist()), int(times.max()) + 1]
    detector, found = make(), []
    for first, past in pairwise(edges):
        found += look(detector, cut(record, first, past), int(rng.integers(1, 4)))
        kept = json.loads(json.dumps(detector.export()))
        detector = make()
        detector.restore(kept)
        assert json.loads(json.dumps(detector.export())) == kept
    assert offences(found) == whole
    names = rng.permutation(AGENTS)
    renamed = {
        stream: {name: names[column] if name in {"agent", "buyer", "seller"} else column
                 for name, column in rows.items()}
        for stream, rows in record.items()
    }  # fmt: skip
    assert offences(look(make(), renamed)) == sorted((int(names[agent]), each) for agent, each in whole)
    return whole


def tightened(detector, terms, known, record, name, higher):
    """What a threshold finds, and what it finds when it is raised (or, of a most, lowered)."""
    loose = offences(look(detector(known, terms), record))
    tight = offences(look(detector(known, dataclasses.replace(terms, **{name: higher})), record))
    return set(tight), set(loose)

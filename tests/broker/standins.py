"""Stand-ins: a model that answers by rule, in any order and with any fault, and a small world that asks it."""

import hashlib
import heapq
import json
import threading
from concurrent.futures import Future
from pathlib import Path

from wattbook.broker.broker import Broker
from wattbook.broker.settings import Settings
from wattbook.broker.tables import RunId
from wattbook.broker.words import Mode, Reply
from wattbook.decisions import TAKEN, Asked, Outcome, Question

CANARY = "sk-canary-4f1d2c"
SYSTEM = "You trade for a home. " + "Rules of the market follow, in many words that never change. " * 48
SCHEMA = json.dumps(
    {
        "additionalProperties": False,
        "properties": {
            "action": {"enum": ["buy", "none"]},
            "level": {"enum": [0, 1, 2, 3]},
            "why": {"maxLength": 120, "type": "string"},
        },
        "required": ["action", "level", "why"],
        "type": "object",
    },
    sort_keys=True,
    separators=(",", ":"),
)
RUN = RunId("street", "5eaa826237ce97a5", 7, 0)
START_MS = 1_465_164_000_000
STEP_MS = 900_000


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def make_asked(agent="ada", now_ms=START_MS, need=300, *, system=SYSTEM, schema=SCHEMA, salt=0, **more):
    observation = canonical({"need_wh": need, "tariffs": [{"handle": "a", "price": 17}], **more})
    return Asked(agent, Question.CONSUMER, now_ms, system, schema, observation, canonical({"replicate": salt}))


def answer_to(payload):
    """Answer by rule: a level drawn from what the model sees."""
    content = payload["messages"][0]["content"]
    level = hashlib.blake2b(content.encode()).digest()[0] % 4
    return canonical({"action": "buy" if level else "none", "level": level, "why": f"level {level} is fair here"})


def reply(text="", outcome=Outcome.OK, *, tokens=(900, 40), is_billed=True, sent=False, attempts=1):
    read, wrote = tokens if is_billed else (0, 0)
    return Reply(outcome, text, read, wrote, is_billed, sent, attempts, 321, 200, "req_011CabcdefGhijklmn")


FAILED = reply(outcome=Outcome.TIMEOUT, is_billed=False, sent=True)
REFUSED = reply(outcome=Outcome.RATE_LIMITED, is_billed=False)


class Model:
    """A caller: replies at once, or when told to.

    `replies(n, payload)` gives the n-th reply; with `waits` replies wait until `deliver` or, given `delays`, until that
    many seconds have passed.
    """

    def __init__(self, replies=None, *, waits=False, delays=None, provider="stub", key=CANARY):
        self.replies = replies or (lambda n, payload: reply(answer_to(payload)))
        self.waits, self.delays, self.provider = waits, delays, provider
        self.payloads, self.waiting, self.timers = [], [], []
        self.key, self.states = key, []

    def start(self):
        self.states.append("started")

    def close(self):
        self.states.append("closed")
        for timer in self.timers:
            timer.cancel()
            timer.join()
        for _, future in self.waiting:
            future.cancel()

    def send(self, call):
        n, future = len(self.payloads), Future()
        self.payloads.append(call.payload)
        said = self.replies(n, call.payload)
        if self.delays is not None:
            self.timers.append(threading.Timer(self.delays(n), future.set_result, (said,)))
            self.timers[-1].start()
        elif self.waits:
            self.waiting.append((said, future))
        else:
            future.set_result(said)
        return future

    def deliver(self, order=None):
        waiting, self.waiting = self.waiting, []
        for n in range(len(waiting)) if order is None else order(len(waiting)):
            said, future = waiting[n]
            future.set_result(said)


def open_broker(path, mode=Mode.RECORD, model=None, *, settings=None, run=RUN):
    model = None if mode is Mode.REPLAY else (model or Model())
    broker = Broker(path, mode, settings or Settings(), model, run)
    broker.start()
    return broker


def live_in(broker, decisions, *, agents=5, system=SYSTEM, seed=0, variety=60, before_settle=None):
    """Run a small world: agents ask in turn, think for one to four steps, and see what all did so far."""
    trace, open_tickets, total = [], [], 0

    def settle_until(step):
        nonlocal total
        while open_tickets and open_tickets[0][0] <= step:
            _, ticket, agent = heapq.heappop(open_tickets)
            if before_settle is not None:
                before_settle()
            answer = broker.answer(ticket)
            level = answer.values["level"] if answer.outcome in TAKEN else 0
            outcome = (
                Outcome.INFEASIBLE if answer.outcome in TAKEN and level == 3 and total % 5 == 4 else answer.outcome
            )
            total += level if outcome in TAKEN else 0
            acted = f"buy {level}" if outcome in TAKEN else "rule"
            trace.append((ticket, agent, acted))
            broker.settle(
                ticket, outcome=outcome, action=acted, rationale=answer.values["why"] if answer.values else ""
            )

    for step in range(decisions):
        settle_until(step)
        agent = f"home-{step % agents}"
        asked = make_asked(agent, START_MS + step * STEP_MS, (total * 7 + step + seed) % variety, system=system)
        heapq.heappush(open_tickets, (step + 1 + step % 4, broker.ask(asked), agent))
    settle_until(decisions + 9)
    return trace


def record(path, decisions=40, model=None, *, settings=None, run=RUN, **world):
    """Record a run to its end; give its trace and its decisions."""
    broker = open_broker(path, Mode.RECORD, model, settings=settings, run=run)
    try:
        trace = live_in(broker, decisions, **world)
        broker.finish(complete=True)
    finally:
        broker.close()
    return trace, broker.decisions


def replay(path, decisions=40, *, mode=Mode.REPLAY, model=None, settings=None, run=RUN, **world):
    """Replay a run; give its trace and its decisions."""
    broker = open_broker(path, mode, model, settings=settings, run=run)
    try:
        trace = live_in(broker, decisions, **world)
        broker.finish(complete=True)
    finally:
        broker.close()
    return trace, broker.decisions


def files_of(folder):
    return sorted(Path(folder).iterdir())

"""What a stub server makes of a request: which path, which behaviour, and what is billed for it.

Owns the counts of one stub. Keeps no header and no key.
"""

from __future__ import annotations

import json
import time
from collections import deque
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import ConfigError
from wattbook.testing.stub_answers import drawn, message, see
from wattbook.testing.stub_behaviours import ERRORS, PLAIN, Behaviour, Bucket, Counts, Kind, Meter, rule_of
from wattbook.testing.stub_wire import MOST_BODY_BYTES, Delivery, Hub, Request, response

if TYPE_CHECKING:
    from wattbook.testing.stub_answers import Answerer
    from wattbook.testing.stub_behaviours import Script

_ON_THE_WIRE: Final = (Kind.PLAIN, Kind.RESET, Kind.HALF_BODY, Kind.CUT_JSON, Kind.HTML, Kind.EMPTY_OBJECT)
_NOT_CARRIED_OUT: Final = (Kind.HTML, Kind.EMPTY_OBJECT)
_PAGE: Final = b"<!doctype html><html><title>Sign in</title><body>Sign in to this network.</body></html>"
_POST: Final = ("POST", "/v1/messages")
_PATHS: Final = "POST /v1/messages, POST /v1/messages/count_tokens, GET /v1/models/{id}, GET /stub/counts"


class Service:
    """A stub without its socket.

    Parameters are those of `wattbook.testing.Stub`.
    """

    def __init__(
        self,
        behaviour: Script = PLAIN,
        *,
        answer: Answerer | None = None,
        entry: Behaviour = PLAIN,
        bucket: Bucket | None = None,
        keep_requests: int = 0,
    ) -> None:
        if entry.kind not in _ON_THE_WIRE:
            raise ConfigError(f"entry= brings no message that could be {entry.kind!r}: type one of {_ON_THE_WIRE}")
        self.hub = Hub(self.serve)
        self.requests: deque[dict[str, Any]] = deque(maxlen=keep_requests)
        self.failure: Exception | None = None
        self._rule = rule_of(behaviour)
        self._answer, self._entry = answer, entry
        self._meter = Meter(bucket, time.monotonic()) if bucket else None
        self._counted = dict.fromkeys(Counts._fields, 0)
        self._let_in = 0

    @property
    def counts(self) -> Counts:
        """What was seen so far."""
        return Counts(**{**self._counted, "at_once": self.hub.most_at_once})

    def serve(self, request: Request) -> Delivery:
        """Say what is delivered for a request; what a user's function raises is kept for the end."""
        try:
            return self._routed(request)
        except Exception as error:  # noqa: BLE001 - a user's answer or behaviour may raise anything; raised at the end
            self.failure = self.failure or error
            return self._error(request, 500, f"the stub could not answer: {error}")

    def _routed(self, request: Request) -> Delivery:
        if request.fault:
            return self._error(request, request.fault, f"a stub takes bodies of known length up to {MOST_BODY_BYTES}")
        match request.method, request.path:
            case route if route == _POST:
                return self._post(request)
            case "POST", "/v1/messages/count_tokens":
                return self._count_tokens(request)
            case "GET", path if path.startswith("/v1/models/"):
                return self._shipped(request, self._entry, _model(path.rpartition("/")[2]), b"")
            case "GET", "/stub/counts":
                return self._shipped(request, PLAIN, self.counts._asdict(), b"")
        return self._error(request, 404, f"a stub has only {_PATHS}")

    def _post(self, request: Request) -> Delivery:
        self._counted["posts"] += 1
        self._counted["with_key"] += request.has_key
        wait_s = self._meter.refuses(time.monotonic()) if self._meter else None
        if wait_s is not None:
            return self._error(request, 429, "the bucket is empty", retry_after_s=wait_s)
        body = _read(request.body)
        problem = _problem(body, needs_most=True)
        if problem:
            return self._error(request, 400, problem)
        self.requests.append(body)
        self._let_in += 1
        behaviour = self._rule(body, self._let_in - 1)
        if not isinstance(behaviour, Behaviour):
            raise ConfigError(f"behaviour= gave {behaviour!r}: let it return a wattbook.testing.Behaviour")
        return self._carried_out(request, body, behaviour)

    def _carried_out(self, request: Request, body: dict[str, Any], behaviour: Behaviour) -> Delivery:
        seen = see(body)
        if behaviour.status or behaviour.kind in _NOT_CARRIED_OUT:
            return self._shipped(request, behaviour, {}, seen.digest)
        answered = message(body, seen, behaviour.kind, self._answer)
        self._counted["input_tokens"] += seen.input_tokens
        self._counted["output_tokens"] += answered.output_tokens
        return self._shipped(request, behaviour, answered.form, seen.digest)

    def _count_tokens(self, request: Request) -> Delivery:
        self._counted["token_counts"] += 1
        body = _read(request.body)
        problem = _problem(body, needs_most=False)
        if problem:
            return self._error(request, 400, problem)
        seen = see(body)
        return self._shipped(request, self._entry, {"input_tokens": seen.input_tokens}, seen.digest)

    def _shipped(self, request: Request, behaviour: Behaviour, form: dict[str, Any], digest: bytes) -> Delivery:
        """Bring an answer on its way, whole or not, after its latency."""
        wait_ms = behaviour.latency_ms + drawn(digest, "jitter") % (behaviour.jitter_ms + 1)
        if behaviour.status:
            delivery = self._error(
                request, behaviour.status, "as the script says", retry_after_s=behaviour.retry_after_s
            )
            return delivery._replace(wait_ms=wait_ms)
        if behaviour.kind == Kind.RESET:
            return Delivery(b"", wait_ms, keeps=False)
        if behaviour.kind == Kind.HTML:
            return Delivery(response(200, _PAGE, kind="text/html; charset=utf-8"), wait_ms)
        text = b"{}" if behaviour.kind == Kind.EMPTY_OBJECT else json.dumps(form).encode()
        if behaviour.kind == Kind.CUT_JSON:
            text = text[: len(text) // 2]
        raw = response(200, text, more=f"request-id: {_id_of(request)}\r\n")
        if behaviour.kind == Kind.HALF_BODY:
            return Delivery(raw[: len(raw) - len(text) // 2], wait_ms, keeps=False)
        return Delivery(raw, wait_ms)

    def _error(self, request: Request, status: int, says: str, *, retry_after_s: int | None = None) -> Delivery:
        if (request.method, request.path) == _POST:
            self._counted["refused" if status == 429 else "errors"] += 1
        name = _id_of(request)
        told = {"type": ERRORS[status], "message": f"stub: {says}"}
        form = {"type": "error", "error": told, "request_id": name}
        more = f"request-id: {name}\r\n"
        if status == 429 and retry_after_s is not None:
            more += f"retry-after: {retry_after_s}\r\n"
        if request.fault:
            more += "connection: close\r\n"
        return Delivery(response(status, json.dumps(form).encode(), more=more), keeps=not request.fault)


def _id_of(request: Request) -> str:
    return f"req_stub_{blake2b(request.body, digest_size=8).hexdigest()}"


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "type": "model",
        "display_name": f"Stub of {name}",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
    }


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _problem(body: Any, *, needs_most: bool) -> str:
    """Tell what the interface would not accept; empty for nothing."""
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return "the body must be a JSON object with a model"
    messages = body.get("messages")
    if not messages or not all(isinstance(each, dict) and "content" in each for each in messages):
        return "messages: give at least one, each with role and content"
    most = body.get("max_tokens")
    if needs_most and (not isinstance(most, int) or most < 1):
        return "max_tokens: give a whole number from 1 up"
    if body.get("stream"):
        return "stream: a stub answers in one piece"
    return _problem_of_format(body.get("output_config"))


def _problem_of_format(config: Any) -> str:
    form = config.get("format") if isinstance(config, dict) else None
    if config is not None and not isinstance(config, dict):
        return "output_config: give an object"
    if form is not None and not (isinstance(form, dict) and isinstance(form.get("schema"), dict)):
        return "output_config.format: give an object with a schema"
    return ""

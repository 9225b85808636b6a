"""A stub server keeps to its rate and to the wire, keeps no key, serves many at once and ends without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from wattbook.errors import ConfigError, ResourceError
from wattbook.testing import Behaviour, Bucket, Stub, stub_process
from wattbook.testing.stub import main
from wattbook.testing.stub_answers import see
from wattbook.testing.stub_behaviours import Counts, Meter
from wattbook.testing.stub_wire import MOST_BODY_BYTES, take

KEY = "sk-canary-0f3a"


def asked(says="hour 17", **changed):
    message = {"role": "user", "content": says}
    return {"model": "claude-haiku-5-5", "max_tokens": 256, "system": "You trade.", "messages": [message], **changed}


def wire(body, head=b""):
    raw = json.dumps(body).encode()
    return bytearray(b"POST /v1/messages HTTP/1.1\r\nContent-Length: %d\r\n%s\r\n" % (len(raw), head) + raw)


def connect(url):
    return http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)


def send(url, body, path="/v1/messages", method="POST", headers=None):
    """Send one request on a connection of its own; give status, headers in lower case and body."""
    line = connect(url)
    try:
        raw = body if isinstance(body, bytes) else json.dumps(body)
        line.request(method, path, body=raw, headers=headers or {})
        got = line.getresponse()
        return got.status, {name.lower(): value for name, value in got.getheaders()}, got.read()
    finally:
        line.close()


def answered(url, body):
    status, _, raw = send(url, body)
    assert status == 200, raw
    return json.loads(raw)


# --- the rate


def test_beyond_the_bucket_posts_are_refused_and_told_when_to_come_again():
    with Stub([Behaviour("refusal")], bucket=Bucket(per_s=0.01, burst=2)) as stub:
        got = [send(stub.url, asked()) for _ in range(4)]
        counts = stub.counts
    assert [status for status, _, _ in got] == [200, 200, 429, 429]
    assert 95 <= int(got[2][1]["retry-after"]) <= 100
    assert json.loads(got[3][2])["error"]["type"] == "rate_limit_error"
    assert (counts.posts, counts.refused) == (4, 2)


@pytest.mark.parametrize(
    ("bucket", "moments_s", "waits_s"),
    [
        (Bucket(2, burst=3), [0, 0, 0, 0, 0.4, 0.5, 0.6], [None, None, None, 1, 1, None, 1]),
        (Bucket(0.1), [0, 0, 5, 10], [None, 10, 5, None]),
        (Bucket(1, burst=2), [0, 0, 100, 100, 100], [None, None, None, None, 1]),
        (Bucket(1, retry_after_s=0), [0, 0], [None, 0]),
    ],
)
def test_a_bucket_fills_at_its_rate_up_to_its_burst(bucket, moments_s, waits_s):
    meter = Meter(bucket, 0.0)
    assert [meter.refuses(moment) for moment in moments_s] == waits_s


# --- the wire


def test_a_connection_is_kept_and_answers_come_in_order():
    with Stub(Behaviour(latency_ms=5)) as stub:
        line = connect(stub.url)
        ids = []
        for hour in range(3):
            line.request("POST", "/v1/messages", body=json.dumps(asked(f"hour {hour}")))
            ids.append(json.loads(line.getresponse().read())["id"])
            kept = line.sock
        assert line.sock is kept
        line.close()
        with socket.create_connection(stub.url.removeprefix("http://").split(":"), timeout=20) as raw:
            raw.sendall(b"".join(wire(asked(f"hour {hour}")) for hour in range(3)))
            got = b""
            while got.count(b"HTTP/1.1 200 OK") < 3 or got.count(b'"standard"') < 3:
                part = raw.recv(1 << 16)
                assert part, got
                got += part
    assert [got.index(name.encode()) for name in ids] == sorted(got.index(name.encode()) for name in ids)


def test_a_request_may_arrive_byte_by_byte():
    whole, buffer, found = wire(asked(), b"X-Api-Key: k\r\n"), bytearray(), []
    for byte in whole + whole:
        buffer.append(byte)
        taken = take(buffer)
        if taken:
            found.append(taken)
    assert [(each.method, each.path, each.has_key, json.loads(each.body)) for each in found] == [
        ("POST", "/v1/messages", True, asked())
    ] * 2
    assert not buffer


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /v1/messages HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1), 413),
        (b"GET /" + b"a" * 70_000, 413),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_connection_ends(raw, status):
    with Stub() as stub, socket.create_connection(stub.url.removeprefix("http://").split(":"), timeout=20) as line:
        line.sendall(raw)
        got = b""
        while part := line.recv(1 << 16):
            got += part
    assert got.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nwattbook-stub: 1\r\n" in got
    assert b'"type": "error"' in got


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON object"), ([], "JSON object"), (asked(model=3), "model"), (asked(messages=[]), "messages"),
        (asked(messages=["hello"]), "messages"), (asked(max_tokens=0), "max_tokens"), (asked(stream=True), "stream"),
        (asked(output_config=[1]), "output_config"), (asked(output_config={"format": {"schema": 1}}), "schema"),
    ],
)  # fmt: skip
def test_bodies_that_the_interface_would_not_accept_get_400(body, named):
    with Stub() as stub:
        status, _, raw = send(stub.url, body)
    told = json.loads(raw)["error"]
    assert (status, told["type"]) == (400, "invalid_request_error")
    assert named in told["message"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/complete"), ("GET", "/v1/messages"), ("GET", "/")])
def test_unknown_paths_get_404(method, path):
    with Stub() as stub:
        status, headers, raw = send(stub.url, b"", path, method)
        assert stub.counts == Counts(at_once=1)
    assert (status, json.loads(raw)["error"]["type"], headers["wattbook-stub"]) == (404, "not_found_error", "1")


def test_two_hundred_connections_are_served_at_once():
    async def one(host, port, number):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(wire(asked(f"home {number}")))
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        form = json.loads(await reader.readexactly(size))
        writer.close()
        await writer.wait_closed()
        return form["id"]

    async def all_of_them(url):
        host, port = url.removeprefix("http://").split(":")
        return await asyncio.gather(*(one(host, port, number) for number in range(200)))

    with Stub(Behaviour(latency_ms=1_500)) as stub:
        began = time.monotonic()
        ids = asyncio.run(all_of_them(stub.url))
        took_s = time.monotonic() - began
        counts = stub.counts
    assert len(set(ids)) == 200
    assert (counts.posts, counts.at_once) == (200, 200)
    assert took_s < 20, "one after another they would take 300 s"


# --- keys


def test_a_key_is_noticed_and_never_kept(capfd):
    with Stub([Behaviour(), Behaviour(status=401)], keep_requests=2) as stub:
        raws = [
            send(stub.url, asked("one"), headers={"Authorization": f"Bearer {KEY}"}),
            send(stub.url, asked("two"), headers={"x-api-key": KEY}),
            send(stub.url, asked("three")),
        ]
        assert stub.counts.with_key == 2
        assert [body["messages"][0]["content"] for body in stub.requests] == ["two", "three"]
        assert KEY not in repr((raws, stub.requests, stub.counts, vars(stub), vars(stub._service)))
    assert KEY not in "".join(capfd.readouterr())


# --- beginning and ending


def test_a_stub_ends_without_threads_and_with_its_port_free_again():
    before = threading.active_count()
    with Stub(Behaviour(latency_ms=60_000)) as stub:
        port = int(stub.url.rpartition(":")[2])
        idle = socket.create_connection(("127.0.0.1", port))
        waiting = socket.create_connection(("127.0.0.1", port))
        waiting.sendall(wire(asked()))
        while stub.posts == 0:
            time.sleep(0.005)
    for line in (idle, waiting):
        line.settimeout(10)
        with line, contextlib.suppress(ConnectionResetError):
            assert line.recv(1) == b""
    assert threading.active_count() == before
    with Stub(port=port) as stub:
        assert answered(stub.url, asked())["type"] == "message"


def test_a_client_that_gives_up_leaves_the_stub_serving():
    with Stub([Behaviour(latency_ms=200)]) as stub:
        with socket.create_connection(stub.url.removeprefix("http://").split(":"), timeout=20) as line:
            line.sendall(wire(asked()))
            while stub.posts == 0:
                time.sleep(0.005)
        assert answered(stub.url, asked())["type"] == "message"
        time.sleep(0.25)
    assert stub.posts == 2


def test_only_this_machine_can_reach_it():
    for host in ("0.0.0.0", "192.168.1.7", "::", "localhost", "example.org"):
        with pytest.raises(ConfigError, match=r"type host='127\.0\.0\.1'"), Stub(host=host):
            pass


def test_a_taken_port_is_said():
    with Stub() as stub, pytest.raises(ResourceError, match="type port=0"):
        Stub(port=int(stub.url.rpartition(":")[2])).__enter__()
    with pytest.raises(ConfigError, match="type port=0"), Stub(port=70_000):
        pass


def test_a_stub_in_a_process_of_its_own_gives_its_counts():
    with stub_process(latency_ms=1, per_s=0.01, burst=2) as stub:
        assert [send(stub.url, asked())[0] for _ in range(3)] == [200, 200, 429]
        counts = stub.counts
        url = stub.url
    assert (counts.posts, counts.refused, counts.input_tokens) == (3, 1, 2 * see(asked()).input_tokens)
    with pytest.raises(ConnectionRefusedError):
        send(url, asked())


def test_options_that_a_process_does_not_take_are_said():
    with pytest.raises(ConfigError, match="is no behaviour of the stub"), stub_process(kind="shy"):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_by_hand_it_prints_its_address_first_and_its_counts_last(number):
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "wattbook.testing.stub", "--status", "529"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "ANTHROPIC_API_KEY": KEY},
    )  # fmt: skip
    with child:
        url = child.stdout.readline().strip()
        assert send(url, asked(), headers={"x-api-key": KEY})[0] == 529
        child.send_signal(number)
        out, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (0, "")
    assert json.loads(out) == Counts(posts=1, errors=1, with_key=1, at_once=1)._asdict()


def test_by_hand_a_mistake_ends_with_its_code(capsys):
    assert main(["--host", "0.0.0.0"]) == 2
    assert "type host='127.0.0.1'" in capsys.readouterr().err

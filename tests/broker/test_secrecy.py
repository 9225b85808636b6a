"""A canary for a key: it is sent to the server, and is nowhere else."""

import asyncio
import copy
import logging
import os
import pickle  # noqa: TID251  # to see that nothing secret can be written by it
import subprocess
import sys
import traceback

import pytest
from scripted import Act, Scripted, http, ok

from wattbook.broker.caller import AccessError, LiveCaller
from wattbook.broker.client import Address, connect
from wattbook.broker.secrecy import Key
from wattbook.broker.words import Call

CANARY = "sk-ant-canary-0123456789"
ECHO = {"type": "error", "error": {"type": "authentication_error", "message": f"invalid x-api-key: {CANARY}"}}


def payload():
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "1"}]}


def echo(status):
    return Act(http(status, ECHO, request_id=CANARY))


SCRIPTS = {
    "an answer": ok(),
    "reset": Act(b"", end="reset"),
    "half a body": Act(http(200, {})[:-1], end="close"),
    "too slow": ok(5.0),
    "HTML": Act(http(200, b"<html>")),
    **{f"the key sent back with {status}": echo(status) for status in (400, 401, 403, 429, 500, 529)},
}


def told(exception):
    """Tell all that a traceback can be made to show, the values of its variables included."""
    shown = traceback.TracebackException.from_exception(exception, capture_locals=True)
    return "".join(shown.format()) + repr(exception) + str(vars(exception)) + str(exception.__context__)


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_reply_and_no_log_shows_the_key(name, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    for logger in ("anthropic", "httpx2", "httpcore2", "aiohttp", "asyncio"):
        caplog.set_level(logging.DEBUG, logger)
    with Scripted(lambda *_: SCRIPTS[name]) as server:
        caller = LiveCaller(model="m", base_url=server.url, api_key=CANARY, most_attempts=2)
        caller.start()
        reply = caller.send(Call(payload(), 1.0)).result(20)
        mistake = caller.send(Call(payload() | {"temperature": 1}, 1.0)).exception(20)
        caller.close()
    formatter = logging.Formatter()
    logged = "".join(formatter.format(record) + repr(vars(record)) for record in caplog.records)
    held = "".join(str(vars(record.exc_info[1])) for record in caplog.records if record.exc_info)
    shown = capfd.readouterr()
    assert CANARY in server.heads[-1]
    assert "HTTP" in logged
    for text in (repr(reply), pickle.dumps(reply).decode("latin1"), logged, held, told(mistake), shown.out, shown.err):
        assert CANARY not in text


@pytest.mark.parametrize("status", [401, 403, 404])
def test_who_is_turned_away_does_not_show_the_key(status):
    with Scripted(count=echo(status)) as server:
        caller = LiveCaller(model="m", base_url=server.url, api_key=CANARY)
        with pytest.raises(AccessError) as caught:
            caller.start()
    assert CANARY not in without_this_file(caught.value)
    assert CANARY not in pickle.dumps(caught.value).decode("latin1")


@pytest.mark.parametrize("url", ["http://[", "http://127.0.0.1:1", "nonsense"])
def test_who_finds_nobody_does_not_show_the_key(url):
    caller = LiveCaller(model="m", base_url=url, api_key=CANARY)
    with pytest.raises(AccessError) as caught:
        caller.start()
    assert CANARY not in without_this_file(caught.value)


def test_a_key_that_cannot_be_sent_is_not_shown_either():
    broken = CANARY + "é"
    caller = LiveCaller(model="m", base_url="http://127.0.0.1:1", api_key=broken)
    with pytest.raises(AccessError) as caught:
        caller.start()
    assert CANARY not in without_this_file(caught.value)


def without_this_file(exception):
    """Tell it all but this test's own frame, which holds nothing but what pytest puts there."""
    exception.__traceback__ = exception.__traceback__.tb_next
    return told(exception)


def test_what_outlives_a_call_does_not_show_the_key():
    caller = LiveCaller(model="m", base_url="http://127.0.0.1:1", api_key=CANARY)
    connection = connect(Key(CANARY), Address("http://127.0.0.1:1"), 1)
    for thing in (caller, connection, Key(CANARY)):
        assert CANARY not in repr(thing) + str(thing) + repr(getattr(thing, "__dict__", ""))
        for write in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="written"):
                write(thing)
    asyncio.run(connection.close())


PROGRAM = """
import faulthandler, sys
from wattbook.broker.caller import LiveCaller
from wattbook.broker.words import Call
payload = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "1"}]}
caller = LiveCaller(model="m", base_url=sys.argv[1])
caller.start()
print(caller.send(Call(payload, 5.0)).result())
faulthandler.dump_traceback(all_threads=True)
caller.close()
"""


def test_a_program_that_logs_all_it_can_does_not_show_the_key(tmp_path):
    with Scripted(lambda *_: echo(401)) as server:
        told_all = {"ANTHROPIC_LOG": "debug", "PYTHONASYNCIODEBUG": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        environment = os.environ | told_all | {"ANTHROPIC_API_KEY": CANARY}
        command = [sys.executable, "-X", "dev", "-c", PROGRAM, server.url]
        ran = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    assert b"DEBUG" in ran.stderr
    assert b"client_error" in ran.stdout
    assert CANARY.encode() not in ran.stdout + ran.stderr
    assert CANARY in server.heads[-1]
    assert list(tmp_path.iterdir()) == []


def test_the_sdk_is_not_imported_before_a_connection_is_opened():
    program = "import sys, wattbook.broker.caller; print({'anthropic', 'httpx2', 'aiohttp'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "set()\n"

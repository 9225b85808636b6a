"""The one place that knows the SDK of the model's provider: bytes go in and come out, and nothing of the SDK does.

Errors of the SDK hold the request with its headers, and in them the key; they end here. The SDK takes seconds to
import, so it is imported when a connection is opened.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from wattbook.broker.wire import Heard, read_request_id, read_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import httpx2

    from wattbook.broker.secrecy import Key

URL_VARIABLE: Final = "ANTHROPIC_BASE_URL"
DEFAULT_HOST: Final = "api.anthropic.com"
_DEFAULT_URL: Final = f"https://{DEFAULT_HOST}"
_COUNTED: Final = ("model", "system", "messages", "thinking", "output_config")
_CONNECT_S: Final = 10.0


class Address:
    """Where the model is asked.

    Parameters
    ----------
    url : str or None
        None for the one in the environment, or the provider's own.

    Attributes
    ----------
    url, host : str
    """

    def __init__(self, url: str | None) -> None:
        self.url = url or os.environ.get(URL_VARIABLE, "").strip() or _DEFAULT_URL
        self.host = _host(self.url)

    @property
    def is_default(self) -> bool:
        """Whether it is the provider's own."""
        return self.url.rstrip("/") == _DEFAULT_URL

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


class Connection:
    """An open client of the SDK.

    Parameters
    ----------
    create, count, shut : callable
        Of the SDK: ask for a message, count the tokens of one, close.
    """

    def __init__(
        self,
        create: Callable[..., Awaitable[Any]],
        count: Callable[..., Awaitable[Any]],
        shut: Callable[[], Awaitable[None]],
    ) -> None:
        self._create, self._count, self._shut = create, count, shut

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection cannot be written anywhere")

    async def message(self, payload: Mapping[str, Any]) -> Heard:
        """Ask for a message."""
        return await _hear(self._create(**payload))

    async def count(self, payload: Mapping[str, Any]) -> Heard:
        """Ask how many tokens go in with a payload."""
        return await _hear(self._count(**{name: payload[name] for name in _COUNTED if name in payload}))

    async def close(self) -> None:
        """Close it, and all its sockets."""
        await self._shut()


def connect(key: Key, address: Address, most_at_once: int) -> Connection | None:
    """Make a client, which opens nothing yet; None if the address is none."""
    import httpx2
    from anthropic import AsyncAnthropic, DefaultAioHttpClient

    try:
        http = DefaultAioHttpClient(
            limits=httpx2.Limits(max_connections=most_at_once + 2),
            follow_redirects=False,  # the key goes nowhere else
            trust_env=not address.is_loopback,
        )
        sdk = AsyncAnthropic(
            api_key=key.reveal(),
            base_url=address.url,
            max_retries=0,  # the pacer knows when to try again
            timeout=httpx2.Timeout(None, connect=_CONNECT_S),
            http_client=http,
            open_telemetry=False,
        )
    except (httpx2.InvalidURL, ValueError):
        return None
    raw = sdk.messages.with_raw_response
    return Connection(raw.create, raw.count_tokens, sdk.close)


async def _hear(asked: Awaitable[Any]) -> Heard:
    from anthropic import AnthropicError, APIStatusError

    try:
        answer = await asked
    except APIStatusError as error:
        return _noted(error.response)
    except AnthropicError as error:
        return Heard(0, may_have_arrived=_may_have_arrived(error))
    response: httpx2.Response = answer.http_response
    return _noted(response)._replace(body=response.content)


def _noted(response: httpx2.Response) -> Heard:
    headers = response.headers
    return Heard(
        response.status_code,
        request_id=read_request_id(headers.get("request-id")),
        retry_after_s=read_seconds(headers.get("retry-after")),
        is_stub=headers.get("wattbook-stub") == "1",
    )


def _may_have_arrived(error: BaseException | None) -> bool:
    """Tell whether a request that failed without an answer can have reached the server."""
    import httpx2
    from aiohttp import ClientConnectorError, ConnectionTimeoutError

    while error is not None:
        if isinstance(error, (ClientConnectorError, ConnectionTimeoutError, httpx2.UnsupportedProtocol)):
            return False
        error = error.__cause__
    return True


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""

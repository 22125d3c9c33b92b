"""One HTTP exchange with a Gumloop server: bounded in time and size, its failures translated."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.adapters.http import tls
from app.domain.errors import BadReply, BrokenOff, LoopinError, ReplyTooLarge, TLSFailed, Unreachable
from app.domain.gumloop import endpoint_of
from app.oidc.proxies import name_proxy, proxy_for

MAX_REPLY = 8 * 1024 * 1024
"""Largest answer in bytes; a list of models is some kilobytes."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How to speak: `timeout` in seconds bounds a whole exchange, not one read of it."""

    timeout: float
    agent: str


def options(wire: Wire, base_url: str) -> dict[str, Any]:
    """What every httpx client here is made with; raise UsageError where no credential may go, TLSFailed
    where the variables name no authorities.

    Redirects are not followed: a credential goes where it was sent and nowhere else.
    """
    endpoint_of(base_url)
    return {
        "timeout": wire.timeout,
        "headers": {"User-Agent": wire.agent, "Accept": "application/json", "Accept-Encoding": "identity"},
        "follow_redirects": False,
        # httpx reads the variables itself, and fails in ways of its own where they name nothing.
        "verify": tls.context(""),
        "event_hooks": {"response": [_limit]},
    }


@asynccontextmanager
async def translated(wire: Wire, base_url: str) -> AsyncIterator[None]:
    """Run an exchange; whatever httpx raises in it becomes an error of the domain."""
    try:
        async with asyncio.timeout(wire.timeout):
            yield
    except (TimeoutError, httpx.HTTPError) as error:
        failure = _failure(wire, urlsplit(base_url).netloc, error)
        raise name_proxy(failure, proxy_for(base_url)) from None


def _failure(wire: Wire, host: str, error: TimeoutError | httpx.HTTPError) -> LoopinError:
    match error:
        case TimeoutError() | httpx.TimeoutException():
            return Unreachable(
                f"{host} did not answer within {wire.timeout:g} s", hint="try again; is a proxy needed?"
            )
        case httpx.ConnectError():
            return _connect_error(host, error)
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.DecodingError():
            return BrokenOff(f"{host} broke off in the middle of its answer", hint="try again")
    return Unreachable(
        f"{host} cannot be reached ({type(error).__name__})", hint="check the network, and try again"
    )


def _connect_error(host: str, error: httpx.ConnectError) -> LoopinError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TLSFailed(
                f"{host} shows a certificate that is not trusted: {cause.verify_message}",
                hint="name its authority in SSL_CERT_FILE",
            )
        if isinstance(cause, ssl.SSLError):
            return TLSFailed(
                f"{host} does not speak TLS as it should", hint="is it https, and the right port?"
            )
        cause = cause.__cause__ or cause.__context__
    return Unreachable(f"{host} cannot be reached", hint="check the address and the network, and try again")


async def _limit(response: httpx.Response) -> None:
    # Half a megabyte of gzip unfolds to as much memory as a machine has, and only what arrives is counted.
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadReply(
            f"{response.url.host} compresses its answer although it was asked not to",
            hint="check the base URL; is a proxy in between?",
        )
    stream = response.stream
    if isinstance(stream, httpx.AsyncByteStream):
        response.stream = _Limited(stream, response.url.host)


class _Limited(httpx.AsyncByteStream):
    """Stops a reply that does not stop by itself."""

    def __init__(self, stream: httpx.AsyncByteStream, host: str) -> None:
        self._stream = stream
        self._host = host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MAX_REPLY:
                raise ReplyTooLarge(
                    f"{self._host} answered with more than {MAX_REPLY // 1024**2} MiB",
                    hint="check the base URL; is a proxy in between?",
                )
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()

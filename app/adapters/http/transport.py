"""HTTP exchanges that are bounded in time and size, and whose failures are errors of the domain."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from app.adapters.http import tls
from app.domain.errors import BadReply, BrokenOff, LoopinError, ReplyTooLarge, TLSFailed, Unreachable
from app.domain.gumloop import endpoint_of
from app.oidc.http import create_client
from app.oidc.proxies import name_proxy, proxy_for

T = TypeVar("T")
MAX_REPLY = 8 * 1024 * 1024
"""Largest answer in bytes; a list of models is some kilobytes."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How Loopin speaks HTTP: `timeout` in seconds bounds a whole exchange, not one read of it."""

    timeout: float
    user_agent: str

    def client(self, url: str, kind: Callable[..., T], *, ca: str = "", **options: Any) -> T:
        """Return a client of `kind` for the server of `url`, trusting also the authority `ca`.

        Redirects are not followed: a credential goes where it was sent and nowhere else. Raise UsageError
        where no credential may go, TLSFailed where the variables name no authorities.
        """
        endpoint_of(url)
        return create_client(
            kind,
            url,
            timeout=self.timeout,
            headers={
                "User-Agent": self.user_agent,
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            follow_redirects=False,
            # httpx reads the variables itself, and fails in ways of its own where they name nothing.
            verify=tls.context(ca),
            event_hooks={"response": [_limit_size]},
            **options,
        )

    @asynccontextmanager
    async def exchange(self, url: str) -> AsyncIterator[None]:
        """Run an exchange with the server of `url`; raise what httpx raises as an error of the domain."""
        try:
            async with asyncio.timeout(self.timeout):
                yield
        except (TimeoutError, httpx.HTTPError) as error:
            failure = _translate_error(error, urlsplit(url).netloc, self.timeout)
            raise name_proxy(failure, proxy_for(url)) from None


def _translate_error(error: TimeoutError | httpx.HTTPError, host: str, timeout: float) -> LoopinError:
    match error:
        case TimeoutError() | httpx.TimeoutException():
            return Unreachable(
                f"{host} did not answer within {timeout:g} s", hint="try again; is a proxy needed?"
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


async def _limit_size(response: httpx.Response) -> None:
    # Half a megabyte of gzip unfolds to as much memory as a machine has, and only what arrives is counted.
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadReply(
            f"{response.url.host} compresses its answer although it was asked not to",
            hint="check the base URL; is a proxy in between?",
        )
    stream = response.stream
    if isinstance(stream, httpx.AsyncByteStream):
        response.stream = _LimitedStream(stream, response.url.host)


class _LimitedStream(httpx.AsyncByteStream):
    """Raises ReplyTooLarge after MAX_REPLY bytes."""

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

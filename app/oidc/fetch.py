"""Reads one JSON document from an issuer, within limits of size, time and place."""

import asyncio
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from app.domain.errors import BadReply, Refused, TLSFailed, Unreachable
from app.domain.text import clean
from app.oidc.addresses import AGAIN, Reach, check_url, objection
from app.oidc.web import made

MAX_DOCUMENT = 1024 * 1024
MAX_REDIRECTS = 3
PATIENCE = 5.0
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "loopin"}
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str
    body: bytes


class Fetcher:
    """Asks within `reach`, for at most `patience` seconds. `ca` is the path of an extra authority.

    Redirects are followed on the same origin only. Raises Unreachable, TLSFailed, BadReply, Refused for an
    address out of reach, UsageError for one that is none.
    """

    def __init__(self, reach: Reach, patience: float = PATIENCE, ca: str = "") -> None:
        self.reach = reach
        self._patience = patience
        self._ca = ca
        self._context: ssl.SSLContext | None = None

    async def document(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """The JSON object at `url`."""
        host = check_url(url, self.reach).netloc
        try:
            async with asyncio.timeout(self._patience):
                body = await self._read(url, dict(headers or {}))
        except (TimeoutError, httpx.TimeoutException):
            raise Unreachable(
                f"{host} did not answer within {self._patience:g} s", hint="try again in a moment"
            ) from None
        except httpx.TransportError as error:
            raise _translated(error, host) from None
        except httpx.HTTPError as error:
            raise BadReply(f"{host} answered with something that is not HTTP", hint=AGAIN) from error
        return _parsed(body, host)

    async def _read(self, url: str, headers: dict[str, str]) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._get(url, headers)
            if answer.status not in _REDIRECTS:
                return _accepted(answer, urlsplit(url).netloc)
            target = urljoin(url, answer.location)
            if _origin(urlsplit(target)) != _origin(urlsplit(url)):
                elsewhere = clean(urlsplit(target).netloc, 80)
                raise BadReply(
                    f"{urlsplit(url).netloc} sends us on to another host, {elsewhere}",
                    hint="name the issuer by its own address",
                )
            url = target
        raise BadReply(f"{urlsplit(url).netloc} sends us in circles", hint=AGAIN)

    async def _get(self, url: str, headers: dict[str, str]) -> _Answer:
        parts = check_url(url, self.reach)
        # A proxy would resolve the name by itself.
        pinned = self.reach.pinned
        async with made(
            httpx.AsyncClient, url, direct=pinned, verify=self._tls(), timeout=self._patience
        ) as client:
            if not pinned:
                return await _ask(client, httpx.URL(url), headers, {})
            named = headers | {"Host": parts.netloc}
            return await self._ask_any(client, url, await self._addresses(parts), named)

    async def _ask_any(
        self, client: httpx.AsyncClient, url: str, addresses: list[str], headers: dict[str, str]
    ) -> _Answer:
        name = urlsplit(url).hostname or ""
        for address in addresses[:-1]:
            try:
                return await _ask(
                    client, httpx.URL(url).copy_with(host=address), headers, {"sni_hostname": name}
                )
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        last = httpx.URL(url).copy_with(host=addresses[-1])
        return await _ask(client, last, headers, {"sni_hostname": name})

    async def _addresses(self, parts: SplitResult) -> list[str]:
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Unreachable(
                f"there is no host {clean(host, 80)}", hint="check the issuer's address"
            ) from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if why := objection(address, self.reach):
                raise Refused(
                    f"{clean(host, 80)} is not asked: {why}", hint="issuers live at public addresses"
                )
        return addresses

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            try:
                context = httpx.create_ssl_context()
            # It reads SSL_CERT_FILE and SSL_CERT_DIR.
            except OSError as error:
                why = error.strerror if type(error) is not ssl.SSLError else "it holds no certificate"
                raise TLSFailed(
                    f"SSL_CERT_FILE cannot be used: {why}", hint="correct it, or unset it"
                ) from None
            if self._ca:
                _trust(context, self._ca)
            self._context = context
        return self._context


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise TLSFailed(
            f"the certificate authority in {clean(path, 120)} cannot be read",
            hint="check CI_SERVER_TLS_CA_FILE",
        ) from error


async def _ask(
    client: httpx.AsyncClient, url: httpx.URL, headers: Mapping[str, str], extensions: dict[str, Any]
) -> _Answer:
    sent = _HEADERS | dict(headers)
    async with client.stream("GET", url, headers=sent, extensions=extensions) as response:
        body = bytearray()
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise BadReply(
                f"{sent.get('Host', url.host)} compresses its answer although it was asked not to", hint=AGAIN
            )
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_DOCUMENT:
                raise BadReply(f"{sent.get('Host', url.host)} answered with more than 1 MiB", hint=AGAIN)
        return _Answer(response.status_code, response.headers.get("Location", ""), bytes(body))


def _accepted(answer: _Answer, host: str) -> bytes:
    if answer.status == 200:
        return answer.body
    if answer.status >= 500 or answer.status == 429:
        raise Unreachable(
            f"{host} is out of order: it answered {answer.status}", hint="try again in a moment"
        )
    raise BadReply(f"{host} answered {answer.status}", hint="check the issuer's address")


def _parsed(body: bytes, host: str) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    # RecursionError: brackets nested by the thousand are a way to break a JSON reader.
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    raise BadReply(
        f"{host} answered with something that is not a JSON object", hint="check the issuer's address"
    )


def _translated(error: httpx.TransportError, host: str) -> Unreachable | BadReply:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return TLSFailed(f"{host} cannot prove who it is: {_reason(cause)}", hint="check its certificate")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.RemoteProtocolError):
        return BadReply(f"{host} answered with something that is not HTTP, or broke off", hint=AGAIN)
    return Unreachable(f"{host} cannot be reached", hint="check the address and the network")


def _reason(error: ssl.SSLError) -> str:
    detail = getattr(error, "verify_message", "") or (error.reason or "TLS failed").lower().replace("_", " ")
    return clean(str(detail), 120)


def _origin(parts: SplitResult) -> tuple[str, str]:
    return parts.scheme, parts.netloc.lower()

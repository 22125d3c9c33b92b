"""Looks at a server as anyone may: its name, its certificate, its clock. No credential is ever sent."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.adapters.http.transport import Transport
from app.domain.doctor import HTTPAnswer
from app.domain.errors import Unreachable
from app.domain.ports import Clock
from app.domain.text import clean
from app.domain.times import utc
from app.oidc.proxies import proxy_for


class NetProbe:
    """`timeout` in seconds bounds each look."""

    def __init__(self, clock: Clock, *, timeout: float, user_agent: str) -> None:
        self._clock = clock
        self._transport = Transport(timeout, user_agent)

    def proxy(self, url: str, *, grpc: bool = False) -> str:
        """The proxy on the way, with the variable that names it."""
        found = proxy_for(url, grpc=grpc)
        return str(found) if found else ""

    async def resolve(self, host: str) -> Sequence[str]:
        """Ask for the addresses of a name."""
        answer: Future[Sequence[str]] = Future()
        # Nobody joins a daemon: a resolver that never answers must not hold up the end of the program.
        threading.Thread(target=_resolve, args=(host, answer), daemon=True, name="resolver").start()
        try:
            async with asyncio.timeout(self._transport.timeout):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            what = f"the name {clean(host, 100)} was not resolved within {self._transport.timeout:g} s"
            raise Unreachable(what, hint="check the network and its name servers") from None
        except (OSError, UnicodeError):
            what = f"the name {clean(host, 100)} cannot be found"
            raise Unreachable(what, hint="check the address, the network and its name servers") from None

    async def look(self, url: str, ca: str = "") -> HTTPAnswer:
        """Ask for `url`, read nothing of its body, and do not follow where it leads.

        Not with HEAD: a server may answer that with 404 where it serves GET.
        """
        before = self._clock.now()
        async with (
            self._transport.exchange(url),
            self._transport.client(url, httpx.AsyncClient, ca=ca) as client,
            client.stream("GET", url) as response,
        ):
            at = before + (self._clock.now() - before) / 2
            session = _session(response.extensions)
            return HTTPAnswer(
                response.status_code,
                at,
                _date(response.headers.get("date", "")),
                session.version() or "TLS" if session else "plain text",
                _end(session),
            )


def _resolve(host: str, answer: "Future[Sequence[str]]") -> None:
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
        answer.set_result(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))
    except (OSError, UnicodeError) as error:
        answer.set_exception(error)


def _session(extensions: Mapping[str, Any]) -> ssl.SSLObject | None:
    stream = extensions.get("network_stream")
    found = stream.get_extra_info("ssl_object") if stream is not None else None
    return found if isinstance(found, ssl.SSLObject) else None


def _end(session: ssl.SSLObject | None) -> datetime | None:
    certificate = session.getpeercert() if session is not None else None
    text = certificate.get("notAfter") if certificate else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return utc(moment) if moment.tzinfo else moment.replace(tzinfo=UTC)

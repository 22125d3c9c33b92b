"""The HTTP side of the account server without a socket: requests as hypercorn hands them over."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from app.server.core.monitoring import Readiness
from app.server.request_headers import Network
from app.server.settings import ServerSettings
from app.server.web.asgi import Application
from app.server.web.server import Connections

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Headers = list[tuple[bytes, bytes]]
SCOPE: dict[str, Any] = {
    "type": "http",
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "client": ("192.0.2.1", 5000),
    "server": ("127.0.0.1", 80),
}


class FakeReadiness:
    """Always ready."""

    stopping = False

    async def ready(self) -> bool:
        """True."""
        return True


def scope_of(path: bytes, headers: Headers | None = None, **scope: Any) -> Any:
    """What hypercorn tells of a request: a POST from 192.0.2.1 unless `scope` says something else."""
    raw, _, query = path.partition(b"?")
    told = {"path": raw.decode(), "raw_path": raw, "query_string": query, "headers": headers or []}
    return SCOPE | told | scope


class HttpApplication:
    """`program` as the account server serves it; what is not its answer has the header x-own."""

    def __init__(
        self,
        program: "WSGIApplication",
        proxies: tuple[Network, ...] = (),
        readiness: Readiness | None = None,
    ) -> None:
        """Always ready, unless there is a `readiness`."""
        readiness = readiness or cast("Any", FakeReadiness())
        settings = ServerSettings(Path(), trusted_proxies=proxies)
        self.app = Application(program, settings, readiness, Connections(10), {"X-Own": "1"})

    async def ask(
        self, path: bytes = b"/page", headers: Headers | None = None, *body: bytes, **scope: Any
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers and body of the answer to a request whose body arrives in these parts."""
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in body]
        messages.append({"type": "http.request", "body": b"", "more_body": False})
        sent: list[dict[str, Any]] = []

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        # A task of its own, as each request has: what it sets in its context is gone afterwards.
        await asyncio.create_task(self.app(scope_of(path, headers, **scope), receive, send))
        content = b"".join(message["body"] for message in sent[1:])
        return sent[0]["status"], dict(sent[0]["headers"]), content

"""The two ends of a browser sign-in: browsers that are programs, and the port of the callback.

The browsers fetch the real page, send its form and follow where it leads. Gumloop's default callback port is
one for the whole machine, so tests have their commands listen on a free port (`on_a_free_port` in this
process, `--callback-port 0` in a child). Those that need the real one request `default_callback_port` and
are marked `xdist_group("callback-port-8765")`.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from filelock import FileLock

from app.adapters.http.callback_server import LoopbackListener, LoopbackListeners
from app.bootstrap import Adapters, Container
from app.domain.errors import BrowserUnavailable
from app.domain.gumloop import CALLBACK_PORT
from app.domain.ports import Browser
from app.settings import Settings
from tests.support.server import AccountServer, csrf_of

Visit = Callable[[str], Awaitable[None]]
_LOCK = Path(tempfile.gettempdir()) / f"loopin-tests-{os.getuid()}-{CALLBACK_PORT}.lock"


class FreePortListeners(LoopbackListeners):
    """Listens on a free port where Gumloop's default one was asked for."""

    async def listen(self, port: int, path: str) -> LoopbackListener:
        """Bind `port`, unless it is the default one."""
        return await super().listen(0 if port == CALLBACK_PORT else port, path)


def on_a_free_port(settings: Settings, browser: Browser | None = None) -> Container:
    """This machine's own adapters, except for the callback port and, when given, the browser."""
    adapters: Adapters = {"listeners": FreePortListeners()}
    if browser is not None:
        adapters["browser"] = browser
    return Container(settings, **adapters)


@pytest.fixture
def default_callback_port() -> Iterator[int]:
    """Gumloop's default callback port, for one test at a time on this machine."""
    with FileLock(_LOCK):
        yield CALLBACK_PORT


@dataclass
class FormBrowser:
    """Opens the page in the background, as a browser does, and signs in as `login`.

    `before` is called with the page's address before the form is sent: what else arrives meanwhile.
    """

    login: tuple[str, str]
    before: Visit | None = None
    opened: list[str] = field(default_factory=list)
    last: httpx.Response | None = None
    _work: "asyncio.Task[None] | None" = None

    async def open(self, url: str) -> str:
        """Start working; return a name."""
        self.opened.append(url)
        self._work = asyncio.create_task(self._visit(url))
        return "test browser"

    async def finished(self) -> httpx.Response:
        """Wait for the last page."""
        assert self._work is not None
        await self._work
        assert self.last is not None
        return self.last

    async def _visit(self, url: str) -> None:
        if self.before is not None:
            await self.before(url)
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await self.submit(client, url)
            if answer.is_redirect:
                answer = await client.get(answer.headers["location"], follow_redirects=True)
            self.last = answer

    async def submit(self, client: httpx.AsyncClient, url: str) -> httpx.Response:
        """Fetch the form and send it."""
        page = await client.get(url)
        email, password = self.login
        form = {"csrf_token": csrf_of(page.text), "email": email, "password": password}
        return await client.post(url, data=form)


class NoBrowser:
    """A machine on which nothing opens a page."""

    async def open(self, url: str) -> str:
        """Refuse."""
        raise BrowserUnavailable("no browser can be opened: this is a test", hint="open it yourself")


class ForbiddenBrowser:
    """Fails the test when anything is opened."""

    async def open(self, url: str) -> str:
        """Never called."""
        raise AssertionError("a browser was opened")


def callback_of(page: str) -> str:
    """The callback address inside a sign-in page's address."""
    return parse_qs(urlsplit(page).query)["callback"][0]


async def redirected_to(server: AccountServer, page: str) -> str:
    """Sign the owner in at `page`, as if on another machine; return the address that ends it."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await FormBrowser(server.owner).submit(client, page)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]

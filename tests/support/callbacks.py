"""Browsers that are programs: they fetch the real page, send its form and follow where it leads."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx

from app.domain.errors import BrowserUnavailable
from tests.support.server import AccountServer, csrf_of

Visit = Callable[[str], Awaitable[None]]


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

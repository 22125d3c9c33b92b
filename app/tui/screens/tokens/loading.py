"""Reads the list of tokens. A long one is made in small steps, so that the screen answers meanwhile."""

import asyncio
from collections.abc import Generator
from datetime import timedelta
from typing import TypeVar

from app.domain.calm import calm
from app.domain.errors import LoopinError
from app.domain.server_info import TOKEN_PERMISSIONS, ServerInfo
from app.domain.token_index import FEW, SOON, Book, done
from app.domain.token_row import Sort, Tab
from app.services.tokens import Listing
from app.tui.screens.tokens.services import Listed, TokenServices

T = TypeVar("T")


class TokenReader:
    """Asks for the list, and once for what the server can do."""

    def __init__(self, services: TokenServices) -> None:
        self._services = services
        self._server: ServerInfo | None = None

    async def read(self, first: tuple[Tab, Sort], *, whole: bool) -> Listed:
        """List the tokens; `first` is sorted already, and with `whole` every row is worked out."""
        listing = await self._services.tokens.list_tokens()
        self._server = self._server or await self._ask_server()
        book = await made(listing, timedelta(days=self._services.settings.near_days), first, whole=whole)
        permissions = self._server is not None and TOKEN_PERMISSIONS in self._server.capabilities
        return Listed(listing, book, permissions)

    def forget(self) -> None:
        """Another account may be at another server."""
        self._server = None

    async def _ask_server(self) -> ServerInfo | None:
        """What the server can do is good to know; the list does not wait for a server that won't tell."""
        try:
            return await self._services.organizations.server_info()
        except LoopinError:
            return None


async def made(listing: Listing, near: timedelta, first: tuple[Tab, Sort], *, whole: bool) -> Book:
    """The book of a listing; `first` is sorted already, and with `whole` every row is worked out."""
    steps = Book.in_slices(listing.tokens, listing.as_of, listing.identity.threshold, near, first)
    if len(listing.tokens) <= FEW:
        return done(steps)
    with calm(len(listing.tokens)):
        book = await in_steps(steps)
        if whole:
            await in_steps(book.finish())
    return book


async def work_out(book: Book) -> None:
    """Work out the rows of a long list that are not on the screen."""
    if not book.finished and len(book.tokens) > SOON:
        with calm(len(book.tokens)):
            await in_steps(book.finish())


async def in_steps(steps: Generator[None, None, T]) -> T:
    """Take one step after the other; return what the last one gives."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            given: T = end.value
            return given
        await asyncio.sleep(0)

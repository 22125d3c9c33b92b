"""A long list is made in small steps, so that the screen answers meanwhile."""

import asyncio
from collections.abc import Generator
from datetime import timedelta
from typing import TypeVar

from app.domain.book import FEW, Book, done
from app.domain.calm import calm
from app.domain.listing import Sort, Tab
from app.services.tokens import Listing

T = TypeVar("T")
SOON = 2 * FEW
"""The rows of a list of no more are worked out when a filter first needs them, in 8 ms at most. Until then
those on the screen are, and none is kept."""


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


def ready(book: Book) -> bool:
    """True when a filter can be applied to a book."""
    if len(book.tokens) <= SOON:
        done(book.finish())
    return book.finished


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

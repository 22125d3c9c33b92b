"""A long list is made in small steps, so that the screen answers meanwhile."""

import asyncio
from collections.abc import Generator
from datetime import timedelta
from typing import TypeVar

from app.domain.book import FEW, Book
from app.domain.calm import calm
from app.domain.listing import Sort, Tab
from app.services.tokens import Listing

T = TypeVar("T")


async def made(listing: Listing, near: timedelta, first: tuple[Tab, Sort], *, whole: bool) -> Book:
    """The book of a listing; `first` is sorted already, and with `whole` every row is worked out."""
    if len(listing.tokens) <= FEW:
        return Book(listing.tokens, listing.as_of, listing.identity.threshold, near)
    steps = Book.in_slices(listing.tokens, listing.as_of, listing.identity.threshold, near, first)
    with calm(len(listing.tokens)):
        book = await in_steps(steps)
        if whole:
            await in_steps(book.finish())
    return book


async def in_steps(steps: Generator[None, None, T]) -> T:
    """Take one step after the other; return what the last one gives."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            given: T = end.value
            return given
        await asyncio.sleep(0)

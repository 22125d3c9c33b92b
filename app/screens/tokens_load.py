"""A long list is made in small steps, so that the screen answers meanwhile."""

import asyncio
from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import TypeVar

from app.domain.calm import calm
from app.domain.listing import Book, Sort, Tab
from app.services.tokens import Listing

T = TypeVar("T")


async def made(listing: Listing, near: timedelta, first: tuple[Tab, Sort]) -> Book:
    """The book of a listing; `first` is sorted already."""
    steps = Book.in_slices(listing.tokens, listing.as_of, listing.identity.threshold, near, first)
    with calm(len(listing.tokens)):
        return await in_steps(steps)


async def in_steps(steps: "Generator[None, None, T] | Iterator[None]") -> T:
    """Take one step after the other; return what the last one gives."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            given: T = end.value
            return given
        await asyncio.sleep(0)

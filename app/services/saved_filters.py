"""Filters of the token list that a person keeps by name."""

from collections.abc import Mapping

from app.domain import filter as filters
from app.domain.errors import UsageError
from app.domain.names import problem
from app.domain.ports import FilterStore


class SavedFilters:
    """Saves, lists and forgets filters; a filter that nobody could use is not saved."""

    def __init__(self, store: FilterStore) -> None:
        self._store = store

    async def all(self) -> Mapping[str, str]:
        """Name → filter as it was typed."""
        return await self._store.all()

    async def save(self, name: str, text: str) -> None:
        """Keep it, in the place of an earlier one of that name; raise UsageError for a bad name or filter."""
        name, text = name.strip(), " ".join(text.split())
        if why := problem(name):
            raise UsageError(f"this cannot be a filter's name: {why}", hint="use a-z, 0-9 and hyphens")
        if not filters.parse(text):
            raise UsageError("there is no filter to save", hint="type one first")
        await self._store.save(name, text)

    async def delete(self, name: str) -> None:
        """Forget it."""
        await self._store.delete(name)

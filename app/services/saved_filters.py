"""Filters of the token list that a person saved by name."""

from collections.abc import Mapping

from app.domain import filter as filters
from app.domain.errors import UsageError
from app.domain.names import problem
from app.domain.ports import FilterStore


class SavedFilters:
    """Lists, saves and deletes filters."""

    def __init__(self, store: FilterStore) -> None:
        self._store = store

    async def list_filters(self) -> Mapping[str, str]:
        """Return the filters by name, as they were typed."""
        return await self._store.all()

    async def save_filter(self, name: str, text: str) -> None:
        """Save it, replacing one of that name; raise UsageError for an invalid name or filter."""
        name, text = name.strip(), " ".join(text.split())
        if why := problem(name):
            raise UsageError(f"this cannot be a filter's name: {why}", hint="use a-z, 0-9 and hyphens")
        if not filters.parse(text):
            raise UsageError("there is no filter to save", hint="type one first")
        await self._store.save(name, text)

    async def delete_filter(self, name: str) -> None:
        """Delete the filter of that name, if there is one."""
        await self._store.delete(name)

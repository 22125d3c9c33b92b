"""Every app of a test run uses the same parsed style sheets: to parse them is a fifth of opening an app."""

from collections import defaultdict
from typing import Any

from textual.cache import LRUCache

from app.tui import terminal
from app.tui.terminal import STYLE_SOURCES, CachedStylesheet

# What was parsed, for each set of variables: a theme is nothing else.
_parsed: defaultdict[frozenset[tuple[str, str]], LRUCache[Any, Any]] = defaultdict(
    lambda: LRUCache(STYLE_SOURCES)
)


class SharedStylesheet(CachedStylesheet):
    """Uses what another app parsed with the same variables; no rule is changed after it was parsed."""

    def __init__(self, *, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._share()

    def set_variables(self, variables: dict[str, str]) -> None:
        """Use the variables of a theme, and what was parsed with them."""
        self._parse_cache = LRUCache(STYLE_SOURCES)  # Textual clears it: not the one of the others.
        super().set_variables(variables)
        self._share()

    def _share(self) -> None:
        self._parse_cache = _parsed[frozenset(self._variables.items())]


def pytest_collection_finish() -> None:
    """Let every app of this process use it."""
    assert terminal.CachedStylesheet is CachedStylesheet
    terminal.CachedStylesheet = SharedStylesheet  # type: ignore[misc]

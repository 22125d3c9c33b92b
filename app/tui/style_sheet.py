"""A style sheet that is parsed once.

Textual parses every source again whenever the theme is set or a screen brings a sheet of its own, both of
which happen before the first frame. What was parsed with the same variables is kept instead.
"""

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

SOURCES = 1024
"""More than all widgets and screens have; Textual's own cache holds fewer than one start needs."""


class Sheet(Stylesheet):
    """Parses a source again only when a variable changed."""

    def __init__(self, *, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take the theme's colours, by variable name; forget what was parsed with others."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Put the rules together again; raise StylesheetError where a source cannot be parsed."""
        self.parse()

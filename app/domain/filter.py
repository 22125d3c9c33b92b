"""The filter of a token list.

Words are looked for in name, scope, id and description, without regard to case; all must be found.
"""

from dataclasses import dataclass

from app.domain.listing import Row


@dataclass(frozen=True, slots=True)
class Filter:
    """What a person typed, taken apart."""

    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """False when it lets everything through."""
        return bool(self.words)

    def __call__(self, row: Row) -> bool:
        """True when the row is wanted."""
        text = row.text
        return all(word in text for word in self.words)


def parse(text: str) -> Filter:
    """Take a filter apart."""
    return Filter(tuple(text.lower().split()))

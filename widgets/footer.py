"""The footer: the keys that work right now, and how fresh the data is."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.reactive import reactive

from widgets.links import ActionLine, TextPart, width_of


@dataclass(frozen=True, slots=True)
class KeyHint:
    """One key of the footer. `action` runs when it is clicked; `enabled` False greys it out."""

    key: str
    label: str
    action: str
    enabled: bool = True


class Footer(ActionLine):
    """Shows as many hints as fit, from the left; what does not fit is in the help, which stays."""

    DEFAULT_CSS = """
    Footer { dock: bottom; background: $panel; color: $text; padding: 0 1; }
    """

    hints: reactive[tuple[KeyHint, ...]] = reactive(())
    """What works now, most important first."""
    as_of: reactive[datetime | None] = reactive[datetime | None](None)
    """When the data on the screen was read, in local time."""
    busy: reactive[str] = reactive("")
    """What is going on ("refreshing"), instead of the time."""

    def parts(self, width: int) -> tuple[Sequence[TextPart], Sequence[TextPart]]:
        everything = len(self._fitting(sys.maxsize))
        for note in self._notes():
            right = [TextPart(f" {note}", "$text-muted")]
            left = self._fitting(width - width_of(right))
            if len(left) == everything:
                return left, right
        # Rather a key less than no word on how fresh this is, unless not even the help would fit beside it.
        right = [TextPart(f" {note}", "$text-muted") for note in self._notes()[-1:]]
        left = self._fitting(width - width_of(right))
        fits = width_of(left) + width_of(right) <= width
        return (left, right) if fits else (self._fitting(width), [])

    def _notes(self) -> tuple[str, ...]:
        """What stands on the right: the longest that leaves room for every key."""
        if self.busy:
            return (f"{self.busy} …",)
        return (f"as of {self.as_of:%H:%M:%S}", f"{self.as_of:%H:%M:%S}") if self.as_of else ()

    def _fitting(self, width: int) -> list[TextPart]:
        """Keep the last hint (help) whatever happens, and drop from the end of the others."""
        if not self.hints:
            return []
        *others, last = self.hints
        tail = _parts(last)
        left: list[TextPart] = []
        for hint in others:
            more = [*_parts(hint), TextPart("  ")]
            if width_of(left) + width_of(more) + width_of(tail) > width:
                break
            left += more
        return [*left, *tail]


def _parts(hint: KeyHint) -> list[TextPart]:
    if not hint.enabled:
        return [TextPart(f"{hint.key} {hint.label}", "$text-disabled", hint.action)]
    return [TextPart(hint.key, "bold $accent", hint.action), TextPart(f" {hint.label}", "", hint.action)]

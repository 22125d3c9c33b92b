"""Tabs on one line, each with how many it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.reactive import reactive

from widgets.links import ActionLine, TextPart, width_of


@dataclass(frozen=True, slots=True)
class CountedTab:
    """`short` stands for `title` where room is scarce; `count` None means that nobody can say."""

    title: str
    short: str
    count: int | None
    action: str


class TabsWithCounts(ActionLine):
    """The counts always stay; the words shorten when they would not fit."""

    DEFAULT_CSS = """
    TabsWithCounts { color: $text; }
    """

    tabs: reactive[tuple[CountedTab, ...]] = reactive(())
    """The tabs, in order."""
    current: reactive[int] = reactive(0)
    """Index of the tab that is shown."""

    def parts(self, width: int) -> tuple[Sequence[TextPart], Sequence[TextPart]]:
        long = self._line([tab.title for tab in self.tabs])
        if width_of(long) <= width:
            return long, []
        return self._line([tab.short for tab in self.tabs]), []

    def _line(self, titles: Sequence[str]) -> list[TextPart]:
        parts: list[TextPart] = []
        for index, (tab, title) in enumerate(zip(self.tabs, titles, strict=True)):
            count = "–" if tab.count is None else f"{tab.count:,}"
            if index == self.current:
                style = "bold $block-cursor-foreground on $block-cursor-background"
                parts.append(TextPart(f" {title} {count} ", style, tab.action))
            else:
                parts.append(TextPart(f" {title} ", "$text-muted", tab.action))
                parts.append(TextPart(f"{count} ", "" if tab.count else "$text-disabled", tab.action))
            parts.append(TextPart(" "))
        return parts

"""Idle times of many tokens as bars, with the threshold among them."""

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

_BLOCKS = " ▁▂▃▄▅▆▇█"
_STEP = 3  # two cells of bar, one of gap
Counter = Callable[[Sequence[float]], list[int]]


class Histogram(Widget):
    """Bars from 0 to `longest` days; what lies beyond the threshold has the colour of an error.

    The threshold stands between two bars, so no bar holds tokens of both sides: the bars before it share the
    days up to it, those behind it the rest. `count(starts)` counts the tokens by the days at which each bar
    begins; it is asked again when the width or the threshold changes.
    """

    DEFAULT_CSS = """
    Histogram { height: 5; color: $text; }
    """

    count: reactive[Counter | None] = reactive[Counter | None](None)
    """Counts tokens by idle time."""
    longest: reactive[int] = reactive(365)
    """Days at the right end of the axis; the last bar takes everything beyond."""
    threshold: reactive[int] = reactive(0)
    """Days; 0 = off: no marker."""
    caption: reactive[str] = reactive("")
    """Text under the axis."""

    def render(self) -> Content:
        rows, bins = max(1, self.size.height - 2), max(4, self.size.width // _STEP)
        counts = self.count(self._starts(bins)) if self.count else [0] * bins
        heights = heights_of(counts, rows * 8)
        lines = [self._row(heights, row) for row in reversed(range(rows))]
        return Content("\n").join([*lines, self._axis(bins), self._legend(bins)])

    def _marker(self, bins: int) -> int | None:
        """Index of the bin before which the threshold stands; at least one bar is on either side."""
        if not self.threshold:
            return None
        return max(1, min(round(self.threshold * bins / self.longest), bins - 1))

    def _starts(self, bins: int) -> list[float]:
        """Days at which each bar begins."""
        marker = self._marker(bins)
        if marker is None:
            return [self.longest * index / bins for index in range(bins)]
        before = [self.threshold * index / marker for index in range(marker)]
        rest = max(0, self.longest - self.threshold)
        return before + [self.threshold + rest * index / (bins - marker) for index in range(bins - marker)]

    def _row(self, heights: Sequence[int], row: int) -> Content:
        marker = self._marker(len(heights))
        parts: list[tuple[str, str]] = []
        for index, height in enumerate(heights):
            block = _BLOCKS[max(0, min(8, height - row * 8))]
            beyond = marker is not None and index >= marker
            parts.append((block * (_STEP - 1), "$text-error" if beyond else "$text-success"))
            parts.append(("┃", "bold $primary") if index + 1 == marker else (" ", ""))
        return Content.assemble(*parts)

    def _axis(self, bins: int) -> Content:
        line = ["─"] * (bins * _STEP)
        if marker := self._marker(bins):
            line[marker * _STEP - 1] = "┻"
        return Content.assemble(("".join(line), "$text-disabled"))

    def _legend(self, bins: int) -> Content:
        end = f"{self.longest} d"
        width = max(0, bins * _STEP - 3 - len(end))
        return Content.assemble((f"0 d{self.caption[:width].center(width)}{end}", "$text-muted"))


def heights_of(counts: Sequence[int], top: int) -> list[int]:
    """Scale to `top` eighths of a line; whatever is there shows at least one."""
    most = max(counts, default=0)
    return [max(1, count * top // most) if count else 0 for count in counts]

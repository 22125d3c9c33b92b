"""Where the bars of the histogram begin."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from textual.app import App, ComposeResult

from widgets.histogram import Histogram


class Shown(App[None]):
    """One histogram that notes what it asks for."""

    def __init__(self, threshold: int) -> None:
        super().__init__()
        self.threshold, self.asked = threshold, list[float]()

    def compose(self) -> ComposeResult:
        histogram = Histogram()
        histogram.count, histogram.threshold = self._count, self.threshold
        yield histogram

    def _count(self, starts: Sequence[float]) -> list[int]:
        self.asked = list(starts)
        return [1] * len(starts)


async def starts(threshold: int) -> list[float]:
    app = Shown(threshold)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
    return app.asked


@pytest.mark.parametrize("threshold", [1, 7, 30, 90, 180, 364, 365])
async def test_a_bar_begins_at_the_threshold(threshold: int) -> None:
    """Otherwise one bar would hold tokens that go and tokens that stay, in one colour."""
    found = await starts(threshold)
    assert threshold in found
    assert found == sorted(found)


async def test_without_a_threshold_the_bars_are_equal() -> None:
    found = await starts(0)
    assert {round(b - a, 6) for a, b in pairwise(found)} == {round(365 / len(found), 6)}

"""What a threshold would do: idle times as bars, who falls when, and the list of those who fall."""

from datetime import datetime

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from app.domain import durations
from app.domain.inactivity import SWEEP_INTERVAL, auto_revoked_at, idle
from app.domain.preview import Partition, Preview
from app.domain.text import capital
from app.domain.tokens import APIToken
from widgets.containers import Vertical
from widgets.histogram import Histogram
from widgets.presenter import clean
from widgets.threshold_text import partition_words
from widgets.virtual_table import VirtualTable
from widgets.virtual_table_columns import Cell, Column

NARROW = 94
"""Cells from which on the words need not be short."""


class PartitionView(Vertical):
    """Parts the tokens anew with every threshold; without tokens it says why it has none."""

    DEFAULT_CSS = """
    PartitionView {
        height: 1fr;
        & > Histogram { margin-top: 1; }
        & > #partition-fates { height: auto; margin: 1 0; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.partition: Partition | None = None
        """What is shown."""
        self._chosen: int | None = None

    def compose(self) -> ComposeResult:
        yield Histogram()
        yield Static("", id="partition-fates", markup=False)
        yield VirtualTable[APIToken]((), lambda token: token.id)

    def show(self, preview: Preview, threshold: int | None, you: str) -> None:
        """Part the tokens under `threshold` days, 0 = off; None = none is chosen, which looks like off.

        `you` is the id of the token that is in use, or empty.
        """
        self._chosen, days = threshold, threshold or 0
        self.partition = preview.at(days)
        histogram, table = self._parts(known=True)
        histogram.count, histogram.threshold = preview.histogram, days
        histogram.caption = f"idle time of {len(preview.tokens):,} unrevoked tokens · ┃ = threshold"
        table.nothing = "Nothing falls within 30 days." if days else ""
        table.use_columns(_columns(preview.now, days, you))
        table.show(self.partition.falling)
        self._say_fates()

    def show_nothing(self, why: str) -> None:
        """Say why nobody can tell."""
        self.partition = None
        self._parts(known=False)
        self._fates.update(Content(f"What it means cannot be shown. {capital(why)}."))

    def _parts(self, *, known: bool) -> tuple[Histogram, "VirtualTable[APIToken]"]:
        histogram, table = self.query_one(Histogram), self.query_one(VirtualTable)
        histogram.display = table.visible = known
        return histogram, table

    @property
    def _fates(self) -> Static:
        return self.query_one("#partition-fates", Static)

    def on_resize(self) -> None:
        self._say_fates()

    def _say_fates(self) -> None:
        if self.partition is None:
            return
        if self._chosen is None:
            self._fates.update(Content("Choose a threshold to see what it would mean."))
        else:
            self._fates.update(partition_words(self.partition, narrow=self.size.width < NARROW))


def _columns(now: datetime, threshold: int, you: str) -> tuple[Column[APIToken], ...]:
    """The list of what falls, under `threshold` days."""

    def name(token: APIToken) -> Cell:
        mine = bool(you) and token.id == you
        return Cell(f"{clean(token.name, 120)}{' (you)' if mine else ''}", "accent" if mine else "")

    def used(token: APIToken) -> Cell:
        return Cell(durations.ago(token.last_used_at, now), "" if token.last_used_at else "warning")

    def end(token: APIToken) -> Cell:
        at = auto_revoked_at(token, threshold)
        if at is None or at < now:
            return Cell("next sweep", "bad")
        if at - now < SWEEP_INTERVAL:
            return Cell("within the hour", "bad")
        return Cell(f"in {durations.short(at - now)}", "warning")

    return (
        Column("name", "name", 20, name, grow=3, most=48, sortable=False),
        Column("scope", "scope", 12, lambda t: Cell(clean(t.scope, 60)), grow=1, most=24, sortable=False),
        Column("used", "last used", 11, used, sortable=False),
        Column("idle", "idle", 7, lambda t: Cell(durations.short(idle(t, now))), sortable=False),
        Column("end", "becomes revoked", 15, end, sortable=False),
        Column(
            "description",
            "description",
            16,
            lambda t: Cell(clean(t.description, 200), "muted"),
            grow=3,
            sortable=False,
        ),
    )

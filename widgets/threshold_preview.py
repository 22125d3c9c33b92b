"""Preview of a threshold: idle times as bars, how many tokens are revoked when, and which ones."""

from datetime import datetime

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from app.domain import durations
from app.domain.inactivity import SWEEP_INTERVAL, Fate, auto_revoked_at, idle
from app.domain.preview import Partition, Preview
from app.domain.text import capital
from app.domain.tokens import APIToken
from widgets.containers import Vertical
from widgets.histogram import Histogram
from widgets.presenter import clean
from widgets.virtual_table import VirtualTable
from widgets.virtual_table_columns import Cell, Column

_TITLES = {
    Fate.DUE: "due now",
    Fate.WITHIN_HOUR: "within the hour",
    Fate.WITHIN_WEEK: "more within 7 d",
    Fate.WITHIN_MONTH: "more within 30 d",
    Fate.SAFE: "safe",
}
_SHORT_TITLES = {
    Fate.DUE: "due now",
    Fate.WITHIN_HOUR: "in 1 h",
    Fate.WITHIN_WEEK: "in 7 d",
    Fate.WITHIN_MONTH: "in 30 d",
    Fate.SAFE: "safe",
}
_STYLES = {
    Fate.DUE: "bold $text-error",
    Fate.WITHIN_HOUR: "bold $text-error",
    Fate.WITHIN_WEEK: "bold $text-warning",
    Fate.WITHIN_MONTH: "$text-warning",
    Fate.SAFE: "$text-success",
}
NARROW = 94
"""Cells from which on the words need not be short."""


class ThresholdPreview(Vertical):
    """Partitions the tokens anew with every threshold; without tokens it says why it has none."""

    DEFAULT_CSS = """
    ThresholdPreview {
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
        self._histogram = Histogram()
        self._counts = Static("", id="partition-fates", markup=False)
        self._table = VirtualTable[APIToken]((), lambda token: token.id)

    def compose(self) -> ComposeResult:
        yield self._histogram
        yield self._counts
        yield self._table

    def show(self, preview: Preview, threshold: int | None, own_id: str) -> None:
        """Partition the tokens under `threshold` days, 0 = off; None = none is chosen, which looks like off.

        `own_id` is the id of the token in use, or empty.
        """
        self._chosen, days = threshold, threshold or 0
        self.partition = preview.at(days)
        self._histogram.display = self._table.visible = True
        self._histogram.count, self._histogram.threshold = preview.histogram, days
        self._histogram.caption = f"idle time of {len(preview.tokens):,} unrevoked tokens · ┃ = threshold"
        self._table.nothing = "Nothing falls within 30 days." if days else ""
        self._table.use_columns(_columns(preview.now, days, own_id))
        self._table.show(self.partition.falling)
        self._show_counts()

    def show_unavailable(self, why: str) -> None:
        """Say why there is no preview."""
        self.partition = None
        self._histogram.display = self._table.visible = False
        self._counts.update(Content(f"What it means cannot be shown. {capital(why)}."))

    def on_resize(self) -> None:
        self._show_counts()

    def _show_counts(self) -> None:
        if self.partition is None:
            return
        if self._chosen is None:
            self._counts.update(Content("Choose a threshold to see what it would mean."))
        else:
            self._counts.update(partition_text(self.partition, narrow=self.size.width < NARROW))


def days(number: int) -> str:
    """A threshold in words."""
    return "off" if not number else "1 day" if number == 1 else f"{number} days"


def partition_text(partition: Partition, *, narrow: bool = False) -> Content:
    """How many tokens are revoked when; `narrow` fits into 66 cells."""
    if not partition.threshold:
        return Content.assemble(
            ("Off: ", "bold"), "no token is revoked by itself, however long it is unused."
        )
    parts: list[tuple[str, str]] = [(f"At {days(partition.threshold)}:  ", "bold")]
    for number, (fate, words) in enumerate((_SHORT_TITLES if narrow else _TITLES).items()):
        count = partition.counts[fate]
        parts.append((" · " if number else "", "$text-disabled"))
        parts.append((f"{count:,}", _STYLES[fate] if count else "$text-disabled"))
        parts.append((f" {words}", "" if count else "$text-disabled"))
    return Content.assemble(*parts)


def change_text(saved: int, chosen: int) -> Content:
    """How the chosen threshold differs from the saved one; a lower one is flagged."""
    if chosen == saved:
        return Content.assemble((f"Saved: {days(saved)}.", "$text-muted"))
    text = f"Not saved yet: {days(saved)} → {days(chosen)}."
    if chosen and (not saved or chosen < saved):
        harsher = "Switched on" if not saved else "Lowered"
        return Content.assemble((f"▼ {text} {harsher}: tokens end sooner.", "bold $text-warning"))
    return Content.assemble((f"{text} Tokens live longer.", "$text-success"))


def _columns(now: datetime, threshold: int, own_id: str) -> tuple[Column[APIToken], ...]:
    """The list of what falls, under `threshold` days."""

    def name(token: APIToken) -> Cell:
        mine = bool(own_id) and token.id == own_id
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

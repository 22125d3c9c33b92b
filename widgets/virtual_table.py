"""A table for any number of rows, of which only the lines on the screen are rendered."""

from collections.abc import Callable, Sequence
from operator import indexOf, is_
from typing import Any, ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.virtual_table_columns import Column, PlacedColumn, fit, place_columns

R = TypeVar("R")
HEADER = 1
LEFT = 3  # the cursor bar, the mark and a space


class _RowMessage(Message):
    """Base of the messages about one row."""

    def __init__(self, row: Any) -> None:
        super().__init__()
        self.row = row


class VirtualTable(ScrollView, Generic[R], can_focus=True):
    """Rows come in filtered and sorted; the cursor and the marks stay with their row by its key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="list.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="list.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="list.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="list.page_down"),
        Binding("g,home", "top", "First", show=False, id="list.first"),
        Binding("G,end", "bottom", "Last", show=False, id="list.last"),
        Binding("enter", "open", "Open", show=False, id="list.open"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "virtual-table--header",
        "virtual-table--sorted",
        "virtual-table--row",
        "virtual-table--cursor",
        "virtual-table--bar",
        "virtual-table--mark",
        "virtual-table--muted",
        "virtual-table--good",
        "virtual-table--warning",
        "virtual-table--bad",
        "virtual-table--accent",
    }

    DEFAULT_CSS = """
    VirtualTable {
        height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        & > .virtual-table--header { color: $text-muted; text-style: none; }
        & > .virtual-table--sorted { color: $text; text-style: bold; }
        & > .virtual-table--row { color: $text; }
        & > .virtual-table--cursor { background: $surface; }
        &:focus > .virtual-table--cursor { background: $primary-muted; text-style: bold; }
        & > .virtual-table--bar { color: $panel-lighten-2; }
        &:focus > .virtual-table--bar { color: $primary; }
        & > .virtual-table--mark { color: $warning; text-style: bold; }
        & > .virtual-table--muted { color: $text-muted; }
        & > .virtual-table--good { color: $text-success; }
        & > .virtual-table--warning { color: $text-warning; }
        & > .virtual-table--bad { color: $text-error; }
        & > .virtual-table--accent { color: $text-primary; }
    }
    """

    nothing: reactive[str] = reactive("")
    """Text of a table without rows; already safe to show."""
    cursor: reactive[int] = reactive(0, repaint=False)
    """Index of the row under the cursor; 0 while there are none."""

    class Moved(_RowMessage):
        """The cursor came to another row, or its row changed; `row` is None in an empty table."""

    class Opened(_RowMessage):
        """Enter, or a double click on a row."""

    class HeaderClicked(Message):
        """A click on the title of the column `key`."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(
        self, columns: Sequence[Column[R]], key: Callable[[R], str], *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._key = key
        self._rows: Sequence[R] = ()
        self._marks: frozenset[str] = frozenset()
        self._order: tuple[str, bool] = ("", False)
        self._placed: list[PlacedColumn[R]] = []
        self._laid_width = 0

    # ── what it shows ──

    @property
    def rows(self) -> Sequence[R]:
        """The rows, in order."""
        return self._rows

    @property
    def row(self) -> R | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    def show(self, rows: Sequence[R], *, sort: tuple[str, bool] = ("", False)) -> None:
        """Show other rows; the cursor stays on its row, or near its place when the row is gone."""
        row_before, seen = self.row, (self._order, self._in_view())
        self._rows, self._order = rows, sort
        self.virtual_size = Size(0, len(rows) + HEADER)
        index = None if row_before is None else self._find(self._key(row_before))
        self.cursor = self.cursor if index is None else index
        self._see_cursor()
        # A filter that is being typed often lets through what is on the screen already.
        if seen[0] != sort or not _same(seen[1], self._in_view()):
            self.refresh()
        if self.row is not row_before:
            self.post_message(self.Moved(self.row))

    def _in_view(self) -> list[R]:
        """The rows that are on the screen."""
        top = self.scroll_offset.y
        return list(self._rows[top : top + self.size.height])

    def show_marks(self, marks: frozenset[str]) -> None:
        """Mark the rows with these keys."""
        if marks != self._marks:
            self._marks = marks
            self.refresh()

    def use_columns(self, columns: Sequence[Column[R]]) -> None:
        """Show other columns."""
        self._columns = tuple(columns)
        self._lay_out()
        self.refresh()

    def move_to(self, key: str) -> bool:
        """Put the cursor on the row with this key; False when there is none."""
        if (index := self._find(key)) is None:
            return False
        self.cursor = index
        return True

    def _find(self, key: str) -> int | None:
        here = self.row
        if here is not None and self._key(here) == key:
            return self.cursor
        return self.place_of(key)

    def place_of(self, key: str) -> int | None:
        """Where the row with this key is; None when there is none."""
        try:
            # Loops in C: there may be 100,000 rows.
            return indexOf(map(self._key, self._rows), key)
        except ValueError:
            return None

    # ── painting ──

    def on_resize(self) -> None:
        self._lay_out()
        self._see_cursor()
        self.refresh()

    def _lay_out(self) -> None:
        self._laid_width = self.scrollable_content_region.width
        self._placed = place_columns(self._columns, self._laid_width, LEFT)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if width != self._laid_width:
            # A scrollbar that comes or goes is no resize.
            self._lay_out()
        if y < HEADER:
            return self._header(width)
        index = self.scroll_offset.y + y - HEADER
        if index >= len(self._rows):
            return self._beyond(y, width)
        return self._line(index, width)

    def _beyond(self, y: int, width: int) -> Strip:
        if self._rows or y != HEADER + 1:
            return Strip.blank(width, self._style("row"))
        style = self._style("row", "muted")
        return Strip([Segment(fit(f"   {self.nothing}", width), style)])

    def _style(self, *parts: str) -> Style:
        # The visual style blends transparent colours with what lies below; the rich one would lose them.
        return self.get_visual_style(*(f"virtual-table--{part}" for part in parts)).rich_style

    def _header(self, width: int) -> Strip:
        plain, strong = self._style("header"), self._style("header", "sorted")
        segments, at = [Segment(" " * LEFT, plain)], LEFT
        for placed in self._placed:
            title, sorted_by = placed.column.title, placed.column.key == self._order[0]
            if sorted_by:
                arrow = "▼" if self._order[1] else "▲"
                title = f"{title[: placed.width - 2]} {arrow}" if placed.width > 2 else arrow
            segments.append(Segment(" " * (placed.start - at), plain))
            segments.append(Segment(fit(title, placed.width), strong if sorted_by else plain))
            at = placed.start + placed.width
        return Strip(segments).adjust_cell_length(width, plain)

    def _line(self, index: int, width: int) -> Strip:
        row = self._rows[index]
        parts = ("row", "cursor") if index == self.cursor else ("row",)
        style = self._style(*parts)
        segments, at = self._gutter(row, parts), LEFT
        for placed in self._placed:
            cell = placed.column.cell(row)
            role = self._style(*parts, cell.role) if cell.role else style
            segments.append(Segment(" " * (placed.start - at), style))
            segments.append(Segment(fit(cell.text, placed.width), role))
            at = placed.start + placed.width
        return Strip(segments).adjust_cell_length(width, style)

    def _gutter(self, row: R, parts: tuple[str, ...]) -> list[Segment]:
        marked = self._key(row) in self._marks
        return [
            Segment("▌" if "cursor" in parts else " ", self._style(*parts, "bar")),
            Segment("✓" if marked else " ", self._style(*parts, "mark")),
            Segment(" ", self._style(*parts)),
        ]

    # ── moving ──

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._rows) - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        self.refresh_lines(before + HEADER)
        self.refresh_lines(now + HEADER)
        self._see_cursor()
        self.post_message(self.Moved(self.row))

    def _see_cursor(self) -> None:
        height = max(1, self.scrollable_content_region.height - HEADER)
        top = self.scroll_offset.y
        offset = min(max(top, self.cursor - height + 1), self.cursor)
        if offset != top:
            self.scroll_to(y=offset, animate=False, force=True)

    def on_click(self, event: events.Click) -> None:
        position = event.get_content_offset(self)
        if position is None:
            return
        if position.y < HEADER:
            self._click_header(position.x)
            return
        index = self.scroll_offset.y + position.y - HEADER
        if index >= len(self._rows):
            return
        if index == self.cursor and event.chain > 1:
            self.action_open()
        self.cursor = index

    def _click_header(self, x: int) -> None:
        for placed in self._placed:
            if placed.column.sortable and placed.start <= x < placed.start + placed.width:
                self.post_message(self.HeaderClicked(placed.column.key))

    def action_move(self, by: int) -> None:
        """Move the cursor by `by` rows."""
        self.cursor += by

    def action_page(self, by: int) -> None:
        """Move the cursor by `by` pages."""
        self.cursor += by * max(1, self.scrollable_content_region.height - HEADER - 1)

    def action_top(self) -> None:
        """Go to the first row."""
        self.cursor = 0

    def action_bottom(self) -> None:
        """Go to the last row."""
        self.cursor = len(self._rows) - 1

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if (row := self.row) is not None:
            self.post_message(self.Opened(row))


def _same(some: Sequence[object], others: Sequence[object]) -> bool:
    """True for the very same things in the same order."""
    return len(some) == len(others) and all(map(is_, some, others))

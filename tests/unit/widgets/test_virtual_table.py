"""The table of our own: it makes only the lines on the screen, and keeps its row."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from tests.support.pilot import resize
from widgets.virtual_table import VirtualTable
from widgets.virtual_table_columns import Cell, Column, fit, place_columns

COLUMNS: tuple[Column[str], ...] = (
    Column("name", "name", 10, lambda row: Cell(row), grow=1),
    Column("length", "length", 8, lambda row: Cell(str(len(row)), "muted")),
    Column("tail", "tail", 12, lambda row: Cell(row[-3:])),
)


class TableApp(App[None]):
    """A table alone on the screen; what it told is in `told`."""

    def __init__(self, rows: Sequence[str]) -> None:
        super().__init__()
        self.given = rows
        self.made: list[str] = []
        self.told: list[tuple[str, object]] = []

    def compose(self) -> ComposeResult:
        def cell(row: str) -> Cell:
            self.made.append(row)
            return Cell(row)

        yield VirtualTable[str]((Column("name", "name", 10, cell, grow=1), *COLUMNS[1:]), lambda row: row)

    def on_mount(self) -> None:
        self.table.show(self.given)
        self.table.focus()

    @property
    def table(self) -> "VirtualTable[str]":
        """The table."""
        return self.query_one(VirtualTable)

    def on_virtual_table_opened(self, event: VirtualTable.Opened) -> None:
        self.told.append(("opened", event.row))

    def on_virtual_table_header_clicked(self, event: VirtualTable.HeaderClicked) -> None:
        self.told.append(("header", event.key))

    def row(self) -> str | None:
        """The row under the cursor."""
        return self.table.row

    def line(self, y: int) -> str:
        """What stands on a line of the table."""
        return self.table.render_line(y).text


async def test_a_hundred_thousand_rows_cost_as_much_as_a_screenful() -> None:
    """Only rows on the screen are asked for their cells."""
    app = TableApp([f"row-{number}" for number in range(100_000)])
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        assert len(set(app.made)) <= 20
        await pilot.press("G")
        assert app.row() == "row-99999"
        await pilot.pause()
        assert len(set(app.made)) <= 40
        assert "row-99999" in app.line(19)


async def test_the_cursor_stays_with_its_row() -> None:
    """Over another order, over a filter, and near its place when the row is gone."""
    app = TableApp(["a", "b", "c", "d"])
    async with app.run_test() as pilot:
        await pilot.press("j", "down")
        assert app.row() == "c"
        app.table.show(["d", "c", "b", "a"])
        assert (app.row(), app.table.cursor) == ("c", 1)
        app.table.show(["c"])
        assert app.row() == "c"
        app.table.show(["x", "y"])
        assert app.row() == "x"
        app.table.show([])
        assert app.row() is None
        await pilot.press("j", "k", "g", "G", "enter")
        assert app.told == []


async def test_keys_and_the_mouse_move() -> None:
    """j k g G, pages, a click, a double click opens, a click on a title asks for an order."""
    app = TableApp([f"row-{number}" for number in range(200)])
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.press("pagedown", "k")
        assert app.table.cursor == 17
        await pilot.press("g")
        assert app.table.cursor == 0
        await pilot.click(VirtualTable, offset=(5, 4))
        assert app.table.row == "row-3"
        await pilot.click(VirtualTable, offset=(5, 6), times=2)
        assert app.told == [("opened", "row-5")]
        await pilot.press("enter")
        assert app.told[-1] == ("opened", "row-5")
        await pilot.click(VirtualTable, offset=(5, 0))
        assert app.told[-1] == ("header", "name")


async def test_every_line_is_exactly_as_wide_as_the_table() -> None:
    """Wide characters, long names and empty cells do not move what is right of them."""
    rows = ["名前は日本語です", "x" * 300, "", "é́combining", "🙂 face"]
    app = TableApp(rows)
    async with app.run_test(size=(60, 20)):
        table = app.table
        for y in range(20):
            assert table.render_line(y).cell_length == table.scrollable_content_region.width
        starts = {
            cell_len(app.line(y)[: app.line(y).rindex(row[-3:])]) for y, row in enumerate(rows, 1) if row
        }
        assert len(starts) == 1


async def test_columns_drop_from_the_right_and_marks_and_order_are_shown() -> None:
    """The first column always stays."""
    app = TableApp(["one", "two"])
    async with app.run_test(size=(60, 10)) as pilot:
        table = app.table
        assert app.line(0).split() == ["name", "length", "tail"]
        table.show(["one", "two"], sort=("length", True))
        table.show_marks(frozenset({"two"}))
        assert "length ▼" in app.line(0)
        assert "✓" in app.line(2)
        assert "✓" not in app.line(1)
        for width, shown in ((30, ["name", "length", "▼"]), (14, ["name"])):
            await resize(pilot, width, 10)
            assert app.line(0).split() == shown


async def test_an_empty_table_says_so() -> None:
    """In its own words."""
    app = TableApp([])
    async with app.run_test():
        app.table.nothing = "No token is expired."
        assert "No token is expired." in app.line(2)


@pytest.mark.parametrize("width", range(20, 120))
def test_columns_never_overlap(width: int) -> None:
    """Whatever the width."""
    placed = place_columns(COLUMNS, width, 3)
    for left, right in pairwise(placed):
        assert left.start + left.width + 2 == right.start
    assert placed[-1].start + placed[-1].width <= max(width, 14)


def test_text_is_cut_with_an_ellipsis_and_padded() -> None:
    """By terminal cells, not by characters."""
    assert fit("abcdef", 4) == "abc…"
    assert fit("ab", 4) == "ab  "
    assert cell_len(fit("名前は日本", 6)) == 6

"""Columns of a virtual table: what they show, and which of them fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len, set_cell_size

R = TypeVar("R")
GAP = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of one cell and the role that colours it: "", muted, good, warning, bad or accent."""

    text: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column. Widths are in terminal cells.

    It is at least `width` wide; what is left of the line is shared by `grow`, up to `most`.
    `cell` gets a row and gives text that is already safe to show. Columns that do not fit are dropped
    from the right.
    """

    key: str
    title: str
    width: int
    cell: Callable[[R], Cell]
    grow: int = 0
    most: int = 0
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class PlacedColumn(Generic[R]):
    """A column and where it lies on the line."""

    column: Column[R]
    start: int
    width: int


def place_columns(columns: Sequence[Column[R]], width: int, left: int) -> list[PlacedColumn[R]]:
    """Lay out the columns that fit into `width` cells, from `left` on; the first one always stays."""
    shown = list(columns)
    while len(shown) > 1 and left + _needed(shown) > width:
        shown.pop()
    sizes = _grown(shown, width - left - _needed(shown))
    placed, x = [], left
    for column, size in zip(shown, sizes, strict=True):
        placed.append(PlacedColumn(column, x, max(1, min(size, width - x))))
        x += size + GAP
    return placed


def _needed(columns: Sequence[Column[R]]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _grown(columns: Sequence[Column[R]], spare: int) -> list[int]:
    sizes = [column.width for column in columns]
    open_ = [n for n, column in enumerate(columns) if column.grow]
    while spare > 0 and open_:
        parts = sum(columns[n].grow for n in open_)
        given = {n: max(1, spare * columns[n].grow // parts) for n in open_}
        for n in open_:
            limit = columns[n].most or sizes[n] + spare
            extra = min(given[n], limit - sizes[n], spare)
            sizes[n] += extra
            spare -= extra
        open_ = [n for n in open_ if not columns[n].most or sizes[n] < columns[n].most]
    return sizes


def fit(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells: padded, or cut with an ellipsis; wide characters whole."""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"

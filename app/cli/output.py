"""What commands print: aligned tables, JSON, colour where there is a terminal that wants it."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Any
from uuid import UUID

import click

from app.domain.text import clean
from app.domain.times import iso, iso_exact

GREEN, YELLOW, RED, DIM = "32", "33", "31", "2"


def show(text: str = "", *, err: bool = False) -> None:
    """Print a line."""
    click.echo(text, err=err)


def show_json(value: Any) -> None:
    """Print JSON. Everything outside ASCII is escaped, so no server's text reaches the terminal raw."""
    click.echo(json_text(value))


_STEP = "  "
_compact = json.JSONEncoder().encode


def json_text(value: Any, line: str = "\n") -> str:
    """What `json.dumps(value, indent=2)` returns, for dictionaries whose keys are strings; in half the time.

    With an indent the standard library encodes in Python what it else encodes in C. `line` begins a line at
    the depth of `value`.
    """
    if not value or not isinstance(value, dict | list | tuple):
        return _compact(value)
    inner = line + _STEP
    # Most of what is nested is text, which is spared a call.
    if isinstance(value, dict):
        opening, closing = "{}"
        items = [
            f"{quoted(name)}: {quoted(item) if type(item) is str else json_text(item, inner)}"
            for name, item in value.items()
        ]
    else:
        opening, closing = "[]"
        items = [quoted(item) if type(item) is str else json_text(item, inner) for item in value]
    return f"{opening}{inner}{f',{inner}'.join(items)}{line}{closing}"


def paint(text: str, style: str, *, err: bool = False) -> str:
    """Colour `text` on a terminal, unless NO_COLOR is set (no-color.org)."""
    stream = sys.stderr if err else sys.stdout
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty()
    return text if plain or not style else f"\x1b[{style}m{text}\x1b[0m"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by terminal cells, two blanks apart; every cell is cleaned."""
    return _aligned([[clean(cell) for cell in row] for row in (headers, *rows)])


def fitted(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    order: Sequence[str],
    *,
    short: str = "",
    err: bool = False,
) -> str:
    """The table, and at a terminal as much of it as fits the width.

    There its columns stand in `order`, and empty ones are left out. Where the width is too small, the column
    `short` gets narrow first, then the last ones are cut or left out. Ids and times are whole or left out.
    """
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        return table(headers, rows)
    import shutil

    cells = [[clean(cell) for cell in row] for row in (headers, *rows)]
    indexes = [headers.index(name) for name in order]
    widths = {
        index: max(width(row[index]) for row in cells)
        for index in indexes
        if any(row[index] for row in cells[1:])
    }
    narrow = headers.index(short) if short else -1
    fitting = _fit_widths(widths, headers, narrow, shutil.get_terminal_size().columns)
    return _aligned([[cut(row[index], limit) for index, limit in fitting.items()] for row in cells])


_GAP, _LEAST = 2, 16
"""Blanks between two columns, and cells that a column which is cut still has."""


def _fit_widths(widths: dict[int, int], headers: Sequence[str], narrow: int, total: int) -> dict[int, int]:
    """The cells that each column gets of `total`; one that is not in it is left out. `narrow` -1 is none."""
    fitting: dict[int, int] = {}
    left = total
    for index, natural in widths.items():
        least = min(natural, _LEAST) if index == narrow else natural
        if least > left:
            # Half an id or a time is of no use.
            whole = headers[index] == "ID" or headers[index].endswith("(UTC)")
            if left >= _LEAST and not whole:
                fitting[index] = left
            break
        fitting[index] = least
        left -= least + _GAP
    used = sum(fitting.values()) + _GAP * (len(fitting) - 1)
    if narrow in fitting:
        fitting[narrow] = min(widths[narrow], fitting[narrow] + total - used)
    return fitting


def cut(text: str, cells: int) -> str:
    """`text` in at most `cells` cells, with … for what is missing."""
    if width(text) <= cells:
        return text
    from rich.cells import set_cell_size

    return f"{set_cell_size(text, cells - 1).rstrip()}…"


def _aligned(cells: Sequence[Sequence[str]]) -> str:
    widths = [max(width(row[index]) for row in cells) for index in range(len(cells[0]))]
    return "\n".join(
        "  ".join(padded(cell, space) for cell, space in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table without a header."""
    return table(rows[0], rows[1:]).split("\n") if rows else []


def padded(text: str, cells: int) -> str:
    """`text` with blanks up to `cells` cells."""
    return text + " " * (cells - width(text))


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """`name: value` lines."""
    return "\n".join(f"{name}: {clean(value)}" for name, value in rows)


_FIRST_COMBINING = "\u0300"
"""Everything printable before it takes one cell."""


def width(text: str) -> int:
    """How many terminal cells `text` takes."""
    if text.isascii() or all(char < _FIRST_COMBINING or char == "…" for char in text):
        return len(text)
    # Not for the usual case: importing it takes longer than printing the table.
    from rich.cells import cell_len

    return cell_len(text)


def stamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with Z, and the fraction of the second as it is, as JSON shows it."""
    return iso_exact(moment) or None


def moment(value: datetime | None, absent: str = "") -> str:
    """A moment as a sentence shows it: UTC, to the minute."""
    return f"{iso(value)[:16].replace('T', ' ')} UTC" if value else absent


def in_table(value: datetime | None, absent: str = "") -> str:
    """A moment in a column whose header says UTC."""
    return moment(value, absent).removesuffix(" UTC")


def json_object(row: object, *names: str) -> dict[str, Any]:
    """These attributes as JSON: camelCase, ids as text, times as RFC 3339."""
    return {_camel_case(name): _json_value(getattr(row, name)) for name in names}


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return stamp(value)
    return str(value) if isinstance(value, UUID) else value

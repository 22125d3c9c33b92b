"""A token list as CSV, JSON or Markdown, for people and for spreadsheets.

Says when it was read and under which threshold: without them a deadline means nothing.
"""

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from app.domain.inactivity import idle

# A file is no screen: it holds what is there, whatever is masked.
from app.domain.text import clean
from app.domain.times import iso
from app.domain.token_row import Row

COLUMNS = (
    "name",
    "state",
    "scope",
    "last used",
    "idle days",
    "deadline",
    "reason",
    "expires",
    "created",
    "revoked",
    "description",
    "id",
)
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula, in wide letters too."""


class Format(Enum):
    """The value is the usual ending of the file's name."""

    CSV = "csv"
    JSON = "json"
    MARKDOWN = "md"


def render(rows: Sequence[Row], form: Format, as_of: datetime, threshold: int | None) -> str:
    """The rows in `form`, times in UTC (ISO 8601); `threshold` None means that it was not readable."""
    match form:
        case Format.CSV:
            return _csv(rows, as_of, threshold)
        case Format.JSON:
            return _json(rows, as_of, threshold)
        case Format.MARKDOWN:
            return _markdown(rows, as_of, threshold)


def _values(row: Row, as_of: datetime) -> tuple[str, ...]:
    token, end = row.token, row.deadline
    return (
        token.name,
        row.state.value,
        token.scope,
        iso(token.last_used_at) or "never",
        str(idle(token, as_of).days),
        iso(end.at) if end else "",
        end.reason.value if end else "",
        iso(token.expires_at) or "never",
        iso(token.created_at),
        iso(token.revoked_at),
        token.description,
        token.id,
    )


def _threshold(threshold: int | None) -> str:
    return "unknown" if threshold is None else f"{threshold} days" if threshold else "off"


def _csv(rows: Sequence[Row], as_of: datetime, threshold: int | None) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, "as of", "threshold"])
    for row in rows:
        cells = [*_values(row, as_of), iso(as_of), _threshold(threshold)]
        writer.writerow([neutral(cell) for cell in cells])
    return out.getvalue()


def neutral(cell: str) -> str:
    """What a spreadsheet would run as a formula becomes text, with an apostrophe before it."""
    text = clean(cell, 10_000)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _json(rows: Sequence[Row], as_of: datetime, threshold: int | None) -> str:
    names = [column.replace(" ", "_") for column in COLUMNS]
    tokens = [dict(zip(names, _values(row, as_of), strict=True)) for row in rows]
    whole = {"as_of": iso(as_of), "threshold_days": threshold, "tokens": tokens}
    return as_json(whole)


def as_json(value: object) -> str:
    """JSON with a final newline, in which names stay exactly what they are.

    They still cannot do anything to a terminal that shows the file: what does not print is escaped.
    """
    lines = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    return "\n".join(line if line.isprintable() else _escaped(line) for line in lines) + "\n"


def _escaped(line: str) -> str:
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


def _markdown(rows: Sequence[Row], as_of: datetime, threshold: int | None) -> str:
    lines = [
        f"{len(rows)} API tokens as of {iso(as_of)}, auto-revoke threshold: {_threshold(threshold)}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
        *(f"| {' | '.join(table_cell(value) for value in _values(row, as_of))} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def table_cell(text: str) -> str:
    """`text` as a cell of a Markdown table, standing for itself."""
    # What Markdown or HTML would make of a name is not what it is.
    safe = clean(text, 10_000).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for char in "|`*_[]":
        safe = safe.replace(char, f"\\{char}")
    return safe

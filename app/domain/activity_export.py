"""The activity log as CSV, JSON or Markdown, for people and for spreadsheets."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from app.domain.activity import ActivityEntry, Outcome
from app.domain.export import Format, as_json, neutral, table_cell
from app.domain.times import iso

COLUMNS = (
    "at",
    "action",
    "outcome",
    "provider",
    "identity",
    "organization",
    "endpoint",
    "subject",
    "subject id",
    "detail",
)


def ending(entry: ActivityEntry) -> str:
    """How it ended, as a person reads it: a beginning that is still in the log has no end."""
    return "interrupted" if entry.outcome is Outcome.STARTED else entry.outcome.value


def values(entry: ActivityEntry) -> tuple[str, ...]:
    """One entry by column; the time in UTC (ISO 8601)."""
    return (
        iso(entry.at),
        entry.action.value,
        ending(entry),
        entry.provider.value,
        entry.identity,
        entry.organization,
        entry.endpoint,
        entry.subject,
        entry.subject_id,
        entry.detail,
    )


def has_words(entry: ActivityEntry, words: Sequence[str]) -> bool:
    """True when every one of the words, in lower case, stands somewhere in the entry."""
    text = " ".join(values(entry)[1:]).lower()
    return all(word in text for word in words)


def render(entries: Sequence[ActivityEntry], form: Format, as_of: datetime) -> str:
    """The entries in `form`, in their order; JSON and Markdown say when they were read."""
    match form:
        case Format.CSV:
            return _csv(entries)
        case Format.JSON:
            return as_json(shape(entries, as_of))
        case Format.MARKDOWN:
            return _markdown(entries, as_of)


def shape(entries: Sequence[ActivityEntry], as_of: datetime) -> dict[str, object]:
    """The entries as JSON has them."""
    names = [column.replace(" ", "_") for column in COLUMNS]
    rows = [dict(zip(names, values(entry), strict=True)) for entry in entries]
    return {"as_of": iso(as_of), "activity": rows}


def _csv(entries: Sequence[ActivityEntry]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([neutral(cell) for cell in values(entry)] for entry in entries)
    return out.getvalue()


def _markdown(entries: Sequence[ActivityEntry], as_of: datetime) -> str:
    lines = [
        f"{len(entries)} entries as of {iso(as_of)}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
        *(f"| {' | '.join(table_cell(value) for value in values(entry))} |" for entry in entries),
    ]
    return "\n".join(lines) + "\n"

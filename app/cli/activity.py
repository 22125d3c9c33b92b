"""`loopin activity`: what this program did on this machine."""

from contextlib import suppress
from datetime import date, datetime, time
from typing import TYPE_CHECKING

import click

from app.cli.groups import Leaf
from app.cli.options import chainloop_options
from app.cli.output import fitted, in_table, show, show_json
from app.cli.runtime import run
from app.domain import durations
from app.domain.activity_export import ending, has_words, render, shape
from app.domain.errors import UsageError
from app.domain.export import Format
from app.domain.text import clean
from app.domain.times import at_time, shift

if TYPE_CHECKING:
    # Loaded on first use: help needs no services.
    from app.bootstrap import Container
    from app.domain.activity import ActivityEntry


_COLUMNS = ("WHEN (UTC)", "WHAT", "RESULT", "PROVIDER", "SUBJECT", "WHO", "DETAILS")
_AT_TERMINAL = ("WHEN (UTC)", "WHAT", "RESULT", "SUBJECT", "DETAILS", "WHO", "PROVIDER")


@click.command("activity", cls=Leaf, shared=chainloop_options())
@click.argument("words", nargs=-1)
@click.option("--since", metavar="TIME", help="Only what was done since: 24h, 7d, or a day like 2026-03-01.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, safe to open in a spreadsheet.")
@click.pass_context
def activity(
    ctx: click.Context, words: tuple[str, ...], since: str | None, as_json: bool, as_csv: bool
) -> None:
    """Say what Loopin did here, newest first; with WORDS only entries that have them all.

    The trail is kept on this machine and holds no secrets.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other", hint="choose one of them")
    entries, now = run(ctx, lambda container: _read(container, words, since))
    if as_json:
        show_json(shape(entries, now))
    elif as_csv:
        show(render(entries, Format.CSV, now).rstrip("\n"))
    elif entries:
        show(fitted(_COLUMNS, _rows(entries), _AT_TERMINAL, short="SUBJECT"))
    else:
        show("Nothing was done yet." if not (words or since) else "Nothing fits.", err=True)


async def _read(
    container: "Container", words: tuple[str, ...], since: str | None
) -> "tuple[list[ActivityEntry], datetime]":
    now = container.clock.now()
    start = _parse_start(since, now) if since is not None else None
    lowered = [word.lower() for word in words]
    entries = await container.activity_log.entries()
    return [e for e in entries if (start is None or e.at >= start) and has_words(e, lowered)], now


def _parse_start(text: str, now: datetime) -> datetime:
    """A length of time back from now, or the beginning of a day in this time zone."""
    with suppress(ValueError):
        return at_time(date.fromisoformat(text.strip()), time())
    if (span := durations.parse(text)) is None:
        raise UsageError(
            f"--since {clean(text, 80)!r} is neither a length of time nor a day",
            hint="write 24h, 7d or 2026-03-01",
        )
    return shift(now, -span)


def _rows(entries: "list[ActivityEntry]") -> list[tuple[str, ...]]:
    return [
        (
            in_table(entry.at),
            entry.action.value,
            ending(entry),
            entry.provider.title,
            entry.subject,
            " · ".join(word for word in (entry.identity, entry.organization) if word),
            entry.detail,
        )
        for entry in entries
    ]

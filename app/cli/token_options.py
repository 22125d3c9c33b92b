"""What the commands of API tokens share: the filter, the threshold, and what an earlier run left behind."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import click

from app.bootstrap import Container
from app.cli.interrupted import interrupted
from app.cli.output import show, width
from app.domain import durations
from app.domain.errors import LoopinError, UsageError
from app.domain.expiry import LONGEST
from app.domain.filter import FilterProblem
from app.domain.inactivity import MAX_DAYS
from app.domain.text import clean
from app.services.tokens import Listing

LIST = "loopin chainloop organization api-token list"
threshold_option = click.option(
    "--threshold",
    type=click.IntRange(0, MAX_DAYS),
    metavar="DAYS",
    help="Reckon with this auto-revoke threshold, not with the organization's own; 0 is off.",
)


@contextmanager
def pointing(text: str | None) -> Iterator[None]:
    """Show where in the filter the trouble is, under the filter itself, before the error is told."""
    try:
        yield
    except FilterProblem as problem:
        if text and len(text) <= _SHOWN:
            before, term = clean(text[: problem.start]), clean(problem.term)
            show(f"  {clean(text)}", err=True)
            show(f"  {' ' * width(before)}{'^' * width(term)}", err=True)
        problem.hint = problem.hint or _THRESHOLD
        raise


_SHOWN = 400
_THRESHOLD = "an API token cannot read the threshold: add --threshold DAYS"


def span(option: str, text: str) -> timedelta:
    """Read 14d, 12h or 6w; raise UsageError naming the option."""
    found = durations.parse(text)
    if found is None or found > LONGEST:
        raise UsageError(f"{option} {text[:40]!r} is not a length of time", hint="write 12h, 14d or 6w")
    return found


async def news(container: Container, listing: Listing) -> tuple[str, ...]:
    """What an earlier run left unfinished, and what vanished since the last listing, a line each.

    Neither may fail the command: what cannot be read or written is left for the next time.
    """
    return (*await _quietly(interrupted, container, listing), *await _quietly(_vanished, container, listing))


async def _quietly(
    look: Callable[[Container, Listing], Awaitable[tuple[str, ...]]], container: Container, listing: Listing
) -> tuple[str, ...]:
    try:
        return await look(container, listing)
    except LoopinError:
        return ()


async def _vanished(container: Container, listing: Listing) -> tuple[str, ...]:
    found = await container.notice_vanished.do(listing)
    shown = [f"revoked outside Loopin: {clean(one.token.name)}, {one.detail}" for one in found[:_FEW]]
    more = len(found) - len(shown)
    return (*shown, f"and {more} more, see the activity trail") if more > 0 else tuple(shown)


_FEW = 10


def tell(lines: tuple[str, ...]) -> None:
    """Say the lines on standard error."""
    for line in lines:
        show(f"loopin: {clean(line)}", err=True)

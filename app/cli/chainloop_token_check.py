"""`loopin chainloop organization api-token check`."""

from datetime import datetime, timedelta

import click

from app.bootstrap import Container
from app.cli import exit_codes, serializers
from app.cli.groups import Leaf
from app.cli.options import output_option, shared
from app.cli.output import fitted, in_table, show, show_json, stamp
from app.cli.runtime import run
from app.cli.token_options import news, span, tell, threshold_option
from app.domain.durations import until
from app.domain.inactivity import SWEEP_INTERVAL, Deadline, Reason
from app.domain.text import plural
from app.services.check_tokens import Checked, Near

_COLUMNS = ("ID", "NAME", "SCOPE", "LAST USED (UTC)", "ENDS (UTC)", "IN", "WHY")
_AT_TERMINAL = ("NAME", "ID", "IN", "WHY", "ENDS (UTC)", "LAST USED (UTC)", "SCOPE")


@click.command("check", cls=Leaf)
@click.option("--within", default="14d", metavar="TIME", help="Tokens that expire within this time. [14d]")
@click.option(
    "--idle-within",
    default="7d",
    metavar="TIME",
    help="Tokens that are auto-revoked within this time when nobody uses them. [7d]",
)
@threshold_option
@output_option("table", "json")
@shared
@click.pass_context
def check(ctx: click.Context, within: str, idle_within: str, threshold: int | None, output: str) -> int:
    """Say which API tokens are about to stop working, for a job that runs every day.

    What the next sweep revokes, within an hour, is among them whatever --idle-within says, and so are
    expired tokens that it takes. Exits with 7 when there are any. An API token cannot read the auto-revoke
    threshold: under one, --threshold is needed, and tokens of the organization itself are not seen.
    """
    spans = span("--within", within), span("--idle-within", idle_within)
    found, lines = run(ctx, lambda container: _check(container, *spans, threshold))
    tell(lines)
    if found.not_seen:
        show(f"loopin: {found.not_seen}", err=True)
    if output == "json":
        show_json(_shape(found))
    elif found.near:
        show(fitted(_COLUMNS, _rows(found), _AT_TERMINAL, short="NAME"))
    else:
        show(f"Nothing is near: {plural(found.looked_at, 'API token')} looked at.", err=True)
    return exit_codes.FOUND if found.near else exit_codes.DONE


async def _check(
    container: Container, within: timedelta, idle_within: timedelta, threshold: int | None
) -> tuple[Checked, tuple[str, ...]]:
    found = await container.check_tokens.do(within, idle_within, threshold)
    return found, await news(container, found.listing)


def _rows(found: Checked) -> list[tuple[str, ...]]:
    now = found.listing.as_of
    return [
        (
            near.token.id,
            near.token.name,
            near.token.scope,
            in_table(near.token.last_used_at, "never"),
            in_table(near.deadline.at),
            _left(near.deadline, now),
            near.deadline.reason.value,
        )
        for near in found.near
    ]


def _left(deadline: Deadline, now: datetime) -> str:
    """The time that is left; a sweep comes within an hour, and takes what is due by then."""
    if deadline.reason is Reason.IDLE and deadline.at < now + SWEEP_INTERVAL:
        return "next sweep" if deadline.at < now else "within the hour"
    return until(deadline.at, now)


def _shape(found: Checked) -> serializers.Shape:
    return {
        "asOf": stamp(found.listing.as_of),
        "organization": found.listing.identity.organization,
        "threshold": found.threshold,
        "lookedAt": found.looked_at,
        "notSeen": found.not_seen or None,
        "near": [_near(near) for near in found.near],
    }


def _near(near: Near) -> serializers.Shape:
    return serializers.token(near.token) | {"deadline": serializers.deadline(near.deadline)}

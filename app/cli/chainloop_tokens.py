"""`loopin chainloop organization api-token create | list | check`, and what `revoke` shares with them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import click

from app.bootstrap import Container
from app.cli import exit_codes, serializers
from app.cli.chainloop_organization import list_interrupted
from app.cli.groups import Leaf
from app.cli.options import chainloop_options, output_option
from app.cli.output import fitted, in_table, show, show_json, stamp, width
from app.cli.runtime import advising, run
from app.domain import durations, permissions
from app.domain.durations import until
from app.domain.errors import LoopinError, UsageError
from app.domain.expiry import LONGEST, read_life
from app.domain.export import Format, render
from app.domain.filter import FilterProblem
from app.domain.inactivity import MAX_DAYS, SWEEP_INTERVAL, Deadline, Reason
from app.domain.text import clean, plural
from app.domain.tokens import CreatedToken, ScopeFilter, StatusFilter, TokenDraft
from app.services.tokens import FilteredListing, Listing, Query, TokenCheck

LIST = "loopin chainloop organization api-token list"
threshold_option = click.option(
    "--threshold",
    type=click.IntRange(0, MAX_DAYS),
    metavar="DAYS",
    help="Reckon with this auto-revoke threshold, not with the organization's own; 0 is off.",
)


@contextmanager
def mark_filter_problem(text: str | None) -> Iterator[None]:
    """Print the filter with the term that cannot be used underlined, before the error itself."""
    try:
        yield
    except FilterProblem as problem:
        if text and len(text) <= _LONGEST_MARKED:
            before, term = clean(text[: problem.start]), clean(problem.term)
            show(f"  {clean(text)}", err=True)
            show(f"  {' ' * width(before)}{'^' * width(term)}", err=True)
        problem.hint = problem.hint or "an API token cannot read the threshold: add --threshold DAYS"
        raise


_LONGEST_MARKED = 400
_MOST_VANISHED = 10


async def read_notices(container: Container, listing: Listing) -> tuple[str, ...]:
    """What an earlier run left unfinished, and what was revoked elsewhere meanwhile, a line each.

    Neither may fail the command: what cannot be read or written is left for the next time.
    """
    lines: list[str] = []
    with suppress(LoopinError):
        lines += await list_interrupted(container, listing)
    with suppress(LoopinError):
        vanished = await container.vanished_tokens.find_vanished(listing)
        lines += [
            f"revoked outside Loopin: {clean(one.token.name)}, {one.detail}"
            for one in vanished[:_MOST_VANISHED]
        ]
        if (more := len(vanished) - _MOST_VANISHED) > 0:
            lines.append(f"and {more} more, see the activity trail")
    return tuple(lines)


def print_notices(lines: tuple[str, ...]) -> None:
    """Write the lines to standard error."""
    for line in lines:
        show(f"loopin: {clean(line)}", err=True)


_LIST_COLUMNS = (
    "ID",
    "NAME",
    "SCOPE",
    "STATE",
    "CREATED (UTC)",
    "EXPIRES (UTC)",
    "LAST USED (UTC)",
    "REVOKED (UTC)",
    "DESCRIPTION",
)
_LIST_AT_TERMINAL = (
    "NAME",
    "ID",
    "STATE",
    "LAST USED (UTC)",
    "EXPIRES (UTC)",
    "SCOPE",
    "REVOKED (UTC)",
    "CREATED (UTC)",
    "DESCRIPTION",
)


@click.command("create", cls=Leaf, shared=chainloop_options())
@click.option("--name", required=True, metavar="NAME", help="Name: a-z, 0-9 and hyphens.")
@click.option("--description", default="", metavar="TEXT", help="Where it will live.")
@click.option("--expiration", metavar="TIME", help="24h, 90d, 1y, 720h; never or 0. [never]")
@click.option("--project", default="", metavar="PROJECT", help="Limit it to a project.")
@click.option(
    "--permission",
    "permission_names",
    multiple=True,
    metavar="NAME",
    help=f"What it may do; may be given again: {', '.join(permissions.EVERY)}. [the server's default]",
)
@output_option("table", "json", "token")
@click.pass_context
def create(
    ctx: click.Context,
    name: str,
    description: str,
    expiration: str | None,
    project: str,
    permission_names: tuple[str, ...],
    output: str,
) -> None:
    """Create an API token and print it: it is told only this once.

    `-o token` prints the bare token without a line break, for a pipe or a variable.
    """
    expires_in = read_life(expiration, "--expiration") if expiration is not None else None
    draft = TokenDraft(name, description, expires_in, project, permissions.check(permission_names)).check()
    with advising(
        "check --name and --project: loopin chainloop organization api-token list shows those in use"
    ):
        run(ctx, lambda container: _create(container, draft, output))


async def _create(container: Container, draft: TokenDraft, output: str) -> None:
    """Create it and print it; an interruption before that is reported at the next start."""
    new = await container.token_creation.create_token(draft)
    if draft.expires_in is None:
        show("The token never expires; --expiration 90d would give it an end.", err=True)
    try:
        _print_created(new, output)
        sys.stdout.flush()
    except OSError as error:
        raise exit_codes.PartlyDone(
            f"the token {new.token.name} was created, but could not be written out: {error.strerror}",
            hint=f"revoke it: loopin chainloop organization api-token revoke --id {new.token.id}",
        ) from None
    await container.token_creation.end_creation(new.token, saved=True)


def _print_created(new: CreatedToken, output: str) -> None:
    if output == "token":
        click.echo(new.secret.reveal(), nl=False)
        return
    if output == "json":
        show_json(serializers.created(new))
        return
    columns = ("ID", "NAME", "SCOPE", "CREATED (UTC)", "EXPIRES (UTC)")
    order = ("NAME", "ID", "EXPIRES (UTC)", "SCOPE", "CREATED (UTC)")
    token = new.token
    times = in_table(token.created_at), in_table(token.expires_at, "never")
    show(fitted(columns, [(token.id, token.name, token.scope, *times)], order, short="NAME"))
    if new.token.permissions:
        show(f"It may: {', '.join(clean(name, 80) for name in new.token.permissions)}")
    show()
    show("Save this token now: it is told only this once.")
    show()
    show(new.secret.reveal())


@click.command("list", cls=Leaf, shared=chainloop_options())
@click.option(
    "--status",
    type=click.Choice([item.value for item in StatusFilter]),
    help="Which tokens; active means not revoked. [active]",
)
@click.option("-a", "--all", "every", is_flag=True, help="Deprecated: use --status all.")
@click.option(
    "-s",
    "--scope",
    type=click.Choice([ScopeFilter.PROJECT.value, ScopeFilter.GLOBAL.value]),
    help="Only tokens of projects, or only those of the whole organization.",
)
@click.option("-p", "--project", default="", metavar="NAME", help="Only tokens of this project.")
@click.option(
    "--filter",
    "text",
    default="",
    metavar="FILTER",
    help="Words, and terms: scope: project: status: name: description: id: idle>30d expires<7d never !term.",
)
@threshold_option
@output_option("table", "json", "csv", "md")
@click.pass_context
def list_(
    ctx: click.Context,
    status: str | None,
    every: bool,
    scope: str | None,
    project: str,
    text: str,
    threshold: int | None,
    output: str,
) -> None:
    """List the API tokens of the organization that you may see, oldest first.

    The filter is that of the Tokens screen; with a status in it, tokens of every status are looked at.
    """
    if every:
        show("loopin: --all is deprecated; use --status all", err=True)
    # A status that is named counts more, as for the vendor's command.
    chosen_status = StatusFilter(status) if status else StatusFilter.ALL if every else None
    within = ScopeFilter(scope) if scope else ScopeFilter.ANY
    query = Query(text, chosen_status, within, project, threshold)
    with advising("check --project and --org"), mark_filter_problem(text):
        result, notices = run(ctx, lambda container: _find(container, query))
    print_notices(notices)
    narrowed = bool(text.strip() or project or scope or chosen_status not in {None, StatusFilter.ALL})
    more = "; --status all shows revoked ones, too" if chosen_status is None else ""
    none = "There are no such API tokens" if narrowed else "There are no API tokens"
    _print(result, output, f"{none} in this organization{'' if narrowed else more}.")


async def _find(container: Container, query: Query) -> tuple[FilteredListing, tuple[str, ...]]:
    result = await container.tokens.find_tokens(query)
    return result, await read_notices(container, result.listing)


def _print(result: FilteredListing, output: str, none: str) -> None:
    if output == "json":
        show_json([serializers.token(row.token) for row in result.rows])
    elif output in _FORMATS:
        text = render(result.rows, _FORMATS[output], result.listing.as_of, result.threshold)
        show(text.removesuffix("\n"))
    elif result.rows:
        show(fitted(_LIST_COLUMNS, _rows(result), _LIST_AT_TERMINAL, short="NAME"))
    else:
        show(none, err=True)


_FORMATS = {"csv": Format.CSV, "md": Format.MARKDOWN}


def _rows(result: FilteredListing) -> list[tuple[str, ...]]:
    own = result.listing.identity.token_id
    return [
        (
            token.id,
            token.name + (" (you)" if token.id == own else ""),
            token.scope,
            row.state.value,
            in_table(token.created_at),
            in_table(token.expires_at, "never"),
            in_table(token.last_used_at, "never"),
            in_table(token.revoked_at),
            token.description,
        )
        for row in result.rows
        for token in (row.token,)
    ]


_CHECK_COLUMNS = ("ID", "NAME", "SCOPE", "LAST USED (UTC)", "ENDS (UTC)", "IN", "WHY")
_CHECK_AT_TERMINAL = ("NAME", "ID", "IN", "WHY", "ENDS (UTC)", "LAST USED (UTC)", "SCOPE")


@click.command("check", cls=Leaf, shared=chainloop_options())
@click.option("--within", default="14d", metavar="TIME", help="Tokens that expire within this time. [14d]")
@click.option(
    "--idle-within",
    default="7d",
    metavar="TIME",
    help="Tokens that are auto-revoked within this time when nobody uses them. [7d]",
)
@threshold_option
@output_option("table", "json")
@click.pass_context
def check(ctx: click.Context, within: str, idle_within: str, threshold: int | None, output: str) -> int:
    """Say which API tokens are about to stop working, for a job that runs every day.

    What the next sweep revokes, within an hour, is among them whatever --idle-within says, and so are
    expired tokens that it takes. Exits with 7 when there are any. An API token cannot read the auto-revoke
    threshold: under one, --threshold is needed, and tokens of the organization itself are not seen.
    """
    spans = _read_span("--within", within), _read_span("--idle-within", idle_within)
    result, notices = run(ctx, lambda container: _check(container, *spans, threshold))
    print_notices(notices)
    if result.not_seen:
        show(f"loopin: {result.not_seen}", err=True)
    if output == "json":
        show_json(_check_json(result))
    elif result.ending:
        show(fitted(_CHECK_COLUMNS, _check_rows(result), _CHECK_AT_TERMINAL, short="NAME"))
    else:
        show(f"Nothing is near: {plural(result.checked, 'API token')} looked at.", err=True)
    return exit_codes.FOUND if result.ending else exit_codes.DONE


def _read_span(option: str, text: str) -> timedelta:
    """Read 14d, 12h or 6w; raise UsageError naming the option."""
    span = durations.parse(text)
    if span is None or span > LONGEST:
        raise UsageError(f"{option} {text[:40]!r} is not a length of time", hint="write 12h, 14d or 6w")
    return span


async def _check(
    container: Container, within: timedelta, idle_within: timedelta, threshold: int | None
) -> tuple[TokenCheck, tuple[str, ...]]:
    result = await container.tokens.check_tokens(within, idle_within, threshold)
    return result, await read_notices(container, result.listing)


def _check_rows(result: TokenCheck) -> list[tuple[str, ...]]:
    return [
        (
            item.token.id,
            item.token.name,
            item.token.scope,
            in_table(item.token.last_used_at, "never"),
            in_table(item.deadline.at),
            _time_left(item.deadline, result.listing.as_of),
            item.deadline.reason.value,
        )
        for item in result.ending
    ]


def _time_left(deadline: Deadline, now: datetime) -> str:
    """The time that is left; a sweep comes within an hour, and takes what is due by then."""
    if deadline.reason is Reason.IDLE and deadline.at < now + SWEEP_INTERVAL:
        return "next sweep" if deadline.at < now else "within the hour"
    return until(deadline.at, now)


def _check_json(result: TokenCheck) -> serializers.Shape:
    return {
        "asOf": stamp(result.listing.as_of),
        "organization": result.listing.identity.organization,
        "threshold": result.threshold,
        "lookedAt": result.checked,
        "notSeen": result.not_seen or None,
        "near": [
            serializers.token(item.token) | {"deadline": serializers.deadline(item.deadline)}
            for item in result.ending
        ],
    }

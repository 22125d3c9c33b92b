"""`loopin chainloop organization api-token create | list`."""

import sys

import click

from app.bootstrap import Container
from app.cli import exit_codes, serializers
from app.cli.groups import Leaf
from app.cli.options import output_option, shared
from app.cli.output import fitted, in_table, show, show_json
from app.cli.runtime import advising, run
from app.cli.token_options import news, pointing, tell, threshold_option
from app.domain import permissions
from app.domain.expiry import read_life
from app.domain.export import Format, render
from app.domain.text import clean
from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft
from app.services.find_tokens import Found, Query

_COLUMNS = (
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
_AT_TERMINAL = (
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


@click.command("create", cls=Leaf)
@click.option("--name", required=True, metavar="NAME", help="Name: a-z, 0-9 and hyphens.")
@click.option("--description", default="", metavar="TEXT", help="Where it will live.")
@click.option("--expiration", metavar="TIME", help="24h, 90d, 1y, 720h; never or 0. [never]")
@click.option("--project", default="", metavar="PROJECT", help="Limit it to a project.")
@click.option(
    "--permission",
    "wanted",
    multiple=True,
    metavar="NAME",
    help=f"What it may do; may be given again: {', '.join(permissions.EVERY)}. [the server's default]",
)
@output_option("table", "json", "token")
@shared
@click.pass_context
def create(
    ctx: click.Context,
    name: str,
    description: str,
    expiration: str | None,
    project: str,
    wanted: tuple[str, ...],
    output: str,
) -> None:
    """Create an API token and print it: it is told only this once.

    `-o token` prints the bare token without a line break, for a pipe or a variable.
    """
    expires_in = read_life(expiration, "--expiration") if expiration is not None else None
    draft = TokenDraft(name, description, expires_in, project, permissions.check(wanted)).check()
    with advising(
        "check --name and --project: loopin chainloop organization api-token list shows those in use"
    ):
        run(ctx, lambda container: _create(container, draft, output))


async def _create(container: Container, draft: TokenDraft, output: str) -> None:
    """Create it and print it; an interruption before that is reported at the next start."""
    new = await container.new_token.do(draft)
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
    await container.new_token.kept(new.token)


def _print_created(new: CreatedToken, output: str) -> None:
    if output == "token":
        click.echo(new.secret.reveal(), nl=False)
        return
    if output == "json":
        show_json(serializers.created(new))
        return
    columns = ("ID", "NAME", "SCOPE", "CREATED (UTC)", "EXPIRES (UTC)")
    order = ("NAME", "ID", "EXPIRES (UTC)", "SCOPE", "CREATED (UTC)")
    show(fitted(columns, [_short(new.token)], order, short="NAME"))
    if new.token.permissions:
        show(f"It may: {', '.join(clean(name, 80) for name in new.token.permissions)}")
    show()
    show("Save this token now: it is told only this once.")
    show()
    show(new.secret.reveal())


def _short(token: APIToken) -> tuple[str, ...]:
    return token.id, token.name, token.scope, in_table(token.created_at), in_table(token.expires_at, "never")


@click.command("list", cls=Leaf)
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
@shared
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
    wanted = StatusFilter(status) if status else StatusFilter.ALL if every else None
    within = ScopeFilter(scope) if scope else ScopeFilter.ANY
    query = Query(text, wanted, within, project, threshold)
    with advising("check --project and --org"), pointing(text):
        found, lines = run(ctx, lambda container: _find(container, query))
    tell(lines)
    narrowed = bool(text.strip() or project or scope or wanted not in {None, StatusFilter.ALL})
    more = "; --status all shows revoked ones, too" if wanted is None else ""
    none = "There are no such API tokens" if narrowed else "There are no API tokens"
    _print(found, output, f"{none} in this organization{'' if narrowed else more}.")


async def _find(container: Container, query: Query) -> tuple[Found, tuple[str, ...]]:
    found = await container.find_tokens.do(query)
    return found, await news(container, found.listing)


def _print(found: Found, output: str, none: str) -> None:
    if output == "json":
        show_json([serializers.token(row.token) for row in found.rows])
    elif output in _FORMATS:
        text = render(found.rows, _FORMATS[output], found.listing.as_of, found.threshold)
        show(text.removesuffix("\n"))
    elif found.rows:
        show(fitted(_COLUMNS, _rows(found), _AT_TERMINAL, short="NAME"))
    else:
        show(none, err=True)


_FORMATS = {"csv": Format.CSV, "md": Format.MARKDOWN}


def _rows(found: Found) -> list[tuple[str, ...]]:
    own = found.listing.identity.token_id
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
        for row in found.rows
        for token in (row.token,)
    ]

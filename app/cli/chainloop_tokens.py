"""`loopin chainloop organization api-token create | list | revoke`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import click

from app.cli import exits, shapes
from app.cli.durations import parse
from app.cli.groups import Leaf
from app.cli.options import output_option, said_yes, shared
from app.cli.output import in_table, moment, plural, show, show_json, table
from app.cli.running import advising, run
from app.cli.terminal import ask, can_ask
from app.container import Container
from app.domain.errors import Cancelled, Failed, Refused, UsageError
from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft
from app.services.revoke_tokens import Revocation
from app.services.tokens import Listing

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


@click.command("create", cls=Leaf)
@click.option("--name", required=True, metavar="NAME", help="Name: a-z, 0-9 and hyphens.")
@click.option("--description", default="", metavar="TEXT", help="Where it will live.")
@click.option("--expiration", metavar="TIME", help="24h, 90d, 1y, 720h or never. [never]")
@click.option("--project", default="", metavar="PROJECT", help="Limit it to a project.")
@output_option("table", "json", "token")
@shared
@click.pass_context
def create(
    ctx: click.Context, name: str, description: str, expiration: str | None, project: str, output: str
) -> None:
    """Create an API token and print it: it is told only this once.

    `-o token` prints the bare token without a line break, for a pipe or a variable.
    """
    expires_in = parse(expiration) if expiration is not None else None
    draft = TokenDraft(name, description, expires_in, project).check()
    with advising(
        "check --name and --project: loopin chainloop organization api-token list shows those in use"
    ):
        new = run(ctx, lambda container: container.create_token.do(draft))
    if expiration is None:
        show("The token never expires; --expiration 90d would give it an end.", err=True)
    try:
        _print_created(new, output)
    except OSError as error:
        raise exits.PartlyDone(
            f"the token {new.token.name} was created, but could not be written out: {error.strerror}",
            hint=f"revoke it: loopin chainloop organization api-token revoke --id {new.token.id}",
        ) from None


def _print_created(new: CreatedToken, output: str) -> None:
    if output == "token":
        click.echo(new.secret.reveal(), nl=False)
        return
    if output == "json":
        show_json(shapes.created(new))
        return
    show(table(("ID", "NAME", "SCOPE", "CREATED (UTC)", "EXPIRES (UTC)"), [_short(new.token)]))
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
    default=StatusFilter.ACTIVE.value,
    help="Which tokens; active means not revoked. [active]",
)
@click.option("-a", "--all", "every", is_flag=True, help="The same as --status all.")
@click.option(
    "--scope",
    type=click.Choice([ScopeFilter.PROJECT.value, ScopeFilter.GLOBAL.value]),
    help="Only tokens of projects, or only those of the organization.",
)
@click.option("--project", default="", metavar="PROJECT", help="Only tokens of this project.")
@output_option("table", "json")
@shared
@click.pass_context
def list_(ctx: click.Context, status: str, every: bool, scope: str | None, project: str, output: str) -> None:
    """List the API tokens of the organization that you may see, oldest first."""
    wanted = StatusFilter.ALL if every else StatusFilter(status)
    within = ScopeFilter(scope) if scope else ScopeFilter.ANY
    with advising("check --project and --org"):
        found = run(ctx, lambda container: container.list_tokens.do(wanted, within, project))
    if output == "json":
        show_json([shapes.token(token) for token in found.tokens])
    elif found.tokens:
        show(table(_COLUMNS, _rows(found)))
    else:
        show("There are no such API tokens in this organization.", err=True)


def _rows(found: Listing) -> list[tuple[str, ...]]:
    return [
        (
            token.id,
            token.name + (" (you)" if token.id == found.identity.token_id else ""),
            token.scope,
            token.state(found.as_of).value,
            in_table(token.created_at),
            in_table(token.expires_at, "never"),
            in_table(token.last_used_at, "never"),
            in_table(token.revoked_at),
            token.description,
        )
        for token in found.tokens
    ]


@click.command("revoke", cls=Leaf)
@click.option(
    "--id", "ids", multiple=True, required=True, metavar="ID", help="Token to revoke; may be given again."
)
@output_option("table", "json")
@shared
@click.pass_context
def revoke(ctx: click.Context, ids: tuple[str, ...], output: str) -> None:
    """Revoke API tokens for good; there is no way back.

    At a terminal it asks first. Without one, --yes is needed. Exits with 6 when only some were revoked.
    """
    wanted = tuple(dict.fromkeys(token_id.strip() for token_id in ids))
    if not all(wanted):
        raise UsageError("--id is empty", hint="loopin chainloop organization api-token list shows the ids")
    if not said_yes(ctx) and not can_ask():
        raise UsageError("revoking cannot be undone, and nobody is here to be asked", hint="add --yes")
    known = run(ctx, lambda container: _look(container, wanted))
    if not said_yes(ctx):
        _confirm(known, wanted)
    pairs = [(token_id, known.name(token_id)) for token_id in wanted]
    results = run(ctx, lambda container: container.revoke_tokens.do(pairs))
    with advising("loopin chainloop organization api-token list shows the ids"):
        _report(results, output)


@dataclass(frozen=True, slots=True)
class Known:
    """The tokens behind the ids, as far as this credential may see them, and the id of its own."""

    tokens: Mapping[str, APIToken] = field(default_factory=dict)
    own: str = ""

    def name(self, token_id: str) -> str:
        """The token's name; empty when it cannot be seen."""
        return self.tokens[token_id].name if token_id in self.tokens else ""

    def row(self, token_id: str) -> tuple[str, ...]:
        """What a person wants to know before revoking it."""
        you = " (you)" if token_id == self.own else ""
        if (token := self.tokens.get(token_id)) is None:
            return f"?{you}", "?", "?", token_id
        return f"{token.name}{you}", token.scope, in_table(token.last_used_at, "never"), token_id


async def _look(container: Container, wanted: Sequence[str]) -> Known:
    try:
        listing = await container.list_tokens.do(StatusFilter.ALL)
    except Refused:
        return Known()
    return Known({t.id: t for t in listing.tokens if t.id in wanted}, listing.identity.token_id)


def _confirm(known: Known, wanted: Sequence[str]) -> None:
    rows = [known.row(token_id) for token_id in wanted]
    show(table(("NAME", "SCOPE", "LAST USED (UTC)", "ID"), rows), err=True)
    if known.own in wanted:
        show("You are signed in with one of them: nothing works with it afterwards.", err=True)
    answer = (known.name(wanted[0]) if len(wanted) == 1 else "") or str(len(wanted))
    typed = ask(f"Revoke {plural(len(wanted), 'API token')} for good? Type {answer} to go on: ")
    if typed != answer:
        raise Cancelled("nothing was revoked")


def _report(results: Sequence[Revocation], output: str) -> None:
    if output == "json":
        show_json([shapes.revocation(result) for result in results])
    else:
        rows = [(result.token_id, result.name, _became(result)) for result in results]
        show(table(("ID", "NAME", "RESULT"), rows))
    failed = [result for result in results if result.error]
    if failed and len(failed) < len(results):
        raise exits.PartlyDone(
            f"{len(failed)} of {len(results)} API tokens were not revoked",
            hint="the reasons stand beside them; the others are revoked",
        )
    for result in failed:
        raise result.error or Failed("not revoked")


def _became(result: Revocation) -> str:
    if result.error:
        return f"not revoked: {result.error.message}"
    if result.already:
        return f"was revoked already, {moment(result.revoked_at)}"
    return f"revoked {moment(result.revoked_at)}".strip()

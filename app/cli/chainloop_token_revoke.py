"""`loopin chainloop organization api-token revoke`."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import click

from app.bootstrap import Container
from app.cli import exit_codes, serializers
from app.cli.groups import Leaf
from app.cli.options import output_option, said_yes, shared
from app.cli.output import fitted, in_table, moment, show, show_json, table
from app.cli.revoke_progress import NotKnown, Progress
from app.cli.runtime import advising, run
from app.cli.terminal import ask, can_ask
from app.cli.token_options import LIST, news, pointing, tell, threshold_option
from app.domain import filter as filters
from app.domain.errors import Cancelled, Failed, LoopinError, PermissionDenied, UsageError
from app.domain.request_context import RequestContext
from app.domain.text import clean, plural
from app.domain.tokens import APIToken, StatusFilter
from app.services.find_tokens import Query
from app.services.revoke_tokens import Revocation
from app.services.tokens import Listing


@dataclass(frozen=True, slots=True)
class Known:
    """The tokens that are to go, as far as this credential may see them, and the id of its own.

    `context` is where they were seen, `of` counts those that were looked at. `spared`: the filter let the
    credential's own token through, which it never revokes. `children` are active tokens that were created
    with those in `wanted`, directly or not, and stay; so do `successors`, by which a rotation replaced them.
    `more` counts the ones that were added to `wanted`.
    """

    wanted: tuple[str, ...]
    tokens: Mapping[str, APIToken] = field(default_factory=dict)
    own: str = ""
    of: int = 0
    spared: bool = False
    lines: tuple[str, ...] = ()
    context: RequestContext | None = None
    children: tuple[APIToken, ...] = ()
    successors: tuple[APIToken, ...] = ()
    more: int = 0

    def with_children(self) -> "Known":
        """The same with the children among the tokens that are to go: last, for what is revoked creates no
        more of them."""
        tokens = {token.id: token for token in self.children}
        wanted = (*self.wanted, *tokens)
        return replace(self, wanted=wanted, tokens={**self.tokens, **tokens}, children=(), more=len(tokens))

    @property
    def where(self) -> str:
        """The organization, for a sentence; empty when it is not known."""
        return f" in {clean(self.context.organization.name)}" if self.context else ""

    def name(self, token_id: str) -> str:
        """The token's name; empty when it cannot be seen."""
        return self.tokens[token_id].name if token_id in self.tokens else ""

    def row(self, token_id: str) -> tuple[str, ...]:
        """What a person wants to know before revoking it."""
        you = " (you)" if token_id == self.own else ""
        if (token := self.tokens.get(token_id)) is None:
            return f"?{you}", "?", "?", token_id
        return f"{token.name}{you}", token.scope, in_table(token.last_used_at, "never"), token_id


@click.command("revoke", cls=Leaf)
@click.option("--id", "ids", multiple=True, metavar="ID", help="Token to revoke; may be given again.")
@click.option("--filter", "text", metavar="FILTER", help="Revoke what the filter of `list` lets through.")
@click.option(
    "--with-children", is_flag=True, help="Revoke the tokens that were created with them, too, and so on."
)
@click.option("--reason", default="", metavar="TEXT", help="Why, for the activity trail.")
@click.option(
    "--retries",
    type=click.IntRange(0, 10),
    default=2,
    metavar="N",
    help="How often to try again what failed without a refusal. [2]",
)
@threshold_option
@output_option("table", "json")
@shared
@click.pass_context
def revoke(
    ctx: click.Context,
    ids: tuple[str, ...],
    text: str | None,
    with_children: bool,
    reason: str,
    retries: int,
    threshold: int | None,
    output: str,
) -> None:
    """Revoke API tokens for good; there is no way back.

    At a terminal it asks first. Without one, --yes is needed. Exits with 6 when only some were revoked,
    after ctrl+c too; the same command again goes on with the rest, except for children of what a filter
    selected: give their ids.
    """
    query, wanted = _asked_for(ids, text, threshold)
    may = said_yes(ctx) or can_ask()
    # A list of ids is known to whoever gave it; what a filter would take is worth showing.
    if not may and query is None:
        raise _nobody_to_ask()
    with pointing(text):
        known = run(ctx, lambda container: _select_tokens(container, wanted, query, with_children))
    _warn(known)
    if query is not None and not known.wanted:
        show("Nothing to revoke: no token of this organization passes the filter.", err=True)
        if output == "json":
            show_json([])
        return
    if query is not None:
        what = plural(known.of, "unrevoked API token")
        show(f"The filter selects {len(known.wanted) - known.more:,} of {what}.", err=True)
    _show_children(known, with_children)
    if not said_yes(ctx):
        _show(known)
        if not may:
            raise _nobody_to_ask()
        _confirm(known)
    pairs = [(token_id, known.name(token_id)) for token_id in known.wanted]
    rest = _BY_ID if query is not None and known.more else ""
    progress = Progress(pairs, quiet=output == "json", rest=rest)
    try:
        with progress:
            results = run(ctx, lambda container: _revoke(container, progress, known, reason.strip(), retries))
    except KeyboardInterrupt:
        raise _broken_off(progress, output) from None
    except exit_codes.Stopped:
        exit_codes.tell(_broken_off(progress, output))
        raise
    with advising(f"{LIST} shows the ids"):
        _report(results, output, rest)


async def _revoke(
    container: Container, progress: Progress, known: Known, reason: str, retries: int
) -> Sequence[Revocation]:
    return await container.revoke_tokens.do(
        progress.pairs,
        reason,
        begun=progress.begun,
        told=progress.told,
        retries=retries,
        shown=known.context,
    )


def _asked_for(
    ids: Sequence[str], text: str | None, threshold: int | None
) -> tuple[Query | None, tuple[str, ...]]:
    wanted = tuple(dict.fromkeys(token_id.strip() for token_id in ids))
    if bool(wanted) is (text is not None):
        said = (
            "--id and --filter exclude each other" if wanted else "which tokens? --id or --filter is needed"
        )
        raise UsageError(said, hint=f"{LIST} shows the ids, and takes the same --filter")
    if text is None:
        if not all(wanted):
            raise UsageError("--id is empty", hint=f"{LIST} shows the ids")
        return None, wanted
    if not text.strip():
        raise UsageError("--filter is empty: it would revoke everything", hint="for example --filter never")
    with pointing(text):
        if not filters.parse(text).is_selective:
            raise UsageError(
                "--filter only says what to leave out: it would revoke all the rest",
                hint="add a term without !, for example status:active",
            )
    # Expired tokens are unrevoked, too.
    return Query(text, StatusFilter.ACTIVE, threshold=threshold), ()


def _nobody_to_ask() -> UsageError:
    return UsageError("revoking cannot be undone, and nobody is here to be asked", hint="add --yes")


async def _select_tokens(
    container: Container, wanted: tuple[str, ...], query: Query | None, with_children: bool
) -> Known:
    known, listing = await _select_chosen(container, wanted, query, with_children)
    if listing is None or not known.wanted:
        return known
    created = await container.find_descendants.do(known.wanted, listing)
    # What a filter stands for never has the token that one is signed in with.
    children = tuple(t for t in created.tokens if query is None or t.id != known.own)
    spared = known.spared or (with_children and len(children) < len(created.tokens))
    known = replace(known, children=children, successors=created.successors, spared=spared)
    return known.with_children() if with_children else known


async def _select_chosen(
    container: Container, wanted: tuple[str, ...], query: Query | None, with_children: bool
) -> tuple[Known, Listing | None]:
    """The tokens that were asked for, and the listing that has them; None where they cannot be listed."""
    if query is not None:
        found = await container.find_tokens.do(query)
        own = found.listing.identity.token_id
        tokens = {row.token.id: row.token for row in found.rows if row.token.id != own}
        lines = await news(container, found.listing)
        of, spared = len(found.listing.tokens), len(tokens) < len(found.rows)
        return Known(tuple(tokens), tokens, own, of, spared, lines, found.listing.context), found.listing
    here = await container.describe_organization.do()
    try:
        listing = await container.list_tokens.list_in(here.context, here.identity, StatusFilter.ALL)
    except PermissionDenied:
        if with_children:
            raise
        return Known(wanted, own=here.identity.token_id, context=here.context), None
    tokens = {t.id: t for t in listing.tokens if t.id in wanted}
    lines = await news(container, listing)
    return Known(wanted, tokens, listing.identity.token_id, lines=lines, context=listing.context), listing


def _warn(known: Known) -> None:
    tell(known.lines)
    if known.spared:
        show("Left out: the token that you are signed in with. --id would take it.", err=True)


def _show_children(known: Known, with_children: bool) -> None:
    """Say what was created with the tokens that are to go, and whether it goes, too."""
    creators = _it(len(known.wanted) - known.more)
    if known.more:
        show(f"{plural(known.more, 'active API token')} created with {creators} added.", err=True)
    if count := len(known.children):
        created = f"{plural(count, 'active API token')} created with {creators} not revoked"
        show(f"{created}: --with-children revokes {_it(count)}, too.", err=True)
    elif with_children and not known.more:
        show(f"No active API token is known to have been created with {creators}.", err=True)
    for token in known.successors:
        show(
            f"{clean(token.name)} was created with {creators}, replaced {creators} by rotation, and stays."
            f" To revoke it, too: --id {clean(token.id)}",
            err=True,
        )


def _it(count: int) -> str:
    return "it" if count == 1 else "them"


def _show(known: Known) -> None:
    rows = [known.row(token_id) for token_id in known.wanted]
    columns = ("NAME", "SCOPE", "LAST USED (UTC)", "ID")
    order = ("NAME", "LAST USED (UTC)", "ID", "SCOPE")
    show(fitted(columns, rows, order, short="NAME", err=True), err=True)
    if known.own in known.wanted:
        show("You are signed in with one of them: nothing works with it afterwards.", err=True)


def _confirm(known: Known) -> None:
    count = len(known.wanted)
    answer = (known.name(known.wanted[0]) if count == 1 else "") or str(count)
    typed = ask(f"Revoke {plural(count, 'API token')}{known.where} for good? Type {clean(answer)} to go on: ")
    if typed != answer:
        raise Cancelled("nothing was revoked")


def _print(results: Sequence[Revocation], output: str) -> None:
    if output == "json":
        show_json([serializers.revocation(result) for result in results])
    else:
        rows = [(result.token_id, result.name, _became(result)) for result in results]
        show(table(("ID", "NAME", "RESULT"), rows))


_AGAIN = "Run it again for the rest"
_BY_ID = "For the rest, give their ids with --id"
"""How to go on after a part: a filter selects unrevoked tokens only, and so their children alone."""


def _report(results: Sequence[Revocation], output: str, rest: str) -> None:
    _print(results, output)
    failed = [result for result in results if result.error]
    if failed and len(failed) < len(results):
        raise exit_codes.PartlyDone(
            f"{len(failed)} of {len(results)} API tokens were not revoked",
            hint=f"the reasons stand beside them; the others are revoked. {rest or _AGAIN}",
        )
    for result in failed:
        raise result.error or Failed("not revoked")


def _broken_off(progress: Progress, output: str) -> LoopinError:
    """Print what is known of those that were begun, for scripts of every token."""
    results = progress.so_far()
    begun = [result for result in results if not isinstance(result.error, Cancelled)]
    if begun or output == "json":
        # Ctrl+c ends whoever reads our output, too: what is raised here must be told all the same.
        with suppress(OSError):
            _print(results if output == "json" else begun, output)
    return progress.broken_off()


def _became(result: Revocation) -> str:
    if isinstance(result.error, NotKnown):
        return result.error.message
    if result.error:
        return f"not revoked: {result.error.message}"
    if result.already:
        return f"was revoked already, {moment(result.revoked_at)}"
    return f"revoked {moment(result.revoked_at)}".strip()

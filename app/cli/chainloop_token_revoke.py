"""`loopin chainloop organization api-token revoke`."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType

import click

from app.bootstrap import Container
from app.cli import exit_codes, serializers
from app.cli.chainloop_tokens import (
    LIST,
    mark_filter_problem,
    print_notices,
    read_notices,
    threshold_option,
)
from app.cli.exit_codes import PartlyDone, print_stderr
from app.cli.groups import Leaf
from app.cli.options import chainloop_options, is_confirmed, output_option
from app.cli.output import fitted, in_table, moment, show, show_json, table, width
from app.cli.runtime import advising, run
from app.cli.terminal import ask, can_ask
from app.domain import filter as filters
from app.domain.errors import Cancelled, Failed, LoopinError, PermissionDenied, UsageError
from app.domain.request_context import RequestContext
from app.domain.text import clean, plural
from app.domain.tokens import APIToken, StatusFilter
from app.services.revocation import Revocation
from app.services.tokens import Listing, Query


@dataclass(frozen=True, slots=True)
class Selection:
    """The tokens to revoke, `ids`, and what this credential may see of them; `own` is its own id.

    `context` is where they were listed, `listed` counts the tokens of that listing. `own_left_out`: the
    filter selects the credential's own token, which it never revokes. `children` are active tokens that were
    created with the selected ones, directly or not, and stay; so do `successors`, by which a rotation
    replaced them. `added` counts the children among `ids`.
    """

    ids: tuple[str, ...]
    tokens: Mapping[str, APIToken] = field(default_factory=dict)
    own: str = ""
    listed: int = 0
    own_left_out: bool = False
    notices: tuple[str, ...] = ()
    context: RequestContext | None = None
    children: tuple[APIToken, ...] = ()
    successors: tuple[APIToken, ...] = ()
    added: int = 0

    def with_children(self) -> "Selection":
        """The same with the children among the ids: last, for a revoked token creates no more of them."""
        tokens = {token.id: token for token in self.children}
        ids = (*self.ids, *tokens)
        return replace(self, ids=ids, tokens={**self.tokens, **tokens}, children=(), added=len(tokens))

    def name(self, token_id: str) -> str:
        """The token's name; empty when it cannot be seen."""
        return self.tokens[token_id].name if token_id in self.tokens else ""

    def row(self, token_id: str) -> tuple[str, ...]:
        """Name, scope, last use and id."""
        you = " (you)" if token_id == self.own else ""
        if (token := self.tokens.get(token_id)) is None:
            return f"?{you}", "?", "?", token_id
        return f"{token.name}{you}", token.scope, in_table(token.last_used_at, "never"), token_id


@click.command("revoke", cls=Leaf, shared=chainloop_options())
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
    query, ids = _parse_selection(ids, text, threshold)
    confirmable = is_confirmed(ctx) or can_ask()
    # A list of ids is known to whoever gave it; what a filter selects is worth showing.
    if not confirmable and query is None:
        raise _needs_yes()
    with mark_filter_problem(text):
        selection = run(ctx, lambda container: _select_tokens(container, ids, query, with_children))
    print_notices(selection.notices)
    if selection.own_left_out:
        show("Left out: the token that you are signed in with. --id would take it.", err=True)
    if query is not None and not selection.ids:
        show("Nothing to revoke: no token of this organization passes the filter.", err=True)
        if output == "json":
            show_json([])
        return
    if query is not None:
        listed = plural(selection.listed, "unrevoked API token")
        show(f"The filter selects {len(selection.ids) - selection.added:,} of {listed}.", err=True)
    _show_children(selection, with_children)
    if not is_confirmed(ctx):
        _show_selection(selection)
        if not confirmable:
            raise _needs_yes()
        _confirm(selection)
    pairs = [(token_id, selection.name(token_id)) for token_id in selection.ids]
    next_step = _BY_ID if query is not None and selection.added else ""
    progress = Progress(pairs, quiet=output == "json", next_step=next_step)
    try:
        with progress:
            results = run(
                ctx,
                lambda container: container.revocation.revoke_tokens(
                    progress.pairs,
                    reason.strip(),
                    on_start=progress.mark_sent,
                    on_result=progress.record,
                    retries=retries,
                    shown=selection.context,
                ),
            )
    except KeyboardInterrupt:
        raise _print_interrupted(progress, output) from None
    except exit_codes.Stopped:
        exit_codes.print_error(_print_interrupted(progress, output))
        raise
    _print(results, output)
    with advising(f"{LIST} shows the ids"):
        _raise_failures(results, next_step)


def _parse_selection(
    ids: Sequence[str], text: str | None, threshold: int | None
) -> tuple[Query | None, tuple[str, ...]]:
    """The filter's query, or the ids; raise UsageError unless exactly one of them says which tokens."""
    ids = tuple(dict.fromkeys(token_id.strip() for token_id in ids))
    if bool(ids) is (text is not None):
        problem = (
            "--id and --filter exclude each other" if ids else "which tokens? --id or --filter is needed"
        )
        raise UsageError(problem, hint=f"{LIST} shows the ids, and takes the same --filter")
    if text is None:
        if not all(ids):
            raise UsageError("--id is empty", hint=f"{LIST} shows the ids")
        return None, ids
    if not text.strip():
        raise UsageError("--filter is empty: it would revoke everything", hint="for example --filter never")
    with mark_filter_problem(text):
        if not filters.parse(text).is_selective:
            raise UsageError(
                "--filter only says what to leave out: it would revoke all the rest",
                hint="add a term without !, for example status:active",
            )
    # Expired tokens are unrevoked, too.
    return Query(text, StatusFilter.ACTIVE, threshold=threshold), ()


def _needs_yes() -> UsageError:
    return UsageError("revoking cannot be undone, and nobody is here to be asked", hint="add --yes")


async def _select_tokens(
    container: Container, ids: tuple[str, ...], query: Query | None, with_children: bool
) -> Selection:
    selection, listing = await (
        _select_by_id(container, ids, with_children) if query is None else _select_by_filter(container, query)
    )
    if listing is None or not selection.ids:
        return selection
    created = await container.tokens.find_descendants(selection.ids, listing)
    # A filter never selects the token that one is signed in with.
    children = tuple(token for token in created.tokens if query is None or token.id != selection.own)
    left_out = selection.own_left_out or (with_children and len(children) < len(created.tokens))
    selection = replace(selection, children=children, successors=created.successors, own_left_out=left_out)
    return selection.with_children() if with_children else selection


async def _select_by_filter(container: Container, query: Query) -> tuple[Selection, Listing | None]:
    found = await container.tokens.find_tokens(query)
    listing, own = found.listing, found.listing.identity.token_id
    tokens = {row.token.id: row.token for row in found.rows if row.token.id != own}
    notices = await read_notices(container, listing)
    left_out = len(tokens) < len(found.rows)
    listed = len(listing.tokens)
    return Selection(tuple(tokens), tokens, own, listed, left_out, notices, listing.context), listing


async def _select_by_id(
    container: Container, ids: tuple[str, ...], with_children: bool
) -> tuple[Selection, Listing | None]:
    """The selection, and the listing that has the tokens; None where they cannot be listed."""
    current = await container.organizations.describe_organization()
    try:
        listing = await container.tokens.list_tokens_in(current.context, current.identity, StatusFilter.ALL)
    except PermissionDenied:
        if with_children:
            raise
        return Selection(ids, own=current.identity.token_id, context=current.context), None
    tokens = {token.id: token for token in listing.tokens if token.id in ids}
    notices = await read_notices(container, listing)
    own = listing.identity.token_id
    return Selection(ids, tokens, own, notices=notices, context=listing.context), listing


def _show_children(selection: Selection, with_children: bool) -> None:
    """Say what was created with the selected tokens, and whether it is revoked, too."""
    creators = _it(len(selection.ids) - selection.added)
    if selection.added:
        show(f"{plural(selection.added, 'active API token')} created with {creators} added.", err=True)
    if count := len(selection.children):
        created = f"{plural(count, 'active API token')} created with {creators} not revoked"
        show(f"{created}: --with-children revokes {_it(count)}, too.", err=True)
    elif with_children and not selection.added:
        show(f"No active API token is known to have been created with {creators}.", err=True)
    for token in selection.successors:
        show(
            f"{clean(token.name)} was created with {creators}, replaced {creators} by rotation, and stays."
            f" To revoke it, too: --id {clean(token.id)}",
            err=True,
        )


def _it(count: int) -> str:
    return "it" if count == 1 else "them"


def _show_selection(selection: Selection) -> None:
    rows = [selection.row(token_id) for token_id in selection.ids]
    columns = ("NAME", "SCOPE", "LAST USED (UTC)", "ID")
    order = ("NAME", "LAST USED (UTC)", "ID", "SCOPE")
    show(fitted(columns, rows, order, short="NAME", err=True), err=True)
    if selection.own in selection.ids:
        show("You are signed in with one of them: nothing works with it afterwards.", err=True)


def _confirm(selection: Selection) -> None:
    count = len(selection.ids)
    answer = (selection.name(selection.ids[0]) if count == 1 else "") or str(count)
    where = f" in {clean(selection.context.organization.name)}" if selection.context else ""
    question = f"Revoke {plural(count, 'API token')}{where} for good? Type {clean(answer)} to go on: "
    if ask(question) != answer:
        raise Cancelled("nothing was revoked")


def _print(results: Sequence[Revocation], output: str) -> None:
    if output == "json":
        show_json([serializers.revocation(result) for result in results])
    else:
        rows = [(result.token_id, result.name, _describe_result(result)) for result in results]
        show(table(("ID", "NAME", "RESULT"), rows))


_BY_ID = "For the rest, give their ids with --id"
"""A filter selects unrevoked tokens, so it cannot select the children of revoked ones again."""


def _raise_failures(results: Sequence[Revocation], next_step: str) -> None:
    failures = [result.error for result in results if result.error]
    if not failures:
        return
    if len(failures) == len(results):
        raise failures[0]
    next_step = next_step or "Run it again for the rest"
    raise PartlyDone(
        f"{len(failures)} of {len(results)} API tokens were not revoked",
        hint=f"the reasons stand beside them; the others are revoked. {next_step}",
    )


def _print_interrupted(progress: "Progress", output: str) -> LoopinError:
    """Print the results so far, as JSON of every token; return the error that ends the command."""
    results = progress.results()
    if output != "json":
        results = tuple(result for result in results if not isinstance(result.error, Cancelled))
    if results or output == "json":
        # Ctrl+c ends the reader of our output, too; the error must be reported all the same.
        with suppress(OSError):
            _print(results, output)
    return progress.interruption()


def _describe_result(result: Revocation) -> str:
    if isinstance(result.error, NotKnown):
        return result.error.message
    if result.error:
        return f"not revoked: {result.error.message}"
    if result.already:
        return f"was revoked already, {moment(result.revoked_at)}"
    return f"revoked {moment(result.revoked_at)}".strip()


class NotKnown(Failed):
    """The request was under way when the command ended: only the server knows whether it was revoked."""


_NAMED = 4
"""Tokens named in a sentence at most; as many calls are under way at once."""


class Progress:
    """The results so far of revoking `pairs`, (id, name).

    Inside `with` a terminal shows the count on one line.
    `next_step` is printed where something is left, in place of "the same command again".
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], *, quiet: bool, next_step: str = "") -> None:
        self.pairs = pairs
        self._next_step = next_step or "the same command again does the rest"
        self._answered: dict[str, Revocation] = {}
        self._sent: set[str] = set()
        self._revoked = 0
        self._drawn = 0
        self._draws = not quiet and len(pairs) > 1 and can_rewrite()

    def mark_sent(self, token_id: str) -> None:
        """The token's call is about to be made, perhaps not for the first time."""
        self._answered.pop(token_id, None)
        self._sent.add(token_id)

    def record(self, result: Revocation) -> None:
        """The token's call was answered, or is not made any more."""
        if isinstance(result.error, Cancelled):
            return
        self._sent.discard(result.token_id)
        self._answered[result.token_id] = result
        self._revoked += result.error is None
        self._draw(f"revoked {self._revoked:,} of {len(self.pairs):,}")

    def results(self) -> tuple[Revocation, ...]:
        """A result for every token, in the order of `pairs`; Cancelled stands for untouched."""
        return tuple(self._result(token_id, name) for token_id, name in self.pairs)

    def interruption(self) -> LoopinError:
        """The error of a command that was interrupted."""
        if not (self._answered or self._sent):
            return Cancelled("cancelled: nothing was revoked")
        parts = [f"{self._revoked:,} of {len(self.pairs):,} API tokens revoked"]
        if failures := len(self._answered) - self._revoked:
            parts.append(f"{failures:,} not revoked")
        if self._sent:
            names = [clean(name or token_id, 80) for token_id, name in self.pairs if token_id in self._sent]
            parts.append(f"{len(names):,} not known ({', '.join(names[:_NAMED])})")
        if untouched := len(self.pairs) - len(self._answered) - len(self._sent):
            parts.append(f"{untouched:,} not touched")
        return PartlyDone(f"cancelled: {', '.join(parts)}", hint=self._next_step)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw("")

    def _result(self, token_id: str, name: str) -> Revocation:
        if token_id in self._sent:
            return Revocation(token_id, name, NotKnown("not known: its request was under way"))
        return self._answered.get(token_id) or Revocation(token_id, name, Cancelled("not touched"))

    def _draw(self, text: str) -> None:
        """Replace the text on the line; without `text`, leave it empty."""
        if self._draws and (text or self._drawn):
            # Blanks, and no escape code, so every terminal understands it.
            blank = f"\r{' ' * self._drawn}\r" if self._drawn > width(text) else "\r"
            print_stderr(f"{blank}{text}", end="")
            self._drawn = width(text)


def can_rewrite() -> bool:
    """True when standard error is a terminal on which a line can be written over."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

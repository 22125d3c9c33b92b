"""`loopin chainloop organization create | describe | list | set | update`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.cli import serializers
from app.cli.groups import Leaf
from app.cli.options import chainloop_options, is_confirmed, output_option
from app.cli.output import in_table, moment, pairs, show, show_json, table
from app.cli.runtime import run
from app.cli.terminal import ask, can_ask
from app.domain.activity import Action
from app.domain.errors import Cancelled, LoopinError, UsageError
from app.domain.text import clean, plural
from app.domain.tokens import StatusFilter

if TYPE_CHECKING:
    # What changes a threshold is loaded by the command that does.
    from app.bootstrap import Container
    from app.domain.organizations import Identity, Organization
    from app.domain.request_context import RequestContext
    from app.services.organizations import ListedMembership, Switched
    from app.services.threshold import ThresholdReview
    from app.services.tokens import Listing


@click.command("describe", cls=Leaf, shared=chainloop_options())
@output_option("table", "json")
@click.pass_context
def describe(ctx: click.Context, output: str) -> None:
    """Describe the organization in use, and who is signed in to it."""
    identity, notices = run(ctx, _describe)
    for line in notices:
        show(f"loopin: {line}", err=True)
    if output == "json":
        show_json(serializers.context(identity))
    else:
        show(pairs(_facts(identity)))


async def _describe(container: Container) -> tuple[Identity, tuple[str, ...]]:
    """Who acts, and what became of changes of the threshold that an earlier run left behind."""
    here = await container.organizations.describe_organization()
    try:
        return here.identity, await list_interrupted_thresholds(container, here.context, here.identity)
    except LoopinError:
        return here.identity, ()


def _facts(identity: Identity) -> list[tuple[str, str]]:
    facts = [("Signed in as", identity.name), ("Organization", identity.organization or "none selected")]
    if identity.project:
        facts.append(("Project", identity.project))
    if identity.role:
        facts.append(("Role", identity.role.value))
    facts.append(("Method", identity.method))
    facts.append(("Ends", moment(identity.expires_at, "never")))
    if identity.is_token:
        facts.append((_THRESHOLD, "cannot be read with an API token"))
    elif identity.organization and identity.threshold:
        facts.append((_THRESHOLD, in_words(identity.threshold)))
    elif not identity.organization:
        facts.append(("Next", _NEXT))
    return facts


_THRESHOLD = "API token auto-revoke after"
_NEXT = "loopin chainloop organization list shows yours; organization create adds one if the server allows it"


def in_words(days: int) -> str:
    """The threshold as the vendor's page prints it."""
    return f"{plural(days, 'day')} inactive" if days else "off"


@click.command("list", cls=Leaf, shared=chainloop_options())
@output_option("table", "json")
@click.pass_context
def list_(ctx: click.Context, output: str) -> None:
    """List the organizations that you belong to."""
    memberships = run(ctx, lambda container: container.organizations.list_organizations())
    if output == "json":
        show_json([serializers.listed_membership(item) for item in memberships])
    elif memberships:
        show(table(_COLUMNS, [_row(item) for item in memberships]))
    else:
        show("You belong to no organization. Ask for an invitation; if the server allows it, create one:")
        show("loopin chainloop organization create --name NAME")


_COLUMNS = ("NAME", "CURRENT", "SERVER DEFAULT", "ROLE", "AUTO-REVOKE", "JOINED (UTC)")


def _row(listed: ListedMembership) -> tuple[str, ...]:
    item = listed.membership
    return (
        item.organization.name,
        "yes" if listed.in_use else "",
        "yes" if item.current else "",
        item.role.value,
        in_words(item.organization.threshold),
        in_table(item.created_at),
    )


@click.command("set", cls=Leaf, shared=chainloop_options())
@click.argument("organization", required=False, metavar="[NAME]")
@click.option("--name", metavar="NAME", help="Organization to work in.")
@click.option("--default", is_flag=True, help="Make it your current organization at the server, too.")
@output_option("table", "json")
@click.pass_context
def set_(ctx: click.Context, organization: str | None, name: str | None, default: bool, output: str) -> None:
    """Work in another organization, with this profile on this machine.

    --org and CHAINLOOP_ORGANIZATION name another one for a single run.
    """
    target = name or organization
    if not target:
        raise UsageError("which organization?", hint="loopin chainloop organization set --name NAME")
    switch = run(ctx, lambda container: _switch(container, target, default))
    _print_switch(switch, [serializers.membership(switch.membership)] if output == "json" else None)


def _print_switch(switch: Switched, as_json: object) -> None:
    """Print `as_json`, or the organization and the role in it; and what keeps the switch from lasting."""
    membership = switch.membership
    if as_json is not None:
        show_json(as_json)
    else:
        show(table(("ORGANIZATION", "ROLE"), [(membership.organization.name, membership.role.value)]))
    if not switch.stored:
        show("Not stored: the profile's login belongs to another control plane.", err=True)
    if switch.overruled:
        show(f"{clean(switch.overruled)}, which is used instead.", err=True)


async def _switch(container: Container, name: str, default: bool) -> Switched:
    switching = container.organizations.switch_organization(name, default=default)
    return await container.changes.run(f"switching to {name}", switching)


@click.command("create", cls=Leaf, shared=chainloop_options())
@click.option("--name", required=True, metavar="NAME", help="Its name: a-z, 0-9 and hyphens.")
@output_option("table", "json")
@click.pass_context
def create(ctx: click.Context, name: str, output: str) -> None:
    """Create an organization that you own, and work in it with this profile.

    It becomes your current organization on the server. A control plane may allow this to its operators only.
    """
    switch = run(ctx, lambda container: _create(container, name))
    organization = switch.membership.organization
    _print_switch(switch, serializers.organization(organization) if output == "json" else None)


async def _create(container: Container, name: str) -> Switched:
    creating = container.organizations.create_organization(name)
    hint = "loopin chainloop organization list shows whether it was created"
    return await container.changes.run(f"creating the organization {name}", creating, hint=hint)


@click.command("update", cls=Leaf, shared=chainloop_options())
@click.option("--name", metavar="ORG", help="Organization to change; without it the one in use.")
@click.option(
    "--api-token-max-days-inactive",
    "days",
    type=int,
    metavar="DAYS",
    help="Revoke API tokens that nobody used for so many days: 1 to 365, 0 turns it off.",
)
@output_option("table", "json")
@click.pass_context
def update(ctx: click.Context, name: str | None, days: int | None, output: str) -> None:
    """Set after how many days without use an API token is revoked.

    At a terminal it asks first when tokens would be revoked at the next sweep; --yes asks nothing.
    """
    from app.domain.inactivity import check_threshold

    if days is None:
        raise UsageError("nothing to change", hint="give --api-token-max-days-inactive DAYS")
    check_threshold(days)
    # An organization that is named is the one in use for this run: servers change no other.
    flags = {"chainloop_organization": name} if name else {}
    review = None
    if days and not is_confirmed(ctx):
        review = run(ctx, lambda container: container.threshold.review_threshold(days), **flags)
        _confirm(review)
    changed = _save(ctx, days, review, flags)
    if output == "json":
        show_json(serializers.organization(changed))
    else:
        show(pairs([("Organization", changed.name), (_THRESHOLD, in_words(changed.threshold))]))


def _save(
    ctx: click.Context, days: int, review: ThresholdReview | None, flags: dict[str, str]
) -> Organization:
    """Change it as `review` showed it; where that is outdated, show and ask again."""
    from app.services.threshold import ReviewOutdated

    try:
        return run(ctx, lambda container: _update(container, days, review), **flags)
    except ReviewOutdated as outdated:
        if not can_ask():
            raise
        show(f"Nothing was changed: {outdated.message}.", err=True)
        review = outdated.review
    _confirm(review, always=True)
    return _save(ctx, days, review, flags)


async def _update(container: Container, days: int, review: ThresholdReview | None) -> Organization:
    saving = container.threshold.update_threshold(days, review)
    hint = "loopin chainloop organization describe shows it"
    return await container.changes.run("saving the threshold", saving, hint=hint)


def _confirm(review: ThresholdReview, *, always: bool = False) -> None:
    """Say what will be revoked, and ask; a threshold that revokes nothing sooner needs no question."""
    from app.domain.inactivity import Fate

    loosened = review.before and review.days >= review.before
    partition = review.partition
    if not always and (not partition.next_sweep or loosened):
        return
    where = clean(review.identity.organization)
    soon = partition.counts[Fate.WITHIN_HOUR]
    some = f"; {soon} of them unless used before" if soon else ""
    what = f"{plural(partition.next_sweep, 'API token')} in {where} unused for {plural(review.days, 'day')}"
    show(f"{what} will be revoked at the next sweep, within an hour{some}. There is no way back.", err=True)
    if can_ask() and ask("Go on? [y/N] ").lower() not in {"y", "yes"}:
        raise Cancelled("nothing was changed")


async def list_interrupted(container: Container, listing: Listing) -> tuple[str, ...]:
    """What an earlier run left unfinished, as `listing` proves what became of it, a line each."""
    lines = [*await list_interrupted_thresholds(container, listing.context, listing.identity)]
    for change in await container.interrupted.end_revocations(listing):
        subject = clean(change.entry.subject)
        lines.append(f"interrupted: revoking {subject}, begun {moment(change.entry.at)}: {change.words}")
    for rotation in await container.interrupted.find_rotations(listing):
        unsaved = "" if rotation.seen else "; its secret was not saved"
        lines.append(
            f"interrupted: rotating {clean(rotation.entry.subject)}, begun {moment(rotation.entry.at)}: "
            f"its new token {clean(rotation.new.name)} ({clean(rotation.new.id)}) is active{unsaved}"
        )
    return (*lines, *await _list_unsaved(container, listing))


async def list_interrupted_thresholds(
    container: Container, context: RequestContext, identity: Identity
) -> tuple[str, ...]:
    """What became of the changes of the threshold that were interrupted, a line each."""
    # Most runs have none, and need not load what changes a threshold.
    if not await _has_beginning(container, Action.THRESHOLD):
        return ()
    return tuple(
        f"interrupted: auto-revoke {clean(change.words)}, begun {moment(change.entry.at)}"
        for change in await container.threshold.end_interrupted(context, identity)
    )


async def _has_beginning(container: Container, action: Action) -> bool:
    """True when the trail has a beginning of `action` without its end."""
    return any(entry.action is action for entry in await container.activity_log.interrupted())


async def _list_unsaved(container: Container, listing: Listing) -> list[str]:
    """New tokens whose secret may not have been saved, a line each."""
    if not await _has_beginning(container, Action.CREATE):
        return []
    if listing.status is not StatusFilter.ALL or not listing.whole:
        listing = await container.tokens.list_tokens()
    return [
        f"interrupted: creating {clean(change.token.name)}, begun {moment(change.entry.at)}: "
        f"it is active ({clean(change.token.id)}); its secret may not have been saved"
        for change in await container.interrupted.find_creations(listing)
    ]

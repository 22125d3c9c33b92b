"""The questions of a rotation, and about work that a crash interrupted."""

from datetime import datetime, timedelta

from app.domain.durations import short
from app.domain.expiry import MARGIN
from app.domain.request_context import RequestContext
from app.domain.times import local
from app.domain.tokens import APIToken
from app.services.interrupted import InterruptedCreation, InterruptedRevocation, InterruptedRotation
from app.services.rotation import Rotation
from app.tui.screens.dialogs.dialog import Confirm
from widgets.presenter import clean

LATE = timedelta(minutes=1)
"""So much later than its expiry was computed may a token have been created: 90 days stay 90 days."""


def may_rotate(old: APIToken, name: str, organization: str, latest: datetime | None, *, cut: bool) -> Confirm:
    """Before the new token is created. `latest` is its latest end, None for no limit; `cut`: it ends
    just before that, because the life of the old one is too long."""
    scope = clean(old.scope, 60)
    life = f"life {short(old.expires_at - old.created_at + LATE)}" if old.expires_at else "never expires"
    end = ""
    if latest is not None and cut:
        life = "a shorter life than the old one"
        end = f"It ends on {_at(latest - MARGIN)}, just before the API token in use.\n"
    elif latest is not None:
        end = f"It ends at the latest on {_at(latest)}, with the API token in use.\n"
    text = (
        f"A new token {clean(name)} is created.\nScope {scope}, {life}.\n{end}"
        "You see it once and put it where the old one is. Both work until you confirm that."
    )
    title = f"Rotate {clean(old.name, 60)} in {clean(organization, 60)}?"
    return Confirm(title, text, yes="Create the new token", danger=False)


def may_end_old(rotation: Rotation, problem: str) -> Confirm:
    """After the new token was seen and tried; `problem` says why it does not work."""
    old, new = clean(rotation.old.name, 60), clean(rotation.created.token.name, 60)
    tried = (
        f"The new token was tried and does NOT work: {problem}." if problem else f"{new} was tried: it works."
    )
    text = f"{tried}\nIs it in place everywhere? A revoked token cannot be brought back."
    return Confirm(
        f"Revoke the old {old}{_in(rotation.context)} now?", text, yes=f"Revoke {old}", no="Keep both"
    )


def was_interrupted(found: InterruptedRotation) -> Confirm:
    """At the next start after a crash."""
    old, new = clean(found.entry.subject, 60), clean(found.new.name, 60)
    text = (
        f"The rotation of {old} was begun on {local(found.entry.at):%-d %B %Y at %H:%M} and never ended.\n"
        f"{new} was created; its secret may not have been saved. {old} still works."
    )
    return Confirm(f"Revoke {new}{_in(found.context)}?", text, yes=f"Revoke {new}", no="Keep both")


def was_not_saved(found: InterruptedCreation) -> Confirm:
    """At the next start after the app ended over a new token."""
    name, at = clean(found.token.name, 60), f"{local(found.entry.at):%-d %B %Y at %H:%M}"
    used = "Something uses it already." if found.token.last_used_at else "Its secret may not have been saved."
    text = (
        f"It was created on {at}, and Loopin ended before it was saved. {used}\nIt works until it is revoked."
    )
    return Confirm(f"Revoke {name}{_in(found.context)}?", text, yes=f"Revoke {name}", no="Keep it")


def was_half_done(found: InterruptedRevocation) -> Confirm:
    """At the next start after a crash in the middle of a revocation."""
    begun = f"{local(found.entry.at):%-d %B %Y at %H:%M}"
    unknown = ""
    if found.untouched and not found.waiting:
        unknown = "\nWhich ones were not begun is not written down, or they are revoked by now."
    text = f"It was begun on {begun} and never ended: {clean(found.words)}.{unknown}"
    many = f"{found.total:,} tokens" if found.total > 1 else "a token"
    return Confirm(
        f"Revoking {many} was interrupted",
        text,
        yes="Mark what is left",
        no="Close",
        danger=False,
    )


def _at(moment: datetime) -> str:
    return f"{local(moment):%-d %B %Y at %H:%M}"


def _in(context: RequestContext) -> str:
    """Name the organization, where the credential tells it."""
    return f" in {clean(context.organization.name, 60)}" if context.organization.name else ""

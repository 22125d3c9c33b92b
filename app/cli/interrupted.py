"""What commands say of the work that an earlier run began and never ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.output import moment
from app.domain.activity import Action
from app.domain.text import clean
from app.domain.tokens import StatusFilter

if TYPE_CHECKING:
    from app.bootstrap import Container
    from app.domain.organizations import Identity
    from app.domain.request_context import RequestContext
    from app.services.tokens import Listing


async def interrupted(container: Container, listing: Listing) -> tuple[str, ...]:
    """What an earlier run left unfinished, as `listing` proves what became of it, a line each."""
    thresholds = await interrupted_thresholds(container, listing.context, listing.identity)
    settled = await container.interrupted.settle(listing)
    revocations = [
        f"interrupted: revoking {clean(found.entry.subject)}, begun {moment(found.entry.at)}: {found.words}"
        for found in settled
    ]
    rotations = [
        f"interrupted: rotating {clean(found.entry.subject)}, begun {moment(found.entry.at)}: "
        f"its new token {clean(found.new.name)} ({clean(found.new.id)}) is active"
        f"{'' if found.seen else '; its secret was not saved'}"
        for found in await container.rotate_token.interrupted(listing)
    ]
    return (*thresholds, *revocations, *rotations, *await _unsaved(container, listing))


async def interrupted_thresholds(
    container: Container, context: RequestContext, identity: Identity
) -> tuple[str, ...]:
    """What became of the changes of the threshold that were interrupted, a line each."""
    # Most runs have none, and need not load what changes a threshold.
    if not await _begun(container, Action.THRESHOLD):
        return ()
    return tuple(
        f"interrupted: auto-revoke {clean(found.words)}, begun {moment(found.entry.at)}"
        for found in await container.update_threshold.interrupted(context, identity)
    )


async def _begun(container: Container, action: Action) -> bool:
    """True when the trail has a beginning of `action` without its end."""
    return any(entry.action is action for entry in await container.trail.interrupted())


async def _unsaved(container: Container, listing: Listing) -> list[str]:
    """New tokens whose secret may not have been saved, a line each."""
    if not await _begun(container, Action.CREATE):
        return []
    if listing.status is not StatusFilter.ALL or not listing.whole:
        listing = await container.list_tokens.do()
    return [
        f"interrupted: creating {clean(found.token.name)}, begun {moment(found.entry.at)}: "
        f"it is active ({clean(found.token.id)}); its secret may not have been saved"
        for found in await container.new_token.interrupted(listing)
    ]

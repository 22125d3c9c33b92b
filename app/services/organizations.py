"""Organizations: describe, list, switch, and the auto-revoke threshold."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.activity import Action, Outcome
from app.domain.errors import Failed, LoopinError, NotFound, ReadOnly, Unreachable
from app.domain.inactivity import check_threshold
from app.domain.organizations import Identity, Membership, Organization
from app.domain.ports import Gateway
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession


class DescribeOrganization:
    """Who is signed in, in which organization, with which threshold."""

    def __init__(self, session: ChainloopSession) -> None:
        self._session = session

    async def do(self) -> Identity:
        """Ask the server now."""
        return await self._session.identity()


class ListOrganizations:
    """Every organization the person belongs to."""

    def __init__(self, session: ChainloopSession) -> None:
        self._session = session

    async def do(self) -> Sequence[Membership]:
        """Memberships, the current one marked; raise ReadOnly under an API token."""
        try:
            return await (await self._session.gateway()).memberships()
        except NotFound:
            raise ReadOnly(
                "an API token belongs to one organization", hint="sign in as a person to see your others"
            ) from None


class SwitchOrganization:
    """Make another organization the person's current one, at the server."""

    def __init__(self, session: ChainloopSession, trail: Trail) -> None:
        self._session = session
        self._trail = trail

    async def do(self, name: str) -> Membership:
        """Switch to the organization called `name`; raise NotFound when the person is not in it."""
        self._session.check_may_change()
        before = self._session.target
        # The organization named for this run may be gone; the switch must work without it.
        self._session.target = replace(before, organization="")
        try:
            return await self._switch(name)
        except LoopinError:
            self._session.target = before
            raise

    async def _switch(self, name: str) -> Membership:
        credential = await self._session.credential()
        memberships = await ListOrganizations(self._session).do()
        wanted = next((m for m in memberships if m.organization.name == name), None)
        if wanted is None:
            known = ", ".join(m.organization.name for m in memberships) or "none"
            raise NotFound(f"you are not a member of {name!r}", hint=f"your organizations: {known}")
        gateway = await self._session.gateway(credential)
        try:
            chosen = await gateway.select_membership(wanted.id)
        except (Failed, Unreachable):
            # The answer got lost; where the person is now tells whether the change was made.
            found = next((m for m in await gateway.memberships() if m.id == wanted.id), None)
            if found is None or not found.current:
                raise
            chosen = found
        await self._trail.add(Action.SWITCH, endpoint=credential.endpoint.address, subject=name)
        return chosen


class UpdateThreshold:
    """Set after how many days without use a token is auto-revoked."""

    def __init__(self, session: ChainloopSession, trail: Trail) -> None:
        self._session = session
        self._trail = trail

    async def do(self, days: int, organization: str = "") -> Organization:
        """Set it to 1-365, or 0 for off, and return the organization as read back from the server.

        `organization` empty means the one in use. Raise ReadOnly, before anything is sent, where
        the identity may not.
        """
        check_threshold(days)
        self._session.check_may_change()
        credential = await self._session.credential()
        identity = await self._session.identity(credential, organization)
        if why := identity.why_no_settings():
            raise ReadOnly(f"the threshold cannot be changed: {why}", hint="sign in as an owner or admin")
        gateway = await self._session.gateway(credential, organization)
        before, name = identity.threshold or 0, organization or identity.organization
        try:
            changed = await gateway.set_threshold(name, days)
        except LoopinError as error:
            found = await _look_again(gateway) if isinstance(error, Failed | Unreachable) else None
            if found is None or (found.threshold or 0) != days:
                error.hint = "it was not changed: try again" if found else error.hint
                await self._note(identity, credential.endpoint.address, before, days, error)
                raise
            changed = found
        await self._note(identity, credential.endpoint.address, before, days)
        return await _read_back(gateway, changed)

    async def _note(
        self, identity: Identity, endpoint: str, before: int, days: int, error: LoopinError | None = None
    ) -> None:
        await self._trail.add(
            Action.THRESHOLD,
            outcome=Outcome.FAILED if error else Outcome.DONE,
            identity=identity,
            endpoint=endpoint,
            subject=f"{days} days" if days else "off",
            detail=error.message if error else f"was {f'{before} days' if before else 'off'}",
        )


async def _look_again(gateway: Gateway) -> Organization | None:
    """How it is after an answer that got lost; None when that cannot be read."""
    try:
        membership = (await gateway.current()).membership
    except LoopinError:
        return None
    return membership.organization if membership else None


async def _read_back(gateway: Gateway, changed: Organization) -> Organization:
    """What the server holds now; its answer to the change when it cannot be asked again."""
    return await _look_again(gateway) or changed

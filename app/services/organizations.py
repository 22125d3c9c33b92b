"""Organizations: describe, list and switch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from app.domain import names
from app.domain.activity import Action
from app.domain.credentials import Credential
from app.domain.errors import Failed, LoopinError, NotFound, ReadOnly, Unreachable
from app.domain.organizations import Identity, Membership, Role
from app.domain.request_context import OrganizationRef, RequestContext
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession


class Description(NamedTuple):
    """Who acts, and where: a change based on it is sent to `context`."""

    context: RequestContext
    identity: Identity


class DescribeOrganization:
    """Who is signed in, in which organization, with which threshold."""

    def __init__(self, session: ChainloopSession) -> None:
        self._session = session

    async def do(self) -> Description:
        """Ask the server now."""
        return Description(*await self._session.identify())

    async def do_in_organization(self) -> Description:
        """The same; raise NoOrganization for a member of none, PermissionDenied where one is to be chosen."""
        context, identity = await self._session.identify()
        await self._session.check_organization(context, identity)
        return Description(context, identity)


class ListedMembership(NamedTuple):
    """An organization of the person; `in_use` is true for the one that this profile, or this run, works in.

    Which one the server has as the person's current one stands in the membership.
    """

    membership: Membership
    in_use: bool


class ListOrganizations:
    """Every organization the person belongs to. It works while the one in use cannot be used."""

    def __init__(self, session: ChainloopSession) -> None:
        self._session = session

    async def do(self) -> Sequence[ListedMembership]:
        """List the memberships; raise ReadOnly under an API token."""
        credential = await self._session.credential()
        memberships = await list_memberships(self._session, credential)
        used = await self._session.organization(credential)
        if not used.name:
            return [ListedMembership(one, one.current) for one in memberships]
        return [ListedMembership(one, used.is_same(_ref(one))) for one in memberships]


async def list_memberships(session: ChainloopSession, credential: Credential) -> Sequence[Membership]:
    """The person's memberships; raise ReadOnly under an API token."""
    try:
        return await (await session.gateway(credential)).memberships()
    except NotFound:
        raise ReadOnly(
            "an API token belongs to one organization", hint="sign in as a person to see your others"
        ) from None


def _ref(membership: Membership) -> OrganizationRef:
    return OrganizationRef(membership.organization.name, membership.organization.id)


def overruled(session: ChainloopSession, name: str) -> str:
    """What names another organization than `name` for this run, and is used instead; empty for nothing."""
    target = session.target
    named = target.organization
    return f"{target.organization_source} names {named}" if named and named != name else ""


class Switched(NamedTuple):
    """What a switch came to.

    `stored` is false where the choice counts for this run only. `overruled` says what names another
    organization, "CHAINLOOP_ORGANIZATION=beta" for example, and is used instead; empty when nothing does.
    """

    membership: Membership
    stored: bool = True
    overruled: str = ""


class CreateOrganization:
    """Create an organization that the person owns, and work in it with this profile."""

    def __init__(self, session: ChainloopSession, trail: Trail) -> None:
        self._session = session
        self._trail = trail

    async def do(self, name: str) -> Switched:
        """Return it as a switch to it.

        Raise UsageError for what can be no name, AlreadyExists for a taken one, PermissionDenied where people
        do not create organizations themselves.
        """
        self._session.check_may_change()
        names.check(name)
        credential = await self._session.credential()
        gateway = await self._session.gateway(credential)
        before = {membership.id for membership in await list_memberships(self._session, credential)}
        try:
            created = await gateway.create_organization(name)
        except (Failed, Unreachable):
            # The answer got lost; a membership that was not there shows that it was created.
            there = [m for m in await gateway.memberships() if m.organization.name == name]
            if not there or there[0].id in before:
                raise
            created = there[0].organization
        endpoint, memory = credential.endpoint.address, self._session.memory
        detail = f"profile {credential.profile} works in it"
        await self._trail.add(
            Action.CREATE_ORGANIZATION, endpoint=endpoint, subject=created.name, detail=detail
        )
        try:
            stored = await memory.store_organization(
                credential.profile, endpoint, OrganizationRef(created.name, created.id)
            )
        except LoopinError as error:
            raise Failed(
                f"{created.name} was created, but could not be stored with the profile: {error.message}",
                hint=f"loopin chainloop organization set --name {created.name}",
            ) from error
        membership = Membership("", created, Role.OWNER, True)
        return Switched(membership, stored, overruled(self._session, name))


class SwitchOrganization:
    """Work in another organization: with this profile, on this machine."""

    def __init__(self, session: ChainloopSession, trail: Trail) -> None:
        self._session = session
        self._trail = trail

    async def do(self, name: str, *, default: bool = False) -> Switched:
        """Store the organization called `name` with the profile.

        With `default` it becomes the person's current one at the server too, which other programs may use.
        Raise NotFound when the person is not in it, and Failed when it could not be stored.
        """
        if default:
            self._session.check_may_change()
        credential = await self._session.credential()
        memberships = await list_memberships(self._session, credential)
        wanted = next((m for m in memberships if m.organization.name == name), None)
        if wanted is None:
            known = ", ".join(m.organization.name for m in memberships) or "none"
            raise NotFound(f"you are not a member of {name!r}", hint=f"your organizations: {known}")
        if default:
            wanted = await self._make_current(wanted, credential)
        endpoint, memory = credential.endpoint.address, self._session.memory
        stored = await memory.store_organization(credential.profile, endpoint, _ref(wanted))
        await self._trail.add(
            Action.SWITCH,
            endpoint=endpoint,
            subject=name,
            detail=f"profile {credential.profile}{', and at the server' if default else ''}",
        )
        return Switched(wanted, stored, overruled(self._session, name))

    async def _make_current(self, wanted: Membership, credential: Credential) -> Membership:
        # The server asks for an organization that can be used, and the one in use may not be.
        gateway = await self._session.gateway_in(RequestContext(credential, _ref(wanted)))
        try:
            chosen = await gateway.select_membership(wanted.id)
        except (Failed, Unreachable):
            # The answer got lost; where the person is now tells whether the change was made.
            found = next((m for m in await gateway.memberships() if m.id == wanted.id), None)
            if found is None or not found.current:
                raise
            chosen = found
        return replace(chosen, organization=wanted.organization)

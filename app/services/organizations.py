"""Organizations: describe the one in use, list, create and switch; and the server behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from app.domain import names
from app.domain.activity import Action
from app.domain.errors import Failed, LoopinError, NotFound, ReadOnly, UsageError
from app.domain.organizations import Identity, Membership, Role
from app.domain.request_context import OrganizationRef, RequestContext
from app.services.journal import answer_lost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.domain.credentials import Credential
    from app.domain.server_info import ServerInfo
    from app.services.activity import ActivityLog
    from app.services.chainloop_session import ChainloopSession


class Description(NamedTuple):
    """Who acts, and where: a change based on it is sent to `context`."""

    context: RequestContext
    identity: Identity


class ListedMembership(NamedTuple):
    """A membership of the person; `in_use`: its organization is the one that this profile, or run, uses.

    Which organization is the person's current one at the server is part of the membership.
    """

    membership: Membership
    in_use: bool


class Switched(NamedTuple):
    """The result of a switch.

    `stored` is false where the choice counts for this run only. `overruled` says what names another
    organization, "CHAINLOOP_ORGANIZATION=beta" for example, and is used instead; empty when nothing does.
    """

    membership: Membership
    stored: bool = True
    overruled: str = ""


class OrganizationService:
    """The organizations of the person, and the one that the profile in use works in."""

    def __init__(self, session: ChainloopSession, log: ActivityLog) -> None:
        self._session = session
        self._log = log

    async def describe_organization(self) -> Description:
        """Ask the server who acts, in which organization, with which threshold."""
        return Description(*await self._session.identify())

    async def describe_organization_in_use(self) -> Description:
        """The same; raise NoOrganization for a member of none, PermissionDenied where one is to be chosen."""
        description = await self.describe_organization()
        await self._session.check_organization(*description)
        return description

    async def list_organizations(self) -> Sequence[ListedMembership]:
        """List the memberships, also while the organization in use cannot be used.

        Raise ReadOnly under an API token.
        """
        credential = await self._session.credential()
        memberships = await self._memberships(credential)
        used = await self._session.organization(credential)
        if not used.name:
            return [ListedMembership(one, one.current) for one in memberships]
        return [ListedMembership(one, used.is_same(_ref(one))) for one in memberships]

    async def create_organization(self, name: str) -> Switched:
        """Create an organization that the person owns, and use it with this profile.

        Raise UsageError for an invalid name, AlreadyExists for a taken one, PermissionDenied where people do
        not create organizations themselves.
        """
        self._session.check_may_change()
        names.check(name)
        credential = await self._session.credential()
        gateway = await self._session.open_gateway(credential)
        before = {membership.id for membership in await self._memberships(credential)}
        try:
            created = await gateway.create_organization(name)
        except LoopinError as error:
            if not answer_lost(error):
                raise
            # A membership that was not there before shows that it was created.
            named = [m for m in await gateway.memberships() if m.organization.name == name]
            if not named or named[0].id in before:
                raise
            created = named[0].organization
        endpoint = credential.endpoint.address
        detail = f"profile {credential.profile} works in it"
        await self._log.add(
            Action.CREATE_ORGANIZATION, endpoint=endpoint, subject=created.name, detail=detail
        )
        membership = Membership("", created, Role.OWNER, True)
        try:
            stored = await self._store(credential, membership)
        except LoopinError as error:
            raise Failed(
                f"{created.name} was created, but could not be stored with the profile: {error.message}",
                hint=f"loopin chainloop organization set --name {created.name}",
            ) from error
        return Switched(membership, stored, self._overruled(name))

    async def switch_organization(self, name: str, *, default: bool = False) -> Switched:
        """Use the organization called `name` with this profile, on this machine.

        With `default` it becomes the person's current one at the server too, which other programs may use.
        Raise NotFound when the person is not a member of it, and Failed when it could not be stored.
        """
        if default:
            self._session.check_may_change()
        credential = await self._session.credential()
        memberships = await self._memberships(credential)
        membership = next((m for m in memberships if m.organization.name == name), None)
        if membership is None:
            known = ", ".join(m.organization.name for m in memberships) or "none"
            raise NotFound(f"you are not a member of {name!r}", hint=f"your organizations: {known}")
        if default:
            membership = await self._make_current(membership, credential)
        stored = await self._store(credential, membership)
        await self._log.add(
            Action.SWITCH,
            endpoint=credential.endpoint.address,
            subject=name,
            detail=f"profile {credential.profile}{', and at the server' if default else ''}",
        )
        return Switched(membership, stored, self._overruled(name))

    async def server_info(self) -> ServerInfo:
        """Ask the control plane in use for its capabilities and web pages (Infoz)."""
        return await (await self._session.open_gateway()).server_info()

    async def dashboard_url(self) -> str:
        """Ask for the web pages of the control plane; raise UsageError when it has none."""
        from app.domain.server_info import is_page

        address = (await self.server_info()).dashboard_url
        if not address:
            raise UsageError("this control plane names no dashboard", hint="everything can be done here")
        if not is_page(address):
            raise UsageError(
                "what this control plane names as its dashboard is no page", hint="it was not opened"
            )
        return address

    async def _memberships(self, credential: Credential) -> Sequence[Membership]:
        try:
            return await (await self._session.open_gateway(credential)).memberships()
        except NotFound:
            raise ReadOnly(
                "an API token belongs to one organization", hint="sign in as a person to see your others"
            ) from None

    async def _make_current(self, membership: Membership, credential: Credential) -> Membership:
        # The server asks for an organization that can be used, and the one in use may not be.
        gateway = await self._session.open_gateway_in(RequestContext(credential, _ref(membership)))
        try:
            current = await gateway.select_membership(membership.id)
        except LoopinError as error:
            if not answer_lost(error):
                raise
            there = next((m for m in await gateway.memberships() if m.id == membership.id), None)
            if there is None or not there.current:
                raise
            current = there
        return replace(current, organization=membership.organization)

    async def _store(self, credential: Credential, membership: Membership) -> bool:
        """Store the organization with the profile, and return whether it counts for later runs too."""
        endpoint = credential.endpoint.address
        return await self._session.accounts.store_organization(credential.profile, endpoint, _ref(membership))

    def _overruled(self, name: str) -> str:
        target = self._session.target
        other = target.organization
        return f"{target.organization_source} names {other}" if other and other != name else ""


def _ref(membership: Membership) -> OrganizationRef:
    return OrganizationRef(membership.organization.name, membership.organization.id)

"""The Chainloop account in use: who acts, in which organization, and gateways to the server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.domain.claims import latest_end_of, method_of
from app.domain.credentials import (
    ChainloopTarget,
    Credential,
    Endpoint,
    Method,
    Source,
)
from app.domain.errors import (
    LoopinError,
    NoOrganization,
    NotGranted,
    OrganizationLost,
    PermissionDenied,
    UsageError,
)
from app.domain.read_only import require_writable
from app.domain.request_context import NO_ORGANIZATION, OrganizationRef, RequestContext
from app.services.accounts import ChainloopAccounts
from app.services.chainloop_credentials import ChainloopCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    # Nothing of these is needed to read what is stored here.
    from app.domain.keyless import CIIdentities
    from app.domain.login import EndedThere
    from app.domain.organizations import Identity
    from app.domain.ports import Claims, Gateway, Gateways, Loader, Vault

NAMED_FOR_THIS_RUN = frozenset({"--org", "CHAINLOOP_ORGANIZATION"})
"""Sources of a name that was given for this run, and that an API token must not contradict."""


class ChainloopSession(ChainloopCredentials):
    """Opens gateways with the credential that is used, and knows the organization in use.

    The organization is named for this run (`--org`, `CHAINLOOP_ORGANIZATION`, config.toml), else that of the
    profile; an API token has its own. `notify` shows a sentence to the person before something is sent.
    """

    def __init__(
        self,
        target: ChainloopTarget,
        vault: Vault,
        load_gateways: Loader[Gateways],
        claims: Claims,
        ci: CIIdentities | None = None,
        accounts: ChainloopAccounts | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(target, vault, claims, ci, accounts or ChainloopAccounts(), notify)
        self._load_gateways = load_gateways

    async def _credential_while_connecting(self) -> Credential:
        """Return the credential; while the keychain answers, connect to the server of the login."""
        endpoint = await self._login_endpoint()
        if endpoint is None:
            return await self.credential()
        connecting = asyncio.create_task(self._connect(endpoint))
        try:
            return await self.credential()
        finally:
            # Else the first call connects.
            connecting.cancel()

    async def _connect(self, endpoint: Endpoint) -> None:
        await (await self._load_gateways()).connect(endpoint)

    async def _login_endpoint(self) -> Endpoint | None:
        """The server of the stored login, as far as it is known without the keychain."""
        if self.overriding_source():
            return None
        named, own = self.target.endpoint, await self.accounts.endpoint(self.target.profile)
        with suppress(LoopinError):
            if own is not None and (named is None or named.same_origin(own)):
                return self._with_authority(own)
        return None

    async def open_gateway(self, credential: Credential | None = None) -> Gateway:
        """Open a gateway for calls that belong to no organization: Infoz, ListMemberships.

        `credential` None is the one that is used.
        """
        credential = credential or await self.credential()
        return await self._open(credential, NO_ORGANIZATION)

    async def probe(self, context: RequestContext) -> None:
        """Raise OrganizationLost where the organization is suspended: `identify` does not raise it."""
        if context.organization.name:
            await (await self.open_gateway_in(context)).probe()

    async def open_gateway_in(self, context: RequestContext) -> Gateway:
        """Open a gateway whose calls name the organization of `context`, and carry its credential."""
        return await self._open(context.credential, context.organization)

    async def _open(self, credential: Credential, organization: OrganizationRef) -> Gateway:
        gateways = await self._load_gateways()
        return gateways.open(
            credential.endpoint, credential, organization.name, read_only=self.why_no_changes()
        )

    async def end_session(self, credential: Credential, *, everywhere: bool = False) -> EndedThere | None:
        """End a person's session at its server; None where the server has no such call.

        Raise ReadOnly in read-only mode, SessionEnded for a session that is over already.
        """
        gateway = await self._open(credential, NO_ORGANIZATION)
        return await gateway.sign_out(everywhere=everywhere)

    def why_no_changes(self) -> str:
        """Say why nothing may be changed in this run, or with this profile; empty when it may."""
        return self.target.read_only.why(self.target.profile)

    def check_may_change(self) -> None:
        """Raise ReadOnly in read-only mode, before anything is asked or sent."""
        require_writable(self.why_no_changes())

    async def identity(self, credential: Credential | None = None) -> Identity:
        """Ask the server who acts in the organization in use; raise like `identify`."""
        return (await self.identify(credential))[1]

    async def identify(self, credential: Credential | None = None) -> tuple[RequestContext, Identity]:
        """Ask the server who acts in the organization in use, and return the context with the answer.

        A profile without an organization takes the person's current one, and stores it.
        Raise SessionEnded when the server does not accept the credential, UsageError when the organization
        named for this run is not that of the API token, OrganizationLost when the one in use is not the
        person's, or another one of the same name.
        """
        credential = credential or await self._credential_while_connecting()
        if credential.method is Method.API_TOKEN:
            return await self._identify_token(credential)
        named = await self.organization(credential)
        identity = await self.identify_in(credential, named)
        actual = identity.organization_ref
        if not named.is_same(actual) and named.name:
            raise replaced_organization(named.name)
        if not named.name and actual.name and credential.method is not Method.KEYLESS:
            await self._store_organization(credential, actual)
        return RequestContext(credential, actual, identity.principal), identity

    async def _identify_token(self, credential: Credential) -> tuple[RequestContext, Identity]:
        """An API token has one organization: the server ignores which one a call names."""
        claims = self._claims(credential.secret)
        own = OrganizationRef(str(claims.get("org_name", "")), str(claims.get("org_id", "")))
        await self._check_named_organization(credential, own)
        identity = await self.identify_in(credential, own)
        return RequestContext(credential, own, identity.principal), identity

    async def _check_named_organization(self, credential: Credential, own: OrganizationRef) -> None:
        target = self.target
        if not target.organization or target.organization_source not in NAMED_FOR_THIS_RUN:
            return
        if own.is_same(await self._with_id(credential, target.organization)):
            return
        whose = f"belongs to {own.name}" if own.name else "does not tell its organization"
        raise UsageError(
            f"{target.organization_source} is {target.organization}, and the API token in effect {whose}",
            hint=f"nothing was sent: leave {target.organization_source} out, or use another token",
        )

    async def organization(self, credential: Credential) -> OrganizationRef:
        """The organization in use for a person's credential: named for this run, else the profile's.

        Empty for a profile that has none yet.
        """
        if self.target.organization:
            return await self._with_id(credential, self.target.organization)
        return await self._stored_organization(credential) or NO_ORGANIZATION

    async def _stored_organization(self, credential: Credential) -> OrganizationRef | None:
        return await self.accounts.organization(credential.profile, credential.endpoint.address)

    async def _with_id(self, credential: Credential, name: str) -> OrganizationRef:
        """An organization by name, with its id where it is the one that the profile works in."""
        stored = await self._stored_organization(credential)
        return stored if stored and stored.name == name else OrganizationRef(name)

    async def _store_organization(self, credential: Credential, organization: OrganizationRef) -> None:
        profile, endpoint = credential.profile, credential.endpoint.address
        self.accounts.use_organization(profile, endpoint, organization)
        if credential.source is Source.KEYCHAIN and not self.target.organization:
            self._notify(f"working in {organization.name} from now on, your current organization")
            # Without it the next run asks again; this run uses it all the same.
            with suppress(LoopinError):
                await self.accounts.store_organization(profile, endpoint, organization)

    async def check_context(
        self, shown: RequestContext | None, check: Callable[[Credential], None] = lambda _: None
    ) -> tuple[RequestContext, Identity]:
        """Ask the server before a change who acts, and check that the organization is the one that was shown.

        `shown` None is a change without a listing, in the organization in use. A session that was renewed by
        another sign-in of the same person is accepted. Raise ReadOnly in read-only mode, and PermissionDenied
        or OrganizationLost when the change would go elsewhere than was shown; nothing was changed then.
        `check` may raise for the credential, before anything is sent.
        """
        self.check_may_change()
        if shown is None:
            credential = await self._credential_while_connecting()
            check(credential)
            context, identity = await self.identify(credential)
        else:
            check(shown.credential)
            context, identity = await self._confirm(shown)
        await self.check_organization(context, identity)
        return context, identity

    async def check_organization(self, context: RequestContext, identity: Identity) -> None:
        """Raise NoOrganization for a member of none, and PermissionDenied where one is to be chosen."""
        if context.organization.name or identity.is_token or identity.is_ci:
            return
        gateway = await self._open(context.credential, NO_ORGANIZATION)
        if await gateway.memberships():
            raise PermissionDenied(
                "no organization is selected",
                hint="choose one: loopin chainloop organization set --name NAME",
            )
        raise NoOrganization(may_create=not (await gateway.server_info()).restricted)

    async def _confirm(self, shown: RequestContext) -> tuple[RequestContext, Identity]:
        credential = await self._renewed(shown.credential)
        identity = await self.identify_in(credential, shown.organization)
        if identity.principal != shown.principal:
            raise PermissionDenied(
                f"{identity.name} is signed in now, who is not the one that was shown: nothing was changed",
                hint="list again, and look",
            )
        if not identity.is_token and not identity.organization_ref.is_same(shown.organization):
            raise replaced_organization(shown.organization.name)
        return shown._replace(credential=credential), identity

    async def _renewed(self, shown: Credential) -> Credential:
        """Return the stored login when `shown` is an earlier one of the same profile and endpoint."""
        if shown.source is not Source.KEYCHAIN:
            return shown
        stored = (await self._read_stored()).credential
        if stored is None or shown.profile != self.target.profile or stored.method is not shown.method:
            return shown
        same = stored.endpoint.same_origin(shown.endpoint)
        return replace(shown, secret=stored.secret) if same else shown

    async def identify_in(self, credential: Credential, organization: OrganizationRef) -> Identity:
        """Ask the server who acts (Context.Current); raise SessionEnded for a credential that it rejects."""
        from app.domain.organizations import UNKNOWN_CONTEXT, identity_of

        claims = self._claims(credential.secret)
        try:
            context = await (await self._open(credential, organization)).current()
        except NotGranted:
            # The server knows the API token and grants it other calls than this one.
            if method_of(claims) is not Method.API_TOKEN:
                raise
            context = UNKNOWN_CONTEXT
        return replace(identity_of(context, claims), read_only=self.why_no_changes())

    def claims(self, credential: Credential) -> Mapping[str, Any]:
        """What the credential says of itself, unverified."""
        return self._claims(credential.secret)

    def latest_end(self, credential: Credential) -> datetime | None:
        """When an API token that the credential creates ends at the latest; None for no limit."""
        return latest_end_of(self.claims(credential))


def replaced_organization(name: str) -> OrganizationLost:
    """Return the error for a name that another organization has now."""
    return OrganizationLost(
        f"{name} is another organization than before: nothing was changed",
        hint="choose again: loopin chainloop organization set --name NAME",
    )

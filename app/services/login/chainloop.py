"""What both Chainloop sign-ins end with: verify with Context.Current, then store."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from app.domain.activity import Action
from app.domain.claims import expiry_of, method_of
from app.domain.credentials import Credential, Endpoint, Method, Provider, Source
from app.domain.errors import (
    LoginFailed,
    LoopinError,
    OrganizationLost,
    PermissionDenied,
    SessionEnded,
    UsageError,
)
from app.domain.inputs import read_address
from app.domain.login import SignedIn
from app.domain.organizations import Identity
from app.domain.ports import Vault
from app.domain.request_context import NO_ORGANIZATION, OrganizationRef
from app.domain.secret import Secret
from app.domain.times import iso
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.changes import Changes
from app.services.login.storing import Earlier, Saver
from app.services.stored_logins import (
    ChainloopVault,
    StoredLogin,
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A token that its control plane accepted, and whose it is.

    `organization` is the one to keep with the profile, empty for none. `problem` says why the one that is
    named for this run, or that was kept with the profile, cannot be used.
    """

    credential: Credential
    identity: Identity
    organization: OrganizationRef = NO_ORGANIZATION
    problem: str = ""


class ChainloopSaver(Saver[Secret, Accepted, StoredLogin]):
    """Takes a token of either kind; what it says of itself tells which."""

    PROVIDER = Provider.CHAINLOOP

    def __init__(self, session: ChainloopSession, vault: Vault, log: ActivityLog, changes: Changes) -> None:
        super().__init__(session, vault, changes)
        self._session = session
        self._log = log

    async def _check_room(self) -> None:
        """The keychain is all it takes."""

    async def _verify(self, new: Secret) -> Accepted:
        credential = self._credential(new)
        # An organization that cannot be used is a problem of later calls, not of the sign-in.
        try:
            return await self._in_organization(credential)
        except SessionEnded as error:
            raise LoginFailed(
                f"{self.endpoint.address} does not accept this token: {error.message}",
                hint="check that it was copied whole and belongs to this control plane",
            ) from error

    def _told(self, known: Accepted) -> str:
        return f"{known.identity.name} · {known.identity.organization or 'no organization yet'}"

    def read_server(self, typed: str) -> Endpoint:
        """A host and a port; `http://` before it means plain text."""
        default = self._session.target.default
        address = read_address(typed, "the server")
        if address is None:
            return default
        return replace(default, address=address.text, insecure=bool(address.insecure))

    async def known_servers(self) -> Sequence[str]:
        """The default server and those of the profiles, as one types them."""
        known = [self._session.target.default, *await self._session.accounts.endpoints()]
        return tuple(dict.fromkeys(endpoint.typed for endpoint in known))

    async def earlier(self) -> Earlier[StoredLogin] | None:
        """The login that the profile has now; None for none, and for one that cannot be read."""
        with suppress(LoopinError):
            if (stored := await ChainloopVault(self._vault).read(self.profile)) is not None:
                who, address = await self._session.accounts.identity(self.profile)
                return Earlier(
                    stored, stored.endpoint.host, who if address == stored.endpoint.address else ""
                )
        return None

    async def _end(self, earlier: Earlier[StoredLogin], new: Secret) -> str:
        old = earlier.login
        if old.method is not Method.BROWSER or old.secret == new:
            return ""
        credential = Credential(
            Provider.CHAINLOOP, old.method, old.secret, Source.KEYCHAIN, old.endpoint, self.profile
        )
        until = expiry_of(self._session.claims(credential))
        stays = f"the earlier session at {earlier.host} stays valid"
        stays += f" until {iso(until)}" if until else ""
        try:
            ended = await self._session.end_session(credential)
            return "" if ended else f"{stays}: this server cannot end it"
        except SessionEnded:
            return ""
        except LoopinError as error:
            return f"{stays}: {error.message}"

    async def _save(self, new: Secret, known: Accepted) -> None:
        stored = StoredLogin(new, known.credential.method, known.credential.endpoint)
        await ChainloopVault(self._vault).write(self.profile, stored)
        await self._remember(known)

    def _result(self, new: Secret, known: Accepted, label: str) -> SignedIn:
        identity, credential = known.identity, known.credential
        return SignedIn(
            Provider.CHAINLOOP,
            self.profile,
            credential.method,
            identity.name,
            identity.organization,
            identity.role.value if identity.role else "",
            credential.endpoint.address,
            identity.expires_at,
            label,
            known.problem,
        )

    def _credential(self, secret: Secret) -> Credential:
        bare = Credential(
            Provider.CHAINLOOP, Method.API_TOKEN, secret, Source.FLAG, self.endpoint, self.profile
        )
        method = method_of(self._session.claims(bare))
        if method is Method.KEYLESS:
            raise LoginFailed(
                "this is a CI identity, which ends with its job", hint="it is used by itself inside the job"
            )
        return Credential(Provider.CHAINLOOP, method, secret, Source.FLAG, self.endpoint, self.profile)

    async def _in_organization(self, credential: Credential) -> Accepted:
        session, target = self._session, self._session.target
        if credential.method is Method.API_TOKEN:
            try:
                return Accepted(credential, await session.identity(credential))
            except UsageError as error:
                identity = await session.ask(credential, NO_ORGANIZATION)
                return Accepted(credential, identity, problem=error.message)
        identity = await session.ask(credential, NO_ORGANIZATION)
        kept = await self._kept(identity)
        if target.organization:
            return await self._in_named(credential, identity, target.organization, kept)
        if not kept.name or kept.is_same(identity.organization_ref):
            return Accepted(credential, identity, identity.organization_ref)
        return await self._in_named(credential, identity, kept.name, kept)

    async def _in_named(
        self, credential: Credential, identity: Identity, name: str, kept: OrganizationRef
    ) -> Accepted:
        try:
            there = await self._session.ask(credential, OrganizationRef(name))
        except (OrganizationLost, PermissionDenied) as error:
            source = self._session.target.organization_source or f"profile {self.profile}"
            return Accepted(credential, identity, kept, f"{error.message} ({source})")
        return Accepted(credential, there, kept)

    async def _kept(self, identity: Identity) -> OrganizationRef:
        """The organization that the same person worked in with this profile, at the same server."""
        accounts, endpoint = self._session.accounts, self.endpoint.address
        if await accounts.identity(self.profile) != (identity.name, endpoint):
            return NO_ORGANIZATION
        return await accounts.organization(self.profile, endpoint) or NO_ORGANIZATION

    async def _remember(self, known: Accepted) -> None:
        written = self._log.add(
            Action.LOGIN,
            identity=known.identity,
            endpoint=known.credential.endpoint.address,
            subject=f"profile {self.profile}",
            detail=known.credential.method.title,
        )
        await asyncio.gather(self._name(known), written)

    async def _name(self, known: Accepted) -> None:
        credential, accounts = known.credential, self._session.accounts
        # The login lies in the keychain by now; a list of names that cannot be written does not undo it.
        with suppress(LoopinError):
            method = credential.method.value
            await accounts.write(self.profile, credential.endpoint, method, known.identity.name)
            if known.organization.name:
                endpoint = credential.endpoint.address
                await accounts.store_organization(self.profile, endpoint, known.organization)

"""Sign in to Chainloop with a token, and store every Chainloop login."""

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
from app.domain.inputs import read_address, read_secret
from app.domain.login import SignedIn, Step
from app.domain.organizations import Identity
from app.domain.ports import Clock, Vault
from app.domain.request_context import NO_ORGANIZATION, OrganizationRef
from app.domain.secret import Secret
from app.domain.times import iso
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.changes import Changes
from app.services.login.login_store import EarlierLogin, LoginStore
from app.services.login.progress import Progress, Report
from app.services.stored_logins import (
    ChainloopVault,
    StoredLogin,
)


@dataclass(frozen=True, slots=True)
class NewLogin:
    """A token before it is verified, and the control plane that it is sent to."""

    secret: Secret
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Accepted:
    """A token that its control plane accepted, and whose it is.

    `organization` is the one to store with the profile, empty for none. `problem` says why the one that is
    named for this run, or that is stored with the profile, cannot be used.
    """

    credential: Credential
    identity: Identity
    organization: OrganizationRef = NO_ORGANIZATION
    problem: str = ""


class ChainloopLoginStore(LoginStore[NewLogin, Accepted, StoredLogin]):
    """Verifies tokens with Context.Current, and stores them. Their claims tell their kind."""

    PROVIDER = Provider.CHAINLOOP

    def __init__(
        self, session: ChainloopSession, vault: Vault, log: ActivityLog, changes: Changes, clock: Clock
    ) -> None:
        super().__init__(session, vault, changes, clock)
        self._session = session
        self._log = log

    async def sign_in_with_token(self, token: str, report: Report) -> SignedIn:
        """Keychain ready → verified → saved, with a token as it was copied."""
        progress = Progress(self._clock, report)
        with progress.report_failure():
            endpoint = await self.prepare(progress)
            # Reading the input belongs to verifying it.
            progress.start(Step.VERIFIED)
            if (secret := read_secret(token, "the token")) is None:
                raise LoginFailed("the token is empty", hint="paste the whole token")
            return progress.finish(await self.verify_and_save(NewLogin(secret, endpoint), progress))

    async def _check_storage(self) -> None:
        """The keychain is all that is needed."""

    def _endpoint_of(self, new: NewLogin) -> Endpoint:
        return new.endpoint

    async def _verify(self, new: NewLogin) -> Accepted:
        credential = self._credential(new)
        # An organization that cannot be used is a problem of later calls, not of the sign-in.
        try:
            return await self._in_organization(credential)
        except SessionEnded as error:
            raise LoginFailed(
                f"{new.endpoint.address} does not accept this token: {error.message}",
                hint="check that it was copied whole and belongs to this control plane",
            ) from error

    def _describe(self, known: Accepted) -> str:
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

    async def earlier(self) -> EarlierLogin[StoredLogin] | None:
        """The login that the profile has now; None for none, and for one that cannot be read."""
        with suppress(LoopinError):
            if (stored := await ChainloopVault(self._vault).read(self.profile)) is not None:
                who, address = await self._session.accounts.identity(self.profile)
                return EarlierLogin(
                    stored, stored.endpoint.host, who if address == stored.endpoint.address else ""
                )
        return None

    async def _end(self, earlier: EarlierLogin[StoredLogin], new: NewLogin) -> str:
        old = earlier.login
        if old.method is not Method.BROWSER or old.secret == new.secret:
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

    async def _save(self, new: NewLogin, known: Accepted) -> None:
        stored = StoredLogin(new.secret, known.credential.method, known.credential.endpoint)
        await ChainloopVault(self._vault).write(self.profile, stored)
        await self._record(known)

    def _result(self, new: NewLogin, known: Accepted, label: str) -> SignedIn:
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

    def _credential(self, new: NewLogin) -> Credential:
        credential = Credential(
            Provider.CHAINLOOP, Method.API_TOKEN, new.secret, Source.FLAG, new.endpoint, self.profile
        )
        method = method_of(self._session.claims(credential))
        if method is Method.KEYLESS:
            raise LoginFailed(
                "this is a CI identity, which ends with its job", hint="it is used by itself inside the job"
            )
        return replace(credential, method=method)

    async def _in_organization(self, credential: Credential) -> Accepted:
        session, target = self._session, self._session.target
        if credential.method is Method.API_TOKEN:
            try:
                return Accepted(credential, await session.identity(credential))
            except UsageError as error:
                identity = await session.identify_in(credential, NO_ORGANIZATION)
                return Accepted(credential, identity, problem=error.message)
        identity = await session.identify_in(credential, NO_ORGANIZATION)
        stored = await self._stored_organization(credential, identity)
        if target.organization:
            return await self._in_named(credential, identity, target.organization, stored)
        if not stored.name or stored.is_same(identity.organization_ref):
            return Accepted(credential, identity, identity.organization_ref)
        return await self._in_named(credential, identity, stored.name, stored)

    async def _in_named(
        self, credential: Credential, identity: Identity, name: str, stored: OrganizationRef
    ) -> Accepted:
        try:
            there = await self._session.identify_in(credential, OrganizationRef(name))
        except (OrganizationLost, PermissionDenied) as error:
            source = self._session.target.organization_source or f"profile {self.profile}"
            return Accepted(credential, identity, stored, f"{error.message} ({source})")
        return Accepted(credential, there, stored)

    async def _stored_organization(self, credential: Credential, identity: Identity) -> OrganizationRef:
        """The organization that the same person used with this profile, at the same server."""
        accounts, endpoint = self._session.accounts, credential.endpoint.address
        if await accounts.identity(self.profile) != (identity.name, endpoint):
            return NO_ORGANIZATION
        return await accounts.organization(self.profile, endpoint) or NO_ORGANIZATION

    async def _record(self, known: Accepted) -> None:
        written = self._log.add(
            Action.LOGIN,
            identity=known.identity,
            endpoint=known.credential.endpoint.address,
            subject=f"profile {self.profile}",
            detail=known.credential.method.title,
        )
        await asyncio.gather(self._write_account(known), written)

    async def _write_account(self, known: Accepted) -> None:
        credential, accounts = known.credential, self._session.accounts
        # The login is in the keychain by now; a file that cannot be written does not undo it.
        with suppress(LoopinError):
            method = credential.method.value
            await accounts.write(self.profile, credential.endpoint, method, known.identity.name)
            if known.organization.name:
                endpoint = credential.endpoint.address
                await accounts.store_organization(self.profile, endpoint, known.organization)

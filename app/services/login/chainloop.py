"""What both Chainloop sign-ins end with: verify with Context.Current, then store."""

from collections.abc import AsyncIterator
from contextlib import suppress

from app.domain.activity import Action
from app.domain.credentials import Credential, Endpoint, Method, Provider, Source
from app.domain.errors import LoginFailed, LoopinError, SessionEnded
from app.domain.login import LoginStep, SignedIn, Step
from app.domain.organizations import Identity
from app.domain.ports import AccountStore, Vault
from app.domain.secret import Secret
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession, method_of
from app.services.chainloop_vault import ChainloopVault, StoredLogin
from app.services.login.steps import Progress


class ChainloopSaver:
    """Verifies a token at its endpoint and stores it. Nothing is stored that the server did not accept."""

    def __init__(self, session: ChainloopSession, vault: Vault, accounts: AccountStore, trail: Trail) -> None:
        self._session = session
        self._vault = vault
        self._accounts = accounts
        self._trail = trail

    @property
    def endpoint(self) -> Endpoint:
        """Where the sign-in happens: a stored login's endpoint does not count for a new one."""
        return self._session.endpoint(None)

    @property
    def profile(self) -> str:
        """The profile that is signed in."""
        return self._session.target.profile

    async def keychain(self, progress: Progress) -> AsyncIterator[LoginStep]:
        """First of all: without a keychain there is no sign-in."""
        yield progress.start(Step.KEYCHAIN)
        status = await self._vault.probe()
        if status.error is not None:
            raise status.error
        yield progress.done(status.label)

    async def finish(self, secret: Secret, progress: Progress) -> AsyncIterator[LoginStep]:
        """Verify, then save; the last step carries the result."""
        yield progress.start(Step.VERIFIED)
        credential = self._credential(secret)
        identity = await self._verify(credential)
        yield progress.done(f"{identity.name} · {identity.organization or 'no organization yet'}")
        yield progress.start(Step.SAVED)
        stored = StoredLogin(secret, credential.method, credential.endpoint)
        await ChainloopVault(self._vault).write(self.profile, stored)
        await self._remember(credential, identity)
        label = (await self._vault.probe()).label
        yield progress.done(label, result=self._result(credential, identity, label))

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

    async def _verify(self, credential: Credential) -> Identity:
        try:
            return await self._session.identity(credential)
        except SessionEnded as error:
            raise LoginFailed(
                f"{self.endpoint.address} does not accept this token: {error.message}",
                hint="check that it was copied whole and belongs to this control plane",
            ) from error

    async def _remember(self, credential: Credential, identity: Identity) -> None:
        facts = {"endpoint": credential.endpoint.address, "method": credential.method.value}
        # The login lies in the keychain by now; a list of names that cannot be written does not undo it.
        with suppress(LoopinError):
            await self._accounts.remember(Provider.CHAINLOOP.value, self.profile, facts)
        await self._trail.add(
            Action.LOGIN,
            identity=identity,
            endpoint=credential.endpoint.address,
            subject=f"profile {self.profile}",
            detail=credential.method.title,
        )

    def _result(self, credential: Credential, identity: Identity, label: str) -> SignedIn:
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
        )

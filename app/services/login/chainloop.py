"""What both Chainloop sign-ins end with: verify with Context.Current, then store."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from app.domain.activity import Action
from app.domain.claims import method_of
from app.domain.credentials import Credential, Method, Provider, Source
from app.domain.errors import LoginFailed, LoopinError, SessionEnded
from app.domain.login import SignedIn
from app.domain.organizations import Identity
from app.domain.ports import AccountStore, Vault
from app.domain.secret import Secret
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession
from app.services.chainloop_vault import ChainloopVault, StoredLogin
from app.services.login.saver import Saver


@dataclass(frozen=True, slots=True)
class Accepted:
    """A token that its control plane accepted, and whose it is."""

    credential: Credential
    identity: Identity


class ChainloopSaver(Saver[Secret, Accepted]):
    """Takes a token of either kind; what it says of itself tells which."""

    def __init__(self, session: ChainloopSession, vault: Vault, accounts: AccountStore, trail: Trail) -> None:
        super().__init__(session, vault)
        self._session = session
        self._accounts = accounts
        self._trail = trail

    async def _check_room(self) -> None:
        """The keychain is all it takes."""

    async def _verify(self, new: Secret) -> Accepted:
        credential = self._credential(new)
        return Accepted(credential, await self._identity(credential))

    def _told(self, known: Accepted) -> str:
        return f"{known.identity.name} · {known.identity.organization or 'no organization yet'}"

    async def _save(self, new: Secret, known: Accepted) -> None:
        stored = StoredLogin(new, known.credential.method, known.credential.endpoint)
        await ChainloopVault(self._vault).write(self.profile, stored)
        await self._remember(known.credential, known.identity)

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

    async def _identity(self, credential: Credential) -> Identity:
        try:
            return await self._session.identity(credential)
        except SessionEnded as error:
            raise LoginFailed(
                f"{self.endpoint.address} does not accept this token: {error.message}",
                hint="check that it was copied whole and belongs to this control plane",
            ) from error

    async def _remember(self, credential: Credential, identity: Identity) -> None:
        written = self._trail.add(
            Action.LOGIN,
            identity=identity,
            endpoint=credential.endpoint.address,
            subject=f"profile {self.profile}",
            detail=credential.method.title,
        )
        await asyncio.gather(self._name(credential), written)

    async def _name(self, credential: Credential) -> None:
        facts = {"endpoint": credential.endpoint.address, "method": credential.method.value}
        # The login lies in the keychain by now; a list of names that cannot be written does not undo it.
        with suppress(LoopinError):
            await self._accounts.remember(Provider.CHAINLOOP.value, self.profile, facts)

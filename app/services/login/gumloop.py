"""What every Gumloop sign-in ends with: verify with models.list, then store."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from app.domain.activity import Action
from app.domain.credentials import Credential, Endpoint, Method, Provider, Source
from app.domain.errors import LoginFailed, LoopinError, PermissionDenied, SessionEnded, VaultError
from app.domain.gumloop import GumloopLogin, endpoint_of
from app.domain.login import SignedIn
from app.domain.organizations import Identity
from app.domain.ports import GumloopAPIs, GumloopOAuth, Loader, ProcessLock, Vault
from app.domain.read_only import require_writable
from app.services.accounts import GumloopAccount, GumloopAccounts
from app.services.activity import ActivityLog
from app.services.changes import Changes
from app.services.gumloop_refresh import lock_name
from app.services.gumloop_session import GumloopSession, organization_of
from app.services.login.storing import Earlier, Saver
from app.services.stored_logins import GumloopVault


@dataclass(frozen=True, slots=True)
class NewLogin:
    """A login before it was verified. `who` asks the server who it is, where it tells."""

    login: GumloopLogin
    who: Loader[str] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the server said of a login: who it is, and its organizations where it may read them."""

    identity: str
    organization: str


class GumloopSaver(Saver[NewLogin, Accepted, GumloopLogin]):
    """Takes every kind of login."""

    PROVIDER = Provider.GUMLOOP

    def __init__(
        self,
        session: GumloopSession,
        vault: Vault,
        load_apis: Loader[GumloopAPIs],
        load_oauth: Loader[GumloopOAuth],
        lock: ProcessLock,
        accounts: GumloopAccounts,
        log: ActivityLog,
        changes: Changes,
    ) -> None:
        super().__init__(session, vault, changes)
        self._session = session
        self._load_apis = load_apis
        self._load_oauth = load_oauth
        self._lock = lock
        self._accounts = accounts
        self._log = log

    async def _check_room(self) -> None:
        async with self._lock.hold(lock_name(self.profile)):
            return

    async def _verify(self, new: NewLogin) -> Accepted:
        """Ask for everything at once: no answer decides what else is asked."""
        login = new.login
        credential = Credential(
            Provider.GUMLOOP,
            login.method,
            login.secret,
            Source.FLAG,
            login.endpoint,
            self.profile,
            login.user_id,
        )
        api = (await self._load_apis()).open(credential, self._session.target.team_id)
        others = asyncio.gather(_who(new), organization_of(api))
        try:
            await api.verify()
            return Accepted(*await others)
        except (SessionEnded, PermissionDenied) as error:
            raise LoginFailed(
                f"{login.endpoint.address} does not accept this {_WHAT[login.method]}: {error.message}",
                hint=error.hint if isinstance(error, PermissionDenied) else _HINT[login.method],
            ) from error
        finally:
            others.cancel()

    def _told(self, known: Accepted) -> str:
        return "models.list"

    def read_server(self, typed: str) -> Endpoint:
        """A base URL, whole."""
        return endpoint_of(typed.strip())

    async def known_servers(self) -> Sequence[str]:
        """The default server and those of the profiles, as one types them."""
        known = [self._session.target.default]
        with suppress(LoopinError):
            found = [await self._accounts.endpoint(name) for name in await self._accounts.profiles()]
            known += [endpoint for endpoint in found if endpoint is not None]
        return tuple(dict.fromkeys(endpoint.typed for endpoint in known))

    async def earlier(self) -> Earlier[GumloopLogin] | None:
        """The login that the profile has now; None for none, and for one that cannot be read."""
        with suppress(LoopinError):
            login = (await GumloopVault(self._vault, self._session.target.default).read(self.profile)).login
            if login is not None:
                facts = await self._accounts.read(self.profile, login.secret)
                return Earlier(login, login.endpoint.host, facts.identity)
        return None

    async def _end(self, earlier: Earlier[GumloopLogin], new: NewLogin) -> str:
        old = earlier.login
        if old.method is not Method.OAUTH or old.secret == new.login.secret:
            return ""
        try:
            require_writable(self._session.target.read_only.why(self.profile))
            oauth = await self._load_oauth()
            await oauth.revoke(old.endpoint, old.refresh_token or old.secret)
        except LoopinError as error:
            return f"the earlier session at {earlier.host} stays valid: {error.message}"
        return ""

    async def _save(self, new: NewLogin, known: Accepted) -> None:
        await self._keep(new.login)
        await self._remember(new, known)

    def _result(self, new: NewLogin, known: Accepted, label: str) -> SignedIn:
        return SignedIn(
            Provider.GUMLOOP,
            self.profile,
            new.login.method,
            known.identity,
            known.organization,
            "",
            new.login.endpoint.address,
            new.expires_at,
            label,
        )

    async def _keep(self, login: GumloopLogin) -> None:
        vault = GumloopVault(self._vault, login.endpoint)
        async with self._lock.hold(lock_name(self.profile)):
            try:
                await vault.write(self.profile, login)
            except VaultError as error:
                with suppress(VaultError):
                    await self._tidy(vault)
                raise type(error)(f"the login was not saved: {error.message}", hint=error.hint) from error

    async def _tidy(self, vault: GumloopVault) -> None:
        """Take away what a save that broke off has left; the login from before stays, if it is there."""
        if (await vault.read(self.profile)).login is None:
            await vault.delete(self.profile)

    async def _remember(self, new: NewLogin, known: Accepted) -> None:
        login = new.login
        written = self._log.add(
            Action.LOGIN,
            provider=Provider.GUMLOOP,
            identity=Identity(known.identity, known.organization, None, login.method.title),
            endpoint=login.endpoint.address,
            subject=f"profile {self.profile}",
            detail=login.method.title,
        )
        await asyncio.gather(self._know(new, known), written)

    async def _know(self, new: NewLogin, known: Accepted) -> None:
        login = new.login
        facts = GumloopAccount(
            login.endpoint.address,
            login.method.value,
            known.identity,
            known.organization,
            new.expires_at,
        )
        with suppress(LoopinError):
            # The login is good without them: they only spare questions later.
            await self._accounts.write(self.profile, login.secret, facts)


async def _who(new: NewLogin) -> str:
    told = await new.who() if new.who is not None else ""
    return told or new.login.user_id


_WHAT = {Method.OAUTH: "sign-in", Method.ACCESS_TOKEN: "access token", Method.API_KEY: "API key or user ID"}
_HINT = {
    Method.OAUTH: "start the sign-in again",
    Method.ACCESS_TOKEN: "check that it was copied whole and has not ended",
    Method.API_KEY: "check both; a regenerated key ends the old one at once",
}

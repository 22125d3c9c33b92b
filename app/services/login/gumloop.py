"""Sign in to Gumloop with an API key or an access token, and store every Gumloop login."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from app.domain.activity import Action
from app.domain.credentials import Credential, Endpoint, Method, Provider, Source
from app.domain.errors import LoginFailed, LoopinError, PermissionDenied, SessionEnded, VaultError
from app.domain.gumloop import API_KEY_PAGE, USER_ID_PAGE, GumloopLogin, endpoint_of
from app.domain.inputs import joined, read_secret, read_text
from app.domain.login import SignedIn, Step
from app.domain.organizations import Identity
from app.domain.ports import Clock, GumloopAPIs, GumloopOAuth, Loader, ProcessLock, Vault
from app.domain.read_only import require_writable
from app.services.accounts import GumloopAccount, GumloopAccounts
from app.services.activity import ActivityLog
from app.services.changes import Changes
from app.services.gumloop_refresh import lock_name
from app.services.gumloop_session import GumloopSession, organization_of
from app.services.login.login_store import EarlierLogin, LoginStore
from app.services.login.progress import Progress, Report
from app.services.stored_logins import GumloopVault


@dataclass(frozen=True, slots=True)
class NewLogin:
    """A login before it is verified. `load_identity` asks the server who it is, if it supports that."""

    login: GumloopLogin
    load_identity: Loader[str] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the server said of a login: whose it is, and its organizations where it may read them."""

    identity: str
    organization: str


class GumloopLoginStore(LoginStore[NewLogin, Accepted, GumloopLogin]):
    """Verifies logins with models.list, and stores them."""

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
        clock: Clock,
    ) -> None:
        super().__init__(session, vault, changes, clock)
        self._session = session
        self._load_apis = load_apis
        self._load_oauth = load_oauth
        self._lock = lock
        self._accounts = accounts
        self._log = log

    async def sign_in_with_key(self, api_key: str, user_id: str, report: Report) -> SignedIn:
        """Keychain ready → verified → saved, with an API key and the user ID it belongs to."""
        progress = Progress(self._clock, report)
        with progress.report_failure():
            endpoint = await self.prepare(progress)
            # Reading the input belongs to verifying it.
            progress.start(Step.VERIFIED)
            key, user = read_secret(api_key, "the API key"), joined(read_text(user_id, "the user ID"))
            if key is None:
                raise LoginFailed(
                    "the API key is empty", hint=f"make one at {API_KEY_PAGE} (Pro plan or above)"
                )
            if not user:
                raise LoginFailed(
                    "an API key needs the user ID it belongs to", hint=f"it is shown at {USER_ID_PAGE}"
                )
            login = GumloopLogin(Method.API_KEY, key, endpoint, user)
            return progress.finish(await self.verify_and_save(NewLogin(login), progress))

    async def sign_in_with_token(self, token: str, report: Report) -> SignedIn:
        """Keychain ready → verified → saved, with an access token, which comes without a refresh token."""
        progress = Progress(self._clock, report)
        with progress.report_failure():
            endpoint = await self.prepare(progress)
            progress.start(Step.VERIFIED)
            if (secret := read_secret(token, "the access token")) is None:
                raise LoginFailed("the access token is empty", hint="paste the whole token")
            login = GumloopLogin(Method.ACCESS_TOKEN, secret, endpoint)
            return progress.finish(await self.verify_and_save(NewLogin(login), progress))

    async def _check_storage(self) -> None:
        async with self._lock.hold(lock_name(self.profile)):
            return

    def _endpoint_of(self, new: NewLogin) -> Endpoint:
        return new.login.endpoint

    async def _verify(self, new: NewLogin) -> Accepted:
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
        others = asyncio.gather(_load_identity(new), organization_of(api))
        try:
            await api.verify()
            return Accepted(*await others)
        except (SessionEnded, PermissionDenied) as error:
            raise LoginFailed(
                f"{login.endpoint.address} does not accept this {_CREDENTIAL[login.method]}: {error.message}",
                hint=error.hint if isinstance(error, PermissionDenied) else _HINT[login.method],
            ) from error
        finally:
            others.cancel()

    def _describe(self, known: Accepted) -> str:
        return "models.list"

    def read_server(self, typed: str) -> Endpoint:
        """A base URL, whole."""
        return endpoint_of(typed.strip())

    async def known_servers(self) -> Sequence[str]:
        """The default server and those of the profiles, as one types them."""
        known = [self._session.target.default]
        with suppress(LoopinError):
            endpoints = [await self._accounts.endpoint(name) for name in await self._accounts.profiles()]
            known += [endpoint for endpoint in endpoints if endpoint is not None]
        return tuple(dict.fromkeys(endpoint.typed for endpoint in known))

    async def earlier(self) -> EarlierLogin[GumloopLogin] | None:
        """The login that the profile has now; None for none, and for one that cannot be read."""
        with suppress(LoopinError):
            login = (await GumloopVault(self._vault, self._session.target.default).read(self.profile)).login
            if login is not None:
                facts = await self._accounts.read(self.profile, login.secret)
                return EarlierLogin(login, login.endpoint.host, facts.identity)
        return None

    async def _end(self, earlier: EarlierLogin[GumloopLogin], new: NewLogin) -> str:
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
        await self._write(new.login)
        await self._record(new, known)

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

    async def _write(self, login: GumloopLogin) -> None:
        vault = GumloopVault(self._vault, login.endpoint)
        async with self._lock.hold(lock_name(self.profile)):
            try:
                await vault.write(self.profile, login)
            except VaultError as error:
                with suppress(VaultError):
                    await self._remove_partial(vault)
                raise type(error)(f"the login was not saved: {error.message}", hint=error.hint) from error

    async def _remove_partial(self, vault: GumloopVault) -> None:
        """Remove what an interrupted write has left; the earlier login stays, if it is there."""
        if (await vault.read(self.profile)).login is None:
            await vault.delete(self.profile)

    async def _record(self, new: NewLogin, known: Accepted) -> None:
        login = new.login
        written = self._log.add(
            Action.LOGIN,
            provider=Provider.GUMLOOP,
            identity=Identity(known.identity, known.organization, None, login.method.title),
            endpoint=login.endpoint.address,
            subject=f"profile {self.profile}",
            detail=login.method.title,
        )
        await asyncio.gather(self._write_account(new, known), written)

    async def _write_account(self, new: NewLogin, known: Accepted) -> None:
        login = new.login
        facts = GumloopAccount(
            login.endpoint.address,
            login.method.value,
            known.identity,
            known.organization,
            new.expires_at,
        )
        with suppress(LoopinError):
            # The login is complete without them: they only save requests later.
            await self._accounts.write(self.profile, login.secret, facts)


async def _load_identity(new: NewLogin) -> str:
    identity = await new.load_identity() if new.load_identity is not None else ""
    return identity or new.login.user_id


_CREDENTIAL = {
    Method.OAUTH: "sign-in",
    Method.ACCESS_TOKEN: "access token",
    Method.API_KEY: "API key or user ID",
}
_HINT = {
    Method.OAUTH: "start the sign-in again",
    Method.ACCESS_TOKEN: "check that it was copied whole and has not ended",
    Method.API_KEY: "check both; a regenerated key ends the old one at once",
}

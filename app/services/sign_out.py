"""Sign out: end the stored login at its server, and delete it from the keychain."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from app.domain.activity import Action
from app.domain.claims import expiry_of
from app.domain.credentials import Credential, Method, Provider, Source, profile_words
from app.domain.errors import LockUnavailable, LoopinError, SessionEnded, VaultMissing
from app.domain.gumloop import GumloopLogin, GumloopTarget
from app.domain.login import EndedThere, SignedOut
from app.domain.ports import AccountStore, Clock, GumloopOAuth, Loader, ProcessLock, Vault
from app.domain.read_only import require_writable
from app.services.accounts import GumloopAccounts
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.changes import Changes
from app.services.gumloop_refresh import lock_name
from app.services.gumloop_session import KEY, TOKEN, GumloopSession
from app.services.stored_logins import ChainloopVault, GumloopVault, StoredGumloop
from app.services.vendor_login import VendorCopies

SHOW_STORED = "loopin status shows which logins are still stored"
"""The next step after a sign-out whose end is not known."""
NOT_EVERYWHERE = (
    "the stored login was over, so no other session and no allowed program was ended:"
    " sign in again, and sign out everywhere with that login"
)


class ChainloopSignOut:
    """Ends the stored login: at the server where it can, and always in the keychain.

    A credential from a flag or the environment stays. With one of these, or in a CI job, a machine without a
    keychain is no failure. In read-only mode ReadOnly is raised, before anything happens, for a login whose
    session would be ended at the server.
    """

    def __init__(
        self,
        session: ChainloopSession,
        vault: Vault,
        accounts: AccountStore,
        log: ActivityLog,
        changes: Changes,
        clock: Clock,
        copies: VendorCopies | None = None,
    ) -> None:
        self._copies = copies
        self._clock = clock
        self._changes = changes
        self._session = session
        self._vault = ChainloopVault(vault)
        self._accounts = accounts
        self._log = log

    async def sign_out(self, *, everywhere: bool = False) -> SignedOut:
        """Sign out of the profile in use.

        `everywhere` ends all sessions of the person, and the programs that they allowed.
        """
        profile = self._session.target.profile
        still = self._session.overriding_source()
        try:
            stored = await self._vault.read(profile)
        except VaultMissing as problem:
            if not still and not self._session.in_ci_job():
                raise
            return SignedOut(False, False, still=still, unseen=problem.message)
        if stored is None:
            return SignedOut(False, False, still=still)
        credential = Credential(
            Provider.CHAINLOOP, stored.method, stored.secret, Source.KEYCHAIN, stored.endpoint, profile
        )
        if _is_session(credential):
            self._session.check_may_change()
        doing = f"signing out of Chainloop{profile_words(profile)[0]}"
        return await self._changes.run(doing, self._end(credential, everywhere, still), hint=SHOW_STORED)

    async def _end(self, credential: Credential, everywhere: bool, still: str) -> SignedOut:
        """End the login, at the server and here."""
        profile = credential.profile
        copy_in = await self._copies.copy_of(credential) if self._copies else ""
        ended, was_over, warning = await self._end_session(credential, everywhere)
        await self._vault.delete(profile)
        with suppress(LoopinError):
            await self._accounts.forget(Provider.CHAINLOOP.value, profile)
        address = credential.endpoint.address
        await self._log.add(Action.LOGOUT, endpoint=address, subject=f"profile {profile}")
        until = expiry_of(self._session.claims(credential))
        was_over = was_over or (until is not None and until <= self._clock.now())
        return SignedOut(
            True,
            ended is not None,
            None if ended or was_over else until,
            warning,
            still,
            was_over=was_over,
            is_token=credential.method is Method.API_TOKEN,
            copy_in=copy_in,
            ended=ended,
        )

    async def _end_session(
        self, credential: Credential, everywhere: bool
    ) -> tuple[EndedThere | None, bool, str]:
        """Return what ended now, whether the session was over already, and why it could not be ended."""
        if not _is_session(credential):
            return None, False, ""
        try:
            return await self._session.end_session(credential, everywhere=everywhere), False, ""
        except SessionEnded:
            return None, True, NOT_EVERYWHERE if everywhere else ""
        except LoopinError as error:
            return None, False, f"the server could not be told: {error.message}"


def _is_session(credential: Credential) -> bool:
    """Return whether it is a person's session; an API token outlives every sign-out."""
    return credential.method is Method.BROWSER


class GumloopSignOut:
    """Ends the stored login: revokes its token at the server that issued it, and deletes it here.

    A revocation that fails becomes a warning, and the login is deleted all the same. A credential from the
    environment stays; with one, a machine without a keychain is no failure. In read-only mode ReadOnly is
    raised, before anything happens, for a login that would be revoked.
    """

    def __init__(
        self,
        session: GumloopSession,
        vault: GumloopVault,
        load_oauth: Loader[GumloopOAuth],
        lock: ProcessLock,
        accounts: GumloopAccounts,
        log: ActivityLog,
        changes: Changes,
    ) -> None:
        self._changes = changes
        self._session = session
        self._vault = vault
        self._load_oauth = load_oauth
        self._lock = lock
        self._accounts = accounts
        self._log = log

    async def sign_out(self) -> SignedOut:
        """Sign out of the profile in use."""
        return await self._sign_out_of(self._session.target.profile)

    async def sign_out_all(self) -> dict[str, SignedOut]:
        """Sign out of every stored profile; return the results by name."""
        names = dict.fromkeys((self._session.target.profile, *await self._accounts.profiles()))
        return {name: await self._sign_out_of(name) for name in names}

    async def _sign_out_of(self, profile: str) -> SignedOut:
        still = variable_in_effect(self._session.target)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._locked(profile))
            try:
                stored = await self._vault.read(profile)
            except VaultMissing as problem:
                if not still:
                    raise
                return SignedOut(False, False, still=still, unseen=problem.message)
            if _can_be_revoked(stored.login):
                require_writable(self._session.target.read_only.why(profile))
            # The lock goes with what ends the login.
            ending = self._end(stack.pop_all(), profile, stored, still)
            doing = f"signing out of Gumloop{profile_words(profile)[0]}"
            return await self._changes.run(doing, ending, hint=SHOW_STORED)

    async def _end(self, lock: AsyncExitStack, profile: str, stored: StoredGumloop, still: str) -> SignedOut:
        """End the login that was found, at the server and here."""
        async with lock:
            revoked, warning = await self._revoke(stored.login)
            await self._vault.delete(profile)
        with suppress(LoopinError):
            await self._accounts.delete(profile)
        deleted = stored.login is not None or bool(stored.problem)
        if deleted:
            address = stored.login.endpoint.address if stored.login else ""
            await self._log.add(
                Action.LOGOUT, provider=Provider.GUMLOOP, endpoint=address, subject=f"profile {profile}"
            )
        return SignedOut(deleted, revoked, warning=warning, still=still)

    @asynccontextmanager
    async def _locked(self, profile: str) -> AsyncIterator[None]:
        """Hold the lock of the profile's entries, unless locks cannot be made here."""
        async with AsyncExitStack() as stack:
            with suppress(LockUnavailable):
                await stack.enter_async_context(self._lock.hold(lock_name(profile)))
            yield

    async def _revoke(self, login: GumloopLogin | None) -> tuple[bool, str]:
        if login is None or not _can_be_revoked(login):
            return False, ""
        try:
            oauth = await self._load_oauth()
            await oauth.revoke(login.endpoint, login.refresh_token or login.secret)
        except LoopinError as error:
            return False, f"the token could not be revoked and stays valid until it ends: {error.message}"
        return True, ""


def _can_be_revoked(login: GumloopLogin | None) -> bool:
    return login is not None and login.method is not Method.API_KEY


def variable_in_effect(target: GumloopTarget) -> str:
    """Return the variable whose credential is used instead of a stored one; empty for none."""
    if target.access_token is not None:
        return TOKEN
    return KEY if target.api_key is not None and target.user_id else ""

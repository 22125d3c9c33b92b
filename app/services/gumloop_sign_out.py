"""Sign out of Gumloop."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from app.domain.activity import Action
from app.domain.credentials import Method, Provider, profile_words
from app.domain.errors import LockUnavailable, LoopinError, VaultMissing
from app.domain.gumloop import GumloopLogin, GumloopTarget
from app.domain.login import SignedOut
from app.domain.ports import GumloopOAuth, Loader, ProcessLock
from app.domain.read_only import require_writable
from app.services.activity import Trail
from app.services.changes import Changes
from app.services.gumloop_accounts import GumloopMemory
from app.services.gumloop_refresh import lock_name
from app.services.gumloop_session import KEY, TOKEN, GumloopSession
from app.services.gumloop_vault import GumloopVault, StoredGumloop

STORED = "loopin status shows which logins are still stored"
"""The next step after a sign-out whose end is not known."""


class GumloopSignOut:
    """End the stored login: revoke its token at the server that issued it, then forget it here.

    A revocation that fails is told and does not keep the login here. A credential from the environment is
    not ours to end; with one, a machine without a keychain is no failure. In read-only mode a login that
    would be revoked stays: ReadOnly is raised, nothing happens.
    """

    def __init__(
        self,
        session: GumloopSession,
        vault: GumloopVault,
        load_oauth: Loader[GumloopOAuth],
        lock: ProcessLock,
        memory: GumloopMemory,
        trail: Trail,
        changes: Changes,
    ) -> None:
        self._changes = changes
        self._session = session
        self._vault = vault
        self._load_oauth = load_oauth
        self._lock = lock
        self._memory = memory
        self._trail = trail

    async def do(self) -> SignedOut:
        """Sign the profile in use out."""
        return await self._sign_out(self._session.target.profile)

    async def everything(self) -> dict[str, SignedOut]:
        """Sign out every profile that is known here; by its name, what became of it."""
        names = dict.fromkeys((self._session.target.profile, *await self._memory.profiles()))
        return {name: await self._sign_out(name) for name in names}

    async def _sign_out(self, profile: str) -> SignedOut:
        still = still_in_effect(self._session.target)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._locked(profile))
            try:
                found = await self._vault.read(profile)
            except VaultMissing as problem:
                if not still:
                    raise
                return SignedOut(False, False, still=still, unseen=problem.message)
            if _can_be_revoked(found.login):
                require_writable(self._session.target.read_only.why(profile))
            # The lock goes with what ends the login.
            ending = self._end(stack.pop_all(), profile, found, still)
            doing = f"signing out of Gumloop{profile_words(profile)[0]}"
            return await self._changes.run(doing, ending, hint=STORED)

    async def _end(self, lock: AsyncExitStack, profile: str, found: StoredGumloop, still: str) -> SignedOut:
        """End the login that was found, at the server and here."""
        async with lock:
            revoked, warning = await self._revoke(found.login)
            await self._vault.delete(profile)
        # Only what is shown of a profile is in there.
        with suppress(LoopinError):
            await self._memory.forget(profile)
        forgotten = found.login is not None or bool(found.problem)
        if forgotten:
            address = found.login.endpoint.address if found.login else ""
            await self._trail.add(
                Action.LOGOUT, provider=Provider.GUMLOOP, endpoint=address, subject=f"profile {profile}"
            )
        return SignedOut(forgotten, revoked, warning=warning, still=still)

    @asynccontextmanager
    async def _locked(self, profile: str) -> AsyncIterator[None]:
        """Alone with the profile's entries, where that can be: a sign-out does not wait for a folder
        that can be written."""
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


def still_in_effect(target: GumloopTarget) -> str:
    """The variable that signs one in whatever is stored; empty when none does."""
    if target.access_token is not None:
        return TOKEN
    return KEY if target.api_key is not None and target.user_id else ""

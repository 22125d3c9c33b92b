"""Renew a Gumloop session, once across all processes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from app.domain.credentials import Provider, profile_words
from app.domain.errors import LoopinError, NotSignedIn, SessionEnded, VaultError
from app.domain.gumloop import GumloopLogin, GumloopTokens, same_issuer
from app.services.stored_logins import GUMLOOP_SERVICE, GumloopVault, StoredGumloop

if TYPE_CHECKING:
    from app.domain.credentials import Credential
    from app.domain.ports import Clock, GumloopOAuth, Loader, ProcessLock
    from app.domain.secret import Secret
    from app.services.accounts import GumloopAccounts
    from app.services.changes import Changes

REREAD_PAUSES = (0.1, 0.3, 0.6, 1.0)
"""Seconds between two readings of the keychain before a session counts as ended."""


def lock_name(profile: str) -> str:
    """The lock that every change of the profile's keychain entries holds."""
    return f"{GUMLOOP_SERVICE} {profile}"


class GumloopRefresh:
    """Gets new tokens with the refresh token (RFC 6749 §6) and stores them.

    | under the lock, the keychain holds …      | then                                              |
    |-------------------------------------------|---------------------------------------------------|
    | nothing                                   | signed out meanwhile: NotSignedIn                 |
    | another login than the one that ended     | somebody refreshed already: use that one          |
    | the one that ended                        | ask the token endpoint                            |

    | the token endpoint answers …              | then                                              |
    |-------------------------------------------|---------------------------------------------------|
    | new tokens, the keychain as before        | write refresh token, then access token            |
    | new tokens, another login in the keychain | leave the keychain alone and use what it holds    |
    | new tokens, the keychain cannot be written| go on in memory; `problem` has the error          |
    | `invalid_grant`, another login in there   | somebody was faster: use that one                 |
    | `invalid_grant`, the keychain as before   | SessionEnded; nothing is deleted                  |
    | anything else, or nothing                 | that error; nothing is changed                    |
    """

    def __init__(
        self,
        vault: GumloopVault,
        load_oauth: Loader[GumloopOAuth],
        lock: ProcessLock,
        accounts: GumloopAccounts,
        clock: Clock,
        changes: Changes,
    ) -> None:
        self._changes = changes
        self._vault = vault
        self._load_oauth = load_oauth
        self._lock = lock
        self._accounts = accounts
        self._clock = clock
        self._unsaved: dict[str, tuple[Secret, GumloopLogin]] = {}
        self.problem: LoopinError | None = None

    async def read(self, profile: str) -> StoredGumloop:
        """Return what is stored, or the renewed login that could not be stored."""
        stored = await self._vault.read(profile)
        unsaved = self._unsaved.get(profile)
        if unsaved is None:
            return stored
        predecessor, successor = unsaved
        if stored.login is not None and stored.login.secret == predecessor:
            return StoredGumloop(successor)
        del self._unsaved[profile]
        self.problem = None
        return stored

    async def refresh(self, ended: Credential) -> Credential:
        """Return the credential that follows `ended`.

        It can be cancelled while another process holds the lock. Once the token endpoint was asked, its
        answer is stored, whether the caller waits or not.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._lock.hold(lock_name(ended.profile)))
            login = await self._login(ended)
            if login.secret != ended.secret:
                return credential_of(login, ended)
            if login.refresh_token is None:
                raise SessionEnded(
                    "the access token has ended and came without a refresh token",
                    hint=sign_in(ended.profile),
                    provider=Provider.GUMLOOP,
                )
            # The lock goes with the exchange.
            exchange = self._exchange(stack.pop_all(), login, login.refresh_token, ended)
            hint = f"if the next command says that the session has ended, {sign_in(ended.profile)}"
            return await self._changes.run("renewing the Gumloop session", exchange, hint=hint)

    async def _exchange(
        self, lock: AsyncExitStack, login: GumloopLogin, refresh_token: Secret, ended: Credential
    ) -> Credential:
        async with lock:
            try:
                tokens = await (await self._load_oauth()).refresh(login.endpoint, refresh_token)
            except SessionEnded as error:
                return await self._reread(login, ended, error)
            return await self._store(login, tokens, ended)

    async def _login(self, ended: Credential) -> GumloopLogin:
        login = (await self.read(ended.profile)).login
        if login is None:
            raise NotSignedIn("this profile was signed out meanwhile", hint=sign_in(ended.profile))
        if not same_issuer(login.endpoint, ended.endpoint):
            raise NotSignedIn(
                f"the stored login now belongs to {login.endpoint.address}",
                hint="try again, or sign in again",
            )
        return login

    async def _reread(self, used: GumloopLogin, ended: Credential, error: SessionEnded) -> Credential:
        """Return a login that the vendor's command has renewed meanwhile; raise SessionEnded for none.

        That command takes no lock, and writes its tokens some milliseconds after the answer: the keychain is
        read several times.
        """
        for pause in (*REREAD_PAUSES, None):
            login = await self._login(ended)
            if login.secret != used.secret:
                return credential_of(login, ended)
            if pause is not None:
                await self._clock.sleep(pause)
        raise SessionEnded(
            f"the session at {used.endpoint.address} has ended: {error.message}",
            hint=sign_in(ended.profile),
            provider=Provider.GUMLOOP,
        ) from error

    async def _store(self, used: GumloopLogin, tokens: GumloopTokens, ended: Credential) -> Credential:
        profile = ended.profile
        successor = used._replace(
            secret=tokens.access_token, refresh_token=tokens.refresh_token or used.refresh_token
        )
        predecessor = self._unsaved.get(profile, (used.secret, used))[0]
        try:
            current = await self._login(ended)
            if current != used:
                return credential_of(current, ended)
            await self._vault.write_refreshed(profile, tokens)
        except VaultError as problem:
            self._unsaved[profile] = (predecessor, successor)
            self.problem = problem
        else:
            self._unsaved.pop(profile, None)
            self.problem = None
        await self._write_expiry(profile, used.secret, tokens)
        return credential_of(successor, ended)

    async def _write_expiry(self, profile: str, before: Secret, tokens: GumloopTokens) -> None:
        facts = await self._accounts.read(profile, before)
        seconds = tokens.expires_in
        expires_at = self._clock.now() + timedelta(seconds=seconds) if seconds is not None else None
        try:
            await self._accounts.write(profile, tokens.access_token, replace(facts, expires_at=expires_at))
        except LoopinError:
            # Only the time of expiry is lost, and a 401 shows it too.
            return


def credential_of(login: GumloopLogin, like: Credential) -> Credential:
    """The credential of a stored login, with the profile and source of `like`."""
    return replace(
        like,
        method=login.method,
        secret=login.secret,
        endpoint=login.endpoint,
        user_id=login.user_id,
        refresh_token=login.refresh_token,
    )


def sign_in(profile: str) -> str:
    """The next step when nobody is signed in."""
    return f"sign in with: loopin gumloop login{profile_words(profile)[1]}"

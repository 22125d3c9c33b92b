"""Sign out of Chainloop."""

from contextlib import suppress

from app.domain.activity import Action
from app.domain.claims import expiry_of
from app.domain.credentials import Credential, Method, Provider, Source, profile_words
from app.domain.errors import LoopinError, SessionEnded, VaultMissing
from app.domain.login import EndedThere, SignedOut
from app.domain.ports import AccountStore, Clock, Vault
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession
from app.services.chainloop_vault import ChainloopVault
from app.services.changes import Changes
from app.services.gumloop_sign_out import STORED
from app.services.vendor_login import VendorCopies

NOT_EVERYWHERE = (
    "the stored login was over, so no other session and no allowed program was ended:"
    " sign in again, and sign out everywhere with that login"
)


class ChainloopSignOut:
    """End the stored login: at the server where it knows how, and always in the keychain.

    Only the stored login is touched. A credential from a flag or the environment is not ours to end.
    A machine that has one of these, or is a CI job, may well have no keychain: that is no failure there.
    In read-only mode a session that would be ended at the server stays: ReadOnly is raised, nothing happens.
    """

    def __init__(
        self,
        session: ChainloopSession,
        vault: Vault,
        accounts: AccountStore,
        trail: Trail,
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
        self._trail = trail

    async def do(self, *, everywhere: bool = False) -> SignedOut:
        """Sign the profile out; `everywhere` ends all sessions of the person, and programs they allowed."""
        profile = self._session.target.profile
        still = self._session.outside()
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
        if _has_session(credential):
            self._session.check_may_change()
        doing = f"signing out of Chainloop{profile_words(profile)[0]}"
        return await self._changes.run(doing, self._end(credential, everywhere, still), hint=STORED)

    async def _end(self, credential: Credential, everywhere: bool, still: str) -> SignedOut:
        """End the login, at the server and here."""
        profile = credential.profile
        copy_in = await self._copies.copy_of(credential) if self._copies else ""
        ended, was_over, warning = await self._end_session(credential, everywhere)
        await self._vault.delete(profile)
        with suppress(LoopinError):
            await self._accounts.forget(Provider.CHAINLOOP.value, profile)
        address = credential.endpoint.address
        await self._trail.add(Action.LOGOUT, endpoint=address, subject=f"profile {profile}")
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
        """What ended now, whether the session was over already, and why the server was not told."""
        if not _has_session(credential):
            return None, False, ""
        try:
            return await self._session.end_session(credential, everywhere=everywhere), False, ""
        except SessionEnded:
            return None, True, NOT_EVERYWHERE if everywhere else ""
        except LoopinError as error:
            return None, False, f"the server could not be told: {error.message}"


def _has_session(credential: Credential) -> bool:
    """True for a person's login; an API token outlives every sign-out."""
    return credential.method is Method.BROWSER

"""Take over the login of Chainloop's own command line into the keychain."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import replace

from app.domain.credentials import Endpoint, Method
from app.domain.errors import (
    LoginFailed,
    LoopinError,
    OrganizationLost,
    PermissionDenied,
    SessionEnded,
    UsageError,
)
from app.domain.login import LoginStep, SignedIn, Step
from app.domain.ports import Clock
from app.domain.request_context import OrganizationRef
from app.domain.secret import Secret
from app.domain.times import iso
from app.domain.vendor_login import VendorLogin, VendorLogins
from app.services.chainloop_session import ChainloopSession
from app.services.login.chainloop import Accepted, ChainloopSaver
from app.services.login.progress import Progress, told
from app.services.login.storing import Earlier
from app.services.stored_logins import StoredLogin

_SIGN_IN = "sign in with: loopin chainloop auth login"


class ChainloopImportSaver(ChainloopSaver):
    """Stores a login that was taken over as any other, and remembers the file that has a copy of it."""

    _login: VendorLogin

    def take(self, login: VendorLogin, endpoint: Endpoint) -> None:
        """Sign in with `login`, at its own server and no other."""
        self._login, self._chosen = login, endpoint

    async def stored(self) -> Earlier[StoredLogin] | None:
        """The login of the profile, where it is this one already."""
        earlier = await self.earlier()
        if earlier is None or earlier.login.secret != self._login.secret:
            return None
        return earlier if earlier.login.endpoint.same_origin(self.endpoint) else None

    async def _verify(self, new: Secret) -> Accepted:
        try:
            known = await super()._verify(new)
        except LoginFailed as error:
            if not isinstance(refusal := error.__cause__, SessionEnded):
                raise
            # The credential of a sign-in counts as given by a flag, and nobody gave this one.
            why = refusal.message.replace("--token ", "it ", 1)
            words = f"{self.endpoint.address} does not accept the login in {self._login.path}: {why}"
            raise LoginFailed(words, hint=_SIGN_IN) from refusal
        return await self._in_vendors(known)

    async def _in_vendors(self, known: Accepted) -> Accepted:
        """Keep the organization of the vendor's file, unless the profile of the same person has one."""
        name = self._login.organization
        if known.credential.method is not Method.BROWSER or not name or known.organization.name == name:
            return known
        if (await self._kept(known.identity)).name:
            return known
        if known.problem and self._session.target.organization == name:
            # It was asked for already: --config names the file for the whole run.
            return known
        try:
            there = await self._session.ask(known.credential, OrganizationRef(name))
        except (OrganizationLost, PermissionDenied) as error:
            why = f"{error.message} ({self._login.path})"
            return replace(known, problem=f"{known.problem}; {why}" if known.problem else why)
        # An organization that is named for this run stays the one of this run.
        identity = known.identity if self._session.target.organization else there
        return replace(known, identity=identity, organization=there.organization_ref)

    async def _name(self, known: Accepted) -> None:
        await super()._name(known)
        with suppress(LoopinError):
            await self._session.accounts.store_copy(self.profile, self._login.path)

    def _result(self, new: Secret, known: Accepted, label: str) -> SignedIn:
        result = super()._result(new, known, label)
        if not self._login.exposed:
            return replace(result, copy_in=self._login.path)
        exposed = f"others can read the copy: chmod go= {self._login.path}"
        problem = f"{result.problem}; {exposed}" if result.problem else exposed
        return replace(result, copy_in=self._login.path, problem=problem)


class ChainloopImportLogin:
    """Login found in the file → keychain ready → verified with Context.Current → saved.

    The token is sent to the server that its file names, and to no other. The file is never changed, and what
    fails leaves the keychain as it was.
    """

    def __init__(
        self, saver: ChainloopImportSaver, session: ChainloopSession, logins: VendorLogins, clock: Clock
    ) -> None:
        self._saver = saver
        self._session = session
        self._logins = logins
        self._clock = clock

    def do(self, path: str = "") -> AsyncGenerator[LoginStep, None]:
        """Take over the login in the file `path`, empty for the vendor's usual one."""
        progress = Progress(self._clock)
        return told(lambda: self._steps(path, progress), progress)

    async def _steps(self, path: str, progress: Progress) -> AsyncIterator[LoginStep]:
        yield progress.start(Step.FOUND)
        login = await asyncio.to_thread(self._logins.read, path)
        self._saver.take(login, self._endpoint(login))
        yield progress.done(f"in {login.path}")
        async for step in self._saver.keychain(progress):
            yield step
        yield progress.start(Step.VERIFIED)
        if await self._saver.stored() is not None:
            raise LoginFailed(
                f"the login in {login.path} is the one of profile {self._saver.profile} already",
                hint="nothing is to be done; loopin status shows it",
            )
        async for step in self._saver.finish(login.secret, progress):
            yield step

    def _endpoint(self, login: VendorLogin) -> Endpoint:
        """The server that the file names; raise UsageError or LoginFailed before anything is sent."""
        target = self._session.target
        if login.endpoint is None:
            raise UsageError(
                f"{login.path} does not name the server of its login: {login.problem}; nothing was sent",
                hint="correct it with: chainloop config save --control-plane HOST:PORT",
            )
        if login.expires_at is not None and login.expires_at <= self._clock.now():
            raise LoginFailed(f"the login in {login.path} ended {iso(login.expires_at)}", hint=_SIGN_IN)
        insecure = target.default.insecure or login.endpoint.insecure
        named = target.endpoint or replace(target.default, address=login.endpoint.address, insecure=insecure)
        if not named.same_origin(login.endpoint):
            raise UsageError(
                f"the login in {login.path} is of {_spelt(login.endpoint)}, "
                f"and this run names {_spelt(named)}: nothing was sent",
                hint="leave the address out, or name that one: --control-plane, CHAINLOOP_CONTROL_PLANE_API, "
                "--insecure, config.toml",
            )
        # An authority named for this run says whom to trust, not where to go.
        return replace(login.endpoint, ca=named.ca or login.endpoint.ca)


def _spelt(endpoint: Endpoint) -> str:
    return f"{endpoint.address} {'in plain text' if endpoint.insecure else 'over TLS'}"

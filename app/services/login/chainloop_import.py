"""Import the login of Chainloop's own command line into the keychain."""

import asyncio
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
from app.domain.login import SignedIn, Step
from app.domain.ports import Clock, Vault
from app.domain.request_context import OrganizationRef
from app.domain.times import iso
from app.domain.vendor_login import VendorLogin, VendorLogins
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.changes import Changes
from app.services.login.chainloop import Accepted, ChainloopLoginStore, NewLogin
from app.services.login.progress import Progress, Report

_SIGN_IN = "sign in with: loopin chainloop auth login"


class ChainloopImport(ChainloopLoginStore):
    """Verifies the login in the vendor's file, and stores it with the path of the file; used once.

    The token is sent to the server that its file names, and to no other. The file is never changed, and a
    failure leaves the keychain as it was.
    """

    _imported: VendorLogin

    def __init__(
        self,
        session: ChainloopSession,
        vault: Vault,
        log: ActivityLog,
        changes: Changes,
        clock: Clock,
        logins: VendorLogins,
    ) -> None:
        super().__init__(session, vault, log, changes, clock)
        self._logins = logins

    async def import_login(self, path: str, report: Report) -> SignedIn:
        """Login found → keychain ready → verified → saved; `path` empty is the vendor's usual file."""
        progress = Progress(self._clock, report)
        with progress.report_failure():
            progress.start(Step.FOUND)
            self._imported = await asyncio.to_thread(self._logins.read, path)
            self._chosen = self._endpoint(self._imported)
            progress.done(f"in {self._imported.path}")
            endpoint = await self.prepare(progress)
            progress.start(Step.VERIFIED)
            if await self._is_stored(endpoint):
                raise LoginFailed(
                    f"the login in {self._imported.path} is the one of profile {self.profile} already",
                    hint="nothing is to be done; loopin status shows it",
                )
            new = NewLogin(self._imported.secret, endpoint)
            return progress.finish(await self.verify_and_save(new, progress))

    async def _is_stored(self, endpoint: Endpoint) -> bool:
        earlier = await self.earlier()
        if earlier is None or earlier.login.secret != self._imported.secret:
            return False
        return earlier.login.endpoint.same_origin(endpoint)

    async def _verify(self, new: NewLogin) -> Accepted:
        try:
            known = await super()._verify(new)
        except LoginFailed as error:
            if not isinstance(refusal := error.__cause__, SessionEnded):
                raise
            # The credential of a sign-in counts as given by a flag, and nobody gave this one.
            why = refusal.message.replace("--token ", "it ", 1)
            message = f"{new.endpoint.address} does not accept the login in {self._imported.path}: {why}"
            raise LoginFailed(message, hint=_SIGN_IN) from refusal
        return await self._in_file_organization(known)

    async def _in_file_organization(self, known: Accepted) -> Accepted:
        """Use the organization of the vendor's file, unless the profile of the same person has one."""
        name = self._imported.organization
        if known.credential.method is not Method.BROWSER or not name or known.organization.name == name:
            return known
        if (await self._stored_organization(known.credential, known.identity)).name:
            return known
        if known.problem and self._session.target.organization == name:
            # It was asked for already: --config names the file for the whole run.
            return known
        try:
            there = await self._session.identify_in(known.credential, OrganizationRef(name))
        except (OrganizationLost, PermissionDenied) as error:
            why = f"{error.message} ({self._imported.path})"
            return replace(known, problem=f"{known.problem}; {why}" if known.problem else why)
        # An organization that is named for this run stays the one of this run.
        identity = known.identity if self._session.target.organization else there
        return replace(known, identity=identity, organization=there.organization_ref)

    async def _write_account(self, known: Accepted) -> None:
        await super()._write_account(known)
        with suppress(LoopinError):
            await self._session.accounts.store_copy(self.profile, self._imported.path)

    def _result(self, new: NewLogin, known: Accepted, label: str) -> SignedIn:
        result = super()._result(new, known, label)
        if not self._imported.exposed:
            return replace(result, copy_in=self._imported.path)
        exposed = f"others can read the copy: chmod go= {self._imported.path}"
        problem = f"{result.problem}; {exposed}" if result.problem else exposed
        return replace(result, copy_in=self._imported.path, problem=problem)

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
                f"the login in {login.path} is of {_format(login.endpoint)}, "
                f"and this run names {_format(named)}: nothing was sent",
                hint="leave the address out, or name that one: --control-plane, CHAINLOOP_CONTROL_PLANE_API, "
                "--insecure, config.toml",
            )
        # An authority named for this run says whom to trust, not where to go.
        return replace(login.endpoint, ca=named.ca or login.endpoint.ca)


def _format(endpoint: Endpoint) -> str:
    return f"{endpoint.address} {'in plain text' if endpoint.insecure else 'over TLS'}"

"""Sign in to Chainloop as the CI job around us, for this run."""

from collections.abc import AsyncIterator

from app.domain.activity import Action
from app.domain.credentials import Credential, Endpoint, Method, Provider, Source
from app.domain.errors import LoginFailed, NotSignedIn, Refused, SessionEnded
from app.domain.keyless import NOT_STORED, CIIdentities, CIToken
from app.domain.login import LoginStep, SignedIn, Step, StepState
from app.domain.organizations import Identity
from app.domain.ports import Clock
from app.domain.server_info import KEYLESS
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.login.progress import Progress, told


class ChainloopKeylessLogin:
    """CI job found → verified with its issuer, and with the control plane where that can be asked.

    Nothing is stored, and no keychain is needed. A control plane that is not ours accepts a CI identity
    for attestations only and may refuse to say who we are; that is told, and is no failure.
    """

    def __init__(self, session: ChainloopSession, ci: CIIdentities, log: ActivityLog, clock: Clock) -> None:
        self._session = session
        self._ci = ci
        self._log = log
        self._clock = clock

    def do(self) -> AsyncIterator[LoginStep]:
        """Sign in for this run."""
        progress = Progress(self._clock)
        return told(lambda: self._steps(progress), progress)

    async def _steps(self, progress: Progress) -> AsyncIterator[LoginStep]:
        found = self._ci.look()
        yield progress.start(Step.SERVER, found.system.title if found.system else "")
        if found.system is None or found.why_not:
            raise LoginFailed(f"there is no CI identity here: {found.why_not}", hint=found.fix)
        yield progress.done(f"{found.system.title}, {found.label}")
        yield progress.start(Step.VERIFIED)
        token = await self._ci.token()
        endpoint = await self._session.sign_in_endpoint()
        identity, note = await self._ask(token, endpoint)
        yield progress.done(f"{token.identity.project} · {note}")
        result = self._result(token, identity, endpoint)
        await self._log.add(
            Action.LOGIN, identity=identity, endpoint=result.endpoint, subject=result.identity, detail=note
        )
        yield LoginStep(Step.SAVED, StepState.SKIPPED, NOT_STORED, result=result)

    async def _ask(self, token: CIToken, endpoint: Endpoint) -> tuple[Identity | None, str]:
        credential = Credential(Provider.CHAINLOOP, Method.KEYLESS, token.secret, Source.CI, endpoint)
        try:
            identity = await self._session.identity(credential)
        except (Refused, NotSignedIn) as error:
            if KEYLESS in (await (await self._session.gateway(credential)).server_info()).capabilities:
                says = "" if isinstance(error, SessionEnded) else " does not accept this job"
                raise LoginFailed(
                    f"{endpoint.address}{says}: {error.message}",
                    hint="an administrator of the organization adds the CI system as a trusted issuer",
                ) from error
            return None, f"{endpoint.address} does not show its context to CI identities"
        return identity, identity.organization or "no organization"

    def _result(self, token: CIToken, identity: Identity | None, endpoint: Endpoint) -> SignedIn:
        return SignedIn(
            Provider.CHAINLOOP,
            self._session.target.profile,
            Method.KEYLESS,
            token.identity.project,
            identity.organization if identity else self._session.target.organization,
            "",
            endpoint.address,
            token.identity.expires_at,
            "",
        )

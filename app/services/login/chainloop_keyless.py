"""The identity of the CI job that this process runs in: show it, and sign in to Chainloop with it."""

from dataclasses import dataclass

from app.domain.activity import Action
from app.domain.credentials import Credential, Endpoint, Method, Provider, Source
from app.domain.errors import LoginFailed, LoopinError, NotSignedIn, Refused, SessionEnded
from app.domain.keyless import NOT_STORED, Availability, CIIdentities, CIIdentity, CIToken
from app.domain.login import LoginStep, SignedIn, Step, StepState
from app.domain.organizations import Identity
from app.domain.ports import Clock
from app.domain.server_info import KEYLESS
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.login.progress import Progress, Report


@dataclass(frozen=True, slots=True)
class Inspection:
    """A verified identity, or the error that says why there is none."""

    availability: Availability
    identity: CIIdentity | None
    error: LoopinError | None = None


class KeylessSignIn:
    """CI job found → verified with its issuer, and with the control plane where that can be asked.

    Nothing is stored, and no keychain is needed. A stock control plane accepts a CI identity for attestations
    only and may refuse to say who it is: the result says so, and it is no failure.
    """

    def __init__(self, session: ChainloopSession, ci: CIIdentities, log: ActivityLog, clock: Clock) -> None:
        self._session = session
        self._ci = ci
        self._log = log
        self._clock = clock

    async def inspect_identity(self) -> Inspection:
        """Verify the token of the job, without the control plane. Errors are returned, not raised."""
        availability = self._ci.availability()
        try:
            return Inspection(availability, (await self._ci.token()).identity)
        except LoopinError as error:
            return Inspection(availability, None, error)

    async def sign_in(self, report: Report) -> SignedIn:
        """Sign in for this run."""
        progress = Progress(self._clock, report)
        with progress.report_failure():
            ci = self._ci.availability()
            progress.start(Step.SERVER, ci.system.title if ci.system else "")
            if ci.system is None or ci.why_not:
                raise LoginFailed(f"there is no CI identity here: {ci.why_not}", hint=ci.fix)
            progress.done(f"{ci.system.title}, {ci.label}")
            progress.start(Step.VERIFIED)
            token = await self._ci.token()
            endpoint = await self._session.sign_in_endpoint()
            identity, note = await self._identify(token, endpoint)
            progress.done(f"{token.identity.project} · {note}")
            result = self._result(token, identity, endpoint)
            await self._log.add(
                Action.LOGIN,
                identity=identity,
                endpoint=result.endpoint,
                subject=result.identity,
                detail=note,
            )
            progress.report(LoginStep(Step.SAVED, StepState.SKIPPED, NOT_STORED, result=result))
            return result

    async def _identify(self, token: CIToken, endpoint: Endpoint) -> tuple[Identity | None, str]:
        credential = Credential(Provider.CHAINLOOP, Method.KEYLESS, token.secret, Source.CI, endpoint)
        try:
            identity = await self._session.identity(credential)
        except (Refused, NotSignedIn) as error:
            if KEYLESS in (await (await self._session.open_gateway(credential)).server_info()).capabilities:
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

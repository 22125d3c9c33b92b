"""From a CI system's token to the organization that trusts the job."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from joserfc.util import urlsafe_b64decode
from sqlalchemy import select

from app.domain import names
from app.domain.errors import LoopinError, TokenRejected, Unreachable
from app.domain.event_loop import run_to_end
from app.domain.json_text import read_json
from app.domain.keyless import repository_of
from app.domain.loopback import is_loopback_host
from app.domain.secret import Secret
from app.domain.text import clean
from app.oidc.fetch import Fetcher
from app.oidc.url_policy import server_reach
from app.oidc.verifier import Verifier
from app.oidc.verify import outline
from app.server import log
from app.server.clock import Clock
from app.server.core import issuer_rules
from app.server.core.principals import FederatedActor
from app.server.limits import Limit
from app.server.persistence.engine import Database
from app.server.persistence.issuer_models import TrustedIssuer
from app.server.persistence.models import Organization, Project
from app.server.settings import ServerSettings

# How many threads may verify at once, and for how many seconds the next one waits.
AT_ONCE, PATIENCE = 8, 1.0
RunBlocking = Callable[..., Awaitable[Any]]
"""Runs a function that blocks, with its arguments."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One trusted issuer with the names that go with it."""

    issuer: TrustedIssuer
    organization: str
    project: str | None


def is_foreign(bearer: str) -> bool:
    """True when a bearer says that it is signed in another way than this server signs; only a hint."""
    try:
        header = read_json(urlsafe_b64decode(bearer.partition(".")[0][:4096].encode("ascii")))
    except ValueError:
        return False
    return isinstance(header, dict) and isinstance(header.get("alg"), str) and header["alg"] != "HS256"


class VerifyFederated:
    """Verify a federated token, and find the organization that trusts the job.

    `organization` empty means: the only one that does. Raises TokenRejected, or Unreachable while the
    issuer's keys cannot be read. Only issuers in the table are ever asked for keys.
    """

    def __init__(self, database: Database, settings: ServerSettings, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._threads = Limit(AT_ONCE, PATIENCE, _busy)
        development = is_development(settings)
        self._verifiers = {
            private: Verifier(Fetcher(server_reach(development=development, private=private)))
            for private in (False, True)
        }

    async def verify(
        self, token: Secret, organization: str, address: str = "", *, run: RunBlocking
    ) -> FederatedActor:
        """Who the job is, for one call. The database is read by `run`, the issuer on the event loop."""
        issuer = outline(token).issuer
        # Nobody vouched for either text yet, and a database does not take every one.
        nameable = issuer.isascii() and issuer.isprintable() and not names.problem(organization or "any")
        found = await run(self._rules, issuer, organization) if nameable else []
        if not found:
            raise _untrusted(issuer, organization)
        claims = await self._claims(token, issuer, found)
        rule = _chosen(found, claims)
        who = repository_of(claims)
        log.event("federation.accepted", issuer=issuer, job=clean(who, 320), organization=rule.organization)
        return FederatedActor(
            issuer=issuer,
            subject=str(claims.get("sub", ""))[:320],
            repository=who,
            organization_id=rule.issuer.organization_id,
            organization_name=rule.organization,
            project_id=rule.issuer.project_id,
            project_name=rule.project or "",
            address=address,
        )

    def verify_blocking(self, token: Secret, organization: str) -> FederatedActor:
        """The same in this thread, for AT_ONCE of them: an issuer that does not answer must not hold all."""
        with self._threads.hold():
            return run_to_end(self.verify(token, organization, run=_run_here))

    def _rules(self, issuer: str, organization: str) -> list[_Rule]:
        query = (
            select(TrustedIssuer, Organization.name, Project.name)
            .join(Organization, Organization.id == TrustedIssuer.organization_id)
            .outerjoin(Project, Project.id == TrustedIssuer.project_id)
            .where(TrustedIssuer.url == issuer)
            .order_by(TrustedIssuer.created_at, TrustedIssuer.id)
        )
        if organization:
            query = query.where(Organization.name == organization)
        with self._database.read() as session:
            return [_Rule(*row) for row in session.execute(query)]

    async def _claims(self, token: Secret, issuer: str, found: Sequence[_Rule]) -> Mapping[str, Any]:
        verifier = self._verifiers[any(rule.issuer.allow_private for rule in found)]
        audiences = {rule.issuer.audience for rule in found}
        try:
            return await verifier.verify(token, issuer, audiences, now=self._clock())
        except TokenRejected:
            raise
        except LoopinError as error:
            log.event("federation.issuer_trouble", issuer=issuer, reason=error.message)
            raise Unreachable(f"the keys of the issuer cannot be read: {error.message}") from error


async def _run_here(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


def _busy() -> Unreachable:
    return Unreachable("many CI tokens are being verified at this moment", hint="try again in a moment")


def _untrusted(issuer: str, organization: str) -> TokenRejected:
    # The same for an organization that does not exist: who asks learns nothing about others.
    who = f"organization {clean(organization, 80)} does not trust" if organization else "nobody here trusts"
    return TokenRejected(f"{who} the issuer {clean(issuer, 120)}", code="unknown_issuer")


def is_development(settings: ServerSettings) -> bool:
    """True for a server that only this machine can reach: there, issuers may be on it as well."""
    host = urlsplit(settings.public_url).hostname or settings.host
    return is_loopback_host(settings.host) and is_loopback_host(host)


def _chosen(found: Sequence[_Rule], claims: Mapping[str, Any]) -> _Rule:
    audience = claims["aud"]
    meant = [
        rule
        for rule in found
        if rule.issuer.audience in ([audience] if isinstance(audience, str) else audience)
    ]
    fitting = [rule for rule in meant if not issuer_rules.mismatch(rule.issuer.claims, claims)]
    if not fitting:
        name = issuer_rules.mismatch(meant[0].issuer.claims, claims)
        said = clean(str(claims.get(name, "nothing")), 80)
        raise TokenRejected(
            f"the issuer is trusted, this job is not: its {clean(name, 60)} is {said}", code="wrong_claims"
        )
    organizations: set[UUID] = {rule.issuer.organization_id for rule in fitting}
    if len(organizations) > 1:
        raise TokenRejected("several organizations trust this job: name one of them", code="ambiguous")
    # What holds for the organization includes its projects.
    return next((rule for rule in fitting if rule.issuer.project_id is None), fitting[0])

"""CI systems that organizations trust: the operator's list, and the verification of their jobs' tokens."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from joserfc.util import urlsafe_b64decode
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain import names
from app.domain.errors import (
    AlreadyExists,
    InvalidInput,
    LoopinError,
    NotFound,
    TokenRejected,
    Unreachable,
    UsageError,
)
from app.domain.event_loop import run_to_end
from app.domain.json_text import read_json
from app.domain.keyless import repository_of
from app.domain.loopback import is_loopback_host
from app.domain.secret import Secret
from app.domain.text import clean
from app.oidc.http import Fetcher
from app.oidc.url_policy import check_url, server_policy
from app.oidc.verifier import Verifier, inspect_token
from app.server import log
from app.server.clock import Clock, utc_now
from app.server.core import audit
from app.server.core.organizations import find_organization
from app.server.core.principals import JobPrincipal
from app.server.limits import Limit
from app.server.persistence.engine import Database
from app.server.persistence.models import Organization, Project, TrustedIssuer
from app.server.settings import ServerSettings

ISSUER_ADD, ISSUER_REMOVE = "issuer.add", "issuer.remove"
MAX_URL, MAX_AUDIENCE = 500, 255
MAX_CONDITIONS, MAX_PATTERN = 20, 500
# How many threads may verify at once, and for how many seconds the next one waits.
MAX_VERIFYING, PATIENCE = 8, 1.0
_CLAIM_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")
RunBlocking = Callable[..., Awaitable[Any]]
"""Runs a function that blocks, with its arguments."""


@dataclass(frozen=True, slots=True)
class NewIssuer:
    """An issuer to trust; `claims` are patterns by claim name, `project` empty means the organization."""

    organization: str
    url: str
    audience: str
    claims: Mapping[str, str]
    project: str = ""
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class IssuerDetails:
    """A trusted issuer with the names of its organization and project; `project` is empty without one."""

    issuer: TrustedIssuer
    organization: str
    project: str


class TrustedIssuers:
    """Changes are used by running servers at once."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def add_issuer(self, by: audit.Actor, new: NewIssuer) -> IssuerDetails:
        """Trust jobs of a CI system.

        Raises UsageError for an address that is none, NotFound for the organization or project, and
        AlreadyExists.
        """
        _check_issuer(new)
        with self._database.write() as session:
            organization, now = find_organization(session, new.organization), self._clock()
            project = _find_project(session, organization.id, new.project) if new.project else None
            row = TrustedIssuer(
                organization_id=organization.id,
                project_id=project.id if project else None,
                url=new.url,
                audience=new.audience,
                claims=dict(new.claims),
                allow_private=new.allow_private,
                created_at=now,
            )
            _refuse_duplicate(session, row)
            session.add(row)
            session.flush()
            event = audit.Event(ISSUER_ADD, organization.id, row.id, row.url[:320], {"claims": row.claims})
            audit.record(session, by, now, event)
            return IssuerDetails(row, organization.name, project.name if project else "")

    def list_issuers(self, organization: str = "") -> Sequence[IssuerDetails]:
        """Every trusted issuer, oldest first, of one organization or of all. Raises NotFound."""
        query = _select_issuers()
        with self._database.read() as session:
            if organization:
                owner = find_organization(session, organization, lock=False)
                query = query.where(Organization.id == owner.id)
            return [IssuerDetails(row, name, project or "") for row, name, project in session.execute(query)]

    def remove_issuer(self, by: audit.Actor, issuer_id: str) -> None:
        """Trust it no longer, from the next call on. Raises InvalidInput, NotFound."""
        try:
            id = UUID(issuer_id)
        except ValueError:
            raise InvalidInput(
                f"{issuer_id[:80]!r} is not an id", hint="see loopin server issuer list"
            ) from None
        with self._database.write() as session:
            row = session.scalar(select(TrustedIssuer).where(TrustedIssuer.id == id).with_for_update())
            if row is None:
                raise NotFound("there is no trusted issuer of that id", hint="see loopin server issuer list")
            event = audit.Event(ISSUER_REMOVE, row.organization_id, row.id, row.url[:320])
            audit.record(session, by, self._clock(), event)
            session.delete(row)


class JobVerifier:
    """Verifies a federated token, and finds the organization that trusts the job.

    Only issuers in the table are ever asked for keys.
    """

    def __init__(self, database: Database, settings: ServerSettings, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._threads = Limit(MAX_VERIFYING, PATIENCE, _busy)
        development = is_development(settings)
        self._verifiers = {
            private: Verifier(Fetcher(server_policy(development=development, private=private)))
            for private in (False, True)
        }

    async def verify(
        self, token: Secret, organization: str, address: str = "", *, run: RunBlocking
    ) -> JobPrincipal:
        """Who the job is, for one call. The database is read by `run`, the issuer on the event loop.

        `organization` empty means: the only one that trusts the job. Raises TokenRejected, or Unreachable
        while the issuer's keys cannot be read.
        """
        url = inspect_token(token).issuer
        # Nobody vouched for either text yet, and a database does not accept every one.
        is_plain = url.isascii() and url.isprintable() and not names.problem(organization or "any")
        issuers = await run(self._read_issuers, url, organization) if is_plain else []
        if not issuers:
            raise _untrusted(url, organization)
        claims = await self._verify_claims(token, url, issuers)
        match = _select_match(issuers, claims)
        repository = repository_of(claims)
        log.event(
            "federation.accepted", issuer=url, job=clean(repository, 320), organization=match.organization
        )
        return JobPrincipal(
            issuer=url,
            subject=str(claims.get("sub", ""))[:320],
            repository=repository,
            organization_id=match.issuer.organization_id,
            organization_name=match.organization,
            project_id=match.issuer.project_id,
            project_name=match.project,
            address=address,
        )

    def verify_blocking(self, token: Secret, organization: str) -> JobPrincipal:
        """The same in this thread, for MAX_VERIFYING of them.

        An issuer that does not answer must not occupy all threads.
        """
        with self._threads.hold():
            return run_to_end(self.verify(token, organization, run=_run_here))

    def _read_issuers(self, url: str, organization: str) -> Sequence[IssuerDetails]:
        query = _select_issuers().where(TrustedIssuer.url == url)
        if organization:
            query = query.where(Organization.name == organization)
        with self._database.read() as session:
            return [IssuerDetails(row, name, project or "") for row, name, project in session.execute(query)]

    async def _verify_claims(
        self, token: Secret, url: str, issuers: Sequence[IssuerDetails]
    ) -> Mapping[str, Any]:
        verifier = self._verifiers[any(details.issuer.allow_private for details in issuers)]
        audiences = {details.issuer.audience for details in issuers}
        try:
            return await verifier.verify(token, url, audiences, now=self._clock())
        except TokenRejected:
            raise
        except LoopinError as error:
            log.event("federation.issuer_trouble", issuer=url, reason=error.message)
            raise Unreachable(f"the keys of the issuer cannot be read: {error.message}") from error


def parse_conditions(conditions: Iterable[str]) -> dict[str, str]:
    """Read `name=pattern` conditions on claims; in a pattern `*` stands for any text, also an empty one.

    Raise UsageError for none at all: without a condition every project of the CI system would be trusted.
    """
    patterns: dict[str, str] = {}
    for condition in conditions:
        name, equals, pattern = condition.partition("=")
        if not equals or not _CLAIM_NAME.fullmatch(name) or not 0 < len(pattern) <= MAX_PATTERN:
            raise UsageError(f"{condition[:80]!r} is no condition", hint="write it like project_path=acme/*")
        if name in patterns:
            raise UsageError(f"there are two conditions for {name}", hint="add the issuer once for each")
        patterns[name] = pattern
    if not 0 < len(patterns) <= MAX_CONDITIONS:
        raise UsageError(
            "every project of that CI system would be trusted"
            if not patterns
            else f"over {MAX_CONDITIONS} conditions",
            hint="name yours, for example --claim project_path=acme/*",
        )
    return patterns


def find_mismatch(patterns: Mapping[str, str], claims: Mapping[str, Any]) -> str:
    """Return the name of the first claim that does not fit; empty when all do. Case counts."""
    return next((name for name, pattern in patterns.items() if not _fits(pattern, claims.get(name))), "")


def is_foreign(bearer: str) -> bool:
    """True when a bearer says that it is signed in another way than this server signs; only a hint."""
    try:
        header = read_json(urlsafe_b64decode(bearer.partition(".")[0][:4096].encode("ascii")))
    except ValueError:
        return False
    return isinstance(header, dict) and isinstance(header.get("alg"), str) and header["alg"] != "HS256"


def is_development(settings: ServerSettings) -> bool:
    """True for a server that only this machine can reach: there, issuers may be on it as well."""
    host = urlsplit(settings.public_url).hostname or settings.host
    return is_loopback_host(settings.host) and is_loopback_host(host)


def _check_issuer(new: NewIssuer) -> None:
    # Whether http on this machine may be asked is decided again, by the server that asks.
    check_url(new.url, server_policy(development=True))
    if len(new.url) > MAX_URL or "?" in new.url:
        raise UsageError("an issuer's address is short and has no query", hint="like https://gitlab.example")
    if not 0 < len(new.audience) <= MAX_AUDIENCE:
        raise UsageError("the audience is empty or too long", hint="the usual one is chainloop")


def _find_project(session: Session, organization_id: UUID, name: str) -> Project:
    query = select(Project).where(Project.organization_id == organization_id, Project.name == name)
    row = session.scalar(query)
    if row is None:
        raise NotFound(f"there is no project {name[:80]!r} in that organization")
    return row


def _refuse_duplicate(session: Session, new: TrustedIssuer) -> None:
    query = select(TrustedIssuer).where(
        TrustedIssuer.organization_id == new.organization_id, TrustedIssuer.url == new.url
    )
    for row in session.scalars(query):
        if (row.audience, row.claims, row.project_id) == (new.audience, new.claims, new.project_id):
            raise AlreadyExists("that issuer is trusted already, with the same conditions")


def _select_issuers() -> Select[TrustedIssuer, str, str | None]:
    query: Select[Any, Any, Any] = (
        select(TrustedIssuer, Organization.name, Project.name)
        .join(Organization, Organization.id == TrustedIssuer.organization_id)
        .outerjoin(Project, Project.id == TrustedIssuer.project_id)
        .order_by(TrustedIssuer.created_at, TrustedIssuer.id)
    )
    return query


def _select_match(issuers: Sequence[IssuerDetails], claims: Mapping[str, Any]) -> IssuerDetails:
    audience = claims["aud"]
    audiences = [audience] if isinstance(audience, str) else audience
    addressed = [details for details in issuers if details.issuer.audience in audiences]
    matches = [details for details in addressed if not find_mismatch(details.issuer.claims, claims)]
    if not matches:
        name = find_mismatch(addressed[0].issuer.claims, claims)
        value = clean(str(claims.get(name, "nothing")), 80)
        raise TokenRejected(
            f"the issuer is trusted, this job is not: its {clean(name, 60)} is {value}", code="wrong_claims"
        )
    if len({details.issuer.organization_id for details in matches}) > 1:
        raise TokenRejected("several organizations trust this job: name one of them", code="ambiguous")
    # What holds for the organization includes its projects.
    return next((details for details in matches if details.issuer.project_id is None), matches[0])


def _fits(pattern: str, value: object) -> bool:
    # fnmatch matches many stars without backtracking for ever; its other wildcards are made literal.
    return isinstance(value, str) and fnmatchcase(value, re.sub(r"([?\[])", r"[\1]", pattern))


def _untrusted(url: str, organization: str) -> TokenRejected:
    # The same for an organization that does not exist: who asks learns nothing about others.
    who = f"organization {clean(organization, 80)} does not trust" if organization else "nobody here trusts"
    return TokenRejected(f"{who} the issuer {clean(url, 120)}", code="unknown_issuer")


def _busy() -> Unreachable:
    return Unreachable("many CI tokens are being verified at this moment", hint="try again in a moment")


async def _run_here(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)

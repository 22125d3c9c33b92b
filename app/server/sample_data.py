"""Sample data that tells a story, placed relative to now. Every secret in it looks like what it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import permissions
from app.domain.organizations import ProjectRole, Role
from app.server.core.services import Services
from app.server.core.token_signing import APITokenClaims
from app.server.persistence.models import APIToken, Membership, Organization, Project, ProjectMembership, User

PASSWORD = "demo-password-not-real"
ORGANIZATION, OTHER_ORGANIZATION = "acme", "globex"
OWNER, VIEWER, OUTSIDER = "ada@acme.example", "vera@acme.example", "gus@globex.example"
# A member who manages the tokens of one project and sees no others.
MEMBER, MEMBER_PROJECT = "mia@acme.example", "ml"
THRESHOLD = 90
DEMO_TOKEN = "loopin-demo"
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One token; `created`, `used` and `revoked` lie that far back, `expires` that far ahead.

    `parent` is the name of the token that created it.
    """

    name: str
    description: str
    created: timedelta
    used: timedelta | None = None
    project: str = ""
    expires: timedelta | None = None
    revoked: timedelta | None = None
    parent: str = ""


_NEVER_USED = (
    Sample("ci-docs", "GitLab, group docs, variable CHAINLOOP_TOKEN", 9 * _DAY, project="web"),
    Sample("ci-mobile", "Bitrise, app mobile, secret CHAINLOOP_TOKEN", 31 * _DAY, project="web"),
    Sample("ml-notebook", "Jupyter hub, shared environment", 58 * _DAY, project="ml"),
    Sample("audit-export", "Quarterly export for the auditors", 79 * _DAY),
    Sample("backup-check", "Ansible vault, host backup-02", 86 * _DAY),
)
_SOON_EXPIRED = (
    Sample(
        "ci-release",
        "GitHub Actions, acme/web, environment release",
        84 * _DAY,
        3 * _HOUR,
        "web",
        6 * _DAY,
        parent="terraform",
    ),
    Sample("ci-nightly", "GitHub Actions, acme/web, scheduled build", 84 * _DAY, 11 * _HOUR, "web", 6 * _DAY),
    Sample("contractor-lin", "Laptop of Lin, ends with the contract", 24 * _DAY, 2 * _DAY, "ml", 6 * _DAY),
)
_IDLE = (
    Sample("ci-legacy", "Jenkins, job web-old, to be switched off", 640 * _DAY, 412 * _DAY),
    Sample("ml-training-2024", "Batch cluster, queue training", 540 * _DAY, 203 * _DAY, "ml"),
    Sample("ci-staging", "GitHub Actions, acme/web, environment staging", 410 * _DAY, 121 * _DAY, "web"),
    Sample(
        "pentest-spring", "Access for the spring penetration test", 150 * _DAY, 94 * _DAY, "web", 215 * _DAY
    ),
)
_IN_USE = (
    Sample("ci-web", "GitHub Actions, acme/web, repository secret", 320 * _DAY, timedelta(minutes=4), "web"),
    Sample(
        "ci-web-preview",
        "GitHub Actions, acme/web, pull requests",
        200 * _DAY,
        40 * timedelta(minutes=1),
        "web",
    ),
    Sample("ci-ml", "GitLab, acme/ml, protected variable", 290 * _DAY, 2 * _HOUR, "ml", 75 * _DAY),
    Sample("ml-evaluate", "Airflow, connection chainloop", 130 * _DAY, 26 * _HOUR, "ml"),
    Sample("ml-registry", "Model registry, webhook", 260 * _DAY, 19 * _DAY, "ml"),
    Sample("deploy-prod", "Argo CD, cluster prod, secret chainloop", 365 * _DAY, 17 * timedelta(minutes=1)),
    Sample("deploy-dev", "Argo CD, cluster dev, secret chainloop", 365 * _DAY, 6 * _HOUR),
    Sample("terraform", "Terraform Cloud, workspace platform", 180 * _DAY, 5 * _DAY, expires=185 * _DAY),
    Sample("renovate", "Renovate, self-hosted runner", 150 * _DAY, 77 * _DAY, "web"),
    Sample("grafana", "Dashboard of the platform team", 210 * _DAY, 84 * _DAY),
    Sample(DEMO_TOKEN, "The token of this demo", 3 * _DAY, 1 * _DAY),
)
_REVOKED = (
    Sample(
        "ci-leaked",
        "Was in a public log, replaced by ci-web",
        300 * _DAY,
        3 * _HOUR,
        "web",
        revoked=2 * _HOUR,
    ),
)
SAMPLES = (*_NEVER_USED, *_SOON_EXPIRED, *_IDLE, *_IN_USE, *_REVOKED)
# A bit more than the round number, so that it still reads "6 d" an hour after the start.
_MARGIN = 2 * _HOUR


def seed(parts: Services) -> None:
    """Add the sample data; nothing happens when it is already there."""
    now = parts.clock()
    with parts.database.write() as session:
        if session.scalar(select(Organization.id).where(Organization.name == ORGANIZATION)):
            return
        hashed = parts.passwords.hash(PASSWORD)
        acme = _organization(session, ORGANIZATION, now, THRESHOLD)
        globex = _organization(session, OTHER_ORGANIZATION, now, None)
        ada = _person(session, OWNER, "Ada", "Marsh", hashed, now)
        vera = _person(session, VIEWER, "Vera", "Lund", hashed, now)
        mia = _person(session, MEMBER, "Mia", "Sandoval", hashed, now)
        gus = _person(session, OUTSIDER, "Gus", "Ortega", hashed, now)
        _join(session, ada, acme, Role.OWNER, now)
        _join(session, vera, acme, Role.VIEWER, now)
        mia_in_acme = _join(session, mia, acme, Role.MEMBER, now)
        _join(session, gus, globex, Role.OWNER, now)
        projects = _projects(session, acme, ("web", "ml"), now)
        _join_project(session, mia_in_acme, projects[MEMBER_PROJECT], ProjectRole.ADMIN, now)
        _tokens(session, SAMPLES, acme, projects, now)


def logins() -> dict[str, Any]:
    """The sample logins, as the line at the start shows them."""
    return {
        "email": OWNER,
        "password": PASSWORD,
        "organization": ORGANIZATION,
        "viewer": {"email": VIEWER, "password": PASSWORD},
        "member": {"email": MEMBER, "password": PASSWORD},
        "outsider": {"email": OUTSIDER, "password": PASSWORD},
    }


def api_token(parts: Services) -> dict[str, Any]:
    """The sample API token to sign in with, as long as nobody revoked it.

    A JWT is never stored, but whoever has the signing key can issue the same one again.
    """
    with parts.database.read() as session:
        row = session.execute(
            select(APIToken, Organization)
            .join(Organization, Organization.id == APIToken.organization_id)
            .where(
                Organization.name == ORGANIZATION, APIToken.name == DEMO_TOKEN, APIToken.revoked_at.is_(None)
            )
        ).one_or_none()
    if row is None:
        return {}
    token, organization = row
    subject = APITokenClaims(
        token.id, token.name, (organization.id, organization.name), None, token.expires_at
    )
    return {"api_token": {"name": token.name, "jwt": parts.signer.sign_api_token(subject)}}


def _organization(session: Session, name: str, now: datetime, threshold: int | None) -> UUID:
    made = now - 700 * _DAY
    row = Organization(name=name, created_at=made, updated_at=made, api_token_max_days_inactive=threshold)
    session.add(row)
    session.flush()
    return row.id


def _person(session: Session, email: str, first: str, last: str, hashed: str, now: datetime) -> UUID:
    made = now - 690 * _DAY
    row = User(
        email=email, first_name=first, last_name=last, password_hash=hashed, created_at=made, updated_at=made
    )
    session.add(row)
    session.flush()
    return row.id


def _join(session: Session, user: UUID, organization: UUID, role: Role, now: datetime) -> UUID:
    made = now - 690 * _DAY
    row = Membership(
        user_id=user,
        organization_id=organization,
        role=role.value,
        current=True,
        created_at=made,
        updated_at=made,
    )
    session.add(row)
    session.flush()
    return row.id


def _join_project(
    session: Session, membership: UUID, project: UUID, role: ProjectRole, now: datetime
) -> None:
    made = now - 670 * _DAY
    session.add(
        ProjectMembership(
            membership_id=membership,
            project_id=project,
            role=role.value,
            created_at=made,
            updated_at=made,
        )
    )


def _projects(session: Session, organization: UUID, names: Iterable[str], now: datetime) -> dict[str, UUID]:
    rows = [Project(organization_id=organization, name=name, created_at=now - 680 * _DAY) for name in names]
    session.add_all(rows)
    session.flush()
    return {row.name: row.id for row in rows}


def _tokens(
    session: Session, samples: Iterable[Sample], organization: UUID, projects: dict[str, UUID], now: datetime
) -> None:
    samples = tuple(samples)
    ids = {sample.name: uuid4() for sample in samples}
    for sample in samples:
        session.add(
            APIToken(
                id=ids[sample.name],
                parent_id=ids.get(sample.parent),
                organization_id=organization,
                project_id=projects.get(sample.project),
                name=sample.name,
                description=sample.description,
                permissions=list(permissions.default(bool(sample.project))),
                created_at=now - sample.created,
                last_used_at=now - sample.used if sample.used is not None else None,
                expires_at=(now + sample.expires + _MARGIN).replace(microsecond=0)
                if sample.expires
                else None,
                revoked_at=now - sample.revoked if sample.revoked is not None else None,
            )
        )

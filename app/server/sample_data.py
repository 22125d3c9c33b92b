"""Sample organizations, people, tokens, teams and an API key, dated relative to now.

Every secret in it says that it is not real.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import permissions
from app.domain.organizations import ProjectRole, Role
from app.server.core.api_keys import add_key
from app.server.core.services import Services
from app.server.core.token_signing import APITokenClaims
from app.server.persistence.models import (
    APIKey,
    APIToken,
    Membership,
    Organization,
    Project,
    ProjectMembership,
    Team,
    User,
)

PASSWORD = "demo-password-not-real"
ORGANIZATION, OTHER_ORGANIZATION = "acme", "globex"
OWNER, VIEWER, OUTSIDER = "ada@acme.example", "vera@acme.example", "gus@globex.example"
# A member who manages the tokens of one project and sees no others.
MEMBER, MEMBER_PROJECT = "mia@acme.example", "ml"
THRESHOLD = 90
DEMO_TOKEN = "loopin-demo"
API_KEY = "gum_demo_not_a_real_key_ada"
TEAMS = ((ORGANIZATION, "growth"), (ORGANIZATION, "support"), (OTHER_ORGANIZATION, "research"))
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One token. `created`, `used` and `revoked` are that long ago, `expires` is that far ahead.

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
# More than the round number, so that it still reads "6 d" an hour after the start.
_MARGIN = 2 * _HOUR


def seed(services: Services) -> None:
    """Add the sample data; nothing happens when it is there."""
    with services.database.write() as session:
        if session.scalar(select(Organization.id).where(Organization.name == ORGANIZATION)) is None:
            password_hash = services.passwords.hash(PASSWORD)
            _add_organizations(session, password_hash, services.clock())
        # Apart: an older version knew no teams.
        if session.scalar(select(Team.id).limit(1)) is None:
            _add_teams(session, services.clock())


def describe(services: Services) -> dict[str, Any]:
    """The sample logins, as `loopin server start --json` prints them."""
    logins = {
        "email": OWNER,
        "password": PASSWORD,
        "organization": ORGANIZATION,
        "viewer": {"email": VIEWER, "password": PASSWORD},
        "member": {"email": MEMBER, "password": PASSWORD},
        "outsider": {"email": OUTSIDER, "password": PASSWORD},
    }
    with services.database.read() as session:
        owner = session.scalars(select(User.id).where(User.email == OWNER)).one()
    gumloop = {"user_id": str(owner), "api_key": API_KEY}
    return logins | {"gumloop": gumloop} | _describe_token(services)


def _describe_token(services: Services) -> dict[str, Any]:
    """The API token to sign in with, unless it was revoked.

    A JWT is never stored, but whoever has the signing key can issue the same one again.
    """
    with services.database.read() as session:
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
    claims = APITokenClaims(
        token.id, token.name, (organization.id, organization.name), None, token.expires_at
    )
    return {"api_token": {"name": token.name, "jwt": services.signer.sign_api_token(claims)}}


def _add_organizations(session: Session, password_hash: str, now: datetime) -> None:
    def organization(name: str, threshold: int | None) -> UUID:
        created = now - 700 * _DAY
        row = Organization(name=name, created_at=created, updated_at=created)
        row.api_token_max_days_inactive = threshold
        return _add(session, row)

    def member(email: str, name: str, organization_id: UUID, role: Role) -> UUID:
        created, (first, last) = now - 690 * _DAY, name.split()
        user = User(email=email, first_name=first, last_name=last, password_hash=password_hash)
        user.created_at = user.updated_at = created
        row = Membership(user_id=_add(session, user), organization_id=organization_id, role=role.value)
        row.current, row.created_at, row.updated_at = True, created, created
        return _add(session, row)

    acme, globex = organization(ORGANIZATION, THRESHOLD), organization(OTHER_ORGANIZATION, None)
    member(OWNER, "Ada Marsh", acme, Role.OWNER)
    member(VIEWER, "Vera Lund", acme, Role.VIEWER)
    mia = member(MEMBER, "Mia Sandoval", acme, Role.MEMBER)
    member(OUTSIDER, "Gus Ortega", globex, Role.OWNER)
    projects = {
        name: _add(session, Project(organization_id=acme, name=name, created_at=now - 680 * _DAY))
        for name in ("web", "ml")
    }
    project_member = ProjectMembership(
        membership_id=mia, project_id=projects[MEMBER_PROJECT], role=ProjectRole.ADMIN.value
    )
    project_member.created_at = project_member.updated_at = now - 670 * _DAY
    session.add(project_member)
    _add_tokens(session, acme, projects, now)


def _add(session: Session, row: Organization | User | Membership | Project) -> UUID:
    session.add(row)
    session.flush()
    return row.id


def _add_tokens(session: Session, organization: UUID, projects: dict[str, UUID], now: datetime) -> None:
    ids = {sample.name: uuid4() for sample in SAMPLES}
    for sample in SAMPLES:
        expires = (now + sample.expires + _MARGIN).replace(microsecond=0) if sample.expires else None
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
                expires_at=expires,
                revoked_at=now - sample.revoked if sample.revoked is not None else None,
            )
        )


def _add_teams(session: Session, now: datetime) -> None:
    for organization, name in TEAMS:
        id = session.scalar(select(Organization.id).where(Organization.name == organization))
        if id:
            session.add(Team(organization_id=id, name=name, created_at=now))
    owner = session.scalar(select(User.id).where(User.email == OWNER))
    if owner and not session.scalar(select(APIKey.key_hash).where(APIKey.user_id == owner)):
        add_key(session, API_KEY, owner, None, now)

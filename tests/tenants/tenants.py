"""Two organizations with everything in both of them, and every kind of credential of each."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx

from app.domain import permissions
from app.domain.organizations import PROJECT_SCOPED, ProjectRole, Role
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from app.server.core.api_keys import add_key
from app.server.core.audit import Actor
from app.server.core.services import Services, build_services
from app.server.core.trusted_issuers import NewIssuer, TrustedIssuers
from app.server.persistence.models import (
    LoginSession,
    Membership,
    Organization,
    Project,
    ProjectMembership,
    Team,
    User,
)
from app.server.settings import ServerSettings
from tests.integration.server.callers import Caller
from tests.support.issuer import Issuer
from tests.support.oauth import Person, Program, Proof
from tests.support.server import AccountServer

ROLES = ("viewer", "contributor", "member", "admin", "owner")
# Signs out in the tests, for good.
LEAVER = "leaver"
NAMES = ("north", "south")
PASSWORD = "tenant-password-not-real"


@dataclass(frozen=True, slots=True)
class Staff:
    """One person: their ids, their JWT, their browser and their program's access token."""

    email: str
    user_id: str
    membership_id: str
    jwt: str = field(repr=False)
    browser: httpx.Client = field(repr=False)
    access: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Tenant:
    """One organization. `words` are what nobody outside may ever read.

    Project and teams are (id, name). The key of `team` is used; a new key of the `spare` team does no harm.
    """

    name: str
    id: str
    project: tuple[str, str]
    team: tuple[str, str]
    spare: tuple[str, str]
    staff: Mapping[str, Staff]
    tokens: Mapping[str, str]
    bearers: Mapping[str, str] = field(repr=False)
    keys: Mapping[str, str] = field(repr=False)

    @property
    def owner(self) -> Staff:
        """Who may do everything there."""
        return self.staff["owner"]

    @property
    def words(self) -> frozenset[str]:
        """Its names and ids, and those of everything and everybody in it."""
        people = [word for one in self.staff.values() for word in (one.email, one.user_id, one.membership_id)]
        return frozenset(
            {self.name, self.id, *self.project, *self.team, *self.spare, *people, *self.tokens.values()}
        )

    def rows(self, server: AccountServer) -> list[str]:
        """Every row of the database that names the organization or anything in it."""
        marks = {word.replace("-", "") for word in self.words if _is_id(word)} | self.words
        with server.database() as door:
            return sorted(row for row in door.iterdump() if any(mark in row for mark in marks))


def _is_id(word: str) -> bool:
    try:
        return bool(UUID(word))
    except ValueError:
        return False


@contextmanager
def tenants(server: AccountServer, issuer: Issuer) -> Iterator[Mapping[str, Tenant]]:
    """Both, with names that nobody else on the server has."""
    made = build_services(ServerSettings(data=server.data))
    hashed = made.passwords.hash(PASSWORD)
    with ExitStack() as stack:
        yield {name: _tenant(server, made, issuer, name, hashed, stack) for name in NAMES}
        made.database.close()


def _tenant(
    server: AccountServer, made: Services, issuer: Issuer, side: str, hashed: str, stack: ExitStack
) -> Tenant:
    name = f"{side}-{uuid4().hex[:8]}"
    now, place, project, team, spare = datetime.now(UTC), uuid4(), uuid4(), uuid4(), uuid4()
    with made.database.write() as session:
        session.add(Organization(id=place, name=name, created_at=now, updated_at=now))
        session.flush()
        session.add(Project(id=project, organization_id=place, name=f"{name}-web", created_at=now))
        for id, group in ((team, f"{name}-team"), (spare, f"{name}-spare")):
            session.add(Team(id=id, organization_id=place, name=group, created_at=now))
    staff = {
        role: _staff(server, made, role, (name, place), project, hashed, stack) for role in (*ROLES, LEAVER)
    }
    keys = {"person": f"gum_person_not_real_{name}", "team": f"gum_team_not_real_{name}"}
    with made.database.write() as session:
        add_key(session, keys["person"], UUID(staff["owner"].user_id), None, now)
        add_key(session, keys["team"], UUID(staff["owner"].user_id), team, now)
    TrustedIssuers(made.database, made.clock).add_issuer(
        Actor("operator", name="test"),
        NewIssuer(name, issuer.name, "chainloop", {"project_path": f"{name}/*"}),
    )
    tokens, bearers = _tokens(server, staff["owner"].jwt, f"{name}-web")
    bearers["CI job"] = issuer.gitlab(project_path=f"{name}/web").reveal()
    return Tenant(
        name,
        str(place),
        (str(project), f"{name}-web"),
        (str(team), f"{name}-team"),
        (str(spare), f"{name}-spare"),
        staff,
        tokens,
        bearers,
        keys,
    )


def _staff(
    server: AccountServer,
    made: Services,
    role: str,
    place: tuple[str, UUID],
    project: UUID,
    hashed: str,
    stack: ExitStack,
) -> Staff:
    now, membership = datetime.now(UTC), uuid4()
    email = f"{role}@{place[0]}.example"
    with made.database.write() as session:
        user = User(email=email, password_hash=hashed, created_at=now, updated_at=now)
        session.add(user)
        session.flush()
        entered = LoginSession(user_id=user.id, created_at=now, expires_at=now + timedelta(hours=4))
        belongs = Membership(
            id=membership,
            user_id=user.id,
            organization_id=place[1],
            role=Role("viewer" if role == LEAVER else role).value,
            current=True,
            created_at=now,
            updated_at=now,
        )
        session.add_all([entered, belongs])
        session.flush()
        if Role(belongs.role) in PROJECT_SCOPED:
            session.add(_joined(membership, project, now))
        jwt = made.signer.sign_session_token(user.id, entered.id, entered.expires_at)
    browser = stack.enter_context(httpx.Client(base_url=server.http, trust_env=False, timeout=30))
    person, proof = Person(browser), Proof()
    assert person.sign_in(email, PASSWORD).status_code == 303
    with httpx.Client(base_url=server.http, trust_env=False) as program:
        access = Program(program).exchange(person.code(proof), proof).json()["access_token"]
    return Staff(email, str(user.id), str(membership), jwt, browser, access)


def _joined(membership: UUID, project: UUID, now: datetime) -> ProjectMembership:
    role = ProjectRole.ADMIN.value
    return ProjectMembership(
        membership_id=membership, project_id=project, role=role, created_at=now, updated_at=now
    )


def _tokens(server: AccountServer, owner: str, project: str) -> tuple[dict[str, str], dict[str, str]]:
    """Tokens that are acted on, by id, and tokens that act, by JWT; every one may do all a token can."""
    caller, ids, bearers = Caller(server, owner), {}, {}
    scopes = {
        "organization token": {},
        "project token": {"project_reference": IdentityReference(name=project)},
    }
    for scope, where in scopes.items():
        made = caller.create(f"acts-{uuid4().hex}", permissions=permissions.EVERY, **where)
        ids[scope], bearers[scope] = made.item.id, made.jwt
        ids[f"{scope} acted on"] = caller.create(f"still-{uuid4().hex}", **where).item.id
    caller.channel.close()
    return ids, bearers

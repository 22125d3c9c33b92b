"""An organization of a test's own on a server that tests share.

Nothing that a test does in it reaches another test: its people, projects, tokens and threshold are its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from app.domain.organizations import PROJECT_SCOPED, ProjectRole, Role
from app.server.clock import utc_now
from app.server.core.accounts import Accounts, NewUser
from app.server.core.audit import Actor
from app.server.core.memberships import Memberships
from app.server.core.organizations import Organizations
from app.server.core.projects import Projects
from app.server.persistence.engine import Database
from tests.support import databases
from tests.support.server import AccountServer, sign_in

OPERATOR = Actor("operator", name="test")
PASSWORD = "member-password-not-real"
PROJECTS = ("web", "ml")


@dataclass
class Member:
    """A person on a server. `bearer` is the JWT of their first sign-in, made when it is asked for."""

    server: AccountServer
    email: str
    password: str = PASSWORD
    _bearer: str = field(default="", repr=False)

    @property
    def login(self) -> tuple[str, str]:
        """E-mail address and password."""
        return self.email, self.password

    @property
    def bearer(self) -> str:
        """The JWT of a session. A test that ends it signs in itself, with `sign_in`."""
        if not self._bearer:
            self._bearer = sign_in(self.server, *self.login)
        return self._bearer


@dataclass
class Organization:
    """A new organization with the projects web and ml; its members are added when they are asked for."""

    server: AccountServer
    database: Database
    name: str
    id: UUID
    _members: dict[str, Member] = field(default_factory=dict)

    def member(self, role: str) -> Member:
        """The member with this role ("owner", "admin", "member", "contributor", "viewer").

        The member and the contributor are admins of the project web, and nothing in ml.
        """
        if role not in self._members:
            made = self.add_member(f"{role}@{self.name}.example", role)
            if Role(role) in PROJECT_SCOPED:
                self.join_project(made, "web", "admin")
            self._members[role] = made
        return self._members[role]

    @property
    def owner(self) -> Member:
        """The member who may do everything here."""
        return self.member("owner")

    def add_member(self, email: str, role: str) -> Member:
        """Add a person who is in no other organization; without a role they are in none."""
        Accounts(self.database, utc_now).add_user(OPERATOR, NewUser(email), PASSWORD)
        if role:
            Memberships(self.database, utc_now).set_membership(OPERATOR, email, self.name, Role(role))
        return Member(self.server, email)

    def join_project(self, member: Member, project: str, role: str) -> None:
        """Give a member or contributor a role ("admin", "viewer") in a project."""
        projects = Projects(self.database, utc_now)
        projects.set_member(OPERATOR, member.email, self.name, project, ProjectRole(role))


def add_organization(
    server: AccountServer, database: Database, name: str = "", projects: Sequence[str] = PROJECTS
) -> Organization:
    """Add an organization with a name that no other has, unless one is given."""
    name = name or f"org-{uuid4().hex[:12]}"
    made = Organizations(database, utc_now).add_organization(OPERATOR, name)
    for project in projects:
        Projects(database, utc_now).add_project(OPERATOR, name, project)
    return Organization(server, database, name, made)


@pytest.fixture
def organization(account_server: AccountServer) -> Iterator[Organization]:
    """An organization of this test's own on the server that the tests of this worker share."""
    database = Database(databases.url_of(account_server.data))
    yield add_organization(account_server, database)
    database.close()


@pytest.fixture
def other_organization(organization: Organization) -> Organization:
    """A second one on the same server; nobody is in both."""
    return add_organization(organization.server, organization.database)

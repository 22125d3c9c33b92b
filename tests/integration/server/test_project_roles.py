"""What a role in a project opens to members and contributors, on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, event, select

from app.domain.errors import NotFound, PermissionDenied
from app.domain.organizations import Role
from app.domain.tokens import ScopeFilter, StatusFilter
from app.proto.controlplane.v1 import api_token_pb2 as tokens
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from app.server.clock import utc_now
from app.server.core.api_tokens import APITokens
from app.server.core.key_ring import load_or_create
from app.server.core.memberships import Memberships
from app.server.core.principals import ActiveMembership, UserPrincipal
from app.server.core.projects import Projects
from app.server.core.sessions import open_session
from app.server.core.token_signing import TokenSigner
from app.server.persistence.engine import Database
from app.server.persistence.models import Membership, Project, ProjectMembership, User
from tests.integration.server.callers import Caller, refusal
from tests.support.databases import ON_BOTH
from tests.support.organizations import OPERATOR, Member, Organization

pytestmark = ON_BOTH

WEB, ML = IdentityReference(name="web"), IdentityReference(name="ml")
DENIED = ("PERMISSION_DENIED", "operation not allowed")
UNKNOWN = ("NOT_FOUND", "API token not found")


@pytest.fixture
def owner(organization: Organization) -> Iterator[Caller]:
    """Who sees everything in the organization of the test."""
    made = Caller(organization.server, organization.owner.bearer)
    yield made
    made.channel.close()


@pytest.fixture(params=["member", "contributor"])
def person(request: pytest.FixtureRequest, organization: Organization) -> Member:
    """A member or a contributor without a role in any project."""
    return organization.add_member(f"p-{uuid4().hex[:8]}@{organization.name}.example", request.param)


@pytest.fixture
def caller(organization: Organization, person: Member) -> Iterator[Caller]:
    """The same, calling."""
    made = Caller(organization.server, person.bearer)
    yield made
    made.channel.close()


def names(caller: Caller, **filters: object) -> set[str]:
    return {item.name for item in caller.list(**filters)}


def roles(organization: Organization) -> list[tuple[str, str, str]]:
    found = Projects(organization.database).list_members(organization.name)
    return [(row.email, row.project, row.role) for row in found]


def test_without_a_role_nothing_of_a_project_is_seen_or_changed(owner: Caller, caller: Caller) -> None:
    made = owner.create("in-web", project_reference=WEB).item
    owner.create("of-the-organization")
    assert names(caller) == set()
    assert names(caller, status_filter=tokens.APITokenServiceListRequest.STATUS_FILTER_ALL) == set()
    assert refusal(lambda: caller.list(project=WEB)) == DENIED
    assert refusal(lambda: caller.list(project=IdentityReference(id=made.scoped_entity.id))) == DENIED
    assert refusal(lambda: caller.create("mine", project_reference=WEB)) == DENIED
    assert refusal(lambda: caller.revoke(made.id)) == UNKNOWN
    assert names(owner) == {"in-web", "of-the-organization"}


@pytest.mark.parametrize("who", ["person", "owner"])
def test_a_project_that_does_not_exist_is_named(caller: Caller, owner: Caller, who: str) -> None:
    one, missing = (owner if who == "owner" else caller), IdentityReference(name="nowhere")
    told = ("NOT_FOUND", "project nowhere not found")
    assert refusal(lambda: one.create("x", project_reference=missing)) == told
    assert refusal(lambda: one.list(project=missing)) == told
    id = str(uuid4())
    by_id = refusal(lambda: one.list(project=IdentityReference(id=id)))
    assert by_id == ("NOT_FOUND", f"project {id} not found")


def test_a_viewer_of_a_project_lists_its_tokens_and_changes_none(
    organization: Organization, owner: Caller, caller: Caller, person: Member
) -> None:
    organization.join_project(person, "web", "viewer")
    made = owner.create("in-web", project_reference=WEB).item
    owner.create("in-ml", project_reference=ML)
    assert names(caller) == names(caller, project=WEB) == {"in-web"}
    assert refusal(lambda: caller.create("mine", project_reference=WEB)) == DENIED
    assert refusal(lambda: caller.revoke(made.id)) == DENIED
    assert names(owner) == {"in-web", "in-ml"}


def test_an_admin_of_a_project_manages_its_tokens_alone(
    organization: Organization, owner: Caller, caller: Caller, person: Member
) -> None:
    organization.join_project(person, "web", "admin")
    organization.join_project(person, "ml", "viewer")
    in_ml = owner.create("in-ml", project_reference=ML).item
    mine = caller.create("in-web", project_reference=WEB).item
    assert names(caller) == {"in-web", "in-ml"}
    assert names(caller, project=ML) == {"in-ml"}
    assert refusal(lambda: caller.create("x", project_reference=ML)) == DENIED
    assert refusal(lambda: caller.revoke(in_ml.id)) == DENIED
    caller.revoke(mine.id)
    assert refusal(lambda: caller.revoke(mine.id)) == UNKNOWN
    assert names(owner) == {"in-ml"}


def test_a_role_counts_from_the_next_call_on(
    organization: Organization, owner: Caller, caller: Caller, person: Member
) -> None:
    owner.create("in-web", project_reference=WEB)
    organization.join_project(person, "web", "admin")
    caller.create("mine", project_reference=WEB)
    organization.join_project(person, "web", "viewer")
    assert refusal(lambda: caller.create("more", project_reference=WEB)) == DENIED
    assert names(caller) == {"in-web", "mine"}
    Projects(organization.database, utc_now).remove_member(OPERATOR, person.email, organization.name, "web")
    assert names(caller) == set()


def test_who_leaves_the_organization_comes_back_without_a_role(
    organization: Organization, owner: Caller, caller: Caller, person: Member
) -> None:
    owner.create("in-web", project_reference=WEB)
    organization.join_project(person, "web", "admin")
    Memberships(organization.database, utc_now).remove_membership(OPERATOR, person.email, organization.name)
    assert roles(organization) == []
    Memberships(organization.database, utc_now).set_membership(
        OPERATOR, person.email, organization.name, Role.MEMBER
    )
    assert names(caller) == set()


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.VIEWER], ids=lambda role: role.value)
def test_a_role_for_which_they_change_nothing_ends_the_roles_in_projects(
    organization: Organization, caller: Caller, person: Member, role: Role
) -> None:
    assert organization.owner
    for project in ("web", "ml"):
        organization.join_project(person, project, "admin")
    change = Memberships(organization.database, utc_now)
    assert change.set_membership(OPERATOR, person.email, organization.name, role).projects == ["ml", "web"]
    assert roles(organization) == []
    change.set_membership(OPERATOR, person.email, organization.name, Role.MEMBER)
    assert refusal(lambda: caller.create("x", project_reference=WEB)) == DENIED


def test_between_member_and_contributor_they_stay(organization: Organization, person: Member) -> None:
    organization.join_project(person, "web", "viewer")
    change = Memberships(organization.database, utc_now)
    for role in (Role.CONTRIBUTOR, Role.MEMBER):
        assert change.set_membership(OPERATOR, person.email, organization.name, role).projects == ()
    assert roles(organization) == [(person.email, "web", "viewer")]


@pytest.mark.parametrize("gone", [Membership, User, Project], ids=lambda model: model.__tablename__)
def test_the_database_ends_a_role_with_what_it_hangs_on(
    organization: Organization, person: Member, gone: type[Membership | User | Project]
) -> None:
    organization.join_project(person, "web", "admin")
    with organization.database.write() as session:
        row = session.execute(
            select(Membership.id, User.id, Project.id)
            .join(User, User.id == Membership.user_id)
            .join(Project, Project.organization_id == Membership.organization_id)
            .where(User.email == person.email, Project.name == "web")
        ).one()
        wanted = row[[Membership, User, Project].index(gone)]
        session.execute(delete(gone).where(gone.id == wanted))
    with organization.database.read() as session:
        held = select(ProjectMembership).where(ProjectMembership.membership_id == row[0])
        assert session.scalars(held).all() == []


def actor(database: Database, email: str) -> UserPrincipal:
    """The person as a call has them that was identified a moment ago."""
    with database.read() as session:
        user, membership = session.execute(
            select(User, Membership)
            .join(Membership, Membership.user_id == User.id)
            .where(User.email == email)
        ).one()
    now = utc_now()
    with database.write() as session:
        login = open_session(session, user, "", now, timedelta(hours=1))
    place = ActiveMembership(membership.id, membership.organization_id, "", Role(membership.role))
    return UserPrincipal(user.id, user.email, login.id, place)


def api_tokens(database: Database, folder: Path) -> APITokens:
    """The service with a key of its own, for what signs nothing."""
    return APITokens(database, TokenSigner(load_or_create(folder), utc_now), utc_now)


def test_however_many_projects_a_list_is_one_query(
    organization: Organization, person: Member, database_kind: str, tmp_path: Path
) -> None:
    for project in ("web", "ml"):
        organization.join_project(person, project, "viewer")
    engine = organization.database.engine
    who = actor(organization.database, person.email)
    asked: list[tuple[str, Any]] = []

    def note(*how: Any) -> None:
        if not how[2].startswith(("BEGIN", "PRAGMA")):
            asked.append((how[2], how[3]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        api_tokens(organization.database, tmp_path).list_tokens(who, StatusFilter.ALL, ScopeFilter.ANY, None)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    ((sql, parameters),) = asked
    if database_kind == "postgresql":
        with engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN {sql}", parameters).scalars().all()
        # Not a join: that reads every token of the organization again for each project.
        assert "hashed SubPlan" in "\n".join(plan)


def test_a_role_that_ended_since_the_call_was_identified_does_not_count(
    organization: Organization, owner: Caller, person: Member, tmp_path: Path
) -> None:
    made = owner.create("in-web", project_reference=WEB).item
    organization.join_project(person, "web", "admin")
    who = actor(organization.database, person.email)
    tokens = api_tokens(organization.database, tmp_path)
    organization.join_project(person, "web", "viewer")
    with pytest.raises(PermissionDenied):
        tokens.revoke_token(who, made.id)
    Projects(organization.database, utc_now).remove_member(OPERATOR, person.email, organization.name, "web")
    with pytest.raises(NotFound):
        tokens.revoke_token(who, str(UUID(made.id)))
    assert names(owner) == {"in-web"}

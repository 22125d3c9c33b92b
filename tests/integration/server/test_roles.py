"""Every method for every kind of caller: who may, and what the others are told."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from tests.integration.server.callers import Caller, refusal
from tests.integration.server.conftest import WEB, Cast
from tests.support.databases import ON_BOTH
from tests.support.permission_table import shown

OK = ("OK", "")
DENIED = ("PERMISSION_DENIED", "operation not allowed")
NO_JWT = ("UNAUTHENTICATED", "JWT token is missing")
NO_USER = ("NOT_FOUND", "logged in user not found")
NO_ORG = ("PERMISSION_DENIED", "user with id … has no current organization")
NEEDS_PROJECT = "this identity cannot manage API tokens of the organization, name a project"
LIMITED = ("INVALID_ARGUMENT", NEEDS_PROJECT)
LIMITED_TOKEN = ("PERMISSION_DENIED", NEEDS_PROJECT)
NO_PROJECT = ("NOT_FOUND", "project … not found")
UNKNOWN = ("NOT_FOUND", "API token not found")
NO_MEMBERSHIP = ("NOT_FOUND", "membership not found")
# Where a message names the organization of the cast.
HOME = "{home}"
NOT_IN_USE = ("PERMISSION_DENIED", f"organization {HOME} is not the one in use")
WRONG_ORG = ("PERMISSION_DENIED", f"user is not a member of organization {HOME}")

METHODS: dict[str, Callable[[Caller, str], object]] = {
    "infoz": lambda caller, _: caller.infoz(),
    "statusz": lambda caller, _: caller.statusz(readiness=True),
    "current": lambda caller, _: caller.current(),
    "memberships": lambda caller, _: caller.memberships(),
    "select": lambda caller, _: caller.select(str(uuid4())),
    "update": lambda caller, home: caller.update(home, enable_ai_agent_collector=True),
    "create": lambda caller, _: caller.create(f"m-{uuid4().hex[:12]}"),
    "create in a project": lambda caller, _: caller.create(f"m-{uuid4().hex[:12]}", project_reference=WEB),
    "list": lambda caller, _: caller.list(),
    "revoke": lambda caller, _: caller.revoke(str(uuid4())),
}


def ask(people: Cast, method: str, caller: Caller) -> tuple[str, str]:
    """How the method answers; the name of the cast's organization is written HOME."""
    code, message = shown(refusal(lambda: METHODS[method](caller, people.home)))
    return code, message.replace(people.home, HOME)


EVERYBODY = {"infoz": OK, "statusz": OK}
MANAGER = {
    **EVERYBODY,
    "current": OK,
    "memberships": OK,
    "select": NO_MEMBERSHIP,
    "update": OK,
    "create": OK,
    "create in a project": OK,
    "list": OK,
    "revoke": UNKNOWN,
}
MEMBER = {**MANAGER, "update": DENIED, "create": LIMITED}
VIEWER = {
    **MANAGER,
    "update": DENIED,
    "create": DENIED,
    "create in a project": DENIED,
    "list": DENIED,
    "revoke": DENIED,
}
ORG_TOKEN = {**MANAGER, "memberships": NO_USER, "select": NO_USER, "update": DENIED, "create": LIMITED_TOKEN}
PROJECT_TOKEN = {
    **ORG_TOKEN,
    "create": DENIED,
    "create in a project": DENIED,
    "list": DENIED,
    "revoke": DENIED,
}
EXPECTED = {
    "owner": MANAGER,
    "admin": MANAGER,
    "member": MEMBER,
    "contributor": MEMBER,
    "viewer": VIEWER,
    "outsider": {**MANAGER, "update": NOT_IN_USE, "create in a project": NO_PROJECT},
    "loner": {
        **dict.fromkeys(METHODS, NO_ORG),
        **EVERYBODY,
        "current": OK,
        "memberships": OK,
    },
    "org token": ORG_TOKEN,
    "project token": PROJECT_TOKEN,
    "nobody": {**dict.fromkeys(METHODS, NO_JWT), **EVERYBODY},
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("who", EXPECTED)
def test_each_caller_gets_what_the_role_allows(people: Cast, who: str, method: str) -> None:
    assert ask(people, method, people(who)) == EXPECTED[who][method]


@pytest.mark.parametrize("method", [name for name in METHODS if name not in {*EVERYBODY, "memberships"}])
def test_an_organization_of_others_is_refused_everywhere(people: Cast, method: str) -> None:
    assert ask(people, method, people("outsider", people.home)) == WRONG_ORG


@pytest.mark.parametrize("organization", ["elsewhere", "no-such-place"])
def test_whatever_organization_is_named_a_token_works_in_its_own(people: Cast, organization: str) -> None:
    """A command line that has another one configured works with it."""
    named = people.elsewhere.name if organization == "elsewhere" else organization
    own = {item.id for item in people("org token").list()}
    assert {item.id for item in people("org token", named).list()} == own


@pytest.mark.parametrize("who", ["owner", "loner"])
def test_memberships_are_listed_whatever_organization_is_named(people: Cast, who: str) -> None:
    """Whoever has lost the configured organization finds another one."""
    assert people(who, "no-such-place").memberships() == people(who).memberships()


def test_a_membership_can_be_chosen_while_another_organization_is_named(people: Cast) -> None:
    owner = people("owner")
    (mine,) = owner.memberships()
    assert people("owner", mine.org.name).select(mine.id).current
    assert refusal(lambda: people("owner", "no-such-place").select(mine.id))[0] == "PERMISSION_DENIED"


def test_an_organization_that_does_not_exist_looks_like_one_of_others(people: Cast) -> None:
    missing = refusal(people("owner", "no-such-place").list)
    assert missing == ("PERMISSION_DENIED", "user is not a member of organization no-such-place")


def test_only_the_organization_in_use_can_be_updated(people: Cast) -> None:
    other = people.elsewhere.name
    code, message = refusal(lambda: people("owner").update(other, api_token_max_days_inactive=1))
    assert (code, message) == ("PERMISSION_DENIED", f"organization {other} is not the one in use")


@ON_BOTH
def test_an_organization_token_sees_and_revokes_project_tokens_only(people: Cast, name: str) -> None:
    owner, token = people("owner"), people("org token")
    of_org, of_project = owner.create(name).item, owner.create(name, project_reference=WEB).item
    seen = {item.id for item in token.list()}
    assert of_project.id in seen
    assert of_org.id not in seen
    assert refusal(lambda: token.revoke(of_org.id)) == LIMITED_TOKEN
    token.revoke(of_project.id)
    alive = {item.id for item in owner.list()}
    assert of_org.id in alive
    assert of_project.id not in alive


def test_members_manage_project_tokens_only(people: Cast, name: str) -> None:
    owner, member = people("owner"), people("member")
    of_org = owner.create(name).item
    assert {item.scoped_entity.name for item in member.list()} <= {"web"}
    assert refusal(lambda: member.revoke(of_org.id)) == LIMITED


@ON_BOTH
def test_a_project_token_with_more_permissions_stays_in_its_project(people: Cast, name: str) -> None:
    owner = people("owner")
    wanted = ["organization:read", "api_token:list", "api_token:create", "api_token:revoke"]
    people.bearers[name] = owner.create(name, project_reference=WEB, permissions=wanted).jwt
    in_ml = owner.create(name, project_reference=IdentityReference(name="ml")).item
    token = people(name)
    assert {item.scoped_entity.name for item in token.list()} == {"web"}
    assert refusal(lambda: token.revoke(in_ml.id)) == UNKNOWN
    elsewhere = IdentityReference(name="ml")
    assert refusal(lambda: token.create("x", project_reference=elsewhere)) == (
        "NOT_FOUND",
        "project ml not found",
    )
    assert refusal(lambda: token.create("x")) == LIMITED_TOKEN
    assert refusal(lambda: token.list(project=elsewhere)) == ("NOT_FOUND", "project ml not found")


PERMISSIONS = {
    "organization:read": "current",
    "api_token:list": "list",
    "api_token:create": "create in a project",
    "api_token:revoke": "revoke",
}


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_a_permission_opens_its_call_and_no_other(people: Cast, name: str, permission: str) -> None:
    people.bearers[name] = people("owner").create(name, permissions=[permission]).jwt
    caller = people(name)
    opened = {method for method in PERMISSIONS.values() if ask(people, method, caller) != DENIED}
    assert opened == {PERMISSIONS[permission]}

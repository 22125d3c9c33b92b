"""OrganizationService.Create: an organization that belongs to whoever makes it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from app.server.core.organizations import MAX_CREATED
from tests.integration.server.callers import Caller, refusal
from tests.support.databases import ON_BOTH
from tests.support.organizations import Organization
from tests.support.server import ServerFactory, sign_in

TAKEN = ("ALREADY_EXISTS", "duplicated: name already taken")


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Names that no organization has."""
    return lambda: f"new-{uuid4().hex[:12]}"


@pytest.fixture
def loner(organization: Organization) -> Caller:
    """Somebody without an organization."""
    email = f"loner-{uuid4().hex[:8]}@{organization.name}.example"
    return Caller(organization.server, organization.add_member(email, "").bearer)


@ON_BOTH
def test_whoever_makes_one_owns_it_and_works_in_it(loner: Caller, fresh: Callable[[], str]) -> None:
    assert not loner.infoz().restricted_org_creation
    made = loner.create_organization(fresh())
    (mine,) = loner.memberships()
    assert (mine.org.id, mine.org.name, mine.current) == (made.id, made.name, True)
    assert loner.current().current_membership.role == mine.role == 3
    assert loner.create("first").item.organization_name == made.name
    second = loner.create_organization(fresh())
    assert [one.org.id for one in loner.memberships() if one.current] == [second.id]


@ON_BOTH
def test_a_person_makes_five_at_most_also_at_once(loner: Caller, fresh: Callable[[], str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        names = [fresh() for _ in range(MAX_CREATED + 3)]
        answers = list(pool.map(lambda name: refusal(lambda: loner.create_organization(name)), names))
    assert sorted(code for code, _ in answers) == ["OK"] * MAX_CREATED + ["PERMISSION_DENIED"] * 3
    assert len(loner.memberships()) == MAX_CREATED
    assert "already created 5 organizations" in refusal(lambda: loner.create_organization(fresh()))[1]


@ON_BOTH
def test_a_name_is_used_once(organization: Organization, loner: Caller, fresh: Callable[[], str]) -> None:
    assert refusal(lambda: loner.create_organization(organization.name)) == TAKEN
    made = loner.create_organization(fresh())
    with organization.server.database() as database:
        database.execute("DELETE FROM organizations WHERE name = ?", (made.name,))
    assert loner.memberships() == []
    assert refusal(lambda: loner.create_organization(made.name)) == TAKEN


@pytest.mark.parametrize("name", ["", "Acme", "a" * 64, "-x", "a b", "a\x00"])
def test_a_name_that_is_none_is_refused(loner: Caller, name: str) -> None:
    code, message = refusal(lambda: loner.create_organization(name))
    assert code == "INVALID_ARGUMENT"
    assert message.startswith("invalid name: ")


def test_the_organization_that_is_named_does_not_count(
    organization: Organization, fresh: Callable[[], str]
) -> None:
    """Whoever has lost the configured one can make another."""
    caller = Caller(organization.server, organization.owner.bearer, "no-such-place")
    assert caller.create_organization(fresh()).id


def test_an_api_token_is_no_person(organization: Organization, fresh: Callable[[], str]) -> None:
    owner = Caller(organization.server, organization.owner.bearer)
    token = Caller(organization.server, owner.create("bot").jwt)
    assert refusal(lambda: token.create_organization(fresh())) == ("NOT_FOUND", "logged in user not found")


@pytest.mark.slow
def test_a_server_does_not_let_people_unless_it_is_told_to(fresh_server: ServerFactory) -> None:
    server = fresh_server()
    owner = Caller(server, sign_in(server, *server.owner))
    assert owner.infoz().restricted_org_creation
    code, message = refusal(lambda: owner.create_organization("another"))
    assert (code, message) == (
        "PERMISSION_DENIED",
        "on this server only its operator creates organizations",
    )

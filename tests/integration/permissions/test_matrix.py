"""Each permission, each call, each role, held to the one table that docs/permissions.md shows."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, combinations
from uuid import uuid4

import pytest

from app.domain import permissions
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from app.server.clock import utc_now
from app.server.core.api_tokens import TOO_MUCH
from app.server.core.trusted_issuers import TrustedIssuers
from app.server.persistence.engine import Database
from tests.integration.keyless.conftest import add_issuer
from tests.integration.server.callers import Caller, refusal
from tests.support import databases
from tests.support.issuer import running_issuer
from tests.support.organizations import OPERATOR, Organization, add_organization
from tests.support.permission_table import ANSWERS, CALLS, PEOPLE, SETS, TABLE, shown
from tests.support.server import ROOT, SharedServers

WEB, ML = IdentityReference(name="web"), IdentityReference(name="ml")
SUBSETS = list(
    chain.from_iterable(
        combinations(permissions.EVERY, size) for size in range(1, len(permissions.EVERY) + 1)
    )
)
Made = Callable[[], object]


@pytest.fixture(scope="module")
def organization(shared_servers: SharedServers) -> Iterator[Organization]:
    """One for all of these tests: they add tokens to it, and change nothing else."""
    server = shared_servers.on("sqlite")
    database = Database(databases.url_of(server.data))
    yield add_organization(server, database)
    database.close()


@pytest.fixture(scope="module")
def owner(organization: Organization) -> Iterator[Caller]:
    """Makes what others try to use."""
    caller = Caller(organization.server, organization.owner.bearer)
    yield caller
    caller.channel.close()


@pytest.fixture(scope="module")
def people(organization: Organization) -> Iterator[Mapping[str, Caller]]:
    """Everybody but the tokens, by the names of the table."""
    bearers = {
        role: organization.member(role).bearer
        for role in ("owner", "admin", "member", "contributor", "viewer")
    }
    reader = organization.add_member(f"reader@{organization.name}.example", "member")
    organization.join_project(reader, "web", "viewer")
    bearers["reader"] = reader.bearer
    bearers["loner"] = organization.add_member(f"loner@{organization.name}.example", "").bearer
    with running_issuer() as issuer:
        trusted = add_issuer(organization.database, issuer, organization.name)
        bearers["job"] = issuer.token().reveal()
        callers = {name: Caller(organization.server, bearer) for name, bearer in bearers.items()}
        yield callers
        for caller in callers.values():
            caller.channel.close()
        TrustedIssuers(organization.database, utc_now).remove_issuer(OPERATOR, str(trusted.issuer.id))


def calls(caller: Caller, owner: Caller, organization: str, held: tuple[str, ...]) -> dict[str, Made]:
    """Every call of the table, as this caller would really make it.

    An API token asks for `held` where it creates one: more than it has itself is refused.
    """
    wanted = {"permissions": held}

    def name() -> str:
        return f"m-{uuid4().hex[:12]}"

    def made(**where: IdentityReference) -> str:
        return owner.create(name(), **where).item.id

    def choose() -> object:
        code, _ = refusal(caller.memberships)
        mine = caller.memberships() if code == "OK" else []
        return caller.select(mine[0].id if mine else str(uuid4()))

    return {
        "Infoz": caller.infoz,
        "Statusz": lambda: caller.statusz(readiness=True),
        "Current": caller.current,
        "ListMemberships": caller.memberships,
        "SetCurrentMembership": choose,
        "Update": lambda: caller.update(organization, enable_ai_agent_collector=True),
        "List": caller.list,
        "List its project": lambda: caller.list(project=WEB),
        "List another project": lambda: caller.list(project=ML),
        "Create for the organization": lambda: caller.create(name(), **wanted),
        "Create in its project": lambda: caller.create(name(), project_reference=WEB, **wanted),
        "Create in another project": lambda: caller.create(name(), project_reference=ML, **wanted),
        "Revoke a token of the organization": lambda: caller.revoke(made()),
        "Revoke a token of its project": lambda: caller.revoke(made(project_reference=WEB)),
        "Revoke a token of another project": lambda: caller.revoke(made(project_reference=ML)),
    }


def answers(
    caller: Caller, owner: Caller, organization: Organization, held: tuple[str, ...] = ()
) -> dict[str, tuple[str, str]]:
    """What the server really says to each; in the table the organization is acme."""
    made = calls(caller, owner, organization.name, held)
    told = {name: shown(refusal(call)) for name, call in made.items()}
    return {name: (code, text.replace(organization.name, "acme")) for name, (code, text) in told.items()}


@pytest.mark.parametrize("who", PEOPLE)
def test_a_role_opens_what_the_table_says(
    people: Mapping[str, Caller], owner: Caller, organization: Organization, who: str
) -> None:
    expected = {call.name: ANSWERS[getattr(call, who)] for call in TABLE}
    assert answers(people[who], owner, organization) == expected


@pytest.mark.parametrize("held", SUBSETS, ids="+".join)
@pytest.mark.parametrize("scope", ["organization", "project"])
def test_permissions_open_what_the_table_says(
    organization: Organization, owner: Caller, scope: str, held: tuple[str, ...]
) -> None:
    where = {"project_reference": WEB} if scope == "project" else {}
    made = owner.create(f"m-{uuid4().hex[:12]}", permissions=held, **where)
    assert tuple(made.item.permissions) == held
    caller = Caller(organization.server, made.jwt)
    expected = {call.name: ANSWERS[call.for_token(scope, frozenset(held))] for call in TABLE}
    assert answers(caller, owner, organization, held) == expected
    caller.channel.close()


@pytest.mark.parametrize("scope", ["organization", "project"])
def test_a_token_without_a_choice_gets_the_default(owner: Caller, scope: str) -> None:
    where = {"project_reference": WEB} if scope == "project" else {}
    made = owner.create(f"m-{uuid4().hex[:12]}", **where)
    assert tuple(made.item.permissions) == SETS[f"Default, {scope}"][1]


def test_a_token_that_lost_every_permission_opens_nothing(organization: Organization, owner: Caller) -> None:
    name = f"m-{uuid4().hex[:12]}"
    caller = Caller(organization.server, owner.create(name).jwt)
    assert refusal(caller.list) == ("OK", "")
    with organization.server.database() as database:
        database.execute("UPDATE api_tokens SET permissions = '[]' WHERE name = ?", (name,))
    expected = {call.name: ANSWERS[call.for_token("organization", frozenset())] for call in TABLE}
    assert answers(caller, owner, organization) == expected
    caller.channel.close()


@pytest.mark.parametrize("wanted", ["everything", "", "API_TOKEN:LIST", "api_token:*", "api_token:list "])
def test_an_unknown_permission_is_refused_with_its_name(owner: Caller, wanted: str) -> None:
    asked = ["organization:read", wanted]
    code, message = refusal(lambda: owner.create(f"m-{uuid4().hex[:12]}", permissions=asked))
    assert (code, message) == ("INVALID_ARGUMENT", f"{wanted!r} is not a permission")


@pytest.mark.parametrize("lacking", permissions.EVERY)
def test_a_token_hands_out_only_what_it_holds(
    organization: Organization, owner: Caller, lacking: str
) -> None:
    held = [name for name in permissions.EVERY if name != lacking]
    caller = Caller(organization.server, owner.create(f"m-{uuid4().hex[:12]}", permissions=held).jwt)
    asked = {"permissions": [lacking], "project_reference": WEB}
    expected = ("FAILED_PRECONDITION", f"{TOO_MUCH} {lacking}")
    if lacking == permissions.TOKEN_CREATE:
        expected = ("PERMISSION_DENIED", "operation not allowed")
    assert refusal(lambda: caller.create(f"m-{uuid4().hex[:12]}", **asked)) == expected
    caller.channel.close()


def test_every_method_of_our_services_is_in_the_table() -> None:
    from app.proto.controlplane.v1 import api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2

    files = (api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2)
    methods = {
        method.name
        for file in files
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert methods == {name.split()[0] for name in CALLS}


def test_the_page_shows_this_table() -> None:
    script = (
        "from scripts.permissions import PAGE, renewed; page = PAGE.read_text(); assert renewed(page) == page"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, "run scripts/permissions.py"

"""Each permission, each call, each role, held to the one table that docs/permissions.md shows."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, combinations
from uuid import uuid4

import pytest

from app.domain import permissions
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from tests.integration.keyless.conftest import add_issuer
from tests.integration.server.callers import Caller, refusal
from tests.integration.server.conftest import EXTRA, add_person
from tests.support import server as servers
from tests.support.issuer import running_issuer
from tests.support.permission_table import ANSWERS, CALLS, PEOPLE, SETS, TABLE
from tests.support.server import ROOT, AccountServer, sign_in

WEB, ML = IdentityReference(name="web"), IdentityReference(name="ml")
SUBSETS = list(
    chain.from_iterable(
        combinations(permissions.EVERY, size) for size in range(1, len(permissions.EVERY) + 1)
    )
)
Made = Callable[[], object]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountServer]:
    """A server of these tests' own."""
    server = servers.start(tmp_path_factory.mktemp("matrix"))
    for name, role in EXTRA.items():
        add_person(server, f"{name}@acme.example", role)
    yield server
    servers.release(server.process)


@pytest.fixture(scope="module")
def owner(plane: AccountServer) -> Iterator[Caller]:
    """Makes what others try to use."""
    caller = Caller(plane, sign_in(plane, *plane.owner))
    yield caller
    caller.channel.close()


@pytest.fixture(scope="module")
def people(plane: AccountServer) -> Iterator[Mapping[str, Caller]]:
    """Everybody but the tokens, by the names of the table."""
    logins = {"owner": plane.owner[0], "viewer": plane.viewer[0]}
    logins |= {name: f"{name}@acme.example" for name in EXTRA}
    bearers = {name: sign_in(plane, email, plane.owner[1]) for name, email in logins.items()}
    with running_issuer() as issuer:
        add_issuer(plane.data, issuer)
        bearers["job"] = issuer.token().reveal()
        callers = {name: Caller(plane, bearer) for name, bearer in bearers.items()}
        yield callers
        for caller in callers.values():
            caller.channel.close()


def calls(caller: Caller, owner: Caller) -> dict[str, Made]:
    """Every call of the table, as this caller would really make it."""

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
        "Update": lambda: caller.update("acme", enable_ai_agent_collector=True),
        "List": caller.list,
        "Create for the organization": lambda: caller.create(name()),
        "Create in its project": lambda: caller.create(name(), project_reference=WEB),
        "Create in another project": lambda: caller.create(name(), project_reference=ML),
        "Revoke a token of the organization": lambda: caller.revoke(made()),
        "Revoke a token of its project": lambda: caller.revoke(made(project_reference=WEB)),
        "Revoke a token of another project": lambda: caller.revoke(made(project_reference=ML)),
    }


def answers(caller: Caller, owner: Caller) -> dict[str, tuple[str, str]]:
    """What the server really says to each."""
    return {name: refusal(call) for name, call in calls(caller, owner).items()}


@pytest.mark.parametrize("who", PEOPLE)
def test_a_role_opens_what_the_table_says(people: Mapping[str, Caller], owner: Caller, who: str) -> None:
    expected = {call.name: ANSWERS[getattr(call, who)] for call in TABLE}
    assert answers(people[who], owner) == expected


@pytest.mark.parametrize("held", SUBSETS, ids="+".join)
@pytest.mark.parametrize("scope", ["organization", "project"])
def test_permissions_open_what_the_table_says(
    plane: AccountServer, owner: Caller, scope: str, held: tuple[str, ...]
) -> None:
    where = {"project_reference": WEB} if scope == "project" else {}
    made = owner.create(f"m-{uuid4().hex[:12]}", permissions=held, **where)
    assert tuple(made.item.permissions) == held
    caller = Caller(plane, made.jwt)
    expected = {call.name: ANSWERS[call.for_token(scope, frozenset(held))] for call in TABLE}
    assert answers(caller, owner) == expected
    caller.channel.close()


@pytest.mark.parametrize("scope", ["organization", "project"])
def test_a_token_without_a_choice_gets_the_default(owner: Caller, scope: str) -> None:
    where = {"project_reference": WEB} if scope == "project" else {}
    made = owner.create(f"m-{uuid4().hex[:12]}", **where)
    assert tuple(made.item.permissions) == SETS[f"Default, {scope}"][1]


def test_a_token_that_lost_every_permission_opens_nothing(plane: AccountServer, owner: Caller) -> None:
    name = f"m-{uuid4().hex[:12]}"
    caller = Caller(plane, owner.create(name).jwt)
    assert refusal(caller.list) == ("OK", "")
    with plane.database() as database:
        database.execute("UPDATE api_tokens SET permissions = '[]' WHERE name = ?", (name,))
    expected = {call.name: ANSWERS[call.for_token("organization", frozenset())] for call in TABLE}
    assert answers(caller, owner) == expected
    caller.channel.close()


@pytest.mark.parametrize("wanted", ["everything", "", "API_TOKEN:LIST", "api_token:*", "api_token:list "])
def test_an_unknown_permission_is_refused_with_its_name(owner: Caller, wanted: str) -> None:
    asked = ["organization:read", wanted]
    code, message = refusal(lambda: owner.create(f"m-{uuid4().hex[:12]}", permissions=asked))
    assert (code, message) == ("INVALID_ARGUMENT", f"{wanted!r} is not a permission")


@pytest.mark.parametrize("lacking", permissions.EVERY)
def test_a_token_hands_out_only_what_it_holds(plane: AccountServer, owner: Caller, lacking: str) -> None:
    held = [name for name in permissions.EVERY if name != lacking]
    caller = Caller(plane, owner.create(f"m-{uuid4().hex[:12]}", permissions=held).jwt)
    asked = {"permissions": [lacking], "project_reference": WEB}
    assert refusal(lambda: caller.create(f"m-{uuid4().hex[:12]}", **asked)) == (
        "PERMISSION_DENIED",
        "operation not allowed",
    )
    caller.channel.close()


def test_every_method_of_our_services_is_in_the_table() -> None:
    from app.proto.controlplane.v1 import (
        api_token_pb2,
        context_pb2,
        organization_pb2,
        status_pb2,
        user_pb2,
    )

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

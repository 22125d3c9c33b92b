"""API tokens over gRPC: creating, listing, revoking, using them."""

import base64
import json
import time
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain import names
from app.proto.controlplane.v1 import api_token_pb2 as pb
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from app.server.core import api_tokens
from tests.integration.server.callers import Caller, refusal
from tests.integration.server.conftest import WEB, Cast
from tests.support.databases import ON_BOTH
from tests.support.server import ServerFactory, age_tokens, bulk_tokens, sign_in

TAKEN = ("ALREADY_EXISTS", "duplicated: name already taken")
UNKNOWN = ("NOT_FOUND", "API token not found")


def claims_of(jwt: str) -> dict[str, object]:
    part = jwt.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(claims, dict)
    return claims


@ON_BOTH
def test_a_new_token_comes_back_with_all_it_was_given(people: Cast, name: str) -> None:
    life = Duration(seconds=86_400)
    made = people("owner").create(name, description="lives in CI", expires_in=life, project_reference=WEB)
    item = made.item
    assert (item.name, item.description, item.organization_name) == (name, "lives in CI", people.home)
    assert (item.scoped_entity.type, item.scoped_entity.name) == ("project", "web")
    assert abs(item.expires_at.seconds - item.created_at.seconds - 86_400) <= 1
    assert not item.HasField("last_used_at")
    assert not item.HasField("revoked_at")
    assert list(item.permissions) == ["organization:read"]


def test_the_jwt_says_whose_it_is(people: Cast, name: str) -> None:
    made = people("owner").create(name, expires_in=Duration(seconds=3600), project_reference=WEB)
    claims = claims_of(made.jwt)
    item = made.item
    assert claims["aud"] == "api-token-auth.chainloop"
    assert (claims["jti"], claims["token_name"]) == (item.id, name)
    assert (claims["org_id"], claims["org_name"]) == (item.organization_id, people.home)
    assert (claims["project_id"], claims["project_name"]) == (item.scoped_entity.id, "web")
    # A JWT counts whole seconds; the server holds to the end that the list shows.
    assert claims["exp"] == item.expires_at.seconds + bool(item.expires_at.nanos)
    assert (
        claims_of(people("owner").create(name).jwt).keys().isdisjoint({"exp", "project_id", "project_name"})
    )


def test_the_jwt_is_nowhere_in_the_data_folder(people: Cast, name: str) -> None:
    signature = people("owner").create(name).jwt.rpartition(".")[2].encode()
    files = [path for path in people.server.data.iterdir() if path.is_file()]
    assert "loopin.db" in {path.name for path in files}
    for path in files:
        assert signature not in path.read_bytes()


@ON_BOTH
def test_a_name_is_unique_among_the_unrevoked_of_one_scope(people: Cast, name: str) -> None:
    owner = people("owner")
    first = owner.create(name).item
    assert refusal(lambda: owner.create(name)) == TAKEN
    owner.create(name, project_reference=WEB)
    assert refusal(lambda: owner.create(name, project_reference=WEB)) == TAKEN
    owner.create(name, project_reference=IdentityReference(name="ml"))
    owner.revoke(first.id)
    assert owner.create(name).item.id != first.id


@pytest.mark.parametrize("bad", ["", "-a", "a-", "A", "a_b", "ä", "a" * 64, "a\nb", "[red]a", "a\x00"])
def test_a_name_that_is_no_label_is_refused(people: Cast, bad: str) -> None:
    code, message = refusal(lambda: people("owner").create(bad))
    assert code == "INVALID_ARGUMENT"
    assert message.startswith("invalid name: ")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=70) | st.from_regex(r"[a-z0-9-]{1,70}", fullmatch=True))
def test_the_server_takes_exactly_the_names_that_the_rule_allows(people: Cast, name: str) -> None:
    code, _ = refusal(lambda: people("owner").create(name))
    assert code in ({"INVALID_ARGUMENT"} if names.problem(name) else {"OK", "ALREADY_EXISTS"})


@pytest.mark.parametrize("seconds", [-1, 31_536_000_001, 315_576_000_000])
def test_a_life_that_is_none_is_refused(people: Cast, name: str, seconds: int) -> None:
    code, message = refusal(lambda: people("owner").create(name, expires_in=Duration(seconds=seconds)))
    assert code == "INVALID_ARGUMENT"
    assert message.startswith("invalid expires_in")


def test_a_life_of_nothing_is_none_and_of_a_nanosecond_is_short(people: Cast, name: str) -> None:
    made = people("owner").create(name, expires_in=Duration(seconds=0))
    assert not made.item.HasField("expires_at")
    assert "exp" not in claims_of(made.jwt)
    brief = people("owner").create(f"{name}-b", expires_in=Duration(nanos=1))
    assert brief.item.HasField("expires_at")


@ON_BOTH
def test_what_a_token_makes_does_not_outlive_it(people: Cast, name: str) -> None:
    parent = people("owner").create(name, expires_in=Duration(seconds=3600))
    people.bearers[name] = parent.jwt
    latest = parent.item.expires_at.ToDatetime().isoformat(timespec="seconds") + "Z"
    for life in (0, 7200):
        wish = {"project_reference": WEB, "expires_in": Duration(seconds=life)}
        refused = refusal(partial(people(name).create, "x", **wish))
        assert refused == ("FAILED_PRECONDITION", f"{api_tokens.TOO_LATE} {latest}")
    child = people(name).create(f"{name}-c", project_reference=WEB, expires_in=Duration(seconds=60))
    assert child.item.expires_at.seconds < parent.item.expires_at.seconds


@ON_BOTH
def test_what_a_token_makes_may_do_no_more_than_it(people: Cast, name: str) -> None:
    rights = ["organization:read", "api_token:create"]
    people.bearers[name] = people("owner").create(name, permissions=rights).jwt
    wanted = partial(people(name).create, "x", project_reference=WEB)
    refused = refusal(partial(wanted, permissions=["api_token:create", "api_token:revoke"]))
    assert refused == ("FAILED_PRECONDITION", f"{api_tokens.TOO_MUCH} api_token:revoke")
    child = people(name).create(f"{name}-c", project_reference=WEB, permissions=["api_token:create"])
    people.bearers[f"{name}-c"] = child.jwt
    # What a project's token gets unasked is more than this one has.
    refused = refusal(partial(people(f"{name}-c").create, "y", project_reference=WEB))
    assert refused == ("FAILED_PRECONDITION", f"{api_tokens.TOO_MUCH} organization:read")


@ON_BOTH
def test_a_list_says_which_token_created_a_token(people: Cast, name: str) -> None:
    parent = people("owner").create(name)
    people.bearers[name] = parent.jwt
    child = people(name).create(f"{name}-c", project_reference=WEB)
    assert (parent.item.parent_id, child.item.parent_id) == ("", parent.item.id)
    listed = {item.id: item.parent_id for item in people("owner").list()}
    assert (listed[parent.item.id], listed[child.item.id]) == ("", parent.item.id)


def test_an_unknown_permission_is_refused_by_its_name(people: Cast, name: str) -> None:
    code, message = refusal(lambda: people("owner").create(name, permissions=["api_token:*"]))
    assert code == "INVALID_ARGUMENT"
    assert "'api_token:*' is not a permission" in message


@ON_BOTH
@pytest.mark.parametrize(
    ("reference", "code"),
    [
        (IdentityReference(), "INVALID_ARGUMENT"),
        (IdentityReference(id=str(uuid4()), name="web"), "INVALID_ARGUMENT"),
        (IdentityReference(id="not-an-id"), "INVALID_ARGUMENT"),
        (IdentityReference(id=str(uuid4())), "NOT_FOUND"),
        (IdentityReference(name="nowhere"), "NOT_FOUND"),
    ],
)
def test_a_project_is_named_by_exactly_one_of_id_and_name(
    people: Cast, name: str, reference: IdentityReference, code: str
) -> None:
    assert refusal(lambda: people("owner").create(name, project_reference=reference))[0] == code
    assert refusal(lambda: people("owner").list(project=reference))[0] == code


@ON_BOTH
def test_lists_are_filtered_by_status_scope_and_project(people: Cast, name: str) -> None:
    owner, request = people("owner"), pb.APITokenServiceListRequest
    alive = owner.create(f"{name}-a").item.id
    project = owner.create(f"{name}-b", project_reference=WEB).item.id
    gone = owner.create(f"{name}-c").item.id
    owner.revoke(gone)

    def ids(**filters: object) -> set[str]:
        return {item.id for item in owner.list(**filters) if item.name.startswith(name)}

    assert ids() == {alive, project}
    assert ids(status_filter=request.STATUS_FILTER_REVOKED) == {gone}
    assert ids(status_filter=request.STATUS_FILTER_ALL) == {alive, project, gone}
    assert ids(include_revoked=True) == {alive, project}
    assert ids(scope=request.SCOPE_GLOBAL) == {alive}
    assert ids(scope=request.SCOPE_PROJECT) == {project}
    assert ids(project=WEB) == {project}
    assert refusal(lambda: owner.list(scope=9))[0] == "INVALID_ARGUMENT"


@ON_BOTH
def test_the_oldest_comes_first_and_expired_ones_are_among_the_active(people: Cast, name: str) -> None:
    owner = people("owner")
    owner.create(name, expires_in=Duration(nanos=1_000_000))
    items = owner.list()
    assert items[-1].name == name
    moments = [item.created_at.ToDatetime() for item in items]
    assert moments == sorted(moments)


@ON_BOTH
def test_a_revoked_token_is_shown_as_revoked_and_cannot_be_revoked_again(people: Cast, name: str) -> None:
    owner = people("owner")
    made = owner.create(name)
    owner.revoke(made.item.id)
    status = pb.APITokenServiceListRequest.STATUS_FILTER_REVOKED
    assert next(i for i in owner.list(status_filter=status) if i.id == made.item.id).HasField("revoked_at")
    assert refusal(lambda: owner.revoke(made.item.id)) == UNKNOWN
    assert refusal(lambda: owner.revoke(str(uuid4()))) == UNKNOWN
    assert refusal(lambda: owner.revoke("7")) == ("INVALID_ARGUMENT", "invalid uuid '7'")


@ON_BOTH
def test_a_token_of_another_organization_cannot_be_revoked(people: Cast, name: str) -> None:
    made = people("owner").create(name)
    assert refusal(lambda: people("outsider").revoke(made.item.id)) == UNKNOWN
    assert made.item.id in {item.id for item in people("owner").list()}


@ON_BOTH
def test_a_revoked_an_expired_and_a_forged_token_do_not_sign_in(people: Cast, name: str) -> None:
    owner = people("owner")
    revoked = owner.create(f"{name}-a")
    owner.revoke(revoked.item.id)
    assert refusal(Caller(people.server, revoked.jwt).current) == ("UNAUTHENTICATED", "API token revoked")
    expired = owner.create(f"{name}-b", expires_in=Duration(nanos=1_000_000))
    assert refusal(Caller(people.server, expired.jwt).current) == ("UNAUTHENTICATED", "JWT token has expired")
    head, body, signature = owner.create(f"{name}-c").jwt.split(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    assert refusal(Caller(people.server, forged).current) == ("UNAUTHENTICATED", "Token is invalid")


def test_an_unsigned_token_is_not_taken(people: Cast, name: str) -> None:
    body = people("owner").create(name).jwt.split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    assert refusal(Caller(people.server, f"{head}.{body}.").current)[0] == "UNAUTHENTICATED"


def test_a_deleted_tokens_jwt_is_unknown(people: Cast, name: str) -> None:
    made = people("owner").create(name)
    connection = people.server.database()
    connection.execute("DELETE FROM api_tokens WHERE name = ?", (name,))
    connection.close()
    assert refusal(Caller(people.server, made.jwt).current) == ("UNAUTHENTICATED", "API token not found")


@ON_BOTH
def test_using_a_token_stamps_it_at_most_once_a_minute(people: Cast, name: str) -> None:
    owner = people("owner")
    token = Caller(people.server, owner.create(name).jwt)

    def stamp() -> int:
        return next(item for item in owner.list() if item.name == name).last_used_at.ToNanoseconds()

    assert stamp() == 0
    token.current()
    first = stamp()
    assert abs(first / 1e9 - time.time()) < 20
    token.current()
    assert stamp() == first
    age_tokens(people.server, name, used=timedelta(seconds=61), created=timedelta(days=1))
    refusal(token.memberships)
    assert stamp() > first


def test_a_list_is_sent_whole_and_the_client_says_how_much_it_takes(fresh_server: ServerFactory) -> None:
    server = fresh_server()
    bulk_tokens(server, "acme", 20_000)
    jwt = sign_in(server, *server.owner)
    listed = Caller(server, jwt).list()
    assert len(listed) > 20_000
    assert sum(item.ByteSize() for item in listed) > 4 * 1024 * 1024
    code, message = refusal(Caller(server, jwt, limit=4 * 1024 * 1024).list)
    assert code == "RESOURCE_EXHAUSTED"
    assert "larger than max" in message


def test_a_request_that_is_too_large_is_refused(people: Cast, name: str) -> None:
    huge = "x" * (2 * 1024 * 1024)
    assert refusal(lambda: people("owner").create(name, description=huge))[0] == "RESOURCE_EXHAUSTED"
    assert refusal(lambda: people("owner").create(name, description="x" * 4001))[0] == "INVALID_ARGUMENT"

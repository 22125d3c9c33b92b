"""Calls recorded at the vendor's control plane, made again at this server.

`recorded.jsonl` has a call a line: method, caller, organization header, request, status code, the reason in
the details, and the fields that were set. Reasons in upper case are the protocol's, others are not compared.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.organizations import Role
from app.proto.controlplane.v1 import api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from app.server.clock import utc_now
from app.server.core.accounts import Accounts, NewUser
from app.server.core.memberships import Memberships
from tests.integration.server.callers import TIMEOUT, Caller
from tests.support.databases import ON_BOTH, ago
from tests.support.organizations import OPERATOR, PASSWORD, Organization
from tests.support.server import sign_in

CALLS = [json.loads(line) for line in (Path(__file__).parent / "recorded.jsonl").read_text().splitlines()]
FILES = (api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2)
SERVICES = {service.name: service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()}
WEB = IdentityReference(name="web")

REVOKED = "a revoked token is not signed in, and hears so"
UNKNOWN_VALUE = "a value that the protocol does not have is refused"
NOT_THERE = "an unknown organization is answered in one way, whatever the call"
DEVIATIONS = {
    "009": ("UNAUTHENTICATED", REVOKED),
    "046": ("UNAUTHENTICATED", REVOKED),
    "053": ("INVALID_ARGUMENT", UNKNOWN_VALUE),
    "054": ("INVALID_ARGUMENT", UNKNOWN_VALUE),
    "058": ("INVALID_ARGUMENT", UNKNOWN_VALUE),
    "074": ("INVALID_ARGUMENT", "nothing is made that has expired before"),
    "078": ("INVALID_ARGUMENT", "a description has at most 4,000 characters"),
    "092": ("PERMISSION_DENIED", NOT_THERE),
    "093": ("PERMISSION_DENIED", NOT_THERE),
    "109": ("PERMISSION_DENIED", NOT_THERE),
}
"""Cases that are answered otherwise on purpose: the code, and why. docs/server.md has them."""
MORE = {"permissions", "capabilities", "updated_at", "user"}
"""Fields, with what is in them, that this server sets and the recorded answer has not."""


# One process makes them all, in their order: some change what later ones see.
pytestmark = pytest.mark.xdist_group("recorded calls")


class Cast:
    """The callers of the recording, in two organizations of a test's own."""

    def __init__(self, acme: Organization, beta: Organization) -> None:
        self._names = {"acme": acme.name, "beta": beta.name}
        self._server = acme.server
        owner = self._person(acme, "owner-of-both", acme="owner", beta="owner")
        self._owner = Caller(acme.server, owner)
        old = self._owner.create("old", expires_in={"seconds": 3600})
        used = self._owner.create("used")
        in_web = self._owner.create("in-web", project_reference=WEB)
        revoked = self._owner.create("revoked")
        self._owner.revoke(revoked.item.id)
        self._owner.create("lives", expires_in={"seconds": 86400})
        for jwt in (used.jwt, in_web.jwt):
            Caller(acme.server, jwt).current()
        with acme.server.database() as database:
            past = ago(timedelta(minutes=1))
            database.execute("UPDATE api_tokens SET expires_at = ? WHERE name = 'old'", (past,))
        self._values = {"the id of the revoked token": revoked.item.id}
        self._bearers = {
            "nobody": "",
            "not a JWT": "not-a-jwt",
            "owner of acme and beta": owner,
            "API token of organization acme": used.jwt,
            "API token of project web": in_web.jwt,
            "expired API token": old.jwt,
            "revoked API token": revoked.jwt,
            "person without an organization": self._person(acme, "in-none"),
            "member of acme, viewer of beta, no project role": self._person(
                acme, "member", acme="member", beta="viewer"
            ),
            "viewer of acme": self._person(acme, "viewer", acme="viewer"),
        }

    def _person(self, at: Organization, name: str, **roles: str) -> str:
        email = f"{name}@{at.name}.example"
        Accounts(at.database, utc_now).add_user(OPERATOR, NewUser(email, "Ann", "Lee"), PASSWORD)
        for place, role in roles.items():
            Memberships(at.database, utc_now).set_membership(OPERATOR, email, self._names[place], Role(role))
        return sign_in(at.server, email, PASSWORD)

    def _said(self, value: Any) -> Any:
        """What stands for it here: names of organizations, ids, and texts of a length."""
        if isinstance(value, dict):
            return {key: self._said(inner) for key, inner in value.items()}
        if not isinstance(value, str):
            return value
        if value.endswith(" characters)"):
            return "x" * int(value[1:].split()[0])
        return self._names.get(value) or self._values.get(value) or value

    def make(self, call: dict[str, Any]) -> tuple[str, str, set[str]]:
        """Make the call; the code, the reason, and the fields of the answer."""
        service, _, method = call["method"].partition("/")
        described = SERVICES[service].methods_by_name[method]
        request = json_format.ParseDict(self._said(call["request"]), described.input_type._concrete_class())
        bearer, organization = self._bearers[call["caller"]], call["organization"]
        metadata: tuple[tuple[str, str | bytes], ...] = ()
        if bearer:
            metadata += (("authorization", f"Bearer {bearer}"),)
        if organization is not None:
            metadata += (("chainloop-organization", self._said(organization)),)
        ask = self._owner.channel.unary_unary(
            f"/{SERVICES[service].full_name}/{method}",
            request_serializer=described.input_type._concrete_class.SerializeToString,
            response_deserializer=described.output_type._concrete_class.FromString,
        )
        try:
            return "OK", "", set(paths(ask(request, metadata=metadata, timeout=TIMEOUT)))
        except grpc.RpcError as error:
            return error.code().name, reason_of(error), set()


def reason_of(error: grpc.RpcError) -> str:
    """The reason in the details of a refusal."""
    status = rpc_status.from_call(cast("grpc.Call", error))
    assert status is not None, "a refusal without details"
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)


def paths(message: Message, before: str = "") -> Iterator[str]:
    """The names of the fields that are set, with those they are in; of lists, those of any item."""
    for field, value in message.ListFields():
        path = f"{before}{field.name}"
        yield path
        if field.message_type is not None:
            for item in value if field.is_repeated else [value]:
                yield from paths(item, f"{path}.")


@pytest.fixture(scope="module")
def casts() -> dict[str, Cast]:
    """One for each database: the calls leave to each other what they need."""
    return {}


@pytest.fixture
def callers(organization: Organization, other_organization: Organization) -> Cast:
    """A cast of the test's own: what random calls change is seen by no other test."""
    return Cast(organization, other_organization)


@ON_BOTH
@pytest.mark.parametrize("call", CALLS, ids=[call["case"] for call in CALLS])
def test_it_answers_as_recorded_or_deviates_by_name(
    organization: Organization,
    other_organization: Organization,
    database_kind: str,
    casts: dict[str, Cast],
    call: dict[str, Any],
) -> None:
    cast = casts.get(database_kind) or casts.setdefault(database_kind, Cast(organization, other_organization))
    code, reason, fields = cast.make(call)
    wanted, _ = DEVIATIONS.get(call["case"], (call["code"], ""))
    assert code == wanted
    if (call["reason"] or "").isupper() and call["case"] not in DEVIATIONS:
        assert reason == call["reason"]
    recorded = set(call["fields"] or ())
    assert recorded <= fields if wanted == "OK" else not fields
    assert {path for path in fields - recorded if MORE.isdisjoint(path.split("."))} == set()


def test_every_deviation_is_one() -> None:
    recorded = {call["case"]: call["code"] for call in CALLS}
    assert all(recorded[case] != code for case, (code, _) in DEVIATIONS.items())
    assert len(CALLS) == 85


@ON_BOTH
@pytest.mark.slow
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    call=st.sampled_from(CALLS),
    caller=st.sampled_from(sorted({call["caller"] for call in CALLS})),
    organization=st.sampled_from([None, "", "acme", "beta", "nope", "a b", "(300 characters)"]),
    request_of=st.sampled_from(CALLS),
)
def test_whoever_asks_whatever_of_wherever_is_refused_with_a_reason(
    organization: str | None,
    call: dict[str, Any],
    caller: str,
    request_of: dict[str, Any],
    callers: Cast,
) -> None:
    """Caller, organization and request of the recorded calls, swapped at random."""
    swapped = {**call, "caller": caller, "organization": organization}
    if request_of["method"] == call["method"]:
        swapped["request"] = request_of["request"]
    code, reason, _ = callers.make(swapped)
    assert code not in {"INTERNAL", "UNKNOWN"}
    assert bool(reason) == (code != "OK")

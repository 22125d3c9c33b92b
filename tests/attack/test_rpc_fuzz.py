"""Whatever message, whoever sends it: every call answers with a status that is written down, and goes on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.proto.controlplane.v1 import (
    api_token_pb2,
    context_pb2,
    organization_pb2,
    shared_pb2,
    status_pb2,
    user_pb2,
)
from app.server.persistence.engine import Database
from tests.attack.messages import ORGANIZATION, messages
from tests.attack.wire import call
from tests.integration.server.callers import Caller
from tests.support import databases
from tests.support.databases import ON_BOTH
from tests.support.organizations import add_organization
from tests.support.server import AccountServer, SharedServers

pytestmark = pytest.mark.slow

FILES = (api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2)
METHODS: list[MethodDescriptor] = [
    method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
DOCUMENTED = {
    *(
        "OK",
        "INVALID_ARGUMENT",
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
    ),
    *("FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"),
}
BOUNDED = settings(
    max_examples=35,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """A server, and an owner, an owner of another organization, a viewer, an API token and nobody."""

    server: AccountServer
    channel: grpc.Channel
    bearers: Sequence[str]

    def call(self, path: str, data: bytes, who: str, organization: str = "") -> tuple[str, str]:
        """Call as the bearer `who`; the answer must be one that is written down."""
        metadata = [("authorization", f"Bearer {who}"), ("chainloop-organization", organization)]
        if not organization.isascii():
            metadata.pop()
        code, text = call(self.channel, path, data, metadata)
        assert code in DOCUMENTED, (code, text)
        assert len(text) < 1000
        return code, text

    def works(self) -> None:
        """It goes on as before."""
        path = "/controlplane.v1.ContextService/Current"
        assert self.call(path, b"", self.bearers[0]) == ("OK", "")
        assert "failed" not in self.server.errors


@pytest.fixture(scope="session")
def all_fuzzed(shared_servers: SharedServers) -> Iterator[Callable[[str], Fuzzed]]:
    """One for each database, made when it is first asked for."""
    made: dict[str, Fuzzed] = {}
    with ExitStack() as stack:

        def on(kind: str) -> Fuzzed:
            if kind not in made:
                server = shared_servers.on(kind)
                database = stack.enter_context(closing(Database(databases.url_of(server.data))))
                here = add_organization(server, database, ORGANIZATION)
                there = add_organization(server, database)
                people = [here.owner.bearer, there.owner.bearer, here.member("viewer").bearer]
                caller = Caller(server, here.owner.bearer)
                stack.callback(caller.channel.close)
                made[kind] = Fuzzed(server, caller.channel, [*people, caller.create("fuzzed").jwt, ""])
            return made[kind]

        yield on


@pytest.fixture
def fuzzed(all_fuzzed: Callable[[str], Fuzzed], database_kind: str) -> Fuzzed:
    """The one on the database of the test."""
    return all_fuzzed(database_kind)


@ON_BOTH
@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.full_name.rpartition('.')[2]}")
def test_any_message_gets_a_documented_status(fuzzed: Fuzzed, method: MethodDescriptor) -> None:
    """Databases mind different things in a text."""
    path = f"/{method.containing_service.full_name}/{method.name}"

    @BOUNDED
    @given(
        request=messages(method.input_type),
        who=st.sampled_from(range(5)),
        organization=st.sampled_from(["", ORGANIZATION, "x" * 4000, "%00", "é%"]),
    )
    def answers(request: Message, who: int, organization: str) -> None:
        fuzzed.call(path, request.SerializeToString(), fuzzed.bearers[who], organization)

    answers()
    fuzzed.works()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.full_name.rpartition('.')[2]}")
def test_any_bytes_are_a_message_or_refused_as_none(fuzzed: Fuzzed, method: MethodDescriptor) -> None:
    path = f"/{method.containing_service.full_name}/{method.name}"

    @BOUNDED
    @given(data=st.binary(max_size=60))
    def answers(data: bytes) -> None:
        fuzzed.call(path, data, fuzzed.bearers[0])

    answers()
    fuzzed.works()


NUL = "\x00"
_PROJECT = shared_pb2.IdentityReference(name=NUL)
MINDED = {
    "APITokenService/List": api_token_pb2.APITokenServiceListRequest(project=_PROJECT),
    "APITokenService/Create": api_token_pb2.APITokenServiceCreateRequest(
        name="minded", project_reference=_PROJECT
    ),
    "APITokenService/Revoke": api_token_pb2.APITokenServiceRevokeRequest(id=NUL),
    "UserService/SetCurrentMembership": user_pb2.SetCurrentMembershipRequest(membership_id=NUL),
    "OrganizationService/Update": organization_pb2.OrganizationServiceUpdateRequest(
        name=ORGANIZATION, policies_allowed_hostnames=[NUL], update_policies_allowed_hostnames=True
    ),
}


@ON_BOTH
@pytest.mark.parametrize("method", MINDED)
def test_a_text_that_a_database_minds_is_refused(fuzzed: Fuzzed, method: str) -> None:
    data = MINDED[method].SerializeToString()
    code, _ = fuzzed.call(f"/controlplane.v1.{method}", data, fuzzed.bearers[0])
    assert code in {"INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED"}
    fuzzed.works()

"""Whatever message, whoever sends it: every call answers with a status that is written down, and goes on."""

from collections.abc import Iterator

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
from tests.attack.messages import messages
from tests.attack.wire import call
from tests.support import databases
from tests.support import server as servers
from tests.support.server import AccountServer, sign_in

FILES = (api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2)
METHODS: list[MethodDescriptor] = [
    method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
DOCUMENTED = {
    *("OK", "INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS"),
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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AccountServer]:
    """Databases mind different things in a text."""
    if request.param == "sqlite":
        yield request.getfixturevalue("target")
        return
    folder = tmp_path_factory.mktemp("fuzzed")
    databases.on_postgres(request.getfixturevalue("postgres_folder"), folder)
    made = servers.start(folder)
    yield made
    servers.release(made.process)


@pytest.fixture(scope="module")
def channel(server: AccountServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc, [("grpc.enable_http_proxy", 0)]) as made:
        yield made


@pytest.fixture(scope="module")
def bearers(server: AccountServer) -> list[str]:
    """An owner, an owner of another organization, a viewer, an API token and nobody."""
    people = [sign_in(server, *login) for login in (server.owner, server.outsider, server.viewer)]
    return [*people, server.seed["api_token"]["jwt"], ""]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.full_name.rpartition('.')[2]}")
def test_any_message_gets_a_documented_status(
    channel: grpc.Channel, bearers: list[str], method: MethodDescriptor
) -> None:
    path = f"/{method.containing_service.full_name}/{method.name}"

    @BOUNDED
    @given(
        request=messages(method.input_type),
        who=st.sampled_from(bearers),
        organization=st.sampled_from(["", "acme", "x" * 4000, "%00", "é%"]),
    )
    def answers(request: Message, who: str, organization: str) -> None:
        metadata = [("authorization", f"Bearer {who}"), ("chainloop-organization", organization)]
        if not organization.isascii():
            metadata.pop()
        code, text = call(channel, path, request.SerializeToString(), metadata)
        assert code in DOCUMENTED, (code, text)
        assert len(text) < 1000

    answers()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.full_name.rpartition('.')[2]}")
def test_any_bytes_are_a_message_or_refused_as_none(
    channel: grpc.Channel, bearers: list[str], method: MethodDescriptor
) -> None:
    path = f"/{method.containing_service.full_name}/{method.name}"

    @BOUNDED
    @given(data=st.binary(max_size=60))
    def answers(data: bytes) -> None:
        code, text = call(channel, path, data, [("authorization", f"Bearer {bearers[0]}")])
        assert code in DOCUMENTED, (code, text)

    answers()


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
        name="acme", policies_allowed_hostnames=[NUL], update_policies_allowed_hostnames=True
    ),
}


@pytest.mark.parametrize("method", MINDED)
def test_a_text_that_a_database_minds_is_refused(
    channel: grpc.Channel, bearers: list[str], method: str
) -> None:
    data = MINDED[method].SerializeToString()
    metadata = [("authorization", f"Bearer {bearers[0]}")]
    assert call(channel, f"/controlplane.v1.{method}", data, metadata)[0] in {"INVALID_ARGUMENT", "NOT_FOUND"}


def test_the_server_works_as_before(server: AccountServer, channel: grpc.Channel, bearers: list[str]) -> None:
    path = "/controlplane.v1.ContextService/Current"
    assert call(channel, path, b"", [("authorization", f"Bearer {bearers[0]}")])[0] == "OK"
    assert "failed" not in server.errors

"""What this server does not have, and how a refusal tells why."""

from typing import Any, cast

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status

from tests.integration.server.callers import TIMEOUT, Caller
from tests.integration.server.conftest import Cast

ABSENT = (
    "/controlplane.v1.WorkflowService/List",
    "/controlplane.v1.APITokenService/Rename",
    "/workflowcontract.v1.Something/Do",
    "/no-service",
)


def refused(caller: Caller, path: str, organization: str = "") -> tuple[str, str, str]:
    """Call it with an empty message; code, sentence and reason."""
    call: Any = caller.channel.unary_unary(path)
    metadata = [*caller.metadata, *([("chainloop-organization", organization)] if organization else [])]
    with pytest.raises(grpc.RpcError) as stopped:
        call(b"", metadata=metadata, timeout=TIMEOUT)
    error = cast("grpc.Call", stopped.value)
    status, info = rpc_status.from_call(error), ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    return error.code().name, error.details() or "", info.reason


@pytest.mark.parametrize("path", ABSENT)
def test_what_is_not_served_says_what_the_server_is_for(people: Cast, path: str) -> None:
    code, text, reason = refused(people("owner"), path)
    assert (code, reason) == ("UNIMPLEMENTED", "UNIMPLEMENTED")
    assert text == (
        f"this server signs people in, and manages organizations and API tokens; it does not serve {path}"
    )


@pytest.mark.parametrize("path", ABSENT)
def test_nobody_is_told_to_sign_in_first(people: Cast, path: str) -> None:
    assert refused(people("nobody"), path) == ("UNAUTHENTICATED", "JWT token is missing", "UNAUTHORIZED")


def test_the_reasons_are_those_that_the_vendors_command_line_acts_on(people: Cast) -> None:
    current = "/controlplane.v1.ContextService/Current"
    lost = refused(people("owner"), current, "no-such-place")
    assert lost[::2] == ("PERMISSION_DENIED", "USER_NOT_MEMBER_OF_ORG_ERROR_NOT_IN_ORG")
    none = refused(people("loner"), "/controlplane.v1.APITokenService/List")
    assert none[::2] == ("PERMISSION_DENIED", "USER_WITH_NO_MEMBERSHIP_ERROR_NOT_IN_ORG")
    assert "has no current organization" in none[1]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_the_services_in_both_versions(people: Cast, version: str) -> None:
    ask = people("nobody").channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    (answer,) = ask(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=TIMEOUT)
    names = {service.name for service in answer.list_services_response.service}
    assert {"controlplane.v1.OrganizationService", "grpc.reflection.v1.ServerReflection"} <= names

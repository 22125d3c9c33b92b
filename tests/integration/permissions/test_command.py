"""`api-token create --permission`, at our server and at a control plane that knows no permissions."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import grpc
import pytest

from app.cli import exit_codes
from app.proto.controlplane.v1 import status_pb2
from tests.support.cli import Loopin, secrets_in, signed_in
from tests.support.organizations import Organization
from tests.support.server import AccountServer

TOKENS = ("chainloop", "organization", "api-token")
INFOZ = "/controlplane.v1.StatusService/Infoz"
CREATE = "/controlplane.v1.APITokenService/Create"


@pytest.fixture
def owner(loopin: Loopin, organization: Organization) -> Loopin:
    """The command as the owner of an organization."""
    return signed_in(loopin, organization.server, organization.owner.login)


@pytest.fixture
def name() -> str:
    """A name nobody has."""
    return f"t-{uuid4().hex[:12]}"


class _Stock(grpc.GenericRpcHandler):
    """Passes every call on, and leaves out what a stock control plane does not say."""

    def __init__(self, channel: grpc.Channel, seen: list[str]) -> None:
        self._channel = channel
        self._seen = seen

    def service(self, call: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        method = call.method
        self._seen.append(method)

        def forward(request: bytes, context: grpc.ServicerContext) -> bytes:
            metadata: Any = [
                pair for pair in context.invocation_metadata() if not pair[0].startswith(("grpc-", "user-"))
            ]
            # Without serializers a call takes and gives bytes.
            passed_on: Any = self._channel.unary_unary(method)
            answer: bytes = passed_on(request, metadata=metadata, timeout=30)
            if method != INFOZ:
                return answer
            info = status_pb2.InfozResponse.FromString(answer)
            info.ClearField("capabilities")
            return info.SerializeToString()

        return grpc.unary_unary_rpc_method_handler(forward)


@contextmanager
def stock_plane(server: AccountServer) -> Iterator[tuple[str, list[str]]]:
    """A control plane without extensions: its address, and the methods that were called."""
    seen: list[str] = []
    front = grpc.server(ThreadPoolExecutor(4))
    with grpc.insecure_channel(server.grpc, [("grpc.enable_http_proxy", 0)]) as channel:
        front.add_generic_rpc_handlers((_Stock(channel, seen),))
        port = front.add_insecure_port("127.0.0.1:0")
        front.start()
        try:
            yield f"127.0.0.1:{port}", seen
        finally:
            front.stop(None).wait()


def test_the_chosen_permissions_are_in_json_and_in_the_list(owner: Loopin, name: str) -> None:
    asked = ("--permission", "api_token:list", "--permission", "organization:read")
    made = owner(*TOKENS, "create", "--name", name, *asked, "-o", "json").works().json
    assert made["permissions"] == ["organization:read", "api_token:list"]
    listed = {item["id"]: item for item in owner(*TOKENS, "list", "-o", "json").works().json}
    assert listed[made["id"]]["permissions"] == made["permissions"]


def test_a_token_made_this_way_may_do_that_and_no_more(owner: Loopin, name: str) -> None:
    jwt = (
        owner(*TOKENS, "create", "--name", name, "--permission", "api_token:list", "-o", "token").works().out
    )
    owner(*TOKENS, "list", "-o", "json", CHAINLOOP_TOKEN=jwt).works()
    refused = owner(*TOKENS, "create", "--name", f"{name}-b", "--project", "web", CHAINLOOP_TOKEN=jwt)
    refused.fails(exit_codes.FAILED, "operation not allowed")


def test_a_token_that_may_not_read_its_context_is_named_by_what_it_says_of_itself(
    owner: Loopin, organization: Organization, name: str
) -> None:
    jwt = (
        owner(*TOKENS, "create", "--name", name, "--permission", "api_token:list", "-o", "token").works().out
    )
    status = owner("status", "--json", CHAINLOOP_TOKEN=jwt).works().json
    chainloop = next(item for item in status["providers"] if item["provider"] == "chainloop")
    assert (chainloop["identity"], chainloop["organization"]) == (f"API token {name}", organization.name)


def test_the_table_says_what_it_may(owner: Loopin, name: str) -> None:
    shown = owner(*TOKENS, "create", "--name", name, "--permission", "organization:read").works().out
    assert "It may: organization:read\n" in shown


@pytest.mark.parametrize("wanted", ["everything", "", "API_TOKEN:LIST", "api_token:*"])
def test_an_unknown_permission_is_refused_and_nothing_is_made(owner: Loopin, name: str, wanted: str) -> None:
    asked = ("--permission", "organization:read", "--permission", wanted)
    refused = owner(*TOKENS, "create", "--name", name, *asked)
    refused.fails(exit_codes.USAGE, f"{wanted!r} is not a permission", "api_token:revoke")
    assert secrets_in(refused.out + refused.err) == []
    assert name not in owner(*TOKENS, "list", "-o", "json").works().out


def test_a_stock_control_plane_is_not_asked_for_a_limited_token(
    owner: Loopin, account_server: AccountServer, name: str
) -> None:
    bearer = owner(*TOKENS, "create", "--name", name, "-o", "token").works().out
    with stock_plane(account_server) as (address, seen):
        there = {"CHAINLOOP_CONTROL_PLANE_API": address, "CHAINLOOP_TOKEN": bearer}
        make = (*TOKENS, "create", "--name", f"{name}-b", "--project", "web")
        refused = owner(*make, "--permission", "organization:read", **there)
        refused.fails(exit_codes.USAGE, "this control plane cannot limit what a token may do")
        assert CREATE not in seen
        owner(*make, **there).works()
        assert CREATE in seen

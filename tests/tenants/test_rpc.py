"""Every gRPC method for every kind of caller, aimed at the own and at the other organization."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, cast

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.support.server import AccountServer
from tests.tenants.rpc_rows import OPEN, ROWS
from tests.tenants.tenants import ROLES, Tenant

pytestmark = pytest.mark.slow

CALLERS = ("nobody", *ROLES, "organization token", "project token", "CI job")
# What a caller gets at home: without it the rest would prove nothing. Revoking is left out: what is acted on
# has to live on.
AT_HOME = {
    "nobody": set(),
    "viewer": {"Current", "ListMemberships", "SetCurrentMembership"},
    "contributor": {"Current", "ListMemberships", "SetCurrentMembership", "List", "Create"},
    "organization token": {"Current", "List", "Create"},
    "project token": {"Current", "List", "Create"},
    "CI job": {"Current"},
}
AT_HOME["member"] = AT_HOME["contributor"]
AT_HOME["owner"] = AT_HOME["admin"] = {*AT_HOME["contributor"], "Update"}

# What works, at home, although another organization is named: people list theirs, a token has but its own.
WHATEVER_IS_NAMED: dict[str, set[str]] = {
    "nobody": set(),
    "CI job": set(),
    "organization token": {"Current", "List", "Create"},
    "project token": {"Current", "List", "Create"},
}


@pytest.fixture(scope="module")
def channel(plane: AccountServer) -> Iterator[grpc.Channel]:
    """One for all: who calls is in the metadata."""
    with grpc.insecure_channel(plane.grpc, [("grpc.enable_http_proxy", 0)]) as opened:
        yield opened


def bearer_of(tenant: Tenant, who: str) -> str:
    if who == "nobody":
        return ""
    return tenant.staff[who].jwt if who in tenant.staff else tenant.bearers[who]


def ask(channel: grpc.Channel, method: str, request: Message, bearer: str, place: str) -> tuple[str, str]:
    """The name of the status, and everything that came back with it as one text."""
    pairs = (("authorization", f"Bearer {bearer}" if bearer else ""), ("chainloop-organization", place))
    metadata = tuple(pair for pair in pairs if pair[1])
    # Without a deserializer the answer is bytes.
    call: Any = channel.unary_unary(method, request_serializer=lambda one: one.SerializeToString())
    try:
        answer: bytes = call(request, metadata=metadata, timeout=30)
    except grpc.RpcError as error:
        refused = cast("grpc.Call", error)
        return refused.code().name, f"{refused.details()} {refused.trailing_metadata()}"
    return "OK", answer.decode("utf-8", "replace")


def read_from(text: str, words: Iterable[str], sent: str) -> list[str]:
    """The words in `text` that were not sent along by the caller."""
    return [word for word in words if word in text and word not in sent]


def test_every_method_that_is_served_has_a_row(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    served = {
        f"/{service}/{method.name}"
        for service in database.get_services()
        if service not in OPEN
        for method in pool.FindServiceByName(service).methods
    }
    assert served == set(ROWS)


@pytest.mark.parametrize("who", CALLERS)
def test_nothing_of_another_organization_is_read_or_changed(
    plane: AccountServer, channel: grpc.Channel, ours: Tenant, theirs: Tenant, who: str
) -> None:
    before, leaks, opened = theirs.rows(plane), [], set()
    for (method, row), place in product(ROWS.items(), ("", ours.name, theirs.name)):
        for request in row(theirs):
            status, told = ask(channel, method, request, bearer_of(ours, who), place)
            sent = f"{request} {place}"
            leaks += [(method, word) for word in read_from(told, theirs.words, sent)]
            if status == "OK" and place == theirs.name:
                opened.add(method.rpartition("/")[2])
    assert leaks == []
    assert opened <= {"Infoz", "Statusz", *WHATEVER_IS_NAMED.get(who, {"ListMemberships"})}
    assert theirs.rows(plane) == before


@pytest.mark.parametrize("who", CALLERS)
def test_at_home_the_same_calls_work_and_tell_only_of_home(
    plane: AccountServer, channel: grpc.Channel, ours: Tenant, theirs: Tenant, who: str
) -> None:
    before, leaks, opened = theirs.rows(plane), [], set()
    for (method, row), place in product(ROWS.items(), ("", ours.name)):
        if method.endswith("/Revoke"):
            continue
        for request in row(ours):
            status, told = ask(channel, method, request, bearer_of(ours, who), place)
            leaks += [(method, word) for word in read_from(told, theirs.words, "")]
            if status == "OK":
                opened.add(method.rpartition("/")[2])
    assert leaks == []
    assert opened >= AT_HOME[who]
    assert theirs.rows(plane) == before

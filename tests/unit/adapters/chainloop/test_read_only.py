"""Read-only mode on the wire: whatever a service asks for, no change leaves this machine."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from app.adapters.chainloop.client import READ_METHODS, ChainloopClient, ChainloopClients
from app.domain.errors import LoopinError, ReadOnly
from app.domain.tokens import TokenDraft
from app.proto.controlplane.v1 import (
    api_token_pb2,
    context_pb2,
    organization_pb2,
    status_pb2,
    user_pb2,
)
from tests.support.chainloop import credential_at

PATIENCE = 60
FILES = (api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2)
METHODS = {
    f"/{service.full_name}/{method.name}"
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def changes(client: ChainloopClient) -> tuple[Coroutine[Any, Any, object], ...]:
    """Every call that changes something."""
    return (
        client.select_membership("m-acme"),
        client.create_organization("acme"),
        client.set_threshold("acme", 30),
        client.create_token(TokenDraft("ci")),
        client.revoke_token("x"),
        client.sign_out(),
    )


def test_every_method_that_counts_as_a_read_exists() -> None:
    assert METHODS >= READ_METHODS
    # Every other method is refused, one that is added later too; here they are by name.
    assert {name.rpartition("/")[2] for name in METHODS - READ_METHODS} == {
        "Create", "Revoke", "SetCurrentMembership", "Update", "Statusz",
    }  # fmt: skip


async def test_no_change_leaves_this_machine() -> None:
    connected: list[object] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(reader)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    credential = credential_at(address, "not-a-real-token")
    clients = ChainloopClients(max_receive=1 << 20, timeout=PATIENCE)
    client = clients.open(credential.endpoint, credential, "acme", read_only="read-only mode is on")
    async with server, asyncio.timeout(PATIENCE):
        for change in changes(client):
            with pytest.raises(LoopinError, match="read-only mode is on") as caught:
                await change
            assert type(caught.value) is ReadOnly
        assert connected == []
        # What is read is sent.
        with pytest.raises(LoopinError):
            await client.current()
        assert connected
        await clients.aclose()

"""What a short script does for the answers of three commands: grpc.aio, json and keyring, nothing of ours
but the generated code.

peers/commands.py list | describe | keychain: the first prints all API tokens as JSON, the others who acts.
`keychain` takes the token from where keyring itself finds it; the others from CHAINLOOP_TOKEN.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import grpc.aio

from app.proto.controlplane.v1 import api_token_pb2, api_token_pb2_grpc, context_pb2, context_pb2_grpc

OPTIONS = (("grpc.max_receive_message_length", 100 << 20), ("grpc.enable_http_proxy", 0))

TIMES = (("revoked_at", "revokedAt"), ("expires_at", "expiresAt"), ("last_used_at", "lastUsedAt"))


def stamp(item: Any, name: str) -> str:
    return f"{getattr(item, name).ToDatetime().isoformat(timespec='seconds')}Z"


def token(item: Any) -> dict[str, Any]:
    shape = {"id": item.id, "name": item.name, "description": item.description}
    shape["createdAt"] = stamp(item, "created_at")
    for name, key in TIMES:
        if item.HasField(name):
            shape[key] = stamp(item, name)
    if item.scoped_entity.id:
        entity = item.scoped_entity
        shape["scopedEntity"] = {"type": "project", "id": entity.id, "name": entity.name}
    if item.permissions:
        shape["permissions"] = list(item.permissions)
    return shape


async def listed(channel: grpc.aio.Channel, metadata: Any) -> None:
    stub: Any = api_token_pb2_grpc.APITokenServiceStub(channel)  # type: ignore[no-untyped-call]
    request = api_token_pb2.APITokenServiceListRequest(
        status_filter=api_token_pb2.APITokenServiceListRequest.STATUS_FILTER_ACTIVE
    )
    answer = await stub.List(request, metadata=metadata)
    print(json.dumps([token(item) for item in answer.result], indent=2))


async def described(channel: grpc.aio.Channel, metadata: Any) -> None:
    stub: Any = context_pb2_grpc.ContextServiceStub(channel)  # type: ignore[no-untyped-call]
    answer = await stub.Current(context_pb2.ContextServiceCurrentRequest(), metadata=metadata)
    user, member = answer.result.current_user, answer.result.current_membership
    shape = {"user": user.email, "organization": member.org.name, "joinedAt": stamp(member, "created_at")}
    print(json.dumps(shape, indent=2))


def bearer(what: str) -> str:
    if what != "keychain":
        return os.environ["CHAINLOOP_TOKEN"]
    import keyring

    entry = keyring.get_password("loopin-chainloop", "default") or ""
    return str(json.loads(entry)["token"])


async def main(what: str) -> None:
    metadata = (("authorization", f"Bearer {bearer(what)}"),)
    async with grpc.aio.insecure_channel(
        os.environ["CHAINLOOP_CONTROL_PLANE_API"], options=OPTIONS
    ) as channel:
        await (listed if what == "list" else described)(channel, metadata)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

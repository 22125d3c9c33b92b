"""Four calls of the control plane by bare psycopg over a bare grpc.aio server: no checks, no rules, no ORM.

peers/control_plane.py DATABASE-URL USER SESSION MEMBERSHIP ORGANIZATION: prints its port and serves until its
standard input ends. Each call runs the statements that the account server runs for it, on one connection.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import grpc.aio
import psycopg

from app.proto.controlplane.v1 import (
    api_token_pb2,
    api_token_pb2_grpc,
    context_pb2,
    context_pb2_grpc,
    organization_pb2,
)

WHO = """SELECT users.id, users.email, users.first_name, users.last_name, users.created_at,
 memberships.id, memberships.role, memberships.created_at, memberships.updated_at,
 organizations.id, organizations.name, organizations.created_at, organizations.updated_at,
 organizations.api_token_max_days_inactive
 FROM users JOIN sessions ON sessions.user_id = users.id
 LEFT OUTER JOIN memberships ON memberships.user_id = users.id AND memberships.current IS true
 LEFT OUTER JOIN organizations ON organizations.id = memberships.organization_id
 WHERE sessions.id = %(session)s AND users.id = %(user)s AND sessions.ended_at IS NULL
 AND sessions.expires_at > %(now)s AND users.disabled_at IS NULL"""
HOLD = """SELECT users.email, memberships.role, sessions.expires_at FROM users
 JOIN memberships ON memberships.user_id = users.id JOIN sessions ON sessions.user_id = users.id
 WHERE users.id = %(user)s AND users.disabled_at IS NULL AND memberships.id = %(membership)s
 AND sessions.id = %(session)s AND sessions.ended_at IS NULL FOR SHARE OF users, memberships, sessions"""
INSERT = """INSERT INTO api_tokens
 (id, organization_id, name, description, permissions, created_by, created_at)
 VALUES (%(token)s, %(organization)s, %(name)s, '', '["api_token:list"]', %(user)s, %(now)s)
 RETURNING active_since"""
EVENT = """INSERT INTO audit_events (at, actor_kind, actor_id, actor_name, address, action, organization_id,
 target_id, target_name, details) VALUES (%(now)s, 'person', %(user)s, 'ada@acme.example', '127.0.0.1',
 %(action)s, %(organization)s, %(token)s, %(name)s, '{}') RETURNING id"""
FIND = """SELECT name, project_id FROM api_tokens WHERE id = %(token)s AND organization_id = %(organization)s
 AND revoked_at IS NULL FOR NO KEY UPDATE"""
REVOKE = (
    "UPDATE api_tokens SET revoked_at = %(now)s WHERE id = %(token)s AND organization_id = %(organization)s"
)
LIST = """SELECT api_tokens.id, api_tokens.name, description, api_tokens.created_at, expires_at, last_used_at,
 revoked_at, CAST(permissions AS VARCHAR), project_id, projects.name, parent_id
 FROM api_tokens LEFT OUTER JOIN projects ON projects.id = api_tokens.project_id
 WHERE api_tokens.organization_id = %(organization)s AND revoked_at IS NULL
 ORDER BY api_tokens.created_at, api_tokens.id"""


class ControlPlane(context_pb2_grpc.ContextServiceServicer, api_token_pb2_grpc.APITokenServiceServicer):
    """The calls, each on the one connection."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], ids: Mapping[str, UUID]) -> None:
        self._connection = connection
        self._ids = ids

    async def Current(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC names the methods
        """Answer who the person is."""
        now = datetime.now(UTC)
        row = await (await self._connection.execute(WHO, {**self._ids, "now": now})).fetchone()
        assert row is not None
        user = organization_pb2.User(
            id=str(row[0]), email=row[1], first_name=row[2], last_name=row[3], created_at=row[4]
        )
        organization = organization_pb2.OrgItem(
            id=str(row[9]), name=row[10], created_at=row[11], updated_at=row[12]
        )
        membership = organization_pb2.OrgMembershipItem(
            id=str(row[5]), org=organization, user=user, current=True, created_at=row[7], updated_at=row[8]
        )
        result = context_pb2.ContextServiceCurrentResponse.Result(
            current_user=user, current_membership=membership
        )
        return context_pb2.ContextServiceCurrentResponse(result=result)

    async def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Store a token and its event."""
        now, token = datetime.now(UTC), uuid4()
        values = {**self._ids, "now": now, "token": token, "name": request.name, "action": "api_token.create"}
        await self._write(values, HOLD, INSERT, EVENT)
        item = api_token_pb2.APITokenItem(id=str(token), name=request.name, created_at=now)
        full = api_token_pb2.APITokenServiceCreateResponse.APITokenFull(item=item, jwt="not-a-token")
        return api_token_pb2.APITokenServiceCreateResponse(result=full)

    async def Revoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Revoke a token and store the event."""
        now, token = datetime.now(UTC), UUID(request.id)
        values = {**self._ids, "now": now, "token": token, "name": "one", "action": "api_token.revoke"}
        await self._write(values, HOLD, FIND, REVOKE, EVENT)
        return api_token_pb2.APITokenServiceRevokeResponse()

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802
        """All unrevoked tokens of the organization."""
        await self._connection.execute(WHO, {**self._ids, "now": datetime.now(UTC)})
        rows = await (await self._connection.execute(LIST, self._ids)).fetchall()
        return api_token_pb2.APITokenServiceListResponse(
            result=[_item(row, self._ids["organization"]) for row in rows]
        )

    async def _write(self, values: Mapping[str, Any], *statements: str) -> None:
        await self._connection.execute(WHO, values)
        async with self._connection.transaction():
            await self._connection.execute("SET LOCAL lock_timeout = 20000")
            for statement in statements:
                await self._connection.execute(statement, values)


def _item(row: Any, organization: UUID) -> Any:
    item = api_token_pb2.APITokenItem(
        id=str(row[0]),
        name=row[1],
        description=row[2],
        created_at=row[3],
        organization_id=str(organization),
        organization_name="acme",
        permissions=json.loads(row[7]),
    )
    if row[8]:
        item.scoped_entity.id, item.scoped_entity.name, item.scoped_entity.type = (
            str(row[8]),
            row[9],
            "project",
        )
    if row[4]:
        item.expires_at.FromDatetime(row[4])
    if row[5]:
        item.last_used_at.FromDatetime(row[5])
    return item


async def main() -> None:
    """Serve until standard input ends."""
    url, *ids = sys.argv[1:]
    names = ("user", "session", "membership", "organization")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        plane = ControlPlane(connection, dict(zip(names, map(UUID, ids), strict=True)))
        add: Any = context_pb2_grpc.add_ContextServiceServicer_to_server
        add(plane, server)
        add = api_token_pb2_grpc.add_APITokenServiceServicer_to_server
        add(plane, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await server.stop(None)


if __name__ == "__main__":
    asyncio.run(main())

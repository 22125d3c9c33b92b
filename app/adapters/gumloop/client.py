"""The Gumloop API over httpx: the few reads that an account manager needs."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from app.adapters.gumloop.errors import translate_error, unexpected_body
from app.adapters.http.header_values import header_value
from app.adapters.http.retry import retry_read
from app.adapters.http.transport import Transport
from app.domain.credentials import Credential, Method
from app.domain.gumloop import Team
from app.domain.json_text import read_json
from app.domain.secret import Secret


class GumloopClients:
    """Makes clients of the API. One httpx client for each base URL, made on first use in the running loop."""

    def __init__(self, *, timeout: float, user_agent: str) -> None:
        self._transport = Transport(timeout, user_agent)
        self._clients: dict[str, httpx.AsyncClient] = {}

    def open(self, credential: Credential, team_id: str = "") -> "GumloopClient":
        """The API with `credential`.

        Raise UsageError where it may not be sent, NotSignedIn where it cannot be.
        """
        base_url = credential.endpoint.address
        if base_url not in self._clients:
            self._clients[base_url] = self._transport.client(base_url, httpx.AsyncClient)
        return GumloopClient(self._clients[base_url], self._transport, credential, team_id)

    async def aclose(self) -> None:
        """Close all connections."""
        clients = list(self._clients.values())
        self._clients.clear()
        await asyncio.gather(*(client.aclose() for client in clients))


class GumloopClient:
    """The API as one credential sees it."""

    def __init__(
        self, client: httpx.AsyncClient, transport: Transport, credential: Credential, team_id: str
    ) -> None:
        self._client = client
        self._transport = transport
        self._base_url = credential.endpoint.address
        self._secrets = (credential.secret,)
        self._headers = auth_headers(credential)
        self._team_id = team_id

    @property
    def team_id(self) -> str:
        """The team that every request is scoped to; empty for none."""
        return self._team_id

    async def verify(self) -> None:
        """GET models: a 2xx that looks like the list of models."""
        body, response = await self._get("models")
        if not isinstance(body.get("model_groups"), list):
            raise unexpected_body(response)

    async def teams(self) -> Sequence[Team]:
        """GET teams."""
        return tuple(Team(str(row["id"]), str(row.get("name") or "")) for row in await self._rows("teams"))

    async def organizations(self) -> Sequence[str]:
        """GET organizations: their names."""
        return tuple(str(row.get("name") or row["id"]) for row in await self._rows("organizations"))

    async def _rows(self, path: str) -> list[Mapping[str, Any]]:
        body, response = await self._get(path)
        rows = body.get(path)
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) and "id" in row for row in rows):
            raise unexpected_body(response)
        return rows

    async def _get(self, path: str) -> tuple[Mapping[str, Any], httpx.Response]:
        return await retry_read(lambda: self._get_once(path), self._transport.timeout)

    async def _get_once(self, path: str) -> tuple[Mapping[str, Any], httpx.Response]:
        params = {"team_id": self._team_id} if self._team_id else {}
        async with self._transport.exchange(self._base_url):
            response = await self._client.get(
                f"{self._base_url}/{path}", headers=self._headers, params=params
            )
        if not response.is_success:
            raise translate_error(response, self._secrets)
        try:
            body = read_json(response.content)
        except ValueError:
            raise unexpected_body(response) from None
        if not isinstance(body, Mapping):
            raise unexpected_body(response)
        return body, response


def auth_headers(credential: Credential) -> dict[str, str]:
    """The headers that sign a request. `x-auth-key` goes with an API key and never with OAuth."""
    what = "API key" if credential.method is Method.API_KEY else "access token"
    headers = {"Authorization": f"Bearer {header_value(credential.secret, what, credential)}"}
    if credential.method is Method.API_KEY and credential.user_id:
        headers["x-auth-key"] = header_value(Secret(credential.user_id), "user ID", credential)
    return headers

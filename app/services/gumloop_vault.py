"""How a Gumloop login lies in the keychain: the layout of the vendor's own `gumloop` command.

Five entries a profile, so no write is atomic. What signs in is deleted first and written last: a kill
between any two steps leaves the login from before, or nobody signed in, or the new login.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.credentials import Endpoint, Method
from app.domain.errors import VaultError
from app.domain.gumloop import GumloopLogin, GumloopTokens, stored_endpoint
from app.domain.secret import Secret

if TYPE_CHECKING:
    from app.domain.ports import Vault

SERVICE = "gumloop-cli"
ACCESS_TOKEN, REFRESH_TOKEN, API_KEY = "access_token", "refresh_token", "api_key"
USER_ID, BASE_URL = "user_id", "base_url"
_SIGNS_IN = (ACCESS_TOKEN, API_KEY)
_BESIDE = (BASE_URL, REFRESH_TOKEN, USER_ID)
READS = 3
"""Attempts at a reading during which nobody writes."""


@dataclass(frozen=True, slots=True)
class StoredGumloop:
    """What was found. `problem` says why there is no login although something is stored."""

    login: GumloopLogin | None = None
    problem: str = ""


class GumloopVault:
    """Reads and writes the login of a profile."""

    def __init__(self, vault: Vault, default: Endpoint) -> None:
        self._vault = vault
        self._default = default

    async def read(self, profile: str) -> StoredGumloop:
        """Return what is stored; an access token wins over a left-over API key.

        What signs in is read again at the end: when it changed meanwhile, the fields in between may
        belong to another login, and the reading is done again.
        """
        names = [f"{profile}:{field}" for field in (*_SIGNS_IN, *_BESIDE, *_SIGNS_IN)]
        for _ in range(READS):
            *found, access_token, api_key = await self._vault.read_all(SERVICE, names)
            if found[:2] == [access_token, api_key]:
                return self._stored(*found)
        raise VaultError(
            "the stored Gumloop login changes while it is read",
            hint="try again when the other program is done",
        )

    async def write(self, profile: str, login: GumloopLogin) -> None:
        """Replace the login of `profile`."""
        with self._vault.kept_open():
            await self._delete(profile, API_KEY)
            await self._delete(profile, ACCESS_TOKEN)
            await self._put(profile, REFRESH_TOKEN, login.refresh_token)
            await self._put(profile, USER_ID, Secret(login.user_id) if login.user_id else None)
            await self._put(profile, BASE_URL, Secret(login.endpoint.address))
            signing = API_KEY if login.method is Method.API_KEY else ACCESS_TOKEN
            await self._put(profile, signing, login.secret)

    async def write_refreshed(self, profile: str, tokens: GumloopTokens) -> None:
        """Replace the tokens of an OAuth login, refresh token first: it renews the old one too."""
        with self._vault.kept_open():
            if tokens.refresh_token is not None:
                await self._put(profile, REFRESH_TOKEN, tokens.refresh_token)
            await self._put(profile, ACCESS_TOKEN, tokens.access_token)

    async def delete(self, profile: str) -> None:
        """Forget the login of `profile`, left-overs too."""
        with self._vault.kept_open():
            for field in (API_KEY, ACCESS_TOKEN, REFRESH_TOKEN, USER_ID, BASE_URL):
                await self._delete(profile, field)

    def _stored(
        self,
        access_token: Secret | None,
        api_key: Secret | None,
        base_url: Secret | None,
        refresh: Secret | None,
        user_id: Secret | None,
    ) -> StoredGumloop:
        endpoint = stored_endpoint(base_url.reveal()) if base_url else self._default
        if access_token is not None:
            method = Method.OAUTH if refresh else Method.ACCESS_TOKEN
            return StoredGumloop(GumloopLogin(method, access_token, endpoint, "", refresh))
        if api_key is None:
            return StoredGumloop()
        if user_id is None:
            return StoredGumloop(problem="the stored API key has no user ID beside it")
        return StoredGumloop(GumloopLogin(Method.API_KEY, api_key, endpoint, user_id.reveal()))

    async def _put(self, profile: str, field: str, value: Secret | None) -> None:
        if value is None:
            await self._delete(profile, field)
        else:
            await self._vault.write(SERVICE, f"{profile}:{field}", value)

    async def _delete(self, profile: str, field: str) -> None:
        await self._vault.delete(SERVICE, f"{profile}:{field}")

"""Logins in the keychain."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from app.domain.credentials import Endpoint, Method, Provider
from app.domain.errors import UsageError, VaultError
from app.domain.gumloop import GumloopLogin, GumloopTokens, stored_endpoint
from app.domain.inputs import origin_of, read_secret
from app.domain.json_text import read_json
from app.domain.secret import Secret

if TYPE_CHECKING:
    from app.domain.ports import Vault

CHAINLOOP_SERVICE = "loopin-chainloop"


class StoredLogin(NamedTuple):
    """A Chainloop login, bound to the endpoint that issued it."""

    secret: Secret
    method: Method
    endpoint: Endpoint


class ChainloopVault:
    """Reads and writes Chainloop logins: one entry a profile, whose account is the profile's name.

    The whole login is one entry, so a kill at any moment leaves the old one or the new one.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def read(self, profile: str) -> StoredLogin | None:
        """Return the login, or None; raise VaultError for an entry of another program."""
        entry = await self._vault.read(CHAINLOOP_SERVICE, profile)
        return None if entry is None else _decode(entry, profile)

    async def write(self, profile: str, login: StoredLogin) -> None:
        """Replace the login of `profile`."""
        await self._vault.write(CHAINLOOP_SERVICE, profile, _encode(login))

    async def delete(self, profile: str) -> None:
        """Delete the login of `profile`."""
        await self._vault.delete(CHAINLOOP_SERVICE, profile)


def _encode(login: StoredLogin) -> Secret:
    fields = {
        "token": login.secret.reveal(),
        "method": login.method.value,
        "endpoint": login.endpoint.address,
        "insecure": login.endpoint.insecure,
        "ca": login.endpoint.ca,
    }
    return Secret(json.dumps({name: value for name, value in fields.items() if value}))


def _decode(entry: Secret, profile: str) -> StoredLogin:
    try:
        fields = read_json(entry.reveal())
        if not all(isinstance(fields[name], str) for name in ("token", "endpoint", "method")):
            raise TypeError
        address, ca = origin_of(fields["endpoint"]), str(fields.get("ca", ""))
        endpoint = Endpoint(Provider.CHAINLOOP, address, bool(fields.get("insecure")), ca)
        token = read_secret(fields["token"], "the keychain entry")
        if token is None:
            raise ValueError
        return StoredLogin(token, Method(fields["method"]), endpoint)
    except (ValueError, TypeError, KeyError, AttributeError, UsageError):
        # The cause would carry the entry, which may be a secret.
        raise VaultError(
            f"the keychain entry {CHAINLOOP_SERVICE}/{profile} is not one that Loopin wrote",
            hint=f"remove it with your keychain's own tool, or sign in again: "
            f"loopin chainloop auth login --profile {profile}",
        ) from None


GUMLOOP_SERVICE = "gumloop-cli"
ACCESS_TOKEN, REFRESH_TOKEN, API_KEY = "access_token", "refresh_token", "api_key"
USER_ID, BASE_URL = "user_id", "base_url"
_SIGNS_IN = (ACCESS_TOKEN, API_KEY)
_OTHERS = (BASE_URL, REFRESH_TOKEN, USER_ID)
MAX_READS = 3
"""Attempts at reading all entries while nobody writes them."""


@dataclass(frozen=True, slots=True)
class StoredGumloop:
    """A Gumloop login; `problem` says why there is none although something is stored."""

    login: GumloopLogin | None = None
    problem: str = ""


class GumloopVault:
    """Reads and writes Gumloop logins, in the layout of the vendor's own `gumloop` command.

    Five entries a profile, so no write is atomic. What signs in is deleted first and written last: a kill
    between any two steps leaves the earlier login, or none, or the new one.
    """

    def __init__(self, vault: Vault, default: Endpoint) -> None:
        self._vault = vault
        self._default = default

    async def read(self, profile: str) -> StoredGumloop:
        """Return what is stored; an access token is preferred to an API key.

        What signs in is read again at the end: when it changed meanwhile, the fields in between may belong to
        another login, and all are read again.
        """
        names = [f"{profile}:{field}" for field in (*_SIGNS_IN, *_OTHERS, *_SIGNS_IN)]
        for _ in range(MAX_READS):
            *values, access_token, api_key = await self._vault.read_all(GUMLOOP_SERVICE, names)
            if values[:2] == [access_token, api_key]:
                return self._stored(*values)
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
        """Replace the tokens of an OAuth login, refresh token first: it renews the old access token too."""
        with self._vault.kept_open():
            if tokens.refresh_token is not None:
                await self._put(profile, REFRESH_TOKEN, tokens.refresh_token)
            await self._put(profile, ACCESS_TOKEN, tokens.access_token)

    async def delete(self, profile: str) -> None:
        """Delete all entries of `profile`."""
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
            await self._vault.write(GUMLOOP_SERVICE, f"{profile}:{field}", value)

    async def _delete(self, profile: str, field: str) -> None:
        await self._vault.delete(GUMLOOP_SERVICE, f"{profile}:{field}")

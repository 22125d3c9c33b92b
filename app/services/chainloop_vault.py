"""How a Chainloop login lies in the keychain: one entry a profile, bound to its endpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from app.domain.credentials import Endpoint, Method, Provider
from app.domain.errors import UsageError, VaultError
from app.domain.inputs import origin_of, read_secret
from app.domain.json_text import read_json
from app.domain.secret import Secret

if TYPE_CHECKING:
    from app.domain.ports import Vault

SERVICE = "loopin-chainloop"


class StoredLogin(NamedTuple):
    """A Chainloop login as stored."""

    secret: Secret
    method: Method
    endpoint: Endpoint


class ChainloopVault:
    """Reads and writes StoredLogin values; the account of an entry is the profile's name.

    The whole login is one entry, so a kill at any moment leaves the old one or the new one.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def read(self, profile: str) -> StoredLogin | None:
        """Return the login, or None; raise VaultError for an entry that is not ours."""
        entry = await self._vault.read(SERVICE, profile)
        return None if entry is None else _decode(entry, profile)

    async def write(self, profile: str, login: StoredLogin) -> None:
        """Replace the login of `profile`."""
        await self._vault.write(SERVICE, profile, _encode(login))

    async def delete(self, profile: str) -> None:
        """Forget the login of `profile`."""
        await self._vault.delete(SERVICE, profile)


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
        # The cause would carry the entry, which may be a secret that somebody else put there.
        raise VaultError(
            f"the keychain entry {SERVICE}/{profile} is not one that Loopin wrote",
            hint=f"remove it with your keychain's own tool, or sign in again: "
            f"loopin chainloop auth login --profile {profile}",
        ) from None

"""What is stored of the profiles beside the keychain: servers, organizations, names. Nothing is secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from app.domain.credentials import Endpoint, Provider
from app.domain.errors import LoopinError
from app.domain.gumloop import stored_endpoint
from app.domain.request_context import OrganizationRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.domain.ports import AccountStore
    from app.domain.secret import Secret

_CHAINLOOP = Provider.CHAINLOOP.value
_ORGANIZATION, _ORGANIZATION_ID, _IDENTITY = "organization", "organization_id", "identity"
_ENDPOINT, _INSECURE, _CA, _METHOD = "endpoint", "insecure", "ca", "method"
_COPY = "copy_in"


class ChainloopAccounts:
    """Reads and writes the server and the organization of a profile. An unreadable file counts as empty.

    The organization in use belongs to the profile on this machine. The server has a current one for a person,
    which any other client may change: it is asked once, for a profile that has none yet. An organization that
    was read or written counts for the rest of the run. Without `store` nothing outlives the run.
    """

    def __init__(self, store: AccountStore | None = None) -> None:
        self._store = store
        self._organizations: dict[tuple[str, str], OrganizationRef] = {}

    async def facts(self, profile: str) -> Mapping[str, str]:
        """Return what is stored of a profile; empty for nothing."""
        if self._store is None:
            return {}
        try:
            return await self._store.facts(_CHAINLOOP, profile)
        except LoopinError:
            return {}

    async def endpoint(self, profile: str) -> Endpoint | None:
        """The server of the profile's stored login; None when none is known."""
        facts = await self.facts(profile)
        if not facts.get(_ENDPOINT):
            return None
        insecure = facts.get(_INSECURE, "") == str(True)
        return Endpoint(Provider.CHAINLOOP, facts[_ENDPOINT], insecure, facts.get(_CA, ""))

    async def endpoints(self) -> tuple[Endpoint, ...]:
        """The servers of all profiles."""
        endpoints = [await self.endpoint(profile) for profile in await self._profiles()]
        return tuple(endpoint for endpoint in endpoints if endpoint is not None)

    async def _profiles(self) -> Sequence[str]:
        if self._store is None:
            return ()
        try:
            return await self._store.profiles(_CHAINLOOP)
        except LoopinError:
            return ()

    async def knows_transport(self, profile: str) -> bool:
        """Return False for a login whose server is stored without its TLS mode, as version 1.0 did."""
        facts = await self.facts(profile)
        return _INSECURE in facts or not facts.get(_ENDPOINT)

    async def identity(self, profile: str) -> tuple[str, str]:
        """Whose login is stored, and the address of its server; both empty when it is not known."""
        facts = await self.facts(profile)
        return facts.get(_IDENTITY, ""), facts.get(_ENDPOINT, "")

    async def write(self, profile: str, endpoint: Endpoint, method: str, identity: str) -> None:
        """Replace what is stored of the profile; raise LoopinError when it could not be stored."""
        self._organizations = {key: ref for key, ref in self._organizations.items() if key[0] != profile}
        if self._store is None:
            return
        facts = {
            _ENDPOINT: endpoint.address,
            _INSECURE: str(endpoint.insecure),
            _CA: endpoint.ca,
            _METHOD: method,
            _IDENTITY: identity,
        }
        await self._store.remember(_CHAINLOOP, profile, facts)

    async def copy_in(self, profile: str) -> str:
        """The file of another program that the profile's login was imported from; empty for none."""
        return (await self.facts(profile)).get(_COPY, "")

    async def store_copy(self, profile: str, path: str) -> None:
        """Store the path of the copy; raise LoopinError when that fails. The next sign-in deletes it."""
        if self._store is not None:
            await self._store.update(_CHAINLOOP, profile, {_COPY: path})

    async def imported_from(self, path: str) -> tuple[str, ...]:
        """The profiles whose login was imported from this file."""
        return tuple([name for name in await self._profiles() if await self.copy_in(name) == path])

    async def organization(self, profile: str, endpoint: str) -> OrganizationRef | None:
        """The organization of a profile at an endpoint; None when it has none yet.

        What is stored belongs to the endpoint of the profile's login.
        """
        key = profile, endpoint
        if key in self._organizations:
            return self._organizations[key]
        facts = await self.facts(profile)
        if not facts.get(_ORGANIZATION) or facts.get(_ENDPOINT, endpoint) != endpoint:
            return None
        stored = OrganizationRef(facts[_ORGANIZATION], facts.get(_ORGANIZATION_ID, ""))
        return self._organizations.setdefault(key, stored)

    def use_organization(self, profile: str, endpoint: str, organization: OrganizationRef) -> None:
        """Use it for the rest of the run; nothing is stored."""
        self._organizations[profile, endpoint] = organization

    async def store_organization(self, profile: str, endpoint: str, organization: OrganizationRef) -> bool:
        """Use it, and store it with the profile, unless the profile's login belongs to another endpoint.

        Return whether it is stored; raise LoopinError when it could not be.
        """
        self.use_organization(profile, endpoint, organization)
        if self._store is None:
            return False
        known = await self._store.facts(_CHAINLOOP, profile)
        if known.get(_ENDPOINT, endpoint) != endpoint:
            return False
        facts = {
            _ORGANIZATION: organization.name,
            _ORGANIZATION_ID: organization.id,
            _ENDPOINT: endpoint,
        }
        await self._store.update(_CHAINLOOP, profile, facts)
        return True


@dataclass(frozen=True, slots=True)
class GumloopAccount:
    """What is known of a Gumloop login; `expires_at` None: the server did not send it."""

    endpoint: str = ""
    method: str = ""
    identity: str = ""
    organization: str = ""
    expires_at: datetime | None = None
    team_id: str = ""
    team_name: str = ""


class GumloopAccounts:
    """Reads and writes what is known of a profile's login. An unreadable file counts as empty.

    The vendor's own command may replace the login, so the facts carry a fingerprint of the access token or
    key that they were learnt with; with another one they do not count.
    """

    def __init__(self, store: AccountStore) -> None:
        self._store = store

    async def read(self, profile: str, secret: Secret) -> GumloopAccount:
        """Return what was learnt with `secret`, else an empty account."""
        try:
            stored = await self._store.facts(Provider.GUMLOOP.value, profile)
        except LoopinError:
            return GumloopAccount()
        if stored.get("fingerprint") != fingerprint(secret):
            return GumloopAccount()
        return GumloopAccount(
            endpoint=stored.get("endpoint", ""),
            method=stored.get("method", ""),
            identity=stored.get("identity", ""),
            organization=stored.get("organization", ""),
            expires_at=_moment(stored.get("expires_at", "")),
            team_id=stored.get("team_id", ""),
            team_name=stored.get("team_name", ""),
        )

    async def endpoint(self, profile: str) -> Endpoint | None:
        """The server of the profile's stored login; None when none is known."""
        try:
            stored = await self._store.facts(Provider.GUMLOOP.value, profile)
        except LoopinError:
            return None
        return stored_endpoint(stored["endpoint"]) if stored.get("endpoint") else None

    async def write(self, profile: str, secret: Secret, account: GumloopAccount) -> None:
        """Replace what is stored of the profile; raise LoopinError when they cannot be written."""
        values = {
            "fingerprint": fingerprint(secret),
            "endpoint": account.endpoint,
            "method": account.method,
            "identity": account.identity,
            "organization": account.organization,
            "expires_at": account.expires_at.isoformat() if account.expires_at else "",
            "team_id": account.team_id,
            "team_name": account.team_name,
        }
        await self._store.remember(Provider.GUMLOOP.value, profile, values)

    async def profiles(self) -> tuple[str, ...]:
        """Every stored profile."""
        return tuple(await self._store.profiles(Provider.GUMLOOP.value))

    async def delete(self, profile: str) -> None:
        """Delete the profile."""
        await self._store.forget(Provider.GUMLOOP.value, profile)


def fingerprint(secret: Secret) -> str:
    """Return eight hexadecimal digits: enough to tell secrets apart, too few to guess one by."""
    # Loading OpenSSL takes 3 ms, and commands for Chainloop do without.
    import hashlib

    return hashlib.sha256(b"loopin " + secret.reveal().encode()).hexdigest()[:8]


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None

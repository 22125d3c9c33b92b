"""What is remembered of a Chainloop profile beside the keychain: its server and organization, nothing secret.

The organization in use belongs to the profile on this machine. The server has a current one of its own for a
person, which any other client may change at any time: it is asked once, for a profile that has none yet, and
never used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.domain.credentials import Endpoint, Provider
from app.domain.errors import LoopinError
from app.domain.request_context import OrganizationRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.domain.ports import AccountStore

_CHAINLOOP = Provider.CHAINLOOP.value
_ORGANIZATION, _ORGANIZATION_ID, _IDENTITY = "organization", "organization_id", "identity"
_ENDPOINT, _INSECURE, _CA, _METHOD = "endpoint", "insecure", "ca", "method"
_COPY = "copy_in"


class ChainloopMemory:
    """Reads and writes it. A file that cannot be read counts as empty.

    An organization that was read or written counts for the rest of the run. Without `accounts` nothing
    outlives the run.
    """

    def __init__(self, accounts: AccountStore | None = None) -> None:
        self._accounts = accounts
        self._organizations: dict[tuple[str, str], OrganizationRef] = {}

    async def facts(self, profile: str) -> Mapping[str, str]:
        """All that is remembered of a profile; empty when nothing is."""
        if self._accounts is None:
            return {}
        try:
            return await self._accounts.facts(_CHAINLOOP, profile)
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
        found = [await self.endpoint(profile) for profile in await self._profiles()]
        return tuple(endpoint for endpoint in found if endpoint is not None)

    async def _profiles(self) -> Sequence[str]:
        if self._accounts is None:
            return ()
        try:
            return await self._accounts.profiles(_CHAINLOOP)
        except LoopinError:
            return ()

    async def knows_transport(self, profile: str) -> bool:
        """False for a login whose server is remembered, but not whether it speaks TLS: 1.0 wrote such."""
        facts = await self.facts(profile)
        return _INSECURE in facts or not facts.get(_ENDPOINT)

    async def identity(self, profile: str) -> tuple[str, str]:
        """Whose login is stored, and the address of its server; both empty when it is not known."""
        facts = await self.facts(profile)
        return facts.get(_IDENTITY, ""), facts.get(_ENDPOINT, "")

    async def remember(self, profile: str, endpoint: Endpoint, method: str, identity: str) -> None:
        """Replace all that was known of the profile; raise LoopinError when it could not be stored."""
        self._organizations = {key: known for key, known in self._organizations.items() if key[0] != profile}
        if self._accounts is None:
            return
        facts = {
            _ENDPOINT: endpoint.address,
            _INSECURE: str(endpoint.insecure),
            _CA: endpoint.ca,
            _METHOD: method,
            _IDENTITY: identity,
        }
        await self._accounts.remember(_CHAINLOOP, profile, facts)

    # ── a login that was taken over ──

    async def copy_in(self, profile: str) -> str:
        """The file of another program that the profile's login was taken over from; empty for none."""
        return (await self.facts(profile)).get(_COPY, "")

    async def store_copy(self, profile: str, path: str) -> None:
        """Store it beside the login; raise LoopinError when that fails. The next sign-in forgets it."""
        if self._accounts is not None:
            await self._accounts.update(_CHAINLOOP, profile, {_COPY: path})

    async def taken_over_from(self, path: str) -> tuple[str, ...]:
        """The profiles whose login was taken over from this file."""
        return tuple([name for name in await self._profiles() if await self.copy_in(name) == path])

    # ── the organization in use ──

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
        if self._accounts is None:
            return False
        known = await self._accounts.facts(_CHAINLOOP, profile)
        if known.get(_ENDPOINT, endpoint) != endpoint:
            return False
        facts = {
            _ORGANIZATION: organization.name,
            _ORGANIZATION_ID: organization.id,
            _ENDPOINT: endpoint,
        }
        await self._accounts.update(_CHAINLOOP, profile, facts)
        return True

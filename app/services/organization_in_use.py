"""The organization that each Chainloop profile works in: kept on this machine, not at the server.

The server has a current organization of its own for a person. Any other client may change that at any time,
so it is asked once, for a profile that has no organization yet, and never used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.domain.credentials import Provider
from app.domain.errors import LoopinError
from app.domain.request_context import OrganizationRef

if TYPE_CHECKING:
    from app.domain.ports import AccountStore

_CHAINLOOP = Provider.CHAINLOOP.value
_NAME, _ID, _ENDPOINT = "organization", "organization_id", "endpoint"


class OrganizationInUse:
    """Reads and writes it. What was read or written counts for the rest of the run.

    Without `accounts` nothing outlives the run.
    """

    def __init__(self, accounts: AccountStore | None = None) -> None:
        self._accounts = accounts
        self._known: dict[tuple[str, str], OrganizationRef] = {}

    async def read(self, profile: str, endpoint: str) -> OrganizationRef | None:
        """The organization of a profile at an endpoint; None when it has none yet.

        What is stored belongs to the endpoint of the profile's login. A file that cannot be read counts as
        empty.
        """
        key = profile, endpoint
        if key in self._known:
            return self._known[key]
        if self._accounts is None:
            return None
        try:
            facts = await self._accounts.facts(_CHAINLOOP, profile)
        except LoopinError:
            return None
        if not facts.get(_NAME) or facts.get(_ENDPOINT, endpoint) != endpoint:
            return None
        return self._known.setdefault(key, OrganizationRef(facts[_NAME], facts.get(_ID, "")))

    def use(self, profile: str, endpoint: str, organization: OrganizationRef) -> None:
        """Use it for the rest of the run; nothing is stored."""
        self._known[profile, endpoint] = organization

    async def write(self, profile: str, endpoint: str, organization: OrganizationRef) -> bool:
        """Use it, and store it with the profile, unless the profile's login belongs to another endpoint.

        Return whether it is stored; raise LoopinError when it could not be.
        """
        self.use(profile, endpoint, organization)
        if self._accounts is None:
            return False
        known = await self._accounts.facts(_CHAINLOOP, profile)
        if known.get(_ENDPOINT, endpoint) != endpoint:
            return False
        facts = {_NAME: organization.name, _ID: organization.id, _ENDPOINT: endpoint}
        await self._accounts.update(_CHAINLOOP, profile, facts)
        return True

    def forget(self, profile: str) -> None:
        """Read it again the next time: the login of the profile is another one, or gone."""
        self._known = {key: value for key, value in self._known.items() if key[0] != profile}

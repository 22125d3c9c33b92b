"""Read-only mode, enforced: whatever asks for a change, nothing is sent."""

from collections.abc import Sequence

from app.domain.errors import ReadOnly
from app.domain.login import EndedThere
from app.domain.organizations import Context, Membership, Organization
from app.domain.ports import Gateway
from app.domain.server_info import ServerInfo
from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft

HINT = "start without --read-only or LOOPIN_READ_ONLY, and see read_only in config.toml"


def check(why: str) -> None:
    """Raise ReadOnly when there is a reason."""
    if why:
        raise ReadOnly(f"nothing was changed: {why}", hint=HINT)


class ReadOnlyGateway:
    """A control plane that can only be looked at: every call that changes something raises ReadOnly."""

    def __init__(self, inner: Gateway, why: str) -> None:
        self._inner = inner
        self._why = why

    async def server_info(self) -> ServerInfo:
        """As the server says."""
        return await self._inner.server_info()

    async def current(self) -> Context:
        """As the server says."""
        return await self._inner.current()

    async def memberships(self) -> Sequence[Membership]:
        """As the server says."""
        return await self._inner.memberships()

    async def list_tokens(
        self, status: StatusFilter, scope: ScopeFilter = ScopeFilter.ANY, project: str = ""
    ) -> Sequence[APIToken]:
        """As the server says."""
        return await self._inner.list_tokens(status, scope, project)

    async def probe(self) -> None:
        """As the server says."""
        await self._inner.probe()

    async def select_membership(self, membership_id: str) -> Membership:
        """The server remembers which organization is the current one."""
        raise self._refusal()

    async def create_organization(self, name: str) -> Organization:
        """A change."""
        raise self._refusal()

    async def set_threshold(self, organization: str, days: int) -> Organization:
        """A change."""
        raise self._refusal()

    async def create_token(self, draft: TokenDraft) -> CreatedToken:
        """A change."""
        raise self._refusal()

    async def revoke_token(self, token_id: str) -> None:
        """A change."""
        raise self._refusal()

    async def sign_out(self, *, everywhere: bool = False) -> EndedThere | None:
        """A change: the session is gone on every machine that has it."""
        raise self._refusal()

    def _refusal(self) -> ReadOnly:
        return ReadOnly(f"nothing was changed: {self._why}", hint=HINT)

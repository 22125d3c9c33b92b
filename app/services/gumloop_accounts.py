"""What is remembered of a Gumloop login beside the keychain: nothing secret, and only for that login.

The vendor's command may replace the login behind our back, so every fact is tied to the access token or
key it was learnt with by a short fingerprint; under another one the facts do not count.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from app.domain.credentials import Provider
from app.domain.errors import LoopinError
from app.domain.gumloop import stored_endpoint

if TYPE_CHECKING:
    from app.domain.credentials import Endpoint
    from app.domain.ports import AccountStore
    from app.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class GumloopFacts:
    """`expires_at` is the access token's end, None when the server never told it."""

    endpoint: str = ""
    method: str = ""
    identity: str = ""
    organization: str = ""
    expires_at: datetime | None = None
    team_id: str = ""
    team_name: str = ""


class GumloopMemory:
    """Reads and writes the facts of a profile. What cannot be read counts as not known."""

    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts

    async def recall(self, profile: str, secret: Secret) -> GumloopFacts:
        """The facts learnt with `secret`, else empty ones."""
        try:
            stored = await self._accounts.facts(Provider.GUMLOOP.value, profile)
        except LoopinError:
            return GumloopFacts()
        if stored.get("fingerprint") != fingerprint(secret):
            return GumloopFacts()
        return GumloopFacts(
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
            stored = await self._accounts.facts(Provider.GUMLOOP.value, profile)
        except LoopinError:
            return None
        return stored_endpoint(stored["endpoint"]) if stored.get("endpoint") else None

    async def remember(self, profile: str, secret: Secret, facts: GumloopFacts) -> None:
        """Replace all facts of the profile; raise LoopinError when they cannot be written."""
        values = {
            "fingerprint": fingerprint(secret),
            "endpoint": facts.endpoint,
            "method": facts.method,
            "identity": facts.identity,
            "organization": facts.organization,
            "expires_at": facts.expires_at.isoformat() if facts.expires_at else "",
            "team_id": facts.team_id,
            "team_name": facts.team_name,
        }
        await self._accounts.remember(Provider.GUMLOOP.value, profile, values)

    async def profiles(self) -> tuple[str, ...]:
        """Every profile that was ever stored here."""
        return tuple(await self._accounts.profiles(Provider.GUMLOOP.value))

    async def forget(self, profile: str) -> None:
        """Forget the profile."""
        await self._accounts.forget(Provider.GUMLOOP.value, profile)


def fingerprint(secret: Secret) -> str:
    """Eight hexadecimal digits: enough to see that it is another one, far too few to find it by."""
    return hashlib.sha256(b"loopin " + secret.reveal().encode()).hexdigest()[:8]


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None

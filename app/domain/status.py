"""What the Accounts screen and `loopin status` show of one provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from app.domain.credentials import Candidate, Method, Provider, Source
    from app.domain.errors import LoopinError
    from app.domain.organizations import Identity
    from app.domain.request_context import RequestContext
    from app.domain.vendor_login import VendorLogin


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """What a probe of the keychain found: `label` is its real name ("GNOME Keyring").

    `error` None means that it can be used. `may_ask` means that the first use may show a prompt.
    """

    label: str
    error: LoopinError | None = None
    may_ask: bool = False


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """One provider, one profile, as it is now.

    `signed_in` means that a credential is in effect; `identity` is None until the server was asked,
    `error` says why asking failed (offline, revoked). `stored_in` is empty when nothing is stored.
    `renews` means that the session is renewed by itself, so that `expires_at` is not its end.
    `team_name` is empty where only the id is known. `context` is where `identity` was read, at Chainloop.
    `vendor_login` is stored in plain text in the file of Chainloop's command line, not in the keychain;
    `copy_in` is that file where it has a copy of the login in effect.
    """

    provider: Provider
    profile: str
    signed_in: bool
    method: Method | None
    source: Source | None
    endpoint: str
    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...] = ()
    identity: Identity | None = None
    team_id: str = ""
    expires_at: datetime | None = None
    stored_in: str = ""
    error: LoopinError | None = None
    renews: bool = False
    team_name: str = ""
    context: RequestContext | None = None
    vendor_login: VendorLogin | None = None
    copy_in: str = ""

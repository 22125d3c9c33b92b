"""What every screen needs of the app around it. The app makes one and hands it to each screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.domain.credentials import Provider
from app.domain.read_only import ReadOnlyMode

if TYPE_CHECKING:
    # The first frame waits for none of these values.
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from textual.signal import Signal

    from app.domain.credentials import Method
    from app.domain.organizations import Identity
    from app.domain.ports import Clock
    from app.domain.status import ProviderStatus


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """The sample sign-in of the demo, shown on the sign-in screens.

    `samples` is what a form may be filled with, by method and field.
    """

    email: str
    password: str
    samples: Mapping[Method, Mapping[str, str]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is signed in, as far as is known.

    `statuses` is empty until the sources were looked at; `asked` says that the servers were asked
    too, and `as_of` when.
    """

    statuses: tuple[ProviderStatus, ...] = ()
    asked: bool = False
    as_of: datetime | None = None

    def of(self, provider: Provider) -> ProviderStatus | None:
        """The status of one provider, once it is known."""
        return next((status for status in self.statuses if status.provider is provider), None)

    @property
    def identity(self) -> Identity | None:
        """Who acts at Chainloop, once the server was asked."""
        status = self.of(Provider.CHAINLOOP)
        return status.identity if status else None

    @property
    def signed_in_anywhere(self) -> bool:
        """True when a credential is in effect at any provider."""
        return any(status.signed_in for status in self.statuses)


@dataclass(slots=True)
class Frame:
    """The app as its screens see it.

    `account_changed` is published after a sign-in, a sign-out and a switch of the organization: what
    a screen shows is then of somebody else. `presence_changed` carries what is known of the accounts;
    `look` asks for them again. `read_only` says which profiles may change nothing. `keys` holds remapped
    keys by command id.
    """

    clock: Clock
    account_changed: Signal[None]
    presence_changed: Signal[Presence]
    look: Callable[[], object]
    presence: Presence = field(default_factory=Presence)
    keys: Mapping[str, str] = field(default_factory=dict)
    demo: DemoLogin | None = None
    read_only: ReadOnlyMode = field(default_factory=ReadOnlyMode)

    def why_read_only(self) -> str:
        """Say why nothing may be changed at Chainloop; empty when it may."""
        status = self.presence.of(Provider.CHAINLOOP)
        return self.read_only.why(status.profile if status else "")

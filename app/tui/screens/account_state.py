"""What the screens know of the account in use and of the app around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.domain.credentials import Provider
from app.domain.read_only import ReadOnlyMode

if TYPE_CHECKING:
    # Not imported before the first frame.
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from textual.signal import Signal

    from app.domain.credentials import Method
    from app.domain.login import SignedIn
    from app.domain.organizations import Identity
    from app.domain.ports import Clock
    from app.domain.status import ProviderStatus


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """The sample sign-in of the demo. `samples` fills the sign-in forms, by method and field."""

    email: str
    password: str
    samples: Mapping[Method, Mapping[str, str]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class AccountState:
    """Who is signed in; a reactive attribute of the app and of each `BaseScreen`.

    `statuses` is empty until the credential sources have been read; `asked` says that the servers have
    answered too, and `as_of` when.
    """

    statuses: tuple[ProviderStatus, ...] = ()
    asked: bool = False
    as_of: datetime | None = None

    def of(self, provider: Provider) -> ProviderStatus | None:
        """The status of one provider, once it is known."""
        return next((status for status in self.statuses if status.provider is provider), None)

    @property
    def identity(self) -> Identity | None:
        """The identity at Chainloop, once the server has answered."""
        status = self.of(Provider.CHAINLOOP)
        return status.identity if status else None

    @property
    def signed_in_anywhere(self) -> bool:
        """Whether a credential is in effect at any provider."""
        return any(status.signed_in for status in self.statuses)


@dataclass(slots=True)
class AppContext:
    """What each screen gets from the app.

    `account_changed` is published after a sign-in, a sign-out and a switch of the organization: the data on a
    screen then belongs to another account. `refresh_account_state` reads the accounts again; `on_signed_in`
    is called with the result of each sign-in. `keys` holds remapped keys by command id.
    """

    clock: Clock
    account_changed: Signal[None]
    refresh_account_state: Callable[[], object]
    on_signed_in: Callable[[SignedIn], None]
    keys: Mapping[str, str] = field(default_factory=dict)
    demo: DemoLogin | None = None
    read_only: ReadOnlyMode = field(default_factory=ReadOnlyMode)

    def why_read_only(self, state: AccountState) -> str:
        """Why nothing may be changed at Chainloop; empty when it may."""
        status = state.of(Provider.CHAINLOOP)
        return self.read_only.why(status.profile if status else "")

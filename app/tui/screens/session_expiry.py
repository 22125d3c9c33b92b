"""Notifies the user before a session ends and when it has ended, with the key that signs in again."""

from datetime import timedelta

from textual.app import App

from app.domain.credentials import Provider
from app.domain.errors import SessionEnded
from app.tui.screens.account_state import AccountState, AppContext
from app.tui.screens.messages import error_sentence, sign_in_key
from widgets.top_bar import WARNING_AT

_CHECK_SECONDS = 20.0
_NOTICE_SECONDS = 20


class SessionExpiry:
    """Each notice comes once a session. A Chainloop session expires; a Gumloop session is renewed."""

    def __init__(self, app: App[int], app_context: AppContext) -> None:
        self._app = app
        self._app_context = app_context
        self._state = AccountState()
        self._notified: set[object] = set()
        """Providers whose session has ended, and times at which one is about to."""
        self._ended: list[Provider] = []
        """Providers whose stored login needs a new sign-in, the latest last."""

    def start(self) -> None:
        """Check from now on; the app must be mounted."""
        self._app.set_interval(_CHECK_SECONDS, self.check)

    def update(self, state: AccountState) -> None:
        """Use what is known of the accounts now."""
        self._state = state
        for status in state.statuses:
            if isinstance(status.error, SessionEnded):
                if status.provider not in self._ended:
                    self.notify_ended(status.error, status.provider)
            elif status.identity is not None:
                # A session that works may end again, and is notified again then.
                self._notified.discard(status.provider)
                self._ended = [provider for provider in self._ended if provider is not status.provider]
        self.check()

    def check(self) -> None:
        """Notify the user when the session is about to end."""
        identity = self._state.identity
        if identity is None or identity.expires_at is None or identity.person is None or identity.is_token:
            return
        left = identity.expires_at - self._app_context.clock.now()
        if left > WARNING_AT or identity.expires_at in self._notified:
            return
        self._notified.add(identity.expires_at)
        if left > timedelta(0):
            minutes = max(1, round(left.total_seconds() / 60))
            self._notify(Provider.CHAINLOOP, f"ends in {minutes} minute{'s' * (minutes != 1)}")

    def notify_ended(self, error: SessionEnded, provider: Provider | None = None) -> None:
        """Notify the user that a server refused the credential; a new sign-in renews only a stored login."""
        provider = error.provider or provider
        if provider is None:
            return
        if error.stored:
            self._ended = [*(other for other in self._ended if other is not provider), provider]
        if provider in self._notified:
            return
        self._notified.add(provider)
        if error.stored:
            self._notify(provider, "has ended")
        else:
            self._app.notify(
                error_sentence(error, sign_in_key(self._app)),
                title=provider.title,
                severity="warning",
                timeout=_NOTICE_SECONDS,
                markup=False,
            )

    def provider_to_renew(self) -> Provider | None:
        """The provider whose session needs a new sign-in, if one does: of several, the latest."""
        if self._ended:
            return self._ended[-1]
        identity = self._state.identity
        return Provider.CHAINLOOP if identity and identity.expires_at in self._notified else None

    def _notify(self, provider: Provider, what: str) -> None:
        key = sign_in_key(self._app)
        hint = f"Press {key} to sign in again; you come back to this screen."
        words = f"The {provider.title} session {what}. {hint}"
        self._app.notify(words, title="Session", severity="warning", timeout=_NOTICE_SECONDS, markup=False)

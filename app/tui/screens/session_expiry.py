"""Watches the person's session: tells before it ends, and when it has ended, with the key that mends it."""

from datetime import timedelta

from textual.app import App

from app.domain.credentials import Provider
from app.domain.errors import SessionEnded
from app.tui.commands.bindings import shown_key
from app.tui.commands.registry import by_id
from app.tui.screens.account_state import Frame, Presence
from app.tui.screens.messages import sentence, sign_in_key
from widgets.top_bar import WARNING_AT

EVERY = 20.0


class SessionWatch:
    """Each warning comes once a session. Chainloop's ends by itself; Gumloop's renews itself."""

    def __init__(self, app: App[int], frame: Frame) -> None:
        self._app = app
        self._frame = frame
        self._told: set[object] = set()
        self._over: list[Provider] = []

    def start(self) -> None:
        """Watch from now on; the app must be mounted."""
        self._frame.presence_changed.subscribe(self._app, self._looked)
        self._app.set_interval(EVERY, self.check)

    def _looked(self, presence: Presence) -> None:
        for status in presence.statuses:
            if isinstance(status.error, SessionEnded):
                if status.provider not in self._over:
                    self.over(status.error, status.provider)
            elif status.identity is not None:
                # A session that works now may end again, and is told again then.
                self._told.discard(status.provider)
                self._over = [provider for provider in self._over if provider is not status.provider]
        self.check()

    def check(self) -> None:
        """Tell when the session is about to end."""
        identity = self._frame.presence.identity
        if identity is None or identity.expires_at is None or identity.person is None or identity.is_token:
            return
        left = identity.expires_at - self._frame.clock.now()
        if left > WARNING_AT or identity.expires_at in self._told:
            return
        self._told.add(identity.expires_at)
        if left > timedelta(0):
            minutes = max(1, round(left.total_seconds() / 60))
            words = f"ends in {minutes} minute{'s' * (minutes != 1)}"
            self._say(Provider.CHAINLOOP, words, timeout=20)

    def over(self, error: SessionEnded, provider: Provider | None = None) -> None:
        """A server does not accept the credential any more. Only a stored login is due for a sign-in."""
        provider = error.provider or provider
        if provider is None:
            return
        if error.stored:
            self._over = [*(other for other in self._over if other is not provider), provider]
        if provider in self._told:
            return
        self._told.add(provider)
        if error.stored:
            self._say(provider, "has ended", timeout=20)
        else:
            self._app.notify(
                sentence(error, sign_in_key(self._app)),
                title=provider.title,
                severity="warning",
                timeout=20,
                markup=False,
            )

    def due(self) -> Provider | None:
        """The provider whose session needs a new sign-in, if one does: of several, the one told last."""
        if self._over:
            return self._over[-1]
        identity = self._frame.presence.identity
        return Provider.CHAINLOOP if identity and identity.expires_at in self._told else None

    def _say(self, provider: Provider, what: str, *, timeout: float) -> None:
        key = shown_key(by_id("app.sign_in"), self._frame.keys)
        way = f"Press {key} to sign in again; you come back to this screen."
        words = f"The {provider.title} session {what}. {way}"
        self._app.notify(words, title="Session", severity="warning", timeout=timeout, markup=False)

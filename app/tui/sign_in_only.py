"""What the app is opened for when it is to do one thing only: sign in to a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.domain.credentials import Provider
from app.domain.errors import Cancelled

if TYPE_CHECKING:
    from app.domain.login import LoginStep, SignedIn

_LOGINS = {f"login:{provider.value}": provider for provider in Provider}


class Errand:
    """`screen` as for `app.tui.app.run`; without a sign-in in it nothing is ever missed."""

    def __init__(self, screen: str) -> None:
        self.provider = _LOGINS.get(screen)
        self._done: SignedIn | None = None

    def watch(self, step: LoginStep) -> None:
        """Look at each step of each sign-in."""
        if step.result is not None and step.result.provider is self.provider:
            self._done = step.result

    @property
    def words(self) -> str:
        """How it was done, in one sentence; empty as long as it was not."""
        return self._done.words if self._done is not None else ""

    def check(self) -> None:
        """Raise Cancelled when the app was left before it was done."""
        if self.provider is not None and self._done is None:
            raise Cancelled(f"cancelled: nobody signed in to {self.provider.title}")

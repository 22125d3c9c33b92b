"""The app on in-memory adapters, for tests of screens: a clock that stands still, a control plane in a
dictionary, a keychain in a dictionary."""

import contextlib
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.bootstrap import Container
from app.domain.claims import USER_AUDIENCE
from app.domain.credentials import ChainloopTarget, Method
from app.domain.gumloop import GumloopLogin
from app.domain.secret import Secret
from app.services.accounts import GumloopAccount
from app.services.stored_logins import (
    ChainloopVault,
    StoredLogin,
)
from app.settings import Settings
from app.tui.app import LoopinApp
from tests.support.fake_control_plane import FakeControlPlane, FakeGateways
from tests.support.fake_desktop import (
    FakeBrowser,
    FakeCallback,
    FakeClipboard,
    FakeClock,
    FakeListeners,
    FakeVault,
)
from tests.support.fake_gumloop import ACCESS, REFRESH, FakeGumloop, FreeLocks
from tests.support.memory import (
    MemoryAccounts,
    MemoryActivity,
    MemoryKnown,
    MemoryPreferences,
    MemoryVendorLogins,
)
from tests.support.sample import CI_TOKEN, ENDPOINT, NOW, USER_TOKEN

__all__ = [
    "CI_TOKEN",
    "ENDPOINT",
    "NOW",
    "USER_TOKEN",
    "FakeCallback",
    "FakeClipboard",
    "FakeContainer",
    "FakeControlPlane",
    "FakeDemo",
    "FakeVault",
    "app",
    "claims_of",
    "container",
    "finish",
    "settings",
]


@dataclass(frozen=True)
class FakeDemo:
    """A demo whose sweep revokes nothing."""

    email: str = "ada@acme.example"
    password: str = "demo-password-not-real"

    @property
    def samples(self) -> Mapping[Method, Mapping[str, str]]:
        """A key, and a token that the sample control plane takes."""
        user = "11111111-0000-4000-8000-000000000001"
        return {
            Method.API_KEY: {"key": "gum_demo_not_a_real_key", "user": user},
            Method.API_TOKEN: {"token": CI_TOKEN.reveal()},
        }

    async def sweep(self) -> int:
        """Nothing to do."""
        return 0


def claims_of(token: Secret) -> Mapping[str, Any]:
    """What the sample tokens say of themselves."""
    if token == CI_TOKEN:
        return {
            "aud": ["api-token-auth.chainloop"],
            "jti": "ci",
            "org_name": "acme",
            "token_name": "ci-release",
        }
    if token.reveal().startswith("not-a-real-session"):
        return {"aud": [USER_AUDIENCE], "exp": int((NOW + timedelta(hours=23, minutes=12)).timestamp())}
    return {}


class FakeContainer(Container):
    """The real services on the fakes above; every fake is an attribute that a test can reach."""

    def __init__(self, settings: Settings, *, signed_in: bool) -> None:
        self.plane = FakeControlPlane()
        self.fake_vault = FakeVault()
        self.fake_clock = FakeClock()
        self.fake_browser = FakeBrowser()
        self.fake_listeners = FakeListeners()
        self.fake_accounts = MemoryAccounts()
        self.fake_activity = MemoryActivity()
        self.vendor = MemoryVendorLogins()
        self.gumloop = FakeGumloop()
        self.fake_preferences = MemoryPreferences()
        self.fake_clipboard = FakeClipboard()
        super().__init__(
            settings,
            clock=self.fake_clock,
            vault=self.fake_vault,
            browser=self.fake_browser,
            listeners=self.fake_listeners,
            gateways=FakeGateways(self.plane),
            gumloop_apis=self.gumloop,
            gumloop_oauth=self.gumloop,
            locks=FreeLocks(),
            accounts=self.fake_accounts,
            activity=self.fake_activity,
            known_tokens=MemoryKnown(),
            preferences=self.fake_preferences,
            clipboard=self.fake_clipboard,
            browser_obstacle="",
            vendor_logins=self.vendor,
            claims=claims_of,
        )
        self._given = {*vars(self), "_given"}
        if signed_in:
            self.store(USER_TOKEN)

    def start_again(self) -> None:
        """Forget the services, as another process would have others; what is stored stays."""
        for name in vars(self).keys() - self._given:
            delattr(self, name)

    def store(self, secret: Secret, method: Method = Method.BROWSER) -> None:
        """Put a login into the keychain, and its organization beside it."""
        facts = {"endpoint": ENDPOINT.address, "organization": "acme", "organization_id": "id-acme"}
        finish(self.accounts.update("chainloop", "default", facts))
        finish(ChainloopVault(self.fake_vault).write("default", StoredLogin(secret, method, ENDPOINT)))

    def store_gumloop(self, *, lives: timedelta = timedelta(hours=1)) -> None:
        """Put a Gumloop login into the keychain whose access token ends after so long."""
        login = GumloopLogin(Method.OAUTH, ACCESS, self.settings.gumloop.default, "", REFRESH)
        finish(self._gumloop_vault.write("default", login))
        facts = GumloopAccount(login.endpoint.address, login.method.value, expires_at=NOW + lives)
        finish(self._gumloop_accounts.write("default", ACCESS, facts))


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits, also inside a running loop."""
    with contextlib.suppress(StopIteration):
        work.send(None)


def settings(
    *, keys: Mapping[str, str] | None = None, environment: Secret | None = None, theme: str = "loopin-dark"
) -> Settings:
    """Client-side settings that touch no folder."""
    return Settings(
        config_dir=Path("/nowhere/config"),
        state_dir=Path("/nowhere/state"),
        theme=theme,
        near_days=14,
        keychain_timeout=1.0,
        request_timeout=1.0,
        chainloop=ChainloopTarget(default=ENDPOINT, environment=environment),
        chainloop_max_recv=2**25,
        keys=dict(keys or {}),
    )


def container(*, signed_in: bool = True, **given: Any) -> FakeContainer:
    """A container on the fakes; `given` goes to `settings`."""
    return FakeContainer(settings(**given), signed_in=signed_in)


def app(
    box: FakeContainer | None = None, *, screen: str = "accounts", demo: FakeDemo | None = None
) -> LoopinApp:
    """The app on the fakes."""
    return LoopinApp(box or container(), screen=screen, demo=demo)

"""The adapters of one run: the half of the composition root that touches the world.

Everything is made on first use, and its module imported then.
"""

from __future__ import annotations

import os
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Self

from app import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.domain.keyless import CIIdentities
    from app.domain.ports import (
        AccountStore,
        ActivityStore,
        Browser,
        Claims,
        Clipboard,
        Clock,
        FilterStore,
        Gateways,
        GumloopAPIs,
        GumloopOAuth,
        KnownTokens,
        Listeners,
        Preferences,
        PrivateFiles,
        ProcessLock,
        Vault,
    )
    from app.domain.vendor_login import VendorLogins
    from app.settings import Settings

AGENT = f"loopin/{__version__}"
"""How Loopin names itself to a Gumloop server."""


_AFTER_THE_BROWSER = ("concurrent.futures.thread", "filelock.asyncio", "tempfile", "tomli_w")


def load_ahead(*more: str) -> None:
    """Import what a sign-in takes once the browser has answered: somebody waits for it then."""
    for name in (*_AFTER_THE_BROWSER, *more):
        import_module(name)


class Adapters:
    """Adapters of one run.

    `headless` replaces adapters: tests and the demo bring their own clock, vault and browser.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notify: Callable[[str], None] = lambda _: None
        """Tells a person a sentence that a service has for them; the command line and the app set it."""

    @classmethod
    def headless(
        cls,
        settings: Settings,
        *,
        clock: Clock | None = None,
        vault: Vault | None = None,
        browser: Browser | None = None,
        gateways: Gateways | None = None,
        listeners: Listeners | None = None,
        ci_identity: CIIdentities | None = None,
    ) -> Self:
        """A container in which the given adapters stand in for the real ones."""
        container = cls(settings)
        given = {
            "clock": clock,
            "vault": vault,
            "browser": browser,
            "gateways": gateways,
            "listeners": listeners,
            "ci_identity": ci_identity,
        }
        # A value in the instance's dictionary is what cached_property would have put there.
        container.__dict__.update({name: adapter for name, adapter in given.items() if adapter is not None})
        return container

    async def aclose(self) -> None:
        """Close what was opened; a browser still gets its last page, which takes a moment at most."""
        if "listeners" in self.__dict__:
            await self.listeners.aclose()
        if "gateways" in self.__dict__:
            await self.gateways.aclose()
        if "gumloop_apis" in self.__dict__:
            await self.gumloop_apis.aclose()

    # ── adapters ──

    @cached_property
    def clock(self) -> Clock:
        from app.adapters.system.clock import SystemClock

        return SystemClock()

    @cached_property
    def vault(self) -> Vault:
        from app.adapters.keychain.keychain import KeychainVault

        return KeychainVault(timeout=self.settings.keychain_timeout)

    @cached_property
    def browser(self) -> Browser:
        from app.adapters.system.browser import SystemBrowser

        return SystemBrowser()

    @cached_property
    def listeners(self) -> Listeners:
        from app.adapters.http.callback_server import LoopbackListeners

        return LoopbackListeners()

    @cached_property
    def gateways(self) -> Gateways:
        from app.adapters.chainloop.late import LateChainloopGateways

        return LateChainloopGateways(
            max_receive=self.settings.chainloop_max_recv, timeout=self.settings.request_timeout
        )

    @cached_property
    def gumloop_apis(self) -> GumloopAPIs:
        from app.adapters.gumloop.late import LateGumloopAPIs

        return LateGumloopAPIs(timeout=self.settings.request_timeout, agent=AGENT)

    @cached_property
    def gumloop_oauth(self) -> GumloopOAuth:
        from app.adapters.gumloop.late import LateGumloopOAuth

        return LateGumloopOAuth(timeout=self.settings.request_timeout, agent=AGENT)

    @cached_property
    def locks(self) -> ProcessLock:
        from app.adapters.system.process_lock import FileLocks

        # Longer than a holder may take: one exchange with the server, and the keychain.
        return FileLocks(
            self.settings.state_dir / "locks",
            patience=2 * (self.settings.request_timeout + self.settings.keychain_timeout),
        )

    @cached_property
    def claims(self) -> Claims:
        from app.oidc.claims import read_claims

        return read_claims

    @cached_property
    def accounts(self) -> AccountStore:
        from app.adapters.storage.accounts import TomlAccounts

        return TomlAccounts(self.settings.config_dir / "accounts.toml")

    @cached_property
    def activity(self) -> ActivityStore:
        from app.adapters.storage.activity import JsonLinesActivity

        return JsonLinesActivity(self.settings.state_dir / "activity.jsonl")

    @cached_property
    def known_tokens(self) -> KnownTokens:
        from app.adapters.storage.known_tokens import KnownTokenFiles

        return KnownTokenFiles(self.settings.state_dir / "known-tokens")

    @cached_property
    def browser_obstacle(self) -> str:
        """Why no page can be opened here ("this is an SSH session"); empty when nothing speaks against it."""
        from app.adapters.system.browser import obstacle

        return obstacle()

    @cached_property
    def ci_identity(self) -> CIIdentities:
        from app.adapters.system.ci_identity import CIEnvironment

        return CIEnvironment(os.environ, self.clock)

    @property
    def outside_ci(self) -> bool:
        """True where no CI system has left its mark: most runs need not look for an identity."""
        from app.domain.ci import ci_system

        given = "ci_identity" in self.__dict__
        return not given and ci_system(os.environ) is None

    @cached_property
    def vendor_logins(self) -> VendorLogins:
        """What Chainloop's own command line keeps; the demo looks at nothing of the person's."""
        from app.adapters.chainloop.vendor_login import VendorLoginFile, default_path

        return VendorLoginFile(self.claims, None if self.settings.demo else default_path())

    @cached_property
    def clipboard(self) -> Clipboard:
        from app.adapters.system.clipboard import LocalClipboard

        return LocalClipboard()

    @cached_property
    def preferences(self) -> Preferences:
        from app.adapters.storage.preferences import TomlPreferences

        return TomlPreferences(self.settings.config_dir / "config.toml")

    @cached_property
    def filters(self) -> FilterStore:
        from app.adapters.storage.saved_filters import TomlFilters

        return TomlFilters(self.settings.config_dir / "config.toml")

    @cached_property
    def private_files(self) -> PrivateFiles:
        from app.adapters.storage.private_files import NewPrivateFiles

        return NewPrivateFiles()

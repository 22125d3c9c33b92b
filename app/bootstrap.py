"""The composition root: builds the adapters and the services of one run from its settings.

Each is built, and its module imported, on first use: the first frame waits for none of them.
"""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict, TypeVar

from app import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

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
    from app.domain.redact import Redactor
    from app.domain.vendor_login import VendorLogins
    from app.services.accounts import GumloopAccounts
    from app.services.activity import ActivityLog
    from app.services.chainloop_session import ChainloopSession
    from app.services.changes import Changes
    from app.services.clipboard import ClipboardService
    from app.services.doctor import Doctor
    from app.services.export import ExportService
    from app.services.gumloop_refresh import GumloopRefresh
    from app.services.gumloop_session import GumloopSession
    from app.services.interrupted import InterruptedChanges
    from app.services.login.chainloop import ChainloopLoginStore
    from app.services.login.chainloop_browser import ChainloopBrowserSignIn
    from app.services.login.chainloop_import import ChainloopImport
    from app.services.login.chainloop_keyless import KeylessSignIn
    from app.services.login.gumloop import GumloopLoginStore
    from app.services.login.gumloop_browser import GumloopBrowserSignIn
    from app.services.organizations import OrganizationService
    from app.services.profiles import ProfileService
    from app.services.revocation import RevocationService
    from app.services.rotation import RotationService
    from app.services.run import RunEnvironment
    from app.services.saved_filters import SavedFilters
    from app.services.sign_out import ChainloopSignOut, GumloopSignOut
    from app.services.status import GumloopStatus, StatusService
    from app.services.stored_logins import GumloopVault
    from app.services.teams import TeamService
    from app.services.threshold import ThresholdService
    from app.services.token_creation import TokenCreationService
    from app.services.token_storage import TokenStorage
    from app.services.tokens import TokenService
    from app.services.vanished import VanishedTokens
    from app.services.vendor_login import VendorCopies
    from app.settings import Settings


T = TypeVar("T")
USER_AGENT = f"loopin/{__version__}"


class Adapters(TypedDict, total=False):
    """What may stand in for an adapter, by the name of its attribute of Container."""

    accounts: AccountStore
    activity: ActivityStore
    browser: Browser
    browser_obstacle: str
    ci_identity: CIIdentities
    claims: Claims
    clipboard: Clipboard
    clock: Clock
    filters: FilterStore
    gateways: Gateways
    gumloop_apis: GumloopAPIs
    gumloop_oauth: GumloopOAuth
    known_tokens: KnownTokens
    listeners: Listeners
    locks: ProcessLock
    preferences: Preferences
    private_files: PrivateFiles
    vault: Vault
    vendor_logins: VendorLogins


class Container:
    """The adapters and services of one run. A keyword argument replaces the adapter of that name."""

    def __init__(self, settings: Settings, **adapters: Unpack[Adapters]) -> None:
        self.settings = settings
        self.notify: Callable[[str], None] = lambda _: None
        """Shows a person a sentence from a service; the command line and the app set it."""
        self.terminal_clipboard: Clipboard | None = None
        """The terminal's own; the app sets it."""
        self._importing = threading.Lock()
        self._redactor: Redactor | None = None
        for name, adapter in adapters.items():
            # A cached_property may be assigned.
            setattr(self, name, adapter)

    def redactor(self) -> Redactor:
        """Return a redactor that learns what comes in from here on; call it before any service is built."""
        from app.adapters.redaction import LearningActivity, LearningCIIdentities
        from app.domain.redact import Redactor

        self._redactor = Redactor()
        self.activity = LearningActivity(self.activity, self._redactor)
        if not self.outside_ci:
            self.ci_identity = LearningCIIdentities(self.ci_identity, self._redactor)
        return self._redactor

    async def aclose(self) -> None:
        """Close what was opened; a browser still gets its last page, which takes a moment at most."""
        if "listeners" in vars(self):
            await self.listeners.aclose()
        if "gateways" in vars(self):
            await self.gateways.aclose()
        if "gumloop_apis" in vars(self):
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
        from app.adapters.chainloop.client import ChainloopClients

        return ChainloopClients(
            max_receive=self.settings.chainloop_max_recv, timeout=self.settings.request_timeout
        )

    @cached_property
    def gumloop_apis(self) -> GumloopAPIs:
        from app.adapters.gumloop.client import GumloopClients

        return GumloopClients(timeout=self.settings.request_timeout, user_agent=USER_AGENT)

    @cached_property
    def gumloop_oauth(self) -> GumloopOAuth:
        from app.adapters.gumloop.oauth import AuthlibGumloopOAuth

        return AuthlibGumloopOAuth(timeout=self.settings.request_timeout, user_agent=USER_AGENT)

    # Importing gRPC takes 130 ms, httpx and Authlib 60 ms each: services do it with the first request, in a
    # thread, so that the screen goes on.

    async def load_gateways(self) -> Gateways:
        """`gateways`, imported in a thread."""
        gateways = await self._load("gateways", lambda: self.gateways)
        if self._redactor is None:
            return gateways
        from app.adapters.redaction import LearningGateways

        return LearningGateways(gateways, self._redactor)

    async def load_gumloop_apis(self) -> GumloopAPIs:
        """`gumloop_apis`, imported in a thread."""
        apis = await self._load("gumloop_apis", lambda: self.gumloop_apis)
        if self._redactor is None:
            return apis
        from app.adapters.redaction import LearningGumloopAPIs

        return LearningGumloopAPIs(apis, self._redactor)

    async def load_gumloop_oauth(self) -> GumloopOAuth:
        """`gumloop_oauth`, imported in a thread."""
        return await self._load("gumloop_oauth", lambda: self.gumloop_oauth)

    async def _load(self, name: str, build: Callable[[], T]) -> T:
        if name in vars(self):
            return build()
        return await asyncio.to_thread(self._build_once, build)

    def _build_once(self, build: Callable[[], T]) -> T:
        with self._importing:
            return build()

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
        from app.domain.claims import read_claims

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

        return "ci_identity" not in vars(self) and ci_system(os.environ) is None

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
        from app.adapters.storage.preferences import ConfigFile

        return ConfigFile(self.settings.config_dir / "config.toml")

    @cached_property
    def filters(self) -> FilterStore:
        from app.adapters.storage.preferences import ConfigFile

        return ConfigFile(self.settings.config_dir / "config.toml")

    @cached_property
    def private_files(self) -> PrivateFiles:
        from app.adapters.storage.files import PrivateFileWriter

        return PrivateFileWriter()

    # ── services ──

    @cached_property
    def changes(self) -> Changes:
        from app.services.changes import Changes

        return Changes()

    @cached_property
    def doctor(self) -> Doctor:
        from app.adapters.system.diagnostics import NetworkProbe, ThisMachine
        from app.services.doctor import Doctor
        from app.services.doctor_network import NetworkChecks
        from app.settings import TABLE

        folders = (self.settings.config_dir, self.settings.state_dir)
        seconds = min(self.settings.request_timeout, 10)
        network = NetworkProbe(self.clock, timeout=seconds, user_agent=USER_AGENT)
        return Doctor(
            ThisMachine(folders, __version__),
            self.vault,
            self.listeners,
            NetworkChecks(network, self.load_gateways, self.clock),
            self.gumloop_session,
            self.chainloop_session,
            self.clock,
            frozenset(row.variable for row in TABLE.values()),
            self.vendor_copies,
        )

    @cached_property
    def chainloop_session(self) -> ChainloopSession:
        from app.services.accounts import ChainloopAccounts
        from app.services.chainloop_session import ChainloopSession

        # The demo is nobody's CI job, even where it runs in one.
        ci = None if self.settings.demo or self.outside_ci else self.ci_identity
        return ChainloopSession(
            self.settings.chainloop,
            self.vault,
            self.load_gateways,
            self.claims,
            ci,
            ChainloopAccounts(self.accounts),
            lambda words: self.notify(words),
        )

    @cached_property
    def gumloop_session(self) -> GumloopSession:
        from app.services.gumloop_session import GumloopSession

        return GumloopSession(
            self.settings.gumloop,
            self.load_gumloop_apis,
            self._gumloop_refresh,
            self._gumloop_accounts,
            self.clock,
        )

    @cached_property
    def activity_log(self) -> ActivityLog:
        from app.services.activity import ActivityLog

        return ActivityLog(
            self.activity, self.clock, _is_running, lambda text: self.notify(text), self.accounts
        )

    @cached_property
    def status(self) -> StatusService:
        from app.services.status import ChainloopStatus, StatusService

        chainloop = ChainloopStatus(self.chainloop_session, self.vault, self.vendor_copies)
        return StatusService(self.gumloop_status, chainloop)

    @cached_property
    def tokens(self) -> TokenService:
        from app.services.tokens import TokenService

        return TokenService(
            self.chainloop_session,
            self.activity_log,
            self.clock,
            timedelta(days=self.settings.near_days),
        )

    @cached_property
    def vanished_tokens(self) -> VanishedTokens:
        from app.services.vanished import VanishedTokens

        return VanishedTokens(self.known_tokens, self.tokens, self.activity_log)

    @cached_property
    def interrupted(self) -> InterruptedChanges:
        from app.services.interrupted import InterruptedChanges

        return InterruptedChanges(
            self.activity_log,
            self.tokens,
            self.token_creation,
            self.revocation,
            self.changes,
        )

    @cached_property
    def token_creation(self) -> TokenCreationService:
        from app.services.token_creation import TokenCreationService

        return TokenCreationService(self.chainloop_session, self.activity_log, self.changes, self.clock)

    @cached_property
    def revocation(self) -> RevocationService:
        from app.services.revocation import RevocationService

        return RevocationService(self.chainloop_session, self.activity_log, self.changes)

    @cached_property
    def rotation(self) -> RotationService:
        from app.services.rotation import RotationService

        return RotationService(
            self.chainloop_session,
            self.token_creation,
            self.revocation,
            self.activity_log,
            self.changes,
            self.clock,
        )

    @cached_property
    def token_storage(self) -> TokenStorage:
        from app.services.token_storage import TokenStorage

        return TokenStorage(
            self.chainloop_session,
            self.vault,
            self.private_files,
            self.accounts,
            self.activity_log,
        )

    @cached_property
    def saved_filters(self) -> SavedFilters:
        from app.services.saved_filters import SavedFilters

        return SavedFilters(self.filters)

    @cached_property
    def clipboard_service(self) -> ClipboardService:
        from app.services.clipboard import ClipboardService

        # The local tools first: they know whether it worked.
        clipboards = (self.clipboard, self.terminal_clipboard)
        return ClipboardService([one for one in clipboards if one is not None])

    @cached_property
    def export(self) -> ExportService:
        from app.services.export import ExportService

        return ExportService(self.private_files)

    @cached_property
    def organizations(self) -> OrganizationService:
        from app.services.organizations import OrganizationService

        return OrganizationService(self.chainloop_session, self.activity_log)

    @cached_property
    def profiles(self) -> ProfileService:
        from app.services.profiles import ProfileService

        return ProfileService(self.accounts, self.gumloop_session, self.chainloop_session)

    @cached_property
    def threshold(self) -> ThresholdService:
        from app.services.threshold import ThresholdService

        return ThresholdService(self.chainloop_session, self.activity_log, self.tokens)

    @cached_property
    def chainloop_sign_out(self) -> ChainloopSignOut:
        from app.services.sign_out import ChainloopSignOut

        return ChainloopSignOut(
            self.chainloop_session,
            self.vault,
            self.accounts,
            self.activity_log,
            self.changes,
            self.clock,
            self.vendor_copies,
        )

    def chainloop_browser_sign_in(self) -> ChainloopBrowserSignIn:
        """A new sign-in in the browser; used once."""
        import app.domain.organizations  # noqa: F401 - as below
        from app.services.login.chainloop_browser import ChainloopBrowserSignIn

        _import_writers()
        return ChainloopBrowserSignIn(
            self.chainloop_login_store, self.load_gateways, self.listeners, self.browser, self.clock
        )

    @cached_property
    def keyless(self) -> KeylessSignIn:
        from app.services.login.chainloop_keyless import KeylessSignIn

        return KeylessSignIn(self.chainloop_session, self.ci_identity, self.activity_log, self.clock)

    def chainloop_import(self) -> ChainloopImport:
        """A new import of the login of Chainloop's own command line; used once."""
        from app.services.login.chainloop_import import ChainloopImport

        return ChainloopImport(
            self.chainloop_session,
            self.vault,
            self.activity_log,
            self.changes,
            self.clock,
            self.vendor_logins,
        )

    @cached_property
    def vendor_copies(self) -> VendorCopies:
        from app.services.vendor_login import VendorCopies

        return VendorCopies(self.vendor_logins, self.chainloop_session.accounts, self.vault, self.clock)

    @cached_property
    def chainloop_login_store(self) -> ChainloopLoginStore:
        from app.services.login.chainloop import ChainloopLoginStore

        return ChainloopLoginStore(
            self.chainloop_session, self.vault, self.activity_log, self.changes, self.clock
        )

    @cached_property
    def gumloop_status(self) -> GumloopStatus:
        from app.services.status import GumloopStatus

        return GumloopStatus(self.gumloop_session, self.vault)

    @cached_property
    def gumloop_sign_out(self) -> GumloopSignOut:
        from app.services.sign_out import GumloopSignOut

        return GumloopSignOut(
            self.gumloop_session,
            self._gumloop_vault,
            self.load_gumloop_oauth,
            self.locks,
            self._gumloop_accounts,
            self.activity_log,
            self.changes,
        )

    @cached_property
    def run_environment(self) -> RunEnvironment:
        from app.services.run import RunEnvironment

        return RunEnvironment(self.gumloop_session, self.chainloop_session, self.clock)

    @cached_property
    def teams(self) -> TeamService:
        from app.services.teams import TeamService

        return TeamService(self.gumloop_session, self._gumloop_accounts, self.activity_log)

    def gumloop_browser_sign_in(self) -> GumloopBrowserSignIn:
        """A new sign-in in the browser; used once."""
        import app.adapters.gumloop.client  # noqa: F401 - as below
        from app.services.login.gumloop_browser import GumloopBrowserSignIn

        _import_writers()
        return GumloopBrowserSignIn(
            self.gumloop_login_store, self.gumloop_oauth, self.listeners, self.browser, self.clock
        )

    @cached_property
    def gumloop_login_store(self) -> GumloopLoginStore:
        from app.services.login.gumloop import GumloopLoginStore

        return GumloopLoginStore(
            self.gumloop_session,
            self.vault,
            self.load_gumloop_apis,
            self.load_gumloop_oauth,
            self.locks,
            self._gumloop_accounts,
            self.activity_log,
            self.changes,
            self.clock,
        )

    @cached_property
    def _gumloop_refresh(self) -> GumloopRefresh:
        from app.services.gumloop_refresh import GumloopRefresh

        return GumloopRefresh(
            self._gumloop_vault,
            self.load_gumloop_oauth,
            self.locks,
            self._gumloop_accounts,
            self.clock,
            self.changes,
        )

    @cached_property
    def _gumloop_accounts(self) -> GumloopAccounts:
        from app.services.accounts import GumloopAccounts

        return GumloopAccounts(self.accounts)

    @cached_property
    def _gumloop_vault(self) -> GumloopVault:
        from app.services.stored_logins import GumloopVault

        return GumloopVault(self.vault, self.settings.gumloop.default)


def _is_running(pid: int) -> bool:
    # Imports psutil; only an interrupted operation asks.
    from app.adapters.system.processes import is_running

    return is_running(pid)


def _import_writers() -> None:
    """Import what stores a login, before the browser opens: somebody waits when it has answered."""
    import concurrent.futures.thread  # noqa: F401
    import tempfile  # noqa: F401

    import filelock.asyncio  # noqa: F401
    import tomlkit  # noqa: F401

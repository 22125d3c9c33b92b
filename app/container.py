"""The composition root: the only place that names concrete client-side classes.

Everything is made on first use, so that the first frame waits for none of it.
"""

import os
from functools import cached_property
from typing import TYPE_CHECKING

from app import __version__
from app.domain.keyless import CIIdentities
from app.domain.ports import (
    AccountStore,
    ActivityStore,
    Browser,
    Claims,
    Clipboard,
    Clock,
    Gateways,
    GumloopAPIs,
    GumloopOAuth,
    Listeners,
    Preferences,
    ProcessLock,
    TokenFiles,
    Vault,
)
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession
from app.services.gumloop_facts import GumloopMemory
from app.services.gumloop_refresh import GumloopRefresh
from app.services.gumloop_session import GumloopSession
from app.services.gumloop_sign_out import GumloopSignOut
from app.services.gumloop_status import GumloopStatus
from app.services.gumloop_teams import ChooseTeam, ListTeams
from app.services.gumloop_vault import GumloopVault
from app.services.export_tokens import ExportTokens
from app.services.keep_token import SaveTokenAsProfile, WriteTokenFile
from app.services.keyless import InspectKeyless, KeylessLogin
from app.services.login.chainloop import ChainloopSaver
from app.services.login.chainloop_browser import ChainloopBrowserLogin
from app.services.login.chainloop_token import ChainloopTokenLogin
from app.services.login.gumloop import GumloopSaver
from app.services.login.gumloop_key import GumloopKeyLogin
from app.services.login.gumloop_oauth import GumloopOAuthLogin
from app.services.login.gumloop_token import GumloopTokenLogin
from app.services.organizations import (
    DescribeOrganization,
    ListOrganizations,
    SwitchOrganization,
    UpdateThreshold,
)
from app.services.revoke_tokens import RevokeTokens
from app.services.rotate_token import RotateToken
from app.services.run_environment import RunEnvironment
from app.services.sign_out import ChainloopSignOut
from app.services.status import ChainloopStatus, Overview
from app.services.tokens import CreateToken, ListTokens
from app.settings import TABLE, Settings

if TYPE_CHECKING:
    from app.services.doctor import Doctor

AGENT = f"loopin/{__version__}"
"""How Loopin names itself to a Gumloop server."""


class Container:
    """Adapters and services of one run.

    `headless` replaces adapters: tests and the demo bring their own clock, vault and browser.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

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
    ) -> "Container":
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
        from app.clients.clock import SystemClock

        return SystemClock()

    @cached_property
    def vault(self) -> Vault:
        from app.vault.keychain import KeychainVault

        return KeychainVault(timeout=self.settings.keychain_timeout)

    @cached_property
    def browser(self) -> Browser:
        from app.clients.browser import SystemBrowser

        return SystemBrowser()

    @cached_property
    def listeners(self) -> Listeners:
        from app.clients.listener import LoopbackListeners

        return LoopbackListeners()

    @cached_property
    def gateways(self) -> Gateways:
        from app.clients.chainloop import ChainloopGateways

        return ChainloopGateways(
            max_receive=self.settings.chainloop_max_recv, timeout=self.settings.request_timeout
        )

    @cached_property
    def gumloop_apis(self) -> GumloopAPIs:
        from app.clients.gumloop import HttpGumloopAPIs

        return HttpGumloopAPIs(timeout=self.settings.request_timeout, agent=AGENT)

    @cached_property
    def gumloop_oauth(self) -> GumloopOAuth:
        from app.clients.gumloop_oauth import AuthlibGumloopOAuth

        return AuthlibGumloopOAuth(timeout=self.settings.request_timeout, agent=AGENT)

    @cached_property
    def locks(self) -> ProcessLock:
        from app.clients.process_lock import FileLocks

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
        from app.store.accounts import TomlAccounts

        return TomlAccounts(self.settings.config_dir / "accounts.toml")

    @cached_property
    def activity(self) -> ActivityStore:
        from app.store.activity import JsonLinesActivity

        return JsonLinesActivity(self.settings.state_dir / "activity.jsonl")

    @cached_property
    def browser_obstacle(self) -> str:
        """Why no page can be opened here ("this is an SSH session"); empty when nothing speaks against it."""
        from app.clients.browser import obstacle

        return obstacle()

    @cached_property
    def ci_identity(self) -> CIIdentities:
        from app.clients.ci_identity import CIEnvironment

        return CIEnvironment(os.environ, self.clock)

    @cached_property
    def clipboard(self) -> Clipboard:
        from app.clients.clipboard import LocalClipboard

        return LocalClipboard()

    @cached_property
    def preferences(self) -> Preferences:
        from app.store.preferences import TomlPreferences

        return TomlPreferences(self.settings.config_dir / "config.toml")

    @cached_property
    def token_files(self) -> TokenFiles:
        from app.vault.token_file import PrivateFiles

        return PrivateFiles()

    # ── services ──

    @cached_property
    def doctor(self) -> "Doctor":
        from app.clients.machine import ThisMachine
        from app.clients.probe_net import NetProbe
        from app.services.doctor import Doctor
        from app.services.doctor_network import NetworkChecks

        folders = (self.settings.config_dir, self.settings.state_dir)
        seconds = min(self.settings.request_timeout, 10)
        network = NetProbe(self.clock, timeout=seconds, agent=AGENT)
        return Doctor(
            ThisMachine(folders, __version__),
            self.vault,
            self.listeners,
            NetworkChecks(network, self.gateways, self.clock),
            self.gumloop_session,
            self.session,
            self.clock,
            frozenset(row.variable for row in TABLE.values()),
        )

    @cached_property
    def session(self) -> ChainloopSession:
        # The demo is nobody's CI job, even where it runs in one.
        ci = None if self.settings.demo else self.ci_identity
        return ChainloopSession(self.settings.chainloop, self.vault, self.gateways, self.claims, ci)

    @cached_property
    def gumloop_session(self) -> GumloopSession:
        return GumloopSession(
            self.settings.gumloop, self.gumloop_apis, self._gumloop_refresh, self._gumloop_memory, self.clock
        )

    @cached_property
    def trail(self) -> Trail:
        return Trail(self.activity, self.clock)

    @cached_property
    def overview(self) -> Overview:
        return Overview(
            [
                self.gumloop_status,
                ChainloopStatus(self.session, self.vault),
            ]
        )

    @cached_property
    def list_tokens(self) -> ListTokens:
        return ListTokens(self.session, self.clock)

    @cached_property
    def create_token(self) -> CreateToken:
        return CreateToken(self.session, self.trail)

    @cached_property
    def revoke_tokens(self) -> RevokeTokens:
        return RevokeTokens(self.session, self.trail)

    @cached_property
    def rotate_token(self) -> RotateToken:
        return RotateToken(self.session, self.create_token, self.revoke_tokens, self.trail, self.clock)

    @cached_property
    def save_token_as_profile(self) -> SaveTokenAsProfile:
        return SaveTokenAsProfile(self.session, self.vault, self.accounts, self.trail)

    @cached_property
    def export_tokens(self) -> ExportTokens:
        return ExportTokens(self.token_files)

    @cached_property
    def write_token_file(self) -> WriteTokenFile:
        return WriteTokenFile(self.token_files)

    @cached_property
    def describe_organization(self) -> DescribeOrganization:
        return DescribeOrganization(self.session)

    @cached_property
    def list_organizations(self) -> ListOrganizations:
        return ListOrganizations(self.session)

    @cached_property
    def switch_organization(self) -> SwitchOrganization:
        return SwitchOrganization(self.session, self.trail)

    @cached_property
    def update_threshold(self) -> UpdateThreshold:
        return UpdateThreshold(self.session, self.trail)

    @cached_property
    def chainloop_sign_out(self) -> ChainloopSignOut:
        return ChainloopSignOut(self.session, self.vault, self.gateways, self.accounts, self.trail)

    def chainloop_browser_login(self) -> ChainloopBrowserLogin:
        """A new browser sign-in; each can be run once."""
        return ChainloopBrowserLogin(self._saver, self.gateways, self.listeners, self.browser, self.clock)

    def keyless_login(self) -> KeylessLogin:
        """A new sign-in as the CI job around us; nothing is stored."""
        return KeylessLogin(self.session, self.ci_identity, self.trail, self.clock)

    @cached_property
    def inspect_keyless(self) -> InspectKeyless:
        return InspectKeyless(self.ci_identity)

    def chainloop_token_login(self) -> ChainloopTokenLogin:
        """A new sign-in with a pasted token."""
        return ChainloopTokenLogin(self._saver, self.clock)

    @cached_property
    def _saver(self) -> ChainloopSaver:
        return ChainloopSaver(self.session, self.vault, self.accounts, self.trail)

    @cached_property
    def gumloop_status(self) -> GumloopStatus:
        return GumloopStatus(self.gumloop_session, self.vault)

    @cached_property
    def gumloop_sign_out(self) -> GumloopSignOut:
        return GumloopSignOut(
            self.gumloop_session,
            self._gumloop_vault,
            self.gumloop_oauth,
            self.locks,
            self._gumloop_memory,
            self.trail,
        )

    @cached_property
    def run_environment(self) -> RunEnvironment:
        return RunEnvironment(self.gumloop_session, self.session)

    @cached_property
    def list_teams(self) -> ListTeams:
        return ListTeams(self.gumloop_session)

    @cached_property
    def choose_team(self) -> ChooseTeam:
        return ChooseTeam(self.gumloop_session, self._gumloop_memory, self.trail)

    def gumloop_oauth_login(self) -> GumloopOAuthLogin:
        """A new browser sign-in to Gumloop; each can be run once."""
        return GumloopOAuthLogin(
            self._gumloop_saver, self.gumloop_oauth, self.listeners, self.browser, self.clock
        )

    def gumloop_key_login(self) -> GumloopKeyLogin:
        """A new sign-in with an API key and a user ID."""
        return GumloopKeyLogin(self._gumloop_saver, self.clock)

    def gumloop_token_login(self) -> GumloopTokenLogin:
        """A new sign-in with a pasted access token."""
        return GumloopTokenLogin(self._gumloop_saver, self.clock)

    @cached_property
    def _gumloop_saver(self) -> GumloopSaver:
        return GumloopSaver(
            self.gumloop_session, self.vault, self.gumloop_apis, self.locks, self._gumloop_memory, self.trail
        )

    @cached_property
    def _gumloop_refresh(self) -> GumloopRefresh:
        return GumloopRefresh(
            self._gumloop_vault, self.gumloop_oauth, self.locks, self._gumloop_memory, self.clock
        )

    @cached_property
    def _gumloop_memory(self) -> GumloopMemory:
        return GumloopMemory(self.accounts)

    @cached_property
    def _gumloop_vault(self) -> GumloopVault:
        return GumloopVault(self.vault, self.settings.gumloop.default)

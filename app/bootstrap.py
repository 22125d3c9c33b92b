"""The composition root: it names, with `app.bootstrap_adapters`, the concrete classes of the client.

Everything is made on first use, and its module imported then, so that the first frame waits for none of it.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from app import __version__
from app.bootstrap_adapters import AGENT, Adapters, load_ahead
from app.domain.credentials import Provider

if TYPE_CHECKING:
    from app.services.activity import Trail
    from app.services.ask_server import AskServer
    from app.services.chainloop_session import ChainloopSession
    from app.services.chainloop_sign_out import ChainloopSignOut
    from app.services.changes import Changes
    from app.services.check_tokens import CheckTokens
    from app.services.descendants import FindDescendants
    from app.services.doctor import Doctor
    from app.services.export_activity import ExportActivity
    from app.services.export_tokens import ExportTokens
    from app.services.find_tokens import FindTokens
    from app.services.gumloop_accounts import GumloopMemory
    from app.services.gumloop_refresh import GumloopRefresh
    from app.services.gumloop_session import GumloopSession
    from app.services.gumloop_sign_out import GumloopSignOut
    from app.services.gumloop_status import GumloopStatus
    from app.services.gumloop_teams import ChooseTeam, ListTeams
    from app.services.gumloop_vault import GumloopVault
    from app.services.interrupted import InterruptedWork
    from app.services.keyless import InspectKeyless
    from app.services.login.chainloop import ChainloopSaver
    from app.services.login.chainloop_browser import ChainloopBrowserLogin
    from app.services.login.chainloop_import import ChainloopImportLogin
    from app.services.login.chainloop_keyless import ChainloopKeylessLogin
    from app.services.login.chainloop_token import ChainloopTokenLogin
    from app.services.login.gumloop import GumloopSaver
    from app.services.login.gumloop_key import GumloopKeyLogin
    from app.services.login.gumloop_oauth import GumloopOAuthLogin
    from app.services.login.gumloop_token import GumloopTokenLogin
    from app.services.new_token import NewToken
    from app.services.open_dashboard import OpenDashboard
    from app.services.organizations import (
        CreateOrganization,
        DescribeOrganization,
        ListOrganizations,
        SwitchOrganization,
    )
    from app.services.preview import PreviewAutoRevoke
    from app.services.profiles import Profiles
    from app.services.revoke_tokens import RevokeTokens
    from app.services.rotate_token import RotateToken
    from app.services.run_environment import RunEnvironment
    from app.services.saved_filters import SavedFilters
    from app.services.status import Overview
    from app.services.threshold import UpdateThreshold
    from app.services.token_storage import SaveTokenAsProfile, WriteTokenFile
    from app.services.tokens import CreateToken, ListTokens
    from app.services.vanished import NoticeVanished
    from app.services.vendor_login import VendorCopies


class Container(Adapters):
    """The services of one run, on the adapters of `Adapters`."""

    # ── services ──

    @cached_property
    def changes(self) -> Changes:
        from app.services.changes import Changes

        return Changes()

    @cached_property
    def doctor(self) -> Doctor:
        from app.adapters.system.diagnostics import ThisMachine
        from app.adapters.system.network_probe import NetProbe
        from app.services.doctor import Doctor
        from app.services.doctor_network import NetworkChecks
        from app.settings import TABLE

        folders = (self.settings.config_dir, self.settings.state_dir)
        seconds = min(self.settings.request_timeout, 10)
        network = NetProbe(self.clock, timeout=seconds, agent=AGENT)
        return Doctor(
            ThisMachine(folders, __version__),
            self.vault,
            self.listeners,
            NetworkChecks(network, self.gateways, self.clock),
            self.gumloop_session,
            self.chainloop_session,
            self.clock,
            frozenset(row.variable for row in TABLE.values()),
            self.vendor_copies,
        )

    @cached_property
    def chainloop_session(self) -> ChainloopSession:
        from app.services.chainloop_accounts import ChainloopMemory
        from app.services.chainloop_session import ChainloopSession

        # The demo is nobody's CI job, even where it runs in one.
        ci = None if self.settings.demo or self.outside_ci else self.ci_identity
        return ChainloopSession(
            self.settings.chainloop,
            self.vault,
            self.gateways,
            self.claims,
            ci,
            ChainloopMemory(self.accounts),
            lambda words: self.notify(words),
        )

    @cached_property
    def gumloop_session(self) -> GumloopSession:
        from app.services.gumloop_session import GumloopSession

        return GumloopSession(
            self.settings.gumloop, self.gumloop_apis, self._gumloop_refresh, self._gumloop_memory, self.clock
        )

    @cached_property
    def trail(self) -> Trail:
        from app.adapters.system.processes import is_running
        from app.services.activity import Trail

        return Trail(self.activity, self.clock, is_running, lambda words: self.notify(words), self.accounts)

    @cached_property
    def overview(self) -> Overview:
        from app.services.status import ChainloopStatus, Overview

        chainloop = ChainloopStatus(self.chainloop_session, self.vault, self.vendor_copies)
        return Overview(self.gumloop_status, chainloop)

    @cached_property
    def list_tokens(self) -> ListTokens:
        from app.services.tokens import ListTokens

        return ListTokens(self.chainloop_session, self.clock)

    @cached_property
    def preview_auto_revoke(self) -> PreviewAutoRevoke:
        from app.services.preview import PreviewAutoRevoke

        return PreviewAutoRevoke(self.list_tokens)

    @cached_property
    def find_tokens(self) -> FindTokens:
        from app.services.find_tokens import FindTokens

        return FindTokens(self.list_tokens, timedelta(days=self.settings.near_days))

    @cached_property
    def check_tokens(self) -> CheckTokens:
        from app.services.check_tokens import CheckTokens

        return CheckTokens(self.list_tokens)

    @cached_property
    def notice_vanished(self) -> NoticeVanished:
        from app.services.vanished import NoticeVanished

        return NoticeVanished(self.known_tokens, self.list_tokens, self.trail)

    @cached_property
    def interrupted(self) -> InterruptedWork:
        from app.services.interrupted import InterruptedWork

        return InterruptedWork(self.trail, self.list_tokens)

    @cached_property
    def create_token(self) -> CreateToken:
        from app.services.tokens import CreateToken

        return CreateToken(self.chainloop_session, self.trail, self.changes, self.clock)

    @cached_property
    def new_token(self) -> NewToken:
        from app.services.new_token import NewToken

        return NewToken(self.create_token, self.revoke_tokens, self.trail, self.changes)

    @cached_property
    def revoke_tokens(self) -> RevokeTokens:
        from app.services.revoke_tokens import RevokeTokens

        return RevokeTokens(self.chainloop_session, self.trail, self.changes)

    @cached_property
    def find_descendants(self) -> FindDescendants:
        from app.services.descendants import FindDescendants

        return FindDescendants(self.list_tokens, self.trail, self.clock)

    @cached_property
    def rotate_token(self) -> RotateToken:
        from app.services.rotate_token import RotateToken

        return RotateToken(
            self.chainloop_session,
            self.create_token,
            self.revoke_tokens,
            self.trail,
            self.clock,
            self.changes,
        )

    @cached_property
    def save_token_as_profile(self) -> SaveTokenAsProfile:
        from app.services.token_storage import SaveTokenAsProfile

        return SaveTokenAsProfile(self.chainloop_session, self.vault, self.accounts, self.trail)

    @cached_property
    def saved_filters(self) -> SavedFilters:
        from app.services.saved_filters import SavedFilters

        return SavedFilters(self.filters)

    @cached_property
    def ask_server(self) -> AskServer:
        from app.services.ask_server import AskServer

        return AskServer(self.chainloop_session)

    @cached_property
    def open_dashboard(self) -> OpenDashboard:
        from app.services.open_dashboard import OpenDashboard

        return OpenDashboard(self.ask_server, self.browser)

    @cached_property
    def export_tokens(self) -> ExportTokens:
        from app.services.export_tokens import ExportTokens

        return ExportTokens(self.private_files)

    @cached_property
    def export_activity(self) -> ExportActivity:
        from app.services.export_activity import ExportActivity

        return ExportActivity(self.private_files)

    @cached_property
    def write_token_file(self) -> WriteTokenFile:
        from app.services.token_storage import WriteTokenFile

        return WriteTokenFile(self.private_files)

    @cached_property
    def describe_organization(self) -> DescribeOrganization:
        from app.services.organizations import DescribeOrganization

        return DescribeOrganization(self.chainloop_session)

    @cached_property
    def list_organizations(self) -> ListOrganizations:
        from app.services.organizations import ListOrganizations

        return ListOrganizations(self.chainloop_session)

    @cached_property
    def create_organization(self) -> CreateOrganization:
        from app.services.organizations import CreateOrganization

        return CreateOrganization(self.chainloop_session, self.trail)

    @cached_property
    def switch_organization(self) -> SwitchOrganization:
        from app.services.organizations import SwitchOrganization

        return SwitchOrganization(self.chainloop_session, self.trail)

    @cached_property
    def profiles(self) -> Profiles:
        from app.services.profiles import Profiles, choice_of

        choices = {
            Provider.GUMLOOP: choice_of(lambda: self.gumloop_session),
            Provider.CHAINLOOP: choice_of(lambda: self.chainloop_session),
        }
        return Profiles(self.accounts, choices)

    @cached_property
    def update_threshold(self) -> UpdateThreshold:
        from app.services.threshold import UpdateThreshold

        return UpdateThreshold(self.chainloop_session, self.trail, self.list_tokens)

    @cached_property
    def chainloop_sign_out(self) -> ChainloopSignOut:
        from app.services.chainloop_sign_out import ChainloopSignOut

        return ChainloopSignOut(
            self.chainloop_session,
            self.vault,
            self.accounts,
            self.trail,
            self.changes,
            self.clock,
            self.vendor_copies,
        )

    def chainloop_browser_login(self) -> ChainloopBrowserLogin:
        """A new browser sign-in; each can be run once."""
        from app.services.login.chainloop_browser import ChainloopBrowserLogin

        load_ahead("app.services.chainloop_identity")
        return ChainloopBrowserLogin(
            self.chainloop_saver, self.gateways, self.listeners, self.browser, self.clock
        )

    def chainloop_keyless_login(self) -> ChainloopKeylessLogin:
        """A new sign-in as the CI job around us; nothing is stored."""
        from app.services.login.chainloop_keyless import ChainloopKeylessLogin

        return ChainloopKeylessLogin(self.chainloop_session, self.ci_identity, self.trail, self.clock)

    @cached_property
    def inspect_keyless(self) -> InspectKeyless:
        from app.services.keyless import InspectKeyless

        return InspectKeyless(self.ci_identity)

    def chainloop_token_login(self) -> ChainloopTokenLogin:
        """A new sign-in with a pasted token."""
        from app.services.login.chainloop_token import ChainloopTokenLogin

        return ChainloopTokenLogin(self.chainloop_saver, self.clock)

    def chainloop_import_login(self) -> ChainloopImportLogin:
        """A new sign-in with the login of Chainloop's own command line."""
        from app.services.login.chainloop_import import ChainloopImportLogin, ChainloopImportSaver

        session = self.chainloop_session
        saver = ChainloopImportSaver(session, self.vault, self.trail, self.changes)
        return ChainloopImportLogin(saver, session, self.vendor_logins, self.clock)

    @cached_property
    def vendor_copies(self) -> VendorCopies:
        from app.services.vendor_login import VendorCopies

        return VendorCopies(self.vendor_logins, self.chainloop_session.memory, self.vault, self.clock)

    @cached_property
    def chainloop_saver(self) -> ChainloopSaver:
        from app.services.login.chainloop import ChainloopSaver

        return ChainloopSaver(self.chainloop_session, self.vault, self.trail, self.changes)

    @cached_property
    def gumloop_status(self) -> GumloopStatus:
        from app.services.gumloop_status import GumloopStatus

        return GumloopStatus(self.gumloop_session, self.vault)

    @cached_property
    def gumloop_sign_out(self) -> GumloopSignOut:
        from app.services.gumloop_sign_out import GumloopSignOut

        return GumloopSignOut(
            self.gumloop_session,
            self._gumloop_vault,
            self.gumloop_oauth,
            self.locks,
            self._gumloop_memory,
            self.trail,
            self.changes,
        )

    @cached_property
    def run_environment(self) -> RunEnvironment:
        from app.services.run_environment import RunEnvironment

        return RunEnvironment(self.gumloop_session, self.chainloop_session, self.clock)

    @cached_property
    def list_teams(self) -> ListTeams:
        from app.services.gumloop_teams import ListTeams

        return ListTeams(self.gumloop_session)

    @cached_property
    def choose_team(self) -> ChooseTeam:
        from app.services.gumloop_teams import ChooseTeam

        return ChooseTeam(self.gumloop_session, self._gumloop_memory, self.trail)

    def gumloop_oauth_login(self) -> GumloopOAuthLogin:
        """A new browser sign-in to Gumloop; each can be run once."""
        from app.services.login.gumloop_oauth import GumloopOAuthLogin

        load_ahead("app.adapters.gumloop.client")
        return GumloopOAuthLogin(
            self.gumloop_saver, self.gumloop_oauth, self.listeners, self.browser, self.clock
        )

    def gumloop_key_login(self) -> GumloopKeyLogin:
        """A new sign-in with an API key and a user ID."""
        from app.services.login.gumloop_key import GumloopKeyLogin

        return GumloopKeyLogin(self.gumloop_saver, self.clock)

    def gumloop_token_login(self) -> GumloopTokenLogin:
        """A new sign-in with a pasted access token."""
        from app.services.login.gumloop_token import GumloopTokenLogin

        return GumloopTokenLogin(self.gumloop_saver, self.clock)

    @cached_property
    def gumloop_saver(self) -> GumloopSaver:
        from app.services.login.gumloop import GumloopSaver

        return GumloopSaver(
            self.gumloop_session,
            self.vault,
            self.gumloop_apis,
            self.gumloop_oauth,
            self.locks,
            self._gumloop_memory,
            self.trail,
            self.changes,
        )

    @cached_property
    def _gumloop_refresh(self) -> GumloopRefresh:
        from app.services.gumloop_refresh import GumloopRefresh

        return GumloopRefresh(
            self._gumloop_vault,
            self.gumloop_oauth,
            self.locks,
            self._gumloop_memory,
            self.clock,
            self.changes,
        )

    @cached_property
    def _gumloop_memory(self) -> GumloopMemory:
        from app.services.gumloop_accounts import GumloopMemory

        return GumloopMemory(self.accounts)

    @cached_property
    def _gumloop_vault(self) -> GumloopVault:
        from app.services.gumloop_vault import GumloopVault

        return GumloopVault(self.vault, self.settings.gumloop.default)

"""The services of the Tokens screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.domain.ports import Browser
    from app.services.activity import ActivityLog
    from app.services.changes import Changes
    from app.services.clipboard import ClipboardService
    from app.services.export import ExportService
    from app.services.interrupted import InterruptedChanges
    from app.services.organizations import OrganizationService
    from app.services.revocation import RevocationService
    from app.services.rotation import RotationService
    from app.services.saved_filters import SavedFilters
    from app.services.threshold import ThresholdService
    from app.services.token_creation import TokenCreationService
    from app.services.token_storage import TokenStorage
    from app.services.tokens import TokenService
    from app.services.vanished import VanishedTokens
    from app.settings import Settings


class TokenServices(Protocol):
    """The services behind the screen and its dialogs: those of the container."""

    settings: Settings

    @property
    def activity_log(self) -> ActivityLog: ...
    @property
    def browser(self) -> Browser: ...
    @property
    def changes(self) -> Changes: ...
    @property
    def clipboard_service(self) -> ClipboardService: ...
    @property
    def export(self) -> ExportService: ...
    @property
    def interrupted(self) -> InterruptedChanges: ...
    @property
    def organizations(self) -> OrganizationService: ...
    @property
    def revocation(self) -> RevocationService: ...
    @property
    def rotation(self) -> RotationService: ...
    @property
    def saved_filters(self) -> SavedFilters: ...
    @property
    def threshold(self) -> ThresholdService: ...
    @property
    def token_creation(self) -> TokenCreationService: ...
    @property
    def token_storage(self) -> TokenStorage: ...
    @property
    def tokens(self) -> TokenService: ...
    @property
    def vanished_tokens(self) -> VanishedTokens: ...

"""The services of the Tokens screen, and one listing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.domain.token_index import Book
    from app.services.activity import Trail
    from app.services.ask_server import AskServer
    from app.services.changes import Changes
    from app.services.clipboard import CopyText
    from app.services.descendants import FindDescendants
    from app.services.export_tokens import ExportTokens
    from app.services.interrupted import InterruptedWork
    from app.services.new_token import NewToken
    from app.services.open_dashboard import OpenDashboard
    from app.services.revoke_tokens import RevokeTokens
    from app.services.rotate_token import RotateToken
    from app.services.saved_filters import SavedFilters
    from app.services.threshold import UpdateThreshold
    from app.services.token_storage import SaveTokenAsProfile, WriteTokenFile
    from app.services.tokens import Listing, ListTokens
    from app.services.vanished import NoticeVanished
    from app.settings import Settings


class TokenServices(Protocol):
    """The services behind the screen and its dialogs: those of the container."""

    settings: Settings

    @property
    def ask_server(self) -> AskServer: ...
    @property
    def changes(self) -> Changes: ...
    @property
    def copy_text(self) -> CopyText: ...
    @property
    def export_tokens(self) -> ExportTokens: ...
    @property
    def find_descendants(self) -> FindDescendants: ...
    @property
    def interrupted(self) -> InterruptedWork: ...
    @property
    def list_tokens(self) -> ListTokens: ...
    @property
    def new_token(self) -> NewToken: ...
    @property
    def notice_vanished(self) -> NoticeVanished: ...
    @property
    def open_dashboard(self) -> OpenDashboard: ...
    @property
    def revoke_tokens(self) -> RevokeTokens: ...
    @property
    def rotate_token(self) -> RotateToken: ...
    @property
    def save_token_as_profile(self) -> SaveTokenAsProfile: ...
    @property
    def saved_filters(self) -> SavedFilters: ...
    @property
    def trail(self) -> Trail: ...
    @property
    def update_threshold(self) -> UpdateThreshold: ...
    @property
    def write_token_file(self) -> WriteTokenFile: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that was read. `permissions` is true when the server tells what a token may do."""

    listing: Listing
    book: Book
    permissions: bool

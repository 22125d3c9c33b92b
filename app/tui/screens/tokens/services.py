"""What the Tokens screen works with: the use cases, and one listing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


@dataclass(frozen=True, slots=True)
class TokenWork:
    """The use cases behind the screen and its dialogs.

    `near_days` is what counts as near; `refresh_minutes` how often to list again, 0 = by hand alone.
    """

    list_tokens: ListTokens
    new_token: NewToken
    revoke_tokens: RevokeTokens
    descendants: FindDescendants
    rotate: RotateToken
    trail: Trail
    interrupted: InterruptedWork
    update_threshold: UpdateThreshold
    vanished: NoticeVanished
    save_profile: SaveTokenAsProfile
    write_file: WriteTokenFile
    copy: CopyText
    export: ExportTokens
    filters: SavedFilters
    server: AskServer
    dashboard: OpenDashboard
    changes: Changes
    near_days: int
    refresh_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that was read. `permissions` is true when the server tells what a token may do."""

    listing: Listing
    book: Book
    permissions: bool

"""What the Tokens screen works with: the use cases, and one listing."""

from dataclasses import dataclass

from textual.message import Message

from app.domain.listing import Book
from app.services.copying import CopyText
from app.services.export_tokens import ExportTokens
from app.services.keep_token import SaveTokenAsProfile, WriteTokenFile
from app.services.revoke_tokens import RevokeTokens
from app.services.rotate_token import RotateToken
from app.services.tokens import CreateToken, Listing, ListTokens


@dataclass(frozen=True, slots=True)
class TokenWork:
    """The use cases behind the screen and its dialogs. `near_days` is what counts as near."""

    list_tokens: ListTokens
    create_token: CreateToken
    revoke_tokens: RevokeTokens
    rotate: RotateToken
    save_profile: SaveTokenAsProfile
    write_file: WriteTokenFile
    copy: CopyText
    export: ExportTokens
    near_days: int


class Listed(Message):
    """The list was read."""

    def __init__(self, listing: Listing, book: Book) -> None:
        super().__init__()
        self.listing = listing
        self.book = book

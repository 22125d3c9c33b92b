"""Choose how to sign in."""

from app.commands.bindings import bindings_for
from app.commands.command import Room
from app.domain.credentials import Provider
from app.domain.ports import Vault
from app.screens.frame import Frame
from app.screens.login_offers import Offer
from app.screens.room import RoomScreen


class LoginScreen(RoomScreen):
    """Choose how to sign in."""

    ROOM = Room.LOGIN
    TAB = "app.accounts"
    BINDINGS = bindings_for(Room.LOGIN)

    def __init__(
        self, frame: Frame, offers: tuple[Offer, ...], *, vault: Vault, first: Provider | None, obstacle: str
    ) -> None:
        super().__init__(frame)

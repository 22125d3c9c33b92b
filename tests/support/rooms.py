"""The Tokens and the Auto-revoke room with the sample story."""

from app.main import LoopinApp
from app.screens.auto_revoke import AutoRevokeScreen
from app.screens.tokens import TokensScreen
from tests.support import app as fakes
from tests.support.pages.page import SIZE, TURNS
from tests.support.pages.rooms import TokensPage
from tests.support.sample_tokens import tokens

__all__ = ["SIZE", "TURNS", "Room", "stage", "story"]


def stage(box: fakes.FakeContainer | None = None, *, screen: str = "tokens", demo: bool = False) -> LoopinApp:
    """The app on the fakes, in one of the rooms."""
    return fakes.app(box or story(), screen=screen, demo=fakes.FakeDemo() if demo else None)


def story() -> fakes.FakeContainer:
    """Signed in as Ada, owner, with the sample tokens."""
    box = fakes.container()
    box.plane.tokens = list(tokens(fakes.NOW))
    return box


class Room(TokensPage):
    """Whichever of the two rooms is open."""

    KIND = (TokensScreen, AutoRevokeScreen)

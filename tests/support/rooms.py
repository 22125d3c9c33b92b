"""The Tokens and the Auto-revoke room with the sample story."""

from contextlib import AbstractAsyncContextManager

from app.main import LoopinApp
from tests.support import app as fakes
from tests.support.pages.page import SIZE, opened
from tests.support.pages.rooms import AutoRevokePage
from tests.support.pages.tokens import TokensPage
from tests.support.sample_tokens import tokens


def stage(box: fakes.FakeContainer | None = None, *, screen: str = "tokens", demo: bool = False) -> LoopinApp:
    """The app on the fakes, in one of the rooms."""
    return fakes.app(box or story(), screen=screen, demo=fakes.FakeDemo() if demo else None)


def story() -> fakes.FakeContainer:
    """Signed in as Ada, owner, with the sample tokens."""
    box = fakes.container()
    box.plane.tokens = list(tokens(fakes.NOW))
    return box


def at_tokens(
    box: fakes.FakeContainer | None = None, size: tuple[int, int] = SIZE
) -> AbstractAsyncContextManager[TokensPage]:
    """The Tokens room, as soon as it has read what it shows."""
    return opened(TokensPage, stage(box), size)


def at_threshold(
    box: fakes.FakeContainer | None = None, size: tuple[int, int] = SIZE, *, demo: bool = False
) -> AbstractAsyncContextManager[AutoRevokePage]:
    """The Auto-revoke room, as soon as it has read what it shows."""
    return opened(AutoRevokePage, stage(box, screen="auto_revoke", demo=demo), size)

"""The demo that plays itself: its captions, and what stands behind each of them."""

from typing import Any

from app.demo.tour.player import Caption, TourApp
from tests.support.pages.page import Page
from tests.support.pages.rooms import AutoRevokePage
from tests.support.pages.tokens import TokensPage
from widgets.histogram import Histogram
from widgets.signed_in_panel import SignedInPanel
from widgets.token_table import TokenTable


class TourPage(Page):
    """A tour under way."""

    async def ready(self) -> None:
        """Wait for its first caption."""
        await self.until(self.captions)

    async def played(self) -> None:
        """Watch it to the end."""
        app = self.app
        assert isinstance(app, TourApp)
        await self.until(lambda: app.tour is not None)
        assert app.tour is not None
        await app.tour.wait()

    def captions(self) -> list[str]:
        """The sentences above the screen on top."""
        return [str(caption.visual) for caption in self.screen.query(Caption)]

    def is_paused(self) -> bool:
        """True while it waits for a key."""
        return "any key goes on" in self.captions()[-1]

    def looks_at(self) -> Any:
        """What a caption is about: names of tokens; who falls, and what becomes of all; who signed in."""
        if self.screen.query(TokenTable):
            return set(TokensPage(self.pilot).names())
        if self.screen.query(Histogram):
            threshold = AutoRevokePage(self.pilot)
            return threshold.falling(), threshold.fates()
        if panels := self.screen.query(SignedInPanel):
            return panels.first().result
        return type(self.screen).__name__

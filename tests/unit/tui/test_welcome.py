"""The ways on from an empty house."""

from textual.app import App
from textual.widgets import Button

from app.tui.screens.accounts.welcome import Welcome


async def test_the_first_way_has_the_focus() -> None:
    app: App[None] = App()
    async with app.run_test():
        await app.mount(Welcome())
        assert isinstance(app.focused, Button)


async def test_it_may_go_while_it_comes() -> None:
    """As when somebody quits in that moment."""
    app: App[None] = App()
    async with app.run_test() as pilot:
        welcome = Welcome()
        app.mount(welcome)
        await welcome.remove()
        await pilot.pause()
        assert not app.query(Welcome)
